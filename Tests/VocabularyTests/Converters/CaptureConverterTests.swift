import Bytes
import Connections
import Messages
import Samples
import Streams
import Testing
import Vocabulary
import Words

/// `capture-req` and `capture-res`: slots with a length each; the text passes unchanged.
struct CaptureConverterTests {
    private let transaction: Transaction
    private let evaluation = Evaluation(WorkerResources(), seed: 1)

    init() {
        let listener = ListenerContext(frontend: 0, bind: 0, name: "test")
        let session = Session(
            source: .unspecified, destination: .unspecified, clock: TurnClock(), isQUIC: false, listener: listener)
        transaction = Transaction(session: session)
        transaction.requestCaptureLengths = [4, 10]
        transaction.responseCaptureLengths = [3]
        evaluation.begin(transaction, .request)
    }

    private func value(_ expression: String) throws(Complaint) -> String? {
        let context = CompilationContext(Vocabulary.samples)
        let program = try ExpressionParser(context).parse(Word(text: expression, column: 0))
        var sample = Sample()
        return program.evaluate(evaluation, &sample, as: .str) ? sample.bytes.string : nil
    }

    @Test(
        arguments: [
            ("str(hello),capture-req(0)", "hello", [Array("hell".utf8), nil], []),
            ("str(hello),capture-req(1)", "hello", [nil, Array("hello".utf8)], []),
            ("str(),capture-req(1)", "", [nil, []], []), ("str(hello),capture-req(2)", nil, [], []),
            ("str(hello),capture-req(-1)", nil, [], []),
            ("int(12345),capture-res(0)", "12345", [], [Array("123".utf8)]),
            ("str(hello),capture-res(1)", nil, [], []),
        ] as [(String, String?, [[UInt8]?], [[UInt8]?])])
    func keep(_ expression: String, _ value: String?, _ request: [[UInt8]?], _ response: [[UInt8]?]) throws {
        let found = try self.value(expression)
        #expect(found == value)
        #expect(transaction.requestCaptures == request)
        #expect(transaction.responseCaptures == response)
    }

    @Test(arguments: [
        (
            "str(a),capture-req",
            "invalid arg 1 in converter 'capture-req' : expected type 'integer' at position 1, but got nothing"
        ),
        (
            "str(a),capture-res(x)",
            "invalid arg 1 in converter 'capture-res' : failed to parse 'x' as type 'integer' at position 1"
        ),
    ])
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint == message)
    }
}
