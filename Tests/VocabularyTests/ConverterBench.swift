import Bytes
import Foundation
import Messages
import Samples
import Streams
import TestSupport
import Vocabulary
import Words

/// Runs converters on bytes of a test's choice.
struct ConverterBench {
    let context: CompilationContext
    let evaluation: Evaluation

    /// - Parameter input: what the expression's fetch gives.
    init(_ input: [UInt8], type: SampleType = .bin, resources: WorkerResources = WorkerResources()) {
        let text = ConstantText(input)
        let fetch = Fetch("input", "The test's input.", gives: type, from: .constant) { _, _, sample in
            sample.setText(text.bytes, type)
            return true
        }
        let catalogue = SampleCatalogue(
            fetches: [fetch] + Vocabulary.samples.fetches.values,
            converters: Array(Vocabulary.samples.converters.values))
        context = CompilationContext(catalogue)
        evaluation = Evaluation(resources, seed: 1)
        evaluation.begin()
        evaluation.checkVariables = VariableStore()
    }

    /// What the converters make of the input: its type, and its bytes as they are or as text.
    func result(_ converters: String) throws(Complaint) -> (type: SampleType, bytes: [UInt8])? {
        let program = try ExpressionParser(context).parse(Word(text: "input,\(converters)", column: 0))
        evaluation.scratch.release()
        var sample = Sample()
        guard program.evaluate(evaluation, &sample) else { return nil }
        let type = sample.type
        if type != .bin, type != .str, !Cast.apply(&sample, to: .str, evaluation.scratch) { return nil }
        return (type, Array(copying: sample.bytes))
    }

    /// What is wrong with the converters; nil when nothing is.
    func complaint(_ converters: String) -> String? {
        do throws(Complaint) {
            _ = try ExpressionParser(context).parse(Word(text: "input,\(converters)", column: 0))
            return nil
        } catch {
            return error.message
        }
    }
}

/// One row of a table below `Tests/Tables`: converters, an input, and what HAProxy makes of it.
struct ConverterRow: Sendable {
    let converters: String
    let input: [UInt8]
    /// Nil: no value.
    let value: [UInt8]?

    var description: String { "\(converters) of \(String(decoding: input, as: UTF8.self))" }

    /// The rows of `Tests/Tables/name.tsv`.
    static func table(_ name: String) throws -> [ConverterRow] {
        let file = Repository.root.appending(path: "Tests/Tables/\(name).tsv")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        return lines.filter { !$0.hasPrefix("#") }.map { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            let (kind, value) = columns[2].split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).pair
            let bytes: [UInt8]? =
                switch kind {
                case "none": nil
                case "hex": bytes(hexadecimal: value)
                default: Array(value.utf8)
                }
            return ConverterRow(
                converters: String(columns[0]), input: Self.bytes(hexadecimal: columns[1]), value: bytes)
        }
    }

    private static func bytes(hexadecimal text: Substring) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).map { index in
            UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)!
        }
    }
}

extension [Substring] {
    fileprivate var pair: (Substring, Substring) { (self[0], count > 1 ? self[1] : "") }
}
