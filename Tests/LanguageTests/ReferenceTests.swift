import Configuration
import Language
import Testing

@Suite struct ReferenceTests {
    private static let quiet = """
        defaults
            mode http
            timeout client 1s
            timeout connect 1s
            timeout server 1s

        """

    @Test func backendsAreIndices() throws {
        let result = load(
            Self.quiet + """
                frontend a
                    bind :80
                    default_backend two
                frontend b
                    bind :81
                    use_backend one
                    use_backend two
                    default_backend two
                frontend c
                    bind :82
                backend one
                listen both
                    bind :83
                    default_backend one
                backend two
                """)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.backends.map(\.name) == ["one", "both", "two"])
        #expect(configuration.frontends.map(\.name) == ["a", "b", "c", "both"])
        #expect(configuration.frontends.map(\.defaultBackend) == [2, 2, nil, 0])
        let targets = configuration.frontends[1].useBackendRules.map { rule in
            if case .fixed(let index) = rule.target { return index }
            return -1
        }
        #expect(targets == [0, 2])
        #expect(configuration.frontends[1].useBackendRules[1].location.line == 12)
    }

    @Test(arguments: [
        (
            "frontend f\n bind :80\n default_backend srvs\nbackend srv",
            "3:18 proxy 'f': unable to find required default_backend: 'srvs'; did you mean 'srv' maybe ?"
        ),
        (
            "frontend f\n bind :80\n use_backend zzz\nbackend srv",
            "3:14 proxy 'f': unable to find required use_backend: 'zzz'"
        ),
        (
            "frontend f\n mode http\n bind :80\n default_backend b\nbackend b",
            "4:18 http frontend 'f' (test.cfg:1) tries to use incompatible tcp backend 'b' (test.cfg:5) by its"
                + " 'default_backend' (see 'mode')"
        ),
        (
            "frontend f\n mode http\n bind :80\n use_backend b\nlisten b\n bind :81",
            "4:14 http frontend 'f' (test.cfg:1) tries to use incompatible tcp proxy 'b' (test.cfg:5) by its"
                + " 'use_backend' (see 'mode')"
        ),
        (
            "defaults\n default_backend d\nfrontend f\n bind :80",
            "2:18 proxy 'f': unable to find required default_backend: 'd'"
        ),
        (
            "backend b\n errorfiles e",
            "2:13 proxy 'b': unable to find http-errors section 'e'"
        ),
    ])
    func refusals(text: String, message: String) {
        #expect(load(text).alerts == [message])
    }

    @Test func suspiciousSections() {
        let result = load(
            """
            frontend a
                timeout client 1s
            frontend b
                bind :80
            listen c
                bind :81
                timeout client 1s
                timeout connect 1s
                timeout tunnel 1h
                option forwardfor
                default_backend d
                server s 127.0.0.1:1
            backend d
                mode tcp
                server s 127.0.0.1:1
                timeout connect 1s
            backend e
            """)
        let timeouts =
            ".\n   | Connections of silent peers will never end. Please set the timeouts\n"
            + "   | 'client', 'connect' and 'server' to values that are not zero."
        #expect(
            result.warnings == [
                "1:10 frontend 'a' has no 'bind' directive. Please declare it as a backend if this was intended.",
                "3:10 missing timeouts for frontend 'b'" + timeouts,
                "11:21 in proxy 'c', the 'default_backend' rule always has precedence over the servers, which will never be"
                    + " used.",
                "5:8 'option forwardfor' ignored for proxy 'c' as it requires HTTP mode.",
                "13:9 missing timeouts for backend 'd'" + timeouts,
            ])
        #expect(result.configuration?.frontends[2].options.forwardFor == nil)
    }

    @Test func aRefusedLineGivesNoSecondWarnings() {
        let result = load("frontend a\n bind :80 foo\n")
        #expect(result.alerts.count == 1)
        #expect(result.warnings == [])
    }
}
