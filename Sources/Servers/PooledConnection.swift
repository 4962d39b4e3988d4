package import Streams

/// A connection to a server as a pool sees it.
package protocol PooledConnection: AnyObject {
    /// How many more exchanges it takes now.
    var availableStreams: Int { get }
    /// Opens an exchange on it; false when it cannot take it after all.
    func open(_ exchange: Exchange) -> Bool
    /// Closes it in order.
    func retire()
    /// Where it stands in its pool; -1 outside.
    var poolIndex: Int { get set }
    /// The session that alone may use it (`http-reuse never`, or its first requests); nil when anyone may.
    var privateTo: AnyObject? { get set }
    /// Exchanges it has carried.
    var uses: Int { get set }
}

/// Makes connections to servers: declared here, done by the connection manager's side.
package protocol ServerConnector: AnyObject {
    /// Starts a connection for `dispatch`, to `server`. Its end is told by ``Dispatch/connected(_:)`` or
    /// ``Dispatch/connectFailed(timedOut:)``; throws when it cannot even start.
    func connect(for dispatch: Dispatch, to server: PoolServer) throws(DispatchFailure)

    /// Gives up a connection that was started for `dispatch`.
    func abandon(_ dispatch: Dispatch)
}

/// A connection attempt that could not be started.
package struct DispatchFailure: Error, Sendable {
    /// What the system said, for the log.
    package let reason: String
    package init(reason: String) { self.reason = reason }
}
