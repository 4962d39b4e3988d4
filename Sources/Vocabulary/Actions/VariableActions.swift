import Rules
import Samples
import Words

/// Actions that set variables (configuration.txt section 4.4).
enum VariableActions {
    private static let sets = RuleSetKind.allCases.filter { $0 != .quicInitial }

    static let all: [ActionKeyword] = [
        ActionKeyword(
            "set-var", "Sets a variable to the value of an expression.", usage: "(<var-name>) <expr>", in: sets
        ) { (reader) throws(Complaint) in
            let name = try variable(&reader)
            return SetVariable(name, try reader.expression())
        },
        ActionKeyword("unset-var", "Forgets a variable.", usage: "(<var-name>)", in: sets) {
            (reader) throws(Complaint) in
            UnsetVariable(try variable(&reader))
        },
    ]

    private static func variable(_ reader: inout ActionReader) throws(Complaint) -> VariableName {
        guard let parameter = reader.parameter else {
            throw Complaint("expects a variable's name in parentheses: '\(reader.name)(txn.name)'", at: reader.keyword)
        }
        do throws(Complaint) {
            return try reader.context.variable(parameter.text)
        } catch {
            throw Complaint(error.message, at: parameter)
        }
    }
}

private final class SetVariable: RuleAction {
    private let name: VariableName
    private let expression: Expression

    init(_ name: VariableName, _ expression: Expression) {
        self.name = name
        self.expression = expression
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        var sample = Sample()
        guard expression.evaluate(run.evaluation, &sample) else { return .next }
        _ = run.evaluation.set(name, to: sample)
        return .next
    }
}

private final class UnsetVariable: RuleAction {
    private let name: VariableName

    init(_ name: VariableName) { self.name = name }

    func run(_ run: RuleRun) -> RuleOutcome {
        _ = run.evaluation.unset(name)
        return .next
    }
}
