import Configuration
import Language
import Testing

/// `resolvers` sections, and what servers say about their names (configuration.txt, section 5.3).
@Suite struct ResolversTests {
    private static let timeouts = "defaults\n timeout connect 1s\n timeout server 1s\n"

    @Test func sections() throws {
        let result = load(
            """
            resolvers dns
             nameserver ns1 127.0.0.1:53
             nameserver ns2 tcp@[::1]:5353
             nameserver ns3 udp@127.0.0.2:53
             hold nx 1s
             hold other 2s
             hold refused 3s
             hold timeout 4s
             hold valid 5s
             hold obsolete 6s
             timeout resolve 7s
             timeout retry 8s
             resolve_retries 9
             accepted_payload_size 4096
            resolvers plain
             nameserver ns1 127.0.0.1:53
            """)
        #expect(result.diagnostics == [])
        let sections = try #require(result.configuration).resolvers.filter { $0.name != "default" }
        #expect(sections.map(\.name) == ["dns", "plain"])
        let first = sections[0]
        #expect(first.nameServers.map(\.name) == ["ns1", "ns2", "ns3"])
        #expect(first.nameServers.map(\.port) == [53, 5353, 53])
        #expect(first.nameServers.map(\.usesTCP) == [false, true, false])
        #expect(first.nameServers[1].address == .v6(high: 0, low: 1))
        #expect((first.hold.nx, first.hold.other, first.hold.refused) == (1000, 2000, 3000))
        #expect((first.hold.timeout, first.hold.valid, first.hold.obsolete) == (4000, 5000, 6000))
        #expect((first.resolveInterval, first.retryInterval, first.retries) == (7000, 8000, 9))
        #expect(first.acceptedPayloadSize == 4096)
        // HAProxy's defaults.
        let plain = sections[1]
        #expect((plain.hold.nx, plain.hold.valid, plain.hold.obsolete) == (30_000, 10_000, 0))
        #expect((plain.resolveInterval, plain.retryInterval, plain.retries) == (1000, 1000, 3))
        #expect(plain.acceptedPayloadSize == 512)
    }

