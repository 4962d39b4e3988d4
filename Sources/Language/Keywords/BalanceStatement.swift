import Configuration
import Samples
import Words

/// `balance` and what goes with it: `hash-type`, `hash-balance-factor`, `hash-preserve-affinity`, `fullconn`.
enum BalanceStatement {
    static let keywords = [
        Keyword<ProxyDraft>("balance", in: .back) { (proxy, statement) throws(Complaint) in
            proxy.balance = try algorithm(&statement)
        },
        Keyword<ProxyDraft>("hash-type", in: .back) { (proxy, statement) throws(Complaint) in
            try hashType(&proxy.hashing, &statement)
        },
        Keyword<ProxyDraft>("hash-balance-factor", in: .back) { (proxy, statement) throws(Complaint) in
            let factor = try statement.integer()
            guard factor == 0 || factor > 100 else {
                throw Complaint("'\(statement.name)' must be 0 or greater than 100.")
            }
            proxy.hashing.balanceFactor = factor
        },
        Keyword<ProxyDraft>("hash-preserve-affinity", in: .back) { (proxy, statement) throws(Complaint) in
            guard let word = statement.next() else {
                throw Complaint("'\(statement.name)' needs a keyword to specify when to preserve hash affinity")
            }
            guard let affinity = HashSettings.Affinity(rawValue: word.text) else {
                throw Complaint("'\(statement.name)': unknown keyword '\(word.text)'", at: word)
            }
            proxy.hashing.affinity = affinity
        },
        Keyword<ProxyDraft>("fullconn", in: .back) { (proxy, statement) throws(Complaint) in
            let count = try statement.integer()
            proxy.fullconn = count == 0 ? nil : count
        },
    ]

    private static func hashType(_ hashing: inout HashSettings, _ statement: inout Statement) throws(Complaint) {
        let method = try statement.argument("'consistent' or 'map-based'")
        switch method.text {
        case "consistent": hashing.method = .consistent
        case "map-based": hashing.method = .map
        case "avalanche":
            throw Complaint(
                "experimental feature '\(statement.name) avalanche' is not supported anymore, please use"
                    + " '\(statement.name) map-based sdbm avalanche' instead.", at: method)
        default: throw Complaint("'\(statement.name)' only supports 'consistent' and 'map-based'.", at: method)
        }
        guard let function = statement.next() else {
            hashing.function = .sdbm
            hashing.avalanches = hashing.method == .consistent
            return
        }
        guard let known = HashSettings.Function(rawValue: function.text) else {
            throw Complaint(
                "'\(statement.name)' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.", at: function)
        }
        hashing.function = known
        hashing.avalanches = false
        guard let modifier = statement.next() else { return }
        guard modifier.text == "avalanche" else {
            throw Complaint(
                "'\(statement.name)' only supports 'avalanche' as a modifier for hash functions.", at: modifier)
        }
        hashing.avalanches = true
    }

    // MARK: Algorithms

    private static func algorithm(_ statement: inout Statement) throws(Complaint) -> BalanceAlgorithm {
        guard let word = statement.next() else { return .random(draws: 2) }
        switch word.text {
        case "roundrobin": return .roundrobin
        case "static-rr": return .staticRR
        case "leastconn": return .leastconn
        case "first": return .first
        case "source": return .source
        case "uri": return .uri(try uriKey(&statement))
        case "url_param": return try urlParameter(&statement)
        case "hash": return try hash(&statement)
        case "sticky": return .sticky
        case "log-hash": return try logHash(&statement)
        default: break
        }
        if word.text.hasPrefix("random") { return .random(draws: try draws(word)) }
        if word.text.hasPrefix("hdr(") { return try header(word, &statement) }
        if word.text.hasPrefix("rdp-cookie") { return try rdpCookie(word, statement) }
        throw Complaint(
            "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hash',"
                + " 'hdr(name)', 'rdp-cookie(name)', 'log-hash' and 'sticky' options.", at: word)
    }

    private static func draws(_ word: Word) throws(Complaint) -> Int {
        let rest = word.text.dropFirst(6)
        if rest.isEmpty || rest == "()" { return 2 }
        guard rest.hasPrefix("(") else {
            throw Complaint("balance random : unexpected character '\(rest.prefix(1))'.", at: word)
        }
        let digits = rest.dropFirst().prefix { "0123456789".contains($0) }
        let end = rest.dropFirst(1 + digits.count)
        if end != ")" {
            throw Complaint(
                end.isEmpty
                    ? "balance random : missing closing parenthesis."
                    : "balance random : unexpected character '\(end.prefix(1))' after argument.", at: word)
        }
        guard let count = Int(digits), count > 0, count <= Int(Int32.max) else {
            throw Complaint("balance random : number of draws must be at least 1.", at: word)
        }
        return count
    }

