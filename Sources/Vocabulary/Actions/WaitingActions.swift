import Bytes
import Rules
import Samples
import Streams
import Words

/// Actions that make the rules wait (configuration.txt section 4.4).
enum WaitingActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "pause", "Waits before the next rule.", usage: "{ <timeout> | <expr> }", in: [.httpRequest, .httpResponse]
        ) { (reader) throws(Complaint) in try Pause(&reader) },
        ActionKeyword(
            "wait-for-body", "Waits for the whole message, some of its bytes, or a full buffer.",
            usage: "time <time> [ at-least <bytes> ]", in: [.httpRequest, .httpResponse]
        ) { (reader) throws(Complaint) in try WaitForBody(&reader) },
    ]

    /// Reads a time in milliseconds.
    static func time(_ word: Word) throws(Complaint) -> Int {
        do throws(Scalars.Failure) { return try Scalars.time(word.text, in: .milliseconds) } catch {
            throw Complaint("invalid time '\(word.text)': expects a number with a unit (us, ms, s, m, h, d)", at: word)
        }
    }
}

private final class Pause: RuleAction {
    private enum Length {
        case milliseconds(Int)
        case expression(Expression)
    }

    private let length: Length

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard let word = reader.peek else { throw Complaint("expects a time or an expression", at: reader.keyword) }
        if word.text.utf8.first.map({ $0 &- 0x30 < 10 }) == true {
            _ = reader.next()
            length = .milliseconds(try WaitingActions.time(word))
        } else {
            length = .expression(try reader.expression())
        }
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        if run.isResumed { return run.now < run.waitedUntil ? .wait(until: run.waitedUntil) : .next }
        switch length {
        case .milliseconds(let time): return .wait(until: run.now.advanced(milliseconds: time))
        case .expression(let expression):
            var sample = Sample()
            guard expression.evaluate(run.evaluation, &sample, as: .sint), sample.number > 0 else { return .next }
            let time = Int(clamping: min(sample.number, Int64(Scalars.maxTime)))
            return .wait(until: run.now.advanced(milliseconds: time))
        }
    }
}

private final class WaitForBody: RuleAction {
    private let time: Int
    /// Bytes that are enough; 0: the whole message.
    private let bytes: Int

    init(_ reader: inout ActionReader) throws(Complaint) {
        var time: Int?
        var bytes = 0
        while let word = reader.peek {
            switch word.text {
            case "time":
                _ = reader.next()
                time = try WaitingActions.time(reader.argument("a time after 'time'"))
            case "at-least":
                _ = reader.next()
                let size = try reader.argument("a size after 'at-least'")
                do throws(Scalars.Failure) { bytes = try Scalars.size(size.text) } catch {
                    throw Complaint("invalid size '\(size.text)'", at: size)
                }
            case "use-large-buffer":
                throw Complaint("'use-large-buffer' is not supported by this version of Portico", at: word)
            default: throw Complaint("expects 'time' and 'at-least', got '\(word.text)'", at: word)
            }
        }
        guard let time else { throw Complaint("missing time argument", at: reader.keyword) }
        self.time = time
        self.bytes = bytes
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let exchange = run.evaluation.exchange else { return .next }
        let half: Half = run.kind.direction == .request ? exchange.request : exchange.response
        if half.phase != .body || half.count >= half.limit || bytes > 0 && half.count >= bytes { return .next }
        let end = run.ruleStartedAt.advanced(milliseconds: time)
        if end <= run.now { return .finish(.timeout) }
        if run.kind.direction == .request { exchange.expectBody() }
        return .wait(until: end)
    }
}
