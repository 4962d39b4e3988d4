import Configuration
import Language
import Testing

/// `from` and `default-server name`, after HAProxy's reg-tests/server/from_keyword.vtc.
@Suite struct ServerOriginTests {
    @Test func weights() throws {
        let result = load(
            """
            defaults
             default-server rise 7
            backend other
             default-server weight 30
             server x 127.0.0.1:1 weight 40 id 9 guid only-x
             default-server name small weight 3
            backend b
             default-server weight 10
             default-server inter 5s
             server a1 127.0.0.1:1
             server a2 127.0.0.1:1 from none
             default-server from none
             server a3 127.0.0.1:1
             default-server weight 10
             default-server name other
             server a4 127.0.0.1:1 from srv:other
             default-server name other from be:
             server a5 127.0.0.1:1 from srv:other
             default-server name other from none
             server a6 127.0.0.1:1 from srv:other
             default-server name other weight 5
             server a7 127.0.0.1:1 from srv:other
             server a8 127.0.0.1:1 from be:other
             server a9 127.0.0.1:1 from srv:other/x
             server b1 127.0.0.1:1 from srv:other/small rise 4
             server b2 127.0.0.1:1 from srv:a7
            """)
        #expect(result.alerts == [])
        let backend = try #require(result.configuration?.backends.last)
        #expect(backend.servers.map(\.weight) == [10, 1, 1, 1, 10, 1, 5, 30, 40, 3, 5])
        #expect(backend.servers[0].check.interval == 5000 && backend.servers[0].check.rise == 7)
        #expect(backend.servers[1].check.rise == 2)
        #expect(backend.servers[8].id == nil && backend.servers[8].guid == nil)
        #expect(backend.servers[9].check.rise == 4)
        let runtime = try #require(result.runtime)
        let instances = runtime.defaultServers(of: "b")
        #expect(instances.hasUnnamed && instances.names == ["other"])
        #expect(!runtime.defaultServers(of: "nope").hasUnnamed)
    }

    @Test(arguments: [
        ("server a 127.0.0.1:1 from", "from: missing value."),
        ("server a 127.0.0.1:1 from x", "invalid 'x' value for 'from' keyword."),
        ("server a 127.0.0.1:1 from none from none", "'from' keyword can only be specified once."),
        ("server a 127.0.0.1:1 from be:c", "from: unknown backend instance 'c'."),
        ("server a 127.0.0.1:1 from srv:c", "from: unable to find server 'b/c'."),
        ("server a 127.0.0.1:1 from srv:c/d", "from: unable to find proxy 'c'."),
        ("default-server name", "default-server name: missing value."),
        (
            "server a 127.0.0.1:1\n default-server name a",
            "default-server name 'a' conflicts with server defined at line 2."
        ),
    ])
    func refusals(line: String, message: String) {
        let alerts = load("backend b\n \(line)\n").alerts
        #expect(alerts.count == 1 && alerts[0].hasSuffix(message), "\(alerts)")
    }

    @Test("What rules and samples name can not be removed later") func references() throws {
        let result = load(
            """
            frontend f
             mode http
             bind 127.0.0.1:1
             timeout client 1s
             acl full srv_sess_rate(b/s1) gt 50
             http-request deny if { be_conn(c) gt 1 }
             default_backend b
            backend b
             mode http
             timeout server 1s
             timeout connect 1s
             use-server s3 unless { always_false }
             server s1 127.0.0.1:1
             server s2 127.0.0.1:1
             server s3 127.0.0.1:1
            backend c
             mode http
            """)
        #expect(result.alerts == [])
        let backends = try #require(result.configuration?.backends)
        #expect(backends[0].referencedServers == [0, 2] && !backends[0].isReferenced)
        #expect(backends[1].referencedServers == [] && backends[1].isReferenced)
    }

    @Test("A server without an address may have checks, as it has nothing to check") func nowhere() {
        #expect(load("backend b\n server a : check\n server c : track a\n").alerts == [])
        let alerts = load("backend b\n server a 127.0.0.1 check\n").alerts
        #expect(alerts.count == 1 && alerts[0].hasSuffix("server 'a' has neither service port nor check port."))
    }
}
