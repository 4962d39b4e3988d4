// The start line: what HTTP/1 writes first and HTTP/2 and HTTP/3 carry as pseudo-header fields.
extension MessageHead {
    /// Request: the method's text.
    public var methodText: Span<UInt8> {
        @_lifetime(borrow self) get {
            if method != .other { return unsafe _overrideLifetime(Span(method.text), borrowing: self) }
            return text(methodRange)
        }
    }

    /// Request: `http` or `https`; empty when the version does not tell it.
    public var scheme: Span<UInt8> {
        @_lifetime(borrow self) get { text(schemeRange) }
    }

    /// Request: the target's authority as it came (RFC 9110 section 7.2): `:authority`, or the absolute form's, or
    /// `host`'s value. The head also has exactly one `host` field with it, which rules may change and which is what the
    /// muxes send; without an authority there is no such field.
    public var authority: Span<UInt8> {
        @_lifetime(borrow self) get { text(authorityRange) }
    }

    /// Request: what the muxes send as its authority: the `host` field's value, or ``authority`` when there is no field.
    public var sentAuthority: Span<UInt8> {
        @_lifetime(borrow self) get {
            guard let index = first(.host) else { return authority }
            return value(at: index)
        }
    }

    /// Request: the path with its query, as it came; `*` for the asterisk form; empty for CONNECT.
    public var path: Span<UInt8> {
        @_lifetime(borrow self) get { text(pathRange) }
    }

    /// The protocol that an upgrade asks for or that a 101 accepts: `Upgrade`'s value, or `:protocol` of an extended
    /// CONNECT (RFC 8441, RFC 9220). Empty when there is none.
    public var upgradeProtocol: Span<UInt8> {
        @_lifetime(borrow self) get { text(upgradeRange) }
    }

    /// True when the request asks for another protocol, by `Upgrade` or by extended CONNECT.
    public var isUpgrade: Bool { !upgradeRange.isEmpty }

    /// True when an HTTP/2 or HTTP/3 peer gets the request as an extended CONNECT: it came as one, or it is a GET that
    /// asks for another protocol, whichever that is (RFC 8441 section 4). Other methods have no form there.
    public var becomesExtendedConnect: Bool { isExtendedConnect || (isUpgrade && method == .get) }

    /// True when the request asks for WebSocket.
    public var isWebSocketUpgrade: Bool { isUpgrade && upgradeProtocol.equalsIgnoringCase("websocket") }

    /// Leaves out a wish for another protocol, which RFC 9110 section 7.8 lets everyone ignore: the request is a plain one.
    public func dropUpgrade() {
        clearUpgradeProtocol()
        if bodyLength == .tunnel { bodyLength = .none }
    }

    /// Response: the reason phrase; empty when the version has none.
    public var reason: Span<UInt8> {
        @_lifetime(borrow self) get { text(reasonRange) }
    }

    public func setMethod(_ token: Span<UInt8>) throws(MessageError) {
        method = Method(token)
        methodRange = method == .other ? try store(token) : .empty
    }

    public func setScheme(_ text: Span<UInt8>) throws(MessageError) { schemeRange = try storeLowercased(text) }
    public func setAuthority(_ text: Span<UInt8>) throws(MessageError) { authorityRange = try store(text) }
    /// Sets the authority and the one `host` field that carries it.
    public func setAuthorityAndHost(_ text: Span<UInt8>) throws(MessageError) {
        if count(.host) == 1, let index = first(.host) {
            // It stays where it stands among the fields.
            try replaceValue(at: index, text)
            return setAuthority(fromField: index)
        }
        removeAll(.host)
        try append(.host, text)
        authorityRange = valueRange(at: fieldCount - 1)
    }
    /// Takes the value of field `index` as the authority.
    public func setAuthority(fromField index: Int) { authorityRange = valueRange(at: index) }
    public func setPath(_ text: Span<UInt8>) throws(MessageError) { pathRange = try store(text) }
    public func setUpgradeProtocol(_ text: Span<UInt8>) throws(MessageError) { upgradeRange = try store(text) }
    /// Takes text that lies in the head already as the method, the path or the reason.
    public func setMethod(stored place: HeadRange) {
        method = Method(text(place))
        methodRange = place
    }
    public func setScheme(stored place: HeadRange) { schemeRange = place }
    public func setPath(stored place: HeadRange) { pathRange = place }
    public func setReason(stored place: HeadRange) { reasonRange = place }
    public func setReason(_ text: Span<UInt8>) throws(MessageError) { reasonRange = try store(text) }
    /// Forgets the wish for another protocol.
    public func clearUpgradeProtocol() { upgradeRange = .empty }
}

extension Span<UInt8> {
    /// The bytes of a literal.
    @_lifetime(immortal)
    public init(_ text: StaticString) {
        let raw = unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        self = unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: raw), borrowing: ())
    }
}
