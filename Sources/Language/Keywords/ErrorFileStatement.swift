import Configuration
import Messages
import Rules
import Samples
import Vocabulary
import Words

/// `errorfile` and `errorfiles`.
enum ErrorFileStatement {
    static let proxyKeywords = [
        Keyword<ProxyDraft>("errorfile", in: .proxies) { (proxy, statement) throws(Complaint) in
            proxy.errorFiles.append(.file(try file(&statement, proxy.surroundings)))
        },
        Keyword<ProxyDraft>("errorfiles", in: .proxies) { (proxy, statement) throws(Complaint) in
            let name = try statement.argument("the name of an http-errors section")
            var statuses: [Int] = []
            while let word = statement.next() { statuses.append(try status(word, of: statement)) }
            proxy.errorFiles.append(.group(name: name.text, statuses: statuses, mark: statement.mark(name)))
        },
        location("errorloc", 302), location("errorloc302", 302), location("errorloc303", 303),
        Keyword<ProxyDraft>("http-error", in: .proxies) { (proxy, statement) throws(Complaint) in
            try httpError(&proxy, &statement)
        },
    ]

    static let groupKeywords = [
        Keyword<ErrorGroupDraft>("errorfile", in: .httpErrors) { (group, statement) throws(Complaint) in
            let file = try file(&statement, group.surroundings)
            group.files.append(file)
            if let content = ReplyContent(response: file.content, status: file.status) {
                answers(of: group.name, statement.context).set(content, for: file.status)
            }
        }
    ]

    /// The answers of an `http-errors` section that rules may name.
    static func answers(of name: String, _ context: CompilationContext) -> ErrorGroup {
        let key = ErrorGroup.key(name)
        if let known = context.shared[key] as? ErrorGroup { return known }
        let group = ErrorGroup(name: name)
        context.shared[key] = group
        return group
    }

    /// `errorloc`: the client is sent to another place.
    private static func location(_ name: String, _ code: Int) -> Keyword<ProxyDraft> {
        Keyword<ProxyDraft>(name, in: .proxies) { (proxy, statement) throws(Complaint) in
            let expected = "<status_code> and <url> as arguments"
            let status = try status(statement.argument(expected), of: statement)
            let url = try statement.argument(expected)
            guard Array(url.text.utf8).span.isFieldValue else {
                throw Complaint("'\(name)' : '\(url.text)' is not a URL", at: url)
            }
            var content = ReplyContent(status: code)
            content.reason = Array((code == 303 ? "See Other" : "Found").utf8)
            content.add(.cacheControl, Array("no-cache".utf8))
            content.add(.location, Array(url.text.utf8))
            proxy.errorFiles.append(
                .file(ErrorFile(status: status, reply: FixedReply(content), location: statement.location)))
        }
    }

    private static func httpError(_ proxy: inout ProxyDraft, _ statement: inout Statement) throws(Complaint) {
        let context = statement.context
        context.place = [.requestData, .responseData]
        context.proxyName = proxy.name
        let words = statement.remaining
        guard let first = words.first, first.text == "status" else {
            throw Complaint("'http-error' expects at least a status code: 'status <code>'")
        }
        let keyword = Word(text: "http-error", column: first.column)
        var reader = ActionReader(
            .httpRequest, [keyword] + words, at: 0, context, location: statement.location.description)
        let reply = try HTTPReply.parse(&reader, defaultStatus: 0)
        statement.advance(by: reader.end - 1)
        guard ErrorFile.statuses.contains(reply.status) else {
            throw Complaint("'http-error' : status code '\(reply.status)' not handled", at: first)
        }
        for warning in context.warnings { statement.warn("http-error : \(warning.message)") }
        context.warnings = []
        proxy.errorFiles.append(.file(ErrorFile(status: reply.status, reply: reply, location: statement.location)))
    }

    private static func file(_ statement: inout Statement, _ surroundings: Surroundings) throws(Complaint) -> ErrorFile
    {
        let expected = "<status_code> and <file> as arguments"
        let status = try status(statement.argument(expected), of: statement)
        let word = try statement.argument(expected)
        let content: [UInt8]
        do {
            content = try surroundings.system.read(word.text)
        } catch {
            throw Complaint("errorfile : error opening file '\(word.text)' : \(error.reason)", at: word)
        }
        if content.count > surroundings.bufsize {
            throw Complaint(
                "errorfile : file '\(word.text)' has \(content.count) bytes, which do not fit a buffer of"
                    + " \(surroundings.bufsize) (see 'tune.bufsize')", at: word)
        }
        if !content.isEmpty, !isResponse(content) {
            throw Complaint("errorfile : file '\(word.text)' is not a whole HTTP/1 response", at: word)
        }
        return ErrorFile(status: status, path: word.text, content: content, location: statement.location)
    }

    private static func status(_ word: Word, of statement: Statement) throws(Complaint) -> Int {
        guard let status = Scalars.integer(word.text), ErrorFile.statuses.contains(status) else {
            throw Complaint("'\(statement.name)' : status code '\(word.text)' not handled", at: word)
        }
        return status
    }

    /// Whether `content` starts with a status line of HTTP/1, and its head has an end (RFC 9112 section 2.1).
    private static func isResponse(_ content: [UInt8]) -> Bool {
        let lines = content.split(separator: Byte.lineFeed, omittingEmptySubsequences: false).dropLast().map { line in
            line.last == Byte.carriageReturn ? line.dropLast() : line
        }
        guard let first = lines.first, lines.contains(where: \.isEmpty) else { return false }
        let start = Array(first)
        guard start.count >= 12, start.starts(with: "HTTP/1.".utf8), Byte.isDigit(start[7]), start[8] == Byte.space
        else { return false }
        return start[9...11].allSatisfy(Byte.isDigit) && (start.count == 12 || start[12] == Byte.space)
    }
}
