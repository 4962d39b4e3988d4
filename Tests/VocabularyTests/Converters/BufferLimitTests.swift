import Samples
import Testing

/// What converters do when their result does not fit a buffer of 16384 bytes. The texts double in a variable.
struct BufferLimitTests {
    /// An expression whose text has 16 times two to the power of `steps` bytes.
    static func text(doubled steps: Int) -> String {
        "str(0123456789abcdef)" + String(repeating: ",set-var(txn.t),concat(,txn.t)", count: steps)
    }

    static let values: [(steps: Int, converters: String, value: String?)] = [
        (9, "length", "8192"), (9, "hex,length", "16384"), (10, "length", "16383"), (10, "hex,length", nil),
        (7, "base2,length", "16384"), (8, "base2,length", nil), (9, "base64,length", "10924"),
        (10, "base64,length", nil),
        (10, "b64dec,length", nil), (10, "url_enc,length", "16383"), (10, "url_dec,length", "16383"),
        (9, "reverse,regsub(0,/,g),url_enc,length", "9216"), (10, "regsub(0,/,g),url_enc,length", nil),
        (9, "regsub(0,0000,g),length", "9728"), (10, "regsub(0,0000,g),length", "16384"),
        (9, "be2hex(:,1),length", "16382"), (9, "be2dec(:,1),length", "16382"), (9, "be2hex,length", "16384"),
        (10, "be2hex,length", nil), (10, "concat(x),length", "16383"), (10, "add_item(x,,y),length", "16383"),
        (10, "upper,length", "16383"), (10, "reverse,length", "16383"),
    ]

    @Test(arguments: values.indices)
    func gives(_ index: Int) throws {
        let row = Self.values[index]
        let found = try ConverterTable.value("\(Self.text(doubled: row.steps)),\(row.converters)")
        #expect(found == row.value, "\(row.converters) after \(row.steps) steps")
    }
}
