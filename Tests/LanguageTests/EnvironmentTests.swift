import Configuration
import Language
import Testing

@Suite struct EnvironmentTests {
    @Test func changesHoldFromTheNextLine() {
        let result = load(
            """
            global
             setenv A one
             presetenv A two
             presetenv B two
             log-tag "$A-$B"
             unsetenv A
             setenv C "${A-gone}"
             resetenv B
             setenv D "${HOME-gone}"
            """, environment: ["HOME": "/root"])
        #expect(result.alerts == [])
        #expect(result.configuration?.global.logTag == "one-two")
        #expect(
            result.configuration?.global.environment == [
                .set(name: "A", value: "one"), .set(name: "B", value: "two"), .unset(name: "A"),
                .set(name: "C", value: "gone"), .unset(name: "C"), .unset(name: "HAPROXY_BRANCH"),
                .unset(name: "HAPROXY_STARTUP_VERSION"), .unset(name: "HOME"), .set(name: "D", value: "gone"),
            ])
    }

    @Test func theParserHasItsOwnVariables() {
        let result = load(
            """
            global
             setenv A "${.FILE}:${.LINE}:${.SECTION}"
             setenv B "$HAPROXY_BRANCH $HAPROXY_STARTUP_VERSION"
            frontend web
             bind :80 name "${.SECTION}"
            """)
        #expect(
            result.configuration?.global.environment == [
                .set(name: "A", value: "test.cfg:2:global"), .set(name: "B", value: "3.4 3.4.0"),
            ])
        #expect(result.configuration?.frontends.first?.binds.first?.name == "web")
    }

    @Test(arguments: [
        ("setenv", "2:2 'setenv' expects an environment variable name"),
        ("setenv A", "2:2 'setenv' expects an environment variable value for 'A'"),
        ("setenv A b c", "2:13 'setenv' : unexpected extra argument 'c'"),
        ("presetenv A=b c", "2:12 'presetenv' : 'A=b' can not name an environment variable"),
        ("unsetenv", "2:2 'unsetenv' expects at least one variable name"),
    ])
    func refusals(line: String, message: String) {
        #expect(load("global\n \(line)\n").alerts == [message])
    }

    @Test func addressesTakeVariablesOutsideOfQuotes() throws {
        let result = load(
            """
            defaults
             timeout client 1s
             timeout connect 1s
             timeout server 1s
            listen l
             bind $HOST:${PORT}
             server s $SOCKET
            """, environment: ["HOST": "127.0.0.1", "PORT": "8080", "SOCKET": "/run/docker.sock"])
        #expect(result.diagnostics == [])
        #expect(result.configuration?.backends.first?.servers.first?.address == .unix(path: "/run/docker.sock"))
        #expect(result.configuration?.frontends.first?.binds.count == 1)
    }
}
