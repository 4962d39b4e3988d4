/// What the peer said in its SETTINGS frame (RFC 9114 section 7.2.4). Until it comes, the defaults hold.
public struct PeerSettings: Sendable, Equatable {
    /// Largest field section that the peer takes, in bytes as RFC 9114 section 4.2.2 counts them.
    public var maxFieldSectionSize: UInt64 = .max
    /// Most bytes that we may put into the peer's dynamic table.
    public var qpackTableCapacity: UInt64 = 0
    /// Streams that may wait for our QPACK encoder stream at the peer.
    public var qpackBlockedStreams: UInt64 = 0
    /// The server takes extended CONNECT (RFC 9220).
    public var allowsExtendedConnect = false
    /// The peer takes HTTP datagrams (RFC 9297).
    public var allowsDatagrams = false

    public init() {}
}

/// Reads the peer's control stream (RFC 9114 section 6.2.1), piece by piece. Give the bytes to ``next(_:_:)`` until it
/// returns nil.
public struct ControlStreamReader {
    /// A frame that the connection acts on.
    public enum Event: Equatable {
        /// SETTINGS, the first frame.
        case settings(PeerSettings)
        /// GOAWAY with a stream ID (from a server) or push ID (from a client).
        case goaway(UInt64)
        /// PRIORITY_UPDATE for a request stream (RFC 9218 section 7.2).
        case priorityUpdate(stream: UInt64, priority: StreamPriority)
        /// A frame of a type that we do not know was skipped.
        case unknown
    }

    private enum State { case header, settings, identifier, priority, skip }

    /// The longest priority field value that is looked at; a longer one is skipped.
    private static var priorityLimit: Int { 64 }

    private let isServer: Bool
    private var state = State.header
    private var frames = FrameHeaderReader()
    private var varint = VarintReader()
    private var frame = FrameHeader(type: 0, length: 0)
    private var left: UInt64 = 0
    private var settings = PeerSettings()
    private var hasSettings = false
    private var identifier: UInt64?
    private var seen: UInt64 = 0
    private var lastGoaway = UInt64.max
    private var lastMaxPushID: UInt64 = 0
    private var element: UInt64 = 0
    private var priority = InlineArray<64, UInt8>(repeating: 0)
    private var priorityCount = 0

    /// - Parameter isServer: the stream comes from a client.
    public init(isServer: Bool) { self.isServer = isServer }

    /// Reads on at `position` and moves it; nil when the bytes are used up.
    public mutating func next(_ bytes: Span<UInt8>, _ position: inout Int) throws(HTTP3ConnectionError) -> Event? {
        while true {
            switch state {
            case .header:
                guard let header = frames.read(bytes, &position) else { return nil }
                if let event = try begin(header) { return event }
            case .settings:
                guard try readSetting(bytes, &position) else { return nil }
                if left == 0, identifier == nil {
                    state = .header
                    return .settings(settings)
                }
            case .identifier:
                guard let id = try payloadVarint(bytes, &position) else { return nil }
                if let event = try identifierRead(id) { return event }
            case .priority:
                while left > 0, position < bytes.count {
                    if priorityCount < Self.priorityLimit { priority[priorityCount] = bytes[position] }
                    priorityCount += 1
                    position += 1
                    left -= 1
                }
                guard left == 0 else { return nil }
                state = .header
                guard priorityCount <= Self.priorityLimit else { return .unknown }
                guard let value = StreamPriority(fieldValue: priority.span.extracting(0..<priorityCount)) else {
                    // RFC 9218 section 7.1: a value that can not be parsed.
                    throw HTTP3ConnectionError(.generalProtocolError, "PRIORITY_UPDATE can not be parsed")
                }
                return .priorityUpdate(stream: element, priority: value)
            case .skip:
                let skipped = min(left, UInt64(bytes.count - position))
                position += Int(skipped)
                left -= skipped
                guard left == 0 else { return nil }
                state = .header
                return .unknown
            }
        }
    }

