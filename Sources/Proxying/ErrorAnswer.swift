import Bytes
package import Configuration
import Messages
import Rules
import Samples
import Streams

// Whole responses that the proxy gives by itself: its own error messages, `errorfile`s, and what rules answer.
extension ReplyContent {
    /// The proxy's own message for a status.
    init(errorStatus status: Int) {
        let (reason, advice) = Self.words(status)
        let page =
            "<!doctype html><html><head><title>\(status) \(reason)</title></head><body><h1>\(status) \(reason)</h1>\n"
        self.init(
            status: status,
            fields: [
                (Array("cache-control".utf8), Array("no-cache".utf8)),
                (Array("content-type".utf8), Array("text/html".utf8)),
            ], body: Array("\(page)<p>\(advice)</p>\n</body></html>\n".utf8))
        self.reason = Array(reason.utf8)
    }

    /// Reads an `errorfile`: a whole HTTP/1 response. Nil when it is none.
    init?(file: ErrorFile) {
        self.init(status: file.status)
        guard !file.content.isEmpty else {
            isSilent = true
            return
        }
        guard let (lines, body) = Self.split(file.content), let first = lines.first,
            String(decoding: first, as: UTF8.self).hasPrefix("HTTP/1.")
        else { return nil }
        let words = first.split(separator: 0x20, maxSplits: 2)
        guard words.count >= 2, let status = Int(String(decoding: words[1], as: UTF8.self)),
            (200..<600).contains(status)
        else { return nil }
        self.status = status
        self.body = body
        reason = words.count > 2 ? Array(words[2]) : []
        fields = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: 0x3a), colon > 0 else { return nil }
            let name = line[..<colon].map(\.asciiLowercased)
            let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 9 }
            // The muxes write the fields of framing and connection themselves.
            let ours = ["connection", "content-length", "transfer-encoding", "keep-alive"]
            if !ours.contains(String(decoding: name, as: UTF8.self)) { fields.append((name, Array(value))) }
        }
    }

    /// The lines of a head without their ends, and what follows it; nil without an empty line.
    private static func split(_ content: [UInt8]) -> (lines: [[UInt8]], body: [UInt8])? {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        for (index, byte) in content.enumerated() {
            if byte != 0x0a {
                line.append(byte)
                continue
            }
            if line.last == 0x0d { line.removeLast() }
            if line.isEmpty { return (lines, Array(content[(index + 1)...])) }
            lines.append(line)
            line = []
        }
        return nil
    }

    private static func words(_ status: Int) -> (reason: String, advice: String) {
        switch status {
        case 400: ("Bad Request", "The request does not follow the rules of HTTP, so it was not passed on.")
        case 403: ("Forbidden", "The rules of this site do not allow this request.")
        case 408: ("Request Timeout", "The request did not arrive in time.")
        case 413: ("Content Too Large", "The request is larger than this site accepts.")
        case 414: ("URI Too Long", "The address in the request is longer than this site accepts.")
        case 425: ("Too Early", "The request came too early in the connection; please repeat it.")
        case 429: ("Too Many Requests", "There were too many requests in a short time.")
        case 431: ("Request Header Fields Too Large", "The request's header is larger than this site accepts.")
        case 500: ("Internal Server Error", "An internal error occurred.")
        case 501: ("Not Implemented", "The request uses a feature that is not known here.")
        case 502: ("Bad Gateway", "The server behind this site gave an invalid or incomplete answer.")
        case 503: ("Service Unavailable", "No server can take the request at the moment.")
        case 504: ("Gateway Timeout", "The server behind this site did not answer in time.")
        case 505: ("HTTP Version Not Supported", "The request's version of HTTP is not known here.")
        default: ("Error", "The request could not be served.")
        }
    }

    /// Puts the answer into an exchange's response.
    func send(_ exchange: Exchange) {
        guard exchange.response.phase == .idle else { return }
        if isSilent { return exchange.kill(exchange.failure ?? .killed) }
        let head = exchange.resources.heads.obtain(.response)
        head.version = .http11
        head.status = status
        head.bodyLength = .known(UInt64(body.count))
        do throws(MessageError) {
            let phrase = reason ?? Array(Self.words(status).reason.utf8)
            try head.setReason(phrase.span)
            try head.append(.contentLength, Array(String(body.count).utf8).span)
            for field in fields { try head.append(name: field.name.span, field.value.span) }
        } catch {
            return exchange.kill(.internalError)
        }
        exchange.response.put(head)
        guard !exchange.isOver else { return }
        var offset = 0
        while offset < body.count {
            let chunk = Chunk(copying: body.span.extracting(offset..<body.count), pool: exchange.resources.buffers)
            offset += chunk.count
            exchange.response.put(chunk)
        }
        exchange.response.end()
    }
}

/// The answers of one proxy, by status: its `errorfile`s over the built-in ones.
package struct ErrorAnswers: Sendable {
    private var answers: [Int: ReplyContent] = [:]

    /// - Parameter files: the proxy's error files; those that are no HTTP response are refused at load already.
    package init(_ files: [ErrorFile]) {
        for file in files {
            if let answer = ReplyContent(file: file) { answers[file.status] = answer }
        }
    }

    /// The answer for a status; nil when the proxy has none of its own.
    subscript(status: Int) -> ReplyContent? { answers[status] }
}
