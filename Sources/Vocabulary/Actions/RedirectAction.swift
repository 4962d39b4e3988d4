import Messages
package import Rules
import Samples
package import Words

/// `redirect`, in rule sets and as a statement of its own (configuration.txt section 4.2).
package enum RedirectAction {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "redirect", "Sends the client to another place.",
            usage: "{ location | prefix | scheme } <to> [code <code>] <options>", in: [.httpRequest, .httpResponse]
        ) { (reader) throws(Complaint) in try parse(&reader, isFormat: true) }
    ]

    /// Reads a redirection.
    ///
    /// - Parameter isFormat: the target is a format; a text otherwise.
    package static func parse(
        _ reader: inout ActionReader, isFormat: Bool
    ) throws(Complaint) -> any RuleAction { try Redirect(&reader, isFormat: isFormat) }
}

private final class Redirect: RuleAction, RuleReply {
    private enum Kind { case location, prefix, scheme }

    private let kind: Kind
    private let target: Format
    private let status: Int
    private let dropsQuery: Bool
    private let keepsQuery: Bool
    private let appendsSlash: Bool
    private let ignoresEmpty: Bool
    private let cookie: Format?

    init(_ reader: inout ActionReader, isFormat: Bool) throws(Complaint) {
        var kind: Kind?
        var target: Word?
        var status = 302
        var options: Set<String> = []
        var cookie: Format?
        while let word = reader.next() {
            func value() throws(Complaint) -> Word {
                guard let value = reader.next() else {
                    throw Complaint("missing argument for '\(word.text)'", at: word)
                }
                return value
            }
            switch word.text {
            case "location", "prefix", "scheme":
                kind = word.text == "location" ? .location : word.text == "prefix" ? .prefix : .scheme
                target = try value()
            case "set-cookie": cookie = Format(literal: "\(try value().text); path=/;")
            case "set-cookie-fmt":
                let text = try value()
                cookie = try Format.parse(Word(text: "\(text.text); path=/;", column: text.column), reader.context)
            case "clear-cookie": cookie = Format(literal: "\(try value().text); path=/; Max-Age=0;")
            case "code":
                let code = try value()
                guard let number = Scalars.integer(code.text), [301, 302, 303, 307, 308].contains(number) else {
                    throw Complaint(
                        "'code': unsupported HTTP code '\(code.text)' (must be one of 301, 302, 303, 307 or 308)",
                        at: code)
                }
                status = number
            case "drop-query", "keep-query", "append-slash", "ignore-empty": options.insert(word.text)
            default:
                throw Complaint(
                    "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'set-cookie-fmt', 'clear-cookie',"
                        + " 'drop-query', 'keep-query', 'ignore-empty' or 'append-slash' (was '\(word.text)')", at: word
                )
            }
        }
        guard let kind, let target else {
            throw Complaint("redirection type expected ('prefix', 'location', or 'scheme')", at: reader.keyword)
        }
        if reader.kind.direction == .response, kind != .location {
            throw Complaint("response only supports redirect type 'location'", at: target)
        }
        self.kind = kind
        // A prefix of `/` adds nothing: it makes a redirection to the same place possible.
        if kind == .prefix, target.text == "/" {
            self.target = Format(literal: "")
        } else {
            self.target = isFormat ? try Format.parse(target, reader.context) : Format(literal: target.text)
        }
        self.status = status
        self.cookie = cookie
        dropsQuery = options.contains("drop-query")
        keepsQuery = options.contains("keep-query")
        appendsSlash = options.contains("append-slash")
        ignoresEmpty = options.contains("ignore-empty")
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        if ignoresEmpty, kind == .location {
            var text = Sample()
            target.text(run.evaluation, &text)
            if text.byteCount == 0 { return .next }
        }
        return .finish(.answer(self, isDenial: false))
    }

    func make(_ run: RuleRun) -> ReplyContent? {
        let evaluation = run.evaluation
        guard let request = evaluation.requestHead else { return nil }
        var text = evaluation.scratch.text()
        target.append(evaluation, to: &text)
        switch kind {
        case .location: if keepsQuery { appendQuery(of: request, to: &text) }
        case .scheme:
            text.append("://")
            text.append(request.sentAuthority)
            appendPath(of: request, to: &text)
        case .prefix: appendPath(of: request, to: &text)
        }
        guard !text.isFull, text.bytes.isFieldValue else { return nil }
        var content = ReplyContent(status: status)
        content.reason = Array(
            (status == 301
                ? "Moved Permanently"
                : status == 303
                    ? "See Other"
                    : status == 307 ? "Temporary Redirect" : status == 308 ? "Permanent Redirect" : "Found")
                .utf8)
        content.add(.location, Array(copying: text.bytes))
        if status == 302 || status == 303 || status == 307 { content.add(.cacheControl, Array("no-cache".utf8)) }
        if let cookie {
            var value = Sample()
            cookie.text(evaluation, &value)
            guard value.bytes.trimmed.isFieldValue else { return nil }
            content.add(.setCookie, Array(copying: value.bytes.trimmed))
        }
        return content
    }

    private func appendPath(of request: MessageHead, to text: inout ScratchText) {
        if !request.hasPath {
            text.append(UInt8(ascii: "/"))
        } else {
            text.append(dropsQuery ? request.pathWithoutQuery : request.path)
        }
        if appendsSlash, text.count > 0, text[text.count - 1] != UInt8(ascii: "/") { text.append(UInt8(ascii: "/")) }
    }

    private func appendQuery(of request: MessageHead, to text: inout ScratchText) {
        let path = request.path
        let start = URINormalizer.end(of: path, at: UInt8(ascii: "?")) + 1
        guard start < path.count else { return }
        let mark = URINormalizer.end(of: text.bytes, at: UInt8(ascii: "?"))
        if mark == text.count {
            text.append(UInt8(ascii: "?"))
        } else if mark + 1 != text.count {
            text.append(UInt8(ascii: "&"))
        }
        text.append(path.extracting(start..<path.count))
    }
}
