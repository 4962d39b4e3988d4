import Configuration
import Rules
import Samples
import Words

/// The statements that decide about servers and backends beside balancing: `use-server`, `force-persist`,
/// `ignore-persist`, `force-be-switch`.
enum ServerRuleStatements {
    static let keywords: [Keyword<ProxyDraft>] = [
        Keyword("use-server", in: [.listen, .backend]) { (proxy, statement) throws(Complaint) in
            guard let name = statement.next() else { throw Complaint("'use-server' expects a server name.") }
            statement.context.place = .frontendRequestHead
            statement.context.expressionPlace = "in use-server or balance expression in"
            let format = try name.text.contains("%") ? Format.parse(name, statement.context, options: []) : nil
            let condition = try condition(&proxy, &statement, at: .backendSetServer)
            proxy.useServerRules.append(
                UseServerDraft(
                    name: name.text, format: format, condition: condition, mark: statement.mark(name)))
        },
        Keyword("persist", in: .back) { (proxy, statement) throws(Complaint) in
            let usage = "'persist' expects 'rdp-cookie' or 'rdp-cookie(<name>)'"
            guard let word = statement.next(), word.text.hasPrefix("rdp-cookie") else {
                throw Complaint("\(usage).", at: statement.peek?.column)
            }
            let rest = word.text.dropFirst("rdp-cookie".count)
            var name = "msts"
            if !rest.isEmpty {
                guard rest.hasPrefix("("), rest.hasSuffix(")"), rest.count > 2 else {
                    throw Complaint("\(usage).", at: word)
                }
                name = String(rest.dropFirst().dropLast())
            }
            statement.context.place = .backendRequestContent
            let text = Word(text: "req.rdp_cookie(\(name))", column: word.column)
            proxy.persistence = HashExpression(try ExpressionParser(statement.context).parse(text))
        },
        persistence("force-persist", .force), persistence("ignore-persist", .ignore),
        Keyword("force-be-switch", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
            proxy.forcedSwitches.append(try condition(&proxy, &statement, at: .frontendRequestContent))
        },
    ]

    private static func persistence(_ name: String, _ effect: PersistenceRule.Effect) -> Keyword<ProxyDraft> {
        Keyword(name, in: [.listen, .backend]) { (proxy, statement) throws(Complaint) in
            let condition = try condition(&proxy, &statement, at: .backendRequestContent)
            proxy.persistenceRules.append(
                PersistenceRule(effect: effect, condition: condition, location: statement.location))
        }
    }

    /// Reads the condition that the statement has to have.
    private static func condition(
        _ proxy: inout ProxyDraft, _ statement: inout Statement, at place: RulePlace
    ) throws(Complaint) -> Condition {
        statement.context.place = place
        guard let word = statement.peek, word.text == "if" || word.text == "unless",
            let condition = try RuleStatements.condition(proxy, &statement, statement.name)
        else {
            throw Complaint("'\(statement.name)' requires either 'if' or 'unless' followed by a condition.")
        }
        return condition
    }
}

/// A `use-server` line as it is written.
struct UseServerDraft: Sendable {
    var name: String
    /// What makes the name anew for each exchange; nil for a fixed one.
    var format: Format?
    var condition: Condition
    var mark: Mark
}
