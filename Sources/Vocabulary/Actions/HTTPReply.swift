import Messages
package import Rules
import Samples
package import Words

/// An answer that the configuration describes: `http-request return`, `deny`, `tarpit`, `http-error` (configuration.txt
/// section 4.4, `return`).
package final class HTTPReply: RuleReply {
    fileprivate enum Payload: Sendable {
        /// A status alone.
        case none
        /// The proxy's message for the status.
        case message
        /// A whole response.
        case response(ReplyContent)
        /// The response that an `http-errors` section has for the status.
        case group(ErrorGroup)
        case text([UInt8])
        case format(Format)
    }

    package let status: Int
    private let payload: Payload
    private let contentType: [UInt8]?
    private let fields: [(name: [UInt8], value: Format)]

    fileprivate init(
        status: Int, payload: Payload, contentType: [UInt8]? = nil, fields: [(name: [UInt8], value: Format)] = []
    ) {
        self.status = status
        self.payload = payload
        self.contentType = contentType
        self.fields = fields
    }

    /// The proxy's message for a status.
    package convenience init(message status: Int) { self.init(status: status, payload: .message) }

    package func make(_ run: RuleRun) -> ReplyContent? {
        guard var content = content(run) else { return nil }
        content.loggedStatus = status
        return content
    }

    private func content(_ run: RuleRun) -> ReplyContent? {
        switch payload {
        case .message: return run.host?.errorMessage(status)
        case .response(let content): return content
        case .group(let group): return group[status] ?? own([], run)
        case .none: return own([], run)
        case .text(let text): return own(text, run)
        case .format(let format):
            var text = Sample()
            format.text(run.evaluation, &text)
            return own(Array(copying: text.bytes), run)
        }
    }

    private func own(_ body: [UInt8], _ run: RuleRun) -> ReplyContent? {
        var content = ReplyContent(status: status, body: body)
        for field in fields {
            var value = Sample()
            field.value.text(run.evaluation, &value)
            let text = value.bytes.trimmed
            guard text.isFieldValue else { return nil }
            if !text.isEmpty { content.fields.append((field.name, Array(copying: text))) }
        }
        if !body.isEmpty, let contentType { content.add(.contentType, contentType) }
        return content
    }

    // MARK: Reading

    /// What the arguments describe, while they are read.
    fileprivate struct Draft {
        var status: Int
        var statusWord: Word
        var contentType: Word?
        var fields: [(name: [UInt8], value: Format)] = []
        var payload = Payload.none
        /// The argument that gives the payload.
        var source: Word?

        mutating func begin(_ word: Word) throws(Complaint) {
            if let source {
                throw Complaint("unexpected '\(word.text)' argument, '\(source.text)' already defined", at: word)
            }
            source = word
        }
    }

    /// Reads an answer's arguments.
    ///
    /// - Parameter defaultStatus: the status without `status`.
    package static func parse(_ reader: inout ActionReader, defaultStatus: Int) throws(Complaint) -> HTTPReply {
        var draft = Draft(status: defaultStatus, statusWord: reader.keyword)
        while let word = reader.peek {
            guard try parse(word, &draft, &reader) else { break }
        }
        return try draft.reply(reader.context)
    }

    /// Reads one argument; false when it is none of an answer's.
    private static func parse(
        _ word: Word, _ draft: inout Draft, _ reader: inout ActionReader
    ) throws(Complaint) -> Bool {
        let context = reader.context
        func value(_ what: String) throws(Complaint) -> Word {
            _ = reader.next()
            guard let value = reader.next() else {
                throw Complaint("'\(word.text)' expects \(what) as argument", at: word)
            }
            return value
        }
        switch word.text {
        case "status", "deny_status":
            let code = try value("<status_code>")
            guard let status = Scalars.integer(code.text), (200...599).contains(status) else {
                throw Complaint("Unexpected status code '\(code.text)'", at: code)
            }
            draft.status = status
            draft.statusWord = code
        case "content-type": draft.contentType = try value("<ctype>")
        case "default-errorfiles":
            try draft.begin(word)
            _ = reader.next()
            draft.payload = .message
        case "errorfiles":
            try draft.begin(word)
            draft.payload = .group(group(try value("<name>").text, context))
        case "errorfile":
            try draft.begin(word)
            let file = try value("<file>")
            guard let content = ReplyContent(response: try read(file, context), status: draft.status) else {
                throw Complaint("'\(file.text)': is not a whole HTTP/1 response", at: file)
            }
            draft.payload = .response(content)
        case "file":
            try draft.begin(word)
            draft.payload = .text(try read(try value("<file>"), context))
        case "string":
            try draft.begin(word)
            draft.payload = .text(try value("<str>").bytes)
        case "lf-file":
            try draft.begin(word)
            let file = try value("<file>")
            let text = String(decoding: try read(file, context), as: UTF8.self)
            draft.payload = .format(try Format.parse(Word(text: text, column: file.column), context))
        case "lf-string":
            try draft.begin(word)
            draft.payload = .format(try Format.parse(try value("<fmt>"), context))
        case "hdr":
            let name = try value("<name> and <value>")
            guard reader.peek != nil else {
                throw Complaint("'hdr' expects <name> and <value> as arguments", at: word)
            }
            let lowercased = try FieldActions.name(name, context)
            let format = try reader.format("<value>")
            if ["content-length", "transfer-encoding", "content-type"].contains(name.text.lowercased()) {
                context.warnings.append(Complaint("header '\(name.text)' always ignored by the http reply", at: name))
            } else {
                draft.fields.append((lowercased, format))
            }
        default: return false
        }
        return true
    }

    private static func read(_ file: Word, _ context: CompilationContext) throws(Complaint) -> [UInt8] {
        let content: [UInt8]
        do throws(Complaint) { content = try context.readFile(file.text) } catch {
            throw Complaint("error opening file '\(file.text)': \(error.message)", at: file)
        }
        guard content.count <= context.bufferSize else {
            throw Complaint(
                "file '\(file.text)' exceeds the buffer size (\(content.count) > \(context.bufferSize))", at: file)
        }
        return content
    }

    /// The answers of an `http-errors` section, declared or not yet.
    private static func group(_ name: String, _ context: CompilationContext) -> ErrorGroup {
        let key = ErrorGroup.key(name)
        if let known = context.shared[key] as? ErrorGroup { return known }
        let group = ErrorGroup(name: name)
        context.shared[key] = group
        return group
    }
}

