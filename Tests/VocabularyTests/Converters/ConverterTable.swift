import Bytes
import Connections
import Messages
import Samples
import Streams
import Testing
import Vocabulary
import Words

/// Rows of tables: an expression and what HAProxy 3.5-dev5 makes of it. Each is evaluated in an exchange of its own, so
/// that variables of all scopes are there.
enum ConverterTable {
    /// A value as text; nil: the expression has no value.
    typealias Value = (expression: String, value: String?)
    /// A refusal and its message.
    typealias Refusal = (expression: String, message: String)

    /// The expression's value as text.
    static func value(_ expression: String, isFinal: Bool = true) throws(Complaint) -> String? {
        let program = try ExpressionParser(CompilationContext(catalogue)).parse(Word(text: expression, column: 0))
        let evaluation = Evaluation(WorkerResources(), seed: 1)
        let listener = ListenerContext(frontend: 0, bind: 0, name: "test")
        let session = Session(
            source: .unspecified, destination: .unspecified, clock: TurnClock(), isQUIC: false, listener: listener)
        evaluation.begin(Transaction(session: session), .request, isFinal: isFinal)
        var sample = Sample()
        guard program.evaluate(evaluation, &sample, as: .str) else { return nil }
        return sample.bytes.string
    }

    /// The message that refuses the expression; nil when nothing does.
    static func complaint(_ expression: String) -> String? {
        do throws(Complaint) {
            _ = try ExpressionParser(CompilationContext(catalogue)).parse(Word(text: expression, column: 0))
            return nil
        } catch {
            return error.message
        }
    }

    /// All converters, and constants of all types.
    static let catalogue = SampleCatalogue(
        fetches: Array(Vocabulary.samples.fetches.values) + constants,
        converters: Array(Vocabulary.samples.converters.values))

    private static let constants: [Fetch] = [
        constant("bin", gives: .bin) { text in
            let digits = Array(text.utf8)
            return stride(from: 0, to: digits.count - 1, by: 2).map {
                UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16) ?? 0
            }
        },
        constant("meth", gives: .meth) { Array($0.utf8) },
        constant("ipv4", gives: .ipv4) { Array($0.utf8) },
        constant("ipv6", gives: .ipv6) { Array($0.utf8) },
    ]

    private static func constant(
        _ name: String, gives type: SampleType, _ bytes: @escaping @Sendable (String) -> [UInt8]
    ) -> Fetch {
        Fetch(
            name, "", takes: ArgumentSignature([.string], required: 1), gives: type, from: .constant,
            prepare: { values, _ in
                guard case .string(let text) = values[0] else { return nil }
                return ConstantText(bytes(String(decoding: text, as: UTF8.self)))
            }
        ) { evaluation, arguments, sample in
            let text = arguments.object(ConstantText.self)
            sample.setText(text.bytes, type == .bin ? .bin : .str)
            return Cast.apply(&sample, to: type, evaluation.scratch)
        }
    }
}
