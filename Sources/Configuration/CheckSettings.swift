/// What a `server` line says about its health checks (configuration.txt section 5.2). Times are in milliseconds.
public struct CheckSettings: Sendable, Equatable {
    /// `check`.
    public var isEnabled = false
    /// Between two checks of a server that is fully up (`inter`).
    public var interval = 2000
    /// While the server is on its way up or down (`fastinter`); nil: ``interval``.
    public var fastInterval: Int?
    /// While it is down (`downinter`); nil: ``interval``.
    public var downInterval: Int?
    /// Good checks that bring the server up, and bad ones that take it down.
    public var rise = 2
    public var fall = 3
    /// Where checks connect to (`addr`); nil: where traffic goes.
    public var address: ServerAddress?
    /// The port of checks (`port`); nil: that of ``address``, or of traffic.
    public var port: UInt16?
    /// `check-ssl`, `no-check-ssl`; nil: as traffic, where checks go to the same place.
    public var usesTLS: Bool?
    /// The name in SNI (`check-sni`).
    public var serverName: String?
    /// Whether SNI is taken from the request's host when there is no name (`no-check-sni-auto`).
    public var findsServerName = true
    /// `check-alpn`; nil: as traffic.
    public var alpn: [String]?
    /// `check-send-proxy`.
    public var sendsProxyHeader = false
    /// `check-via-socks4`.
    public var usesSOCKS = false
    /// `check-proto`; nil: as traffic, or as ALPN says.
    public var version: ServerHTTPVersion?
    /// Whether HTTP checks use the server's idle connections where there are some (`check-reuse-pool`).
    public var reusesPool = false
    /// What such a connection has to be named (`check-pool-conn-name`); nil: as in SNI.
    public var poolName: String?
    /// A `default-server`, or another server, has settled what checks are: as long as none is made, the server counts as
    /// healthy.
    public var isInherited = false
    /// The steps of a `healthcheck` section; nil: those of the backend.
    public var ruleset: CheckRuleset?

    public init() {}
}

/// What a `server` line says about agent checks. Times are in milliseconds.
public struct AgentSettings: Sendable, Equatable {
    /// `agent-check`.
    public var isEnabled = false
    /// `agent-inter`; nil: as for health checks.
    public var interval: Int?
    /// `agent-addr`; nil: where health checks go.
    public var address: ServerAddress?
    /// `agent-port`.
    public var port: UInt16 = 0
    /// What is sent first (`agent-send`).
    public var text: [UInt8] = []

    public init() {}
}

/// What of traffic tells about a server's health (`observe`).
public enum ObservedLayer: String, Sendable {
    case none
    /// Connections to the server.
    case layer4
    /// Its responses too.
    case layer7
}

/// What follows too many errors in traffic in a row (`on-error`).
public enum ErrorReaction: String, Sendable {
    /// Checks follow each other faster.
    case fastInterval = "fastinter"
    /// As if a check had failed.
    case failCheck = "fail-check"
    /// As if all checks but one had failed.
    case suddenDeath = "sudden-death"
    case markDown = "mark-down"
}

/// How a server starts (`init-state`).
public enum InitialServerState: String, Sendable {
    /// As the other settings say: up, and down after one failed check.
    case none
    case fullyUp = "fully-up"
    case up
    case down
    case fullyDown = "fully-down"
}

/// Where a backend's server states come from at start (`load-server-state-from-file`).
public enum ServerStateSource: String, Sendable {
    case none
    /// The file of the global section.
    case global
    /// A file of the backend's own.
    case local
}
