import Samples

extension FuzzTarget {
    /// JSON paths and texts: the first line is the path. What is escaped is read back as it was.
    static let jsonQuery = FuzzTarget("json-query", "json_query: a path in the first line, a JSON text below") {
        input in
        let bytes = Array(copying: input)
        let parts = bytes.split(separator: 0x0a, maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(decoding: parts[0].filter { !"'\"\\".utf8.contains($0) && $0 != 0 }, as: UTF8.self)
        let json = parts.count > 1 ? Array(parts[1]) : bytes
        let bench = ConverterBench()
        for converters in ["json_query('\(path)')", "json_query('\(path)',int)"] {
            guard let program = ConverterBench.program(ifRight: converters) else { continue }
            switch bench.value(program, json) {
            case nil, .bool, .sint: break
            case .str(let text)?:
                promise(text.count <= max(json.count, 400), "\(text.count) bytes out of \(json.count)")
            case let other?: promise(false, "a value of type \(other.type)")
            }
        }
        // Text ends at a NUL, and an escaped text may be six times as long.
        guard json.count < 2_000, !json.contains(0), case .str(let escaped)? = bench.value(Self.escape, json) else {
            return
        }
        promise(escaped.allSatisfy { 0x20..<0x7f ~= $0 }, "a byte that JSON or a log would not take")
        let list = Array("[\"".utf8) + escaped + Array("\"]".utf8)
        promise(bench.value(Self.whole, list) == .str(list), "an escaped text that is no JSON")
    }

    private static let escape = ConverterBench.program("json(utf8ps)")
    private static let whole = ConverterBench.program("json_query('$')")

    /// Protocol Buffers messages, with and without the gRPC header.
    static let protobuf = FuzzTarget("protobuf", "protobuf and ungrpc: messages") { input in
        let bytes = Array(copying: input)
        let bench = ConverterBench()
        for program in Self.fields {
            if case .bin(let value)? = bench.value(program, bytes) {
                promise(value.count <= bytes.count, "a field that is longer than its message")
            }
        }
    }

    private static let fields = [
        "protobuf(1)", "protobuf(1.2.3)", "protobuf(2,sint64)", "protobuf(3,float)", "protobuf(4,double)",
        "protobuf(5,fixed32)", "ungrpc(1)", "ungrpc(6.2)", "ungrpc(1,int32)",
    ].map(ConverterBench.program)

    /// MQTT packets. Whatever follows a valid packet does not matter, and only valid packets have fields.
    static let mqtt = FuzzTarget("mqtt", "mqtt_is_valid and mqtt_field_value: packets") { input in
        let bytes = Array(copying: input)
        let bench = ConverterBench()
        let isValid = bench.value(Self.mqttIsValid, bytes) == .bool(true)
        for program in Self.mqttFields where bench.value(program, bytes) != nil {
            promise(isValid, "a field of a packet that is not valid")
        }
        if isValid {
            for count in 0..<min(bytes.count, 64) {
                promise(
                    bench.value(Self.mqttIsValid, Array(bytes.prefix(count))) != .bool(true) || count > 1,
                    "a valid packet of \(count) bytes")
            }
        }
    }

    private static let mqttIsValid = ConverterBench.program("mqtt_is_valid")
    private static let mqttFields = [
        "mqtt_field_value(connect,username)", "mqtt_field_value(connect,17)", "mqtt_field_value(connect,3)",
        "mqtt_field_value(connack,reason_code)", "mqtt_field_value(connack,18)",
    ].map(ConverterBench.program)

    /// FIX messages. What follows a valid message does not matter, and a part of one is never said to be invalid.
    static let fix = FuzzTarget("fix", "fix_is_valid and fix_tag_value: messages") { input in
        let bytes = Array(copying: input)
        let bench = ConverterBench()
        if let value = bench.value(Self.fixTag, bytes) {
            promise(value.byteCount > 0 && value.byteCount <= bytes.count, "a value of \(value.byteCount) bytes")
        }
        guard bytes.count < 2_000, bench.value(Self.fixIsValid, bytes) == .bool(true) else { return }
        promise(bench.value(Self.fixIsValid, bytes + [0x38]) == .bool(true), "what follows makes it invalid")
        var whole = false
        for count in 0..<bytes.count {
            let answer = bench.value(Self.fixIsValid, Array(bytes.prefix(count)))
            promise(answer != .bool(false), "invalid after \(count) of \(bytes.count) valid bytes")
            if whole { promise(answer == .bool(true), "what follows takes the message away") }
            whole = answer == .bool(true)
        }
    }

    private static let fixIsValid = ConverterBench.program("fix_is_valid")
    private static let fixTag = ConverterBench.program("fix_tag_value(56)")

    /// JSON Web Tokens: nothing that was not made with the key is verified or decrypted.
    static let jwt = FuzzTarget("jwt", "jwt_*: signed and encrypted tokens") { input in
        let bytes = Array(copying: input)
        let bench = ConverterBench()
        for program in Self.tokenQueries { _ = bench.value(program, bytes) }
        let verdict = bench.value(Self.tokenVerify, bytes)
        promise(
            verdict == nil || [0, 1, -3].contains { verdict == .sint($0) },
            "a verdict that no token has: \(String(describing: verdict))")
        if verdict == .sint(1) {
            promise(bytes.split(separator: 0x2e).count == 3, "a valid token that has not three parts")
        }
        for program in Self.tokenDecryptions {
            if case .bin(let content)? = bench.value(program, bytes) {
                promise(content.count < bytes.count, "a content that is longer than its token")
            }
        }
    }

    private static let tokenQueries = [
        "jwt_header_query", "jwt_header_query('$.alg')", "jwt_payload_query", "jwt_payload_query('$.n',int)",
    ].map(ConverterBench.program)
    private static let tokenVerify = ConverterBench.program("jwt_verify(HS256,secret)")
    /// The elliptic key is the one that RFC 7518 appendix C publishes.
    private static let tokenDecryptions = [
        "jwt_decrypt_secret(MDEyMzQ1Njc4OWFiY2RlZg==)",
        "jwt_decrypt_jwk('{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZg\"}')",
        "jwt_decrypt_jwk('{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
            + "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\",\"d\":\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\"}')",
    ].map(ConverterBench.program)
}
