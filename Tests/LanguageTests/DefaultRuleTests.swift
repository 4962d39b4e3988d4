import Configuration
import Language
import Testing

/// `defaults` sections with rules, in HAProxy's words.
@Suite struct DefaultRuleTests {
    @Test(arguments: [
        (
            "defaults d\n tcp-response content accept\ndefaults from d\n mode tcp",
            "3:1 a defaults section cannot inherit from a defaults section defining TCP/HTTP rules (defaults section at"
                + " test.cfg:1)."
        ),
        (
            "defaults d\n tcp-request content accept\nlisten l from d",
            "3:1 a listen section cannot inherit from a defaults section defining TCP/HTTP rules."
        ),
        (
            "defaults d\n tcp-request content accept\nfrontend f from d\nbackend b from d",
            "4:1 frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules"
                + " (defaults section at test.cfg:1)."
        ),
        (
            "defaults d\n tcp-request connection accept\nbackend b from d",
            "3:1 a backend section cannot inherit from a defaults section defining 'tcp-request connection' or"
                + " 'tcp-request session' rules (defaults section at test.cfg:1)."
        ),
        (
            "defaults d\n tcp-response content accept\nfrontend f from d",
            "3:1 a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules"
                + " (defaults section at test.cfg:1)."
        ),
        ("defaults d\n tcp-response content accept\nbackend b from d", ""),
        ("defaults d\n mode http\nlisten l from d\nbackend b from d", ""),
    ])
    func heirs(text: String, alert: String) { #expect(load(text).alerts == (alert.isEmpty ? [] : [alert])) }

    @Test func rulesOfDefaultsEndNothing() {
        let text = """
            defaults d
                mode http
                timeout server 1s
                timeout connect 1s
                http-request allow
            backend b from d
                http-request deny
                http-request redirect location /x if TRUE
            backend c from d
                http-request redirect location %[path] ignore-empty
                http-request deny
            """
        #expect(
            load(text).warnings == [
                "8:5 previous 'http-request' action is final and has no condition attached, further entries are NOOP."
            ])
    }

    @Test(arguments: [
        ("acl a http_auth_group(l) g1 g2", "proxy f: acl a http_auth_group(): invalid group 'g2'."),
        ("acl a http_auth_group(l)", "proxy f: acl a http_auth_group(): no groups specified."),
        ("http-request deny if { http_auth_group(l) g3 }", "proxy f: acl  http_auth_group(): invalid group 'g3'."),
        ("acl a http_auth_group(l) g1", ""),
    ])
    func groups(line: String, alert: String) {
        let text = """
            userlist l
                group g1
                user u insecure-password p groups g1
            frontend f
                mode http
                timeout client 1s
                bind :8080
                \(line)
            """
        #expect(
            load(text).diagnostics.filter { $0.severity == .alert }.map(\.message) == (alert.isEmpty ? [] : [alert]))
    }

    @Test(arguments: ["cache c", "fcgi-app a", "mailers m", "peers p", "traces"])
    func sectionsThatNothingUses(title: String) {
        let result = load("\(title)\n anything goes here\nfrontend f\n mode http\n timeout client 1s\n bind :8080")
        #expect(
            result.warnings == [
                "1:1 section '\(title)' has no effect: what it is for is not supported by this version of Portico"
            ])
        #expect(result.alerts == [] && result.configuration?.frontends.count == 1)
    }

    @Test func disabledAndUnpublished() throws {
        let result = load(
            """
            defaults
                mode http
                timeout client 1s
            frontend f
                disabled
                bind :8080
            backend a
                be-unpublished
            backend b
                disabled
            """)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.frontends[0].isDisabled && configuration.frontends[0].binds.isEmpty)
        #expect(configuration.backends.map(\.isUnpublished) == [true, false])
        #expect(configuration.backends.map(\.isDisabled) == [false, true])
    }

    @Test(arguments: [
        ("option accept-unsafe-violations-in-http-request", true, []),
        ("no option accept-unsafe-violations-in-http-request", false, []),
        (
            "option accept-invalid-http-request", true,
            [
                "5:2 option 'accept-invalid-http-request' is deprecated. please use 'option"
                    + " accept-unsafe-violations-in-http-request' if absolutely needed."
            ]
        ),
    ])
    func violations(line: String, isOn: Bool, warnings: [String]) {
        let result = load("frontend f\n mode http\n timeout client 1s\n bind :8080\n \(line)")
        #expect(result.warnings == warnings)
        #expect(result.configuration?.frontends[0].options.acceptsViolations == isOn)
    }
}
