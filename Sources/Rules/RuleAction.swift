package import Bytes
package import Samples

/// What a rule does. An action is read once, checked, and shared by all workers: it is immutable.
package protocol RuleAction: AnyObject, Sendable {
    /// Does it for the exchange or connection that `run` stands at.
    func run(_ run: RuleRun) -> RuleOutcome
}

/// What happens after an action.
package enum RuleOutcome {
    /// The next rule.
    case next
    /// No further rule of this set (`allow`, `accept`).
    case accept
    /// The rules end here, and the exchange or connection with them.
    case finish(Verdict)
    /// The same rule again, once more of the message is here, and at ``Instant`` for the last time.
    case wait(until: Instant)
}

/// How rules end an exchange or connection.
package enum Verdict {
    /// An answer by the proxy itself: `return`, `deny`, `redirect`. It counts as denied when `isDenial`.
    case answer(any RuleReply, isDenial: Bool)
    /// The proxy's error message for a status; it counts as denied.
    case deny(status: Int)
    /// The connection is closed (`reject`), or the stream of the exchange.
    case reject
    /// Nothing is said to the client any more (`silent-drop`).
    case silentDrop
    /// A rewrite found no room, or an internal failure: 500 or 502.
    case internalError
}

/// An answer that a rule gives.
package protocol RuleReply: AnyObject, Sendable {
    /// Makes the answer for the current exchange.
    func make(_ evaluation: Evaluation) -> ReplyContent?
}

/// A whole answer as it is sent.
package struct ReplyContent: Sendable {
    package var status: Int
    /// Nil: the standard phrase.
    package var reason: [UInt8]?
    /// Names in lower case. Framing is added by the sender.
    package var fields: [(name: [UInt8], value: [UInt8])]
    package var body: [UInt8]
    /// End without an answer: an empty error file.
    package var isSilent = false

    package init(status: Int, fields: [(name: [UInt8], value: [UInt8])] = [], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

/// What actions can ask of the proxy that runs them.
package protocol RuleHost: AnyObject {
    /// A rewrite failed: it counts in the proxy's `wrew`. True when the exchange has to end for it (`strict-mode on`).
    func rewriteFailed() -> Bool
}

/// The place at which rules run: the evaluation, the set, and the proxy's services. One per worker, set up anew for each
/// run. Not Sendable.
package final class RuleRun {
    package let evaluation: Evaluation
    /// The set that runs.
    package internal(set) var kind = RuleSetKind.httpRequest
    /// Whose rules run: the back half's, or the front half's.
    package internal(set) var isBackend = false
    /// The proxy's services; nil where no exchange is.
    package internal(set) var host: (any RuleHost)?
    /// When the set began to run for this exchange; the start of `inspect-delay` and pauses.
    package internal(set) var startedAt = Instant.zero
    /// Whether the current rule was interrupted before: its action runs again.
    package internal(set) var isResumed = false

    package init(_ evaluation: Evaluation) { self.evaluation = evaluation }

    /// Turns to a set.
    package func begin(
        _ kind: RuleSetKind, isBackend: Bool, host: (any RuleHost)?, startedAt: Instant
    ) {
        self.kind = kind
        self.isBackend = isBackend
        self.host = host
        self.startedAt = startedAt
    }

    /// Ends a rewriting action: goes on when it worked; otherwise counts the failure, and ends the exchange when the
    /// rules are strict.
    package func rewritten(_ isDone: Bool) -> RuleOutcome {
        if isDone { return .next }
        return host?.rewriteFailed() == true ? .finish(.internalError) : .next
    }
}

/// How far a set has run.
package struct RuleCursor {
    /// The next rule.
    package var index = 0
    /// Whether that rule was begun before.
    package var isResumed = false

    package init() {}
}

/// How a run through a set ended.
package enum RuleSetResult {
    /// All rules are done, or one accepted.
    case done
    case finish(Verdict)
    /// It goes on when more is here, or at that time.
    case wait(until: Instant)
}

extension RuleRun {
    /// Runs a set from `cursor` on.
    ///
    /// - Parameter waitsForData: when a condition cannot be decided before more data is here: until when to wait. Nil:
    ///   what is not here now counts as not there.
    package func run(_ rules: RuleList, _ cursor: inout RuleCursor, waitsForData: Instant? = nil) -> RuleSetResult {
        defer { evaluation.scratch.release() }
        evaluation.isFinal = waitsForData == nil
        while cursor.index < rules.count {
            isResumed = cursor.isResumed
            if !cursor.isResumed {
                switch rules.decide(cursor.index, evaluation) {
                case .pass: break
                case .fail:
                    cursor.index += 1
                    continue
                case .undecided:
                    if let waitsForData { return .wait(until: waitsForData) }
                    cursor.index += 1
                    continue
                }
            }
            let outcome = rules.act(cursor.index, self)
            evaluation.scratch.release()
            switch outcome {
            case .next:
                cursor.isResumed = false
                cursor.index += 1
            case .accept:
                cursor.isResumed = false
                cursor.index = rules.count
            case .finish(let verdict):
                cursor.index = rules.count
                return .finish(verdict)
            case .wait(let time):
                cursor.isResumed = true
                return .wait(until: time)
            }
        }
        return .done
    }
}
