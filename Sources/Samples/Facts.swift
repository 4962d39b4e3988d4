public import Accounts
public import Connections
public import Messages

/// What expressions know of a frontend or a backend. Whoever has no such figure leaves the standard answer.
public protocol ProxyFacts: AnyObject {
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
    public var currentConnections: Int { 0 }
    public var sessionRate: Int { 0 }
    public var requestRate: Int { 0 }
    public var waiting: Int { 0 }
    public var defaultBackendFacts: (any ProxyFacts)? { nil }
    public var times: ProxyTimes { ProxyTimes() }
    public var retries: Int { 0 }
    public var serverCount: Int { 0 }
    public func server(_ index: Int) -> (any ServerFigures)? { nil }
    public func server(named name: Span<UInt8>) -> (any ServerFigures)? { nil }
}

/// Timeouts in milliseconds; 0 when none is set.
public struct ProxyTimes: Sendable {
    public var client = 0
    public var connect = 0
    public var queue = 0
    public var server = 0
    public var tarpit = 0
    public var tunnel = 0

    public init() {}
}

/// What expressions know of a server.
public protocol ServerFigures: AnyObject {
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
    public var sessionRate: Int { 0 }
    public var userWeight: Int { currentWeight }
    public var initialWeight: Int { currentWeight }
    public var maximumQueue: Int { 0 }
    public var isBackup: Bool { false }
}

/// How long the steps of an exchange took, in milliseconds as logs count them (configuration.txt section 8.4); -1 for
/// steps that were not reached.
public struct ExchangeTimes: Sendable {
    /// `%Th`, `%Ti`, `%TR`, `%Tq`.
    public var handshake = 0
    public var idle = -1
    public var requestHead = -1
    public var request = -1
    /// `%Tw`, `%Tc`, `%Tr`, `%Td`.
    public var queue = -1
    public var connect = -1
    public var responseHead = -1
    public var data = -1
    /// `%Ta`, `%Tu`, `%Tt`.
    public var active = -1
    public var user = -1
    public var total = -1

    public init() {}
}

/// Where in the configuration a rule stands.
public struct RuleLocation: Sendable {
    public var file: String
    public var line: Int

    public init(file: String, line: Int) {
        self.file = file
        self.line = line
    }
}

/// What the bytes of a client are in TCP mode, where nobody reads messages unless a rule asks.
public enum RawRequest {
    /// The exchange is one of HTTP.
    case none
    /// The bytes may be the start of a request.
    case incomplete
    /// They are no request.
    case invalid
    case head(MessageHead)
}

/// What `Proxying` tells of an exchange beyond its messages. Whoever has no such figure leaves the standard answer.
public protocol TransactionFacts: AnyObject {
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
    /// What the exchange has cost the worker so far.
    var costs: CallFigures { get }
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
    /// Whether the client speaks to a proxy that it knows of (`option http-use-proxy-header`).
    var isProxyRequest: Bool { get }
    /// What the client's bytes are in TCP mode; ``RawRequest/none`` otherwise.
    var rawRequest: RawRequest { get }
    /// What aliases of log formats show of the exchange as it stands now.
    func logFigures(_ evaluation: Evaluation) -> LogFigures
}

extension TransactionFacts {
    public var serverFacts: (any ServerFigures)? { nil }
    public var serverConnection: (any ConnectionFacts)? { nil }
    public var number: UInt64 { 1 }
    public var processNumber: UInt32 { 0 }
    public var serverStatus: Int { -1 }
    public func makeUniqueID() -> [UInt8]? { nil }
    public var times: ExchangeTimes { ExchangeTimes() }
    public var costs: CallFigures { CallFigures() }
    public var currentTimes: ProxyTimes { ProxyTimes() }
    public var currentRetries: Int { 0 }
    public var retries: Int { 0 }
    public var isRedispatched: Bool { false }
    public var isReused: Bool { false }
    public var serverQueuePosition: Int { 0 }
    public var backendQueuePosition: Int { 0 }
    public var terminationState: (UInt8, UInt8) { (0x2d, 0x2d) }
    public var bytesFromClient: UInt64 { 0 }
    public var bytesToServer: UInt64 { 0 }
    public var bytesFromServer: UInt64 { 0 }
    public var bytesToClient: UInt64 { 0 }
    public var lastRule: RuleLocation? { nil }
    public var waitingRule: RuleLocation? { nil }
    public var priorityClass: Int { 0 }
    public var priorityOffset: Int { 0 }
    public var isAbnormal: Bool { false }
    public var isForwarded: Bool { false }
    public var isServedHere: Bool { false }
    public var isProxyRequest: Bool { false }
    public var rawRequest: RawRequest { .none }
    public func logFigures(_ evaluation: Evaluation) -> LogFigures { LogFigures() }
}

/// What a worker spent on something: how often it turned to it, and for how long while that was measured.
public struct CallFigures: Equatable, Sendable {
    /// Calls so far.
    public var count: UInt64 = 0
    /// Nanoseconds that the measured calls took.
    public var time: UInt64 = 0
    /// Nanoseconds from the beginning of the loop's turn to the measured calls.
    public var latency: UInt64 = 0

    public init() {}
}

/// What expressions know of the process and of the worker that evaluates them.
public protocol ProcessFacts: AnyObject {
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
    public func frontend(_ index: Int) -> (any ProxyFacts)? { nil }
    public func backend(_ index: Int) -> (any ProxyFacts)? { nil }
    public func frontend(named name: Span<UInt8>) -> (any ProxyFacts)? { nil }
    public func backend(named name: Span<UInt8>) -> (any ProxyFacts)? { nil }
    public func userList(_ index: Int) -> UserList? { nil }
    public var workerNumber: Int { 0 }
    public var startedWall: UInt64 { 0 }
    public var isStopping: Bool { false }
    public var currentConnections: Int { 0 }
    public var isQUICEnabled: Bool { true }
    public var workerUsage: Int { 0 }
    public var processUsage: Int { 0 }
    public var variableNames: [String] { [] }
}
