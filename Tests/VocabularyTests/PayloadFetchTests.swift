import Testing
import Words

/// Fetches of plain bytes in TCP mode against the values that HAProxy 3.5-dev5 gives for the same bytes.
struct PayloadFetchTests {
    /// A hello that OpenSSL's client sent.
    private static let hello =
        "1603010200010001FC03032C9E29C69C0B6BCC6BF36CD3782AEB28B86F906B130B82E4B45CF4858A611EE020A83ECD2AD248"
        + "6EA94D25C70791E56EE19449A53ACDD3E94A3948A948CFF6D1B60024130213031301C02CC030C02BC02FCCA9CCA8C024C028"
        + "C023C027009F009E006B006700FF0100018F00000014001200000F7777772E6578616D706C652E636F6D000B000403000102"
        + "000A00160014001D0017001E0019001801000101010201030104002300000010000E000C02683208687474702F312E310016"
        + "000000170000000D002A0028040305030603080708080809080A080B08040805080604010501060103030301030204020502"
        + "0602002B00050403040303002D00020101003300260024001D00206BB2027FCB05DAD577F4EA452C3D94E90874EA986FADB1"
        + "5F81A4945FD064D65D001500CC00000000000000000000000000000000000000000000000000000000000000000000000000"
        + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        + "0000000000000000000000000000000000"

    @Test(
        arguments: [
            ("req.len", "517"), ("req.payload(0,5)", "1603010200"), ("req.payload(0,0)", hello),
            ("req.payload(100000,1)", nil), ("req.payload(3,2)", "0200"),
            ("req.payload_lv(43,1)", "A83ECD2AD2486EA94D25C70791E56EE19449A53ACDD3E94A3948A948CFF6D1B6"),
            ("req.payload_lv(3,2)", String(hello.dropFirst(10))),
            ("req.payload_lv(3,2,-2)", "0200" + String(hello.dropFirst(10).dropLast(4))),
            ("payload_lv(3,2,+0)", String(hello.dropFirst(10))), ("req.ssl_hello_type", "1"),
            ("req_ssl_hello_type", "1"), ("req.ssl_sni", "www.example.com"), ("req_ssl_sni", "www.example.com"),
            ("req.ssl_ver", "196611"), ("req.ssl_alpn", "h2"), ("req.ssl_ec_ext", "1"), ("req.ssl_st_ext", "1"),
            ("req.ssl_cipherlist", "130213031301C02CC030C02BC02FCCA9CCA8C024C028C023C027009F009E006B006700FF"),
            ("req.ssl_supported_groups", "001D0017001E0019001801000101010201030104"),
            (
                "req.ssl_sigalgs",
                "040305030603080708080809080A080B080408050806040105010601030303010302040205020602"
            ), ("req.ssl_keyshare_groups", "001D"), ("req.rdp_cookie", nil), ("req.rdp_cookie_cnt", "0"),
            ("distcc_param(DIST)", nil), ("wait_end", "1"), ("req.hdr(host)", nil),
        ] as [(String, String?)])
    func wholeHello(_ expression: String, _ value: String?) throws {
        let found = try Conversation(bytes: bytes(Self.hello)).text(expression)
        #expect(found == value)
    }

    /// The first 100 bytes: what needs more has no value.
    @Test(
        arguments: [
            ("req.len", "100"), ("req.payload(0,5)", "1603010200"), ("req.payload_lv(3,2)", nil),
            ("req.payload_lv(43,1)", "A83ECD2AD2486EA94D25C70791E56EE19449A53ACDD3E94A3948A948CFF6D1B6"),
            ("req.ssl_hello_type", nil), ("req.ssl_sni", nil), ("req.ssl_ver", nil), ("req.ssl_alpn", nil),
            ("req.ssl_ec_ext", nil), ("req.ssl_st_ext", nil), ("req.ssl_cipherlist", nil),
            ("req.ssl_supported_groups", nil), ("req.ssl_sigalgs", nil), ("req.ssl_keyshare_groups", nil),
            ("req.rdp_cookie", nil), ("req.rdp_cookie_cnt", "0"),
        ] as [(String, String?)])
    func cutHello(_ expression: String, _ value: String?) throws {
        let found = try Conversation(bytes: Array(bytes(Self.hello).prefix(100))).text(expression)
        #expect(found == value)
    }

    /// What is missing may still come as long as the rules can wait.
    @Test(arguments: ["req.ssl_sni", "req.ssl_hello_type", "req.ssl_ver", "req.payload(200,1)", "wait_end"])
    func mayChange(_ expression: String) throws {
        let waiting = try Conversation(bytes: Array(bytes(Self.hello).prefix(100))).mayChange(expression)
        #expect(waiting)
    }

    /// Bytes that will never make a hello are known at once.
    @Test func otherBytes() throws {
        let waiting = try Conversation(bytes: Array("GET / HTTP/1.1".utf8)).mayChange("req.ssl_sni")
        #expect(!waiting)
    }

    @Test(
        arguments: [
            ("req.rdp_cookie", "joe.1"), ("req.rdp_cookie(mstshash)", "joe.1"), ("req.rdp_cookie(MSTSHASH)", "joe.1"),
            ("req.rdp_cookie(msts)", nil), ("req.rdp_cookie_cnt", "1"), ("req.rdp_cookie_cnt(mstshash)", "1"),
            ("rdp_cookie_cnt(x)", "0"), ("req.ssl_sni", nil), ("req.ssl_hello_type", nil), ("req.ssl_ver", nil),
            ("req.len", "39"), ("req.payload(11,7)", "436F6F6B69653A"),
        ] as [(String, String?)])
    func remoteDesktop(_ expression: String, _ value: String?) throws {
        let text = bytes("0300002A25E00000000000") + Array("Cookie: mstshash=joe.1\r\nrest".utf8)
        let found = try Conversation(bytes: text).text(expression)
        #expect(found == value)
    }

    @Test(
        arguments: [
            ("distcc_param(DIST)", "3"), ("distcc_param(ARGV)", "2"), ("distcc_param(ARGV,2)", "3"),
            ("distcc_param(ARGV,3)", nil), ("distcc_body(ARGV,2)", "666F6F"), ("distcc_body(DOTI)", "68656C6C6F"),
            ("distcc_param(NONE)", nil), ("distcc_body(DIST)", ""),
        ] as [(String, String?)])
    func distributedCompiler(_ expression: String, _ value: String?) throws {
        let text = "DIST00000003ARGC00000002ARGV00000002ccARGV00000003fooDOTI00000005hello"
        let found = try Conversation(bytes: Array(text.utf8)).text(expression)
        #expect(found == value)
    }

    @Test func protocolsInTurn() throws {
        let found = try Conversation(bytes: bytes(Self.hello)).values("req.ssl_alpn")
        #expect(found == ["h2", "http/1.1"])
    }

    @Test(arguments: [
        ("req.payload_lv(-1,2)", "fetch method 'req.payload_lv' : payload offset1 must be positive"),
        ("req.payload_lv(0,0)", "fetch method 'req.payload_lv' : payload length must be > 0"),
        ("req.payload_lv(0,1,x)", "fetch method 'req.payload_lv' : payload offset2 is not a number"),
        ("req.payload_lv(0,1,-2)", "fetch method 'req.payload_lv' : payload offset2 too negative"),
        ("distcc_param(TOOLONG)", "fetch method 'distcc_param' : token name must be exactly 4 characters"),
    ])
    func complaints(_ expression: String, _ message: String) {
        let found = Evaluator().complaint(expression)?.message
        #expect(found == message)
    }

    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }
}
