import Messages
import Rules
import Samples
import Streams
import Words

/// `early-hint`: a 103 response before the final one (RFC 8297). Rules that follow each other without a condition make
/// one response.
enum EarlyHintAction {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "early-hint", "Adds a field to a 103 response that goes out before any other.", usage: "<name> <fmt>",
            in: [.httpRequest]
        ) { (reader) throws(Complaint) in try EarlyHint(&reader) }
    ]
}

private final class EarlyHint: RuleAction {
    private let token: FieldName
    private let name: ConstantText
    private let format: Format

    init(_ reader: inout ActionReader) throws(Complaint) {
        let expected = "exactly 2 arguments: a header field's name and a format"
        let name = try FieldActions.name(reader.argument(expected), reader.context)
        self.name = ConstantText(name)
        token = FieldName(name.span)
        format = try reader.format(expected)
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        let evaluation = run.evaluation
        guard let exchange = evaluation.exchange, let request = evaluation.requestHead, request.version != .http10,
            exchange.response.phase == .idle
        else { return .next }
        let name = self.name
        let head = (run.unfinished as? MessageHead) ?? Self.newHead(run)
        var value = Sample()
        format.text(evaluation, &value)
        guard head.write(name.bytes, token, value.bytes) else {
            evaluation.resources.heads.giveBack(head)
            run.unfinished = nil
            return run.rewritten(false)
        }
        if let next = run.following, next.condition == nil, next.action is EarlyHint {
            run.unfinished = head
        } else {
            run.unfinished = nil
            exchange.response.putInterim(head)
        }
        return .next
    }

    private static func newHead(_ run: RuleRun) -> MessageHead {
        let head = run.evaluation.resources.heads.obtain(.response)
        head.version = .http11
        head.status = 103
        return head
    }
}
