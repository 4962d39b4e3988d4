import Samples
import Words

/// A text that the configuration gives as it is, or as the name of a variable that has it.
enum TextOperand: Sendable {
    case constant(ConstantText)
    case variable(VariableName)

    /// What is the name of a variable is one; everything else is text.
    init(_ argument: Argument?, _ context: CompilationContext) {
        guard case .string(let text)? = argument else {
            self = .constant(ConstantText([]))
            return
        }
        if let name = try? context.variable(String(decoding: text, as: UTF8.self)) {
            self = .variable(name)
        } else {
            self = .constant(ConstantText(text))
        }
    }

    /// The text when the configuration gives it as it is.
    var constant: ConstantText? {
        if case .constant(let text) = self { return text }
        return nil
    }

    /// Makes `sample` the text. False when the variable is not set, or has no form as text.
    func load(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        switch self {
        case .constant(let text): sample.setText(text.bytes)
        case .variable(let name):
            guard let value = evaluation.value(of: name) else { return false }
            value.copy(to: &sample, evaluation.scratch)
            if sample.type != .str { return Cast.apply(&sample, to: .str, evaluation.scratch) }
        }
        return true
    }
}

/// Bytes that the configuration gives in base64, or as the name of a variable that has them in base64.
enum Base64Operand: Sendable {
    /// Decoded already.
    case constant(ConstantText)
    case variable(VariableName)

    init(_ argument: Argument?, _ context: CompilationContext) throws(Complaint) {
        guard case .string(let text)? = argument, !text.isEmpty else {
            self = .constant(ConstantText([]))
            return
        }
        if let name = try? context.variable(String(decoding: text, as: UTF8.self)) {
            self = .variable(name)
            return
        }
        guard let bytes = Base64Alphabet.standard.bytes(text.span) else {
            throw Complaint("argument needs to be base64 encoded, and can either be a string or a variable")
        }
        self = .constant(ConstantText(bytes))
    }

    /// The same; a complaint says that it is about `what`.
    init(_ argument: Argument?, _ context: CompilationContext, _ what: String) throws(Complaint) {
        do throws(Complaint) {
            self = try Base64Operand(argument, context)
        } catch {
            throw Complaint("failed to parse \(what): \(error.message)")
        }
    }

    /// Makes `sample` the bytes. False when the variable is not set or its text is not base64.
    func load(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        switch self {
        case .constant(let bytes): sample.setText(bytes.bytes, .bin)
        case .variable(let name):
            guard TextOperand.variable(name).load(evaluation, &sample) else { return false }
            var text = evaluation.scratch.text()
            guard Base64Alphabet.standard.decode(sample.bytes, &text), !text.isFull else { return false }
            text.finish(&sample, .bin)
        }
        return true
    }
}
