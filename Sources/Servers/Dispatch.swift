package import Bytes
import Configuration
package import Runtime
package import Streams
import Synchronization

/// Who wants to know how a dispatch ends.
package protocol DispatchOwner: AnyObject {
    /// The exchange is about to be attached to a connection of ``Dispatch/server``: the request may still be changed.
    func dispatchAttaches(_ dispatch: Dispatch)
    /// The exchange is attached to a connection of ``Dispatch/server``.
    func dispatched(_ dispatch: Dispatch)
    /// No server took the exchange: `reason` is connectFailed, connectTimeout, queueTimeout or noServer.
    func dispatchFailed(_ dispatch: Dispatch, _ reason: CloseReason)
    /// The exchange is to end now: its server is down, or an operator wants it.
    func dispatchShutDown(_ dispatch: Dispatch, _ cause: ShutdownCause)
}

extension DispatchOwner {
    package func dispatchAttaches(_ dispatch: Dispatch) {}
}

/// What was decided about an exchange's server before balancing.
package struct ServerAssignment {
    /// The server that the exchange goes to (`use-server`); nil: balancing or persistence choose one.
    package var server: SharedServer?
    /// Persistence may choose a server that is down (`force-persist`).
    package var forcesPersistence = false
    /// Persistence does not count (`ignore-persist`).
    package var ignoresPersistence = false

    package init() {}
}

/// Settings of one dispatch alone; nil: those of its backend. Times are in milliseconds.
package struct DispatchLimits: Sendable {
    package var retries: Int?
    package var connectTimeout: Int?
    package var queueTimeout: Int?

    package init(retries: Int? = nil, connectTimeout: Int? = nil, queueTimeout: Int? = nil) {
        self.retries = retries
        self.connectTimeout = connectTimeout
        self.queueTimeout = queueTimeout
    }
}

/// One exchange's way to a server: choice, queue, connection, retries. It holds a place at its server until
/// ``release()``.
package final class Dispatch: TimerTarget {
    /// What the dispatch waits for.
    package enum State: Sendable { case idle, queued, connecting, retrying, attached, over }

    package let exchange: Exchange
    package let backend: Backend
    /// Identity of the client's session.
    package let session: AnyObject
    /// True for the session's first exchange: `http-reuse safe` gives it a connection of its own.
    package let isFirst: Bool
    /// A hash of the client's address, for `balance source`.
    package let sourceHash: UInt32
    /// The port that the client came in on.
    package let clientPort: UInt16
    /// What rules have decided.
    package let assignment: ServerAssignment
    /// The place among those that wait: lower classes first, then by time with an offset in milliseconds.
    package var priorityClass = 0
    package var priorityOffset = 0
    /// What rules have set for this exchange in place of the backend's settings; nil: as it is there.
    package var limits = DispatchLimits()
    package internal(set) var state = State.idle
    /// The server that was chosen last.
    package internal(set) var server: PoolServer?
    /// Retries done so far.
    package internal(set) var retries = 0
    /// True when a retry went to another server.
    package internal(set) var isRedispatched = false
    /// True when the connection had carried an exchange before.
    package internal(set) var isReused = false
    /// Exchanges that were before this one in the server's and in the backend's queue.
    package internal(set) var serverQueuePosition = 0
    package internal(set) var backendQueuePosition = 0
    /// When the dispatch began, left the queue, and was attached; zero before.
    package let startedAt: Instant
    package internal(set) var dequeuedAt = Instant.zero
    package internal(set) var attachedAt = Instant.zero

    /// The connection that the exchange is, or was last, attached to; nil before.
    package internal(set) var connection: (any PooledConnection)?
    /// What the connector keeps about the connection it starts for this dispatch.
    package var attempt: AnyObject?

    package unowned let owner: any DispatchOwner
    var holdsPlace = false
    /// Where the dispatch stands among those of its server.
    var setIndex = -1
    var timer: Timer!

    init(
        _ exchange: Exchange, backend: Backend, session: AnyObject, isFirst: Bool, sourceHash: UInt32,
        clientPort: UInt16, assignment: ServerAssignment, owner: any DispatchOwner
    ) {
        self.assignment = assignment
        self.exchange = exchange
        self.backend = backend
        self.session = session
        self.isFirst = isFirst
        self.sourceHash = sourceHash
        self.clientPort = clientPort
        self.owner = owner
        startedAt = backend.clock.now
        timer = Timer(on: backend.timers, target: self)
    }

    /// The most retries.
    var retryLimit: Int { limits.retries ?? backend.shared.settings.retries }
    /// Longest wait for a connection, and for a place; milliseconds, nil: for ever.
    var connectTimeout: Int? { limits.connectTimeout ?? backend.shared.settings.timeouts.connect }
    var queueTimeout: Int? { limits.queueTimeout ?? backend.shared.settings.timeouts.queue }

    /// The connection that was started for this dispatch is ready.
    package func connected(_ connection: any PooledConnection) {
        // The exchange may have gone away in the meantime: the connection serves others then.
        guard state == .connecting else { return }
        backend.attach(self, to: connection, isReused: false)
    }

    /// The connection that was started for this dispatch did not come about.
    package func connectFailed(timedOut: Bool) {
        guard state == .connecting else { return }
        timer.disarm()
        server?.shared.connectFailures.wrappingAdd(1, ordering: .relaxed)
        backend.retry(self, timedOut ? .connectTimeout : .connectFailed)
    }

    /// Whether a retry is left for an exchange that a connection has taken.
    package var canReattach: Bool { state == .attached && retries < retryLimit }

    /// The back end failed, and the request may be sent again: on another connection, or to another server when
    /// `option redispatch` says so. False when no retry is left.
    package func reattach() -> Bool {
        guard canReattach else { return false }
        retries += 1
        let last = server
        leaveServer()
        backend.restart(self, after: last)
        return true
    }

    /// The exchange needs no server any more: its place, its wait or its connection attempt is given up.
    package func release() {
        guard state != .over else { return }
        let last = state
        state = .over
        timer.disarm()
        if last == .queued { backend.dequeue(self) }
        if last == .connecting { backend.connector.abandon(self) }
        leaveServer()
    }

    /// A place at `server` is taken.
    func enter(_ server: PoolServer) {
        if let last = self.server, last !== server { isRedispatched = true }
        self.server = server
        holdsPlace = true
        server.dispatches.insert(self)
    }

    func leaveServer() {
        guard holdsPlace, let server else { return }
        holdsPlace = false
        server.dispatches.remove(self)
        server.shared.leave()
        backend.placeFreed()
    }

    package func timerFired(_ timer: Timer) {
        switch state {
        case .queued:
            backend.dequeue(self)
            backend.fail(self, .queueTimeout)
        case .connecting:
            backend.connector.abandon(self)
            server?.shared.connectFailures.wrappingAdd(1, ordering: .relaxed)
            backend.retry(self, .connectTimeout)
        case .retrying: backend.start(self)
        case .idle, .attached, .over: break
        }
    }
}
