package import Configuration
package import Proxying

/// What is known of one frontend, backend or server at one moment: a line of `show stat`.
package struct ProxyRow: Sendable {
    package enum Kind: Int, Sendable {
        case frontend, backend, server, listener

        /// Its letter in typed output, and its word in JSON.
        var letter: String { ["F", "B", "S", "L"][rawValue] }
        var word: String { ["Frontend", "Backend", "Server", "Listener"][rawValue] }
    }

    /// Events in the last second, and the most in any.
    package struct Rates: Sendable {
        package var sessions = 0
        package var requests = 0
        package var connections = 0
        package var maxSessions = 0
        package var maxRequests = 0
        package var maxConnections = 0
    }

    /// What a server's checks, or its agent's, say.
    package struct Check: Sendable {
        package var status: String?
        package var code: Int?
        package var milliseconds: UInt64?
        package var output: String?
        package var description: String?
        package var rise = 0
        package var fall = 0
        package var health = 0
    }

    /// A server's connections.
    package struct Connections: Sendable {
        package var used = 0
        package var needed = 0
        package var idle = 0
        package var idleLimit: Int?
        package var unsafeIdle = 0
        package var safeIdle = 0
        package var sessionIdle = 0
    }

    package let kind: Kind
    package let proxy: String
    package let proxyID: Int
    /// `FRONTEND`, `BACKEND`, or the server's name.
    package let name: String
    package let id: Int
    package let mode: ProxyMode
    /// Its identifier in the whole process (`guid`).
    package var guid: String?
    package var traffic = TrafficCounters()
    package var rates = Rates()

    package var status = ""
    package var sessions = 0
    package var sessionLimit: Int?
    package var queue: Int?
    package var queueLimit: Int?
    /// `rate-limit sessions`.
    package var rateLimit: Int?
    /// What the section's `description` says.
    package var summary: String?
    package var weight: Int?
    package var userWeight: Int?
    package var activeServers: Int?
    package var backupServers: Int?
    package var failedChecks: UInt64?
    package var downTransitions: UInt64?
    package var secondsSinceChange: Int?
    package var downSeconds: Int?
    package var secondsSinceSession: Int?
    package var throttle: Int?
    package var tracked: String?
    package var observedFailures: UInt64?
    package var check: Check?
    package var agent: Check?
    package var address: String?
    package var cookie: String?
    package var algorithm: String?
    package var transport: String?
    package var connections: Connections?
    /// For `no-maint` and `up`.
    package var isInMaintenance = false
    package var isDown = false

    init(_ kind: Kind, proxy: String, proxyID: Int, name: String, id: Int, mode: ProxyMode) {
        self.kind = kind
        self.proxy = proxy
        self.proxyID = proxyID
        self.name = name
        self.id = id
        self.mode = mode
    }

    var isHTTP: Bool { mode == .http }
    var isFront: Bool { kind == .frontend || kind == .listener }
    /// A frontend or a backend: what sees whole messages.
    var hasMessages: Bool { kind == .frontend || kind == .backend }
    var isBack: Bool { !isFront }
    var maxQueue: Int? { isBack ? traffic.maxQueue : nil }

    /// A time of the back side; nil for frontends.
    func time(_ path: KeyPath<TrafficCounters, TimeSample>) -> TimeSample? { isBack ? traffic[keyPath: path] : nil }

    /// The values of all columns.
    func values(_ columns: [StatColumn]) -> [StatValue] { columns.map { $0.value(self) } }

    /// The tags of a column in this row.
    func tags(_ column: StatColumn) -> StatTags { kind == .backend ? column.backendTags : column.tags }
}
