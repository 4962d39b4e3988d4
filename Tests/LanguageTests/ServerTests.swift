import Configuration
import Language
import Testing

@Suite struct ServerTests {
    private func servers(_ lines: String, global: String = "", mode: String = "http") throws -> [ServerSettings] {
        let timeouts = "timeout connect 1s\n timeout server 1s"
        let result = load("global\n\(global)\nbackend b\n \(timeouts)\n mode \(mode)\n\(lines)\n")
        #expect(result.diagnostics == [])
        return try #require(result.configuration).backends[0].servers
    }

    private func server(_ line: String, global: String = "", mode: String = "http") throws -> ServerSettings {
        try #require(try servers(" server s \(line)", global: global, mode: mode).first)
    }

    private static let localhost = HostAddress.ip(.v4(0x7f00_0001))

    @Test(arguments: [
        ("127.0.0.1:80", ServerAddress.host(localhost, .fixed(80))),
        ("127.0.0.1", .host(localhost, .ofClient(offset: 0))),
        ("127.0.0.1:0", .host(localhost, .ofClient(offset: 0))),
        ("127.0.0.1:+1000", .host(localhost, .ofClient(offset: 1000))),
        ("127.0.0.1:-10", .host(localhost, .ofClient(offset: -10))),
        ("ipv4@127.0.0.1:80", .host(localhost, .fixed(80))),
        ("[::1]:80", .host(.ip(.v6(high: 0, low: 1)), .fixed(80))),
        ("[::1]", .host(.ip(.v6(high: 0, low: 1)), .ofClient(offset: 0))),
        ("::1:80", .host(.ip(.v6(high: 0, low: 1)), .fixed(80))), ("tcp4@127.0.0.1:80", .host(localhost, .fixed(80))),
        ("app.example:8080", .host(.name("app.example", family: nil), .fixed(8080))),
        ("ipv6@app.example", .host(.name("app.example", family: .ipv6), .ofClient(offset: 0))),
        ("/run/app.sock", .unix(path: "/run/app.sock")), ("unix@app.sock", .unix(path: "app.sock")),
        ("abns@app", .abstract(name: "app")), ("abnsz@app", .abstract(name: "app", isPadded: false)),
    ])
    func addresses(text: String, address: ServerAddress) throws {
        let server = try server(text)
        #expect(server == ServerSettings(name: "s", address: address, location: server.location))
    }

    @Test func loadSettings() throws {
        let server = try server(
            "127.0.0.1:80 weight 256 maxconn 7 maxqueue 8 backup disabled pool-max-conn 9 pool-purge-delay 2s max-reuse 10"
        )
        #expect((server.weight, server.maxconn, server.maxqueue) == (256, 7, 8))
        #expect(server.isBackup && server.isDisabled)
        #expect((server.poolMaxConnections, server.poolPurgeDelay, server.maxReuse) == (9, 2000, 10))
        let plain = try self.server(
            "127.0.0.1:80 maxconn 0 maxqueue 0 pool-max-conn -1 max-reuse -1 weight 1 enabled no-backup")
        #expect(plain == ServerSettings(name: "s", address: plain.address, location: plain.location))
        #expect(try self.server("127.0.0.1:80 pool-purge-delay 0").poolMaxConnections == 0)
    }

    @Test func defaultServersAddUp() throws {
        let servers = try servers(
            """
             server a 127.0.0.1:1
             default-server weight 5 maxconn 10 ssl verify none
             server b 127.0.0.1:2
             default-server weight 6 no-ssl
             server c 127.0.0.1:3 maxconn 20
             server d 127.0.0.1:4 ssl
            """)
        #expect(servers.map(\.name) == ["a", "b", "c", "d"])
        #expect(servers.map(\.weight) == [1, 5, 6, 6])
        #expect(servers.map(\.maxconn) == [nil, 10, 20, 10])
        // TLS that was asked for and then denied can be turned on at run time.
        #expect(servers.map { $0.tls?.verifiesCertificate } == [nil, false, false, false])
        #expect(servers.map(\.usesTLSForTraffic) == [true, true, false, true])
    }

