import Messages
import Rules
import Samples
import Words

/// `set-status`, and `strict-mode` that says what failed rewrites do (configuration.txt section 4.4).
enum ResponseLineActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "set-status", "Replaces the response's status.", usage: "<status> [reason <str>]",
            in: [.httpResponse, .httpAfterResponse]
        ) { (reader) throws(Complaint) in try SetStatus(&reader) },
        ActionKeyword(
            "strict-mode", "Says whether a rewrite that fails ends the exchange; it does, until this says otherwise.",
            usage: "{ on | off }", in: FieldActions.sets
        ) { (reader) throws(Complaint) in
            guard let word = reader.next() else {
                throw Complaint("expects exactly 1 arg ('on' or 'off')", at: reader.keyword)
            }
            switch word.text {
            case "on": return StrictMode(true)
            case "off": return StrictMode(false)
            default: throw Complaint("unexpected value '\(word.text)'. Only 'on' and 'off' are supported", at: word)
            }
        },
    ]
}

private final class SetStatus: RuleAction {
    private let status: Int
    /// Nil: the standard phrase.
    private let reason: ConstantText?

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard let word = reader.next() else {
            throw Complaint("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>", at: reader.keyword)
        }
        guard let status = Scalars.integer(word.text), (100...999).contains(status) else {
            throw Complaint("expects an integer status code between 100 and 999", at: word)
        }
        self.status = status
        if reader.skip("reason") {
            let word = try reader.argument("a reason phrase after 'reason'")
            guard word.bytes.span.trimmed.isFieldValue else {
                throw Complaint("the reason phrase '\(word.text)' has a forbidden character", at: word)
            }
            reason = ConstantText(word.bytes)
        } else {
            reason = nil
        }
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let head = run.evaluation.responseHead else { return .next }
        head.status = status
        do throws(MessageError) {
            if let reason { try head.setReason(reason.bytes) } else { try head.setReason(Span()) }
            return .next
        } catch {
            return run.rewritten(false)
        }
    }
}

private final class StrictMode: RuleAction {
    private let isOn: Bool

    init(_ isOn: Bool) { self.isOn = isOn }

    func run(_ run: RuleRun) -> RuleOutcome {
        run.isStrict = isOn
        return .next
    }
}
