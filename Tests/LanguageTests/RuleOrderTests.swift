import Foundation
import Language
import Testing

/// Rules that are processed in another order than they stand in; the words are HAProxy's.
@Suite struct RuleOrderTests {
    private func warnings(_ lines: String, servers: String = "") -> [String] {
        let result = load(
            """
            defaults
             mode http
             timeout client 1s
             timeout connect 1s
             timeout server 1s
            listen l
             bind :80
             server s1 127.0.0.1:1
             \(lines.replacingOccurrences(of: "\n", with: "\n "))
            """)
        #expect(result.alerts == [])
        return result.warnings
    }

    @Test(arguments: [
        ("use_backend l if TRUE\nhttp-request deny if TRUE", "a 'http-request' rule placed after a 'use_backend' rule"),
        ("use-server s1 if TRUE\nhttp-request deny if TRUE", "a 'http-request' rule placed after a 'use-server' rule"),
        (
            "redirect prefix / if TRUE\nhttp-request deny if TRUE",
            "a 'http-request' rule placed after a 'redirect' rule"
        ),
        ("use_backend l if TRUE\nredirect prefix / if TRUE", "a 'redirect' rule placed after a 'use_backend' rule"),
        (
            "http-request deny if TRUE\nmonitor fail if TRUE",
            "a 'monitor fail' rule placed after an 'http-request' rule"
        ),
        (
            "monitor fail if FALSE\ntcp-request content accept",
            "a 'tcp-request content' rule placed after a 'monitor fail' rule"
        ),
        (
            "tcp-request content accept\ntcp-request session accept",
            "a 'tcp-request session' rule placed after a 'tcp-request content' rule"
        ),
        (
            "tcp-request session accept\ntcp-request connection accept",
            "a 'tcp-request connection' rule placed after a 'tcp-request session' rule"
        ),
        (
            "http-response deny if TRUE\ntcp-response content accept",
            "a 'tcp-response content' rule placed after an 'http-response' rule"
        ),
    ])
    func later(lines: String, warning: String) {
        #expect(warnings(lines) == ["10:2 \(warning) will still be processed before."])
    }

    @Test func ordersThatAreFine() {
        #expect(
            warnings(
                """
                tcp-request connection accept if TRUE
                tcp-request session accept if TRUE
                tcp-request content accept if TRUE
                monitor fail if FALSE
                http-request deny if FALSE
                redirect prefix / if FALSE
                use_backend l if FALSE
                use-server s1 if FALSE
                http-response deny if FALSE
                """) == [])
    }

    @Test(arguments: [
        ("http-request deny", true), ("http-request deny if TRUE", false), ("http-request allow", true),
        ("http-request return status 200", true), ("http-request redirect location /", true),
        ("http-request auth", true), ("http-request tarpit", true), ("http-request set-header a b", false),
    ])
    func nothingIsReachedBehindAFinalAction(line: String, isFinal: Bool) {
        let expected =
            "10:2 previous 'http-request' action is final and has no condition attached, further entries are NOOP."
        #expect(warnings(line + "\nhttp-request set-header x y") == (isFinal ? [expected] : []))
    }
}
