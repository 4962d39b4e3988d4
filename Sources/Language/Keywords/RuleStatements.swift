import Configuration
import Rules
import Samples
import Vocabulary
import Words

/// The statements that declare rules: `http-request` and the other sets, `acl`, `use_backend`.
enum RuleStatements {
    static let keywords: [Keyword<ProxyDraft>] =
        RuleSetKind.allCases.map { kind in
            Keyword<ProxyDraft>(kind.rawValue, in: sections(of: kind)) { (proxy, statement) throws(Complaint) in
                try proxy.checkNamedDefaults(statement)
                if kind == .quicInitial, proxy.mode != .http {
                    throw Complaint("'quic-initial' : proxy '\(proxy.name)' does not use HTTP mode")
                }
                let context = statement.context
                context.requestCaptureLengths = proxy.captures.request.map(\.length)
                context.responseCaptureLengths = proxy.captures.response.map(\.length)
                context.captureUses = []
                if let warning = proxy.finalWarning(for: kind) { statement.warn(warning) }
                let name = statement.peek.map { String($0.text.prefix { $0 != "(" }) } ?? ""
                // A redirection to an empty place does nothing then, and the rules go on.
                let mayDoNothing = statement.remaining.contains { $0.text == "ignore-empty" }
                let rule = try rule(kind, proxy, &statement)
                if let rule {
                    if kind.isOrdered, let warning = proxy.orderWarning(for: kind.rawValue) { statement.warn(warning) }
                    proxy.rules[kind].append(rule)
                    proxy.endedSets.remove(kind)
                    let isFinal =
                        rule.condition == nil && ProxyDraft.finalActions.contains(name)
                        && !mayDoNothing
                    if isFinal, kind.isHTTP { proxy.endedSets.insert(kind) }
                }
                proxy.addCaptures(context)
            }
        } + [
            Keyword<ProxyDraft>("acl", in: .proxies) { (proxy, statement) throws(Complaint) in
                try proxy.checkNamedDefaults(statement)
                try declareACL(&proxy, &statement)
            },
            Keyword<ProxyDraft>("tcp-request inspect-delay", in: .proxies) { (proxy, statement) throws(Complaint) in
                try proxy.checkNamedDefaults(statement)
                let time = try statement.time()
                proxy.requestInspectDelay = time == 0 ? nil : time
            },
            Keyword<ProxyDraft>("tcp-response inspect-delay", in: .back) { (proxy, statement) throws(Complaint) in
                try proxy.checkNamedDefaults(statement)
                let time = try statement.time()
                proxy.responseInspectDelay = time == 0 ? nil : time
            },
            Keyword<ProxyDraft>("monitor-uri", in: .front) { (proxy, statement) throws(Complaint) in
                proxy.monitorURI = try statement.argument("a URI").text
            },
            Keyword<ProxyDraft>("monitor fail", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
                enter(proxy, .httpRequest, statement)
                guard let condition = try condition(proxy, &statement, "monitor fail") else {
                    throw Complaint("'monitor fail' expects a condition: 'if' or 'unless' and ACLs")
                }
                if let warning = proxy.orderWarning(for: "monitor fail") { statement.warn(warning) }
                proxy.rules.monitorFailures.append(condition)
            },
            Keyword<ProxyDraft>("redirect", in: [.frontend, .listen, .backend]) {
                (proxy, statement) throws(Complaint) in
                try redirect(&proxy, &statement)
                if let warning = proxy.orderWarning(for: "redirect") { statement.warn(warning) }
            },
            Keyword<ProxyDraft>("use_backend", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
                try useBackend(&proxy, &statement)
            },
        ]

    private static func sections(of kind: RuleSetKind) -> SectionKinds {
        switch kind {
        case .quicInitial, .tcpRequestConnection, .tcpRequestSession: .front
        case .tcpRequestContent, .httpRequest, .httpResponse, .httpAfterResponse: .proxies
        case .tcpResponseContent: .back
        }
    }

