import Testing
import Words

/// Fetches of HTTP messages against the values that HAProxy 3.5-dev5 gives for the same messages.
struct HTTPFetchTests {
    /// A form with lists, quotes and two Cookie fields.
    @Test(
        arguments: [
            ("method", "POST"),
            ("path", "/a/b.html;p=1"),
            ("pathq", "/a/b.html;p=1?lang=en&x=1;y=2&Lang=FR&empty=&x=-42k"),
            ("query", "lang=en&x=1;y=2&Lang=FR&empty=&x=-42k"),
            ("query(with_qm)", "?lang=en&x=1;y=2&Lang=FR&empty=&x=-42k"),
            ("url", "/a/b.html;p=1?lang=en&x=1;y=2&Lang=FR&empty=&x=-42k"),
            ("url_ip", nil),
            ("url_port", nil),
            ("base", "Example.com:8080/a/b.html;p=1"),
            ("baseq", "Example.com:8080/a/b.html;p=1?lang=en&x=1;y=2&Lang=FR&empty=&x=-42k"),
            ("base32", "1361029808"),
            ("url32", "3586646649"),
            ("base32+src", "511FAAB07F000001"),
            ("url32+src", "D5C7E2797F000001"),
            ("req.ver", "1.1"),
            ("req.proto_http", "1"),
            ("http_first_req", "1"),
            ("hdr(host)", "Example.com:8080"),
            ("req.hdr(x-list)", "four"),
            ("req.hdr(X-List,1)", "one"),
            ("req.hdr(x-list,2)", "\"two, too\""),
            ("req.hdr(x-list,5)", ""),
            ("req.hdr(x-list,6)", "four"),
            ("req.hdr(x-list,7)", nil),
            ("req.hdr(x-list,-1)", "four"),
            ("req.hdr(x-list,-2)", ""),
            ("req.hdr(x-list,-6)", "one"),
            ("req.hdr(x-list,-7)", nil),
            ("req.hdr(x-empty)", ""),
            ("req.hdr(missing)", nil),
            ("req.hdr(,1)", "Example.com:8080"),
            ("req.fhdr(x-list)", "four"),
            ("req.fhdr(x-list,1)", "one, \"two, too\" , three,,"),
            ("req.fhdr(x-list,-2)", "one, \"two, too\" , three,,"),
            ("req.fhdr(x-list,3)", nil),
            ("req.hdr_cnt(x-list)", "6"),
            ("req.hdr_cnt(x-empty)", "1"),
            ("req.hdr_cnt(missing)", "0"),
            ("req.fhdr_cnt(x-list)", "2"),
            ("req.fhdr_cnt", "12"),
            ("req.hdr_cnt", "24"),
            (
                "req.hdr_names",
                "host,x-list,x-list,x-empty,x-ip,x-num,user-agent,cookie,cookie,authorization,content-type,content-length"
            ),
            (
                "req.hdr_names(';')",
                "host;x-list;x-list;x-empty;x-ip;x-num;user-agent;cookie;cookie;authorization;content-type;content-length"
            ),
            ("req.hdr_ip(x-ip)", "::1"),
            ("req.hdr_ip(x-ip,1)", nil),
            ("req.hdr_ip(x-ip,2)", "10.1.2.3"),
            ("req.hdr_ip(x-ip,3)", "10.1.2.4"),
            ("req.hdr_ip(x-ip,4)", "2001:db8::1"),
            ("req.hdr_val(x-num)", "1215752191"),
            ("req.hdr_val(x-num,1)", "12"),
            ("req.hdr_val(x-num,2)", "-7"),
            ("req.cook(SID)", "3"),
            ("req.cook(a)", "1"),
            ("req.cook(b)", "2"),
            ("req.cook(c)", "3"),
            ("req.cook(none)", nil),
            ("req.cook", "1"),
            ("req.cook_cnt(SID)", "3"),
            ("req.cook_cnt", "7"),
            ("req.cook_val(d)", "-5"),
            ("req.cook_val(a)", "1"),
            ("req.cook_names", "a,SID,b,c,SID,SID,d"),
            ("req.cook_names(|)", "a|SID|b|c|SID|SID|d"),
            ("cook(a)", "1"),
            ("cookie(a)", "1"),
            ("url_param(lang)", "en"),
            ("url_param(x)", "1"),
            ("urlp(y)", "2"),
            ("urlp(empty)", ""),
            ("urlp(nope)", nil),
            ("urlp(LANG,,i)", "en"),
            ("urlp(p,;)", "1?lang=en"),
            ("urlp", "en"),
            ("urlp_val(x)", "1"),
            ("req.body", "757365723D6A6F6526506173733D73333B7A3D3126713D"),

            ("req.body_len", "23"),
            ("req.body_size", "23"),
            ("req.body_param(user)", "joe"),
            ("req.body_param(pass)", nil),
            ("req.body_param(pass,i)", "s3"),
            ("req.body_param(z)", "1"),
            ("req.body_param(q)", ""),
            ("http_auth_type", "Basic"),
            ("http_auth_user", "joe"),
            ("http_auth_pass", "pw:1"),
            ("http_auth_bearer", nil),
            (
                "req.hdrs",
                "host: Example.com:8080\r\nx-list: one, \"two, too\" , three,,\r\nx-list: four\r\nx-empty: \r\nx-ip: foo, 10.1.2.3, 10.1.2.4:80, [2001:db8::1], ::1\r\nx-num: 12abc, -7, 99999999999\r\nuser-agent: a, b\r\ncookie: a=1; $Path=/; SID = \"x;y\" ; b=2, c = 3;SID=last\r\ncookie: SID=3; noval; d=-5\r\nauthorization: Basic am9lOnB3OjE=\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 23\r\n\r\n"
            ),
            (
                "req.hdrs_bin",
                "04686F7374104578616D706C652E636F6D3A3830383006782D6C697374196F6E652C202274776F2C20746F6F22202C2074687265652C2C06782D6C69737404666F757207782D656D7074790004782D69702E666F6F2C2031302E312E322E332C2031302E312E322E343A38302C205B323030313A6462383A3A315D2C203A3A3105782D6E756D1631326162632C202D372C2039393939393939393939390A757365722D6167656E7404612C206206636F6F6B69652F613D313B2024506174683D2F3B20534944203D2022783B7922203B20623D322C2063203D20333B5349443D6C61737406636F6F6B6965125349443D333B206E6F76616C3B20643D2D350D617574686F72697A6174696F6E12426173696320616D396C4F6E42334F6A453D0C636F6E74656E742D74797065216170706C69636174696F6E2F782D7777772D666F726D2D75726C656E636F6465640E636F6E74656E742D6C656E6774680232330000"
            ),
            ("capture.req.method", "POST"),
            ("capture.req.uri", "/a/b.html;p=1?lang=en&x=1;y=2&Lang=FR&empty=&x=-42k"),
            ("capture.req.ver", "HTTP/1.1"),
        ] as [(String, String?)])
    func form(_ expression: String, _ value: String?) throws {
        let found = try Conversation(Self.formText).text(expression)
        #expect(found == value)
    }

