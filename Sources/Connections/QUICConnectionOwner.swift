public import QUICTransport
public import Runtime
public import Streams
public import TLSTransport

/// A mux on a QUIC connection, as its link sees it: HTTP/3, or a test's own protocol. It takes the connection's events
/// itself; the link asks it about idleness and tells it to end.
public protocol QUICMux: QUICApplication {
    /// What the mux is doing, for the connection's idle timers.
    var activity: MuxActivity { get }

    /// Graceful end: no new exchanges (GOAWAY), open ones finish, then the mux closes the connection.
    func drain()

    /// The connection's idle timer ran out in ``activity``: the mux ends the connection as its version has it.
    func idleTimeout()

    /// The connection can not go on for a reason that QUIC does not see: open exchanges are aborted, and the mux closes
    /// the connection.
    func transportFailed(_ failure: TransportFailure)
}

/// Who owns QUIC connections on one worker: a frontend, a server's pool, the origin, the load generator.
public protocol QUICConnectionOwner: AnyObject {
    /// 1-RTT data can be sent, and `alpn` names the protocol. The owner makes the mux, or answers nil to close. A
    /// client's requests may come before its handshake is complete: see ``QUICLink/isEarlyData``.
    func makeMux(for link: QUICLink, _ alpn: ApplicationProtocol) -> (any QUICMux)?

    /// The mux of a client's connection opens an exchange.
    func openExchange(on link: QUICLink, for end: any StreamEnd) -> Exchange?

    /// A client's handshake is complete: what came before it was no replay.
    func handshakeCompleted(_ link: QUICLink)

    /// A server's connection takes exchanges before its handshake is complete. Their requests may be replayed by anyone
    /// who sees them (RFC 8446 section 8), so they must be safe ones. ``connectionReady(_:)`` follows, or the end.
    func earlyDataPossible(_ link: QUICLink)

    /// A server's connection has completed its handshake and may be used.
    func connectionReady(_ link: QUICLink)

    /// A server's connection takes more or fewer exchanges than before; see ``ServerMux/availableStreams``.
    func streamsChanged(on link: QUICLink)

    /// The connection carries nothing any more; nothing follows. ``QUICLink/socketError`` tells more when the system
    /// refused its socket.
    func connectionClosed(_ link: QUICLink, _ close: QUICClose)
}

extension QUICConnectionOwner {
    public func handshakeCompleted(_ link: QUICLink) {}
    public func earlyDataPossible(_ link: QUICLink) {}
}

/// What becomes of a client's first packet, before anything is kept for it.
public enum InitialDecision: Sendable {
    case accept
    /// Passed over in silence.
    case drop
    /// The client is told that it is refused (CONNECTION_REFUSED).
    case reject
    /// The client has to prove its address first (RFC 9000 section 8.1.2); accepted when it has.
    case retry
}

extension QUICListenerOwner {
    public var decidesInitials: Bool { false }
    public func decide(_ session: Session) -> InitialDecision { .accept }
}

/// Who takes the connections of a QUIC listener.
public protocol QUICListenerOwner: QUICConnectionOwner {
    /// Whether ``decide(_:)`` is to be asked.
    var decidesInitials: Bool { get }

    /// Decides about a client's first packet; `session` has its addresses, and nothing comes after it.
    func decide(_ session: Session) -> InitialDecision

    /// Takes a place for the connection of a client's first packet. False when a limit is reached: the packet is
    /// dropped, and the client sends it again later.
    func takePlace(for listener: QUICListener) -> Bool

    /// Gives back the place that was taken last: the packet made no connection.
    func returnPlace(for listener: QUICListener)

    /// The connection of that packet, which has a place. ``QUICConnectionOwner/connectionClosed(_:_:)`` follows some time.
    func accepted(_ link: QUICLink, on listener: QUICListener)
}

/// How a QUIC listener treats its clients.
public struct QUICListenerSettings: Sendable {
    public var quic: QUICSettings
    /// Its ``ConnectionSettings/handshakeTimeout``, if any, takes the place of the one in ``quic``.
    public var connection: ConnectionSettings
    /// Handshakes in progress on all workers; its limit bounds them (`backlog`).
    public var handshakes: Admission
    /// Versions we speak, most preferred first; clients with others are told so.
    public var versions = QUICSettings.Version.all
    /// Every client must prove its address first (`quic-force-retry`).
    public var forcesRetry = false
    /// With so many handshakes in progress clients must prove their addresses first
    /// (`tune.quic.fe.sec.retry-threshold`).
    public var retryThreshold = 100
    /// The kernel is asked to give each datagram to its connection's worker (``QUICService/steer(_:)``): not where
    /// other processes have sockets too.
    public var steers = true
    /// Buffers and offloads of the socket.
    public var socket = DatagramSocket.Options()

    public init(quic: QUICSettings, connection: ConnectionSettings, handshakes: Admission) {
        self.quic = quic
        self.connection = connection
        self.handshakes = handshakes
    }
}

/// What happened at a QUIC listener of one worker, beside what its socket and its endpoint count.
public struct QUICListenerCounters: Equatable, Sendable {
    /// First packets that started a connection.
    public var accepted: UInt64 = 0
    /// Handshakes completed.
    public var handshakes: UInt64 = 0
    /// Connections that ended before their handshake was complete.
    public var failedHandshakes: UInt64 = 0
    /// First packets answered with Retry.
    public var retries: UInt64 = 0
    /// First packets whose token proved that they followed our Retry, and that a connection was there before.
    public var retriesValidated: UInt64 = 0
    public var tokensAccepted: UInt64 = 0
    /// First packets refused for a token that is wrong or too old.
    public var invalidTokens: UInt64 = 0
    /// First packets dropped because a limit was reached, or the listener closes.
    public var limited: UInt64 = 0
    /// First packets that the owner dropped or refused.
    public var refused: UInt64 = 0
    /// First packets that no connection could be made for: TLS or memory.
    public var unusable: UInt64 = 0
    /// Datagrams of other workers' connections, handed over to them.
    public var handedOver: UInt64 = 0
    /// Datagrams of this worker's connections that others received.
    public var takenOver: UInt64 = 0
    /// Datagrams of other workers' connections, dropped because too many waited there.
    public var handoverDropped: UInt64 = 0
    /// Datagrams handed to other processes: of their connections, and first packets for the newer one.
    public var forwarded: UInt64 = 0

    public init() {}
}
