import Configuration
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
    ]

    static let groupKeywords = [
        Keyword<ErrorGroupDraft>("errorfile", in: .httpErrors) { (group, statement) throws(Complaint) in
            group.files.append(try file(&statement, group.surroundings))
        }
    ]

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
