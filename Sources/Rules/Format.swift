package import Samples
package import Words

/// A log-format string (configuration.txt section 8.2.6): literal text and expressions, compiled when the configuration
/// is read. Immutable and shared by all workers.
package final class Format: Sendable {
    enum Piece: Sendable {
        case text(ConstantText)
        case expression(Expression)
    }

    let pieces: [Piece]
    /// The format as written.
    package let source: String

    init(_ pieces: [Piece], source: String) {
        self.pieces = pieces
        self.source = source
    }

    /// A format without expressions.
    package convenience init(literal text: String) {
        self.init([.text(ConstantText(Array(text.utf8)))], source: text)
    }

    /// Appends the format's text for what `evaluation` stands at. An expression without a value leaves nothing.
    package func append(_ evaluation: Evaluation, to text: inout ScratchText) {
        for index in 0..<pieces.count {
            switch pieces[index] {
            case .text(let constant): text.append(constant.bytes)
            case .expression(let expression):
                var sample = Sample()
                if expression.evaluate(evaluation, &sample, as: .str) { text.append(sample.bytes) }
            }
        }
    }

    /// The format's text in the worker's scratch.
    package func text(_ evaluation: Evaluation, _ sample: inout Sample) {
        var text = evaluation.scratch.text()
        append(evaluation, to: &text)
        text.finish(&sample)
    }

    /// Reads a format that stands in a word: `%[expression]`, `%%`, and text.
    package static func parse(_ word: Word, _ context: CompilationContext) throws(Complaint) -> Format {
        let bytes = Array(word.text.utf8)
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        var index = 0
        func flush() {
            if !literal.isEmpty { pieces.append(.text(ConstantText(literal))) }
            literal = []
        }
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "%"), index + 1 < bytes.count else {
                literal.append(bytes[index])
                index += 1
                continue
            }
            if bytes[index + 1] == UInt8(ascii: "%") {
                literal.append(bytes[index])
                index += 2
                continue
            }
            guard bytes[index + 1] == UInt8(ascii: "[") else {
                throw Complaint(
                    "format: '%\(Character(Unicode.Scalar(bytes[index + 1])))' is not known", at: word.column + index)
            }
            flush()
            let start = index + 2
            let result: ExpressionParser.Result
            do throws(Complaint) {
                result = try ExpressionParser(context).parse(Array(bytes[start...]), allowsRest: true)
            } catch {
                throw Complaint(error.message, at: word.column + start + (error.column ?? 0))
            }
            guard start + result.length < bytes.count, bytes[start + result.length] == UInt8(ascii: "]") else {
                throw Complaint("']' is missing after the expression", at: word.column + start + result.length)
            }
            pieces.append(.expression(result.expression))
            index = start + result.length + 1
        }
        flush()
        return Format(pieces, source: word.text)
    }
}
