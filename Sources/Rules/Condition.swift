public import Samples

/// What a test or a condition says of an exchange.
public enum Decision: Sendable {
    case pass
    case fail
    /// More data is needed to tell.
    case undecided

    public var negated: Decision {
        switch self {
        case .pass: .fail
        case .fail: .pass
        case .undecided: .undecided
        }
    }
}

/// A condition of a rule: `if` or `unless` and ACLs (configuration.txt section 7.2). Immutable and shared by all workers.
@safe public final class Condition: Sendable {
    /// An ACL, or its opposite.
    public struct Term: Sendable {
        let acl: ACL
        let isNegated: Bool

        public init(_ acl: ACL, isNegated: Bool) {
            self.acl = acl
            self.isNegated = isNegated
        }
    }

    /// Terms that all have to hold; one of the lists has to.
    private let alternatives: [[Term]]
    private let isNegated: Bool
    /// The same laid out flat, so that evaluation counts no references.
    nonisolated(unsafe) private let steps: UnsafeMutablePointer<Step>
    private let stepCount: Int

    @safe private struct Step {
        let acl: Unmanaged<ACL>
        let isNegated: Bool
        /// The place of the first step of the next alternative.
        let next: Int
    }
    /// - Parameter isNegated: it stands behind `unless`.
    public init(_ alternatives: [[Term]], isNegated: Bool) {
        self.alternatives = alternatives
        self.isNegated = isNegated
        stepCount = alternatives.reduce(0) { $0 + $1.count }
        unsafe steps = .allocate(capacity: max(1, stepCount))
        var index = 0
        for terms in alternatives {
            let next = index + terms.count
            for term in terms {
                let step = unsafe Step(acl: .passUnretained(term.acl), isNegated: term.isNegated, next: next)
                unsafe (steps + index).initialize(to: step)
                index += 1
            }
        }
    }

    deinit { unsafe steps.deallocate() }

    /// The ACLs in it.
    public var acls: [ACL] { alternatives.joined().map(\.acl) }

    /// Decides for what `evaluation` stands at. As in HAProxy, a term that cannot be decided yet makes its list so, and
    /// any list that passes decides.
    public func evaluate(_ evaluation: Evaluation) -> Decision {
        var result = Decision.fail
        var index = 0
        while index < stepCount {
            let step = unsafe steps[index]
            var decision = unsafe step.acl._withUnsafeGuaranteedRef { $0.evaluate(evaluation) }
            if step.isNegated { decision = decision.negated }
            guard decision == .pass else {
                if decision == .undecided { result = .undecided }
                index = step.next
                continue
            }
            index += 1
            if index == step.next {
                result = .pass
                break
            }
        }
        return isNegated ? result.negated : result
    }

    /// Whether the condition holds; what cannot be decided does not.
    public func holds(_ evaluation: Evaluation) -> Bool { evaluate(evaluation) == .pass }
}

extension Condition: Equatable {
    /// Conditions are the same when they are the same objects: they are read once.
    public static func == (left: Condition, right: Condition) -> Bool { left === right }
}

/// A named or anonymous ACL: tests of which one has to hold (configuration.txt section 7.1).
@safe public final class ACL: Sendable {
    /// Its name; empty for an anonymous one.
    public let name: String
    /// Grows while the configuration is read: an ACL may be declared by several lines, also after rules that use it.
    /// Fixed before workers start.
    public var tests: [ACLTest] { unsafe stored }
    nonisolated(unsafe) private var stored: [ACLTest]
    /// The same tests for evaluation, which counts no references.
    nonisolated(unsafe) private var steps: UnsafeMutablePointer<Unmanaged<ACLTest>>
    nonisolated(unsafe) private var stepCount: Int

    public init(name: String, tests: [ACLTest]) {
        self.name = name
        unsafe stored = tests
        unsafe stepCount = tests.count
        unsafe steps = Self.layOut(tests)
    }

    /// Adds a test. Only while the configuration is read.
    public func add(_ test: ACLTest) {
        unsafe steps.deallocate()
        unsafe stored.append(test)
        unsafe steps = Self.layOut(stored)
        unsafe stepCount = stored.count
    }

    deinit { unsafe steps.deallocate() }

    @unsafe private static func layOut(_ tests: [ACLTest]) -> UnsafeMutablePointer<Unmanaged<ACLTest>> {
        let steps = UnsafeMutablePointer<Unmanaged<ACLTest>>.allocate(capacity: max(1, tests.count))
        for (index, test) in tests.enumerated() { unsafe (steps + index).initialize(to: .passUnretained(test)) }
        return unsafe steps
    }

    /// What the tests read.
    public var sources: SampleSource { tests.reduce(into: []) { $0.formUnion($1.expression.sources) } }

    public func evaluate(_ evaluation: Evaluation) -> Decision {
        var result = Decision.fail
        for index in 0..<(unsafe stepCount) {
            switch unsafe steps[index]._withUnsafeGuaranteedRef({ $0.evaluate(evaluation) }) {
            case .pass: return .pass
            case .fail: break
            case .undecided: result = .undecided
            }
        }
        return result
    }
}
