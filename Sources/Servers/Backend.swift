import Bytes
import Configuration
package import Runtime
package import Streams
import Synchronization

/// One worker's side of a backend: it brings exchanges to servers. Not Sendable.
package final class Backend {
    package let shared: SharedBackend
    /// The worker's table of servers, by ``SharedServer/index``.
    private var table: [PoolServer?] = []
    private var balancer: Balancer
    private let worker: Int
    private let purger: Purger
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
    ///   - worker: this worker's number.
    package init(
        _ shared: SharedBackend, connector: any ServerConnector, loop: EventLoop, worker: Int, seed: UInt64,
        announceFreePlace: @escaping () -> Void
    ) {
        self.shared = shared
        self.connector = connector
        self.worker = worker
        timers = loop.timers
        clock = loop.clock
        purger = Purger(loop: loop)
        balancer = shared.balancer
        self.announceFreePlace = announceFreePlace
        random = seed | 1
        for server in shared.servers { add(server) }
    }

    // MARK: The table

    /// The worker's side of the servers of now.
    package var servers: some Sequence<PoolServer> { table.lazy.compactMap(\.self) }

    /// Places in the table; some may be empty.
    package var placeCount: Int { table.count }

    /// The server at a place: ``SharedServer/index``. Nil when there is none.
    package func server(at place: Int) -> SharedServer? {
        table.indices.contains(place) ? table[place]?.shared : nil
    }

    /// The server of a name; nil when there is none.
    package func server(named name: Span<UInt8>) -> SharedServer? {
        for case let pool? in table {
            var index = 0
            let isSame = pool.facts.name.utf8.allSatisfy { byte in
                defer { index += 1 }
                return index < name.count && name[index] == byte
            }
            if isSame, index == name.count { return pool.shared }
        }
        return nil
    }

    /// A server has come.
    package func add(_ server: SharedServer) {
        while table.count <= server.index { table.append(nil) }
        guard table[server.index]?.shared !== server else { return }
        let pool = PoolServer(server, worker: worker, timers: timers, clock: clock, purger: purger)
        table[server.index] = pool
        connector.prepare(pool)
    }

    /// A server has gone; nothing is connected to it.
    package func remove(_ server: SharedServer) {
        guard let pool = find(server) else { return }
        pool.closeAll()
        table[server.index] = nil
    }

    /// This worker's side of a server; nil when it is not in the table (any more).
    package func find(_ server: SharedServer) -> PoolServer? {
        guard server.index < table.count, let pool = table[server.index], pool.shared === server else { return nil }
        return pool
    }

    /// Chooses by another balancer from now on.
    package func take(_ balancer: Balancer) { self.balancer = balancer }

    /// A server's facts have changed. Idle connections to its old address are closed.
    package func take(_ facts: ServerFacts, of server: SharedServer) {
        guard let pool = find(server) else { return }
        pool.take(facts)
        connector.prepare(pool)
    }

    /// Ends the exchanges at a server.
    package func shutDown(_ server: SharedServer, _ cause: ShutdownCause) {
        guard let pool = find(server) else { return }
        for dispatch in pool.dispatches.all { dispatch.owner.dispatchShutDown(dispatch, cause) }
    }

    /// Brings an exchange to a server. The owner is told the end, maybe from inside this call.
    package func dispatch(
        _ exchange: Exchange, session: AnyObject, isFirst: Bool, sourceHash: UInt32, clientPort: UInt16,
        assignment: ServerAssignment = ServerAssignment(), owner: any DispatchOwner, remember: (Dispatch) -> Void
    ) {
        let dispatch = Dispatch(
            exchange, backend: self, session: session, isFirst: isFirst, sourceHash: sourceHash, clientPort: clientPort,
            assignment: assignment, owner: owner)
        remember(dispatch)
        start(dispatch)
    }

    func start(_ dispatch: Dispatch, excluding failed: PoolServer? = nil, keep: PoolServer? = nil) {
        let choice = keep?.shared ?? choose(dispatch, excluding: failed?.shared)
        guard let choice else { return fail(dispatch, .noServer) }
        // Those that wait already go first.
        guard queue.isEmpty || dispatch.state != .idle, choice.enter() else { return enqueue(dispatch, choice) }
        serve(dispatch, choice)
    }

    private func choose(_ dispatch: Dispatch, excluding failed: SharedServer? = nil) -> SharedServer? {
        // Rules have the first word, but when the server has failed and the exchange may go elsewhere.
        if let assigned = dispatch.assignment.server, failed == nil { return assigned }
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return balancer.choose(hash: dispatch.sourceHash, random: random, excluding: failed)
    }

    /// A place at `choice` is taken for the dispatch: use an idle connection, or start one.
    private func serve(_ dispatch: Dispatch, _ choice: SharedServer) {
        guard let server = find(choice) else {
            // It was deleted between the choice and now.
            choice.leave()
            return fail(dispatch, .noServer)
        }
        dispatch.enter(server)
        dispatch.dequeuedAt = clock.now
        if shared.settings.mode == .http {
            let wish = PoolServer.Wish(
                session: dispatch.session, key: connector.key(for: dispatch, server), reuse: shared.settings.httpReuse,
                isRepeatable: !dispatch.isFirst)
            while let connection = server.take(wish) {
                if attach(dispatch, to: connection, isReused: true) { return }
            }
        }
        connect(dispatch, server)
    }

    private func connect(_ dispatch: Dispatch, _ server: PoolServer) {
        dispatch.state = .connecting
        if let limit = dispatch.connectTimeout {
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
        guard let server = dispatch.server else { return false }
        if !isReused, shared.settings.mode == .http { own(connection, server, dispatch.session) }
        connection.uses += 1
        dispatch.isReused = isReused
        dispatch.state = .attached
        dispatch.attachedAt = clock.now
        dispatch.owner.dispatchAttaches(dispatch)
        guard connection.open(dispatch.exchange) else {
            connection.retire()
            if isReused { return false }
            dispatch.state = .connecting
            dispatch.connectFailed(timedOut: false)
            return false
        }
        dispatch.connection = connection
        server.shared.total.wrappingAdd(1, ordering: .relaxed)
        server.shared.sessionRates.count(worker, at: clock.now)
        server.settle(connection)
        dispatch.owner.dispatched(dispatch)
        return true
    }

    /// A new connection may belong to the session that asked for it: for ever, or while exchanges that it carries could
    /// hold up those of others.
    private func own(_ connection: any PooledConnection, _ server: PoolServer, _ session: AnyObject) {
        switch shared.settings.httpReuse {
        case .never: server.own(connection, by: session)
        case .safe: if connection.hasHeadOfLineRisk { server.own(connection, by: session) }
        case .aggressive, .always: break
        }
    }

    // MARK: Retries

    /// Connecting failed: another try, on another server when `option redispatch` says so.
    func retry(_ dispatch: Dispatch, _ reason: CloseReason) {
        dispatch.leaveServer()
        let isWanted = shared.settings.mode == .tcp || shared.settings.retryOn.connectionFailure
        guard isWanted, dispatch.retries < dispatch.retryLimit else { return fail(dispatch, reason) }
        dispatch.retries += 1
        if isRedispatchDue(dispatch) {
            dispatch.state = .retrying
            return start(dispatch, excluding: dispatch.server)
        }
        // HAProxy's turn-around: a server that refuses gets a second (or the connect timeout) before the next try.
        dispatch.state = .retrying
        let pause = min(1000, dispatch.connectTimeout ?? 1000)
        dispatch.timer.arm(at: clock.now.advanced(milliseconds: pause))
    }

    /// Whether this retry goes to another server (`option redispatch`).
    private func isRedispatchDue(_ dispatch: Dispatch) -> Bool {
        let interval = shared.settings.redispatchInterval
        if interval > 0 { return dispatch.retries % interval == 0 }
        return interval < 0 && dispatch.retries == dispatch.retryLimit + 1 + interval
    }

    /// A request that had been taken by a connection of `last` is sent again, there or elsewhere.
    func restart(_ dispatch: Dispatch, after last: PoolServer?) {
        if isRedispatchDue(dispatch) { return start(dispatch, excluding: last) }
        guard let last, last.shared.isReachable, find(last.shared) != nil else { return start(dispatch) }
        start(dispatch, keep: last)
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
        let limit = server.maxqueue.load(ordering: .relaxed)
        if limit > 0, server.queued.load(ordering: .relaxed) >= limit, !balancer.hasRoom {
            return fail(dispatch, .noServer)
        }
        dispatch.state = .queued
        dispatch.backendQueuePosition = shared.queued.wrappingAdd(1, ordering: .relaxed).oldValue
        queue.append(dispatch)
        if let limit = dispatch.queueTimeout {
            dispatch.timer.arm(at: dispatch.startedAt.advanced(milliseconds: limit))
        }
        // A place may have become free between the two looks.
        if balancer.hasRoom { serveQueue() }
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
            guard let choice = choose(dispatch), choice.enter() else { return }
            queue.removeFirst()
            shared.queued.wrappingSubtract(1, ordering: .relaxed)
            dispatch.timer.disarm()
            serve(dispatch, choice)
        }
    }

    /// A session is over: what it had of its own is closed, or may serve others.
    package func forget(_ session: AnyObject) {
        for server in servers { server.forget(session) }
    }
}
