// A head as HTTP/2 and HTTP/3 send it (RFC 9113 section 8.3, RFC 9114 section 4.3).
extension MessageHead {
    /// The most lines that ``forEachLine(scheme:_:)`` gives.
    public var lineLimit: Int { fieldCount + 5 }

    /// Walks the head as the field lines of an HTTP/2 or HTTP/3 field section: pseudo-header fields first, then the
    /// fields, those of one connection left out. `body` gets the name's token, the name in lower case and the value.
    /// The bytes stay good until the head is changed. No allocation.
    ///
    /// - `:authority` is ``sentAuthority``.
    /// - A WebSocket upgrade or an extended CONNECT goes out as an extended CONNECT (RFC 8441, RFC 9220); a 101 as 200.
    /// - `te` goes out only as `trailers`.
    ///
    /// - Parameters:
    ///   - scheme: `:scheme` when the head has none.
    ///   - body: called once for each line.
    public func forEachLine(
        scheme defaultScheme: StaticString, _ body: (FieldName, Span<UInt8>, Span<UInt8>) -> Void
    ) {
        var skipsWebSocket = false
        switch kind {
        case .request:
            skipsWebSocket = becomesExtendedConnect
            requestLines(defaultScheme, extended: skipsWebSocket, body)
        case .response:
            skipsWebSocket = bodyLength == .tunnel
            body(.other, Span(":status"), StatusText.bytes(status == 101 ? 200 : status))
        case .trailers: break
        }
        for index in 0..<fieldCount {
            let token = name(at: index)
            switch token {
            case .te:
                guard value(at: index).listContains("trailers") else { continue }
                body(.te, token.bytes, Span("trailers"))
                continue
            case .host where kind == .request: continue
            case .secWebSocketKey, .secWebSocketAccept:
                if skipsWebSocket { continue }
            default:
                if token.isHopByHop { continue }
            }
            // RFC 9113 section 8.2.1, RFC 9114 section 4.2: no blanks at the ends, which a rule may have put there.
            body(token, nameText(at: index), value(at: index).trimmed)
        }
    }

    private func requestLines(
        _ defaultScheme: StaticString, extended: Bool, _ body: (FieldName, Span<UInt8>, Span<UInt8>) -> Void
    ) {
        body(.other, Span(":method"), extended ? Span("CONNECT") : methodText)
        if extended { body(.other, Span(":protocol"), upgradeProtocol) }
        if method != .connect {
            body(.other, Span(":scheme"), scheme.isEmpty ? Span(defaultScheme) : scheme)
        }
        if !sentAuthority.isEmpty { body(.other, Span(":authority"), sentAuthority) }
        if method != .connect { body(.other, Span(":path"), path) }
    }
}

/// The three digits of each status code.
@safe public enum StatusText {
    /// The digits of `status`; those of 500 when it is not 100...999.
    @_lifetime(immortal)
    public static func bytes(_ status: Int) -> Span<UInt8> {
        let known = (100...999).contains(status) ? status : 500
        let digits = unsafe Span<UInt8>(_unsafeStart: table + (known - 100) * 3, count: 3)
        return unsafe _overrideLifetime(digits, borrowing: ())
    }

    private nonisolated(unsafe) static let table: UnsafePointer<UInt8> = {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 900 * 3)
        for status in 100...999 {
            let place = unsafe table + (status - 100) * 3
            unsafe place[0] = UInt8(0x30 + status / 100)
            unsafe place[1] = UInt8(0x30 + status / 10 % 10)
            unsafe place[2] = UInt8(0x30 + status % 10)
        }
        return unsafe UnsafePointer(table)
    }()
}
