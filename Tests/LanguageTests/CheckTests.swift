import Configuration
import Language
import Testing

@Suite struct CheckTests {
    private static func backend(_ lines: String) throws -> BackendSettings {
        let result = load("backend b\n" + lines.split(separator: "\n").map { " \($0)\n" }.joined())
        #expect(result.alerts == [])
        return try #require(result.configuration?.backends.first)
    }

    /// The steps of a ruleset by their kinds and numbers.
    private static func steps(_ ruleset: CheckRuleset?) -> [String] {
        (ruleset?.rules ?? []).map { rule in
            switch rule.action {
            case .connect(let connect): connect.isImplicit ? "implicit" : "connect \(rule.index)"
            case .send: "send \(rule.index)"
            case .request: "request \(rule.index)"
            case .expect: "expect \(rule.index)"
            case .run: "run \(rule.index)"
            case .program(let program): "program \(program.command)"
            case .comment: "comment"
            }
        }
    }

    @Test func serverSettings() throws {
        let backend = try Self.backend(
            """
            default-server inter 1s fastinter 200 rise 3 fall 5 on-marked-down shutdown-sessions
            server a 127.0.0.1:80 check downinter 10s addr 127.0.0.2:81 port 82 check-send-proxy init-state down
            server b 127.0.0.1:80 observe layer4 error-limit 3 on-error mark-down no-check agent-check agent-port 9 agent-send x
            server c 127.0.0.1:80 track a slowstart 3s on-marked-up shutdown-backup-sessions
            """)
        let a = backend.servers[0]
        #expect(a.check.isEnabled && a.check.interval == 1000 && a.check.fastInterval == 200)
        #expect(a.check.downInterval == 10_000 && a.check.rise == 3 && a.check.fall == 5 && a.check.port == 82)
        #expect(a.check.address == .host(.ip(.v4(0x7f00_0002)), .fixed(81)))
        #expect(a.check.sendsProxyHeader && a.initialState == .down && a.shutsSessionsWhenDown)
        let b = backend.servers[1]
        #expect(!b.check.isEnabled && b.observedLayer == .layer4 && b.errorLimit == 3 && b.errorReaction == .markDown)
        #expect(b.agent.isEnabled && b.agent.port == 9 && b.agent.text == Array("x".utf8))
        let c = backend.servers[2]
        #expect(c.tracked == "a" && c.slowStart == 3000 && c.shutsBackupsWhenUp)
    }

    @Test(
        "Steps in their order, with those that nobody wrote",
        arguments: [
            ("option httpchk", ["implicit", "request 0", "expect 1"]),
            ("option httpchk\nhttp-check expect status 200", ["implicit", "request 0", "expect 0"]),
            (
                "option httpchk GET /a\nhttp-check connect port 1\nhttp-check send uri /b\nhttp-check expect status 200\n"
                    + "http-check connect\nhttp-check send uri /c",
                ["connect 0", "request 1", "expect 2", "connect 3", "request 4", "expect 5"]
            ),
            ("option tcp-check", ["implicit"]),
            (
                "option tcp-check\ntcp-check comment hello\ntcp-check send x\ntcp-check expect string y",
                ["implicit", "send 1", "expect 2"]
            ),
            ("option mysql-check", ["connect 0", "expect 1"]),
            ("option mysql-check user me", ["connect 0", "send 1", "expect 2", "expect 3"]),
            ("option ldap-check", ["implicit", "send 0", "expect 1", "expect 2"]),
        ])
    func steps(lines: String, wanted: [String]) throws {
        #expect(Self.steps(try Self.backend(lines).check) == wanted)
    }

    @Test("The request of the option and the first explicit one are one") func mergedRequest() throws {
        let check = try Self.backend("option httpchk GET /a HTTP/1.1 host.test\nhttp-check send uri /b body hi").check
        guard case .request(let request) = check?.rules[1].action else {
            Issue.record("no request")
            return
        }
        #expect(request.method == "GET" && request.version == "HTTP/1.1" && request.fields.first?.name == "host")
        guard case .fixed(let uri) = request.uri, case .fixed(let body) = request.body else {
            Issue.record("no texts")
            return
        }
        #expect(uri == Array("/b".utf8) && body == Array("hi".utf8))
    }

    @Test("Sections' rules replace those of their defaults") func inheritance() throws {
        let result = load(
            """
            defaults d
             option httpchk
             http-check expect status 200
            backend a from d
            backend b from d
             http-check expect status 300
             http-check expect status 400
            backend c from d
             option tcp-check

            """)
        #expect(result.alerts == [])
        let backends = try #require(result.configuration?.backends)
        #expect(Self.steps(backends[0].check) == ["implicit", "request 0", "expect 0"])
        #expect(Self.steps(backends[1].check) == ["implicit", "expect 0", "expect 1"])
        #expect(Self.steps(backends[2].check) == ["implicit"])
    }

    @Test func healthcheckSection() throws {
        let result = load(
            """
            backend b
             server s 127.0.0.1:80 check healthcheck mine
            healthcheck mine
             type redis-check

            """)
        #expect(result.alerts == [])
        let server = try #require(result.configuration?.backends.first?.servers.first)
        #expect(server.check.ruleset?.kind == .redis)
    }

    @Test(
        "What is refused, and how",
        arguments: [
            ("server s 127.0.0.1:80 check rise 0", "'server b/s' : 'rise' has to be > 0."),
            ("server s 127.0.0.1:80 check inter 0", "'server b/s' : invalid value 0 for argument 'inter'"),
            ("server s 127.0.0.1 check", "server 's' has neither service port nor check port"),
            ("server s 127.0.0.1:80 check track s", "unable to enable checks and tracking at the same time!"),
            ("server s 127.0.0.1:80 track x", "unable to find required server 'x' for tracking."),
            ("server s 127.0.0.1:80 track y/x", "unable to find required proxy 'y' for tracking."),
            ("server s 127.0.0.1:80 check healthcheck none", "healthcheck section 'none' not found for server 's'."),
            ("server s 127.0.0.1:80 on-error what", "'on-error' expects one of 'fastinter', 'fail-check',"),
            ("server s 127.0.0.1:80 observe layer7", "'layer7' can only be used in http proxies."),
            ("http-check expect status abc", "invalid character 'a' in the list of status codes"),
            ("http-check expect", "expects at least a matching pattern as arguments"),
            ("http-check what", "'http-check' only supports 'disable-on-404', 'send-state', 'comment',"),
            ("tcp-check send-binary 1", "invalid binary string"),
            ("tcp-check expect status 200", "'only supports min-recv, '[!]binary'"),
            ("tcp-check send x\ntcp-check connect", "first step MUST also be a 'connect'"),
            (
                "option httpchk\nhttp-check send\nhttp-check send",
                "unable to add http-check send rule at step 2 (missing"
            ),
            ("option mysql-check users x", "only supports optional values: 'user' (got 'users')"),
            ("load-server-state-from-file maybe", "expects 'global', 'local' or 'none'. Got 'maybe'"),
        ])
    func refusals(lines: String, message: String) {
        let text = "backend b\n mode tcp\n" + lines.split(separator: "\n").map { " \($0)\n" }.joined()
        #expect(load(text).alerts.contains { $0.contains(message) }, "\(load(text).alerts)")
    }
}
