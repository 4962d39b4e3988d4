public import Bytes
public import Messages
public import Samples
import Streams

/// What a rule does. An action is read once, checked, and shared by all workers: it is immutable.
public protocol RuleAction: AnyObject, Sendable {
    /// Does it for the exchange or connection that `run` stands at.
    func run(_ run: RuleRun) -> RuleOutcome
    /// Whether the control thread does a part of it: a change of patterns, a service, a name.
    var needsControl: Bool { get }
}

extension RuleAction {
    public var needsControl: Bool { false }
}

/// What happens after an action.
public enum RuleOutcome {
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
public enum Verdict: Sendable {
    /// An answer by the proxy itself: `return`, `deny`, `redirect`. It counts as denied when `isDenial`.
    case answer(any RuleReply, isDenial: Bool)
    /// The answer after a pause that was to slow the client down; it counts as denied.
    case tarpit(any RuleReply)
    /// The connection is closed (`reject`), or the stream of the exchange.
    case reject
    /// A rewrite found no room, or an internal failure: 500 or 502.
    case internalError
    /// The request breaks a rule that the configuration sets: 400.
    case badMessage
    /// The message that rules waited for did not come in time: 408 or 504.
    case timeout
    /// The client's connection is gone without the client being told (`silent-drop`).
    ///
    /// - Parameter hops: how far a reset may travel; nil: none is sent if the system can do without.
    case vanish(hops: UInt8?)
    /// The TCP connection goes on as one of HTTP (`switch-mode http`): of that version, or of the one that it turns out.
    case switchToHTTP(version: HTTPVersion?)
    /// A service answers (`use-service`).
    case service(name: String)
    /// A QUIC client's first packet is passed over.
    case drop
    /// A QUIC client has to prove its address.
    case retry
}

/// An answer that a rule gives.
public protocol RuleReply: AnyObject, Sendable {
    /// Makes the answer for the exchange that `run` stands at; nil when it finds no room.
    func make(_ run: RuleRun) -> ReplyContent?
}

/// Writes the log lines that rules ask for.
public protocol RuleLogger: AnyObject {
    /// Writes a line for what `evaluation` stands at.
    ///
    /// - Parameter profile: the number of the log profile to use; nil: those of the log targets.
    func log(_ evaluation: Evaluation, _ origin: LogOrigin, profile: Int?)
}

/// The place at which rules run: the evaluation, the set, and the proxy's services. One per worker, set up anew for each
/// run. Not Sendable.
public final class RuleRun {
    public let evaluation: Evaluation
    /// The set that runs.
    public internal(set) var kind = RuleSetKind.httpRequest
    /// Whose rules run: the back half's, or the front half's.
    public internal(set) var isBackend = false
    /// The proxy's services; nil where no exchange is.
    public internal(set) var host: (any RuleHost)?
    /// When the set began to run for this exchange; the start of `inspect-delay` and pauses.
    public internal(set) var startedAt = Instant.zero
    /// Writes the lines that rules ask for; nil where there is no log.
    public unowned(unsafe) var logger: (any RuleLogger)?
    /// Whether the current rule was interrupted before: its action runs again.
    public internal(set) var isResumed = false
    /// When the current rule was first begun.
    public private(set) var ruleStartedAt = Instant.zero
    /// Until when the current rule waited, when it was interrupted before.
    public private(set) var waitedUntil = Instant.zero
    /// Whether a rewrite that fails ends the exchange (`strict-mode`): true again at the start of each set.
    public var isStrict = true
    /// What an action leaves to the one that follows it at once: several rules may make one thing together.
    public var unfinished: AnyObject?
    private var rules: RuleList?
    private var index = 0

    public init(_ evaluation: Evaluation) {
        self.evaluation = evaluation
        unsafe logger = nil
    }

    /// Turns to a set.
    public func begin(
        _ kind: RuleSetKind, isBackend: Bool, host: (any RuleHost)?, startedAt: Instant
    ) {
        self.kind = kind
        self.isBackend = isBackend
        self.host = host
        self.startedAt = startedAt
    }

    /// The time of this turn.
    public var now: Instant { evaluation.resources.clock.now }

    /// The rule behind the current one; nil at the end of the set.
    public var following: Rule? {
        guard let rules, index + 1 < rules.count else { return nil }
        return rules[index + 1]
    }

    /// Ends a rewriting action: goes on when it worked; otherwise counts the failure, and ends the exchange when the
    /// rules are strict.
    public func rewritten(_ isDone: Bool) -> RuleOutcome {
        if isDone { return .next }
        host?.rewriteFailed()
        return isStrict ? .finish(.internalError) : .next
    }
}

/// How far a set has run.
public struct RuleCursor {
    /// The next rule.
    public var index = 0
    /// Whether that rule was begun before.
    public var isResumed = false
    /// When it was.
    var ruleStartedAt = Instant.zero
    /// Until when it waited.
    var waitedUntil = Instant.zero
    /// What ``RuleRun/isStrict`` was at the interruption.
    var isStrict = true

    public init() {}
}

/// How a run through a set ended.
public enum RuleSetResult {
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
    public func run(_ rules: RuleList, _ cursor: inout RuleCursor, waitsForData: Instant? = nil) -> RuleSetResult {
        self.rules = rules
        isStrict = cursor.isStrict
        defer {
            evaluation.scratch.release()
            cursor.isStrict = isStrict
            unfinished = nil
        }
        evaluation.isFinal = waitsForData == nil
        while cursor.index < rules.count {
            index = cursor.index
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
            if !cursor.isResumed { cursor.ruleStartedAt = now }
            ruleStartedAt = cursor.ruleStartedAt
            waitedUntil = cursor.waitedUntil
            let outcome = rules.act(cursor.index, self)
            if isResumed { host?.ruleWaits(nil) }
            switch outcome {
            case .next:
                cursor.isResumed = false
                cursor.index += 1
            case .accept:
                host?.ruleEnded(rules[cursor.index])
                cursor.isResumed = false
                cursor.index = rules.count
            case .finish(let verdict):
                host?.ruleEnded(rules[cursor.index])
                cursor.index = rules.count
                return .finish(verdict)
            case .wait(let time):
                host?.ruleWaits(rules[cursor.index])
                cursor.isResumed = true
                cursor.waitedUntil = time
                return .wait(until: time)
            }
            evaluation.scratch.release()
        }
        return .done
    }
}
