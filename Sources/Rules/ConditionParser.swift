import Patterns
public import Samples
public import Words

/// Reads conditions and the tests of ACLs (configuration.txt sections 7.1 and 7.2).
public struct ConditionParser {
    private let context: CompilationContext
    private let acls: [String: ACL]

    /// - Parameter acls: those that the proxy has declared so far, by name.
    public init(_ context: CompilationContext, acls: [String: ACL]) {
        self.context = context
        self.acls = acls
    }

    // MARK: Conditions

    /// Reads a condition that takes all `words`.
    public func parse(_ words: [Word], isNegated: Bool) throws(Complaint) -> Condition {
        var alternatives: [[Condition.Term]] = []
        var terms: [Condition.Term] = []
        var negates = false
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            let marks = word.text.prefix { $0 == "!" }
            let name = String(word.text.dropFirst(marks.count))
            if marks.count % 2 == 1 { negates.toggle() }
            if name.isEmpty { continue }
            if name == "||" || name.lowercased() == "or" {
                alternatives.append(terms)
                terms = []
                negates = false
                continue
            }
            let acl: ACL
            if name == "{" {
                guard let end = words[index...].firstIndex(where: { $0.text == "}" }) else {
                    throw Complaint("missing closing '}' in condition", at: word)
                }
                acl = ACL(name: "", tests: [try test(Array(words[index..<end]), after: word)])
                index = end + 1
            } else {
                acl = try self.acl(named: name, at: word)
            }
            terms.append(Condition.Term(acl, isNegated: negates))
            negates = false
        }
        alternatives.append(terms)
        alternatives.removeAll { $0.isEmpty }
        if alternatives.isEmpty, let last = words.last { throw Complaint("the condition has no ACL", at: last) }
        return Condition(alternatives, isNegated: isNegated)
    }

    /// The ACL of that name: a declared one, or one of those that every proxy has.
    public func acl(named name: String, at word: Word) throws(Complaint) -> ACL {
        if let known = acls[name] { return known }
        let key = "acl \(name)"
        if let known = context.shared[key] as? ACL { return known }
        guard let words = PredefinedACL.words(of: name) else {
            let hint = Nearest.word(to: name, among: acls.keys).map { "; did you mean '\($0)' maybe ?" } ?? ""
            throw Complaint("no such ACL : '\(name)'\(hint)", at: word)
        }
        let test = try test(words.map { Word(text: $0, column: word.column) }, after: word)
        let acl = ACL(name: name, tests: [test])
        context.shared[key] = acl
        return acl
    }

    /// What is odd about a condition that stands at `place`: ACLs that can never match there.
    public func warnings(of condition: Condition, _ place: RulePlace) -> [String] {
        condition.acls.compactMap { acl in
            guard acl.sources.places.isDisjoint(with: place) else { return nil }
            let name = acl.name.isEmpty ? "anonymous acl" : "acl '\(acl.name)'"
            let keyword = acl.tests.first?.expression.fetchName ?? ""
            return "\(name) will never match because it only involves keywords that are incompatible with this rule:"
                + " '\(keyword)' reads \(acl.sources.names)"
        } + takeWarnings().map(\.message)
    }

    /// Warnings of what was read since the last call.
    public func takeWarnings() -> [Complaint] {
        defer { context.warnings = [] }
        return context.warnings
    }

    // MARK: Tests

    /// Reads a test: a criterion, flags, and patterns.
    public func test(_ words: [Word], after previous: Word) throws(Complaint) -> ACLTest {
        guard let first = words.first else { throw Complaint("missing ACL expression", at: previous) }
        let place = (context.place, context.expressionPlace)
        context.place = .all
        context.expressionPlace = nil
        defer { (context.place, context.expressionPlace) = place }
        var index = 1
        let name = String(first.text.prefix { $0 != "(" && $0 != "," })
        let meaning = ACLKeyword.meaning(of: name)
        let expression: Expression
        var method: MatchMethod?
        if let meaning {
            let text = Array(meaning.fetch.utf8) + first.bytes.dropFirst(name.utf8.count)
            do throws(Complaint) {
                expression = try ExpressionParser(context).parse(text, allowsRest: false).expression
            } catch {
                throw Complaint("ACL keyword '\(name)' : \(error.message)", at: first)
            }
            // A converter behind the criterion sets its own type, and so the method.
            method = expression.hasConverters ? nil : meaning.method
        } else {
            do throws(Complaint) {
                expression = try ExpressionParser(context).parse(
                    first, peek: { index < words.count ? words[index] : nil }, take: { index += 1 })
            } catch {
                let hint = Nearest.word(to: name, among: ACLKeyword.names).map { "; did you mean '\($0)' maybe ?" }
                let isUnknown = error.message.hasPrefix("unknown fetch method '\(name)'")
                let advice = isUnknown && !error.message.contains("did you mean") ? hint ?? "" : ""
                throw Complaint(
                    "\(error.message)\(advice) in ACL expression '\(first.text)'", at: error.column ?? first.column)
            }
        }
        var reader = PatternWordReader(context, words, index, expression, method ?? Self.method(of: expression.type))
        reader.original = method
        let test = try reader.read(first)
        if expression.fetchName == "http_auth_group", !reader.inlineWords.isEmpty || test.patterns.count <= 1 {
            keepGroups(reader.inlineWords, expression, previous)
        }
        return test
    }

    /// Groups can be checked only once the user lists are there.
    private func keepGroups(_ words: [Word], _ expression: Expression, _ name: Word) {
        let list = expression.text.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" && $0 != "," }
        for group in words.isEmpty ? [nil] : words.map({ Optional($0.text) }) {
            context.groupUses.append(
                GroupUse(
                    list: String(list), group: group, acl: name.text == "{" ? "" : name.text,
                    proxyName: context.proxyName, location: context.location))
        }
    }

    /// The method that a type has by itself.
    private static func method(of type: SampleType) -> MatchMethod? {
        switch type {
        case .bool: .bool
        case .sint: .int
        case .addr, .ipv4, .ipv6: .ip
        case .str: .str
        case .any, .same, .bin, .meth: nil
        }
    }
}
