import Samples
import Words

/// Converters that append constants and variables (configuration.txt section 7.3.1).
enum JoinConverters {
    static let all: [Converter] = [
        Converter(
            "concat", "The text with a constant, the value of a variable and another constant behind it.",
            example: "str(),concat(<ip=,sess.ip,>)",
            takes: ArgumentSignature([.string, .string, .string], required: 1), from: .str, to: .str,
            prepare: { values, context throws(Complaint) in try JoinedTexts(values, context) }
        ) { evaluation, arguments, sample in
            arguments.object(JoinedTexts.self).append(to: &sample, evaluation, asItem: false)
            return true
        },
        Converter(
            "add_item",
            "The text with the value of a variable and a suffix behind it, after a delimiter when there is something to"
                + " separate.",
            example: "var(req.list),add_item(',',req.score,_end)",
            takes: ArgumentSignature([.string, .string, .string], required: 2), from: .str, to: .str,
            prepare: { values, context throws(Complaint) in
                let texts = try JoinedTexts(values, context)
                if texts.variable == nil, texts.suffix.isEmpty {
                    throw Complaint("one of the optional arguments has to be nonempty")
                }
                return texts
            }
        ) { evaluation, arguments, sample in
            arguments.object(JoinedTexts.self).append(to: &sample, evaluation, asItem: true)
            return true
        },
    ]
}

/// What `concat` and `add_item` append.
private final class JoinedTexts: Sendable {
    let prefix: [UInt8]
    let variable: VariableName?
    let suffix: [UInt8]

    init(_ values: [Argument], _ context: CompilationContext) throws(Complaint) {
        func text(_ index: Int) -> [UInt8] {
            if index < values.count, case .string(let text) = values[index] { text } else { [] }
        }
        prefix = text(0)
        suffix = text(2)
        variable = text(1).isEmpty ? nil : try VariableOperand.variable(text(1), context)
    }

    /// Appends the parts. What finds no room in a buffer, less one byte, is dropped.
    ///
    /// - Parameter asItem: the prefix is a delimiter, left out when one side of it is empty.
    func append(to sample: inout Sample, _ evaluation: Evaluation, asItem: Bool) {
        let prefix = prefix
        let suffix = suffix
        var middle = Sample()
        var hasMiddle = false
        if let variable, let value = evaluation.value(of: variable) {
            value.copy(to: &middle, evaluation.scratch)
            hasMiddle = middle.type == .str || Cast.apply(&middle, to: .str, evaluation.scratch)
        }
        var text = evaluation.scratch.text()
        text.append(sample.bytes)
        let follows = hasMiddle && middle.byteCount > 0 || !suffix.isEmpty
        if !asItem || sample.byteCount > 0 && follows { text.append(prefix.span) }
        if hasMiddle { text.append(middle.bytes) }
        text.append(suffix.span)
        text.truncate(to: text.capacity - 1)
        text.finish(&sample)
    }
}