    private mutating func begin(_ header: FrameHeader) throws(HTTP3ConnectionError) -> Event? {
        frame = header
        left = header.length
        if !hasSettings {
            // RFC 9114 section 6.2.1: SETTINGS comes first.
            guard header.type == FrameType.settings else {
                throw HTTP3ConnectionError(.missingSettings, "control stream does not begin with SETTINGS")
            }
            hasSettings = true
            state = .settings
            guard header.length > 0 else {
                state = .header
                return .settings(settings)
            }
            return nil
        }
        switch header.type {
        case FrameType.settings, FrameType.data, FrameType.headers, FrameType.pushPromise:
            throw HTTP3ConnectionError(.frameUnexpected, "frame is not allowed on the control stream")
        case FrameType.maxPushID where !isServer, FrameType.priorityUpdateRequest where !isServer,
            FrameType.priorityUpdatePush where !isServer:
            throw HTTP3ConnectionError(.frameUnexpected, "frame is for servers only")
        case FrameType.goaway, FrameType.maxPushID, FrameType.cancelPush, FrameType.priorityUpdateRequest,
            FrameType.priorityUpdatePush:
            guard header.length > 0 else { throw HTTP3ConnectionError(.frameError, "frame without its identifier") }
            state = .identifier
        case let type where FrameType.isForbidden(type):
            throw HTTP3ConnectionError(.frameUnexpected, "frame of HTTP/2")
        default:
            state = .skip
        }
        return nil
    }

    /// A varint in a frame's payload: it may not go past the payload's end.
    private mutating func payloadVarint(
        _ bytes: Span<UInt8>, _ position: inout Int
    ) throws(HTTP3ConnectionError) -> UInt64? {
        let start = position
        let end = position + Int(min(left, UInt64(bytes.count - position)))
        let value = varint.read(bytes.extracting(0..<end), &position)
        left -= UInt64(position - start)
        if value == nil, left == 0 { throw HTTP3ConnectionError(.frameError, "frame ends in the middle of a number") }
        return value
    }

    private mutating func identifierRead(_ id: UInt64) throws(HTTP3ConnectionError) -> Event? {
        switch frame.type {
        case FrameType.goaway:
            guard left == 0 else { throw HTTP3ConnectionError(.frameError, "GOAWAY is too long") }
            state = .header
            // RFC 9114 section 5.2: the identifier of a server's GOAWAY is that of a request stream; none may grow.
            guard isServer || id & 3 == 0 else {
                throw HTTP3ConnectionError(.idError, "GOAWAY names no request stream")
            }
            guard id <= lastGoaway else { throw HTTP3ConnectionError(.idError, "GOAWAY with a larger identifier") }
            lastGoaway = id
            return .goaway(id)
        case FrameType.maxPushID:
            guard left == 0 else { throw HTTP3ConnectionError(.frameError, "MAX_PUSH_ID is too long") }
            state = .header
            guard id >= lastMaxPushID else {
                throw HTTP3ConnectionError(.idError, "MAX_PUSH_ID with a smaller identifier")
            }
            lastMaxPushID = id
            return nil
        case FrameType.cancelPush, FrameType.priorityUpdatePush:
            // RFC 9114 section 7.2.3, RFC 9218 section 7.2: there is no push that it could name.
            throw HTTP3ConnectionError(.idError, "push identifier was never given")
        default:
            // RFC 9218 section 7.2.
            guard id & 3 == 0 else { throw HTTP3ConnectionError(.idError, "PRIORITY_UPDATE names no request stream") }
            element = id
            priorityCount = 0
            state = .priority
            return nil
        }
    }

    /// Reads the identifier or the value of a setting; false when the bytes are used up.
    private mutating func readSetting(
        _ bytes: Span<UInt8>, _ position: inout Int
    ) throws(HTTP3ConnectionError) -> Bool {
        guard let value = try payloadVarint(bytes, &position) else { return false }
        guard let id = identifier else {
            guard left > 0 else { throw HTTP3ConnectionError(.frameError, "setting without a value") }
            identifier = value
            return true
        }
        identifier = nil
        try apply(id, value)
        return true
    }

    private mutating func apply(_ id: UInt64, _ value: UInt64) throws(HTTP3ConnectionError) {
        guard !SettingID.isForbidden(id) else { throw HTTP3ConnectionError(.settingsError, "setting of HTTP/2") }
        if id < 64 {
            // RFC 9114 section 7.2.4: the same identifier may not come twice.
            guard seen & (1 << id) == 0 else { throw HTTP3ConnectionError(.settingsError, "setting came twice") }
            seen |= 1 << id
        }
        switch id {
        case SettingID.maxFieldSectionSize: settings.maxFieldSectionSize = value
        case SettingID.qpackMaxTableCapacity: settings.qpackTableCapacity = value
        case SettingID.qpackBlockedStreams: settings.qpackBlockedStreams = value
        case SettingID.enableConnectProtocol:
            guard value <= 1 else {
                throw HTTP3ConnectionError(.settingsError, "ENABLE_CONNECT_PROTOCOL is not 0 or 1")
            }
            settings.allowsExtendedConnect = value == 1
        case SettingID.datagram:
            guard value <= 1 else { throw HTTP3ConnectionError(.settingsError, "H3_DATAGRAM is not 0 or 1") }
            settings.allowsDatagrams = value == 1
        default: break
        }
    }
}
