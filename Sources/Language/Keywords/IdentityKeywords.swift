import Configuration
import Words

/// Names, numbers and descriptions of proxies and of the process.
enum IdentityKeywords {
    static let proxy: [Keyword<ProxyDraft>] = [
        Keyword("id", in: [.frontend, .listen, .backend]) { (proxy, statement) throws(Complaint) in
            guard let word = statement.next() else { throw Complaint("'id' expects an integer argument.") }
            guard let id = Int(word.text), id > 0, id <= Int(Int32.max) else {
                throw Complaint("custom id has to be > 0.", at: word)
            }
            proxy.id = id
        },
        Keyword("description", in: [.frontend, .listen, .backend]) { (proxy, statement) throws(Complaint) in
            proxy.summary = try rest(&statement)
        },
    ]

    static let global: [Keyword<GlobalDraft>] = [
        GlobalKeywords.keyword("node") { (global, statement) throws(Complaint) in
            let found = statement.next()
            let isName: (UInt8) -> Bool = { byte in
                Byte.isDigit(byte) || Byte.isLetter(byte)
                    || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
            }
            guard let word = found, !word.text.isEmpty, word.text.utf8.allSatisfy(isName) else {
                throw Complaint(
                    "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.),"
                        + " hyphen(-) or underscode(_).", at: found?.column)
            }
            global.settings.node = word.text
        },
        GlobalKeywords.keyword("description") { (global, statement) throws(Complaint) in
            global.settings.summary = try rest(&statement)
        },
        // There are no peers; but files may ask for the name.
        GlobalKeywords.keyword("localpeer") { (global, statement) throws(Complaint) in
            let name = try statement.argument("a name as an argument.")
            global.variables.environment["HAPROXY_LOCALPEER"] = name.text
            global.settings.environment.append(.set(name: "HAPROXY_LOCALPEER", value: name.text))
        },
    ]

    /// The rest of the line, with one space between words.
    private static func rest(_ statement: inout Statement) throws(Complaint) -> String {
        guard !statement.isAtEnd else { throw Complaint("'\(statement.name)' expects a string argument.") }
        let words = statement.remaining
        statement.advance(by: words.count)
        return words.map(\.text).joined(separator: " ")
    }
}
