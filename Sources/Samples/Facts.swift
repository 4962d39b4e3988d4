package import Accounts
package import Connections
package import Messages

/// What expressions know of a frontend or a backend. Whoever has no such figure leaves the standard answer.
package protocol ProxyFacts: AnyObject {
    /// The section's name.
    var nameBytes: [UInt8] { get }
    /// The number that statistics show.
    var identifier: Int { get }
    /// Connections of a frontend, or exchanges in a backend, now.
    var currentConnections: Int { get }
    /// New ones in the last second.
    var sessionRate: Int { get }
    /// Requests of a frontend in the last second.
    var requestRate: Int { get }
    /// Exchanges that wait in a backend's queue and in those of its servers.
    var waiting: Int { get }
    /// A frontend's `default_backend`.
    var defaultBackendFacts: (any ProxyFacts)? { get }
    var times: ProxyTimes { get }
    /// A backend's `retries`.
    var retries: Int { get }
    /// Places for servers; some may be empty.
    var serverCount: Int { get }
    /// The server at a place, 0 ..< ``serverCount``; a server keeps its place as long as it lives. Nil for others.
    func server(_ index: Int) -> (any ServerFigures)?
    /// The server of a name; nil when there is none.
    func server(named name: Span<UInt8>) -> (any ServerFigures)?
}

extension ProxyFacts {
    package var currentConnections: Int { 0 }
    package var sessionRate: Int { 0 }
    package var requestRate: Int { 0 }
    package var waiting: Int { 0 }
    package var defaultBackendFacts: (any ProxyFacts)? { nil }
    package var times: ProxyTimes { ProxyTimes() }
    package var retries: Int { 0 }
    package var serverCount: Int { 0 }
    package func server(_ index: Int) -> (any ServerFigures)? { nil }
    package func server(named name: Span<UInt8>) -> (any ServerFigures)? { nil }
}

/// Timeouts in milliseconds; 0 when none is set.
package struct ProxyTimes: Sendable {
    package var client = 0
    package var connect = 0
    package var queue = 0
    package var server = 0
    package var tarpit = 0
    package var tunnel = 0

    package init() {}
}

/// What expressions know of a server.
package protocol ServerFigures: AnyObject {
    var nameBytes: [UInt8] { get }
    /// The number that statistics show.
    var identifier: Int { get }
    /// Neither in maintenance nor down by its checks.
    var isUp: Bool { get }
    /// Balancing may choose it.
    var isUsable: Bool { get }
    var isBackup: Bool { get }
    /// Exchanges that hold a place now.
    var currentConnections: Int { get }
    /// `maxconn`; 0 without a limit.
    var maximumConnections: Int { get }
    /// `maxqueue`; 0 without a limit.
    var maximumQueue: Int { get }
    var waiting: Int { get }
    var sessionRate: Int { get }
    /// The weight in force, the one that the operator set, and the configured one.
    var currentWeight: Int { get }
    var userWeight: Int { get }
    var initialWeight: Int { get }
}

extension ServerFigures {
    package var sessionRate: Int { 0 }
    package var userWeight: Int { currentWeight }
    package var initialWeight: Int { currentWeight }
    package var maximumQueue: Int { 0 }
    package var isBackup: Bool { false }
}

/// How long the steps of an exchange took, in milliseconds as logs count them (configuration.txt section 8.4); -1 for
/// steps that were not reached.
package struct ExchangeTimes: Sendable {
    /// `%Th`, `%Ti`, `%TR`, `%Tq`.
    package var handshake = 0
    package var idle = -1
    package var requestHead = -1
    package var request = -1
    /// `%Tw`, `%Tc`, `%Tr`, `%Td`.
    package var queue = -1
    package var connect = -1
    package var responseHead = -1
    package var data = -1
    /// `%Ta`, `%Tu`, `%Tt`.
    package var active = -1
    package var user = -1
    package var total = -1

    package init() {}
}

/// Where in the configuration a rule stands.
package struct RuleLocation: Sendable {
    package var file: String
    package var line: Int

    package init(file: String, line: Int) {
        self.file = file
        self.line = line
    }
}

/// What the bytes of a client are in TCP mode, where nobody reads messages unless a rule asks.
package enum RawRequest {
    /// The exchange is one of HTTP.
    case none
    /// The bytes may be the start of a request.
    case incomplete
    /// They are no request.
    case invalid
    case head(MessageHead)
}

