import Synchronization

/// What has happened to backends and servers. Each worker acts on it in its own time, in the order of the events.
public enum ServerEvent: Sendable {
    case backendAdded(any SharedBackendOwner)
    case backendRemoved(any SharedBackendOwner)
    case serverAdded(SharedServer)
    /// Nothing is connected to it any more.
    case serverRemoved(SharedServer)
    /// The balancer that workers choose by from now on.
    case balancerChanged(SharedBackend, Balancer)
    /// A name, an address, a port or `ssl` was changed.
    case factsChanged(SharedServer, ServerFacts)
    /// The server's idle connections are to be closed.
    case purge(SharedServer)
    /// The server's exchanges are to be ended: it is down and `on-marked-down` says so, or an operator wants it.
    case shutdownSessions(SharedServer, ShutdownCause)
    /// Exchanges that wait for a place may find one.
    case placesFreed(SharedBackend)
    /// Something about the server's checks was changed: whether they run, how often, where they go.
    case checksChanged(SharedServer)
    /// An exchange that waited has a place at the server: the one with this ticket, for its worker alone.
    case placeGranted(SharedServer, UInt64, worker: Int)
    /// Exchanges that wait for the server have to look for another one.
    case requeue(SharedServer)
    /// No server is left: exchanges that wait for any are answered.
    case noServerLeft(SharedBackend)
    /// The server went up, down or into another administrative state.
    case stateChanged(SharedServer)
    /// Words for the operator and the backend's log.
    case message(SharedBackend, ServerMessageLevel, String)
}

/// The whole of a backend, for those above who know what else belongs to it.
public protocol SharedBackendOwner: AnyObject, Sendable {
    var servers: SharedBackend { get }
}

/// Why a server's exchanges end.
public enum ShutdownCause: Sendable {
    /// `on-marked-down shutdown-sessions`.
    case serverDown
    /// `on-marked-up shutdown-backup-sessions`.
    case serverUp
    /// `shutdown sessions server`.
    case operatorAsked
}

/// Who is told about servers: the workers, the log, whoever else has subscribed.
public final class ServerEvents: Sendable {
    public typealias Listener = @Sendable (ServerEvent) -> Void
    private let listeners = Mutex<[Listener]>([])

    public init() {}

    /// Calls `listener` for all later events, from the thread that changes something and with the backend locked: it
    /// posts to mailboxes and does nothing else.
    public func subscribe(_ listener: @escaping Listener) { listeners.withLock { $0.append(listener) } }

    public func tell(_ event: ServerEvent) {
        let all = listeners.withLock { $0 }
        for listener in all { listener(event) }
    }
}
