import Bytes
import Configuration
public import Runtime
import Streams
import Synchronization

/// One worker's side of a backend: it brings exchanges to servers. Not Sendable.
public final class Backend {
    public let shared: SharedBackend
    /// The worker's table of servers, by ``SharedServer/index``.
    private var table: [PoolServer?] = []
    private var balancer: Balancer
    private let worker: Int
    private let closing: ClosingQueue
    let connector: any ServerConnector
    let timers: TimerWheel
    let clock: TurnClock
    /// This worker's exchanges that wait for a place, by their tickets.
    private var waiting: [UInt64: Dispatch] = [:]
    private var random: UInt64

    /// - Parameters:
    ///   - closing: the worker's, where connections go that servers give up.
    ///   - seed: starts the random draws of `balance random`.
    ///   - worker: this worker's number.
    public init(
        _ shared: SharedBackend, connector: any ServerConnector, loop: EventLoop, closing: ClosingQueue, worker: Int,
        seed: UInt64
    ) {
        self.shared = shared
        self.connector = connector
        self.worker = worker
        timers = loop.timers
        clock = loop.clock
        self.closing = closing
        balancer = shared.balancer
        random = seed | 1
        for server in shared.servers { add(server) }
    }

    // MARK: The table

    /// The worker's side of the servers of now.
    public var servers: some Sequence<PoolServer> { table.lazy.compactMap(\.self) }

    /// Places in the table; some may be empty.
    public var placeCount: Int { table.count }

    /// The server at a place: ``SharedServer/index``. Nil when there is none.
    public func server(at place: Int) -> SharedServer? {
        table.indices.contains(place) ? table[place]?.shared : nil
    }

