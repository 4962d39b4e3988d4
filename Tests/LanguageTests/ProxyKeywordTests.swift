import Configuration
import Language
import Testing

@Suite struct ProxyKeywordTests {
    private func listen(_ lines: String) throws -> (FrontendSettings, BackendSettings) {
        let result = load("listen l\n mode http\n bind :80\n" + lines + "\n")
        #expect(result.alerts == [])
        let configuration = try #require(result.configuration)
        return (configuration.frontends[0], configuration.backends[0])
    }

    // MARK: Timeouts

    @Test(
        arguments: [
            ("client", \Timeouts.client), ("client-fin", \.clientFin), ("server", \.server),
            ("server-fin", \.serverFin),
            ("connect", \.connect), ("queue", \.queue), ("http-request", \.httpRequest),
            ("http-keep-alive", \.httpKeepAlive), ("tunnel", \.tunnel),
        ] as [(String, any KeyPath<Timeouts, Int?> & Sendable)])
    func timeouts(name: String, path: any KeyPath<Timeouts, Int?> & Sendable) throws {
        let (front, back) = try listen(" timeout \(name) 7s")
        #expect(front.timeouts[keyPath: path] == 7000)
        #expect(back.timeouts[keyPath: path] == 7000)
        #expect(try listen(" timeout \(name) 0").0.timeouts[keyPath: path] == nil)
    }

    @Test(
        arguments: [
            ("500", 500), ("500ms", 500), ("1us", 1), ("1500us", 2), ("2s", 2000), ("3m", 180_000), ("1h", 3_600_000),
            ("24d", 2_073_600_000), ("2147483647", 2_147_483_647), ("0s", nil),
        ] as [(String, Int?)])
    func times(text: String, milliseconds: Int?) throws {
        #expect(try listen(" timeout client \(text)").0.timeouts.client == milliseconds)
    }

    @Test(
        arguments: [
            ("timeout client", "2:2 'timeout client' expects an integer value (in milliseconds)"),
            ("timeout client 1s 2s", "2:20 'timeout client' : unexpected extra argument '2s'"),
            (
                "timeout client 2147483648",
                "2:17 timer overflow in argument '2147483648' to 'timeout client' (maximum value is 2147483647 ms or ~24.8 days)"
            ),
            (
                "timeout client 99999999999999999999",
                "2:17 timer overflow in argument '99999999999999999999' to 'timeout client' (maximum value is 2147483647 ms or ~24.8 days)"
            ),
            ("timeout client 1u", "2:17 '1u' ends before its unit in 'timeout client'"),
            ("timeout client 1ss", "2:17 unexpected character 's' in 'timeout client'"),
            ("timeout client 1.5s", "2:17 unexpected character '.' in 'timeout client'"),
            ("timeout client -1", "2:17 unexpected character '-' in 'timeout client'"),
        ] as [(String, String)])
    func badTimes(line: String, message: String) {
        #expect(load("frontend f\n \(line)\n").alerts == [message])
    }