/// What `Proxying` tells of an exchange beyond its messages. Whoever has no such figure leaves the standard answer.
package protocol TransactionFacts: AnyObject {
    var frontendFacts: (any ProxyFacts)? { get }
    /// The backend once one is chosen.
    var backendFacts: (any ProxyFacts)? { get }
    /// The server once one is chosen.
    var serverFacts: (any ServerFigures)? { get }
    /// The connection to the server.
    var serverConnection: (any ConnectionFacts)? { get }
    /// The exchange's number on its session, from 1.
    var number: UInt64 { get }
    /// A number of the exchange in the process; it wraps around.
    var processNumber: UInt32 { get }
    /// The status code that a server answered with; -1 without one.
    var serverStatus: Int { get }
    /// Makes the unique identifier by `unique-id-format`; nil without one.
    func makeUniqueID() -> [UInt8]?
    var times: ExchangeTimes { get }
    /// The timeouts in force for this exchange, as rules have set them.
    var currentTimes: ProxyTimes { get }
    /// The most retries for this exchange.
    var currentRetries: Int { get }
    /// Retries done so far.
    var retries: Int { get }
    var isRedispatched: Bool { get }
    /// The connection to the server had carried an exchange before.
    var isReused: Bool { get }
    /// Exchanges that were before this one in the server's and in the backend's queue.
    var serverQueuePosition: Int { get }
    var backendQueuePosition: Int { get }
    /// The two letters of the log's termination state.
    var terminationState: (UInt8, UInt8) { get }
    /// Bytes from the client, to the server, from the server, to the client.
    var bytesFromClient: UInt64 { get }
    var bytesToServer: UInt64 { get }
    var bytesFromServer: UInt64 { get }
    var bytesToClient: UInt64 { get }
    /// The rule that ended its rule set last, and the one that waited when the exchange failed.
    var lastRule: RuleLocation? { get }
    var waitingRule: RuleLocation? { get }
    /// What `set-priority-class` and `set-priority-offset` set.
    var priorityClass: Int { get }
    var priorityOffset: Int { get }
    /// Something went wrong: what `option dontlog-normal` logs.
    var isAbnormal: Bool { get }
    /// It went to a server.
    var isForwarded: Bool { get }
    /// A service of the process answers it, such as the statistics page.
    var isServedHere: Bool { get }
    /// What the client's bytes are in TCP mode; ``RawRequest/none`` otherwise.
    var rawRequest: RawRequest { get }
    /// What aliases of log formats show of the exchange as it stands now.
    func logFigures(_ evaluation: Evaluation) -> LogFigures
}

extension TransactionFacts {
    package var serverFacts: (any ServerFigures)? { nil }
    package var serverConnection: (any ConnectionFacts)? { nil }
    package var number: UInt64 { 1 }
    package var processNumber: UInt32 { 0 }
    package var serverStatus: Int { -1 }
    package func makeUniqueID() -> [UInt8]? { nil }
    package var times: ExchangeTimes { ExchangeTimes() }
    package var currentTimes: ProxyTimes { ProxyTimes() }
    package var currentRetries: Int { 0 }
    package var retries: Int { 0 }
    package var isRedispatched: Bool { false }
    package var isReused: Bool { false }
    package var serverQueuePosition: Int { 0 }
    package var backendQueuePosition: Int { 0 }
    package var terminationState: (UInt8, UInt8) { (0x2d, 0x2d) }
    package var bytesFromClient: UInt64 { 0 }
    package var bytesToServer: UInt64 { 0 }
    package var bytesFromServer: UInt64 { 0 }
    package var bytesToClient: UInt64 { 0 }
    package var lastRule: RuleLocation? { nil }
    package var waitingRule: RuleLocation? { nil }
    package var priorityClass: Int { 0 }
    package var priorityOffset: Int { 0 }
    package var isAbnormal: Bool { false }
    package var isForwarded: Bool { false }
    package var isServedHere: Bool { false }
    package var rawRequest: RawRequest { .none }
    package func logFigures(_ evaluation: Evaluation) -> LogFigures { LogFigures() }
}

/// What expressions know of the process and of the worker that evaluates them.
package protocol ProcessFacts: AnyObject {
    /// The frontend or backend at a place of the configuration.
    func frontend(_ index: Int) -> (any ProxyFacts)?
    func backend(_ index: Int) -> (any ProxyFacts)?
    /// The frontend or backend of a name; nil when there is none.
    func frontend(named name: Span<UInt8>) -> (any ProxyFacts)?
    func backend(named name: Span<UInt8>) -> (any ProxyFacts)?
    /// The user list at a place of the configuration.
    func userList(_ index: Int) -> UserList?
    /// The worker's number, from 0.
    var workerNumber: Int { get }
    /// When the process started: nanoseconds since 1970-01-01 UTC.
    var startedWall: UInt64 { get }
    /// The process takes nothing new and ends.
    var isStopping: Bool { get }
    /// Connections of the whole process now.
    var currentConnections: Int { get }
    /// QUIC listeners are allowed (`tune.quic.listen`).
    var isQUICEnabled: Bool { get }
    /// CPU that the worker, and all workers on the average, used in the last turns, in percent.
    var workerUsage: Int { get }
    var processUsage: Int { get }
    /// The names of all variables by their numbers.
    var variableNames: [String] { get }
}

extension ProcessFacts {
    package func frontend(_ index: Int) -> (any ProxyFacts)? { nil }
    package func backend(_ index: Int) -> (any ProxyFacts)? { nil }
    package func frontend(named name: Span<UInt8>) -> (any ProxyFacts)? { nil }
    package func backend(named name: Span<UInt8>) -> (any ProxyFacts)? { nil }
    package func userList(_ index: Int) -> UserList? { nil }
    package var workerNumber: Int { 0 }
    package var startedWall: UInt64 { 0 }
    package var isStopping: Bool { false }
    package var currentConnections: Int { 0 }
    package var isQUICEnabled: Bool { true }
    package var workerUsage: Int { 0 }
    package var processUsage: Int { 0 }
    package var variableNames: [String] { [] }
}
