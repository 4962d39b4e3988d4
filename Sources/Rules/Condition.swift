package import Samples

/// What a test or a condition says of an exchange.
package enum Decision: Sendable {
    case pass
    case fail
    /// More data is needed to tell.
    case undecided

    package var negated: Decision {
        switch self {
        case .pass: .fail
        case .fail: .pass
        case .undecided: .undecided
        }
    }
}

/// A condition of a rule: `if` or `unless` and ACLs (configuration.txt section 7.2). Immutable and shared by all workers.
package final class Condition: Sendable {
    /// An ACL, or its opposite.
    package struct Term: Sendable {
        let acl: ACL
        let isNegated: Bool

        package init(_ acl: ACL, isNegated: Bool) {
            self.acl = acl
            self.isNegated = isNegated
        }
    }

    /// Terms that all have to hold; one of the lists has to.
    private let alternatives: [[Term]]
    private let isNegated: Bool
    /// - Parameter isNegated: it stands behind `unless`.
    package init(_ alternatives: [[Term]], isNegated: Bool) {
        self.alternatives = alternatives
        self.isNegated = isNegated
    }

    /// The ACLs in it.
    package var acls: [ACL] { alternatives.joined().map(\.acl) }

    /// Decides for what `evaluation` stands at. As in HAProxy, a term that cannot be decided yet makes its list so, and
    /// any list that passes decides.
    package func evaluate(_ evaluation: Evaluation) -> Decision {
        var result = Decision.fail
        for index in 0..<alternatives.count {
            var all = Decision.pass
            for term in alternatives[index] {
                var decision = term.acl.evaluate(evaluation)
                if term.isNegated { decision = decision.negated }
                if decision != .pass {
                    all = decision
                    break
                }
            }
            if all == .pass {
                result = .pass
                break
            }
            if all == .undecided { result = .undecided }
        }
        return isNegated ? result.negated : result
    }

    /// Whether the condition holds; what cannot be decided does not.
    package func holds(_ evaluation: Evaluation) -> Bool { evaluate(evaluation) == .pass }
}

/// A named or anonymous ACL: tests of which one has to hold (configuration.txt section 7.1).
package final class ACL: Sendable {
    /// Its name; empty for an anonymous one.
    package let name: String
    /// Grows while the configuration is read: an ACL may be declared by several lines, also after rules that use it.
    /// Fixed before workers start.
    package var tests: [ACLTest] { unsafe stored }
    nonisolated(unsafe) private var stored: [ACLTest]

    package init(name: String, tests: [ACLTest]) {
        self.name = name
        unsafe stored = tests
    }

    /// Adds a test. Only while the configuration is read.
    package func add(_ test: ACLTest) { unsafe stored.append(test) }

    /// What the tests read.
    package var sources: SampleSource { tests.reduce(into: []) { $0.formUnion($1.expression.sources) } }

    package func evaluate(_ evaluation: Evaluation) -> Decision {
        var result = Decision.fail
        let tests = self.tests
        for index in 0..<tests.count {
            switch tests[index].evaluate(evaluation) {
            case .pass: return .pass
            case .fail: break
            case .undecided: result = .undecided
            }
        }
        return result
    }
}
