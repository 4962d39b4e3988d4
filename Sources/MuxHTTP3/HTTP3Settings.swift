package import Streams

/// Limits and choices of one end of an HTTP/3 connection. Sizes are bytes. Names in brackets are the keywords that set
/// them for clients' connections.
package struct HTTP3Settings: Sendable {
    /// Request streams that may be open at a time (`tune.quic.fe.stream.max-concurrent`). QUIC refuses more at the
    /// front; the client role opens no more.
    package var maxConcurrentStreams = 100
    /// Requests in a connection's life, then GOAWAY (`tune.quic.fe.stream.max-total`); nil: not limited.
    package var maxTotalStreams: Int?
    /// Largest field section that we take, SETTINGS_MAX_FIELD_SECTION_SIZE (`tune.bufsize` less `tune.maxrewrite`), as
    /// RFC 9114 section 4.2.2 counts it: 32 more for each field. 1,024 to 65,536.
    package var maxFieldSectionSize = 32_768
    /// Most bytes in the dynamic table that the peer fills, SETTINGS_QPACK_MAX_TABLE_CAPACITY (RFC 9204 section 5).
    package var qpackTableCapacity = 4_096
    /// Streams that may wait for the peer's QPACK encoder stream, SETTINGS_QPACK_BLOCKED_STREAMS.
    package var qpackBlockedStreams = 100
    /// Most bytes in the dynamic table that we fill, whatever the peer allows; 0 sends static references only.
    package var qpackEncoderCapacity = 4_096
    /// Field sections that we sent and the peer has not acknowledged on its QPACK decoder stream; we hold state for
    /// each. More: H3_EXCESSIVE_LOAD.
    package var maxUnacknowledgedSections = 1_000
    /// Front role: announce extended CONNECT (RFC 9220).
    package var allowsExtendedConnect = true
    /// Bytes of a message that one stream may hold between its half and the peer's acknowledgement. At it the stream
    /// takes no more from the half, and the other side's peer is slowed down.
    package var streamSendBuffer = 256 * 1024
    /// Bytes that a peer may send on one stream before credit is returned; the same number as in the QUIC settings
    /// (`tune.quic.fe.stream.rxbuf`, `tune.quic.fe.stream.data-ratio`).
    package var streamReceiveWindow = 256 * 1024
    /// Limits against floods.
    package var limits = HTTP3Limits()

    package init() {}

    var fieldSectionLimit: Int { min(max(1_024, maxFieldSectionSize), 65_536) }
    var concurrentStreams: Int { max(1, maxConcurrentStreams) }
    /// Credit for a stream is returned in steps of at least so many bytes.
    var creditStep: UInt64 { UInt64(max(1, min(16_384, streamReceiveWindow / 8))) }
}

/// What a peer may do that costs us more than it costs the peer. Who passes a limit gets H3_EXCESSIVE_LOAD (RFC 9114
/// section 10.5), and the connection is closed.
package struct HTTP3Limits: Sendable {
    /// Requests that the client resets, or makes us reset by breaking the protocol, before they are answered.
    package var resets = PermitRate(burst: 500, perSecond: 50)
    /// DATA frames without a byte.
    package var emptyDataFrames = PermitRate(burst: 200, perSecond: 50)
    /// Frames of unknown types, MAX_PUSH_ID and PRIORITY_UPDATE.
    package var controlFrames = PermitRate(burst: 1_000, perSecond: 200)
    /// How many times ``HTTP3Settings/maxFieldSectionSize`` a head may have before its stream is reset instead of
    /// answered with 431.
    package var headOverrun = 4
    /// Protocol oddities in the connection's life, counted as glitches (`tune.quic.fe.sec.glitches-threshold`); nil:
    /// not limited.
    package var glitches: Int?

    package init() {}
}
