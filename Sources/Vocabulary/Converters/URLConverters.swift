import Samples
import Words

/// Converters for percent-encoded text (configuration.txt section 7.3.1, RFC 3986 section 2).
enum URLConverters {
    static let all: [Converter] = [
        Converter(
            "url_dec",
            "The text with percent-encoded bytes decoded; none when one is not valid. `+` is a space after a `?`, or"
                + " everywhere when the argument is not 0. A NUL ends the text.",
            example: "url_param(x),url_dec", takes: ArgumentSignature([.integer], required: 0), from: .str, to: .str
        ) { evaluation, arguments, sample in
            decode(&sample, evaluation.scratch, isForm: arguments.integer(0) != 0)
        },
        Converter(
            "url_enc", "The text with all but unreserved characters percent-encoded. The argument can be `query`.",
            example: "path,url_enc(query)", takes: ArgumentSignature([.string], required: 1), from: .str, to: .str,
            prepare: { values, _ throws(Complaint) in
                guard case .string(let text) = values.first, text.isEmpty || text.elementsEqual("query".utf8) else {
                    throw Complaint("Unexpected encode type. Allowed value is 'query'")
                }
                return nil
            }
        ) { evaluation, _, sample in encode(&sample, evaluation.scratch) },
    ]

    private static func decode(_ sample: inout Sample, _ scratch: ScratchArena, isForm: Bool) -> Bool {
        var text = scratch.text()
        let bytes = sample.bytes
        guard bytes.count < text.capacity else { return false }
        var plusIsSpace = isForm
        var index = 0
        while index < bytes.count, bytes[index] != 0 {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "+"): text.append(plusIsSpace ? UInt8(ascii: " ") : byte)
            case UInt8(ascii: "%"):
                guard index + 2 < bytes.count, let high = hexadecimalDigit(bytes[index + 1]),
                    let low = hexadecimalDigit(bytes[index + 2])
                else { return false }
                text.append(high << 4 | low)
                index += 2
            case UInt8(ascii: "?"):
                plusIsSpace = true
                text.append(byte)
            default: text.append(byte)
            }
            index += 1
        }
        text.finish(&sample)
        return true
    }

    private static func encode(_ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        var text = scratch.text()
        let bytes = sample.bytes
        // The last byte of a buffer stays free: plain characters beyond are dropped, an encoded one fails.
        let limit = text.capacity - 1
        for index in bytes.indices where text.count < limit {
            let byte = bytes[index]
            if isUnreserved(byte) {
                text.append(byte)
            } else {
                guard text.count + 3 < limit else { return false }
                text.append(UInt8(ascii: "%"))
                text.append(hexadecimal: byte)
            }
        }
        text.finish(&sample)
        return true
    }

    /// RFC 3986 section 2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: true
        default: false
        }
    }
}
