/// Why one side of an exchange ended before its message was complete. `docs/CLOSING.md` tells, for each, what the
/// other side and the log see; the first reason that an exchange meets is the one that stays.
public enum CloseReason: UInt8, Error, Sendable, CaseIterable {
    /// The client closed or reset its stream or connection.
    case clientAborted
    /// The client sent what its version of HTTP forbids.
    case clientProtocolError
    /// The client was silent for longer than `timeout client`, `http-request` or `client-fin`.
    case clientTimeout
    /// The server could not be reached: refused, unreachable, TLS failed, all retries used.
    case connectFailed
    /// No connection to the server within `timeout connect`.
    case connectTimeout
    /// No server slot within `timeout queue`.
    case queueTimeout
    /// No server is available for the backend.
    case noServer
    /// The server closed or reset its stream or connection before its message was complete.
    case serverAborted
    /// The server sent what its version of HTTP forbids.
    case serverProtocolError
    /// The server was silent for longer than `timeout server`, `tunnel` or `server-fin`.
    case serverTimeout
    /// The proxy ended the exchange: a rule, `shutdown session`, a stop that would not wait.
    case killed
    /// The proxy ended the exchange because its server is down (`on-marked-down shutdown-sessions`).
    case serverDown
    /// The proxy ended an exchange at a backup server because another is up (`on-marked-up shutdown-backup-sessions`).
    case serverUp
    /// A rule refused the request or the response: `deny`, `reject`, `tarpit`.
    case denied
    /// A rule answered in the server's place: `return`, `redirect`, `auth`.
    case answered
    /// A limit of the proxy was reached (memory, connections, streams).
    case resource
    /// A fault of the proxy itself.
    case internalError
    /// The other side needs no more: an early response is complete, or the request was answered by the proxy.
    case notNeeded

    /// True when the client's side gave the reason.
    public var isClientSide: Bool {
        self == .clientAborted || self == .clientProtocolError || self == .clientTimeout
    }
}