    @Test func defaultServersAreInherited() throws {
        let result = load(
            "defaults\n timeout connect 1s\n timeout server 1s\n default-server weight 9\nbackend a\n server s 127.0.0.1:1\n"
        )
        #expect(result.configuration?.backends[0].servers[0].weight == 9)
    }

    @Test(
        arguments: [
            ("source 10.0.0.1", "10.0.0.1", nil, SourceSettings.Shown.own),
            ("source 10.0.0.1:7", "10.0.0.1", 7...7, .own), ("source 10.0.0.1:7-9", "10.0.0.1", 7...9, .own),
            ("source 0.0.0.0 usesrc client", nil, nil, .client),
            ("source 0.0.0.0 usesrc clientip", nil, nil, .clientAddress),
            ("source 0.0.0.0 usesrc 10.0.0.2:5", nil, nil, .address(IPAddress(text: "10.0.0.2")!, port: 5)),
            ("source 0.0.0.0 usesrc hdr_ip(X-From)", nil, nil, .header(name: "x-from", occurrence: -1)),
            ("source 0.0.0.0 usesrc hdr_ip(X-From,2)", nil, nil, .header(name: "x-from", occurrence: 2)),
        ] as [(String, String?, ClosedRange<UInt16>?, SourceSettings.Shown)])
    func sources(words: String, address: String?, ports: ClosedRange<UInt16>?, shown: SourceSettings.Shown) throws {
        let source = try #require(try server("127.0.0.1:80 \(words)").connection.source)
        #expect((source.address, source.ports) == (address.flatMap { IPAddress(text: $0) }, ports))
        #expect(source.shown == shown)
    }

