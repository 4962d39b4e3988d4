import Messages
import Rules
import Samples
import Streams
import Words

/// Actions that keep samples for the log (configuration.txt section 4.4).
enum CaptureActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "capture", "Keeps the value of an expression in a capture slot.",
            usage: "<sample> { len <length> | id <id> }",
            in: [.httpRequest, .tcpRequestContent, .httpResponse, .httpAfterResponse]
        ) { (reader) throws(Complaint) in try Capture(&reader) }
    ]
}

private final class Capture: RuleAction {
    private let expression: Expression
    private let direction: MessageDirection
    private let slot: Int

    init(_ reader: inout ActionReader) throws(Complaint) {
        let isResponse = reader.kind.direction == .response
        // Rules of TCP have slots of their own only.
        let takesNumber = reader.kind != .tcpRequestContent
        direction = reader.kind.direction
        expression = try reader.expression()
        let what = isResponse ? "'id <id>'" : takesNumber ? "'len <length>' or 'id <id>'" : "'len <length>'"
        let word = try reader.argument(what)
        switch word.text {
        case "len" where !isResponse:
            guard reader.kind != .httpRequest || reader.context.place.contains(.frontendRequestHead) else {
                throw Complaint("proxy '\(reader.context.proxyName)' has no frontend capability", at: word)
            }
            let length = try Self.number(&reader, 1...65535, "a length")
            slot = reader.context.requestCaptureLengths.count
            reader.context.requestCaptureLengths.append(length)
        case "id" where takesNumber:
            slot = try Self.number(&reader, 0...65535, "a capture id")
            reader.context.captureUses.append(
                CompilationContext.CaptureUse(slot: slot, isResponse: isResponse, column: word.column))
        default: throw Complaint("expects \(what), got '\(word.text)'", at: word)
        }
    }

    private static func number(
        _ reader: inout ActionReader, _ range: ClosedRange<Int>, _ what: String
    ) throws(Complaint) -> Int {
        let word = try reader.argument(what)
        guard let value = Scalars.integer(word.text), range.contains(value) else {
            throw Complaint(
                "expects \(what) from \(range.lowerBound) to \(range.upperBound), got '\(word.text)'", at: word)
        }
        return value
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        var sample = Sample()
        guard expression.evaluate(run.evaluation, &sample, as: .str) else { return .next }
        // A backend's rule may name a slot that this frontend does not have.
        let bytes = sample.bytes
        _ = run.evaluation.transaction?.capture(bytes, direction, slot: slot)
        return .next
    }
}
