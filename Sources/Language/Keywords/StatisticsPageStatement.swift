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
        case "http-request": throw Complaint(refusal(of: statement.name), at: word?.column)
        default:
            throw Complaint(
                "unknown stats parameter '\(word?.text ?? "")' (expects 'hide-version', 'uri', 'realm', 'auth' or"
                    + " 'enable')", at: word?.column)
        }
        proxy.statisticsPage = page
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
