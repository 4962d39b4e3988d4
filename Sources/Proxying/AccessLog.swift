package import Configuration
package import Connections
package import Samples
package import Servers

/// Where a worker tells what has happened. Called on the worker's thread; it must not block and may drop.
package protocol AccessLog: AnyObject {
    /// An exchange has its request's head, or its connection in TCP mode.
    func requestReceived(_ record: ProxyExchange)
    /// The request has gone to a connection to a server.
    func serverReached(_ record: ProxyExchange)
    /// The response's head is here.
    func responseReceived(_ record: ProxyExchange)
    /// A rule asks for a line (`do-log`) about an exchange, or about a connection that has none yet.
    func ruleAsked(
        _ record: ProxyExchange?, _ session: Session, _ frontend: FrontendWorker, _ origin: LogOrigin, profile: Int?)
    /// An exchange is over.
    func exchangeEnded(_ record: ProxyExchange)
    /// A client's connection ended before its first request could be read: bad PROXY header, failed TLS, timeout.
    func connectionFailed(_ session: Session, _ frontend: FrontendWorker, _ failure: ConnectionFailure)
    /// A connection to a server could not be made.
    func serverFailed(_ backend: SharedProxyBackend, _ server: SharedServer, _ failure: ConnectionFailure)
    /// A server, or its whole backend, has changed its state: `text` says how.
    func serverChanged(_ backend: SharedBackend, _ level: ServerMessageLevel, _ text: String)
    /// Something has happened to a frontend: `text` says what.
    func frontendChanged(_ frontend: SharedFrontend, _ level: LogLevel, _ text: String)
    /// What was noted is sent now.
    func flush()
}
