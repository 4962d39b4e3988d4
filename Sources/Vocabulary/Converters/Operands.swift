import Samples
import Words

/// An integer that the configuration gives as a number or as the name of a variable.
final class IntegerOperand: Sendable {
    /// The number; 0 when it comes from a variable.
    let constant: Int64
    let variable: VariableName?

    init(_ argument: Argument?, _ context: CompilationContext) throws(Complaint) {
        guard case .string(let text) = argument else { throw Complaint("expects an integer or a variable name") }
        if let name = try? context.variable(String(decoding: text, as: UTF8.self)) {
            variable = name
            constant = 0
            return
        }
        guard let number = Cast.wholeInteger(text) else {
            throw Complaint("expects an integer or a variable name")
        }
        variable = nil
        constant = number
    }

    /// The operand's value now; nil when the variable is not set or is no integer.
    func value(_ evaluation: Evaluation) -> Int64? {
        guard let variable else { return constant }
        return evaluation.value(of: variable)?.integer
    }
}

/// A variable that a converter compares with.
final class VariableOperand: Sendable {
    let variable: VariableName

    init(_ argument: Argument?, _ context: CompilationContext) throws(Complaint) {
        guard case .string(let text) = argument, !text.isEmpty else { throw Complaint("missing variable name") }
        variable = try Self.variable(text, context)
    }

    /// The variable that `text` names.
    static func variable(_ text: [UInt8], _ context: CompilationContext) throws(Complaint) -> VariableName {
        let name = String(decoding: text, as: UTF8.self)
        do throws(Complaint) {
            return try context.variable(name)
        } catch {
            throw Complaint("failed to register variable name '\(name)': \(error.message)")
        }
    }

    /// Makes `sample` the variable's value in another type; false when there is none.
    func load(_ evaluation: Evaluation, _ sample: inout Sample, as type: SampleType) -> Bool {
        guard let value = evaluation.value(of: variable) else { return false }
        value.copy(to: &sample, evaluation.scratch)
        return sample.type == type || Cast.apply(&sample, to: type, evaluation.scratch)
    }
}
