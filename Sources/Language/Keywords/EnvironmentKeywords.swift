import Configuration
import Words

/// `setenv`, `presetenv`, `unsetenv`, `resetenv`: they take effect on the next line.
enum EnvironmentKeywords {
    static let keywords = [
        GlobalKeywords.keyword("setenv") { (global, statement) throws(Complaint) in
            try set(&global, &statement, overwrites: true)
        },
        GlobalKeywords.keyword("presetenv") { (global, statement) throws(Complaint) in
            try set(&global, &statement, overwrites: false)
        },
        GlobalKeywords.keyword("unsetenv") { (global, statement) throws(Complaint) in
            unset(try names(&statement, atLeast: 1), in: &global)
        },
        GlobalKeywords.keyword("resetenv") { (global, statement) throws(Complaint) in
            let kept = Set(try names(&statement, atLeast: 0))
            unset(global.variables.environment.keys.filter { !kept.contains($0) }.sorted(), in: &global)
        },
    ]

    private static func set(
        _ global: inout GlobalDraft, _ statement: inout Statement, overwrites: Bool
    ) throws(Complaint) {
        let name = try name(statement.argument("an environment variable name"), statement)
        let value = try statement.argument("an environment variable value for '\(name)'").text
        if !overwrites, global.variables.environment[name] != nil { return }
        global.variables.environment[name] = value
        global.settings.environment.append(.set(name: name, value: value))
    }

    private static func unset(_ names: [String], in global: inout GlobalDraft) {
        for name in names {
            global.variables.environment[name] = nil
            global.settings.environment.append(.unset(name: name))
        }
    }

    private static func names(_ statement: inout Statement, atLeast count: Int) throws(Complaint) -> [String] {
        var names: [String] = []
        while let word = statement.next() { names.append(try name(word, statement)) }
        if names.count < count { throw Complaint("'\(statement.name)' expects at least one variable name") }
        return names
    }

    private static func name(_ word: Word, _ statement: Statement) throws(Complaint) -> String {
        if word.text.contains("=") {
            throw Complaint("'\(statement.name)' : '\(word.text)' can not name an environment variable", at: word)
        }
        return word.text
    }
}
