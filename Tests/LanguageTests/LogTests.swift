import Configuration
import Language
import Rules
import Testing

@Suite struct LogTests {
    private func target(_ arguments: String, before: String = "") throws -> LogTarget {
        let result = load("global\n\(before)\n log \(arguments)\n")
        #expect(result.diagnostics == [])
        return try #require(result.configuration?.global.logs.first)
    }

    @Test(arguments: [
        ("stdout", LogDestination.fd(1)), ("stderr", .fd(2)), ("fd@5", .fd(5)), ("/dev/log", .unix(path: "/dev/log")),
        ("unix@log", .unix(path: "log")), ("uxdg@/dev/log", .unix(path: "/dev/log")),
        ("127.0.0.1", .udp(.ip(.v4(0x7f00_0001)), port: 514)),
        ("127.0.0.1:5140", .udp(.ip(.v4(0x7f00_0001)), port: 5140)),
        ("[::1]:5140", .udp(.ip(.v6(high: 0, low: 1)), port: 5140)),
        ("udp@10.0.0.1", .udp(.ip(.v4(0x0a00_0001)), port: 514)),
        ("loghost", .udp(.name("loghost", family: nil), port: 514)),
        ("udp6@loghost:1", .udp(.name("loghost", family: .ipv6), port: 1)),
        ("ipv4@loghost:1", .udp(.name("loghost", family: .ipv4), port: 1)),
    ])
    func destinations(text: String, destination: LogDestination) throws {
        #expect(try target("\(text) local0") == LogTarget(destination: destination, facility: .local0))
    }

    @Test func allArguments() throws {
        let expected = LogTarget(
            destination: .fd(1), framing: .rfc5424, maxLength: 4096, facility: .daemon, level: .warning,
            minLevel: .alert)
        #expect(try target("stdout len 4096 format rfc5424 daemon warning alert") == expected)
        #expect(try target("stdout format rfc5424 len 4096 daemon warning alert") == expected)
    }

    @Test(arguments: ["local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw"])
    func framings(name: String) throws {
        #expect(try target("stdout format \(name) user").framing.rawValue == name)
    }

    @Test func aHostNameMakesFramesRFC3164() throws {
        #expect(try target("stdout user").framing == .local)
        #expect(try target("stdout user", before: "log-send-hostname").framing == .rfc3164)
        #expect(try target("stdout format raw user", before: "log-send-hostname h").framing == .raw)
        #expect(load("global\n log-send-hostname h\n").configuration?.global.logHostname == .fixed("h"))
        #expect(load("global\n log-send-hostname\n").configuration?.global.logHostname == .system)
    }

    @Test func proxiesTakeTheGlobalTargets() throws {
        let result = load(
            """
            global
                log stdout local0
                log stderr local1
            defaults
                log global
                option tcplog
                timeout client 1s
            frontend a
                bind :81
                log fd@3 local2
            frontend b
                bind :82
                no log
                log fd@4 local3
            frontend c
                bind :83
                mode http
                option httplog
            backend d
            """)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        #expect(
            configuration.frontends.map { $0.logs.map(\.destination) } == [
                [.fd(1), .fd(2), .fd(3)], [.fd(4)], [.fd(1), .fd(2)],
            ])
        #expect(
            configuration.frontends.map { $0.lines.format?.source.hasSuffix("%sq/%bq") } == [true, true, false])
        #expect(configuration.backends[0].logs.count == 2)
    }

    @Test(
        arguments: [
            ("log", "2:2 'log' expects 'global' or '<target> <facility>' as arguments"),
            ("log stdout", "2:2 'log' expects a facility: 'log <target> <facility>'"),
            ("log stdout locl0", "2:13 log : unknown log facility 'locl0'"),
            ("log stdout local0 warn", "2:20 log : unknown log level 'warn'"),
            ("log stdout local0 info debg", "2:25 log : unknown log level 'debg'"),
            ("log stdout local0 info debug x", "2:31 'log' : unexpected extra argument 'x'"),
            ("log stdout len 10 local0", "2:17 'log' expects an integer between 80 and 65535, got '10'"),
            ("log stdout format json local0", "2:20 log : unknown log format 'json'"),
            (
                "log stdout sample 1 local0",
                "2:20 'log' : missing sample size: expected <sample ranges>:<sample size>"
            ),
            ("log stdout sample 2-1:3 local0", "2:20 'log' : wrong sample range '2-1'"),
            ("log stdout sample 1,1:3 local0", "2:20 'log' : sample ranges are overlapping"),
            (
                "log stdout sample 1-4:3 local0",
                "2:20 'log' : the sample size must be greater than the ends of its ranges"
            ),
            ("log stdout profile p local0", "2 unknown log-profile 'p'"),
            ("log ring@x local0", "2:6 log server uses unknown ring named 'x'"),
            ("log 1.1.1.1:0 local0", "2:6 log : invalid port in '1.1.1.1:0'"),
            ("log 1.1.1.1:+1 local0", "2:6 log : port offset not permitted here in '1.1.1.1:+1'"),
            ("log fd@x local0", "2:6 log : file descriptor 'x' is not a valid integer in 'fd@x'"),
            ("log abns@x local0", "2:6 log : an abstract socket is not acceptable here in 'abns@x'"),
            ("log global", "2:6 'log global' is not possible in 'global' itself"),
            ("no log stdout", "2:9 'no log' does not expect arguments"),
        ] as [(String, String)])
    func refusals(line: String, message: String) {
        let alerts = load("global\n \(line)\n").alerts
        #expect(alerts == [message])
    }

    @Test func formatsWithoutATargetAreWarnedAbout() {
        let result = load(
            """
            frontend a
                bind :81
                timeout client 1s
                option httplog
            """)
        #expect(
            result.warnings == [
                "4:5 'option httplog' not usable with frontend 'a' (needs 'mode http'). Falling back to 'option tcplog'.",
                "1:10 log format ignored for frontend 'a' since it has no log address.",
            ])
        #expect(result.configuration?.frontends[0].lines.format?.source.contains("%Tw/%Tc/%Tt") == true)
        let twice = load("global\n log fd@1 local0\ndefaults\n log global\nfrontend a\n log global\n log global\n")
        #expect(twice.alerts == [] && twice.configuration?.frontends[0].logs.count == 1)
    }
}

