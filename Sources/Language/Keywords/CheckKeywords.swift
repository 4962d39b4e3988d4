import Configuration
import Rules
import Samples
import Words

/// `option httpchk`, `option tcp-check` and the named checks, `http-check`, `tcp-check`, and where servers' states are
/// read from.
enum CheckKeywords {
    static let proxy: [Keyword<ProxyDraft>] =
        NamedChecks.kinds.map { kind in
            Keyword<ProxyDraft>("option \(kind.rawValue)", in: .back, takesModifiers: true) {
                (proxy, statement) throws(Complaint) in
                guard statement.modifier == .none else {
                    if proxy.check.kind == kind { proxy.check.kind = nil }
                    return
                }
                try NamedChecks.apply(kind, to: &proxy.check, &statement)
            }
        } + [
            Keyword<ProxyDraft>("http-check", in: .back) { (proxy, statement) throws(Complaint) in
                statement.context.proxyName = proxy.name
                try httpCheck(&proxy.check, &statement)
            },
            Keyword<ProxyDraft>("tcp-check", in: .back) { (proxy, statement) throws(Complaint) in
                statement.context.proxyName = proxy.name
                try tcpCheck(&proxy.check, &statement)
            },
            Keyword<ProxyDraft>("option external-check", in: .back, takesModifiers: true) { (proxy, statement) in
                if statement.modifier == .none {
                    proxy.check.kind = .external
                } else if proxy.check.kind == .external {
                    proxy.check.kind = nil
                }
            },
            Keyword<ProxyDraft>("external-check", in: .back) { (proxy, statement) throws(Complaint) in
                let word = try statement.argument("'command' or 'path'")
                guard ["command", "path"].contains(word.text) else {
                    throw Complaint(
                        "'external-check' only supports 'command' and 'path'. but got '\(word.text)'.", at: word)
                }
                let value = try statement.argument("a value after '\(word.text)'").text
                if word.text == "command" { proxy.check.command = value } else { proxy.check.searchPath = value }
            },
            Keyword<ProxyDraft>("option log-health-checks", in: .back, takesModifiers: true) { (proxy, statement) in
                proxy.logsHealthChecks = statement.modifier == .none
            },
            Keyword<ProxyDraft>("load-server-state-from-file", in: .back) { (proxy, statement) throws(Complaint) in
                let word = try statement.argument("'global', 'local' or 'none'")
                guard let source = ServerStateSource(rawValue: word.text) else {
                    throw Complaint(
                        "'load-server-state-from-file' expects 'global', 'local' or 'none'. Got '\(word.text)'",
                        at: word)
                }
                proxy.stateSource = source
            },
            Keyword<ProxyDraft>("server-state-file-name", in: [.listen, .backend]) {
                (proxy, statement) throws(Complaint) in
                let name = statement.next()?.text
                proxy.stateFile = name == "use-backend-name" ? nil : name
            },
        ]

    static let global: [Keyword<GlobalDraft>] = [
        Keyword("spread-checks", in: .global) { (global, statement) throws(Complaint) in
            let word = statement.peek
            let percent = try statement.integer(in: Int(Int32.min)...Int(Int32.max))
            guard (0...50).contains(percent) else {
                throw Complaint("'spread-checks' needs a positive value in range 0..50", at: word?.column)
            }
            global.settings.spreadChecks = percent
        },
        Keyword("max-spread-checks", in: .global) { (global, statement) throws(Complaint) in
            global.settings.maxSpreadChecks = try statement.time()
        },
        Keyword("server-state-base", in: .global) { (global, statement) throws(Complaint) in
            global.settings.serverStateBase = try statement.argument("one argument: a directory path").text
        },
        Keyword("external-check", in: .global) { (global, statement) throws(Complaint) in
            global.settings.allowsExternalChecks = true
            guard let word = statement.next() else { return }
            guard word.text == "preserve-env" else {
                throw Complaint("'external-check' only supports 'preserve-env' as an argument", at: word)
            }
            global.settings.externalChecksKeepEnvironment = true
        },
        // Nothing keeps this process from starting programs that the configuration names, and nothing else starts one.
        Keyword("insecure-fork-wanted", in: .global, takesModifiers: true) { (_, _) in },
        Keyword("stats-file", in: .global) { (global, statement) throws(Complaint) in
            global.settings.statisticsFile = try statement.argument("a file path").text
        },
        Keyword("server-state-file", in: .global) { (global, statement) throws(Complaint) in
            global.settings.serverStateFile = try statement.argument("one argument: a file path").text
        },
    ]

