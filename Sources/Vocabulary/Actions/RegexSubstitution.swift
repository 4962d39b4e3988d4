import Messages
import Patterns
import Rules
import Samples
import Words

/// A regular expression and the text that replaces what it matches: `\0` to `\9` stand for the groups of the match,
/// `\xHH` for a byte, and any other character behind a backslash for itself.
struct RegexSubstitution: Sendable {
    private let expression: PCRE2Expression
    private let format: Format

    /// Reads `<match-regex> <replace-fmt>`.
    init(_ reader: inout ActionReader, _ expected: String) throws(Complaint) {
        let word = try reader.argument(expected)
        expression = try Self.expression(word)
        format = try reader.format(expected)
    }

    /// Compiles the expression in a word.
    static func expression(_ word: Word, ignoringCase: Bool = false) throws(Complaint) -> PCRE2Expression {
        do throws(PatternError) {
            return try PCRE2Expression(word.text, ignoringCase: ignoringCase)
        } catch {
            throw Complaint("\(error)", at: word)
        }
    }

    /// What comes of a text.
    enum Result {
        case noMatch
        /// The replacement is malformed, or has no room.
        case failed
        /// The result is in the sample.
        case done
    }

    /// Makes the replacement of `text` as a whole, as it is written into `sample`.
    func apply(to text: Span<UInt8>, _ evaluation: Evaluation, _ sample: inout Sample) -> Result {
        guard let groups = expression.captures(in: text) else { return .noMatch }
        var template = Sample()
        format.text(evaluation, &template)
        var result = evaluation.scratch.text()
        guard Self.expand(template.bytes, groups, of: text, into: &result), !result.isFull else { return .failed }
        result.finish(&sample)
        return .done
    }

    /// Writes `template` with the groups of a match in `text` put in. False when it ends within an escape.
    static func expand(
        _ template: Span<UInt8>, _ groups: RegexCaptures, of text: Span<UInt8>, into result: inout ScratchText
    ) -> Bool {
        var index = 0
        while index < template.count {
            let byte = template[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                continue
            }
            guard index < template.count else { return false }
            let escaped = template[index]
            index += 1
            if escaped.isDigit {
                if let group = groups[Int(escaped - 0x30)] { result.append(text.extracting(group)) }
            } else if escaped == UInt8(ascii: "x") {
                guard index + 1 < template.count, let high = template[index].hexadecimalValue,
                    let low = template[index + 1].hexadecimalValue
                else { return false }
                result.append(high << 4 | low)
                index += 2
            } else {
                result.append(escaped)
            }
        }
        return true
    }
}

extension UInt8 {
    /// The value of a hexadecimal digit; nil for other bytes.
    var hexadecimalValue: UInt8? {
        if isDigit { return self - 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter + 10 : nil
    }
}
