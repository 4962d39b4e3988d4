public import Samples

/// The `tune.*` settings: limits of what the proxy holds for a peer.
public struct TuneSettings: Sendable, Equatable {
    /// Size of a buffer in bytes (`tune.bufsize`). With `maxrewrite` it bounds a message's head.
    public var bufsize: Int
    /// Room in a buffer that is kept for added header fields (`tune.maxrewrite`), at most half of `bufsize`.
    public var maxrewrite: Int
    /// Most header fields in a received message, the first line counted (`tune.http.maxhdr`).
    public var httpMaxHeaders: Int
    /// Longest request URI in log lines, bytes (`tune.http.logurilen`).
    public var httpLogURILength: Int
    /// Connections that a listener takes in a row (`tune.maxaccept`); nil: without limit.
    public var maxAccept: Int?
    /// Size of a kernel pipe, bytes (`tune.pipesize`); 0: the system's.
    public var pipeSize = 256 * 1024
    /// Events taken from one call of the poller (`tune.maxpollevents`).
    public var maxPollEvents: Int
    /// Checks that may run at once on the thread of checks (`tune.max-checks-per-thread`); 0: no limit.
    public var maxChecks = 0
    /// Kernel socket buffers.
    public var socketBuffers: SocketBufferSettings
    /// TLS sessions.
    public var tls: TLSTuneSettings
    /// HTTP/2 connections of clients.
    public var http2: HTTP2TuneSettings
    /// HTTP/2 connections to servers (`tune.h2.be.*`).
    public var serverHTTP2: HTTP2TuneSettings
    /// QUIC connections of clients.
    public var quic: QUICTuneSettings
    /// QUIC connections to servers (`tune.quic.be.*`).
    public var serverQUIC: QUICTuneSettings
    /// What variables may take (`tune.vars.*`).
    public var variables = VariableLimits()

    public init() {
        bufsize = 16384
        maxrewrite = 1024
        httpMaxHeaders = 101
        httpLogURILength = 1024
        maxAccept = 4
        maxPollEvents = 200
        socketBuffers = SocketBufferSettings()
        tls = TLSTuneSettings()
        http2 = HTTP2TuneSettings()
        serverHTTP2 = HTTP2TuneSettings()
        quic = QUICTuneSettings()
        serverQUIC = QUICTuneSettings()
    }

    /// Most bytes of a received message's head.
    public var maxHeadSize: Int { bufsize - maxrewrite }
}

/// Sizes of kernel socket buffers in bytes (`tune.rcvbuf.*`, `tune.sndbuf.*`); nil: as the system sizes them.
public struct SocketBufferSettings: Sendable, Equatable {
    /// Of accepted connections (`.client`).
    public var clientReceive: Int?
    public var clientSend: Int?
    /// Of connections to servers (`.server`).
    public var serverReceive: Int?
    public var serverSend: Int?
    /// Of sockets that serve many peers: QUIC listeners (`.frontend`).
    public var frontendReceive: Int?
    public var frontendSend: Int?
    /// Of QUIC connections to servers (`.backend`).
    public var backendReceive: Int?
    public var backendSend: Int?
    /// Bytes that wait in the kernel unsent, of clients' and of servers' connections (`tune.notsent-lowat.*`).
    public var clientUnsent: Int?
    public var serverUnsent: Int?

    public init() {}
}

/// `tune.ssl.*`.
public struct TLSTuneSettings: Sendable, Equatable {
    /// Seconds that a session can be resumed (`tune.ssl.lifetime`).
    public var sessionLifetime: Int
    /// Bytes of clients' hellos that are kept for fetches (`tune.ssl.capture-buffer-size`); 0: none are.
    public var helloCapacity: Int

    public init() {
        sessionLifetime = 300
        helloCapacity = 0
    }
}