    /// The server of a name; nil when there is none.
    public func server(named name: Span<UInt8>) -> SharedServer? {
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
    public func add(_ server: SharedServer) {
        while table.count <= server.index { table.append(nil) }
        guard table[server.index]?.shared !== server else { return }
        let pool = PoolServer(server, worker: worker, timers: timers, clock: clock, closing: closing)
        table[server.index] = pool
        connector.prepare(pool)
    }

    /// A server has gone; nothing is connected to it.
    public func remove(_ server: SharedServer) {
        guard let pool = find(server) else { return }
        pool.releaseAll()
        table[server.index] = nil
    }

    /// This worker's side of a server; nil when it is not in the table (any more).
    public func find(_ server: SharedServer) -> PoolServer? {
        guard server.index < table.count, let pool = table[server.index], pool.shared === server else { return nil }
        return pool
    }

    /// Chooses by another balancer from now on.
    public func take(_ balancer: Balancer) {
        self.balancer = balancer
        balancer.adopt()
    }

    /// The servers that a value of the backend's cookie belongs to.
    public func servers(ofCookie value: [UInt8]) -> [SharedServer] { balancer.cookies.servers(of: value) }

    /// Places at a server were taken or given back: the next choice counts with that.
    func loadChanged(_ server: SharedServer) { balancer.loadChanged(server) }

    /// A server's facts have changed. Idle connections to its old address are closed.
    public func take(_ facts: ServerFacts, of server: SharedServer) {
        guard let pool = find(server) else { return }
        pool.take(facts)
        connector.prepare(pool)
    }

    /// Ends the exchanges at a server.
    public func shutDown(_ server: SharedServer, _ cause: ShutdownCause) {
        guard let pool = find(server) else { return }
        for dispatch in pool.dispatches.all { dispatch.owner.dispatchShutDown(dispatch, cause) }
    }

    /// Brings an exchange to a server. The owner is told the end, maybe from inside this call.
    public func dispatch(
        _ request: consuming DispatchRequest, owner: any DispatchOwner, remember: (Dispatch) -> Void
    ) {
        let dispatch = Dispatch(request, backend: self, owner: owner)
        remember(dispatch)
        if let server = dispatch.request.server {
            dispatch.isPersistent = true
            return enter(dispatch, server)
        }
        start(dispatch)
    }

    /// Chooses a server.
    func start(_ dispatch: Dispatch, excluding failed: PoolServer? = nil, keep: PoolServer? = nil) {
        if let keep { return enter(dispatch, keep.shared) }
        dispatch.isPersistent = false
        // Those that wait already have the next free places. Somebody else than them has to be under way to bring these.
        let algorithm = shared.settings.balance
        let waiting = shared.queue.count.load(ordering: .relaxed)
        if waiting > 0, waiting < shared.current.load(ordering: .relaxed),
            algorithm == .roundrobin || algorithm == .staticRR || algorithm == .first
        {
            return enqueue(dispatch, nil)
        }
        if failed == nil, let last = lastServer(of: dispatch), last.enter() { return serve(dispatch, last) }
        switch choose(dispatch, excluding: failed?.shared) {
        case .server(let server): enter(dispatch, server)
        case .full: enqueue(dispatch, nil)
        case .none: fail(dispatch, .noServer)
        }
    }

    /// The server that the session has a connection of its own to, where that is preferred to a turn of balancing (`option
    /// prefer-last-server`). Keys of a request say more.
    private func lastServer(of dispatch: Dispatch) -> SharedServer? {
        guard shared.settings.prefersLastServer, !shared.settings.balance.usesKey else { return nil }
        return servers.first { $0.hasConnection(of: dispatch.session) && $0.shared.isUsable }?.shared
    }

    private func choose(_ dispatch: Dispatch, excluding failed: SharedServer? = nil) -> BalanceChoice {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        // Where there is one server only, any key finds it.
        let key: UInt32? =
            shared.settings.balance.usesKey ? (balancer.needsKey ? dispatch.balanceKey : 0) : nil
        return balancer.choose(key: key, random: random, excluding: failed)
    }

    /// Takes a place at a server, or waits for it.
    private func enter(_ dispatch: Dispatch, _ server: SharedServer) {
        if server.enter() { return serve(dispatch, server) }
        let limit = server.maxqueue.load(ordering: .relaxed)
        guard limit > 0, server.queue.count.load(ordering: .relaxed) >= limit else { return enqueue(dispatch, server) }
        // Only what belongs to the server comes here: balancing chooses no such server, and a hash would again.
        if dispatch.isPersistent, !dispatch.request.forcesPersistence, shared.settings.redispatchInterval != 0 {
            return start(dispatch)
        }
        dispatch.foundQueueFull = true
        fail(dispatch, .noServer)
    }

    /// A place at `choice` is taken for the dispatch: use an idle connection, or start one.
    private func serve(_ dispatch: Dispatch, _ choice: SharedServer) {
        guard let server = find(choice) else {
            // It was deleted between the choice and now.
            choice.leave()
            return fail(dispatch, .noServer)
        }
        dispatch.enter(server)
        loadChanged(choice)
        dispatch.dequeuedAt = clock.now
        if choice.settings.redirectPrefix != nil, dispatch.owner.dispatchAnswers(dispatch) {
            dispatch.state = .over
            dispatch.disarm()
            return dispatch.leaveServer()
        }
        if shared.settings.mode == .http {
            let wish = PoolServer.Wish(
                session: dispatch.session, key: connector.key(for: dispatch, server), reuse: server.reuse,
                isRepeatable: !dispatch.isFirst)
            while let connection = server.take(wish) {
                if attach(dispatch, to: connection, isReused: true) { return }
            }
        }
        connect(dispatch, server)
    }

    func connect(_ dispatch: Dispatch, _ server: PoolServer) {
        dispatch.state = .connecting
        dispatch.hasTried = true
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
        dispatch.disarm()
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
        // What has no connection to us now is not asked again: it comes by itself.
        if dispatch.server?.isReversed == true { return fail(dispatch, reason) }
        let isWanted = shared.settings.mode == .tcp || shared.settings.retryOn.connectionFailure
        guard isWanted, dispatch.retries < dispatch.retryLimit else { return fail(dispatch, reason) }
        dispatch.retries += 1
        dispatch.owner.dispatchRetries(dispatch, isRedispatch: isRedispatchDue(dispatch))
        if isRedispatchDue(dispatch) {
            dispatch.state = .retrying
            return start(dispatch, excluding: dispatch.server)
        }
        // HAProxy's turn-around: a server that refuses gets a second (or the connect timeout) before the next try.
        dispatch.state = .retrying
        let pause = min(1000, dispatch.connectTimeout ?? 1000)
        dispatch.timer.arm(at: clock.now.advanced(milliseconds: pause))
    }

    /// The pause is over: the same server gets its second chance, as long as it can be reached.
    func tryAgain(_ dispatch: Dispatch) {
        guard let last = dispatch.server, last.shared.isReachable, find(last.shared) === last else {
            return start(dispatch)
        }
        start(dispatch, keep: last)
    }

    /// Whether this retry goes to another server (`option redispatch`).
    func isRedispatchDue(_ dispatch: Dispatch) -> Bool {
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
        dispatch.disarm()
        dispatch.leaveServer()
        dispatch.owner.dispatchFailed(dispatch, reason)
    }

    // MARK: Queues

    /// Waits for a place at `server`, or at any.
    private func enqueue(_ dispatch: Dispatch, _ server: SharedServer?) {
        let queue = server?.queue ?? shared.queue
        dispatch.state = .queued
        dispatch.ticket = shared.tickets.wrappingAdd(1, ordering: .relaxed).newValue
        dispatch.queueServer = server
        waiting[dispatch.ticket] = dispatch
        let now = Int(clock.now.nanoseconds / 1_000_000) + dispatch.request.priorityOffset
        let key = SharedQueue.key(priorityClass: dispatch.request.priorityClass, milliseconds: now)
        dispatch.queueMark = queue.add(SharedQueue.Entry(key: key, ticket: dispatch.ticket, worker: worker))
        if let limit = dispatch.queueTimeout {
            dispatch.timer.arm(at: dispatch.startedAt.advanced(milliseconds: limit))
        }
        // A place may have become free between the two looks.
        if let server {
            loadChanged(server)
            server.grantPlaces()
        } else {
            serveQueue()
        }
    }

    /// Leaves the queue without a place; false when a place is on its way.
    @discardableResult
    func dequeue(_ dispatch: Dispatch) -> Bool {
        let queue = dispatch.queueServer?.queue ?? shared.queue
        let isOut = queue.remove(dispatch.ticket)
        guard isOut || dispatch.state == .over else { return false }
        waiting[dispatch.ticket] = nil
        leftQueue(dispatch, queue)
        return true
    }

    private func leftQueue(_ dispatch: Dispatch, _ queue: SharedQueue) {
        // The wait counts as such though no place came of it.
        dispatch.dequeuedAt = clock.now
        let before = queue.served.load(ordering: .relaxed) - dispatch.queueMark
        if let server = dispatch.queueServer {
            dispatch.serverQueuePosition += max(0, before)
            loadChanged(server)
            server.tellIfRemovable()
        } else {
            dispatch.backendQueuePosition += max(0, before)
        }
        dispatch.queueServer = nil
    }

    /// A place at `server` was given to the exchange with this ticket.
    public func granted(_ server: SharedServer, _ ticket: UInt64) {
        guard let dispatch = waiting.removeValue(forKey: ticket), dispatch.state == .queued else {
            // It has gone meanwhile: the place is for the next one.
            server.leave()
            return loadChanged(server)
        }
        // It counts as served itself.
        dispatch.queueMark += 1
        leftQueue(dispatch, dispatch.queueServer?.queue ?? shared.queue)
        dispatch.disarm()
        serve(dispatch, server)
    }

    /// Servers may have free places for those that wait.
    public func serveQueue() {
        for server in servers {
            let queued = server.shared.queue.count.load(ordering: .relaxed)
            guard queued > 0 || shared.queue.count.load(ordering: .relaxed) > 0 else { continue }
            server.shared.grantPlaces()
        }
    }

    /// Exchanges that wait for `server` look for another one; those that are bound to it stay.
    public func requeue(_ server: SharedServer) {
        restart { $0.queueServer === server && !$0.request.forcesPersistence }
    }

    /// Exchanges that wait for any server are answered when there is none.
    public func noServerLeft() {
        guard balancer.servers.isEmpty else { return }
        restart { $0.queueServer == nil }
    }

    private func restart(_ isMeant: (Dispatch) -> Bool) {
        for dispatch in waiting.values.filter(isMeant).sorted(by: { $0.ticket < $1.ticket }) {
            guard dispatch.state == .queued, dequeue(dispatch) else { continue }
            dispatch.disarm()
            start(dispatch)
        }
    }

    /// A session is over: what it had of its own is closed, or may serve others.
    public func forget(_ session: AnyObject) {
        for server in servers { server.forget(session) }
    }
}
