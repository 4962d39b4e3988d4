import Connections
import Samples
import Streams
import Vocabulary
import Words

extension FuzzTarget {
    /// The parsers in converters. The first byte of an input chooses one, the rest is its text.
    static let converters = FuzzTarget("converters", "text that converters parse: dates, weights, nodes, encodings") {
        input in
        guard input.count > 0 else { return }
        let program = converterPrograms[Int(input[0]) % converterPrograms.count]
        let first = value(of: program, input)
        promise(first == value(of: program, input), "\(program.text) gives two values for one text")
        promise((first?.count ?? 0) <= 16_384, "\(program.text) gives more than a buffer")
    }

    /// A converter's value for the text behind the first byte of `input`.
    private static func value(of program: Expression, _ input: borrowing Span<UInt8>) -> [UInt8]? {
        let evaluation = Evaluation(WorkerResources(), seed: 1)
        let variables = VariableStore()
        variables.set(0, .str(Array(copying: input.extracting(1..<input.count))))
        evaluation.checkVariables = variables
        var sample = Sample()
        guard program.evaluate(evaluation, &sample, as: .bin) else { return nil }
        return Array(copying: sample.bytes)
    }

    private static let converterPrograms: [Expression] = {
        let text = Fetch("text", "The text of the input.", gives: .str, from: .constant) { evaluation, _, sample in
            guard let text = evaluation.checkVariables?.value(0) else { return false }
            text.copy(to: &sample, evaluation.scratch)
            return true
        }
        let catalogue = SampleCatalogue(fetches: [text], converters: Array(Vocabulary.samples.converters.values))
        let converters = [
            "date", "language(en;fr-CA;fr;de,en)", "rfc7239_is_valid", "rfc7239_field(for)", "rfc7239_n2nn",
            "rfc7239_n2np", "rfc7239_nn", "url_dec", "url_dec(1)", "url_enc", "b64dec", "ub64dec", "base64,b64dec",
            "param(ab)", "field(2,;,2)", "word(-2,;,0)", "host_only", "port_only", "reverse_dom", "hex2i",
            "ipmask(24,64)", "add(1),http_date", "add(0),ms_utime(%F %T.%3N)", "le2dec(:,3)", "be2hex(--,2,1)",
            "regsub(a*,-,g)", "cut_crlf,ltrim(a),rtrim(b)", "has_ctl", "xxh3", "crc32c(1)",
        ]
        return converters.compactMap {
            try? ExpressionParser(CompilationContext(catalogue)).parse(Word(text: "text,\($0)", column: 0))
        }
    }()
}
