import Configuration
import Rules
import Samples
import Words

/// `set-var` and `set-var-fmt` of `global`: variables of the process that have a value from the start.
enum GlobalVariableKeywords {
    static let keywords = [
        GlobalKeywords.keyword("set-var") { (global, statement) throws(Complaint) in
            let name = try name(&statement)
            let word = try statement.argument("a sample expression")
            let words = statement.remaining
            var taken = 0
            let expression = try ExpressionParser(statement.context).parse(
                word, peek: { taken < words.count ? words[taken] : nil }, take: { taken += 1 })
            statement.advance(by: taken)
            global.settings.variables.append(
                VariableSetting(name: name, source: .expression(expression), location: statement.location))
        },
        GlobalKeywords.keyword("set-var-fmt") { (global, statement) throws(Complaint) in
            let name = try name(&statement)
            let word = try statement.argument("a log-format string")
            let format = try Format.parse(word, statement.context, options: [])
            global.settings.variables.append(
                VariableSetting(name: name, source: .format(format), location: statement.location))
        },
    ]

    private static func name(_ statement: inout Statement) throws(Complaint) -> VariableName {
        statement.context.place = .configuration
        statement.context.expressionPlace = "in configuration expression in"
        let word = try statement.argument("a process-wide variable name ('proc.<name>') and a value")
        let name: VariableName
        do throws(Complaint) { name = try statement.context.variable(word.text) } catch {
            throw Complaint("'\(statement.name)': \(error.message)", at: word)
        }
        guard name.scope == .proc else {
            throw Complaint(
                "'\(statement.name)': cannot set variable '\(word.text)', only scope 'proc' is permitted in the global"
                    + " section.", at: word)
        }
        return name
    }
}
