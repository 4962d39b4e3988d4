public import Bytes
import CNghttp2
import Messages
public import Streams

/// Why an HTTP/2 session could not be made.
public enum HTTP2SessionError: Error, Equatable, Sendable {
    /// libnghttp2 gave the code, in words: ``text``.
    case library(code: Int32)

    /// The library's words for the error.
    public var text: String {
        switch self {
        case .library(let code): unsafe String(cString: nghttp2_strerror(code))
        }
    }
}

/// HTTP/2 on one connection (RFC 9113), over libnghttp2: a server session towards clients (the front), a client session
/// towards servers (the back). It is a machine between input and output bytes; the connection drives it.
///
/// This file is what the connection sees. `+Receiving` and `+Sending` are the session's two directions, `+Front` and
/// `+Back` what differs by side, `+Windows` the flow control, `+Streams` the table of streams, `+Closing` the ends.
@safe public final class HTTP2Mux: ByteStreamMux, ServerMux {
    /// The side of the proxy that the connection is on.
    public enum Side: Sendable { case front, back }

    public let side: Side
    public let settings: HTTP2Settings
    /// What happened so far.
    public internal(set) var statistics = HTTP2Statistics()

    unowned(unsafe) var host: any MuxHost
    var resources: WorkerResources
    /// nghttp2's session. Asking for it ends the mux's rest.
    var session: OpaquePointer {
        if isResting { wake() }
        return unsafe library
    }
    private let library: OpaquePointer
    /// What the session stands in; nil: with everything else.
    private let arena: ConnectionArena?
    private var isResting = false
    /// ``rest()`` was vain, and nothing has come since.
    private var restsInVain = false

    // Streams (+Streams)
    var slots: [HTTP2Stream] = []
    var freeSlots: [Int] = []
    unowned(unsafe) var firstReady: HTTP2Stream?
    unowned(unsafe) var lastReady: HTTP2Stream?
    /// Streams that carry an exchange.
    var openExchanges = 0
    /// Streams that carry an exchange now.
    public var openStreams: Int { openExchanges }
    /// Exchanges that are open now.
    public var openStreamCount: Int { openExchanges }
    /// Protocol oddities on the connection so far.
    public var glitches: Int { floodGuard.glitches }
    /// Exchanges that our settings allow at once.
    public var streamLimit: Int { settings.concurrentStreams }
    /// Requests that clients have opened in the connection's life.
    var totalStreams = 0

    // Receiving (+Receiving)
    /// The input of the ``receive(_:)`` that is under way.
    var input: UnsafeMutablePointer<InputBuffer>?
    /// The field section that is under way; nil between sections.
    var assembler: HeadAssembler?
    /// What is wrong with it.
    var assemblyError: MessageError?
    /// Bytes of names and values in it.
    var assembledBytes = 0
    /// Body bytes taken from the connection's window in this ``receive(_:)``.
    var connectionCredit = 0
    var hasReceived = false
    var hasPeerSettings = false

    // Sending (+Sending)
    /// The output of the ``produce(into:limit:)`` that is under way.
    var output: UnsafeMutablePointer<OutputQueue>?
    var outputLimit = 0
    /// nghttp2 stopped because the output is full, not for want of frames.
    var sendingPaused = false
    /// Field sections that nghttp2 has and has not serialised: their texts must stay where they are.
    var waitingHeads = 0
    var lines: UnsafeMutablePointer<nghttp2_nv>
    var lineCapacity = 0

    // Windows (+Windows)
    /// Bytes that streams' windows have grown by.
    var grownBytes = 0

    // Closing (+Closing)
    var floodGuard: FloodGuard
    /// The transport is gone.
    var isDead = false
    /// The session met an error that it can not go on after.
    var isFailed = false
    var isDraining = false
    /// The last GOAWAY is submitted.
    var hasFinalGoAway = false
    var hasPeerGoAway = false
    /// A PING of ours waits for its answer.
    var hasUnansweredPing = false
    /// Why open exchanges end when the session does.
    var endReason: CloseReason
    /// The host is to be told that ``availableStreams`` changed.
    var streamsChanged = false

