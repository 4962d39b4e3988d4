import Messages

/// Reads a complete head: start line and field lines to the empty line (RFC 9112 sections 2 to 6). The text is copied
/// to the head in one piece; start line and fields are places in it. An error makes the head worth nothing.
enum HeadParser {
    /// What a response's framing depends on.
    struct RequestFacts: Equatable {
        var method = Method.get
        /// The request asked for another protocol.
        var isUpgrade = false
    }

    // MARK: Requests

    /// Reads a request's head. `bytes` holds it with its empty line, and nothing after it; `head` is empty.
    ///
    /// - Parameter allowsViolations: reads what `option accept-unsafe-violations-in-http-request` lets pass.
    static func request(
        _ bytes: Span<UInt8>, into head: MessageHead, allowsViolations: Bool = false
    ) throws(MessageError) -> HeadFacts {
        let base = try head.store(bytes).start
        let methodEnd = try methodEnd(bytes)
        head.setMethod(stored: HeadRange(start: base, count: UInt32(methodEnd)))
        // RFC 9112 section 3: words may stand more than one space apart.
        let target = bytes.endOfSpaces(from: methodEnd + 1)
        let targetEnd = allowsViolations ? endOfLooseTarget(bytes, from: target) : bytes.endOfTarget(from: target)
        guard targetEnd > target, targetEnd < bytes.count, bytes[targetEnd] == 0x20 else { throw .badTarget }
        let place = bytes.endOfSpaces(from: targetEnd + 1)
        head.version = try version(bytes, at: place)
        guard place + 8 < bytes.count, bytes[place + 8] < 0x20 else { throw .badVersion }
        try FieldReader.endOfLine(bytes, at: place + 8)
        var fields = FieldReader(allowsViolations: allowsViolations)
        try fields.read(bytes, from: place + 10, base: base, into: head)

        var facts = try framing(fields, head)
        try checkHost(fields, head, allowsViolations)
        try RequestTarget.read(
            bytes.extracting(target..<targetEnd), at: base + UInt32(target), into: head, allowsViolations)
        if head.method == .connect {
            guard facts.framing == .none else { throw .upgradeWithBody }
            facts.framing = .tunnel
            head.removeAll(.contentLength)
        } else {
            if !allowsViolations { try checkWebSocketKey(fields, head) }
            try readUpgrade(fields, head, &facts)
        }
        // HTTP/1.0 says nothing of a body in these methods, so that parsers on the path may disagree about its end.
        if head.version == .http10, facts.framing != .none,
            head.method == .get || head.method == .head || head.method == .delete
        {
            throw .bodyInHTTP10
        }
        try fields.connection.removeNominated(from: head)
        try fields.connection.removeOwn(from: head, keepsUpgrade: fields.upgrades > 0)
        head.bodyLength = facts.framing.bodyLength
        return facts
    }

    /// The end of a target that may have a fragment and bytes above 127.
    private static func endOfLooseTarget(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var end = start
        while end < bytes.count, bytes[end] > 0x20, bytes[end] != 0x7f { end += 1 }
        return end
    }

    private static func methodEnd(_ bytes: Span<UInt8>) throws(MessageError) -> Int {
        var end = 0
        while end < bytes.count, bytes[end].isTokenCharacter { end += 1 }
        guard end > 0, end < bytes.count, bytes[end] == 0x20 else { throw .badMethod }
        return end
    }

    /// Reads `HTTP/1.1` at `place`.
    private static func version(_ bytes: Span<UInt8>, at place: Int) throws(MessageError) -> HTTPVersion {
        guard place + 8 <= bytes.count else { throw .badVersion }
        let text = bytes.extracting(place..<(place + 8))
        if text.equals("HTTP/1.1") { return .http11 }
        guard text.extracting(0..<5).equals("HTTP/"), text[5].isDigit, text[6] == 0x2e, text[7].isDigit else {
            throw .badVersion
        }
        guard text[5] == 0x31 else { throw .unsupportedVersion }
        // RFC 9110 section 6.2: a higher minor version is read as the highest that is known.
        return text[7] == 0x30 ? .http10 : .http11
    }

    /// The body's length by what RFC 9112 section 6.3 says of requests, and whether the connection stays.
    private static func framing(_ fields: FieldReader, _ head: MessageHead) throws(MessageError) -> HeadFacts {
        var facts = HeadFacts()
        facts.persists = persists(fields, head.version)
        if fields.codings.isPresent {
            try fields.codings.check()
            facts.framing = .chunked
            // RFC 9112 section 6.1: somebody on the path may have framed it otherwise.
            if head.version == .http10 { facts.persists = false }
            if fields.length.value != nil {
                // Somebody on the path may have read the length: it goes, and so does the connection.
                head.removeAll(.contentLength)
                facts.persists = false
            }
        } else if let bytes = fields.length.value, bytes > 0 {
            facts.framing = .length(bytes)
        }
        return facts
    }

    private static func persists(_ fields: FieldReader, _ version: HTTPVersion) -> Bool {
        !fields.connection.close && (version == .http11 || fields.connection.keepAlive)
    }

    /// At most one valid `Host`. RFC 9112 section 3.2 has HTTP/1.1 require one; HAProxy leaves that to servers and rules,
    /// and so do we.
    private static func checkHost(
        _ fields: FieldReader, _ head: MessageHead, _ allowsViolations: Bool
    ) throws(MessageError) {
        guard fields.hosts <= 1 else { throw .duplicateHost }
        guard let index = head.first(.host) else { return }
        let value = head.value(at: index)
        guard allowsViolations || value.hasAuthorityBytesOnly else { throw .badAuthority }
        head.setAuthority(fromField: index)
    }