    /// A target in absolute form.
    @Test(
        arguments: [
            ("method", "GET"),
            ("path", "/x"),
            ("pathq", "/x?q"),
            ("query", "q"),
            ("query(with_qm)", "?q"),
            ("url", "http://10.9.8.7:81/x?q"),
            ("url_ip", "10.9.8.7"),
            ("url_port", "81"),
            ("base", "10.9.8.7:81/x"),
            ("baseq", "10.9.8.7:81/x?q"),
            ("base32", "1560107456"),
            ("url32", "877076936"),
            ("req.ver", "1.1"),
            ("http_auth_type", "Bearer"),
            ("http_auth_user", nil),
            ("http_auth_bearer", "tok.en"),
            ("http_auth_bearer(x-tok)", "abc"),
            ("http_auth_bearer(nope)", ""),
            ("capture.req.uri", "/x?q"),
            ("capture.req.method", "GET"),
            ("capture.req.ver", "HTTP/1.1"),
            ("req.hdrs", "host: 10.9.8.7:81\r\nauthorization: Bearer   tok.en\r\nx-tok: Bearer abc\r\n\r\n"),
            ("req.cook(a)", nil),
            ("req.cook_cnt(a)", "0"),
            ("req.cook_names", ""),
            ("req.body", ""),
            ("req.body_size", "0"),
            ("urlp(q)", nil),
            ("req.hdr_cnt(host)", "1"),
        ] as [(String, String?)])
    func absolute(_ expression: String, _ value: String?) throws {
        let found = try Conversation(Self.absoluteText).text(expression)
        #expect(found == value)
    }

