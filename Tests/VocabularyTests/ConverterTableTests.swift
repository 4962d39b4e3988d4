import Samples
import Testing

/// Converters on tables of inputs and values that a real HAProxy gave.
struct ConverterTableTests {
    @Test(arguments: ["json", "json_query", "digest", "cipher", "protobuf", "fix", "mqtt", "frames"])
    func valuesAreHAProxys(_ table: String) throws {
        let rows = try ConverterRow.table(table)
        #expect(rows.count > 20)
        for row in rows {
            // JSON is text.
            let type: SampleType = table.hasPrefix("json") ? .str : .bin
            let found = try ConverterBench(row.input, type: type).result(row.converters)
            #expect(found?.bytes == row.value, "\(row.description)")
        }
    }

    @Test(arguments: [
        ("json(foo)", "Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'"),
        ("json_query()", "json_path must not be empty"),
        ("json_query('$.a',float)", "output_type only supports \"int\" as argument"),
        ("protobuf(1,foo)", "Wrong protocol buffer type 'foo'"), ("ungrpc(1,)", "Wrong protocol buffer type ''"),
        ("digest(foo)", "algorithm must be a valid OpenSSL message digest name."),
        ("digest()", "algorithm must be a valid OpenSSL message digest name."),
        ("sha2(100)", "Unsupported number of bits: '100'"), ("fix_tag_value(foo)", "Unknown FIX tag name 'foo'"),
        ("fix_tag_value(0)", "Unknown FIX tag name '0'"), ("fix_tag_value()", "Unknown FIX tag name ''"),
        ("mqtt_field_value(foo,flags)", "Unknown MQTT type 'foo'"),
        ("mqtt_field_value(connect,foo)", "Unknown MQTT field name 'foo' for packet type 'connect'"),
        ("mqtt_field_value(pingreq,flags)", "Unknown MQTT field name 'flags' for packet type 'pingreq'"),
    ])
    func refusedArguments(_ converters: String, _ message: String) {
        let name = converters.prefix { $0 != "(" }
        #expect(ConverterBench([]).complaint(converters) == "invalid args in converter '\(name)' : \(message)")
    }

    @Test(arguments: [
        (18, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"), (0, "X509_V_OK"), (1, "X509_V_ERR_UNSPECIFIED"),
        (94, "X509_V_ERR_EC_KEY_EXPLICIT_PARAMS"), (999, "999"), (7_000_000_000, "7000000000"),
        (-1, "18446744073709551615"),
    ])
    func namesOfCertificateErrors(_ code: Int, _ name: String) throws {
        #expect(try Evaluator().text("int(\(code)),x509_v_err_str") == name)
    }

    /// Whatever bytes are escaped, what comes out between quotes is a JSON string that `json_query` reads.
    @Test func escapedBytesAreAlwaysJSON() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = RandomNumbers(seed: seed)
        for _ in 0..<300 {
            let bytes = (0..<Int(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            for mode in ["ascii", "utf8s", "utf8ps"] {
                let escaped = try #require(try ConverterBench(bytes, type: .str).result("json(\(mode))")).bytes
                #expect(escaped.allSatisfy { 0x20..<0x7f ~= $0 }, "seed \(seed): \(bytes)")
                let text = "[\"" + String(decoding: escaped, as: UTF8.self) + "\"]"
                let found = try ConverterBench(Array(text.utf8), type: .str).result("json_query('$')")?.bytes
                #expect(found == Array(text.utf8), "seed \(seed): \(bytes)")
            }
        }
    }
}