    /// RFC 6455 section 4.2.1: who asks for WebSocket brings a key.
    private static func checkWebSocketKey(_ fields: FieldReader, _ head: MessageHead) throws(MessageError) {
        guard fields.upgrades > 0, fields.connection.upgrade, head.first(.secWebSocketKey) == nil else { return }
        for index in 0..<head.fieldCount where head.name(at: index) == .upgrade {
            if head.value(at: index).listContains("websocket") { throw .missingWebSocketKey }
        }
    }

    /// `Upgrade` counts with its connection option, in HTTP/1.1 (RFC 9110 section 7.8). The first protocol of the list is
    /// asked for; `h2c` is not offered by the proxy and passed over.
    private static func readUpgrade(
        _ fields: FieldReader, _ head: MessageHead, _ facts: inout HeadFacts
    ) throws(MessageError) {
        guard fields.upgrades > 0, fields.connection.upgrade, head.version == .http11,
            let index = head.first(.upgrade)
        else { return }
        var place = 0
        let list = head.value(at: index)
        while let member = list.nextMember(&place) {
            guard member.isUpgradeProtocol else { return }
            if member.equalsIgnoringCase("h2c") { continue }
            guard facts.framing == .none else { throw .upgradeWithBody }
            try head.setUpgradeProtocol(member)
            head.removeAll(.contentLength)
            facts.framing = .tunnel
            return
        }
    }

    // MARK: Responses

    /// Reads a response's head; `request` tells what it answers.
    ///
    /// - Parameter allowsViolations: reads what `option accept-unsafe-violations-in-http-response` lets pass.
    static func response(
        _ bytes: Span<UInt8>, to request: RequestFacts, into head: MessageHead, allowsViolations: Bool = false
    ) throws(MessageError) -> HeadFacts {
        let base = try head.store(bytes).start
        head.version = try version(bytes, at: 0)
        // RFC 9112 section 4: the space after the code is often left out with the reason.
        guard bytes.count > 14, bytes[8] == 0x20, bytes[9].isDigit, bytes[10].isDigit, bytes[11].isDigit else {
            throw .badStatus
        }
        head.status = Int(bytes[9] - 0x30) * 100 + Int(bytes[10] - 0x30) * 10 + Int(bytes[11] - 0x30)
        guard (100...599).contains(head.status), bytes[12] == 0x20 || bytes[12] == 0x0d || bytes[12] == 0x0a else {
            throw .badStatus
        }
        guard let end = bytes.firstInvalidValueByte(from: 12) else { throw .badStartLine }
        try FieldReader.endOfLine(bytes, at: end)
        if end > 13 { head.setReason(stored: HeadRange(start: base + 13, count: UInt32(end - 13))) }
        var fields = FieldReader(allowsViolations: allowsViolations)
        try fields.read(bytes, from: end + 2, base: base, into: head)
        let facts = try framing(fields, to: request, head)
        try fields.connection.removeNominated(from: head)
        // It is about the connection to the server; one that a rule adds is about the client's.
        head.removeAll(.connection)
        head.bodyLength = facts.framing.bodyLength
        return facts
    }

    /// The body's length by what RFC 9112 section 6.3 says of responses.
    private static func framing(
        _ fields: FieldReader, to request: RequestFacts, _ head: MessageHead
    ) throws(MessageError) -> HeadFacts {
        var facts = HeadFacts()
        facts.persists = persists(fields, head.version)
        if fields.codings.isPresent {
            try fields.codings.check()
            if fields.length.value != nil { head.removeAll(.contentLength) }
            if fields.length.value != nil || head.version == .http10 { facts.persists = false }
        }
        switch head.status {
        case 101:
            guard request.isUpgrade else { throw .unexpectedUpgrade }
            if let index = head.first(.upgrade), head.value(at: index).isUpgradeProtocol {
                try head.setUpgradeProtocol(head.value(at: index))
            }
            facts.framing = .tunnel
            head.removeAll(.contentLength)
        case 100..<200, 204:
            // RFC 9110 section 8.6: no length here.
            head.removeAll(.contentLength)
        case 200..<300 where request.method == .connect:
            facts.framing = .tunnel
            head.removeAll(.contentLength)
        case 304: break
        default:
            if request.method == .head { break }
            if fields.codings.isPresent {
                facts.framing = .chunked
            } else if let bytes = fields.length.value {
                facts.framing = bytes == 0 ? .none : .length(bytes)
            } else {
                facts.framing = .untilClose
                facts.persists = false
            }
        }
        return facts
    }

    // MARK: Trailers

    /// Reads a trailer section with its empty line. Forbidden fields are left out.
    static func trailers(_ bytes: Span<UInt8>, into head: MessageHead) throws(MessageError) {
        let base = try head.store(bytes).start
        var fields = FieldReader()
        try fields.read(bytes, from: 0, base: base, into: head)
    }
}

extension Span<UInt8> {
    /// The place of the first byte from `start` on that is no space, or the end.
    fileprivate func endOfSpaces(from start: Int) -> Int {
        var end = start
        while end < count, self[end] == 0x20 { end += 1 }
        return end
    }
}