    /// Reads an action and its condition.
    private static func rule(
        _ kind: RuleSetKind, _ proxy: ProxyDraft, _ statement: inout Statement
    ) throws(Complaint) -> Rule? {
        let context = statement.context
        enter(proxy, kind, statement)
        guard let word = statement.peek else {
            throw Complaint("'\(kind.rawValue)' expects an action: \(Vocabulary.actionNames(in: kind))")
        }
        let name = String(word.text.prefix { $0 != "(" })
        guard let keyword = Vocabulary.action(named: name, in: kind) else {
            let hint = Nearest.word(to: name, among: Vocabulary.actions.filter { $0.sets.contains(kind) }.map(\.name))
            let elsewhere = Vocabulary.actions.first { $0.name == name }
            if let elsewhere {
                let sets = elsewhere.sets.map { "'\($0.rawValue)'" }.joined(separator: ", ")
                throw Complaint("'\(kind.rawValue)' : action '\(name)' may be used in \(sets) only", at: word)
            }
            if RefusedKeywords.actions.contains(name) {
                throw Complaint("'\(kind.rawValue)' : \(refusal(of: name))", at: word)
            }
            throw Complaint(
                "'\(kind.rawValue)' : unknown action '\(name)'\(hint.map { "; did you mean '\($0)' maybe ?" } ?? "")",
                at: word)
        }
        if proxy.kind == .defaults, name == "set-retries" {
            throw Complaint("'\(kind.rawValue)' : '\(name)' is not allowed in 'defaults' sections", at: word)
        }
        let location = statement.location.description
        let words = statement.remaining
        context.bufferSize = proxy.surroundings.bufsize
        var reader = ActionReader(kind, words, at: 0, context, location: location)
        let action: any RuleAction
        do throws(Complaint) {
            action = try keyword.parse(&reader)
        } catch {
            throw Complaint("'\(kind.rawValue) \(name)' : \(error.message)", at: error.column ?? word.column)
        }
        statement.advance(by: reader.end)
        for warning in context.warnings { statement.warn("'\(kind.rawValue) \(name)' : \(warning.message)") }
        context.warnings = []
        let condition = try condition(proxy, &statement, kind.rawValue)
        return Rule(action, if: condition, location: location)
    }

    /// `redirect`: done after the rules of `http-request`, with a text as the target.
    private static func redirect(_ proxy: inout ProxyDraft, _ statement: inout Statement) throws(Complaint) {
        enter(proxy, .httpRequest, statement)
        let location = statement.location.description
        let words = [Word(text: "redirect", column: statement.mark().excerpt.column)] + statement.remaining
        var reader = ActionReader(.httpRequest, words, at: 0, statement.context, location: location)
        let action = try RedirectAction.parse(&reader, isFormat: false)
        statement.advance(by: reader.end - 1)
        let condition = try condition(proxy, &statement, "redirect")
        proxy.rules.redirects.append(Rule(action, if: condition, location: location))
    }

    /// Tells the context where expressions stand.
    private static func enter(_ proxy: ProxyDraft, _ kind: RuleSetKind, _ statement: Statement) {
        statement.context.place = kind.places(isFrontend: proxy.kind.hasFront, isBackend: proxy.kind.hasBack)
        statement.context.proxyName = proxy.name
        statement.context.expressionPlace =
            switch kind {
            case .quicInitial: "in"
            case .httpRequest: "in http-request expression in"
            case .httpResponse, .httpAfterResponse: "in http-response response in"
            case .tcpRequestConnection, .tcpRequestSession, .tcpRequestContent, .tcpResponseContent:
                "in \(kind.rawValue) expression in"
            }
    }

    /// The condition of `stats admin`; nil when there is none.
    static func condition(
        ofPageOf proxy: ProxyDraft, _ statement: inout Statement
    ) throws(Complaint) -> Condition? {
        enter(proxy, .httpRequest, statement)
        return try condition(proxy, &statement, "stats admin")
    }

