import Bytes
import Messages
import Samples
import Streams
import Vocabulary
import Words

/// Runs one expression's converters on inputs, as a request's rules would. One for each run.
struct ConverterBench {
    private let evaluation = Evaluation(WorkerResources(), seed: 1)

    /// Reads converters; they are right, as targets write them.
    static func program(_ converters: String) -> Expression {
        let catalogue = SampleCatalogue(
            fetches: [input] + Vocabulary.samples.fetches.values,
            converters: Array(Vocabulary.samples.converters.values))
        do throws(Complaint) {
            let word = Word(text: "input,\(converters)", column: 0)
            return try ExpressionParser(CompilationContext(catalogue)).parse(word)
        } catch {
            fatalError("\(converters): \(error.message)")
        }
    }

    /// The same for converters that may be wrong.
    static func program(ifRight converters: String) -> Expression? {
        let catalogue = SampleCatalogue(fetches: [input], converters: Array(Vocabulary.samples.converters.values))
        return try? ExpressionParser(CompilationContext(catalogue)).parse(
            Word(text: "input,\(converters)", column: 0))
    }

    /// The bytes that the run under way looks at.
    private static let input = Fetch("input", "The input.", gives: .str, from: .constant) { evaluation, _, sample in
        guard let value = evaluation.checkVariables?.value(0) else { return false }
        guard case .str(let bytes) = value else { return false }
        var text = evaluation.scratch.text()
        text.append(bytes.span)
        text.finish(&sample)
        return true
    }

    /// What the program makes of `bytes`; nil: no value.
    func value(_ program: Expression, _ bytes: [UInt8]) -> VariableValue? {
        evaluation.begin()
        evaluation.scratch.release()
        let store = VariableStore()
        store.set(0, .str(bytes))
        evaluation.checkVariables = store
        var sample = Sample()
        guard program.evaluate(evaluation, &sample) else { return nil }
        return VariableValue(sample)
    }
}
