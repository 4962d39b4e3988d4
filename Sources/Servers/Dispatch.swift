public import Bytes
import Configuration
public import Runtime
public import Streams
import Synchronization

/// Who wants to know how a dispatch ends.
public protocol DispatchOwner: AnyObject {
    /// A try at ``Dispatch/server`` has failed, and there is another one: at the same server, or at one that is chosen anew.
    func dispatchRetries(_ dispatch: Dispatch, isRedispatch: Bool)
    /// The exchange is about to be attached to a connection of ``Dispatch/server``: the request may still be changed.
    func dispatchAttaches(_ dispatch: Dispatch)
    /// A place at ``Dispatch/server`` is taken. True: the owner has answered by itself, and wants no connection.
    func dispatchAnswers(_ dispatch: Dispatch) -> Bool
    /// The hash of the key by which `balance` chooses; nil: the request has none. Asked only when a choice needs it.
    func balanceKey(_ dispatch: Dispatch) -> UInt32?
    /// The exchange is attached to a connection of ``Dispatch/server``.
    func dispatched(_ dispatch: Dispatch)
    /// No server took the exchange: `reason` is connectFailed, connectTimeout, queueTimeout or noServer.
    func dispatchFailed(_ dispatch: Dispatch, _ reason: CloseReason)
    /// The exchange is to end now: its server is down, or an operator wants it.
    func dispatchShutDown(_ dispatch: Dispatch, _ cause: ShutdownCause)
}

extension DispatchOwner {
    public func dispatchRetries(_ dispatch: Dispatch, isRedispatch: Bool) {}
    public func dispatchAttaches(_ dispatch: Dispatch) {}
    public func dispatchAnswers(_ dispatch: Dispatch) -> Bool { false }
}

/// What was decided about an exchange's server before balancing.
public struct ServerAssignment {
    /// The server that the exchange goes to (`use-server`); nil: balancing or persistence choose one.
    public var server: SharedServer?
    /// Persistence may choose a server that is down (`force-persist`).
    public var forcesPersistence = false
    /// Persistence does not count (`ignore-persist`).
    public var ignoresPersistence = false

    public init() {}
}

/// Settings of one dispatch alone; nil: those of its backend. Times are in milliseconds.
public struct DispatchLimits: Sendable {
    public var retries: Int?
    public var connectTimeout: Int?
    public var queueTimeout: Int?

    public init(retries: Int? = nil, connectTimeout: Int? = nil, queueTimeout: Int? = nil) {
        self.retries = retries
        self.connectTimeout = connectTimeout
        self.queueTimeout = queueTimeout
    }
}

/// An exchange that needs a server, and what is known of the one it wants.
public struct DispatchRequest {
    public var exchange: Exchange
    /// Identity of the client's session.
    public var session: AnyObject
    /// True for the session's first exchange: `http-reuse safe` gives it a connection of its own.
    public var isFirst: Bool
    /// The port that the client came in on.
    public var clientPort: UInt16
    /// The server that the exchange belongs to (a cookie, `use-server`, a stick table); nil: any.
    public var server: SharedServer?
    /// It goes to ``server`` though that is down (`force-persist`).
    public var forcesPersistence = false
    /// What it belongs to is of no account (`ignore-persist`).
    public var ignoresPersistence = false
    /// Its place among those that wait: -2047 to 2047, lower first; and milliseconds that it counts as older or younger
    /// (`set-priority-class`, `set-priority-offset`).
    public var priorityClass = 0
    public var priorityOffset = 0

    /// What rules have set for it in place of the backend's settings.
    public var limits = DispatchLimits()

    public init(exchange: Exchange, session: AnyObject, isFirst: Bool, clientPort: UInt16) {
        self.exchange = exchange
        self.session = session
        self.isFirst = isFirst
        self.clientPort = clientPort
    }
}

/// One exchange's way to a server: choice, queue, connection, retries. It holds a place at its server until
/// ``release()``.
public final class Dispatch: TimerTarget {
    /// What the dispatch waits for.
    public enum State: Sendable { case idle, queued, connecting, retrying, attached, over }

    public let request: DispatchRequest
    public let backend: Backend
    public internal(set) var state = State.idle
    /// The server that was chosen last.
    public internal(set) var server: PoolServer?
    /// Whether it goes where it belongs, and not where balancing has sent it.
    public internal(set) var isPersistent = false
    /// Retries done so far.
    public internal(set) var retries = 0
    /// True when a retry went to another server.
    public internal(set) var isRedispatched = false
    /// True when the connection had carried an exchange before.
    public internal(set) var isReused = false
    /// It was refused because its server's queue was full.
    public internal(set) var foundQueueFull = false
    /// Exchanges that left the server's and the backend's queue while this one waited there.
    public internal(set) var serverQueuePosition = 0
    public internal(set) var backendQueuePosition = 0
    /// When the dispatch began, left the queue, and was attached; zero before.
    public let startedAt: Instant
    public internal(set) var dequeuedAt = Instant.zero
    public internal(set) var attachedAt = Instant.zero

