import Bytes
import Configuration
import Connections
import Runtime
import Servers
import Synchronization

/// One worker's exchange wants a connection of a reversed server, and none of that worker's is free. The wish goes from
/// worker to worker.
final class ConnectionWish: Sendable {
    let server: SharedServer
    let key: UInt64
    /// Whose exchange waits, and under what number there.
    let worker: Int
    let ticket: UInt64
    private let over = Atomic<Bool>(false)

    init(_ server: SharedServer, key: UInt64, worker: Int, ticket: UInt64) {
        self.server = server
        self.key = key
        self.worker = worker
        self.ticket = ticket
    }

    /// Nobody waits any more.
    var isOver: Bool { over.load(ordering: .relaxed) }
    func end() { over.store(true, ordering: .relaxed) }
}

/// A pooled connection between two workers.
struct DetachedLink: Sendable {
    let connection: DetachedConnection
    let key: UInt64
    let uses: Int
}

/// One worker's side of a server of reverse HTTP: the connections that it has brought to this worker, exchanges that
/// wait for one, and other workers' wishes. An idle connection goes to the worker whose exchange has waited longest.
final class ReversedServer: LoopMember, TimerTarget {
    private struct Wait {
        let dispatch: Dispatch
        let wish: ConnectionWish
        /// The other workers know nothing of the wish: it waits for a connection of this worker.
        var isLocal = false
        /// How often the others were asked.
        var rounds = 1
    }

    private unowned let backend: BackendWorker
    private let pool: PoolServer
    private var links: [ServerLink] = []
    private var waiting: [Wait] = []
    private var wishes: [ConnectionWish] = []
    /// The worker that got the last connection from here: wishes that come too late follow it.
    private var lastReceiver: Int?
    private var tickets: UInt64 = 0
    private let timer: Timer

    /// Between two looks at connections that may have turned free without a word, milliseconds. Only while some wait.
    private static let pace = 5
    /// How often all workers are asked: a connection may go past a wish, from one that is still to be asked to one that
    /// was.
    private static let rounds = 3

    init(_ pool: PoolServer, _ backend: BackendWorker) {
        self.pool = pool
        self.backend = backend
        timer = Timer(on: backend.timers)
        super.init()
        timer.wakes(self)
        pool.becameIdle = { [unowned self] in wake() }
    }

    private var server: SharedServer { pool.shared }
    private var group: WorkerGroup { backend.worker.group }
    private var worker: Int { backend.worker.index }

    private func wake() {
        if !waiting.isEmpty || !wishes.isEmpty { backend.worker.loop.schedule(self) }
    }

    // MARK: Connections

    func insert(_ link: ServerLink) { links.append(link) }

    func remove(_ link: ServerLink) {
        links.removeAll { $0 === link }
        wake()
    }

    private func hasLink(_ key: UInt64) -> Bool { links.contains { $0.key == key } }

    // MARK: Exchanges of this worker

    /// An exchange found no free connection here: it waits for one if the server has any. Throws when it has none.
    func seek(for dispatch: Dispatch, key: UInt64) throws(DispatchFailure) {
        guard server.connections.total > 0, links.count < server.connections.total || hasLink(key) else {
            throw DispatchFailure(reason: "the server has opened no connection")
        }
        tickets += 1
        let wish = ConnectionWish(server, key: key, worker: worker, ticket: tickets)
        dispatch.attempt = wish
        waiting.append(Wait(dispatch: dispatch, wish: wish))
        Self.send(wish, to: others(), in: group)
        wakeLater()
    }

    /// The dispatch waits no more.
    func abandon(_ wish: ConnectionWish) {
        wish.end()
        waiting.removeAll { $0.wish === wish }
    }

    /// The other workers, those with idle connections first.
    private func others() -> [Int] {
        let counts = server.workerIdle
        return counts.indices.filter { $0 != worker }.sorted { left, right in
            counts[left].count.load(ordering: .relaxed) > counts[right].count.load(ordering: .relaxed)
        }
    }

    /// No other worker has a connection for the wish.
    func foundNone(_ wish: ConnectionWish) {
        guard let place = waiting.firstIndex(where: { $0.wish === wish }) else { return }
        if hasLink(wish.key) {
            waiting[place].isLocal = true
        } else if waiting[place].rounds < Self.rounds, links.count < server.connections.total {
            waiting[place].rounds += 1
            Self.send(wish, to: others(), in: group)
        } else {
            fail(waiting.remove(at: place))
        }
    }

