import Testing

/// Hashes and checksums. Values and messages are HAProxy's.
struct HashConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(),crc32", "0"), ("str(a),crc32", "3904355907"), ("str(abc),crc32", "891568578"),
        ("str(hello world),crc32", "222957957"), ("str(0123456789abcdef),crc32", "1757737011"),
        ("bin(00ff80),crc32", "2178787136"), ("int(1),crc32", "304476159"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),crc32",
            "4155288695"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),crc32",
            "457387283"
        ),
        ("str(hello world),crc32(1)", "2832483188"), ("str(hello world),crc32(0)", "222957957"),
        ("str(),crc32(-1)", "2874071335"), ("str(a),crc32(1)", "1288200982"), ("str(a),crc32()", "3904355907"),
        ("str(),crc32c", "0"), ("str(a),crc32c", "3251651376"), ("str(abc),crc32c", "910901175"),
        ("str(hello world),crc32c", "3381945770"), ("str(0123456789abcdef),crc32c", "1121128862"),
        ("bin(00ff80),crc32c", "1097972865"), ("int(1),crc32c", "2118332809"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),crc32c",
            "2867813344"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),crc32c",
            "3422207880"
        ),
        ("str(hello world),crc32c(1)", "2656343177"), ("str(hello world),crc32c(0)", "3381945770"),
        ("str(),crc32c(-1)", "2874071335"), ("str(a),crc32c(1)", "626010576"), ("str(a),crc32c()", "3251651376"),
        ("str(),djb2", "5381"), ("str(a),djb2", "177670"), ("str(abc),djb2", "193485963"),
        ("str(hello world),djb2", "894552257"), ("str(0123456789abcdef),djb2", "3574071943"),
        ("bin(00ff80),djb2", "193385540"), ("int(1),djb2", "2075347462"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),djb2",
            "2490877190"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),djb2",
            "2856006437"
        ),
        ("str(hello world),djb2(1)", "2328455893"), ("str(hello world),djb2(0)", "894552257"),
        ("str(),djb2(-1)", "3719394183"), ("str(a),djb2(1)", "3548763807"), ("str(a),djb2()", "177670"),
        ("str(),sdbm", "0"), ("str(a),sdbm", "97"), ("str(abc),sdbm", "807794786"),
        ("str(hello world),sdbm", "430867652"), ("str(0123456789abcdef),sdbm", "3183779144"),
        ("bin(00ff80),sdbm", "16727873"), ("int(1),sdbm", "1"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),sdbm",
            "537938117"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),sdbm",
            "1723372544"
        ),
        ("str(hello world),sdbm(1)", "261123301"), ("str(hello world),sdbm(0)", "430867652"),
        ("str(),sdbm(-1)", "2874071335"), ("str(a),sdbm(1)", "1830748055"), ("str(a),sdbm()", "97"),
        ("str(),wt6", "4187620192"), ("str(a),wt6", "1900802597"), ("str(abc),wt6", "2483038440"),
        ("str(hello world),wt6", "1866899626"), ("str(0123456789abcdef),wt6", "3993543035"),
        ("bin(00ff80),wt6", "2467266719"), ("int(1),wt6", "3177233502"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),wt6",
            "3763143702"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),wt6",
            "71879434"
        ),
        ("str(hello world),wt6(1)", "2174767729"), ("str(hello world),wt6(0)", "1866899626"),
        ("str(),wt6(-1)", "2385687481"), ("str(a),wt6(1)", "1986649387"), ("str(a),wt6()", "1900802597"),
        ("str(),xxh32", "46947589"), ("str(a),xxh32", "1426945110"), ("str(abc),xxh32", "852579327"),
        ("str(hello world),xxh32", "3468387874"), ("str(0123456789abcdef),xxh32", "3267648361"),
        ("bin(00ff80),xxh32", "2075828352"), ("int(1),xxh32", "4094994757"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),xxh32",
            "2604438208"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),xxh32",
            "2102150034"
        ),
        ("str(hello world),xxh32(1)", "3781620524"), ("str(hello world),xxh32(-1)", "22533132"),
        ("str(a),xxh32(4294967296)", "1426945110"), ("str(),xxh32(0)", "46947589"),
        ("str(),xxh64", "-1205034819632174695"), ("str(a),xxh64", "-3292477735350538661"),
        ("str(abc),xxh64", "4952883123889572249"), ("str(hello world),xxh64", "5020219685658847592"),
        ("str(0123456789abcdef),xxh64", "6655072042875317515"), ("bin(00ff80),xxh64", "4841037784871466775"),
        ("int(1),xxh64", "-6980583299780818982"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),xxh64",
            "2444375214307307462"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),xxh64",
            "-8973462304749267521"
        ),
        ("str(hello world),xxh64(1)", "-5757003553413548089"),
        ("str(hello world),xxh64(-1)", "-3166369512892959104"), ("str(a),xxh64(4294967296)", "8409762910324152270"),
        ("str(),xxh64(0)", "-1205034819632174695"), ("str(),xxh3", "3244421341483603138"),
        ("str(a),xxh3", "-1817709641818812897"), ("str(abc),xxh3", "8696274497037089104"),
        ("str(hello world),xxh3", "-3150353794653054837"), ("str(0123456789abcdef),xxh3", "7224786756799439149"),
        ("bin(00ff80),xxh3", "2775058180599471491"), ("int(1),xxh3", "-906549423298343949"),
        (
            "str(The quick brown fox jumps over the lazy dog and then it sleeps for a long while in the warm sun of June),xxh3",
            "5557290672147808059"
        ),
        (
            "str(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx),xxh3",
            "-6498214460798782124"
        ),
        ("str(hello world),xxh3(1)", "-5211028526542770387"), ("str(hello world),xxh3(-1)", "1532303278855150583"),
        ("str(a),xxh3(4294967296)", "-1243000764119234043"), ("str(),xxh3(0)", "3244421341483603138"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(a),crc32(x)", "invalid arg 1 in converter 'crc32' : failed to parse 'x' as type 'integer' at position 1"),
        (
            "str(a),crc32c(x)",
            "invalid arg 1 in converter 'crc32c' : failed to parse 'x' as type 'integer' at position 1"
        ),
        ("str(a),djb2(x)", "invalid arg 1 in converter 'djb2' : failed to parse 'x' as type 'integer' at position 1"),
        ("str(a),sdbm(x)", "invalid arg 1 in converter 'sdbm' : failed to parse 'x' as type 'integer' at position 1"),
        ("str(a),wt6(x)", "invalid arg 1 in converter 'wt6' : failed to parse 'x' as type 'integer' at position 1"),
        ("str(a),xxh32(x)", "invalid arg 1 in converter 'xxh32' : failed to parse 'x' as type 'integer' at position 1"),
        ("str(a),xxh64(x)", "invalid arg 1 in converter 'xxh64' : failed to parse 'x' as type 'integer' at position 1"),
        ("str(a),xxh3(x)", "invalid arg 1 in converter 'xxh3' : failed to parse 'x' as type 'integer' at position 1"),
        ("str(a),crc32(1,2)", "invalid arg 2 in converter 'crc32' : expected ')' before ',2)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