    /// A target without a path, and credentials without a colon.
    @Test(
        arguments: [
            ("method", "OPTIONS"),
            ("path", nil),
            ("pathq", nil),
            ("query", nil),
            ("query(with_qm)", nil),
            ("url", "*"),
            ("url_ip", nil),
            ("url_port", nil),
            ("base", "h"),
            ("baseq", "h"),
            ("base32", "1228821030"),
            ("url32", "1228821030"),
            ("req.ver", "1.1"),
            ("http_auth_type", nil),
            ("http_auth_user", nil),
            ("http_auth_bearer", nil),
            ("http_auth_bearer(x-tok)", ""),
            ("http_auth_bearer(nope)", ""),
            ("capture.req.uri", nil),
            ("capture.req.method", "OPTIONS"),
            ("capture.req.ver", "HTTP/1.1"),
            ("req.hdrs", "host: h\r\nauthorization: Basic am9l\r\n\r\n"),
            ("req.cook(a)", nil),
            ("req.cook_cnt(a)", "0"),
            ("req.cook_names", ""),
            ("req.body", ""),
            ("req.body_size", "0"),
            ("urlp(q)", nil),
            ("req.hdr_cnt(host)", "1"),
        ] as [(String, String?)])
    func asterisk(_ expression: String, _ value: String?) throws {
        let found = try Conversation(Self.asteriskText).text(expression)
        #expect(found == value)
    }

    /// HTTP/1.0 without a host.
    @Test(
        arguments: [
            ("method", "FOO"),
            ("path", "/"),
            ("pathq", "/"),
            ("query", nil),
            ("query(with_qm)", nil),
            ("url", "/"),
            ("url_ip", nil),
            ("url_port", nil),
            ("base", "/"),
            ("baseq", "/"),
            ("base32", "2118074832"),
            ("url32", "2118074832"),
            ("req.ver", "1.0"),
            ("http_auth_type", nil),
            ("http_auth_user", nil),
            ("http_auth_bearer", nil),
            ("http_auth_bearer(x-tok)", ""),
            ("http_auth_bearer(nope)", ""),
            ("capture.req.uri", "/"),
            ("capture.req.method", "FOO"),
            ("capture.req.ver", "HTTP/1.0"),
            ("req.hdrs", "authorization: Digest x\r\n\r\n"),
            ("req.cook(a)", nil),
            ("req.cook_cnt(a)", "0"),
            ("req.cook_names", ""),
            ("req.body", ""),
            ("req.body_size", "0"),
            ("urlp(q)", nil),
            ("req.hdr_cnt(host)", "0"),
        ] as [(String, String?)])
    func old(_ expression: String, _ value: String?) throws {
        let found = try Conversation(Self.oldText).text(expression)
        #expect(found == value)
    }

    /// An empty host and an empty query.
    @Test(
        arguments: [
            ("method", "GET"),
            ("path", "/p"),
            ("pathq", "/p?"),
            ("query", ""),
            ("query(with_qm)", ""),
            ("url", "/p?"),
            ("url_ip", nil),
            ("url_port", nil),
            ("base", "/p"),
            ("baseq", "/p?"),
            ("base32", "543366309"),
            ("url32", "3690032698"),
            ("req.ver", "1.1"),
            ("http_auth_type", nil),
            ("http_auth_user", nil),
            ("http_auth_bearer", nil),
            ("http_auth_bearer(x-tok)", ""),
            ("http_auth_bearer(nope)", ""),
            ("capture.req.uri", "/p?"),
            ("capture.req.method", "GET"),
            ("capture.req.ver", "HTTP/1.1"),
            ("req.hdrs", "host: \r\n\r\n"),
            ("req.cook(a)", nil),
            ("req.cook_cnt(a)", "0"),
            ("req.cook_names", ""),
            ("req.body", ""),
            ("req.body_size", "0"),
            ("urlp(q)", nil),
            ("req.hdr_cnt(host)", "1"),
        ] as [(String, String?)])
    func emptyQuery(_ expression: String, _ value: String?) throws {
        let found = try Conversation(Self.emptyQueryText).text(expression)
        #expect(found == value)
    }

