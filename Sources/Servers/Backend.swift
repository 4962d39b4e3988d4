package import Bytes
import Configuration
package import Runtime
package import Streams
import Synchronization

/// One worker's side of a backend: it brings exchanges to servers. Not Sendable.
package final class Backend {
    package let shared: SharedBackend
    package let servers: [PoolServer]
    let connector: any ServerConnector
    let timers: TimerWheel
    let clock: TurnClock
    /// Tells the other workers that a place is free while exchanges wait there.
    private let announceFreePlace: () -> Void
    private var queue: [Dispatch] = []
    private var random: UInt64

    /// - Parameters:
    ///   - seed: starts the random draws of `balance random`.
    ///   - announceFreePlace: posts to the other workers.
    package init(
        _ shared: SharedBackend, connector: any ServerConnector, timers: TimerWheel, clock: TurnClock, seed: UInt64,
        announceFreePlace: @escaping () -> Void
    ) {
        self.shared = shared
        self.connector = connector
        self.timers = timers
        self.clock = clock
        self.announceFreePlace = announceFreePlace
        random = seed | 1
        servers = shared.servers.map { PoolServer($0, timers: timers, clock: clock) }
    }

    /// Brings an exchange to a server. The owner is told the end, maybe from inside this call.
    package func dispatch(
        _ exchange: Exchange, session: AnyObject, isFirst: Bool, sourceHash: UInt32, clientPort: UInt16,
        owner: any DispatchOwner, remember: (Dispatch) -> Void
    ) {
        let dispatch = Dispatch(
            exchange, backend: self, session: session, isFirst: isFirst, sourceHash: sourceHash, clientPort: clientPort,
            owner: owner)
        remember(dispatch)
        start(dispatch)
    }

    func start(_ dispatch: Dispatch, excluding failed: PoolServer? = nil, keep: PoolServer? = nil) {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let choice = keep?.shared ?? shared.choose(hash: dispatch.sourceHash, random: random, excluding: failed?.shared)
        guard let choice else { return fail(dispatch, .noServer) }
        // Those that wait already go first.
        guard queue.isEmpty || dispatch.state != .idle, choice.enter() else { return enqueue(dispatch, choice) }
        serve(dispatch, servers[choice.index])
    }

    /// A place at `server` is taken for the dispatch: use an idle connection, or start one.
    private func serve(_ dispatch: Dispatch, _ server: PoolServer) {
        if let last = dispatch.server, last !== server { dispatch.isRedispatched = true }
        dispatch.server = server
        dispatch.holdsPlace = true
        dispatch.dequeuedAt = clock.now
        let reuse = shared.settings.httpReuse
        let isHTTP = shared.settings.mode == .http
        let mayShare = isHTTP && (reuse == .always || (reuse == .aggressive) || (reuse == .safe && !dispatch.isFirst))
        let onlyReused = reuse == .aggressive && dispatch.isFirst
        while isHTTP,
            let connection = server.take(for: dispatch.session, mayShare: mayShare, onlyReused: onlyReused)
        {
            if attach(dispatch, to: connection, isReused: true) { return }
        }
        connect(dispatch, server)
    }

    private func connect(_ dispatch: Dispatch, _ server: PoolServer) {
        dispatch.state = .connecting
        if let limit = shared.settings.timeouts.connect {
            dispatch.timer.arm(at: clock.now.advanced(milliseconds: limit))
        }
        do throws(DispatchFailure) {
            try connector.connect(for: dispatch, to: server)
        } catch {
            dispatch.connectFailed(timedOut: false)
        }
    }

    /// Opens the exchange on a connection; false when the connection did not take it and was closed.
    @discardableResult
    func attach(_ dispatch: Dispatch, to connection: any PooledConnection, isReused: Bool) -> Bool {
        dispatch.timer.disarm()
        connection.uses += 1
        if shared.settings.httpReuse == .never { connection.privateTo = dispatch.session }
        dispatch.isReused = isReused
        dispatch.state = .attached
        dispatch.attachedAt = clock.now
        guard connection.open(dispatch.exchange) else {
            connection.retire()
            if isReused { return false }
            dispatch.state = .connecting
            dispatch.connectFailed(timedOut: false)
            return false
        }
        dispatch.server?.shared.total.wrappingAdd(1, ordering: .relaxed)
        if connection.availableStreams > 0 { dispatch.server?.put(connection) }
        dispatch.owner.dispatched(dispatch)
        return true
    }

    // MARK: Retries

    /// Connecting failed: another try, on another server when `option redispatch` says so.
    func retry(_ dispatch: Dispatch, _ reason: CloseReason) {
        dispatch.leaveServer()
        let limit = shared.settings.retries
        guard dispatch.retries < limit else { return fail(dispatch, reason) }
        dispatch.retries += 1
        let interval = shared.settings.redispatchInterval
        let isDue: Bool
        if interval > 0 {
            isDue = dispatch.retries % interval == 0
        } else {
            isDue = interval < 0 && dispatch.retries == limit + 1 + interval
        }
        if isDue, servers.count > 1 {
            dispatch.state = .retrying
            return start(dispatch, excluding: dispatch.server)
        }
        // HAProxy's turn-around: a server that refuses gets a second (or the connect timeout) before the next try.
        dispatch.state = .retrying
        let pause = min(1000, shared.settings.timeouts.connect ?? 1000)
        dispatch.timer.arm(at: clock.now.advanced(milliseconds: pause))
    }

    func fail(_ dispatch: Dispatch, _ reason: CloseReason) {
        guard dispatch.state != .over else { return }
        dispatch.state = .over
        dispatch.timer.disarm()
        dispatch.leaveServer()
        dispatch.owner.dispatchFailed(dispatch, reason)
    }

    // MARK: The queue

    private func enqueue(_ dispatch: Dispatch, _ server: SharedServer) {
        if let limit = server.settings.maxqueue, limit > 0, server.queued.load(ordering: .relaxed) >= limit,
            !shared.servers.contains(where: { $0 !== server && $0.isUsable && $0.hasRoom })
        {
            return fail(dispatch, .noServer)
        }
        dispatch.state = .queued
        dispatch.backendQueuePosition = shared.queued.wrappingAdd(1, ordering: .relaxed).oldValue
        queue.append(dispatch)
        if let limit = shared.settings.timeouts.queue {
            dispatch.timer.arm(at: dispatch.startedAt.advanced(milliseconds: limit))
        }
        // A place may have become free between the two looks.
        if shared.hasRoom { serveQueue() }
    }

    func dequeue(_ dispatch: Dispatch) {
        guard let index = queue.firstIndex(where: { $0 === dispatch }) else { return }
        queue.remove(at: index)
        shared.queued.wrappingSubtract(1, ordering: .relaxed)
    }

    /// A place at one of the servers is free: exchanges that wait here, or on other workers, may take it.
    func placeFreed() {
        guard shared.queued.load(ordering: .relaxed) > 0 else { return }
        if queue.isEmpty { announceFreePlace() } else { serveQueue() }
    }

    /// Brings waiting exchanges to servers while there are places.
    package func serveQueue() {
        while let dispatch = queue.first {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            guard let choice = shared.choose(hash: dispatch.sourceHash, random: random), choice.enter() else { return }
            queue.removeFirst()
            shared.queued.wrappingSubtract(1, ordering: .relaxed)
            dispatch.timer.disarm()
            serve(dispatch, servers[choice.index])
        }
    }

    /// Closes connections that only `session` may use: it is over.
    package func forget(_ session: AnyObject) {
        guard shared.settings.httpReuse == .never else { return }
        for server in servers { server.forget(session) }
    }
}
