import Configuration
import Language
import Testing

@Suite struct BindTests {
    private func binds(_ line: String, global: String = "", mode: String = "http") throws -> [BindSettings] {
        let result = load("global\n\(global)\nfrontend f\n timeout client 1s\n mode \(mode)\n bind \(line)\n")
        #expect(result.diagnostics == [])
        return try #require(result.configuration).frontends[0].binds
    }

    private func bind(_ line: String, global: String = "", mode: String = "http") throws -> BindSettings {
        let binds = try binds(line, global: global, mode: mode)
        #expect(binds.count == 1)
        return try #require(binds.first)
    }

    /// The one alert that a `bind` line gives; it stands on line 3.
    private func refusal(_ line: String, mode: String = "http") -> String {
        load("frontend f\n mode \(mode)\n bind \(line)\n").alerts.joined(separator: "\n")
    }

    private static let localhost = IPAddress.v4(0x7f00_0001)
    private static let localhost6 = IPAddress.v6(high: 0, low: 1)

    private static let addresses: [(String, BindAddress)] = [
        ("*:80", .ip(.anyV4, ports: 80...80)), (":80", .ip(.anyV4, ports: 80...80)),
        (":80-89", .ip(.anyV4, ports: 80...89)), ("0.0.0.0:80", .ip(.anyV4, ports: 80...80)),
        ("127.0.0.1:8080", .ip(localhost, ports: 8080...8080)), ("127.0.0.1:1-65535", .ip(localhost, ports: 1...65535)),
        (":::80", .ip(.anyV6, ports: 80...80)), ("[::]:80", .ip(.anyV6, ports: 80...80)),
        ("::1:80", .ip(localhost6, ports: 80...80)), ("[::1]:80-81", .ip(localhost6, ports: 80...81)),
        ("ipv4@:80", .ip(.anyV4, ports: 80...80)), ("ipv4@127.0.0.1:80", .ip(localhost, ports: 80...80)),
        ("ipv6@:80", .ip(.anyV6, ports: 80...80)), ("ipv6@*:80", .ip(.anyV6, ports: 80...80)),
        ("ipv6@[::1]:80", .ip(localhost6, ports: 80...80)), ("ip@[::1]:80", .ip(localhost6, ports: 80...80)),
        ("tcp@127.0.0.1:80", .ip(localhost, ports: 80...80)), ("tcp4@:80", .ip(.anyV4, ports: 80...80)),
        ("tcp6@:80", .ip(.anyV6, ports: 80...80)), ("stream+ipv4@:80", .ip(.anyV4, ports: 80...80)),
        ("/run/p.sock", .unix(path: "/run/p.sock")), ("unix@p.sock", .unix(path: "p.sock")),
        ("uxst@/run/p.sock", .unix(path: "/run/p.sock")), ("abns@portico", .abstract(name: "portico")),
        ("abnsz@portico", .abstract(name: "portico", isPadded: false)),
        ("/run/a@b+c", .unix(path: "/run/a@b+c")), ("stream+/run/x", .unix(path: "/run/x")),
        ("fd@3", .inherited(fd: 3)), ("stream+fd@4", .inherited(fd: 4)),
    ]

    @Test(arguments: addresses)
    func streams(text: String, address: BindAddress) throws {
        let bind = try bind(text)
        #expect(bind.address == address)
        #expect(bind.transport == .stream)
        #expect(bind.tls == nil)
    }

    @Test(arguments: [
        ("quic4@:443", BindAddress.ip(.anyV4, ports: 443...443)), ("quic6@:443", .ip(.anyV6, ports: 443...443)),
        ("quic4@127.0.0.1:443-445", .ip(localhost, ports: 443...445)),
        ("quic+ipv6@[::1]:443", .ip(localhost6, ports: 443...443)),
        ("quic+ip@127.0.0.1:443", .ip(localhost, ports: 443...443)), ("quic+fd@7", .inherited(fd: 7)),
    ])
    func quic(text: String, address: BindAddress) throws {
        let bind = try bind("\(text) ssl crt a.pem")
        #expect(bind.address == address)
        #expect(bind.transport == .quic)
        #expect(bind.tls?.alpn == ["h3"])
        #expect(bind.tls?.parameters.minVersion == .tls13)
    }

    @Test func namesAreLookedUp() {
        let result = load("frontend f\n timeout client 1s\n bind ipv4@localhost:80\n", system: LinuxSystem())
        #expect(result.configuration?.frontends[0].binds[0].address == .ip(Self.localhost, ports: 80...80))
    }

