public import Messages
public import Streams

/// What the configuration says about HTTP/1 connections to servers.
public struct HTTP1BackSettings: Sendable {
    /// Bytes that a response's head or trailer section may take: `tune.bufsize` less `tune.maxrewrite`.
    public var headLimit = 15_360
    /// False closes after each response (`option http-server-close`, `option httpclose`).
    public var keepsAlive = true
    /// Servers are not told that the connection ends with the response (`option http-pretend-keepalive`).
    public var pretendsKeepAlive = false
    /// How names of fields are written (`option h1-case-adjust-bogus-server`); nil: in lower case.
    public var fieldCases: FieldCases?
    /// Reads responses that break some rules (`option accept-unsafe-violations-in-http-response`).
    public var acceptsViolations = false
    /// Requests go out in the version that they have, with a host or without (health checks).
    public var keepsVersion = false

    public init() {}
}

/// HTTP/1 towards a server (RFC 9112): one exchange at a time, then another when both messages were whole. The mux is
/// the back end of its exchanges.
public final class HTTP1BackMux: ByteStreamMux, ServerMux, StreamEnd {
    /// How far the sending side is.
    enum Sending {
        /// The request's head is still to be written.
        case head
        case body
        /// A tunnel is asked for; what follows the head waits for the answer.
        case held
        case complete
    }

    /// How far the reading side is.
    enum Receiving { case head, body, complete }

    /// The connection, which lets the mux go when it closes.
    let host: any MuxHost
    let settings: HTTP1BackSettings
    var exchange: Exchange?
    var sending = Sending.head
    var receiving = Receiving.head
    public internal(set) var closeIntent = CloseIntent.open
    /// The last rule that the server broke.
    public internal(set) var lastError: MessageError?

    // The current request.
    var writer = BodyWriter(.none)
    var request = HeadParser.RequestFacts()
    var webSocketKey: WebSocketHandshake.Key?
    /// True once the two directions are a tunnel.
    var isTunnel = false
    // The current response.
    var scanner = HeadScanner()
    var reader = BodyReader(.none)
    var persists = true

    // The connection.
    private var seed: UInt64
    var served = 0
    var peerEnded = false
    var hasInput = false
    private var isDraining = false
    private var streamsChanged = false

    /// - Parameters:
    ///   - host: the connection; it owns the mux.
    ///   - seed: where the keys of WebSocket handshakes come from.
    public init(host: any MuxHost, settings: HTTP1BackSettings = HTTP1BackSettings(), seed: UInt64) {
        self.host = host
        self.settings = settings
        self.seed = seed
    }

    // MARK: Exchanges

    public var availableStreams: Int {
        exchange == nil && closeIntent == .open && !isDraining && !peerEnded ? 1 : 0
    }

    public func open(_ exchange: Exchange) -> Bool {
        guard availableStreams > 0, !exchange.isOver else { return false }
        self.exchange = exchange
        sending = .head
        receiving = .head
        scanner = HeadScanner()
        reader = BodyReader(.none)
        webSocketKey = nil
        isTunnel = false
        exchange.attach(back: self)
        exchange.attempt.connectionReused = served > 0
        exchange.trace.back = UInt64(served)
        return true
    }

    /// The next 64 random bits (SplitMix64).
    func random() -> UInt64 {
        seed &+= 0x9e37_79b9_7f4a_7c15
        var mixed = seed
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    // MARK: The connection's view

    public var announcesOutput: Bool { true }

    public var wantsInput: Bool {
        guard closeIntent < .close else { return false }
        guard let exchange else { return true }
        return switch receiving {
        case .head: true
        case .body: !reader.isComplete && exchange.response.room > 0
        case .complete: false
        }
    }

    public var activity: MuxActivity { exchange == nil ? .idle : .busy }

    public func drain() {
        isDraining = true
        if exchange == nil { close(.close) }
    }

    public func idleTimeout() {
        if exchange == nil { close(.close) }
    }

    public func transportFailed(_ failure: TransportFailure) {
        closeIntent = .abort
        guard let open = exchange else { return }
        exchange = nil
        let isUnsent = !open.attempt.requestStarted
        open.backAborted(failure.serverReason(isUnsent: isUnsent), isUnsent: isUnsent)
    }

    func close(_ intent: CloseIntent) {
        if closeIntent < intent { closeIntent = intent }
        streamsChanged = true
        host.muxNeedsFlush()
    }

    /// Tells the connection of a change that came up where nobody may be called.
    func tellOfChange() {
        guard streamsChanged else { return }
        streamsChanged = false
        host.muxStreamsChanged()
    }

    // MARK: The exchange's view

    public func outgoingReady() { host.muxNeedsFlush() }

    public func incomingDrained() { host.muxNeedsFlush() }

    public func reset(_ reason: CloseReason) {
        exchange = nil
        if sending == .head, closeIntent == .open {
            // The server never heard of the exchange: the connection is as good as before.
            streamsChanged = true
            host.muxNeedsFlush()
        } else {
            close(.abort)
        }
    }

    // MARK: The end of an exchange

    /// The response is here in full, or the tunnel is over: the connection serves the next exchange, or closes.
    func finish() {
        guard let open = exchange else { return }
        exchange = nil
        served += 1
        let isReusable =
            sending == .complete && persists && !isTunnel && !hasInput && !peerEnded && settings.keepsAlive
            && !isDraining
        streamsChanged = true
        if !isReusable { close(sending == .complete ? .close : .abort) }
        open.backFinished()
        tellOfChange()
    }

    /// The server broke the rules, or went away.
    func fail(_ reason: CloseReason, _ error: MessageError? = nil) {
        if let error { lastError = error }
        close(.abort)
        guard let open = exchange else { return }
        exchange = nil
        open.backAborted(reason, isUnsent: !open.attempt.requestStarted)
    }
}
