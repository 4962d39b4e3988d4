/// What a `server` line says about its health checks (configuration.txt section 5.2). Times are in milliseconds.
package struct CheckSettings: Sendable, Equatable {
    /// `check`.
    package var isEnabled = false
    /// Between two checks of a server that is fully up (`inter`).
    package var interval = 2000
    /// While the server is on its way up or down (`fastinter`); nil: ``interval``.
    package var fastInterval: Int?
    /// While it is down (`downinter`); nil: ``interval``.
    package var downInterval: Int?
    /// Good checks that bring the server up, and bad ones that take it down.
    package var rise = 2
    package var fall = 3
    /// Where checks connect to (`addr`); nil: where traffic goes.
    package var address: ServerAddress?
    /// The port of checks (`port`); nil: that of ``address``, or of traffic.
    package var port: UInt16?
    /// `check-ssl`, `no-check-ssl`; nil: as traffic, where checks go to the same place.
    package var usesTLS: Bool?
    /// The name in SNI (`check-sni`).
    package var serverName: String?
    /// Whether SNI is taken from the request's host when there is no name (`no-check-sni-auto`).
    package var findsServerName = true
    /// `check-alpn`; nil: as traffic.
    package var alpn: [String]?
    /// `check-send-proxy`.
    package var sendsProxyHeader = false
    /// `check-proto`; nil: as traffic, or as ALPN says.
    package var version: ServerHTTPVersion?
    /// The steps of a `healthcheck` section; nil: those of the backend.
    package var ruleset: CheckRuleset?

    package init() {}
}

/// What a `server` line says about agent checks. Times are in milliseconds.
package struct AgentSettings: Sendable, Equatable {
    /// `agent-check`.
    package var isEnabled = false
    /// `agent-inter`; nil: as for health checks.
    package var interval: Int?
    /// `agent-addr`; nil: where health checks go.
    package var address: ServerAddress?
    /// `agent-port`.
    package var port: UInt16 = 0
    /// What is sent first (`agent-send`).
    package var text: [UInt8] = []

    package init() {}
}

/// What of traffic tells about a server's health (`observe`).
package enum ObservedLayer: String, Sendable {
    case none
    /// Connections to the server.
    case layer4
    /// Its responses too.
    case layer7
}

/// What follows too many errors in traffic in a row (`on-error`).
package enum ErrorReaction: String, Sendable {
    /// Checks follow each other faster.
    case fastInterval = "fastinter"
    /// As if a check had failed.
    case failCheck = "fail-check"
    /// As if all checks but one had failed.
    case suddenDeath = "sudden-death"
    case markDown = "mark-down"
}

/// How a server starts (`init-state`).
package enum InitialServerState: String, Sendable {
    /// As the other settings say: up, and down after one failed check.
    case none
    case fullyUp = "fully-up"
    case up
    case down
    case fullyDown = "fully-down"
}

/// Where a backend's server states come from at start (`load-server-state-from-file`).
package enum ServerStateSource: String, Sendable {
    case none
    /// The file of the global section.
    case global
    /// A file of the backend's own.
    case local
}
