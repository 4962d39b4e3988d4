import Bytes
public import QUICTransport
public import Runtime
public import Streams
import TLSTransport

/// One QUIC connection on a worker: joins the transport's machine, the mux, the socket and the timers. The same type
/// serves clients and servers; the owner and the mux make the difference. Its manager keeps it alive while it is open,
/// and through its closing period, in which it holds little.
public final class QUICLink: LoopMember, MuxHost, TimerTarget {
    /// Which side of the proxy the connection is on.
    public enum Role: Sendable { case client, server }

    public let role: Role
    public let connection: QUICConnection
    public let resources: WorkerResources
    public let settings: ConnectionSettings
    /// The client's side of the story; nil for connections to servers.
    public let session: Session?
    /// Nil before the handshake allows data, and when the connection is over.
    public private(set) var mux: (any QUICMux)?
    /// The mux of a connection to a server, in its role of taking exchanges.
    private var serverMux: (any ServerMux)?
    /// What the owner keeps about the connection (a server, a place in a pool).
    public var ownerContext: AnyObject?
    /// Why the system refused the socket's datagrams, when that ended the connection.
    public private(set) var socketError: SystemError?
    /// The packet that started a client's connection, until the handshake is complete.
    private var initial: QUICInitial?

    /// The socket; a connection to a server may move to another.
    private(set) var socket: QUICSocket
    /// Who made a connection to a server.
    var origin: QUICLinkOrigin?
    private let loop: EventLoop
    private unowned let manager: QUICConnectionManager
    private var owner: (any QUICConnectionOwner)?
    /// Where the link stands in its manager's table.
    var tableIndex = -1
    /// The link is in its socket's list of those that wait to send.
    var waitsForSocket = false
    /// How far the link has followed the connection.
    private var stage = Stage.handshaking
    private let timer: Timer
    /// Datagrams that have come; it wraps around.
    public private(set) var datagramsReceived: UInt64 = 0
    private var activity = MuxActivity.fresh
    private var activitySince: Instant
    private var idleDeadline = Instant.distantFuture
    /// RESET_STREAM that had come when the connection ended.
    var lastStreamResets: UInt64 = 0
    /// When a connection drains that has not carried anything yet; nil: it need not.
    private var drainDeadline: Instant?
    /// The link ends at the end of this turn, and the peer is not told.
    private var isVanishing = false

    private enum Stage: UInt8, Comparable {
        /// In `early` a server's connection takes what may be replayed, and its handshake is not complete.
        case handshaking, early, open, ended, removed
        static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
    }

    init(
        role: Role, connection: QUICConnection, socket: QUICSocket, manager: QUICConnectionManager,
        owner: any QUICConnectionOwner, settings: ConnectionSettings, session: Session?, initial: QUICInitial? = nil
    ) {
        self.role = role
        self.connection = connection
        self.socket = socket
        self.manager = manager
        self.owner = owner
        self.settings = settings
        self.session = session
        self.initial = initial
        loop = manager.loop
        resources = manager.resources
        activitySince = manager.loop.clock.now
        timer = Timer(on: manager.loop.timers)
        super.init()
        timer.wakes(self)
        unsafe connection.holder = self
        session?.attach(self)
        // Until there is a mux nothing but the handshake can happen.
        unsafe connection.application = self
        socket.add(self)
        manager.insert(self)
    }

    /// The handshake has been completed.
    public private(set) var wasReady = false

    /// True while the connection carries data or may yet.
    public var isOpen: Bool { stage < .ended }

    /// What arrives now may be a replay: the client's handshake is not complete (RFC 9001 section 9.2).
    public var isEarlyData: Bool { connection.isEarlyData }

    /// How many more exchanges a server's connection takes.
    public var availableStreams: Int { stage == .open ? serverMux?.availableStreams ?? 0 : 0 }

    /// True while a server's connection carries an exchange, or is being made.
    public var isBusy: Bool { stage < .open || mux?.activity == .busy }

    /// Opens an exchange on a server's connection.
    public func open(_ exchange: Exchange) -> Bool {
        guard stage == .open || stage == .early, let serverMux else { return false }
        loop.schedule(self)
        return serverMux.open(exchange)
    }

    // MARK: Events

    /// A datagram of this connection has come.
    func receive(_ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8) {
        datagramsReceived &+= 1
        unsafe connection.receive(datagram, path: path, ecn: ecn, now: loop.clock.now)
        if role == .server { keepResumption() }
        loop.schedule(self)
    }

    public override func flush() {
        guard stage != .removed else { return }
        if isVanishing { return fallSilent() }
        waitsForSocket = false
        // What completing the handshake sends leaves with this flush.
        followPhase()
        guard stage != .removed else { return }
        if drainDeadline != nil { followDrain() }
        if socket.isBlocked {
            socket.wait(self)
            return
        }
        let outbox = socket.outbox
        outbox.claim(for: socket)
        while connection.writeDatagrams(into: &outbox.batch, now: loop.clock.now) == .more {
            guard outbox.isFull else {
                // The connection has had its share: others first.
                loop.schedule(self)
                break
            }
            outbox.send()
            if socket.isBlocked {
                socket.wait(self)
                break
            }
            outbox.claim(for: socket)
        }
        followPhase()
        armTimer()
    }

