import Samples

/// The rules of one set as the data path runs them: laid out flat, so that going through them counts no references.
@safe public final class RuleList: Sendable {
    /// Keeps the rules alive; ``entries`` points to them.
    private let rules: [Rule]
    nonisolated(unsafe) private let entries: UnsafeMutablePointer<Entry>
    public let count: Int

    @safe private struct Entry {
        let rule: Unmanaged<Rule>
        let condition: Unmanaged<Condition>?
    }

    init(_ rules: [Rule]) {
        self.rules = rules
        count = rules.count
        unsafe entries = .allocate(capacity: max(1, count))
        for (index, rule) in rules.enumerated() {
            let condition = unsafe rule.condition.map { unsafe Unmanaged.passUnretained($0) }
            unsafe (entries + index).initialize(to: Entry(rule: .passUnretained(rule), condition: condition))
        }
    }

    deinit { unsafe entries.deallocate() }

    public subscript(index: Int) -> Rule { rules[index] }

    /// What the condition of rule `index` says; rules without one always pass.
    @inline(__always)
    func decide(_ index: Int, _ evaluation: Evaluation) -> Decision {
        precondition(index >= 0 && index < count, "no such rule")
        guard let condition = unsafe entries[index].condition else { return .pass }
        return unsafe condition._withUnsafeGuaranteedRef { $0.evaluate(evaluation) }
    }

    /// Does the action of rule `index`.
    func act(_ index: Int, _ run: RuleRun) -> RuleOutcome {
        precondition(index >= 0 && index < count, "no such rule")
        return unsafe entries[index].rule._withUnsafeGuaranteedRef { $0.action.run(run) }
    }
}

/// The rules of one proxy by set, for the data path. Shared by all workers.
public final class RuleTable: Sendable {
    private let lists: [RuleList?]
    /// `redirect` statements; nil when there are none.
    public let redirects: RuleList?

    public init(_ rules: ProxyRules) {
        lists = RuleSetKind.allCases.map { kind in
            let rules = rules[kind]
            return rules.isEmpty ? nil : RuleList(rules)
        }
        redirects = rules.redirects.isEmpty ? nil : RuleList(rules.redirects)
    }

    /// The rules of a set; nil when there are none.
    public subscript(kind: RuleSetKind) -> RuleList? { lists[kind.ordinal] }
}

extension RuleSetKind {
    /// Its place in `allCases`.
    fileprivate var ordinal: Int {
        switch self {
        case .quicInitial: 0
        case .tcpRequestConnection: 1
        case .tcpRequestSession: 2
        case .tcpRequestContent: 3
        case .tcpResponseContent: 4
        case .httpRequest: 5
        case .httpResponse: 6
        case .httpAfterResponse: 7
        }
    }
}