/// `tune.h2.*` of client connections.
public struct HTTP2TuneSettings: Sendable, Equatable {
    /// `SETTINGS_HEADER_TABLE_SIZE`, at most 65536 (`tune.h2.header-table-size`).
    public var headerTableSize: Int
    /// `SETTINGS_INITIAL_WINDOW_SIZE` (`tune.h2.fe.initial-window-size`, `tune.h2.initial-window-size`).
    public var initialWindowSize: Int
    /// `SETTINGS_MAX_CONCURRENT_STREAMS` (`tune.h2.fe.max-concurrent-streams`, `tune.h2.max-concurrent-streams`);
    /// nil: not limited.
    public var maxConcurrentStreams: Int?
    /// `SETTINGS_MAX_FRAME_SIZE` (`tune.h2.max-frame-size`).
    public var maxFrameSize: Int
    /// Streams in a connection's life, then GOAWAY (`tune.h2.fe.max-total-streams`); nil: not limited.
    public var maxTotalStreams: Int?
    /// Protocol oddities after which a connection is closed (`tune.h2.fe.glitches-threshold`); nil: not limited.
    public var glitchesThreshold: Int?
    /// Receive buffer of a connection in bytes, shared by its streams (`tune.h2.fe.rxbuf`).
    public var receiveBuffer: Int

    public init() {
        headerTableSize = 4096
        initialWindowSize = 16384
        maxConcurrentStreams = 100
        maxFrameSize = 16384
        maxTotalStreams = nil
        glitchesThreshold = nil
        receiveBuffer = 1600 * 1024
    }
}

/// `tune.quic.fe.*`: QUIC connections of clients.
public struct QUICTuneSettings: Sendable, Equatable {
    /// Whether QUIC listeners take datagrams at all (`tune.quic.listen`).
    public var listens: Bool
    /// `max_idle_timeout` in milliseconds (`tune.quic.fe.max-idle-timeout`); 0: none.
    public var maxIdleTimeout: Int
    /// Requests at once, `initial_max_streams_bidi` (`tune.quic.fe.stream.max-concurrent`).
    public var maxConcurrentStreams: Int
    /// Requests in a connection's life, then GOAWAY (`tune.quic.fe.stream.max-total`); nil: not limited.
    public var maxTotalStreams: Int?
    /// Bytes in flight to us on a connection, `initial_max_data` (`tune.quic.fe.stream.rxbuf`).
    /// When the file has 0 or nothing: `maxConcurrentStreams` times `tune.bufsize`.
    public var receiveBuffer: Int
    /// Percent of `receiveBuffer` that one stream may take (`tune.quic.fe.stream.data-ratio`).
    public var streamDataRatio: Int
    /// Handshakes under way from which on new addresses get a Retry (`tune.quic.fe.sec.retry-threshold`).
    public var retryThreshold: Int
    /// Whether datagrams go out in segmented batches (`tune.quic.fe.tx.udp-gso`).
    public var usesGSO: Bool
    /// Whether datagrams are spread over the round-trip time (`tune.quic.fe.tx.pacing`).
    public var paces: Bool
    /// Protocol oddities after which a connection is closed (`tune.quic.fe.sec.glitches-threshold`); nil: not limited.
    public var glitchesThreshold: Int?
    /// Bytes of a peer's QPACK table that we fill, to clients and to servers (`tune.h3.header-table-size`, ours). It makes
    /// heads shorter; each costs more work, and an acknowledgement of the peer.
    public var headerTableSize: Int

    public init() {
        listens = true
        maxIdleTimeout = 30_000
        maxConcurrentStreams = 100
        maxTotalStreams = nil
        receiveBuffer = 100 * 16384
        streamDataRatio = 90
        headerTableSize = 0
        retryThreshold = 100
        usesGSO = true
        paces = true
        glitchesThreshold = nil
    }

    /// Most bytes in flight to us on one stream, rounded up to whole buffers of `bufsize` bytes.
    public func streamReceiveBuffer(bufsize: Int) -> Int {
        let share = receiveBuffer / 100 * streamDataRatio
        return max(bufsize, (share + bufsize - 1) / bufsize * bufsize)
    }
}
