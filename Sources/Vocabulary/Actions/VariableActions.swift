import Rules
import Samples
import Words

/// Actions that set variables (configuration.txt section 4.4).
enum VariableActions {
    private static let sets = RuleSetKind.allCases.filter { $0 != .quicInitial }

    static let all: [ActionKeyword] = [
        ActionKeyword(
            "set-var", "Sets a variable to the value of an expression when all the conditions hold.",
            usage: "(<var-name>[,<cond>...]) <expr>", in: sets
        ) { (reader) throws(Complaint) in
            let (name, conditions) = try variable(&reader)
            return SetVariable(name, conditions, .expression(try reader.expression()))
        },
        ActionKeyword(
            "set-var-fmt", "Sets a variable to the text that a format makes when all the conditions hold.",
            usage: "(<var-name>[,<cond>...]) <fmt>", in: sets
        ) { (reader) throws(Complaint) in
            let (name, conditions) = try variable(&reader)
            return SetVariable(name, conditions, .format(try reader.format("a format")))
        },
        ActionKeyword("unset-var", "Forgets a variable.", usage: "(<var-name>)", in: sets) {
            (reader) throws(Complaint) in
            UnsetVariable(try variable(&reader).name)
        },
    ]

    private static func variable(
        _ reader: inout ActionReader
    ) throws(Complaint) -> (name: VariableName, conditions: VariableConditions) {
        guard let parameter = reader.parameter else {
            throw Complaint("expects a variable's name in parentheses: '\(reader.name)(txn.name)'", at: reader.keyword)
        }
        let parts = parameter.text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var conditions: VariableConditions = []
        for word in parts.dropFirst() {
            guard let condition = VariableConditions.names[word] else {
                throw Complaint("unknown condition \"\(word)\"", at: parameter)
            }
            conditions.formUnion(condition)
        }
        do throws(Complaint) {
            return (try reader.context.variable(parts.first ?? ""), conditions)
        } catch {
            throw Complaint(error.message, at: parameter)
        }
    }
}

private final class SetVariable: RuleAction {
    enum Source {
        case expression(Expression)
        case format(Format)
    }

    private let name: VariableName
    private let conditions: VariableConditions
    private let source: Source

    init(_ name: VariableName, _ conditions: VariableConditions, _ source: Source) {
        self.name = name
        self.conditions = conditions
        self.source = source
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        var sample = Sample()
        switch source {
        case .expression(let expression):
            guard expression.evaluate(run.evaluation, &sample) else { return .next }
        case .format(let format): format.text(run.evaluation, &sample)
        }
        _ = run.evaluation.set(name, to: sample, conditions)
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
