/// Builds a head from the field lines of an HTTP/2 or HTTP/3 field section and checks the rules that both versions
/// share (RFC 9113 sections 8.2 and 8.3, RFC 9114 sections 4.2 and 4.3, RFC 8441, RFC 9220). A violation makes the
/// message malformed: a stream error.
///
/// Fill a fresh head line by line with ``add(name:value:)``, then call ``finish(endOfStream:)``. After an error the
/// head is worth nothing; it still goes back to its pool.
public struct HeadAssembler {
    /// The head under construction.
    public let head: MessageHead
    private let allowsProtocol: Bool
    private let allowsFragment: Bool
    private let requestMethod: Method
    private let opensTunnel: Bool
    private var seen: Pseudo = []
    private var fieldSeen = false
    private var hostSeen = false
    private var length = ContentLength()
    private var cookies = 0

    private struct Pseudo: OptionSet {
        let rawValue: UInt8
        static let method = Pseudo(rawValue: 1)
        static let scheme = Pseudo(rawValue: 2)
        static let authority = Pseudo(rawValue: 4)
        static let path = Pseudo(rawValue: 8)
        static let `protocol` = Pseudo(rawValue: 16)
        static let status = Pseudo(rawValue: 32)
    }

    /// For a request. `head` is empty, of the request kind; `allowsProtocol` tells that extended CONNECT was announced
    /// to the peer, `allowsFragment` that a path may have a `#`, against RFC 9110 section 7.1.
    public init(
        request head: MessageHead, version: HTTPVersion, allowsProtocol: Bool, allowsFragment: Bool = false
    ) {
        self.init(
            head, version, allowsProtocol: allowsProtocol, allowsFragment: allowsFragment, method: .get,
            opensTunnel: false)
    }

    /// For a response to a request that was sent with `method`; `opensTunnel` tells that a 2xx answer turns the stream
    /// into a tunnel: the request was a CONNECT or an extended CONNECT.
    public init(response head: MessageHead, version: HTTPVersion, to method: Method, opensTunnel: Bool) {
        self.init(head, version, allowsProtocol: false, method: method, opensTunnel: opensTunnel)
    }

    /// For a trailer section.
    public init(trailers head: MessageHead, version: HTTPVersion) {
        self.init(head, version, allowsProtocol: false, method: .get, opensTunnel: false)
    }

    private init(
        _ head: MessageHead, _ version: HTTPVersion, allowsProtocol: Bool, allowsFragment: Bool = false, method: Method,
        opensTunnel: Bool
    ) {
        self.head = head
        head.version = version
        self.allowsProtocol = allowsProtocol
        self.allowsFragment = allowsFragment
        requestMethod = method
        self.opensTunnel = opensTunnel
    }

    /// Takes in one field line.
    public mutating func add(name: Span<UInt8>, value: Span<UInt8>) throws(MessageError) {
        guard !name.isEmpty else { throw .emptyName }
        guard value.isFieldValue else { throw .badValue }
        if name[0] == 0x3a {
            try addPseudo(name, value)
        } else {
            try addField(name, value)
        }
    }

    /// The section is complete; `endOfStream` tells that no body follows. Returns the head, its
    /// ``MessageHead/bodyLength`` set.
    public mutating func finish(endOfStream: Bool) throws(MessageError) -> MessageHead {
        switch head.kind {
        case .request: try finishRequest(endOfStream)
        case .response: try finishResponse(endOfStream)
        case .trailers: break
        }
        return head
    }

    // MARK: Pseudo-header fields