    private static func uriKey(_ statement: inout Statement) throws(Complaint) -> URIKey {
        var key = URIKey()
        while let word = statement.next() {
            switch word.text {
            case "whole": key.includesQuery = true
            case "path-only": key.isPathOnly = true
            case "len": key.length = try positive(word, &statement)
            case "depth": key.depth = try positive(word, &statement)
            default:
                throw Complaint(
                    "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '\(word.text)').",
                    at: word)
            }
        }
        return key
    }

    private static func positive(_ option: Word, _ statement: inout Statement) throws(Complaint) -> Int {
        let word = statement.next()
        guard let text = word?.text, let count = Scalars.integer(text), count > 0 else {
            throw Complaint(
                "balance uri : '\(option.text)' expects a positive integer (got '\(word?.text ?? "")').",
                at: word ?? option)
        }
        return count
    }

    private static func urlParameter(_ statement: inout Statement) throws(Complaint) -> BalanceAlgorithm {
        guard let name = statement.next() else { throw Complaint("balance url_param requires an URL parameter name.") }
        guard let modifier = statement.next() else { return .urlParameter(name: name.text, checksBody: false) }
        guard modifier.text == "check_post" else {
            throw Complaint(
                "balance url_param only accepts 'check_post' modifier (got '\(modifier.text)').", at: modifier)
        }
        // The size that used to stand here has no effect.
        _ = statement.next()
        return .urlParameter(name: name.text, checksBody: true)
    }

    private static func header(_ word: Word, _ statement: inout Statement) throws(Complaint) -> BalanceAlgorithm {
        let name = word.text.dropFirst(4).prefix { $0 != ")" }
        guard !name.isEmpty, word.text.dropFirst(4 + name.count).hasPrefix(")") else {
            throw Complaint("balance hdr requires an http header field name.", at: word)
        }
        guard let modifier = statement.next() else { return .header(name: name.lowercased(), domainOnly: false) }
        guard modifier.text == "use_domain_only" else {
            throw Complaint(
                "balance \(word.text) only accepts 'use_domain_only' modifier (got '\(modifier.text)').", at: modifier)
        }
        return .header(name: name.lowercased(), domainOnly: true)
    }

    private static func rdpCookie(_ word: Word, _ statement: Statement) throws(Complaint) -> BalanceAlgorithm {
        let rest = word.text.dropFirst(10)
        let name = rest.isEmpty ? "mstshash" : String(rest.dropFirst().prefix { $0 != ")" })
        guard !name.isEmpty, rest.isEmpty || rest.hasPrefix("(") && rest.hasSuffix(")") else {
            throw Complaint("balance rdp-cookie : missing cookie name.", at: word)
        }
        statement.context.place = .backendRequestContent
        let text = Word(text: "req.rdp_cookie(\(name))", column: word.column)
        return .rdpCookie(HashExpression(try ExpressionParser(statement.context).parse(text)))
    }

    /// Converters for a line: they are read as if a text stood before them.
    private static func logHash(_ statement: inout Statement) throws(Complaint) -> BalanceAlgorithm {
        guard let word = statement.next() else {
            throw Complaint("balance log-hash requires a converter list.")
        }
        let context = statement.context
        let place = context.place
        context.place = .all
        defer { context.place = place }
        let text = Word(bytes: Array("str(dummy),".utf8) + word.bytes, column: word.column)
        let expression = try ExpressionParser(context).parse(text)
        guard Cast.isPossible(expression.type, .bin) else {
            throw Complaint(
                "invalid output type at the end of converter list for \"balance log-hash\" directive", at: word)
        }
        return .logHash(HashExpression(expression))
    }

    private static func hash(_ statement: inout Statement) throws(Complaint) -> BalanceAlgorithm {
        guard let word = statement.next() else { throw Complaint("balance hash requires a sample expression.") }
        if let extra = statement.peek {
            throw Complaint("balance hash takes no other argument (got '\(extra.text)').", at: extra)
        }
        let context = statement.context
        let place = context.place
        context.place = .backendSetServer
        defer { context.place = place }
        return .hash(HashExpression(try ExpressionParser(context).parse(word)))
    }
}