/// `log-forward` sections and backends of `mode log`, in HAProxy's words where it has some.
@Suite struct LogForwardSectionTests {
    @Test func aSectionIsRead() throws {
        let result = load(
            """
            log-forward in
                bind 127.0.0.1:514,[::1]:514
                dgram-bind udp@127.0.0.1:514
                log 127.0.0.1:1514 local0
                log 127.0.0.1:1515 format rfc5424 local1 info
                maxconn 20
                backlog 5
                timeout client 3s
                option host append
                option dont-parse-log
                option assume-rfc6587-ntf
            """)
        #expect(result.diagnostics == [])
        let forward = try #require(result.configuration?.logForwards.first)
        #expect(forward.name == "in" && forward.streams.count == 2 && forward.datagrams.count == 1)
        #expect(forward.logs.map(\.detectsFraming) == [true, false])
        #expect(forward.maxconn == 20 && forward.backlog == 5 && forward.clientTimeout == 3000)
        #expect(forward.hostPolicy == .append && !forward.parsesLines && forward.assumesLineFeeds)
    }

    @Test func aBackendTakesLines() throws {
        let result = load(
            """
            global
                log backend@lines local0
            backend lines
                mode log
                balance sticky
                server s1 udp@127.0.0.1:514
                server s2 udp@127.0.0.1:515 backup
            backend streams
                mode log
                server s1 127.0.0.1:514
            frontend f
                mode http
                log global
                timeout client 1s
                bind :8080
            """)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.logBackends == [0])
        #expect(configuration.frontends[0].logs.map(\.destination) == [.backend(0)])
        #expect(configuration.backends[0].takesLogs && configuration.backends[0].balance == .sticky)
        #expect(configuration.backends[0].servers.map(\.takesDatagrams) == [true, true])
        #expect(configuration.backends[1].balance == .random(draws: 1))
        #expect(configuration.backends[1].servers[0].ring == 0 && configuration.rings.count == 1)
    }

    @Test(arguments: [
        ("log-forward", "1:1 missing name for log-forward section."),
        ("log-forward a\n bogus", "2:2 unknown keyword 'bogus' in 'log-forward' section"),
        ("log-forward a\n option host no", "2:14 option 'host' expects {replace|fill|keep|append}."),
        ("log-forward a\n bind udp@:514", "2:7 'bind' : dgram-type address not acceptable in 'udp@:514'"),
        ("log-forward a\n dgram-bind tcp@:514", "2:13 'dgram-bind' : stream-type address not acceptable in 'tcp@:514'"),
        (
            "log-forward a\nlog-forward a",
            "2:13 log-forward section 'a' has the same name as another log-forward section declared at test.cfg:1."
        ),
        ("global\n log backend@x local0", "2:6 log directive uses unknown log backend 'x'."),
        ("backend b\nglobal\n log backend@b local0", "3:6 log directive uses incompatible log backend 'b'."),
        (
            "backend b\n mode log\n balance leastconn",
            "1:9 in backend 'b': \"balance\" only supports 'roundrobin', 'random', 'sticky' and 'log-hash'."
        ),
        ("backend b\n balance sticky", "1:9 backend 'b': 'balance sticky' and 'balance log-hash' need 'mode log'."),
        (
            "backend b\n mode log\n server a udp@127.0.0.1:1\n server b 127.0.0.1:1",
            "1:9 log backend 'b': failed to initialize: cannot mix server types within a log backend, 'b' srv's network"
                + " type differs from previous server."
        ),
    ])
    func refusals(text: String, alert: String) { #expect(load(text).alerts == [alert]) }
}
