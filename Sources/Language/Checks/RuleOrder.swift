import Rules

/// Warnings about rules that stand in another order than they are processed in, in HAProxy's words.
extension ProxyDraft {
    /// What is to be said of a rule that the section is about to get; nil when its place is fine.
    ///
    /// - Parameter name: the rule's keyword: `http-request`, `redirect`, `monitor fail`, `tcp-request content`.
    func orderWarning(for name: String) -> String? {
        guard let other = laterRule(than: name) else { return nil }
        let article = other.hasPrefix("http-re") ? "an" : "a"
        return "a '\(name)' rule placed after \(article) '\(other)' rule will still be processed before."
    }

    /// A kind of rules that the section has already, though they are processed later.
    private func laterRule(than name: String) -> String? {
        let order: [(name: String, isThere: Bool)] = [
            ("quic-initial", false),
            ("tcp-request connection", has(.tcpRequestConnection)),
            ("tcp-request session", has(.tcpRequestSession)),
            ("tcp-request content", has(.tcpRequestContent)),
            ("monitor fail", rules.monitorFailures.count > inherited.monitorFailures.count),
            ("http-request", has(.httpRequest)),
            ("redirect", !rules.redirects.isEmpty),
            ("use_backend", !useBackendRules.isEmpty),
            ("use-server", !useServerRules.isEmpty),
        ]
        if name == "tcp-response content" { return has(.httpResponse) ? "http-response" : nil }
        guard let place = order.firstIndex(where: { $0.name == name }), name != "use_backend", name != "use-server"
        else { return nil }
        return order[(place + 1)...].first(where: \.isThere)?.name
    }

    /// Whether the section has rules of a set beside those of its `defaults` section.
    private func has(_ kind: RuleSetKind) -> Bool { rules[kind].count > inherited[kind].count }

    /// Actions after which no rule of their set is reached.
    static let finalActions: Set<String> = ["allow", "deny", "tarpit", "auth", "redirect", "return"]

    /// What is to be said of a rule behind one that always ends its set; nil when it can be reached.
    func finalWarning(for kind: RuleSetKind) -> String? {
        guard endedSets.contains(kind) else { return nil }
        return "previous '\(kind.rawValue)' action is final and has no condition attached, further entries are NOOP."
    }
}
