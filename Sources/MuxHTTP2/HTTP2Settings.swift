public import Streams

/// What one HTTP/2 connection announces and what it allows its peer. Values out of the protocol's range are brought
/// into it (RFC 9113 section 6.5.2).
public struct HTTP2Settings: Sendable, Equatable {
    /// Front: requests at once (`tune.h2.fe.max-concurrent-streams`). Back: requests that we have open at once, when
    /// the server does not allow fewer (`tune.h2.be.max-concurrent-streams`).
    public var maxConcurrentStreams = 100
    /// Bytes that a new stream may send before we gave more (`tune.h2.fe.initial-window-size`, `.be.`).
    public var initialWindowSize = 65_535
    /// Largest frame payload that the peer may send (`tune.h2.max-frame-size`), 16,384 ... 16,777,215.
    public var maxFrameSize = 16_384
    /// Bytes of the HPACK table that the peer may use (`tune.h2.header-table-size`).
    public var headerTableSize = 4096
    /// Bytes of names and values in one head that we take, announced as `SETTINGS_MAX_HEADER_LIST_SIZE`: the buffer
    /// size less the rewrite reserve.
    public var maxHeaderListSize = 16_384
    /// Bytes that the streams of the connection share on top of their initial windows (`tune.h2.fe.rxbuf`, `.be.`): the
    /// windows of streams whose receiver keeps up grow into it.
    public var receiveBuffer = 1_600 * 1024
    /// Requests in the connection's life, then GOAWAY (`tune.h2.fe.max-total-streams`); nil: not limited.
    public var maxTotalStreams: Int?
    /// Requests may have a fragment in their path (`option accept-unsafe-violations-in-http-request`).
    public var acceptsViolations = false
    /// The connection runs over TLS: `:scheme` of requests that do not tell one.
    public var isSecure = true
    /// The connection is reversed: who takes the requests has opened it. Front: we have, and the preface has gone
    /// before the session. Back: the peer has, and its preface has been read.
    public var isReversed = false
    /// Clients are not told that WebSockets may go over this connection (RFC 8441; `h2-workaround-bogus-websocket-clients`).
    public var hidesExtendedConnect = false
    /// Limits against floods.
    public var limits = HTTP2Limits()

    public init() {}

    var windowSize: Int { min(max(1, initialWindowSize), Self.maxWindow) }
    var frameSize: Int { min(max(16_384, maxFrameSize), 16_777_215) }
    var tableSize: Int { min(max(0, headerTableSize), 65_536) }
    var concurrentStreams: Int { min(max(1, maxConcurrentStreams), Int(Int32.max)) }
    var connectionWindow: Int { min(max(65_535, receiveBuffer), Self.maxWindow) }

    /// RFC 9113 section 6.9.1.
    static var maxWindow: Int { Int(Int32.max) }
}

/// What a peer may do that costs us more than it costs the peer. Who passes a limit gets GOAWAY with ENHANCE_YOUR_CALM
/// (RFC 9113 section 10.5), and the connection is closed.
public struct HTTP2Limits: Sendable, Equatable {
    /// Requests that the client resets, or makes us reset by breaking the protocol, before they are answered (rapid
    /// reset, CVE-2023-44487, and its variant CVE-2025-8671).
    public var resets = PermitRate(burst: 500, perSecond: 50)
    /// SETTINGS, PING, PRIORITY and GOAWAY frames (CVE-2019-9512, CVE-2019-9515).
    public var controlFrames = PermitRate(burst: 1000, perSecond: 200)
    /// DATA frames without a byte and without END_STREAM (CVE-2019-9518).
    public var emptyDataFrames = PermitRate(burst: 200, perSecond: 50)
    /// CONTINUATION frames after one HEADERS frame (CVE-2024-28182).
    public var continuationFrames = 8
    /// Entries in one SETTINGS frame (CVE-2020-11080).
    public var settingsEntries = 32
    /// Answers to PING and SETTINGS that may wait for a peer that does not read them (CVE-2019-9512, CVE-2019-9515).
    public var waitingAcknowledgements = 1000
    /// Frames other than DATA that may wait for a peer that does not read before we stop reading from it.
    public var waitingControlFrames = 500
    /// How many times ``HTTP2Settings/maxHeaderListSize`` a head may have before its stream is reset instead of answered
    /// with 431.
    public var headOverrun = 4
    /// Protocol oddities in the connection's life, counted as glitches (`tune.h2.fe.glitches-threshold`, `.be.`); nil:
    /// not limited.
    public var glitches: Int?

    public init() {}
}
