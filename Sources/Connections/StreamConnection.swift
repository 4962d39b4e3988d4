import Bytes
import Glibc
public import Runtime
public import Streams
public import TLSTransport

/// One TCP (or Unix stream) connection with its mux: reads, writes, TLS, PROXY header and timers. The same type serves
/// clients and servers; the owner and the mux make the difference. It lives on one worker; the loop keeps it alive
/// while it is open.
public final class StreamConnection: Pollable, MuxHost, TimerTarget {
    /// Which side of the proxy the connection is on.
    public enum Role: Sendable { case client, server }

    /// How far the connection has come.
    public enum Phase: UInt8, Sendable, Comparable {
        case connecting, header, handshake, detecting, open
        /// Output is sent and our direction ended; the peer's last bytes are read and dropped, so that no reset
        /// overtakes what it still has to read.
        case lingering
        case closed
        public static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    public internal(set) var role: Role
    public internal(set) var phase: Phase
    public let resources: WorkerResources
    public internal(set) var settings: ConnectionSettings
    /// The client's side of the story; nil for connections to servers.
    public internal(set) var session: Session?
    public internal(set) var mux: (any ByteStreamMux)? {
        didSet {
            serverMux = mux as? any ServerMux
            muxAnnounces = mux?.announcesOutput ?? false
        }
    }
    private var serverMux: (any ServerMux)?
    /// ``ByteStreamMux/announcesOutput``.
    private(set) var muxAnnounces = false
    /// What the owner keeps about the connection (a server, a place in a pool).
    public var ownerContext: AnyObject?

    let loop: EventLoop
    let descriptor: Int32
    var owner: (any ConnectionOwner)?
    var tls: TLSEngine?
    /// What a server's connection still has to send before TLS and the mux.
    var preamble: ArraySlice<UInt8> = []
    /// What a SOCKS4 proxy is asked for first; nil: nothing, or it has agreed.
    var socks: SOCKSRequest?
    /// The PROXY header that the connection began with; nil without one.
    public internal(set) var proxyHeader: ProxyHeader?
    var input: InputBuffer
    var output: OutputQueue
    var readReady = false
    var writeReady = false
    /// The peer has ended: no further event will tell, so reading goes on until the end is read.
    var endIsNear = false
    var sawEnd = false
    var endDelivered = false
    var didShutdownWrite = false
    var isRetired = false
    /// Reads in one turn: a fast sender does not starve the worker's other connections.
    var readsPerTurn = 4
    /// When the mux stopped reading although the peer had more; turn 0: it has not.
    var pause: (turn: UInt64, since: Instant) = (0, .zero)
    /// We have opened the connection: unless the peer ends first it ends by a reset, which frees its port at once, where
    /// a FIN of ours would hold the port for a minute (HAProxy does the same).
    public var resetsAtEnd: Bool
    /// The connection ends at the end of this turn, and the peer is not told.
    var isVanishing = false
    /// What the mux that comes next is to read before anything else.
    var upgrade: Upgrade?
    let timer: Timer
    private var activity = MuxActivity.fresh
    var activitySince: Instant
    var lastSend: Instant
    private let startedAt: Instant
    /// Where the connection stands in its manager's table.
    var tableIndex = -1
    unowned let manager: ConnectionManager

    /// - Parameters:
    ///   - descriptor: an open, non-blocking socket; the connection closes it.
    ///   - tls: the engine, when TLS runs on the socket.
    init(
        role: Role, descriptor: Int32, phase: Phase, manager: ConnectionManager, owner: any ConnectionOwner,
        settings: ConnectionSettings, session: Session?, tls: TLSEngine?
    ) {
        self.role = role
        self.descriptor = descriptor
        self.phase = phase
        self.manager = manager
        self.owner = owner
        self.settings = settings
        self.session = session
        self.tls = tls
        resetsAtEnd = role == .server && phase == .connecting
        loop = manager.loop
        resources = manager.resources
        input = InputBuffer(pool: manager.resources.buffers)
        output = OutputQueue(pool: manager.resources.buffers)
        startedAt = manager.loop.clock.now
        activitySince = startedAt
        lastSend = startedAt
        timer = Timer(on: manager.loop.timers)
        super.init()
        session?.attach(self)
        timer.wakes(self)
    }

    /// Milliseconds for which a connection is idle before it rests.
    private static let restTime = 1000

    /// Keeps as little memory as possible, when the connection has been idle for a while. True when that took work.
    func rest() -> Bool {
        guard role == .client, phase == .open, let mux, mux.activity == .idle,
            loop.clock.now.milliseconds(since: activitySince) >= Self.restTime
        else { return false }
        return mux.rest()
    }

    public var hasPlainSocket: Bool { tls == nil }

    /// The TLS engine, for facts about the handshake.
    public var tlsEngine: TLSEngine? { tls }

    /// The peer has ended its direction in order.
    public var sawPeerEnd: Bool { sawEnd }

    /// Bytes that the mux was given, and that were sent for it: without TLS.
    public internal(set) var bytesReceived: UInt64 = 0
    public internal(set) var bytesSent: UInt64 = 0
    /// The owner has not been told of the end yet.
    public var isCounted: Bool { owner != nil }

