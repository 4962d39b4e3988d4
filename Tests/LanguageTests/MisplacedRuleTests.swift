import Language
import Testing

/// Statements in sections, and arguments in rules, that HAProxy refuses too.
@Suite struct MisplacedRuleTests {
    private func read(_ kind: String, _ lines: String) -> (alerts: [String], warnings: [String]) {
        let defaults = "defaults\nmode http\ntimeout client 1s\ntimeout connect 1s\ntimeout server 1s\n"
        let section =
            switch kind {
            case "frontend": "frontend f\nbind :8080\n"
            case "tcp": "frontend f\nmode tcp\nbind :8080\n"
            case "backend": "backend b\n"
            default: "defaults\nmode http\n"
            }
        let result = load(defaults + section + lines + "\n")
        return (result.alerts, result.warnings)
    }

    @Test(arguments: [
        (
            "backend", "tcp-request connection accept",
            "tcp-request connection is not allowed because backend b is not a"
        ),
        ("backend", "tcp-request session accept", "tcp-request session is not allowed because backend b is not a"),
        ("backend", "quic-initial accept", "'quic-initial' : proxy 'b' has no frontend capability"),
        ("backend", "declare capture request len 3", "'declare capture' only available in frontend or listen section"),
        ("backend", "http-request capture src len 10", "proxy 'b' has no frontend capability"),
        ("tcp", "quic-initial accept", "'quic-initial' : proxy 'f' does not use HTTP mode"),
        ("frontend", "tcp-response content accept", "tcp-response content is only allowed in 'backend' sections or"),
        ("frontend", "tcp-response inspect-delay 1s", "tcp-response inspect-delay is only allowed in 'backend'"),
        ("frontend", "retry-on all-retryable-errors", "'retry-on' only available in backend or listen section"),
        ("frontend", "hash-preserve-affinity always", "'hash-preserve-affinity' only available in backend or listen"),
        ("frontend", "server s 127.0.0.1:1", "'server' not allowed because frontend 'f' has no backend capability"),
        ("frontend", "server-template s 2 127.0.0.1:1", "'server-template' not allowed because frontend 'f' has no"),
        ("frontend", "tcp-request content capture src id 0", "expects 'len <length>', got 'id'"),
        ("frontend", "acl a meth(GET) GET", "matching method must be specified first (using '-m')"),
        ("frontend", "use_backend b%z if TRUE", "no such format alias 'z'"),
        ("defaults", "monitor fail if FALSE", "'monitor fail' not allowed in 'defaults' section"),
        ("defaults", "redirect location /", "'redirect' not allowed in 'defaults' section"),
        ("defaults", "stats http-request deny", "'stats http-request' not allowed in 'defaults' section"),
        ("defaults", "stats admin if TRUE", "'stats admin' not allowed in 'defaults' section"),
        ("defaults", "tcp-request inspect-delay 1s", "is not allowed in an anonymous 'defaults' section"),
        ("defaults", "tcp-response inspect-delay 1s", "is not allowed in an anonymous 'defaults' section"),
    ])
    func refused(kind: String, line: String, message: String) {
        let alerts = read(kind, line).alerts
        #expect(alerts.contains { $0.contains(message) }, "\(alerts)")
    }

    @Test(arguments: [
        ("backend", "timeout client 1s", "'timeout client' ignored because backend 'b' has no frontend capability"),
        ("frontend", "timeout server 1s", "'timeout server' ignored because frontend 'f' has no backend capability"),
        ("frontend", "http-request deny if", "no condition follows 'if', so that this never applies"),
        ("frontend", "http-request deny unless", "no condition follows 'unless', so that this always applies"),
        (
            "backend", "option accept-invalid-http-response",
            "please use 'option accept-unsafe-violations-in-http-response' if absolutely needed."
        ),
    ])
    func warnedAbout(kind: String, line: String, message: String) {
        let (alerts, warnings) = read(kind, line)
        #expect(alerts == [])
        #expect(warnings.contains { $0.contains(message) }, "\(warnings)")
    }

    @Test(arguments: [
        ("frontend", "declare capture response len 3\nhttp-after-response capture status id 0"),
        ("frontend", "http-after-response del-acl(virt@a) %[status]"),
        ("frontend", "acl a meth(GET) -m str GET"),
        ("frontend", "use_backend b%f if FALSE\nuse_backend b%%"),
        ("backend", "option accept-unsafe-violations-in-http-response"),
        ("backend", "no option accept-unsafe-violations-in-http-response"),
    ])
    func taken(kind: String, lines: String) {
        let (alerts, warnings) = read(kind, lines)
        #expect(alerts == [])
        #expect(warnings == [])
    }
}