    @Test func timeoutWarnings() {
        let result = load(
            """
            defaults
                timeout client 10s
            listen l
                bind :80
                timeout client 30
                timeout client 1s
                timeout client 1s
                timeout server 99ms
            """)
        #expect(
            result.warnings == [
                "5:20 'timeout client 30' in listen 'l' is suspiciously small for a value in milliseconds. Please use an"
                    + " explicit unit ('30ms') if that was the intent.",
                "6:5 overwriting 'timeout client' which was already specified",
            ])
        #expect(result.configuration?.frontends[0].timeouts.client == 1000)
    }

    // MARK: Options

    @Test(arguments: [
        ("", HTTPConnectionMode.keepAlive), ("option httpclose", .close), ("option http-server-close", .serverClose),
        ("option httpclose\noption http-keep-alive", .keepAlive), ("option httpclose\nno option httpclose", .keepAlive),
        ("option http-server-close\nno option httpclose", .serverClose),
        ("option http-server-close\ndefault option http-server-close", .keepAlive),
    ])
    func connectionModes(lines: String, mode: HTTPConnectionMode) throws {
        let (front, back) = try listen(lines)
        #expect(front.options.connectionMode == mode)
        #expect(back.options.connectionMode == mode)
    }

    @Test(arguments: [
        ("", 0), ("option redispatch", -1), ("option redispatch 3", 3), ("option redispatch -2", -2),
        ("option redispatch 0", 0), ("option redispatch\nno option redispatch", 0),
    ])
    func redispatch(lines: String, interval: Int) throws {
        #expect(try listen(lines).1.redispatchInterval == interval)
    }

    @Test func switches() throws {
        #expect(try !listen("").0.options.dontLogNull)
        #expect(try listen("option dontlognull").0.options.dontLogNull)
        #expect(try !listen("option dontlognull\nno option dontlognull").0.options.dontLogNull)
        let (front, back) = try listen("")
        #expect(front.options.abortOnClose && back.options.abortOnClose)
        let (offFront, offBack) = try listen("no option abortonclose")
        #expect(!offFront.options.abortOnClose && !offBack.options.abortOnClose)
        #expect(try listen("no option abortonclose\ndefault option abortonclose").1.options.abortOnClose)
    }

    @Test func tcpBackendsKeepHalfClosedRequests() {
        let backend = load("backend b\n").configuration?.backends.first
        #expect(backend?.options.abortOnClose == false)
        #expect(backend?.httpReuse == .never)
        #expect(load("backend b\n option abortonclose\n").configuration?.backends.first?.options.abortOnClose == true)
    }

    @Test(
        arguments: [
            ("", ForwardForOption()), (" header X-Client", ForwardForOption(headerName: "X-Client")),
            (" if-none", ForwardForOption(onlyIfNone: true)),
            (
                " except 127.0.0.0/8 if-none header X-F",
                ForwardForOption(
                    headerName: "X-F", except: IPNetwork(.v4(0x7f00_0000), prefixLength: 8), onlyIfNone: true)
            ),
            (" except 10.1.2.3", ForwardForOption(except: IPNetwork(.v4(0x0a01_0203), prefixLength: 32))),
            (" except 10.1.2.3/255.255.0.0", ForwardForOption(except: IPNetwork(.v4(0x0a01_0000), prefixLength: 16))),
            (" except ::1", ForwardForOption(except: IPNetwork(.v6(high: 0, low: 1), prefixLength: 128))),
            (
                " except 2001:db8::/32",
                ForwardForOption(except: IPNetwork(.v6(high: 0x2001_0db8 << 32, low: 0), prefixLength: 32))
            ),
        ] as [(String, ForwardForOption)])
    func forwardFor(arguments: String, option: ForwardForOption) throws {
        let (front, back) = try listen("option forwardfor" + arguments)
        #expect(front.options.forwardFor == option)
        #expect(back.options.forwardFor == option)
    }

    @Test(
        arguments: [
            ("option forwardfor except", "2:2 'option forwardfor' expects <address>[/mask] after 'except'"),
            ("option forwardfor except x", "2:27 'option forwardfor' : 'x' is not a network address"),
            ("option forwardfor except 1.2.3.4/33", "2:27 'option forwardfor' : '33' is not a network mask"),
            (
                "option forwardfor except 1.2.3.4/255.0.255.0",
                "2:27 'option forwardfor' : '255.0.255.0' is not a network mask"
            ),
            ("option forwardfor header a:b", "2:27 'option forwardfor' : 'a:b' is not a header name"),
            (
                "option forwardfor always",
                "2:20 'option forwardfor' only supports optional values: 'except', 'header' and 'if-none'"
            ),
            (
                "no option forwardfor",
                "2:5 'no option forwardfor': negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits and numa-cpu-mapping"
            ),
            ("option tcplog x", "2:16 'option tcplog' : unexpected extra argument 'x'"),
            ("option redispatch x", "2:20 'option redispatch' expects an integer argument, got 'x'"),
            ("mode", "2:2 'mode' expects 'tcp' or 'http'"),
            ("mode spop", "2:7 'mode spop' is not supported by this version of Portico"),
            ("mode health", "2:7 unknown proxy mode 'health'"),
            ("balance random(0)", "2:10 balance random : number of draws must be at least 1."),
            ("balance random(2x)", "2:10 balance random : unexpected character 'x' after argument."),
            ("balance random(2", "2:10 balance random : missing closing parenthesis."),
            ("balance uri len", "2:14 balance uri : 'len' expects a positive integer (got '')."),
            (
                "balance uri deep",
                "2:14 balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got 'deep')."
            ),
            ("balance url_param", "2:2 balance url_param requires an URL parameter name."),
            ("balance url_param id all", "2:23 balance url_param only accepts 'check_post' modifier (got 'all')."),
            ("balance hdr()", "2:10 balance hdr requires an http header field name."),
            ("balance rdp-cookie()", "2:10 balance rdp-cookie : missing cookie name."),
            ("balance hash", "2:2 balance hash requires a sample expression."),
            ("balance hash src x", "2:19 balance hash takes no other argument (got 'x')."),
            ("hash-type ring", "2:12 'hash-type' only supports 'consistent' and 'map-based'."),
            (
                "hash-type consistent md5",
                "2:23 'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions."
            ),
            (
                "hash-type consistent wt6 more",
                "2:27 'hash-type' only supports 'avalanche' as a modifier for hash functions."
            ),
            ("hash-balance-factor 100", "2:2 'hash-balance-factor' must be 0 or greater than 100."),
            ("hash-preserve-affinity no", "2:25 'hash-preserve-affinity': unknown keyword 'no'"),
            ("appsession a len 5 timeout 1", "2:2 'appsession' is not supported anymore since HAProxy 1.6."),
            ("cookie S insert prefix", "2:2 cookie 'rewrite', 'insert' and 'prefix' modes are incompatible."),
            ("cookie S rewrite indirect", "2:2 cookie 'rewrite' and 'indirect' modes are incompatible."),
            ("cookie S preserve", "2:2 cookie 'preserve' requires at least 'insert' or 'indirect'."),
            ("cookie S attr a;b", "2:16 character '%x3B' is not permitted in attribute value."),
            ("balance roundrobin x", "2:21 'balance' : unexpected extra argument 'x'"),
            ("retries -1", "2:10 'retries' expects an integer of at least 0, got '-1'"),
            (
                "http-reuse sometimes",
                "2:13 'http-reuse' only supports 'never', 'safe', 'aggressive', 'always', got 'sometimes'"
            ),
            ("use_backend", "2:2 'use_backend' expects a backend name"),
            ("use_backend b if x", "2:19 no such ACL : 'x'"),
            ("use_backend b if { always_true", "2:19 missing closing '}' in condition"),
            (
                "use_backend b when x",
                "2:16 unexpected keyword 'when' after switching rule, only 'if' and 'unless' are allowed"
            ),
            (
                "use_backend x%[strr(host)]",
                "2:17 failed to parse sample expression <strr(host)]> : unknown fetch method 'strr'; did you mean 'str' maybe ?"
            ),
            ("acl", "2:2 'acl' expects a name and a test"),
            ("acl a", "2:6 missing ACL expression"),
            ("acl a:b/ always_true", "2:6 character '/' is not permitted in acl name 'a:b/'"),
            (
                "acl a always_tru",
                "2:8 unknown fetch method 'always_tru'; did you mean 'always_true' maybe ? in ACL expression 'always_tru'"
            ),
            (
                "acl a str(x) -m foo y",
                "2:18 unknown matching method 'foo' when parsing ACL expression; did you mean 'bool' maybe ?"
            ),
            (
                "acl a str(x) -f /no/such/file",
                "2:18 failed to open pattern file </no/such/file>: No such file or directory"
            ),
            ("acl a str(x) -m reg (", "2:22 regex '(' is invalid (error=missing closing parenthesis, erroffset=1)"),
            (
                "http-request deni",
                "2:15 'http-request' : unknown action 'deni'; did you mean 'deny' maybe ?"
            ),
            (
                "http-request track-sc0 src",
                "2:15 'http-request' : 'track-sc0' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (
                "http-request accept",
                "2:15 'http-request' : action 'accept' may be used in 'quic-initial', 'tcp-request connection', 'tcp-request session', 'tcp-request content', 'tcp-response content' only"
            ),
            (
                "http-request allow when x",
                "2:21 'http-request' : unexpected 'when': only 'if' or 'unless' with a condition may follow"
            ),
            (
                "http-request set-var(x) str(y)",
                "2:23 'http-request set-var' : invalid variable name 'x'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"
            ),
            ("default_backend", "2:2 'default_backend' expects a backend name"),
            ("maxconn many", "2:10 'maxconn' expects an integer argument, got 'many'"),
            ("log-tag", "2:2 'log-tag' expects a tag for use in syslog"),
        ] as [(String, String)])
    func refusals(line: String, message: String) {
        #expect(load("listen l\n \(line)\n").alerts == [message])
    }

    // MARK: The others

    @Test(arguments: [
        ("balance roundrobin", BalanceAlgorithm.roundrobin), ("balance static-rr", .staticRR),
        ("balance leastconn", .leastconn), ("balance first", .first), ("balance source", .source),
        ("balance random", .random(draws: 2)), ("balance random(5)", .random(draws: 5)), ("", .random(draws: 2)),
        ("balance", .random(draws: 2)), ("balance url_param id", .urlParameter(name: "id", checksBody: false)),
        ("balance url_param id check_post 64", .urlParameter(name: "id", checksBody: true)),
        ("balance hdr(Host)", .header(name: "host", domainOnly: false)),
        ("balance hdr(Host) use_domain_only", .header(name: "host", domainOnly: true)),
    ])
    func algorithms(line: String, algorithm: BalanceAlgorithm) throws {
        #expect(try listen(line).1.balance == algorithm)
    }

    @Test(arguments: [
        ("hash-type map-based", HashSettings.Method.map, HashSettings.Function.sdbm, false),
        ("hash-type consistent", .consistent, .sdbm, true), ("hash-type consistent djb2", .consistent, .djb2, false),
        ("hash-type map-based crc32 avalanche", .map, .crc32, true), ("hash-type map-based none", .map, .none, false),
    ])
    func hashTypes(line: String, method: HashSettings.Method, function: HashSettings.Function, avalanches: Bool) throws
    {
        let hashing = try listen(line).1.hashing
        #expect((hashing.method, hashing.function, hashing.avalanches) == (method, function, avalanches))
    }

    @Test func cookies() throws {
        let line =
            "cookie S insert indirect nocache postonly preserve httponly secure domain .a.b domain .c.d maxidle 1m"
            + " maxlife 2h dynamic attr X=y"
        let back = try listen("mode http\n\(line)\ndynamic-cookie-key k\noption persist\noption allbackups\nfullconn 9")
            .1
        var cookie = CookieSettings(name: "S")
        cookie.mode = .insert
        cookie.isIndirect = true
        cookie.forbidsCaching = true
        cookie.isPostOnly = true
        cookie.preservesServerCookie = true
        cookie.isHTTPOnly = true
        cookie.isSecure = true
        cookie.domains = [".a.b", ".c.d"]
        (cookie.maxIdle, cookie.maxLife) = (60, 7200)
        cookie.isDynamic = true
        cookie.attributes = ["X=y"]
        #expect(back.cookie == cookie)
        #expect(
            (back.dynamicCookieKey, back.persistsWhenDown, back.usesAllBackups, back.fullconn) == ("k", true, true, 9))
    }

    @Test func plainSettings() throws {
        let (front, back) = try listen("maxconn 5\nbacklog 6\nretries 0\nhttp-reuse aggressive\nlog-tag tag")
        #expect((front.maxconn, front.backlog, front.logTag) == (5, 6, "tag"))
        #expect((back.retries, back.httpReuse, back.logTag) == (0, .aggressive, "tag"))
        let (plainFront, plainBack) = try listen("maxconn 0\nbacklog 0")
        #expect((plainFront.maxconn, plainFront.backlog, plainFront.logTag) == (nil, nil, nil))
        #expect((plainBack.retries, plainBack.httpReuse) == (3, .safe))
    }

    @Test func statisticsPage() throws {
        let result = load(
            """
            defaults
            mode http
            timeout client 1s
            timeout server 1s
            timeout connect 1s
            stats refresh 5
            frontend web
            bind :80
            stats uri /s
            stats auth a:b
            stats scope .
            stats show-node edge1
            frontend plain
            mode tcp
            bind :81
            """)
        let configuration = try #require(result.configuration)
        var page = StatisticsPageSettings()
        page.uri = "/s"
        page.refresh = 5
        page.users = [.init(name: "a", password: "b")]
        page.scopes = ["."]
        page.node = "edge1"
        #expect(configuration.frontends[0].statisticsPage == page)
        #expect(configuration.frontends[1].statisticsPage == nil)
        #expect(result.warnings.contains { $0.hasSuffix("it requires HTTP mode.") })
    }

    @Test(arguments: [
        ("stats", "unknown stats parameter '' (expects 'hide-version', 'uri', 'realm', 'auth' or 'enable')"),
        ("stats uri", "'stats uri' expects an URI prefix"),
        ("stats auth name", "'stats auth' expects a user:password account"),
        ("stats http-request", "'stats http-request' expects 'allow', 'deny', or 'auth [realm <realm>]'"),
        (
            "stats http-request foo",
            "'stats http-request' expects 'allow', 'deny', or 'auth [realm <realm>]' but got 'foo'"
        ),
        ("stats admin", "'stats admin' expects either 'if' or 'unless' followed by a condition"),
        ("stats admin TRUE", "'stats admin' : unexpected 'TRUE': only 'if' or 'unless' with a condition may follow"),
    ]) func statisticsPageMistakes(line: String, message: String) {
        let alerts = load("frontend web\nmode http\nbind :80\n\(line)").alerts
        #expect(alerts.count == 1 && alerts[0].hasSuffix(message), "\(alerts)")
    }
}