    /// How many more exchanges a server's connection takes.
    public var availableStreams: Int { load.free }

    /// How many more exchanges a server's connection takes, and whether it carries one or is being made.
    public var load: (free: Int, isBusy: Bool) {
        guard phase == .open, let serverMux else { return (0, phase < .open || mux?.activity == .busy) }
        return (isRetired ? 0 : serverMux.availableStreams, serverMux.activity == .busy)
    }

    /// Milliseconds for which an idle connection is taken as good without a look at its socket.
    private static let trustedIdleTime = 100

    /// Looks whether an idle server's connection is still good: false when the server has closed it or has said
    /// something unasked.
    public func checkAlive() -> Bool {
        guard phase == .open, !sawEnd, !endIsNear else { return false }
        // What has been idle for longer may have ended in this very turn, with the event still to come.
        guard tls == nil, loop.clock.now.milliseconds(since: activitySince) >= Self.trustedIdleTime else { return true }
        return Socket.isSilent(descriptor)
    }

    /// Opens an exchange on a server's connection.
    public func open(_ exchange: Exchange) -> Bool {
        guard phase == .open, let serverMux else { return false }
        return serverMux.open(exchange)
    }

    // MARK: Events

    public override func ready(_ events: PollEvents) {
        if !events.isDisjoint(with: [.readable, .peerClosed, .failed, .hungUp]) { readReady = true }
        if !events.isDisjoint(with: [.peerClosed, .failed, .hungUp]) { endIsNear = true }
        if !events.isDisjoint(with: [.writable, .failed, .hungUp]) { writeReady = true }
        // A mux that wants no input would see a reset only at its next write.
        if events.contains(.failed), phase == .open, mux?.wantsInput == false { return fail(.reset) }
        advance()
    }

    /// Takes the connection as far as it goes now.
    func advance() {
        switch phase {
        case .connecting: finishConnect()
        case .header: readHeader()
        case .handshake: shakeHands()
        case .detecting: detectProtocol()
        case .open:
            guard let mux else { return }
            readInput(mux)
            guard phase == .open else { return }
            if needsFlush(mux) { return loop.schedule(self) }
            guard role == .client else { return }
            // The time of an idle client begins anew after this exchange.
            activity = .busy
            timer.suspend()
        case .lingering: discardInput()
        case .closed: break
        }
    }

    /// Whether there is something for a flush to do: not when all that came is with a busy mux that announces what follows.
    private func needsFlush(_ mux: any ByteStreamMux) -> Bool {
        !muxAnnounces || readReady || sawEnd || !input.isEmpty || !output.isEmpty || mux.closeIntent != .open
            || isRetired || upgrade != nil || role == .client && mux.activity != .busy
    }

    public override func flush() {
        if isVanishing { return close(nil) }
        if upgrade != nil { return changeMux() }
        if isRetired, phase < .open { return close(nil) }
        guard phase == .open, let mux else { return }
        if isRetired {
            isRetired = false
            mux.drain()
            if mux.activity != .busy { return close(nil) }
        }
        if !input.isEmpty, mux.wantsInput { giveInput(mux) }
        readInput(mux)
        guard phase == .open else { return }
        writeOutput(mux)
        guard phase == .open else { return }
        if output.isEmpty || mux.closeIntent == .abort { followIntent(mux.closeIntent) }
        guard phase == .open else { return }
        // A reader that was stopped by its share of the turn goes on in the next one. The mux is asked even when the
        // socket is empty: a half without room tells of the room to come only when it was asked, and bytes may wait
        // for it in `input`.
        if readReady, !input.isFull, mux.wantsInput { loop.schedule(self) }
        armTimer(mux)
    }

    private func followIntent(_ intent: CloseIntent) {
        switch intent {
        case .open: break
        case .shutdownWrite: shutdownWrite()
        case .close: finish()
        case .abort:
            Socket.resetOnClose(descriptor)
            close(nil)
        }
    }

    func shutdownWrite() {
        guard !didShutdownWrite else { return }
        didShutdownWrite = true
        // A close_notify that does not fit the socket's buffer is left out: the FIN ends the connection all the same.
        _ = try? tls?.shutdown()
        Socket.shutdownWrite(descriptor)
    }

    /// Ends in order: our direction first; a client's last bytes are read and dropped for a short while.
    private func finish() {
        if !resetsAtEnd || sawEnd { shutdownWrite() }
        guard role == .client, !sawEnd else { return close(nil) }
        phase = .lingering
        // The owner's part is over: its limits and counts must not wait for what the client still says.
        let last = owner
        owner = nil
        last?.connectionClosed(self, nil)
        input.consume(input.count)
        timer.arm(at: loop.clock.now.advanced(milliseconds: min(settings.sendTimeout ?? 1000, 1000)))
        discardInput()
    }

    // MARK: What the mux says

    public func muxNeedsFlush() { loop.schedule(self) }

    public func openExchange(for end: any StreamEnd) -> Exchange? {
        guard let exchange = owner?.openExchange(on: self, for: end) else { return nil }
        session?.exchanges += 1
        return exchange
    }