    @Test func tlsSettings() throws {
        let tls = try #require(
            try server(
                "127.0.0.1:443 ssl ca-file ca.pem sni str(app) verifyhost host alpn http/1.1 ssl-min-ver TLSv1.3 ciphers C"
                    + " ciphersuites S curves X sigalgs G no-tls-tickets no-ssl-reuse", global: "ca-base /ca"
            ).tls)
        #expect(tls.trust == .path("/ca/ca.pem"))
        #expect(tls.verifiesCertificate)
        #expect(tls.serverName == .fixed("app"))
        #expect((tls.verifiedHost, tls.alpn, tls.reusesSessions) == ("host", ["http/1.1"], false))
        #expect(
            tls.parameters
                == TLSParameters(
                    minVersion: .tls13, ciphers: "C", ciphersuites: "S", curves: "X", signatureAlgorithms: "G",
                    usesTickets: false))
    }

    @Test func tlsDefaults() throws {
        let global = "ssl-default-server-ciphers C\nssl-default-server-options force-tlsv12\nssl-server-verify none"
        let tls = try #require(try server("127.0.0.1:443 ssl", global: global).tls)
        #expect((tls.parameters.ciphers, tls.parameters.minVersion, tls.parameters.maxVersion) == ("C", .tls12, .tls12))
        #expect(!tls.verifiesCertificate)
        #expect(tls.trust == nil)
        #expect(try server("127.0.0.1:443 ssl ca-file @system-ca").tls?.trust == .system)
        #expect(try server("127.0.0.1:443 ssl verify none verifyhost a no-verifyhost").tls?.verifiedHost == nil)
    }

    @Test(arguments: [
        ("", "http", ServerNameSource.requestHost), ("", "tcp", .none), ("no-sni-auto", "http", .none),
        ("no-sni-auto sni-auto", "http", .requestHost), ("sni req.hdr(host)", "http", .requestHost),
        ("sni req.hdr(host),field(1,:)", "http", .requestHost), ("sni str(x)", "tcp", .fixed("x")),
    ])
    func serverNames(words: String, mode: String, name: ServerNameSource) throws {
        #expect(try server("127.0.0.1:443 ssl verify none \(words)", mode: mode).tls?.serverName == name)
    }

    @Test func theCommandLineCanSkipVerification() {
        let text = "backend b\n mode http\n server s 127.0.0.1:443 ssl\n"
        let loader = ConfigurationLoader(skipsServerVerification: true)
        #expect(
            loader.load(text: text, named: "a").configuration?.backends[0].servers[0].tls?.verifiesCertificate == false)
        #expect(
            load(text).alerts.first?.hasPrefix("3:9 'server b/s' : verify is enabled by default but no CA file") == true
        )
    }

    @Test(
        arguments: [
            ("server", "2:2 'server' expects <name> and <addr>[:<port>] as arguments"),
            ("server s", "2:2 'server' expects <name> and <addr>[:<port>] as arguments"),
            ("server a/b 127.0.0.1", "2:9 character '/' is not permitted in server name 'a/b'"),
            ("server s 127.0.0.1:70000", "2:11 'server b/s' : invalid port '70000' in '127.0.0.1:70000'"),
            ("server s 127.0.0.1:80-90", "2:11 'server b/s' : port range not permitted here in '127.0.0.1:80-90'"),
            ("server s ::1", "2:11 'server b/s' : invalid address: ':' in '::1'"),
            (
                "server s udp@127.0.0.1:80",
                "2:11 'server b/s' : dgram-type address not acceptable in 'udp@127.0.0.1:80'"
            ),
            (
                "server s 127.0.0.1:80 proto h9",
                "2:30 'server b/s' : 'proto' :  unknown MUX protocol 'h9'"
            ),
            ("server s fd@3", "2:11 'server b/s' : a file descriptor is not acceptable here in 'fd@3'"),
            (
                "server s 127.0.0.1:80 strict-maxconn",
                "2:24 'server b/s' : 'strict-maxconn' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (
                "server s 127.0.0.1:80 weigth 3",
                "2:24 'server b/s' : unknown keyword 'weigth'; did you mean 'weight' maybe ?"
            ),
            (
                "server s 127.0.0.1:80 weight 300",
                "2:31 'server b/s' : weight of server s is not within 0 and 256 (300).."
            ),
            ("server s 127.0.0.1:80 weight", "2:24 'server b/s' : 'weight' expects an integer argument"),
            (
                "server s 127.0.0.1:80 ssl verify optional",
                "2:35 'server b/s' : unknown verify method 'optional', only 'none' and 'required' are supported"
            ),
            (
                "server s 127.0.0.1:80 ssl alpn h3",
                "2:9 'server b/s' : 'alpn h3' needs a 'quic4@' or 'quic6@' address"
            ),
            (
                "server s 127.0.0.1:80 ssl verify required",
                "2:9 'server b/s' : verify is enabled but no CA file specified"
            ),
            (
                "server s 127.0.0.1:80 ssl verify none ssl-max-ver TLSv1.0",
                "2:9 'server b/s' : all SSL/TLS versions are disabled: none is left from TLSv1.2 to TLSv1.0"
            ),
            (
                "server s 127.0.0.1:80 ssl verify none sni hdr(host)",
                "2:9 'server b/s' : 'sni req.hdr(host)' needs 'mode http'"
            ),
            (
                "server s 127.0.0.1\n server s 127.0.0.2",
                "3:9 backend 'b', another server named 's' was already defined at test.cfg:2, please use distinct names"
            ),
            ("default-server weight x", "2:24 'weight' expects an integer argument, got 'x'"),
            ("default-server 127.0.0.1", "2:17 'default-server' : unknown keyword '127.0.0.1'"),
        ] as [(String, String)])
    func refusals(lines: String, message: String) {
        #expect(load("backend b\n \(lines)\n").alerts == [message])
    }
}