    /// Does what a step in the connection's life asks for.
    private func followPhase() {
        if stage == .handshaking, connection.isSendingEarlyData, mux != nil {
            stage = .early
            owner?.earlyDataPossible(self)
        }
        if stage <= .early, connection.phase == .established { completeHandshake() }
        if stage < .ended, let close = connection.closeReason { end(close) }
        if stage == .ended, connection.phase == .closed { remove() }
    }

    /// The handshake is complete: tells what TLS found, and gives a client the means to come back faster.
    private func completeHandshake() {
        stage = .open
        wasReady = true
        initial = nil
        noteFacts()
        guard role == .client else {
            if let origin { origin.connector.handshakeCompleted(self, origin.key) }
            if mux != nil { owner?.connectionReady(self) }
            return
        }
        socket.handshakeEnded(self, isComplete: true)
        owner?.handshakeCompleted(self)
        // Not needed for this connection: without it the client's next one takes longer.
        _ = try? socket.endpoint.sendToken(on: connection, wall: loop.clock.wall)
    }

    /// Hands what the server gave for later connections to who will make them.
    private func keepResumption() {
        guard let origin, let resumption = connection.takeResumption() else { return }
        origin.connector.keep(resumption, for: origin.key)
    }

    /// Leaves by another socket from now on; the one before closes.
    func move(to socket: QUICSocket) {
        let last = self.socket
        self.socket = socket
        waitsForSocket = false
        socket.add(self)
        last.remove(self)
        loop.schedule(self)
    }

    /// Fills in the session once TLS has told all.
    private func noteFacts() {
        guard let session, session.tls == nil, let tls = connection.tls else { return }
        session.handshakenAt = loop.clock.now
        session.tls = TLSFacts(
            version: "TLSv1.3", cipher: tls.cipherSuite ?? "", serverName: tls.serverName ?? "",
            alpn: tls.applicationProtocol, isResumed: tls.isResumed)
    }

    // MARK: What the mux says

    public func muxNeedsFlush() { loop.schedule(self) }

    public func openExchange(for end: any StreamEnd) -> Exchange? {
        // A first request may come in the datagram that completes the handshake, or before.
        noteFacts()
        guard let exchange = owner?.openExchange(on: self, for: end) else { return nil }
        session?.exchanges += 1
        return exchange
    }

    public func muxStreamsChanged() { owner?.streamsChanged(on: self) }

    // MARK: What the owner says

    /// Keeps as little memory as possible, when the connection has been idle for a while. True when that took work.
    func rest() -> Bool { role == .client && stage == .open && connection.rest(now: loop.clock.now) }

    /// Ends the connection without a packet: the client waits for an answer until it gives up.
    public func vanish(hops: UInt8?) {
        isVanishing = true
        loop.schedule(self)
    }

    /// How long what a client still sends is passed over, milliseconds.
    private static let silence = 30_000

    private func fallSilent() {
        isVanishing = false
        mux?.transportFailed(.stopping)
        connection.fallSilent(until: loop.clock.now.advanced(milliseconds: Self.silence))
        followPhase()
        armTimer()
    }

    /// Milliseconds that a connection which has carried nothing yet has for its first exchange, when it is to end.
    private static let firstExchangeTime = 1000

    /// Ends gracefully: open exchanges finish, no new ones start. A client that has just come, or is about to complete
    /// its handshake, has a second for its first exchange.
    public func drain() {
        guard isOpen else { return }
        if role == .client, stage <= .early || mux?.activity == .fresh {
            guard drainDeadline == nil else { return }
            // The handshake has a timeout of its own.
            drainDeadline =
                stage <= .early ? .distantFuture : loop.clock.now.advanced(milliseconds: Self.firstExchangeTime)
        } else if let mux {
            mux.drain()
        } else {
            // RFC 9000 section 20.1: CONNECTION_REFUSED.
            connection.close(transportError: 0x02)
        }
        loop.schedule(self)
    }

    /// Ends a server's idle connection now: one packet tells the peer, and the socket closes. So nothing that comes late is
    /// answered, and no closing period is needed (RFC 9000 section 10.2). One that is busy ends like ``drain()`` says.
    public func closeIdle() {
        drain()
        guard role == .server, stage == .open, mux?.activity != .busy, !socket.isBlocked else { return }
        flush()
        // A socket whose buffer is full waits for room: its link goes on as usual.
        if stage == .ended, connection.phase == .closing, !socket.isBlocked { remove() }
    }

    /// Drains when the first exchange has begun, or its time is over.
    private func followDrain() {
        guard let deadline = drainDeadline, stage == .open, let mux else { return }
        if mux.activity != .fresh || deadline <= loop.clock.now {
            drainDeadline = nil
            mux.drain()
        } else if deadline == .distantFuture {
            drainDeadline = loop.clock.now.advanced(milliseconds: Self.firstExchangeTime)
        }
    }

