public import Messages
public import Streams

/// What the configuration says about clients' HTTP/1 connections.
public struct HTTP1FrontSettings: Sendable {
    /// Bytes that a request's head or trailer section may take: `tune.bufsize` less `tune.maxrewrite`.
    public var headLimit = 15_360
    /// False closes after each response (`option httpclose`).
    public var keepsAlive = true
    /// An idle connection outlives the start of a stop, and ends with its next response
    /// (`option idle-close-on-response`).
    public var keepsIdleConnections = false
    /// How names of fields are written (`option h1-case-adjust-bogus-client`); nil: in lower case.
    public var fieldCases: FieldCases?
    /// A client that ends its sending direction while it waits for the response is gone (`option abortonclose`).
    public var abortsOnClose = false
    /// A connection that never sent a byte gets no 408 (`option http-ignore-probes`).
    public var ignoresProbes = false
    /// Requests that break some rules pass (`option accept-unsafe-violations-in-http-request`).
    public var acceptsViolations = false
    /// Bytes of a request's body that are read and dropped after an early response, to keep the connection.
    public var leftoverLimit = 65_536

    public init() {}
}

/// HTTP/1 towards a client (RFC 9112): requests in, responses out, one at a time. A pipelined request stays in the
/// input until the response before it is sent. The mux is the front end of its exchanges.
public final class HTTP1FrontMux: ByteStreamMux, StreamEnd {
    /// How far the reading side is.
    enum Intake {
        /// Nothing has come on this connection.
        case fresh
        /// Between two messages.
        case idle
        /// Part of a head is here; the exchange is open.
        case head
        case body
        /// A tunnel is asked for; what follows the head waits for the answer.
        case held
        case tunnel
        /// The request is here in full; the next one waits.
        case complete
        /// What comes is not looked at any more: the request was refused, or the connection ends.
        case closed
        /// The response is out, the rest of the request's body is dropped.
        case leftover
    }

    /// How far the sending side is.
    enum Answer {
        case head
        case body
        /// A tunnel whose sending direction is over.
        case ended
    }

    /// The connection, which lets the mux go when it closes.
    let host: any MuxHost
    let settings: HTTP1FrontSettings
    var exchange: Exchange?
    var intake = Intake.fresh
    var answer = Answer.head
    public internal(set) var closeIntent = CloseIntent.open
    /// The last rule that the client broke.
    public internal(set) var lastError: MessageError?

    // The current request.
    var scanner = HeadScanner()
    var reader = BodyReader(.none)
    var leftoverBytes = 0
    var emptyLines = 0
    var facts = RequestMemo()
    // The current response.
    var writer = BodyWriter(.none)
    /// Whether the connection may serve another request after this response.
    var persists = true

    // The connection.
    var peerEnded = false
    var hasInput = false
    var isDraining = false

    /// What the response depends on.
    struct RequestMemo {
        var version = HTTPVersion.http11
        var isHead = false
        var isConnect = false
        var persists = true
        var expectsContinue = false
    }

    /// - Parameter host: the connection; it owns the mux.
    public init(host: any MuxHost, settings: HTTP1FrontSettings = HTTP1FrontSettings()) {
        self.host = host
        self.settings = settings
    }

    /// Whether a client that ends its side while it waits for the response is gone.
    var abortsOnClose: Bool { exchange?.abortsOnClose ?? settings.abortsOnClose }

    // MARK: The connection's view

    public var announcesOutput: Bool { true }

    public var wantsInput: Bool {
        guard closeIntent == .open || intake == .tunnel else { return false }
        switch intake {
        case .fresh, .idle, .head, .leftover: return true
        case .body, .tunnel: return !reader.isComplete && (exchange?.request.room ?? 0) > 0
        case .complete: return abortsOnClose && !peerEnded
        case .held, .closed: return false
        }
    }

    public var activity: MuxActivity {
        switch intake {
        case .fresh: .fresh
        case .head: .receivingHead
        case .idle, .leftover: .idle
        case .closed: exchange == nil ? .idle : .busy
        case .body, .held, .tunnel, .complete: .busy
        }
    }

    public func drain() {
        isDraining = true
        if intake == .idle && !settings.keepsIdleConnections || intake == .leftover { close() }
    }

    public func idleTimeout() {
        switch intake {
        case .fresh:
            guard !settings.ignoresProbes else { return close() }
            exchange = host.openExchange(for: self)
            timeOut()
        case .head: timeOut()
        default: close()
        }
    }

    /// Answers 408 to a request that did not come in time.
    private func timeOut() {
        // The proxy's own time may have come in the same turn: its answer is on the way.
        if let exchange, exchange.response.phase != .idle { return }
        intake = .closed
        guard let exchange else { return close() }
        exchange.rejectRequest(status: 408, reason: .clientTimeout)
        host.muxNeedsFlush()
    }

    public func transportFailed(_ failure: TransportFailure) {
        intake = .closed
        closeIntent = .abort
        guard let open = exchange else { return }
        exchange = nil
        open.frontAborted(failure.clientReason)
    }

    func close(_ intent: CloseIntent = .close) {
        intake = .closed
        if closeIntent < intent { closeIntent = intent }
        host.muxNeedsFlush()
    }

    // MARK: The exchange's view

    public func outgoingReady() { host.muxNeedsFlush() }

    public func incomingDrained() { host.muxNeedsFlush() }

    public func reset(_ reason: CloseReason) {
        exchange = nil
        close(breakIntent(reason))
    }

    /// How to close so that the client sees a broken message. A body with a length or chunks shows it by itself, as
    /// nothing follows; one that ends with the connection needs a TCP reset.
    func breakIntent(_ reason: CloseReason) -> CloseIntent {
        if reason.isClientSide || reason == .killed { return .abort }
        guard answer != .head else { return .close }
        return writer.framing == .untilClose || writer.framing == .tunnel ? .abort : .close
    }
}