    @Test(
        arguments: [
            ("status", "203"),
            ("server_status", "203"),
            ("txn.status", "203"),
            ("res.ver", "1.1"),
            ("resp_ver", "1.1"),
            ("res.hdr(server)", "s2"),
            ("shdr(server,1)", "s1"),
            ("res.fhdr(server)", "s1, s2"),
            ("res.hdr_cnt(server)", "2"),
            ("res.fhdr_cnt(set-cookie)", "2"),
            ("res.hdr_ip(x-via)", "1.1.1.1"),
            ("res.hdr_val(content-length)", "5"),
            ("res.hdr_names", "server,set-cookie,set-cookie,x-via,content-length"),
            (
                "res.hdrs",
                "server: s1, s2\r\nset-cookie: A=1; Path=/; Max-Age=3\r\nset-cookie: B=x,y; Secure\r\nx-via: 1.1.1.1\r\ncontent-length: 5\r\n\r\n"
            ),
            ("res.cook(A)", "1"),
            ("scook(B)", "x"),
            ("res.cook(Path)", nil),
            ("res.cook", "1"),
            ("res.cook_cnt", "4"),
            ("res.cook_cnt(A)", "1"),
            ("res.cook_val(A)", "1"),
            ("res.cook_names", "A,B"),
            ("res.body_len", "5"),
            ("res.body_size", "5"),
            ("capture.res.ver", "HTTP/1.1"),
            ("method", "GET"),
            ("hdr(server)", "s2"),
            ("cookie(A)", "1"),
        ] as [(String, String?)])
    func response(_ expression: String, _ value: String?) throws {
        let found = try Conversation(Self.plainText, response: Self.responseText, facts: TestFacts(status: 203))
            .text(expression)
        #expect(found == value)
    }

    /// What a condition sees of fetches with several values.
    @Test(arguments: [
        ("req.hdr(x-list)", ["one", "\"two, too\"", "three", "", "", "four"]),
        ("req.fhdr(x-list)", ["one, \"two, too\" , three,,", "four"]), ("req.hdr(x-list,2)", ["\"two, too\""]),
        ("req.hdr(missing)", []), ("req.hdr_ip(x-ip)", ["10.1.2.3", "10.1.2.4", "2001:db8::1", "::1"]),
        ("req.hdr_val(x-num)", ["12", "-7", "1215752191"]), ("req.cook(SID)", ["\"x;y\"", "last", "3"]),
        ("req.cook", ["1", "\"x;y\"", "2", "3", "last", "3", "-5"]), ("urlp(x)", ["1", "-42k"]),
        ("urlp", ["en", "1", "2", "FR", "", "-42k"]), ("req.body_param", ["joe", "s3", "1", ""]),
    ])
    func iteration(_ expression: String, _ values: [String]) throws {
        let found = try Conversation(Self.formText).values(expression)
        #expect(found == values)
    }

    @Test(arguments: [
        ("req.hdr(x,-11)", "fetch method 'req.hdr' : header occurrence must be >= -10"),
        ("query(x)", "fetch method 'query' : supported options are: 'with_qm'"),
        ("capture.req.hdr(-1)", "fetch method 'capture.req.hdr' : capture identifier must be >= 0"),
    ])
    func complaints(_ expression: String, _ message: String) {
        let found = Evaluator().complaint(expression)?.message
        #expect(found == message)
    }

    private static let formText = """
        POST /a/b.html;p=1?lang=en&x=1;y=2&Lang=FR&empty=&x=-42k HTTP/1.1\r
        Host: Example.com:8080\r
        X-List: one, "two, too" , three,,\r
        X-List: four\r
        X-Empty:\r
        X-IP: foo, 10.1.2.3, 10.1.2.4:80, [2001:db8::1], ::1\r
        X-Num: 12abc, -7, 99999999999\r
        User-Agent: a, b\r
        Cookie: a=1; $Path=/; SID = "x;y" ; b=2, c = 3;SID=last\r
        Cookie: SID=3; noval; d=-5\r
        Authorization: Basic am9lOnB3OjE=\r
        Content-Type: application/x-www-form-urlencoded\r
        Content-Length: 23\r
        \r
        user=joe&Pass=s3;z=1&q=
        """
    private static let absoluteText = """
        GET http://10.9.8.7:81/x?q HTTP/1.1\r
        Host: 10.9.8.7:81\r
        Authorization: Bearer   tok.en\r
        X-Tok: Bearer abc\r
        \r

        """
    private static let asteriskText = """
        OPTIONS * HTTP/1.1\r
        Host: h\r
        Authorization: Basic am9l\r
        \r

        """
    private static let oldText = """
        FOO / HTTP/1.0\r
        Authorization: Digest x\r
        \r

        """
    private static let emptyQueryText = """
        GET /p? HTTP/1.1\r
        Host:\r
        \r

        """
    private static let plainText = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let responseText = """
        HTTP/1.1 203 Okay\r
        Server: s1, s2\r
        Set-Cookie: A=1; Path=/; Max-Age=3\r
        Set-Cookie: B=x,y; Secure\r
        X-Via: 1.1.1.1\r
        Content-Length: 5\r
        \r
        hello
        """
}