    /// Reads `if …` or `unless …` to the end of the statement; nil when there is none.
    static func condition(
        _ proxy: ProxyDraft, _ statement: inout Statement, _ owner: String
    ) throws(Complaint) -> Condition? {
        guard let word = statement.peek else { return nil }
        guard word.text == "if" || word.text == "unless" else {
            throw Complaint(
                "'\(owner)' : unexpected '\(word.text)': only 'if' or 'unless' with a condition may follow", at: word)
        }
        _ = statement.next()
        let words = statement.remaining
        statement.advance(by: words.count)
        if words.isEmpty {
            // As in HAProxy: nothing to hold never holds.
            let result = word.text == "if" ? "never" : "always"
            statement.warn("'\(owner)' : no condition follows '\(word.text)', so that this \(result) applies", at: word)
        }
        let place = statement.context.place
        let parser = ConditionParser(statement.context, acls: proxy.acls)
        let condition = try parser.parse(words, isNegated: word.text == "unless")
        statement.context.place = place
        for warning in parser.warnings(of: condition, place) { statement.warn("'\(owner)' : \(warning)", at: word) }
        return condition
    }

    private static func declareACL(_ proxy: inout ProxyDraft, _ statement: inout Statement) throws(Complaint) {
        let name = try statement.argument("a name and a test")
        for character in name.text
        where !character.isASCII || !(character.isLetter || character.isNumber || "-_.:".contains(character)) {
            throw Complaint("character '\(character)' is not permitted in acl name '\(name.text)'", at: name)
        }
        if ["or", "||"].contains(name.text.lowercased()) {
            throw Complaint("acl name '\(name.text)' will never match: 'or' is the operator of conditions", at: name)
        }
        statement.context.place = .all
        statement.context.proxyName = proxy.name
        let words = statement.remaining
        statement.advance(by: words.count)
        let parser = ConditionParser(statement.context, acls: proxy.acls)
        statement.context.findACL = { [acls = proxy.acls] in acls[$0] }
        defer { statement.context.findACL = { _ in nil } }
        let test = try parser.test(words, after: name)
        for warning in parser.takeWarnings() {
            statement.warn(warning.message, at: warning.column.map { Word(text: "", column: $0) })
        }
        if let known = proxy.acls[name.text] {
            known.add(test)
        } else {
            proxy.acls[name.text] = ACL(name: name.text, tests: [test])
        }
    }

    private static func useBackend(_ proxy: inout ProxyDraft, _ statement: inout Statement) throws(Complaint) {
        let word = try statement.argument("a backend name")
        statement.context.place = .setBackend
        statement.context.expressionPlace = "in use_backend expression in"
        statement.context.proxyName = proxy.name
        let target: UseBackendDraft.Target
        if word.text.contains("%") {
            target = .format(try Format.parse(word, statement.context, options: []))
        } else {
            target = .name(BackendReference(name: word.text, mark: statement.mark(word)))
        }
        if let next = statement.peek, next.text != "if", next.text != "unless" {
            throw Complaint(
                "unexpected keyword '\(next.text)' after switching rule, only 'if' and 'unless' are allowed", at: next)
        }
        let condition = try condition(proxy, &statement, "use_backend")
        proxy.useBackendRules.append(
            UseBackendDraft(target: target, condition: condition, location: statement.location))
    }
}

/// A `use_backend` line as it is written.
struct UseBackendDraft: Sendable {
    enum Target: Sendable {
        case name(BackendReference)
        /// A name that is made anew for each request.
        case format(Format)
    }

    var target: Target
    var condition: Condition?
    var location: SourceLocation
}

extension RuleSetKind {
    /// Sets whose rules are warned about where they stand behind others that are processed later.
    fileprivate var isOrdered: Bool { self != .httpResponse && self != .httpAfterResponse }

    fileprivate var isHTTP: Bool { self == .httpRequest || self == .httpResponse || self == .httpAfterResponse }
}

extension ProxyDraft {
    /// Keeps the slots that a rule has added.
    fileprivate mutating func addCaptures(_ context: CompilationContext) {
        captures.request += context.requestCaptureLengths.dropFirst(captures.request.count).map {
            CaptureSettings.Slot(length: $0)
        }
        captures.response += context.responseCaptureLengths.dropFirst(captures.response.count).map {
            CaptureSettings.Slot(length: $0)
        }
        captureUses += context.captureUses
    }

    /// Rules and ACLs may stand in a `defaults` section only if it has a name: sections refer to it with `from`.
    fileprivate func checkNamedDefaults(_ statement: Statement) throws(Complaint) {
        if kind == .defaults, name.isEmpty {
            throw Complaint("'\(statement.name)' is not allowed in an anonymous 'defaults' section; give it a name")
        }
    }
}
