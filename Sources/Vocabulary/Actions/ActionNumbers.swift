import Rules
import Samples
import Words

/// A number that an action takes: written in the configuration, or the value of an expression.
enum ActionNumber: Sendable {
    case constant(Int64)
    case expression(Expression)

    /// Reads a number in C's notation (`10`, `0x1f`, `017`), or else an expression.
    init(_ reader: inout ActionReader, _ what: String) throws(Complaint) {
        guard let word = reader.peek else { throw Complaint("expects \(what)", at: reader.keyword) }
        if let number = Self.read(word.text) {
            _ = reader.next()
            self = .constant(number)
        } else {
            self = .expression(try reader.expression(what))
        }
    }

    /// The number for what `run` stands at; nil when the expression has none.
    func value(_ run: RuleRun) -> Int64? {
        switch self {
        case .constant(let number): return number
        case .expression(let expression):
            var sample = Sample()
            return expression.evaluate(run.evaluation, &sample, as: .sint) ? sample.number : nil
        }
    }

    /// A number in C's notation; nil for other texts.
    static func read(_ text: String) -> Int64? {
        let isNegative = text.hasPrefix("-")
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard let first = digits.utf8.first, first &- 0x30 < 10 else { return nil }
        let value: Int64?
        if digits.lowercased().hasPrefix("0x") {
            value = Int64(digits.dropFirst(2), radix: 16)
        } else if digits.hasPrefix("0"), digits.count > 1 {
            value = Int64(digits.dropFirst(), radix: 8)
        } else {
            value = Int64(digits)
        }
        return value.map { isNegative ? -$0 : $0 }
    }
}
