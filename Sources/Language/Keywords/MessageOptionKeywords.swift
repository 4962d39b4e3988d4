import Configuration
import Words

/// Options that change how messages of HTTP go to peers that are not as they should be, and what is refused of them.
enum MessageOptionKeywords {
    static let keywords: [Keyword<ProxyDraft>] = [
        SocketKeywords.option("checkcache", in: .back) { $0.checksCaching = $1 },
        SocketKeywords.option("http-pretend-keepalive", in: .back) { $0.pretendsKeepAlive = $1 },
        SocketKeywords.option("http-drop-request-trailers", in: .back) { $0.dropsRequestTrailers = $1 },
        SocketKeywords.option("http-drop-response-trailers", in: .front) { $0.dropsResponseTrailers = $1 },
        SocketKeywords.option("idle-close-on-response", in: .front) { $0.keepsIdleConnections = $1 },
        SocketKeywords.option("disable-h2-upgrade", in: .front) { $0.detectsHTTP2 = !$1 },
        SocketKeywords.option("h1-case-adjust-bogus-client", in: .front) { $0.adjustsClientCase = $1 },
        SocketKeywords.option("h1-case-adjust-bogus-server", in: .back) { $0.adjustsServerCase = $1 },
    ]

    /// Which names are written how (`global`).
    static let global: [Keyword<GlobalDraft>] = [
        GlobalKeywords.keyword("h1-case-adjust") { (global, statement) throws(Complaint) in
            guard let from = statement.next(), let to = statement.next() else {
                throw Complaint("'h1-case-adjust' expects <from> and <to> as argument.")
            }
            try add(from.text, to.text, to: &global, at: from)
        },
        GlobalKeywords.keyword("h1-case-adjust-file") { (global, statement) throws(Complaint) in
            guard let path = statement.next() else {
                throw Complaint("'h1-case-adjust-file' expects <file> as argument.")
            }
            try read(path, into: &global)
        },
        GlobalKeywords.flag("h2-workaround-bogus-websocket-clients", \.hidesExtendedConnect),
        // A request's body is taken whatever its method is (RFC 9110 section 9.3).
        GlobalKeywords.keyword("h1-accept-payload-with-any-method") { (_, _) in },
    ]

    private static func add(
        _ from: String, _ to: String, to global: inout GlobalDraft, at word: Word
    ) throws(Complaint) {
        let key = from.lowercased()
        guard key == to.lowercased() else {
            throw Complaint("<from> and <to> must not differ except the case", at: word)
        }
        guard !key.isEmpty, key.utf8.allSatisfy(Byte.isToken) else {
            throw Complaint("'\(from)' is not a header name", at: word)
        }
        // Names are looked up in lower case: HAProxy takes others too, and never finds them.
        guard from == key else { return }
        guard global.settings.fieldCases[key] == nil else {
            throw Complaint("duplicate entry '\(from)'", at: word)
        }
        global.settings.fieldCases[key] = to
    }

    /// Reads lines of two names each; what follows `#` is a comment.
    private static func read(_ path: Word, into global: inout GlobalDraft) throws(Complaint) {
        let title = "h1-headers-case-adjust-file '\(path.text)'"
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try global.surroundings.system.read(path.text)
        } catch {
            throw Complaint("\(title) : failed to open file (\(error.reason)).", at: path)
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let names = line.prefix { $0 != UInt8(ascii: "#") }.split(whereSeparator: Byte.isSpace)
            guard let from = names.first else { continue }
            guard names.count > 1 else { throw Complaint("\(title) : expect <to> at line \(index + 1).", at: path) }
            guard names.count == 2 else {
                throw Complaint("\(title) : unexpected text behind <to> at line \(index + 1).", at: path)
            }
            try add(
                String(decoding: from, as: UTF8.self), String(decoding: names[1], as: UTF8.self), to: &global, at: path)
        }
    }
}