    /// The connection that the exchange is, or was last, attached to; nil before.
    public internal(set) var connection: (any PooledConnection)?
    /// What the connector keeps about the connection it starts for this dispatch.
    public var attempt: AnyObject?

    public unowned let owner: any DispatchOwner
    var holdsPlace = false
    /// Whether its last server was asked for a connection, or had one.
    public internal(set) var hasTried = false
    /// Where the dispatch stands among those of its server.
    var setIndex = -1
    /// Its number in a queue; the server whose queue that is, nil for the backend's; and how many had left it then.
    var ticket: UInt64 = 0
    var queueServer: SharedServer?
    var queueMark = 0
    private var key: UInt32??
    private var madeTimer: Timer?

    public var exchange: Exchange { request.exchange }
    public var session: AnyObject { request.session }
    public var isFirst: Bool { request.isFirst }
    public var clientPort: UInt16 { request.clientPort }

    init(_ request: consuming DispatchRequest, backend: Backend, owner: any DispatchOwner) {
        self.request = request
        self.backend = backend
        self.owner = owner
        startedAt = backend.clock.now
    }

    /// For the wait for a place, a connection or a retry; most dispatches need none.
    var timer: Timer {
        if let madeTimer { return madeTimer }
        let made = Timer(on: backend.timers, target: self)
        madeTimer = made
        return made
    }

    /// Waits no longer.
    func disarm() { madeTimer?.disarm() }

    /// The most retries.
    var retryLimit: Int { request.limits.retries ?? backend.shared.settings.retries }
    /// Longest wait for a connection, and for a place; milliseconds, nil: for ever.
    var connectTimeout: Int? { request.limits.connectTimeout ?? backend.shared.settings.timeouts.connect }
    var queueTimeout: Int? { request.limits.queueTimeout ?? backend.shared.settings.timeouts.queue }

    /// The hash by which a server is chosen; worked out once.
    var balanceKey: UInt32? {
        if let key { return key }
        let made = owner.balanceKey(self)
        key = .some(made)
        return made
    }

    /// The connection that was started for this dispatch is ready.
    public func connected(_ connection: any PooledConnection) {
        // The exchange may have gone away in the meantime: the connection serves others then.
        guard state == .connecting else { return }
        backend.attach(self, to: connection, isReused: false)
    }

    /// A connection that the server has opened takes the exchange. False: it does not, or the dispatch waits no more.
    public func found(_ connection: any PooledConnection) -> Bool {
        guard state == .connecting, let server else { return false }
        if backend.attach(self, to: connection, isReused: true) { return true }
        backend.connect(self, server)
        return false
    }

    /// The connection that was started for this dispatch did not come about.
    public func connectFailed(timedOut: Bool) {
        guard state == .connecting else { return }
        disarm()
        server?.shared.connectFailures.wrappingAdd(1, ordering: .relaxed)
        backend.retry(self, timedOut ? .connectTimeout : .connectFailed)
    }

    /// Whether a retry is left for an exchange that a connection has taken.
    public var canReattach: Bool { state == .attached && retries < retryLimit }

    /// The back end failed, and the request may be sent again: on another connection, or to another server when
    /// `option redispatch` says so. False when no retry is left.
    public func reattach() -> Bool {
        guard canReattach else { return false }
        retries += 1
        owner.dispatchRetries(self, isRedispatch: backend.isRedispatchDue(self))
        let last = server
        leaveServer()
        backend.restart(self, after: last)
        return true
    }

    /// The exchange needs no server any more: its place, its wait or its connection attempt is given up.
    public func release() {
        guard state != .over else { return }
        let last = state
        state = .over
        disarm()
        if last == .queued { backend.dequeue(self) }
        if last == .connecting { backend.connector.abandon(self) }
        leaveServer()
    }

    /// A place at `server` is taken.
    func enter(_ server: PoolServer) {
        if let last = self.server, last !== server { isRedispatched = true }
        self.server = server
        hasTried = false
        holdsPlace = true
        server.dispatches.insert(self)
    }

    func leaveServer() {
        guard holdsPlace, let server else { return }
        holdsPlace = false
        server.dispatches.remove(self)
        server.shared.leave()
        backend.loadChanged(server.shared)
    }

    public func timerFired(_ timer: Timer) {
        switch state {
        case .queued:
            // Its place may be on the way.
            guard backend.dequeue(self) else { return }
            backend.fail(self, .queueTimeout)
        case .connecting:
            backend.connector.abandon(self)
            server?.shared.connectFailures.wrappingAdd(1, ordering: .relaxed)
            backend.retry(self, .connectTimeout)
        case .retrying: backend.tryAgain(self)
        case .idle, .attached, .over: break
        }
    }
}