    /// A connection has come for the wish: no other worker knows of it any more.
    func arrived(_ link: ServerLink, for wish: ConnectionWish) {
        insert(link)
        if let place = waiting.firstIndex(where: { $0.wish === wish }) { waiting[place].isLocal = true }
    }

    /// The connection that an exchange waited for here is gone, maybe to another worker.
    private func askAgain(_ wish: ConnectionWish) {
        guard let place = waiting.firstIndex(where: { $0.wish === wish }) else { return }
        waiting[place].isLocal = false
        waiting[place].rounds = 1
        Self.send(wish, to: others(), in: group)
    }

    private func fail(_ wait: Wait) {
        wait.wish.end()
        wait.dispatch.attempt = nil
        wait.dispatch.connectFailed(timedOut: false)
    }

    // MARK: Other workers' wishes

    /// Brings a wish to the first of `workers`, which sends it on when it has no connection; the asker hears when
    /// nobody has.
    private static func send(_ wish: ConnectionWish, to workers: [Int], in group: WorkerGroup) {
        guard let next = workers.first else {
            return group.ask(wish.worker, { $0.reversedServer(wish.server)?.foundNone(wish) }, answer: { _ in })
        }
        let rest = Array(workers.dropFirst())
        group.ask(next) { worker in
            guard let reversed = worker.reversedServer(wish.server) else { return false }
            return reversed.take(wish, orPassTo: rest)
        } answer: { isTaken in
            if isTaken != true { send(wish, to: rest, in: group) }
        }
    }

    /// False when this worker has no connection for the wish.
    private func take(_ wish: ConnectionWish, orPassTo rest: [Int]) -> Bool {
        if wish.isOver { return true }
        // What has just come is for those that have waited for it here.
        let isWanted = waiting.contains { $0.wish.key == wish.key }
        if !isWanted, handOver(to: wish) { return true }
        guard hasLink(wish.key) else { return false }
        wishes.append(wish)
        pool.reserve(key: wish.key)
        wakeLater()
        return true
    }

    /// Sends an idle connection to the worker that wants it.
    private func handOver(to wish: ConnectionWish) -> Bool {
        guard let link = pool.handOver(key: wish.key) as? ServerLink else { return false }
        guard let connection = link.stream?.detach() else {
            // It waits for something in this turn.
            pool.putBack(link)
            return false
        }
        link.stream = nil
        links.removeAll { $0 === link }
        lastReceiver = wish.worker
        let detached = DetachedLink(connection: connection, key: link.key, uses: link.uses)
        let server = server
        group.ask(wish.worker) { worker in
            guard let backend = worker.find(server.backend) else { return false }
            return backend.adopt(detached, of: server, for: wish)
        } answer: { isTaken in
            if isTaken != true { server.loseConnection() }
        }
        return true
    }

    // MARK: Turns

    private func wakeLater() {
        if !timer.isArmed, !waiting.isEmpty || !wishes.isEmpty {
            timer.arm(at: backend.now.advanced(milliseconds: Self.pace))
        }
    }

    func timerFired(_ timer: Timer) { wake() }

    override func flush() {
        serveOwn()
        serveOthers()
        wakeLater()
    }

    /// Exchanges of this worker go first: the connection is here.
    private func serveOwn() {
        for wait in waiting {
            let key = wait.wish.key
            if let link = pool.takeFree(key: key) {
                waiting.removeAll { $0.wish === wait.wish }
                wait.wish.end()
                wait.dispatch.attempt = nil
                _ = wait.dispatch.found(link)
            } else if wait.isLocal, !hasLink(key) {
                askAgain(wait.wish)
            }
        }
    }

    private func serveOthers() {
        wishes.removeAll { $0.isOver }
        defer { if wishes.isEmpty { pool.endReservations() } }
        for wish in wishes {
            if handOver(to: wish) {
                wishes.removeAll { $0 === wish }
            } else if hasLink(wish.key) {
                pool.reserve(key: wish.key)
            } else {
                wishes.removeAll { $0 === wish }
                // It may have gone to a worker that has it now; that one's own exchanges find it there.
                let next = lastReceiver.flatMap { $0 == wish.worker ? nil : $0 }
                Self.send(wish, to: next.map { [$0] } ?? [], in: group)
            }
        }
    }
}

extension Worker {
    /// This worker's side of a server of reverse HTTP; nil when it is not in its table, or is another kind of server.
    func reversedServer(_ server: SharedServer) -> ReversedServer? {
        guard let backend = find(server.backend), let pool = backend.backend.find(server) else { return nil }
        return (pool.context as? ServerSide)?.reversed
    }
}