    /// Makes a session; its first bytes (SETTINGS) come with the next ``produce(into:limit:)``.
    ///
    /// - Parameter host: the connection, which outlives the mux.
    public init(side: Side, settings: HTTP2Settings, host: any MuxHost) throws(HTTP2SessionError) {
        self.side = side
        self.settings = settings
        unsafe self.host = host
        resources = host.resources
        unsafe firstReady = nil
        unsafe lastReady = nil
        unsafe input = nil
        unsafe output = nil
        unsafe lines = .allocate(capacity: lineCapacity)
        // One whose peer has opened it may move to another worker.
        arena = side == .front && !settings.isReversed ? host.resources.sessionArenas.obtain() : nil
        let limits = settings.limits
        floodGuard = FloodGuard(
            resets: limits.resets, controlFrames: limits.controlFrames, emptyDataFrames: limits.emptyDataFrames,
            glitches: limits.glitches)
        endReason = side == .front ? .clientProtocolError : .serverProtocolError
        do {
            unsafe library = try Self.makeSession(side, settings, arena)
        } catch {
            unsafe lines.deallocate()
            throw error
        }
        unsafe nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
        submitSettings()
        if settings.isReversed, side == .back { dropPreface() }
        host.muxNeedsFlush()
    }

    deinit {
        // A connection says that the transport is gone before it lets go; the exchanges must not keep these ends.
        if !isDead {
            isDead = true
            abortExchanges(.internalError)
        }
        unsafe nghttp2_session_del(session)
        unsafe lines.deallocate()
    }

    // MARK: What the connection says

    public func receive(_ input: inout InputBuffer) {
        guard !isDead, !input.isEmpty else { return }
        hasReceived = true
        restsInVain = false
        if isFailed {
            input.consume(input.count)
            return
        }
        feed(&input)
        settle()
    }

    public func receiveEnd(_ input: inout InputBuffer) {
        guard !isDead else { return }
        receive(&input)
        // RFC 9113 section 9.1 ends a connection with GOAWAY. Without its sending direction the peer can neither open
        // windows nor acknowledge: nothing that is open can be relied on to finish.
        isFailed = true
        endReason = side == .front ? .clientAborted : .serverAborted
        settle()
        unsafe host.muxNeedsFlush()
    }

    public func transportFailed(_ failure: TransportFailure) {
        guard !isDead else { return }
        isDead = true
        abortExchanges(CloseReason(failure, onFront: side == .front))
    }

    public func produce(into output: inout OutputQueue, limit: Int) {
        guard !isDead, !isFailed else { return }
        send(into: &output, limit: limit)
        settle()
    }

    /// False while a peer that does not read makes answers pile up.
    public var wantsInput: Bool {
        guard !isDead else { return false }
        return unsafe isFailed
            || nghttp2_session_get_outbound_queue_size(session) < settings.limits.waitingControlFrames
    }

    public var closeIntent: CloseIntent { isDead || isFailed || isFinished ? .close : .open }

    public var activity: MuxActivity {
        if openExchanges > 0 { return .busy }
        if assembler != nil { return .receivingHead }
        return hasReceived ? .idle : .fresh
    }

    public func drain() {
        guard !isDead, !isFailed, !isDraining else { return }
        startDrain()
    }

    public func idleTimeout() {
        guard !isDead, !isFailed else { return }
        terminate(.noError, side == .front ? .clientTimeout : .serverTimeout)
    }

    public func rest() -> Bool {
        guard !isResting, !restsInVain, !isDead, !isFailed, waitingHeads == 0, let arena else { return false }
        unsafe lines.deallocate()
        lineCapacity = 0
        unsafe lines = .allocate(capacity: lineCapacity)
        isResting = arena.pack()
        restsInVain = !isResting
        return true
    }

    /// Bytes that the session takes while the mux rests; 0 otherwise.
    public var restingSize: Int { arena?.packedSize ?? 0 }

    private func wake() {
        isResting = false
        arena?.unpack()
    }

    // MARK: What the proxy says to a back connection

    public var availableStreams: Int {
        guard side == .back, canOpen else { return 0 }
        return max(0, min(peerConcurrentStreams, settings.concurrentStreams) - liveStreams)
    }

    public func open(_ exchange: Exchange) -> Bool {
        guard availableStreams > 0 else { return false }
        return openRequest(exchange)
    }
}