    /// Ends at once; open exchanges are aborted, and the peer is told.
    public func stop(_ failure: TransportFailure = .stopping) {
        guard isOpen else { return }
        if let mux {
            mux.transportFailed(failure)
        } else {
            connection.close(transportError: 0x02)
        }
        loop.schedule(self)
    }

    /// The system says that the peer's port is closed. That may be forged, so it ends only a connection that has not
    /// heard of its peer yet.
    func unreachable(_ error: SystemError) {
        guard stage <= .early, role == .server else { return }
        socketError = error
        connection.abandon()
        loop.schedule(self)
    }

    // MARK: Timers

    private func armTimer() {
        guard stage != .removed else { return timer.disarm() }
        idleDeadline = isOpen ? idleTime() : .distantFuture
        timer.arm(at: min(connection.deadline, idleDeadline, isOpen ? drainDeadline ?? .distantFuture : .distantFuture))
    }

    /// When the mux has been idle for too long; never while exchanges are open.
    private func idleTime() -> Instant {
        guard role == .client, stage == .open, let mux else { return .distantFuture }
        let current = mux.activity
        if current != activity {
            activity = current
            activitySince = loop.clock.now
        }
        switch current {
        case .fresh:
            return after(settings.requestHeadTimeout, from: session?.handshakenAt ?? activitySince)
        case .receivingHead: return after(settings.requestHeadTimeout, from: activitySince)
        case .idle: return after(settings.keepAliveTimeout, from: activitySince)
        case .busy: return .distantFuture
        }
    }

    private func after(_ milliseconds: Int?, from start: Instant) -> Instant {
        milliseconds.map { start.advanced(milliseconds: $0) } ?? .distantFuture
    }

    public func timerFired(_ timer: Timer) {
        let now = loop.clock.now
        if connection.deadline <= now { connection.handleExpiry(now: now) }
        if idleDeadline <= now, isOpen {
            idleDeadline = .distantFuture
            mux?.idleTimeout()
        }
        loop.schedule(self)
    }

    // MARK: The end

    /// The connection carries nothing any more. The mux was told by the connection itself.
    private func end(_ close: QUICClose) {
        let wasHandshaking = stage <= .early
        stage = .ended
        // When it was we who gave up, what an earlier connection left may still be good.
        if wasHandshaking, let origin, close.initiator == .peer || close.reason != .application,
            !connection.wasEarlyDataRejected
        {
            origin.connector.handshakeFailed(origin.key)
        }
        if wasHandshaking, role == .client {
            socket.handshakeEnded(self, isComplete: false)
            if close.reason == .retryRequired, let initial, let session {
                socket.retry(initial, QUICPath(local: session.destination, remote: session.source))
            }
        }
        let failed = connection.takeFailedTLS() ?? connection.tls
        if wasHandshaking, let session {
            session.failedTLS = failed
            session.errorCode = ConnectionFailure(close, refusal: failed?.refusal).code
        }
        initial = nil
        origin = nil
        lastStreamResets = streamResets
        let last = owner
        owner = nil
        manager.ended(self)
        last?.connectionClosed(self, close)
        session?.failedTLS = nil
        ownerContext = nil
        mux = nil
        serverMux = nil
    }

    /// The closing period is over.
    private func remove() {
        stage = .removed
        session?.detach()
        timer.disarm()
        unsafe connection.holder = nil
        manager.remove(self)
        socket.remove(self)
    }
}

// What the connection tells before there is a mux: that there can be one.
extension QUICLink: QUICApplication {
    public func readyToSend(alpn: [UInt8]) {
        let name = unsafe alpn.withUnsafeBytes { unsafe ApplicationProtocol($0) }
        guard let mux = owner?.makeMux(for: self, name) else {
            // RFC 9114 section 8.1: H3_NO_ERROR.
            return connection.close(applicationError: 0x100)
        }
        self.mux = mux
        if role == .server { serverMux = mux as? any ServerMux }
        unsafe connection.application = mux
        mux.readyToSend(alpn: alpn)
    }

    public func handshakeCompleted() {}
    public func streamOpened(_ id: QUICStreamID) {}
    public func streamDataReceived(
        _ id: QUICStreamID, offset: UInt64, bytes: UnsafeRawBufferPointer, fin: Bool, isEarlyData: Bool
    ) {}
    public func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64) {}
    public func streamClosed(_ id: QUICStreamID, applicationError: UInt64?) {}
    public func streamReset(_ id: QUICStreamID, applicationError: UInt64, finalSize: UInt64) {}
    public func streamUnblocked(_ id: QUICStreamID) {}
    public func bidirectionalStreamLimitRaised(to total: UInt64) {}
    public func unidirectionalStreamLimitRaised(to total: UInt64) {}
    public func datagramReceived(_ bytes: UnsafeRawBufferPointer, isEarlyData: Bool) {}
    public func earlyDataRejected() {}
    public func connectionClosed(_ close: QUICClose) {}
    public func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend? { nil }
    public func didSend(_ id: QUICStreamID, count: Int) {}
    public func streamBlocked(_ id: QUICStreamID) {}
    public func streamShutWrite(_ id: QUICStreamID) {}
}