extension HTTPReply.Draft {
    /// The answer, once its parts are checked.
    fileprivate func reply(_ context: CompilationContext) throws(Complaint) -> HTTPReply {
        let ignored: String? =
            switch payload {
            case .none: "neither errorfile nor payload defined"
            case .message, .response, .group: "an errorfile is used"
            case .text(let text): text.isEmpty ? "the payload is empty" : nil
            case .format: nil
            }
        if let contentType, let ignored {
            context.warnings.append(
                Complaint(
                    "content-type '\(contentType.text)' ignored by the http reply because \(ignored)", at: contentType))
        }
        switch payload {
        case .none: break
        case .message, .group:
            guard BuiltInErrors.statuses.contains(status) else {
                throw Complaint(
                    "status code '\(status)' not handled by default with '\(source?.text ?? "")' argument.",
                    at: statusWord)
            }
        case .response: break
        case .text(let text):
            if status == 204 || status == 304, !text.isEmpty {
                throw Complaint("No body expected for \(status) responses", at: statusWord)
            }
            if contentType == nil, !text.isEmpty {
                throw Complaint(
                    "a content type must be defined when non-empty payload is configured", at: source ?? statusWord)
            }
        case .format:
            if status == 204 || status == 304 {
                throw Complaint("No body expected for \(status) responses", at: statusWord)
            }
            if contentType == nil {
                throw Complaint("a content type must be defined with a log-format payload", at: source ?? statusWord)
            }
        }
        var fields = self.fields
        switch payload {
        case .message, .response, .group:
            if !fields.isEmpty {
                context.warnings.append(
                    Complaint("hdr parameters ignored by the http reply when used with an errorfile", at: statusWord))
                fields = []
            }
        default: break
        }
        if case .group(let group) = payload {
            group.refer(
                ErrorGroup.Reference(status: status, proxyName: context.proxyName, location: context.location))
        }
        return HTTPReply(
            status: status, payload: payload,
            contentType: ignored == nil ? contentType.map { Array($0.text.utf8) } : nil,
            fields: fields)
    }
}
