import Configuration
import Language
import Samples
import Testing

@Suite struct ServerRuleTests {
    private static let head = """
        defaults
         mode http
         timeout client 1s
         timeout connect 1s
         timeout server 1s
        listen l
         bind :80
         server s1 127.0.0.1:1

        """

    private func backend(_ lines: String) throws -> BackendSettings {
        let result = load(Self.head + lines)
        #expect(result.diagnostics == [])
        return try #require(result.configuration?.backends.first)
    }

    @Test func rulesAreRead() throws {
        let backend = try backend(
            """
             use-server s1 if TRUE
             use-server %[hdr(x)] unless FALSE
             force-persist if TRUE
             ignore-persist unless TRUE
             http-send-name-header X-Server
             option forwarded proto host by by_port for for_port
             option originalto except 10.0.0.0/8 header X-To
             option http-restrict-req-hdr-names delete
             option log-health-checks
            """)
        #expect(backend.useServerRules.count == 2)
        if case .fixed(let place) = backend.useServerRules[0].target { #expect(place == 0) } else { Issue.record() }
        if case .named = backend.useServerRules[1].target {} else { Issue.record() }
        #expect(backend.persistenceRules.map(\.effect) == [.force, .ignore])
        #expect(backend.serverNameField == Array("x-server".utf8))
        #expect(backend.forwarded != nil)
        #expect(backend.options.originalTo?.headerName == "X-To")
        #expect(backend.options.fieldNames == .delete)
        #expect(backend.options.logsHealthChecks)
    }

    @Test(arguments: [
        ("use-server", "9:2 'use-server' expects a server name."),
        ("use-server s1", "9:2 'use-server' requires either 'if' or 'unless' followed by a condition."),
        (
            "use-server s2 if TRUE",
            "9:13 proxy 'l' : unable to find server 's2' referenced in a 'use-server' rule. Did you mean 's1' maybe ?"
        ),
        ("force-persist", "9:2 'force-persist' requires either 'if' or 'unless' followed by a condition."),
        ("force-be-switch", "9:2 'force-be-switch' requires either 'if' or 'unless' followed by a condition."),
        ("http-send-name-header", "9:2 'http-send-name-header' requires a header string."),
        (
            "http-send-name-header Host",
            "9:24 'Host' cannot be used as header name for 'http-send-name-header' directive."
        ),
        (
            "option forwarded what",
            "9:19 'option forwarded' only supports optional values: 'proto', 'host', 'host-expr', 'by', 'by-expr',"
                + " 'by_port', 'by_port-expr', 'for', 'for-expr', 'for_port' and 'for_port-expr'."
        ),
        ("option forwarded for-expr", "9:19 'for-expr' expects <expr> as argument."),
        (
            "option originalto if-none",
            "9:20 'option originalto' only supports optional values: 'except' and 'header'."
        ),
        (
            "option http-restrict-req-hdr-names",
            "9:2 missing parameter. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option."
        ),
        (
            "option http-restrict-req-hdr-names x",
            "9:37 invalid parameter 'x'. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete'"
                + " option."
        ),
        (
            "monitor-net 10.0.0.0/8",
            "9:2 'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if { src 10.0.0.0/8 }'"
                + " instead."
        ),
    ])
    func mistakes(line: String, alert: String) {
        #expect(load(Self.head + " " + line + "\n").alerts == [alert])
    }

    @Test func aPortWithoutANameIsIgnored() {
        let warning =
            "9:2 'option forwarded' : 'for_port-expr' will be ignored because both 'for' and 'for-expr' are unset"
        #expect(load(Self.head + " option forwarded proto for_port\n").warnings == [warning])
    }

    @Test(
        arguments: [
            ("set-var proc.a int(1)", nil), ("set-var proc.b str(hello),upper", nil),
            ("set-var-fmt proc.c \"a %[env(HOME)] b\"", nil),
            (
                "set-var txn.a int(1)",
                "2:10 'set-var': cannot set variable 'txn.a', only scope 'proc' is permitted in the global section."
            ),
            (
                "set-var proc.f req.hdr(x)",
                "2:17 fetch method 'req.hdr' extracts information from 'HTTP request headers', none of which is available here"
            ),
        ] as [(String, String?)])
    func globalVariables(line: String, alert: String?) {
        #expect(load("global\n \(line)\n").alerts == (alert.map { [$0] } ?? []))
    }

    @Test func limitsOfVariables() throws {
        let result = load(
            """
            global
             tune.vars.global-max-size 10k
             tune.vars.proc-max-size 4096
             tune.vars.sess-max-size 300
             tune.vars.txn-max-size 200
             tune.vars.reqres-max-size 100
             tune.vars.check-max-size 50
            """)
        let limits = try #require(result.configuration?.global.tune.variables)
        #expect((limits.process, limits.session, limits.transaction) == (4096, 300, 200))
        #expect((limits.message, limits.check) == (100, 50))
    }
}