    public func muxStreamsChanged() {
        if !muxAnnounces { loop.schedule(self) }
        owner?.streamsChanged(on: self)
    }

    // MARK: What the owner says

    /// Ends gracefully: open exchanges finish, no new ones start.
    public func drain() {
        switch phase {
        case .open:
            mux?.drain()
            loop.schedule(self)
        case .lingering, .closed: break
        case .header, .handshake, .detecting:
            // A client's first request may be on its way: it has a second, as on QUIC.
            guard role == .client else { return close(.stopping) }
            timer.arm(at: drainDeadline)
        case .connecting: close(.stopping)
        }
    }

    /// When a client's connection that drains has to carry something.
    private var drainDeadline: Instant {
        manager.isDraining ? loop.clock.now.advanced(milliseconds: 1000) : .distantFuture
    }

    /// Ends a server's connection that is no longer wanted, at the end of this turn: at once when it is idle, else when
    /// its exchanges are over.
    public func retire() {
        isRetired = true
        loop.schedule(self)
    }

    /// Ends a server's idle connection now, by a reset: nothing is under way on it, and so its port is free again at
    /// once, the kernel keeps nothing of it, and the server need not answer. One that is busy ends like ``retire()`` says.
    public func closeIdle() {
        guard phase == .open, let mux, mux.activity != .busy, output.isEmpty else { return retire() }
        if !resetsAtEnd { Socket.resetOnClose(descriptor) }
        close(nil)
    }

    /// Ends at once; open exchanges are aborted.
    public func stop(_ failure: TransportFailure = .stopping) {
        guard phase < .lingering else { return close(nil) }
        fail(failure)
    }

    // MARK: Timers

    private func armTimer(_ mux: any ByteStreamMux) {
        let current = mux.activity
        if current != activity {
            activity = current
            activitySince = loop.clock.now
        }
        var deadline = Instant.distantFuture
        if role == .client {
            switch current {
            case .fresh: deadline = after(settings.requestHeadTimeout, from: session?.handshakenAt ?? startedAt)
            case .receivingHead: deadline = after(settings.requestHeadTimeout, from: activitySince)
            case .idle: deadline = after(settings.keepAliveTimeout, from: activitySince)
            case .busy: break
            }
        }
        if !output.isEmpty { deadline = min(deadline, after(settings.sendTimeout, from: lastSend)) }
        if deadline == .distantFuture { timer.suspend() } else { timer.arm(at: deadline) }
    }

    private func after(_ milliseconds: Int?, from start: Instant) -> Instant {
        milliseconds.map { start.advanced(milliseconds: $0) } ?? .distantFuture
    }

    func armHandshakeTimer() {
        timer.arm(at: min(after(settings.handshakeTimeout, from: startedAt), drainDeadline))
    }

    /// The first bytes that tell the protocol are those of the first request.
    func armDetectionTimer() {
        timer.arm(at: min(after(settings.requestHeadTimeout, from: loop.clock.now), drainDeadline))
    }

    public func timerFired(_ timer: Timer) {
        if role == .client, phase < .open, manager.isDraining { return close(.stopping) }
        switch phase {
        case .header: close(session?.expectedHeader == .proxy ? .proxyHeader(.timeout) : .addressHeader(.timeout))
        case .handshake where role == .client: close(.handshakeTimeout)
        case .connecting, .handshake: close(.timeout)
        case .detecting:
            // What came so far, if anything, may be the start of an HTTP/1 request: that mux knows what to say.
            openMux(.http11)
            mux?.idleTimeout()
        case .lingering: close(nil)
        case .closed: break
        case .open:
            if !output.isEmpty {
                fail(.timeout)
            } else if let mux {
                mux.idleTimeout()
                loop.schedule(self)
            }
        }
    }

    // MARK: The end

    /// The transport is broken: the mux aborts what is open, and the connection closes.
    func fail(_ failure: TransportFailure) {
        guard phase < .closed else { return }
        output.removeAll()
        mux?.transportFailed(failure)
        if failure != .truncated { Socket.resetOnClose(descriptor) }
        close(.transport(failure))
    }

    func close(_ failure: ConnectionFailure?) {
        guard phase != .closed else { return }
        let wasOpen = phase == .open
        phase = .closed
        timer.disarm()
        if wasOpen, failure == nil { mux?.transportFailed(.stopping) }
        loop.deregisterClosing(self, descriptor: descriptor)
        if let session {
            session.detach()
            if let failure { session.errorCode = failure.code }
            if case .handshake? = failure, let tls {
                session.failedTLS = tls
                session.tls = TLSFacts(
                    version: tls.version, cipher: tls.cipher ?? "(NONE)", serverName: tls.serverName ?? "",
                    alpn: tls.alpn, isResumed: tls.isResumed)
            }
        }
        tls = nil
        if resetsAtEnd, !sawEnd { Socket.resetOnClose(descriptor) }
        _ = Glibc.close(descriptor)
        input.consume(input.count)
        input.releaseWhenIdle()
        output.removeAll()
        manager.remove(self)
        let last = owner
        owner = nil
        last?.connectionClosed(self, failure)
        mux = nil
    }
}
