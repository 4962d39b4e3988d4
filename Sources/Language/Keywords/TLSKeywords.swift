import Configuration
import Words

/// The keywords of `global` about TLS. They act on the lines that follow.
enum TLSKeywords {
    static let keywords =
        [
            base("ca-base", \.surroundings.authorityBase, \.settings.authorityBase),
            base("crt-base", \.surroundings.certificateBase, \.settings.certificateBase),
            GlobalKeywords.keyword("ssl-server-verify") { (global, statement) throws(Complaint) in
                let word = try statement.argument("'none' or 'required' as argument")
                switch word.text {
                case "none": global.verifiesServers = false
                case "required": global.verifiesServers = true
                default: throw Complaint("'\(statement.name)' expects 'none' or 'required' as argument", at: word)
                }
            },
            GlobalKeywords.keyword("ssl-default-bind-options") { (global, statement) throws(Complaint) in
                try options(bindOptions, &global.surroundings.bindTLS, &statement)
            },
            GlobalKeywords.keyword("ssl-default-server-options") { (global, statement) throws(Complaint) in
                try options(serverOptions, &global.surroundings.serverTLS, &statement)
            },
        ]
        + lists("bind", \.surroundings.bindTLS) + lists("server", \.surroundings.serverTLS)

    private static let bindOptions = LineOptionTable(TLSOptions.shared + TLSOptions.listeners, refused: [])
    private static let serverOptions = LineOptionTable(TLSOptions.shared, refused: [])

    private static func options(
        _ table: LineOptionTable<TLSDraft>, _ draft: inout TLSDraft, _ statement: inout Statement
    ) throws(Complaint) {
        if statement.isAtEnd { throw Complaint("'\(statement.name)' expects an option as an argument") }
        try table.apply(to: &draft, &statement)
    }

    private static func base(
        _ name: String, _ path: any WritableKeyPath<GlobalDraft, String> & Sendable,
        _ kept: any WritableKeyPath<GlobalDraft, String> & Sendable
    ) -> Keyword<GlobalDraft> {
        GlobalKeywords.once(name) { (global, statement) throws(Complaint) in
            let text = try statement.argument("a directory path as an argument").text
            global[keyPath: path] = text
            global[keyPath: kept] = text
        }
    }

    /// `ssl-default-bind-ciphers` and the like for one side.
    private static func lists(
        _ side: String, _ path: any WritableKeyPath<GlobalDraft, TLSDraft> & Sendable
    ) -> [Keyword<GlobalDraft>] {
        let lists: [(String, any WritableKeyPath<TLSDraft, String?> & Sendable)] = [
            ("ciphers", \.ciphers), ("ciphersuites", \.ciphersuites), ("curves", \.curves),
            ("sigalgs", \.signatureAlgorithms),
        ]
        return lists.map { name, list in
            GlobalKeywords.keyword("ssl-default-\(side)-\(name)") { (global, statement) throws(Complaint) in
                let text = try statement.argument("a colon-delimited list as an argument").text
                global[keyPath: path][keyPath: list] = text
            }
        }
    }
}
