import Configuration
import Rules
import Words

/// `stats` in proxies: the statistics page. Each of its lines turns the page on.
enum StatisticsPageStatement {
    static let keyword = Keyword<ProxyDraft>("stats", in: .proxies) { (proxy, statement) throws(Complaint) in
        let word = statement.next()
        statement.name = "stats \(word?.text ?? "")"
        var page = proxy.statisticsPage ?? StatisticsPageSettings()
        switch word?.text {
        case "enable": break
        case "uri": page.uri = try statement.argument("an URI prefix").text
        case "realm": page.realm = try statement.argument("a realm name").text
        case "refresh":
            let seconds = try statement.time(in: .seconds)
            page.refresh = seconds == 0 ? nil : seconds
        case "auth": page.users.append(try user(&statement))
        case "scope": page.scopes.append(try statement.argument("a proxy name").text)
        case "hide-version": page.showsVersion = false
        case "show-version": page.showsVersion = true
        case "show-legends": page.showsLegends = true
        case "show-modules": page.showsModules = true
        case "show-node": page.node = statement.next()?.text ?? ""
        case "show-desc": page.description = rest(&statement)
        case "admin":
            guard proxy.kind != .defaults else {
                throw Complaint("'stats admin' not allowed in 'defaults' section.", at: word?.column)
            }
            guard let condition = try RuleStatements.condition(ofPageOf: proxy, &statement) else {
                throw Complaint(
                    "'stats admin' expects either 'if' or 'unless' followed by a condition", at: word?.column)
            }
            page.administrators.append(condition)
        case "http-request":
            guard proxy.kind != .defaults else {
                throw Complaint("'stats http-request' not allowed in 'defaults' section.", at: word?.column)
            }
            page.access.append(try accessRule(of: proxy, &statement))
        default:
            throw Complaint(
                "unknown stats parameter '\(word?.text ?? "")' (expects 'hide-version', 'uri', 'realm', 'auth' or"
                    + " 'enable')", at: word?.column)
        }
        if !page.access.isEmpty, !page.users.isEmpty || page.realm != StatisticsPageSettings().realm {
            throw Complaint(
                "stats 'auth'/'realm' and 'http-request' can't be used at the same time.", at: word?.column)
        }
        proxy.statisticsPage = page
    }

    private static func accessRule(
        of proxy: ProxyDraft, _ statement: inout Statement
    ) throws(Complaint) -> StatisticsPageSettings.AccessRule {
        let list = "'stats http-request' expects 'allow', 'deny', or 'auth [realm <realm>]'"
        guard let word = statement.next() else { throw Complaint(list) }
        let action: StatisticsPageSettings.AccessRule.Action
        switch word.text {
        case "allow": action = .allow
        case "deny": action = .deny
        case "auth":
            action = .authenticate(realm: statement.skip("realm") ? try statement.argument("a realm").text : nil)
        default: throw Complaint("\(list) but got '\(word.text)'", at: word)
        }
        return .init(action, if: try RuleStatements.condition(ofPageOf: proxy, &statement))
    }

    private static func user(_ statement: inout Statement) throws(Complaint) -> StatisticsPageSettings.User {
        let word = try statement.argument("a user:password account")
        let parts = word.text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw Complaint("'stats auth' expects a user:password account", at: word) }
        return StatisticsPageSettings.User(name: parts[0], password: parts[1])
    }

    private static func rest(_ statement: inout Statement) -> String {
        var words: [String] = []
        while let word = statement.next() { words.append(word.text) }
        return words.joined(separator: " ")
    }
}
