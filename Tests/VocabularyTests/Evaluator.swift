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