    /// `healthcheck` sections.
    static let section: [Keyword<HealthcheckDraft>] = [
        Keyword("type", in: .healthcheck) { (draft, statement) throws(Complaint) in
            let word = try statement.argument("a healthcheck type.")
            if draft.check.kind != nil { throw Complaint("healthcheck type already defined.") }
            guard let kind = NamedChecks.kinds.first(where: { $0.rawValue == word.text }) else {
                throw Complaint(
                    "unknown healthcheck type '\(word.text)' (expects \(NamedChecks.kinds.map { "'\($0.rawValue)'" }.joined(separator: ", "))).",
                    at: word)
            }
            for (rules, owner, name) in [
                (draft.check.tcpRules, CheckRuleset.Kind.tcp, "tcp-check"),
                (draft.check.httpRules, .http, "http-check"),
            ] where !rules.isEmpty && kind != owner {
                throw Complaint("cannot set '\(word.text)' type with '\(name)' rules", at: word)
            }
            try NamedChecks.apply(kind, to: &draft.check, &statement)
        },
        Keyword("tcp-check", in: .healthcheck) { (draft, statement) throws(Complaint) in
            try check(draft, .tcp, others: draft.check.httpRules)
            try tcpCheck(&draft.check, &statement)
        },
        Keyword("http-check", in: .healthcheck) { (draft, statement) throws(Complaint) in
            try check(draft, .http, others: draft.check.tcpRules)
            try httpCheck(&draft.check, &statement)
        },
    ]

    private static func check(
        _ draft: HealthcheckDraft, _ wanted: CheckRuleset.Kind, others: [CheckRule]
    ) throws(Complaint) {
        let name = wanted == .tcp ? "tcp-check" : "http-check"
        if let kind = draft.check.kind, kind != wanted {
            throw Complaint("unable to configure '\(name)' rule for '\(kind.rawValue)' healthcheck")
        }
        if !others.isEmpty { throw Complaint("cannot mix 'tcp-check' and 'http-check' rules") }
    }

    // MARK: Lines

    private static func tcpCheck(_ draft: inout CheckDraft, _ statement: inout Statement) throws(Complaint) {
        draft.ownTCP()
        var reader = CheckRuleReader(isHTTP: false, statement)
        var rule = try reader.read(&statement)
        rule.index = draft.tcpRules.last.map { $0.index + 1 } ?? 0
        try checkOrder(rule, behind: draft.tcpRules, "tcp-check connect")
        draft.tcpRules.append(rule)
    }

    private static func httpCheck(_ draft: inout CheckDraft, _ statement: inout Statement) throws(Complaint) {
        draft.ownHTTP()
        if statement.skip("disable-on-404") {
            draft.disablesOn404 = true
            return
        }
        if statement.skip("send-state") {
            draft.sendsState = true
            return
        }
        var reader = CheckRuleReader(isHTTP: true, statement)
        var rule = try reader.read(&statement)
        rule.index = draft.httpRules.last.map { $0.index + 1 } ?? 0
        try checkOrder(rule, behind: draft.httpRules, "http-check connect")
        if draft.kind == .http { try checkSequence(rule, behind: draft.httpRules) }
        draft.httpRules.append(rule)
    }

    /// A connect anywhere means that the first step is one.
    private static func checkOrder(
        _ rule: CheckRule, behind rules: [CheckRule], _ name: String
    ) throws(Complaint) {
        guard case .connect = rule.action, let first = rules.first(where: \.isStep) else { return }
        if case .connect = first.action { return }
        throw Complaint(
            "'\(name)' : first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a"
                + " 'comment', when there is a 'connect' step in the tcp-check ruleset.")
    }

    /// Requests and answers follow each other.
    private static func checkSequence(_ rule: CheckRule, behind rules: [CheckRule]) throws(Complaint) {
        guard let last = rules.last(where: \.isStep) else { return }
        switch (rule.action, last.action) {
        case (.request, .connect), (.expect, .request), (.expect, .expect), (.connect, .expect): return
        case (.request, _):
            throw Complaint(
                "'http-check send' : unable to add http-check send rule at step \(rule.index + 1) (missing connect rule)."
            )
        case (.expect, _):
            throw Complaint(
                "'http-check expect' : unable to add http-check expect rule at step \(rule.index + 1) (missing send rule)."
            )
        case (.connect, _):
            throw Complaint(
                "'http-check connect' : unable to add http-check connect rule at step \(rule.index + 1) (missing expect"
                    + " rule).")
        default: return
        }
    }
}