    private mutating func addPseudo(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(MessageError) {
        guard head.kind != .trailers else { throw .pseudoFieldInTrailers }
        guard let pseudo = pseudo(name) else { throw .unknownPseudoField }
        guard !fieldSeen else { throw .pseudoFieldAfterField }
        guard seen.isDisjoint(with: pseudo) else { throw .duplicatePseudoField }
        seen.insert(pseudo)
        switch pseudo {
        case .method:
            guard value.isToken else { throw .badMethod }
            try head.setMethod(value)
        case .scheme:
            guard value.isScheme else { throw .badScheme }
            try head.setScheme(value)
        case .authority:
            guard value.authorityParts != nil else { throw .badAuthority }
            try head.setAuthorityAndHost(value)
        case .path:
            guard value.isOriginTarget || value.equals("*") || allowsFragment && value.isFragmentTarget else {
                throw .badPath
            }
            try head.setPath(value)
        case .protocol:
            guard allowsProtocol else { throw .protocolNotEnabled }
            // There is no way from HTTP/2 to HTTP/2.
            guard value.isUpgradeProtocol, !value.equalsIgnoringCase("h2c") else { throw .badProtocol }
            try head.setUpgradeProtocol(value)
        default:
            head.status = try status(value)
        }
    }

    private func pseudo(_ name: Span<UInt8>) -> Pseudo? {
        if head.kind == .response { return name.equals(":status") ? .status : nil }
        return switch name.count {
        case 5: name.equals(":path") ? .path : nil
        case 7: name.equals(":method") ? .method : name.equals(":scheme") ? .scheme : nil
        case 9: name.equals(":protocol") ? .protocol : nil
        case 10: name.equals(":authority") ? .authority : nil
        default: nil
        }
    }

    private func status(_ text: Span<UInt8>) throws(MessageError) -> Int {
        guard text.count == 3, text[0].isDigit, text[1].isDigit, text[2].isDigit else { throw .badStatus }
        let status = Int(text[0] - 0x30) * 100 + Int(text[1] - 0x30) * 10 + Int(text[2] - 0x30)
        // RFC 9113 section 8.6, RFC 9114 section 4.5: 101 does not exist in these versions.
        guard (100...599).contains(status), status != 101 else { throw .badStatus }
        return status
    }

    // MARK: Fields

    private mutating func addField(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(MessageError) {
        fieldSeen = true
        guard CharacterSet.lowerToken.containsAll(name) else {
            throw CharacterSet.token.containsAll(name) ? .upperCaseName : .badName
        }
        let token = FieldName(name)
        switch token {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade:
            throw .connectionSpecificField
        case .te:
            // RFC 9113 section 8.2.2, RFC 9114 section 4.2.
            guard head.kind == .request, value.equalsIgnoringCase("trailers") else { throw .badTE }
        case .http2Settings:
            return
        case .host where head.kind == .request:
            return try addHost(value)
        case .contentLength where head.kind != .trailers:
            let isFirst = length.value == nil
            try length.add(value)
            // One field with one number is what goes on.
            if isFirst { try head.append(.contentLength, value.firstMember.withoutLeadingZeros) }
            return
        case .cookie: cookies += 1
        default: break
        }
        if head.kind == .trailers, token.isForbiddenInTrailers { return }
        try head.append(lowercased: name, token: token, value)
    }

    /// `host` beside `:authority` must say the same in HTTP/3 (RFC 9114 section 4.3.1). In HTTP/2 (RFC 9113 section
    /// 8.3.1) it means nothing there: the authority is what goes on, so that nobody can read the other one.
    private mutating func addHost(_ value: Span<UInt8>) throws(MessageError) {
        guard !hostSeen else { throw .duplicateHost }
        hostSeen = true
        if seen.contains(.authority) {
            guard head.version == .http2 || head.authority.equalsIgnoringCase(value) else { throw .hostMismatch }
            return
        }
        guard value.authorityParts != nil else { throw .badAuthority }
        try head.setAuthorityAndHost(value)
    }

    // MARK: The end of the section

    private mutating func finishRequest(_ endOfStream: Bool) throws(MessageError) {
        guard seen.contains(.method) else { throw .missingMethod }
        if head.method == .connect {
            try finishConnect()
        } else {
            guard !seen.contains(.protocol) else { throw .unexpectedProtocol }
            guard seen.contains(.scheme) else { throw .missingScheme }
            guard seen.contains(.path) else { throw .missingPath }
            // RFC 9114 section 4.3.1 asks for one; RFC 9113 section 8.3.1 does not.
            guard head.version == .http2 || !head.authority.isEmpty else { throw .missingAuthority }
            guard head.method == .options || head.path[0] == 0x2f else { throw .badTarget }
            try leaveOutUsualPort()
            try setBodyLength(endOfStream)
        }
        if cookies > 1 { try head.join(.cookie, separator: "; ") }
    }

    /// The scheme's own port says nothing (RFC 9110 section 4.2.3): one form of the authority goes on.
    private func leaveOutUsualPort() throws(MessageError) {
        guard seen.contains(.authority) else { return }
        let head = self.head
        let short = head.authority.withoutUsualPort(of: head.scheme)
        if short.count < head.authority.count { try head.setAuthorityAndHost(short) }
    }

    private mutating func finishConnect() throws(MessageError) {
        guard seen.contains(.authority) else { throw .missingAuthority }
        if seen.contains(.protocol) {
            // RFC 8441 section 4: the target is whole, as in a GET.
            guard seen.contains(.scheme) else { throw .missingScheme }
            guard seen.contains(.path) else { throw .missingPath }
            guard head.path[0] == 0x2f else { throw .badPath }
            try leaveOutUsualPort()
            head.isExtendedConnect = true
            head.method = .get
            try head.append(.connection, Span("upgrade"))
            try head.append(.upgrade, head.upgradeProtocol)
        } else {
            guard !seen.contains(.scheme) else { throw .unexpectedScheme }
            guard !seen.contains(.path) else { throw .unexpectedPath }
            guard head.authority.authorityParts?.port != nil else { throw .badConnectAuthority }
        }
        head.bodyLength = .tunnel
        // RFC 9110 section 9.3.6: a length means nothing here.
        head.removeAll(.contentLength)
    }

    private mutating func finishResponse(_ endOfStream: Bool) throws(MessageError) {
        guard seen.contains(.status) else { throw .missingStatus }
        switch head.status {
        case 100..<200:
            guard !endOfStream else { throw .interimWithEnd }
            head.bodyLength = .none
            head.removeAll(.contentLength)
        case 200..<300 where opensTunnel:
            head.bodyLength = .tunnel
            head.removeAll(.contentLength)
        case 204:
            head.bodyLength = .none
            head.removeAll(.contentLength)
        case 304:
            head.bodyLength = .none
        default:
            if requestMethod == .head {
                head.bodyLength = .none
            } else {
                try setBodyLength(endOfStream)
            }
        }
    }

    private func setBodyLength(_ endOfStream: Bool) throws(MessageError) {
        if endOfStream {
            guard (length.value ?? 0) == 0 else { throw .bodyShorterThanLength }
            head.bodyLength = .none
        } else if let bytes = length.value {
            head.bodyLength = .known(bytes)
        } else {
            head.bodyLength = .unknown
        }
    }
}
