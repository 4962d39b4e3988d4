import Bytes
import Messages
import Samples
import Streams
import Vocabulary
import Words

/// Reads and evaluates expressions as the proxy does.
struct Evaluator {
    let context = CompilationContext(Vocabulary.samples)
    let evaluation: Evaluation

    init(resources: WorkerResources = WorkerResources()) {
        evaluation = Evaluation(resources, seed: 1)
        evaluation.begin()
    }

    /// The expression's value as text; nil when it has none.
    func text(_ expression: String) throws(Complaint) -> String? {
        let program = try ExpressionParser(context).parse(Word(text: expression, column: 0))
        evaluation.scratch.release()
        var sample = Sample()
        guard program.evaluate(evaluation, &sample, as: .str) else { return nil }
        return sample.bytes.string
    }

    /// The values that a condition would look at one after the other, as text.
    func values(_ expression: String) throws(Complaint) -> [String] {
        let program = try ExpressionParser(context).parse(Word(text: expression, column: 0))
        evaluation.scratch.release()
        evaluation.iterates = true
        defer { evaluation.iterates = false }
        var sample = Sample()
        var found: [String] = []
        while program.evaluate(evaluation, &sample) {
            var text = sample
            guard Cast.apply(&text, to: .str, evaluation.scratch) else { break }
            found.append(text.bytes.string)
            guard sample.flags.contains(.notLast), found.count < 1000 else { break }
        }
        return found
    }

    /// The expression's value as text, bytes in hexadecimal; nil when it has none.
    func hexadecimalText(_ expression: String) throws(Complaint) -> String? {
        let program = try ExpressionParser(context).parse(Word(text: expression, column: 0))
        evaluation.scratch.release()
        var sample = Sample()
        guard program.evaluate(evaluation, &sample) else { return nil }
        if sample.type == .bin {
            var text = ""
            let bytes = sample.bytes
            for index in bytes.indices {
                let digits = String(bytes[index], radix: 16, uppercase: true)
                text += digits.count == 1 ? "0" + digits : digits
            }
            return text
        }
        guard Cast.apply(&sample, to: .str, evaluation.scratch) else { return nil }
        return sample.bytes.string
    }

    /// Whether an expression has no value, and may get one when more comes.
    func mayChange(_ expression: String) throws(Complaint) -> Bool {
        let program = try ExpressionParser(context).parse(Word(text: expression, column: 0))
        evaluation.scratch.release()
        var sample = Sample()
        return !program.evaluate(evaluation, &sample) && sample.flags.contains(.mayChange)
    }

    /// What is wrong with an expression; nil when nothing is.
    func complaint(_ expression: String) -> Complaint? {
        do throws(Complaint) {
            _ = try ExpressionParser(context).parse(Word(text: expression, column: 0))
            return nil
        } catch {
            return error
        }
    }
}