    @Test func aLineHasSeveralAddresses() throws {
        let binds = try binds(":80,[::1]:81,/run/x,quic4@:82 ssl crt a.pem name n")
        #expect(
            binds.map(\.address) == [
                .ip(.anyV4, ports: 80...80), .ip(Self.localhost6, ports: 81...81), .unix(path: "/run/x"),
                .ip(.anyV4, ports: 82...82),
            ])
        #expect(binds.map(\.transport) == [.stream, .stream, .stream, .quic])
        #expect(binds.allSatisfy { $0.name == "n" && $0.tls != nil })
        #expect(binds.map { $0.tls?.alpn.first } == ["h2", "h2", "h2", "h3"])
    }

    @Test(
        arguments: [
            ("", "3:2 'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments"),
            ("1.2.3.4", "3:7 'bind' : missing port specification in '1.2.3.4'"),
            ("1.2.3.4:", "3:7 'bind' : missing port specification in '1.2.3.4:'"),
            (":0", "3:7 'bind' : invalid port '0' in ':0'"),
            (":65536", "3:7 'bind' : invalid port '65536' in ':65536'"),
            (":99999999999999999999", "3:7 'bind' : missing port number in ':99999999999999999999'"),
            (":80-70", "3:7 'bind' : invalid port range '80-70' in ':80-70'"),
            (":80-", "3:7 'bind' : missing port number in ':80-'"),
            (":8o", "3:7 'bind' : invalid character 'o' in port number '8o' in ':8o'"),
            (":+80", "3:7 'bind' : port offset not permitted here in ':+80'"),
            ("1.2.3:80", "3:7 'bind' : invalid address: '1.2.3' in '1.2.3:80'"),
            ("1:2:80", "3:7 'bind' : invalid address: '1:2' in '1:2:80'"),
            ("ipv4@[::1]:80", "3:7 'bind' : '::1' is no IPv4 address in 'ipv4@[::1]:80'"),
            ("ipv6@1.2.3.4:80", "3:7 'bind' : '1.2.3.4' is no IPv6 address in 'ipv6@1.2.3.4:80'"),
            ("nowhere.invalid:80", "3:7 'bind' : invalid address: 'nowhere.invalid' in 'nowhere.invalid:80'"),
            ("udp4@:80", "3:7 'bind' : dgram-type address not acceptable in 'udp4@:80'"),
            ("dgram+fd@3", "3:7 'bind' : dgram-type address not acceptable in 'dgram+fd@3'"),
            ("quic+tcp4@:80", "3:7 'bind' : two socket types in address 'quic+tcp4@:80'"),
            ("quic+unix@x", "3:7 'bind' : QUIC needs an IP address in 'quic+unix@x'"),
            ("quic+abnsz@x", "3:7 'bind' : QUIC needs an IP address in 'quic+abnsz@x'"),
            ("mptcp4@:80", "3:7 'bind' : addresses with 'mptcp4@' are not supported by this version of Portico"),
            ("ipv5@:80", "3:7 'bind' : unknown address prefix 'ipv5@' in 'ipv5@:80'; did you mean 'ipv4@' maybe ?"),
            ("fd@x", "3:7 'bind' : file descriptor 'x' is not a valid integer in 'fd@x'"),
            ("fd@-1", "3:7 'bind' : file descriptor '-1' is not a valid integer in 'fd@-1'"),
            ("unix@", "3:7 'bind' : missing socket path in 'unix@'"), (":80,", "3:7 'bind' : the address is empty"),
            (
                "/\(String(repeating: "x", count: 97))",
                "3:7 'bind' : socket path '/\(String(repeating: "x", count: 97))' too long (max 97)"
            ),
            (":80 nme x", "3:11 'bind :80' : unknown keyword 'nme'; did you mean 'name' maybe ?"),
            (":80 name", "3:11 'bind :80' : 'name' expects a name"),
            (":80 maxconn x", "3:19 'maxconn' expects an integer argument, got 'x'"),
            (":80 mode 8", "3:16 'bind :80' : 'mode' expects an octal mode, got '8'"),
            (
                ":80 namespace blue",
                "3:11 'bind :80' : 'namespace' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (":80 ssl", "3:7 'bind :80' : no SSL certificate specified (use 'crt')"),
            (":80 ssl crt", "3:15 'bind :80' : 'crt' expects a certificate location"),
            (":80 ssl crt a alpn h2,,h3", "3:26 'bind :80' : empty protocol name in 'alpn'"),
            (
                ":80 ssl crt a alpn h3",
                "3:26 'bind :80' : 'h3' is not one of the protocols that an HTTP listener over TCP speaks ('h2', 'http/1.1', 'http/1.0')"
            ),
            (
                ":80 ssl crt a ssl-max-ver TLSv1.1",
                "3:7 'bind :80' : all SSL/TLS versions are disabled: none is left from TLSv1.2 to TLSv1.1"
            ),
            (
                ":80 ssl crt a ssl-min-ver TLSv1.1 no-tlsv12",
                "3:7 'bind :80' : SSL/TLS versions have a gap: TLSv1.2 is disabled between TLSv1.1 and TLSv1.3; use 'ssl-min-ver' or 'ssl-max-ver'"
            ),
            ("quic4@:80 ssl crt a alpn h2", "3:32 'bind quic4@:80' : QUIC listeners need 'h3' in 'alpn'"),
            (
                "quic4@:80 ssl crt a alpn hq-interop",
                "3:32 'bind quic4@:80' : QUIC listeners speak 'h3' only, not 'hq-interop'"
            ),
            ("quic4@:80 ssl crt a no-alpn", "3:27 'bind quic4@:80' : QUIC listeners speak 'h3' only, not 'no-alpn'"),
            (
                "quic4@:80 ssl crt a accept-proxy",
                "3:7 'bind quic4@:80' : 'accept-proxy' option cannot be used with a QUIC listener"
            ),
            ("quic4@:80 ssl crt a no-tlsv13", "3:7 'bind quic4@:80' : QUIC needs TLSv1.3, which is disabled"),
            (
                "quic4@:80 ssl crt a quic-cc-algo nocc",
                "3:40 'bind quic4@:80' : 'nocc' : unknown control congestion algorithm"
            ),
        ] as [(String, String)])
    func refusals(line: String, message: String) {
        #expect(refusal(line) == message)
    }

    @Test func socketSettings() throws {
        let bind = try bind(":80 accept-proxy name web maxconn 5 backlog 6 tfo v6only")
        #expect(bind.acceptsProxyHeader && bind.fastOpen)
        #expect((bind.name, bind.maxconn, bind.backlog, bind.isIPv6Only) == ("web", 5, 6, true))
        #expect(try self.bind(":80 v4v6").isIPv6Only == false)
        #expect(try self.bind(":80 v6only v4v6").isIPv6Only == true)
        let plain = try self.bind(":80 maxconn 0 backlog 0")
        #expect(
            plain == BindSettings(address: .ip(.anyV4, ports: 80...80), transport: .stream, location: plain.location))
    }

    @Test func unixSockets() throws {
        let global = "unix-bind prefix /jail mode 600 user u gid 5"
        let bind = try bind("/run/x mode 660 uid 7", global: global)
        #expect(bind.address == .unix(path: "/jail/run/x"))
        #expect(bind.permissions == SocketPermissions(mode: 0o660, user: .id(7), group: .id(5)))
        #expect(try self.bind("abns@x", global: global).address == .abstract(name: "x"))
        #expect(try self.bind("/x group g").permissions == SocketPermissions(group: .name("g")))
    }

    @Test func certificates() throws {
        let tls = try #require(
            try bind(":443 ssl crt a.pem crt /etc/b default-crt c", global: "crt-base /certs").tls)
        #expect(
            tls.certificates == [
                CertificateSource(path: "/certs/a.pem"), CertificateSource(path: "/etc/b"),
                CertificateSource(path: "/certs/c", isDefault: true),
            ])
        #expect(tls.alpn == ["h2", "http/1.1"])
        #expect(tls.parameters == TLSParameters())
        #expect(try bind(":443 ssl crt a.pem").tls?.certificates.first?.path == "a.pem")
    }

    @Test func tlsSettings() throws {
        let tls = try #require(
            try bind(
                ":443 ssl crt a alpn http/1.1 ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.2 ciphers C ciphersuites S curves X:Y"
                    + " sigalgs G no-tls-tickets strict-sni prefer-client-ciphers"
            ).tls)
        #expect(tls.alpn == ["http/1.1"])
        #expect(
            tls.parameters
                == TLSParameters(
                    minVersion: .tls10, maxVersion: .tls12, ciphers: "C", ciphersuites: "S", curves: "X:Y",
                    signatureAlgorithms: "G", usesTickets: false))
        #expect(tls.strictSNI && tls.prefersClientCiphers)
    }

    @Test func tlsDefaults() throws {
        let global = """
            ssl-default-bind-ciphers C
            ssl-default-bind-ciphersuites S
            ssl-default-bind-curves X
            ssl-default-bind-sigalgs G
            ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets strict-sni prefer-client-ciphers
            """
        let tls = try #require(try bind(":443 ssl crt a", global: global).tls)
        #expect(
            tls.parameters
                == TLSParameters(
                    minVersion: .tls13, ciphers: "C", ciphersuites: "S", curves: "X", signatureAlgorithms: "G",
                    usesTickets: false))
        #expect(tls.strictSNI && tls.prefersClientCiphers)
        let own = try #require(try bind(":443 ssl crt a ciphers D tls-tickets no-strict-sni", global: global).tls)
        #expect(own.parameters.ciphers == "D")
        #expect(own.parameters.usesTickets)
        #expect(!own.strictSNI)
    }

    @Test(
        arguments: [
            ("no-tlsv12", TLSVersion.tls13, nil), ("no-sslv3 no-tlsv10 no-tlsv11", .tls12, nil),
            ("force-tlsv12", .tls12, .tls12),
            ("force-tlsv13", .tls13, nil), ("no-tlsv13", .tls12, .tls12), ("ssl-min-ver SSLv3", .sslv3, nil),
        ] as [(String, TLSVersion, TLSVersion?)])
    func tlsVersions(words: String, oldest: TLSVersion, newest: TLSVersion?) throws {
        let parameters = try #require(try bind(":443 ssl crt a \(words)").tls).parameters
        #expect((parameters.minVersion, parameters.maxVersion) == (oldest, newest))
    }

    @Test func alpnDependsOnTheMode() throws {
        #expect(try bind(":443 ssl crt a", mode: "tcp").tls?.alpn == [])
        #expect(try bind(":443 ssl crt a alpn imap,x", mode: "tcp").tls?.alpn == ["imap", "x"])
        #expect(try bind(":443 ssl crt a no-alpn").tls?.alpn == [])
        #expect(try binds(":443,quic4@:443 ssl crt a alpn h3,h2").map { $0.tls?.alpn } == [["h2"], ["h3"]])
        // The mode may come after the line.
        let late = load("frontend f\n bind :443 ssl crt a\n mode http\n timeout client 1s\n")
        #expect(late.configuration?.frontends[0].binds[0].tls?.alpn == ["h2", "http/1.1"])
        #expect(
            refusal("quic4@:443 ssl crt a", mode: "tcp") == "3:7 'bind quic4@:443' : a QUIC listener needs 'mode http'")
    }

    @Test func quicSettings() throws {
        #expect(try bind("quic4@:1 ssl crt a").quic == BindQUICSettings())
        let quic = try bind("quic4@:1 ssl crt a quic-force-retry quic-cc-algo bbr allow-0rtt").quic
        #expect(quic == BindQUICSettings(congestionControl: .bbr, forcesRetry: true, takesEarlyData: true))
        #expect(try bind("quic4@:1 ssl crt a quic-cc-algo newreno").quic.congestionControl == .newreno)
        #expect(
            load("frontend f\n mode http\n timeout client 1s\n bind quic4@:1 ssl crt a quic-cc-algo bbr(2m)\n").warnings
                == [
                    "4:39 'bind quic4@:1' : 'quic-cc-algo' : the limit of the congestion window has no effect: it has none"
                        + " of its own"
                ])
        #expect(
            refusal(":1 ssl crt a ech a").hasSuffix(
                "'ech' is a keyword of HAProxy that this version of Portico does not support"))
        let result = load("frontend f\n mode http\n timeout client 1s\n bind quic4@:1 crt a\n")
        #expect(
            result.warnings == [
                "4:7 'bind quic4@:1' : QUIC protocol detected, enabling ssl. Use 'ssl' to shut this warning."
            ])
        #expect(result.configuration?.frontends[0].binds[0].tls != nil)
    }

    @Test func http2NeedsItsBuffer() {
        let text = "global\n tune.bufsize 8k\nfrontend f\n mode http\n bind :443 ssl crt a"
        #expect(
            load(text).alerts == ["5:7 'bind :443' : HTTP/2 needs a 'tune.bufsize' of at least 16384 bytes (8192 now)"])
        #expect(load(text + " alpn http/1.1").alerts == [])
    }

    @Test func twoListenersCanNotShareAnAddress() {
        let result = load(
            """
            frontend a
                bind :80
                bind 127.0.0.1:80
                bind :100-200
                bind quic4@:80 ssl crt x
                mode http
            frontend b
                mode http
                bind :81
                bind :150
                bind :80
                bind /run/x
                bind [::]:80
                bind :90-120
            listen c
                bind /run/x
                bind fd@3
                bind fd@4
                bind :200
            """)
        #expect(
            result.alerts == [
                "10:10 'bind' of 'b' : ipv4@0.0.0.0:150 is taken by 'a' at test.cfg:4",
                "11:10 'bind' of 'b' : ipv4@0.0.0.0:80 is taken by 'a' at test.cfg:2",
                "14:10 'bind' of 'b' : ipv4@0.0.0.0:90-120 is taken by 'a' at test.cfg:4",
                "16:10 'bind' of 'c' : unix@/run/x is taken by 'b' at test.cfg:12",
                "19:10 'bind' of 'c' : ipv4@0.0.0.0:200 is taken by 'a' at test.cfg:4",
            ])
    }
}
