/// What is said of a known keyword in a section that does not take it, as HAProxy says it: of most keywords of the other
/// half a warning, since people move lines about; of rules, and of what would be missing without notice, an alert.
enum MisplacedKeyword {
    /// - Parameters:
    ///   - name: the keyword: `timeout server`, `tcp-response content`.
    ///   - proxy: the section's name.
    static func judge(_ name: String, in kind: ProxyDraft.Kind, named proxy: String) -> (Diagnostic.Severity, String) {
        if kind == .defaults { return (.alert, "'\(name)' not allowed in 'defaults' section") }
        let half = kind == .backend ? "frontend" : "backend"
        switch name {
        case "tcp-request connection", "tcp-request session":
            return (.alert, "\(name) is not allowed because \(kind.rawValue) \(proxy) is not a frontend")
        case "tcp-response content", "tcp-response inspect-delay":
            return (
                .alert, "\(name) is only allowed in 'backend' sections or 'defaults' section with a name"
            )
        case "quic-initial":
            return (.alert, "'\(name)' : proxy '\(proxy)' has no frontend capability")
        case "server", "server-template":
            return (.alert, "'\(name)' not allowed because \(kind.rawValue) '\(proxy)' has no \(half) capability")
        case "retry-on", "hash-preserve-affinity", "declare capture", "force-be-switch":
            return (.alert, "'\(name)' only available in \(half) or listen section")
        default:
            return (.warning, "'\(name)' ignored because \(kind.rawValue) '\(proxy)' has no \(half) capability")
        }
    }
}