    @Test(arguments: [
        ("resolvers", "1:1 missing name for resolvers section."),
        ("resolvers a\nresolvers a", "2:11 resolvers 'a' has same name as another resolvers (declared at test.cfg:1)."),
        ("resolvers a\n nameserver", "2:2 'nameserver' expects <name> and <addr>[:<port>] as arguments"),
        ("resolvers a\n nameserver x 127.0.0.1", "2:15 'nameserver x' : missing port number in '127.0.0.1'"),
        (
            "resolvers a\n nameserver x 127.0.0.1:53\n nameserver x 127.0.0.1:53",
            "3:13 nameserver 'x' has same name as another nameserver (declared at test.cfg:2)"
        ),
        (
            "resolvers a\n hold foo 1s",
            "2:7 'hold' unknown <event>: 'foo', expects either 'nx', 'timeout', 'valid', 'obsolete', 'refused' or 'other'"
        ),
        (
            "resolvers a\n timeout foo 1s",
            "2:10 'timeout' expects 'retry' or 'resolve' and <time> as arguments got 'foo'."
        ),
        (
            "resolvers a\n accepted_payload_size 1",
            "2:24 'accepted_payload_size' expects an integer between 12 and 65535, got '1'"
        ),
        ("resolvers a\n nonsense", "2:2 unknown keyword 'nonsense' in 'resolvers' section"),
    ])
    func refusals(text: String, message: String) { #expect(load(text).alerts == [message]) }

    @Test func serverSettings() throws {
        let result = load(
            Self.timeouts + """
                resolvers dns
                 nameserver ns1 127.0.0.1:53
                backend b
                 default-server resolvers dns
                 server s1 a.test:80 resolve-prefer ipv4 resolve-opts allow-dup-ip,ignore-weight resolve-net 10.0.0.0/8,2001::/16,192.0.2.1 init-addr last,libc,none
                 server s2 a.test:80 init-addr 127.0.0.1
                 server s3 127.0.0.1:80
                """)
        #expect(result.diagnostics == [])
        let servers = try #require(result.configuration).backends[0].servers
        let first = servers[0].resolution
        #expect(first.resolvers == "dns")
        #expect(first.preferredFamily == .ipv4)
        #expect(first.allowsDuplicates && first.ignoresWeight)
        #expect(first.preferredNetworks.map(\.prefixLength) == [8, 16, 32])
        #expect(first.startOrder == [.last, .libc, .none])
        #expect(servers[1].resolution.startOrder == [.fixed(.v4(0x7f00_0001))])
        #expect(servers[2].resolution.preferredFamily == .ipv6)
        #expect(servers[2].resolution.startOrder == [.last, .libc, .none])
        #expect(ServerResolutionSettings().startOrder == [.last, .libc])
    }

    @Test func templates() throws {
        let result = load(
            Self.timeouts + """
                backend b
                 server-template w 3 a.test:80 weight 7
                 server-template x 5-6 _http._tcp.test init-addr none
                """)
        #expect(result.diagnostics == [])
        let servers = try #require(result.configuration).backends[0].servers
        #expect(servers.map(\.name) == ["w1", "w2", "w3", "x5", "x6"])
        #expect(servers[0].weight == 7)
        #expect(servers.map(\.serviceName) == [nil, nil, nil, "_http._tcp.test", "_http._tcp.test"])
    }

    @Test(arguments: [
        ("server s a.test:1 resolve-prefer ipv5", "'resolve-prefer' expects either ipv4 or ipv6 as argument."),
        (
            "server s a.test:1 resolve-opts x",
            "'resolve-opts' : unknown resolve-opts option 'x', supported methods are 'allow-dup-ip', 'ignore-weight',"
                + " and 'prevent-dup-ip'."
        ),
        ("server s a.test:1 resolve-net 1.2.3.4/99", "'resolve-net' invalid network '1.2.3.4/99'."),
        ("server s a.test:1 resolve-net 1.0.0.0,2.0.0.0,3.0.0.0,4.0.0.0,5.0.0.0,6.0.0.0", "exceed 5 networks."),
        (
            "server s a.test:1 init-addr dns",
            "'init-addr' : unknown init-addr method 'dns', supported methods are 'libc', 'last', 'none'."
        ),
        (
            "server s a.test:1 init-addr 127.0.0.1,127.0.0.2",
            "'init-addr' : initial address already specified, cannot add '127.0.0.2'."
        ),
        ("server-template w x a.test:1", "'server-template' : Wrong number or range arg 'x'."),
        ("server-template w 5-3 a.test:1", "'server-template' : Wrong number or range arg '5-3'."),
        ("server s a.test:1 resolvers nope", "backend 'b', server 's': unable to find required resolvers 'nope'"),
    ])
    func serverRefusals(line: String, message: String) throws {
        let alerts = load(Self.timeouts + "backend b\n \(line)").alerts
        #expect(alerts.count == 1)
        #expect(alerts.first?.contains(message) == true, "\(alerts)")
    }

    @Test(arguments: [
        ("do-resolve(txn.ip,dns) str(a.test)", "Can't find resolvers section 'dns' for do-resolve action"),
        (
            "do-resolve(txn.ip) str(a.test)",
            "Can't parse 'do-resolve(txn.ip)'. Expects 'do-resolve(<varname>,<resolvers>"
        ),
        ("do-resolve(txn.ip,dns,ipv5) str(a)", "Available options are 'ipv4' and 'ipv6'"),
    ])
    func doResolve(action: String, message: String) {
        let alerts = load("frontend web\n mode http\n bind :80\n http-request \(action)\n").alerts
        #expect(alerts.count == 1)
        #expect(alerts.first?.contains(message) == true, "\(alerts)")
    }

    @Test(arguments: [
        ("ipv4", AcceptedFamilies.ipv4), ("ipv6", .ipv6), ("ipv6,ipv4", .both), ("auto", .automatic),
    ])
    func families(word: String, families: AcceptedFamilies) throws {
        let result = load("global\n dns-accept-family \(word)")
        #expect(try #require(result.configuration).global.acceptedFamilies == families)
    }
}
