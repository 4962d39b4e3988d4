public import Streams

/// Limits and choices of one end of an HTTP/3 connection. Sizes are bytes. Names in brackets are the keywords that set
/// them for clients' connections.
public struct HTTP3Settings: Sendable {
    /// Request streams that may be open at a time (`tune.quic.fe.stream.max-concurrent`). QUIC refuses more at the
    /// front; the client role opens no more.
    public var maxConcurrentStreams = 100
    /// Requests in a connection's life, then GOAWAY (`tune.quic.fe.stream.max-total`); nil: not limited.
    public var maxTotalStreams: Int?
    /// Largest field section that we take, SETTINGS_MAX_FIELD_SECTION_SIZE (`tune.bufsize` less `tune.maxrewrite`), as
    /// RFC 9114 section 4.2.2 counts it: 32 more for each field. 1,024 to 65,536.
    public var maxFieldSectionSize = 32_768
    /// Most bytes in the dynamic table that the peer fills, SETTINGS_QPACK_MAX_TABLE_CAPACITY (RFC 9204 section 5).
    public var qpackTableCapacity = 4_096
    /// Streams that may wait for the peer's QPACK encoder stream, SETTINGS_QPACK_BLOCKED_STREAMS.
    public var qpackBlockedStreams = 100
    /// Most bytes in the dynamic table that we fill, whatever the peer allows; 0 sends static references only.
    public var qpackEncoderCapacity = 4_096
    /// Field sections that we sent and the peer has not acknowledged on its QPACK decoder stream; we hold state for
    /// each. More: H3_EXCESSIVE_LOAD.
    public var maxUnacknowledgedSections = 1_000
    /// Front role: announce extended CONNECT (RFC 9220).
    public var allowsExtendedConnect = true
    /// Bytes of a message that one stream may hold between its half and the peer's acknowledgement. At it the stream
    /// takes no more from the half, and the other side's peer is slowed down.
    public var streamSendBuffer = 256 * 1024
    /// Bytes that a peer may send on one stream before credit is returned; the same number as in the QUIC settings
    /// (`tune.quic.fe.stream.rxbuf`, `tune.quic.fe.stream.data-ratio`).
    public var streamReceiveWindow = 256 * 1024
    /// Limits against floods.
    public var limits = HTTP3Limits()

    public init() {}

    var fieldSectionLimit: Int { min(max(1_024, maxFieldSectionSize), 65_536) }
    var concurrentStreams: Int { max(1, maxConcurrentStreams) }
    /// Credit for a stream is returned in steps of at least so many bytes.
    var creditStep: UInt64 { UInt64(max(1, min(16_384, streamReceiveWindow / 8))) }
}

/// What a peer may do that costs us more than it costs the peer. Who passes a limit gets H3_EXCESSIVE_LOAD (RFC 9114
/// section 10.5), and the connection is closed.
public struct HTTP3Limits: Sendable {
    /// Requests that the client resets, or makes us reset by breaking the protocol, before they are answered.
    public var resets = PermitRate(burst: 500, perSecond: 50)
    /// DATA frames without a byte.
    public var emptyDataFrames = PermitRate(burst: 200, perSecond: 50)
    /// Frames of unknown types, MAX_PUSH_ID and PRIORITY_UPDATE.
    public var controlFrames = PermitRate(burst: 1_000, perSecond: 200)
    /// How many times ``HTTP3Settings/maxFieldSectionSize`` a head may have before its stream is reset instead of
    /// answered with 431.
    public var headOverrun = 4
    /// Protocol oddities in the connection's life, counted as glitches (`tune.quic.fe.sec.glitches-threshold`); nil:
    /// not limited.
    public var glitches: Int?

    public init() {}
}
