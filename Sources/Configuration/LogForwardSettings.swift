/// A `log-forward` section (configuration.txt section 12.6): it takes syslog lines and sends them on.
public struct LogForwardSettings: Sendable, Equatable {
    /// What becomes of the host name in a line (`option host`). A sender on a Unix socket has no address: its lines keep
    /// what they have.
    public enum HostPolicy: String, Sendable {
        /// It is the sender's address.
        case replace
        /// It is the sender's address when there is none.
        case fill
        /// It stays as it is.
        case keep
        /// The sender's address is put behind it.
        case append
    }

    public var name: String
    /// Where connections are taken (`bind`).
    public var streams: [BindAddress] = []
    /// Where datagrams are taken (`dgram-bind`).
    public var datagrams: [BindAddress] = []
    /// Where lines go.
    public var logs: [LogTarget] = []
    public var hostPolicy = HostPolicy.fill
    /// False: lines go on as they came (`option dont-parse-log`).
    public var parsesLines = true
    /// Lines of connections end with a line feed, whatever they begin with (`option assume-rfc6587-ntf`).
    public var assumesLineFeeds = false
    /// Connections at once.
    public var maxconn = 10
    public var backlog: Int?
    /// Milliseconds after which a silent connection is closed; nil: never.
    public var clientTimeout: Int?
    public var location: SourceLocation

    public init(name: String, location: SourceLocation) {
        self.name = name
        self.location = location
    }
}
