public import Streams

/// Where a connection to a server is counted and found; see ``ConnectionCounts``.
public enum PoolPlace: UInt8, Sendable {
    /// Not counted: not yet begun, or closed.
    case none
    /// Carries exchanges, or is being made, and takes no more of them from here.
    case busy
    /// Carries exchanges and takes more.
    case available
    /// Idle, and has carried one exchange only.
    case unsafe
    /// Idle, and was reused before.
    case safe
    /// Idle, and belongs to one session.
    case session

    /// It waits for work.
    public var isIdle: Bool { self == .unsafe || self == .safe || self == .session }
    var isUsed: Bool { self == .busy || self == .available }
}

/// A connection to a server as a pool sees it.
public protocol PooledConnection: AnyObject {
    /// How many more exchanges it takes now, and whether it carries one, or is being made.
    var load: (free: Int, isBusy: Bool) { get }
    /// Whether a slow exchange on it holds up the others (HTTP/2 over TCP): `http-reuse safe` does not share it then.
    var hasHeadOfLineRisk: Bool { get }
    /// Whether a later exchange's failure can not be that of its server having closed in between: HTTP/2 and HTTP/3 say
    /// which requests they have not processed.
    var isSafeAtOnce: Bool { get }
    /// What else has to be alike for an exchange to use it: server name, PROXY header, addresses. 0: nothing.
    var key: UInt64 { get }
    /// Opens an exchange on it; false when it cannot take it after all.
    func open(_ exchange: Exchange) -> Bool
    /// Looks at its socket: false when the server has closed it, and it is no good any more.
    func checkAlive() -> Bool
    /// Closes it in order.
    func retire()
    /// Closes it now when it is idle, at the least cost; else like ``retire()``. Nothing when it is closed already. Not
    /// from inside one of its own calls.
    func closeIdle()
    /// Where it stands in its pool; the pool's own.
    var place: PoolPlace { get set }
    var poolIndex: Int { get set }
    /// The session that alone may use it (`http-reuse never`, or its first requests); nil when anyone may.
    var privateTo: AnyObject? { get set }
    /// Exchanges it has carried.
    var uses: Int { get set }
}

/// Makes connections to servers: declared here, done by the connection manager's side.
public protocol ServerConnector: AnyObject {
    /// A server has come into the worker's table, or its facts have changed: makes what its connections need.
    func prepare(_ server: PoolServer)

    /// Starts a connection for `dispatch`, to `server`. Its end is told by ``Dispatch/connected(_:)`` or
    /// ``Dispatch/connectFailed(timedOut:)``; throws when it cannot even start.
    func connect(for dispatch: Dispatch, to server: PoolServer) throws(DispatchFailure)

    /// Gives up a connection that was started for `dispatch`.
    func abandon(_ dispatch: Dispatch)

    /// What a connection of `server` must have in common with the dispatch to carry it: see ``PooledConnection/key``.
    func key(for dispatch: Dispatch, _ server: PoolServer) -> UInt64
}

/// A connection attempt that could not be started.
public struct DispatchFailure: Error, Sendable {
    /// What the system said, for the log.
    public let reason: String
    public init(reason: String) { self.reason = reason }
}
