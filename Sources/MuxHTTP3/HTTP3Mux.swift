import Bytes
import Messages
public import QUICTransport
public import Streams

/// HTTP/3 on one QUIC connection (RFC 9114): towards clients (the front) when the connection is a server's, towards
/// servers (the back) when it is a client's. QUIC tells it what came and asks it what to send; it owns no socket and
/// reads no clock but the turn's.
///
/// This file is what connection and proxy see. `+Receiving` and `+Sending` are the two directions of request streams,
/// `+Front` and `+Back` what differs by side, `+Control` the unidirectional streams, `+Credit` flow control, `+Streams`
/// the table of streams, `+Closing` the ends.
@safe public final class HTTP3Mux: QUICApplication, ServerMux {
    /// The side of the proxy that the connection is on.
    public enum Side: Sendable { case front, back }

    public let side: Side
    public let settings: HTTP3Settings
    /// What happened so far.
    public internal(set) var statistics = HTTP3Statistics()
    /// What the peer said about itself.
    public internal(set) var peerSettings = PeerSettings()

    /// Kept: the mux may be the last that goes, and exchanges that it ends then give back credit.
    let connection: QUICConnection
    unowned(unsafe) let host: any MuxHost
    let resources: HTTP3Resources

    // Streams (+Streams)
    var table = StreamTable()
    /// Exchanges that are open now.
    public var openStreamCount: Int { table.count }
    /// Exchanges that our settings allow at once.
    public var streamLimit: Int { settings.concurrentStreams }
    var ready = ReadyStreams()
    unowned(unsafe) var firstMarked: HTTP3Stream?
    unowned(unsafe) var lastMarked: HTTP3Stream?
    /// Streams whose exchanges are to be told something once packets are built; and those that are being told.
    var unsettled: [HTTP3Stream] = []
    var settling: [HTTP3Stream] = []
    /// The host was asked for a flush.
    var isFlushAsked = false
    /// Streams that carry an exchange.
    var openExchanges = 0
    /// Front: streams whose request head is not complete.
    var openHeads = 0
    /// Requests that the client has opened in the connection's life.
    var totalStreams = 0
    /// The ID behind the last request stream that the client opened.
    var nextRequestID: QUICStreamID = 0
    /// Priorities for streams that have not come yet (RFC 9218 section 7).
    var earlyPriorities: [(id: QUICStreamID, priority: StreamPriority)] = []
    /// The host is to be told that ``availableStreams`` changed.
    var streamsChanged = false

    // QPACK (+Control)
    var encoder: QPACKEncoder
    var decoder: QPACKDecoder
    /// What waits for our decoder stream.
    var decoderInstructions = DecoderInstructions()
    /// Streams whose field section waits for the peer's encoder stream.
    var blockedStreams: [HTTP3Stream] = []
    /// Streams among those, or lately so, that QUIC has forgotten: no more than may be blocked.
    var goneStreams: [HTTP3Stream] = []

    // Unidirectional streams (+Control)
    var control = OutgoingControl()
    var encoderStream = OutgoingControl()
    var decoderStream = OutgoingControl()
    var peerControl = IncomingControl()
    var peerEncoder = IncomingControl()
    var peerDecoder = IncomingControl()
    var controlReader: ControlStreamReader
    /// Streams of the peer whose type has not come whole.
    var untyped: [UntypedStream] = []
    var hasPeerSettings = false

    // Credit (+Credit)
    /// Bytes whose credit the connection's window is still to get back.
    var owedCredit: UInt64 = 0

    // Closing (+Closing)
    var floodGuard: FloodGuard
    /// The connection carries nothing any more.
    var isDead = false
    /// We have closed the connection.
    var isClosing = false
    var drainStage = DrainStage.none
    /// Bytes of the control stream up to the end of the last GOAWAY.
    var goawayEnd: UInt64 = 0
    /// Front: requests from this ID on are refused. Back: the server refuses requests from this ID on.
    var goawayID = QUICStreamID.max
    /// 1-RTT packets can be sent.
    var isReady = false
    /// The handshake is complete: what was sent before it may have been thrown away.
    var isConfirmed = false
    var hasReceived = false

    /// Puts HTTP/3 on a connection; set it as the connection's application.
    ///
    /// - Parameters:
    ///   - connection: kept; it knows the mux as its application, and does not keep it.
    ///   - host: the connection's owner, which outlives the mux.
    public init(
        settings: HTTP3Settings, connection: QUICConnection, host: any MuxHost, resources: HTTP3Resources
    ) throws(HTTP3ConnectionError) {
        side = connection.role == .server ? .front : .back
        self.settings = settings
        self.connection = connection
        unsafe self.host = host
        self.resources = resources
        unsafe firstMarked = nil
        unsafe lastMarked = nil
        controlReader = ControlStreamReader(isServer: connection.role == .server)
        let limits = settings.limits
        floodGuard = FloodGuard(
            resets: limits.resets, controlFrames: limits.controlFrames, emptyDataFrames: limits.emptyDataFrames,
            glitches: limits.glitches)
        encoder = try QPACKEncoder(capacity: max(0, settings.qpackEncoderCapacity), memory: resources.memory)
        decoder = try QPACKDecoder(
            capacity: max(0, settings.qpackTableCapacity), blockedStreams: max(0, settings.qpackBlockedStreams),
            streams: settings.concurrentStreams, memory: resources.memory)
        writePrefaces()
    }

    deinit {
        // A connection says that it is over before it lets go; the exchanges must not keep these ends.
        if !isDead {
            isDead = true
            abortExchanges(.internalError)
        }
    }

    // MARK: What the owner of the connection says

    /// What the connection is doing, for its idle timers.
    public var activity: MuxActivity {
        if openExchanges > 0 { return .busy }
        if openHeads > 0 { return .receivingHead }
        return hasReceived ? .idle : .fresh
    }

    /// Graceful end: no new exchanges, open ones finish, then the connection is closed with H3_NO_ERROR (RFC 9114
    /// section 5.2).
    public func drain() {
        guard !isDead, !isClosing, drainStage == .none else { return }
        startDrain()
    }

    /// The connection's idle timer ran out in ``activity``.
    public func idleTimeout() {
        guard !isDead, !isClosing else { return }
        rejectLateHeads()
        drain()
    }

    /// The connection can not go on for a reason that QUIC does not see (the socket failed, the proxy stops): open
    /// exchanges are aborted, and the peer is told when it can be.
    public func transportFailed(_ failure: TransportFailure) {
        guard !isDead else { return }
        isClosing = true
        abortExchanges(side == .front ? failure.clientReason : failure.serverReason(isUnsent: false))
        connection.close(applicationError: HTTP3ErrorCode.noError.rawValue)
        askForFlush()
    }

    /// True once the connection is being closed or is gone: it takes no more exchanges.
    public var isEnding: Bool { isDead || isClosing || drainStage != .none }

    // MARK: What the proxy says to a back connection

    public var availableStreams: Int {
        guard side == .back, isReady, !isEnding, goawayID == .max else { return 0 }
        let allowed = Int(clamping: connection.bidirectionalStreamsLeft)
        return max(0, min(allowed, settings.concurrentStreams - table.count))
    }

    public func open(_ exchange: Exchange) -> Bool {
        guard availableStreams > 0 else { return false }
        return openRequest(exchange)
    }
}
