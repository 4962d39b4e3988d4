public import Accounts
public import Patterns
public import Samples

/// The checked configuration of one process: every name resolved, every default filled in, every value in range.
///
/// It is made once by `Language` and then shared by all workers: plain values, never changed.
/// Times are in milliseconds and sizes in bytes, unless a member says otherwise.
public struct Configuration: Sendable, Equatable {
    /// Settings of the whole process (the `global` section).
    public var global: GlobalSettings
    /// The front halves in the order of the file: each `frontend`, and the front of each `listen`.
    public var frontends: [FrontendSettings]
    /// The back halves in the order of the file: each `backend`, and the back of each `listen`.
    public var backends: [BackendSettings]
    /// `resolvers` sections.
    public var resolvers: [ResolverSettings] = []
    /// `log-profile` sections.
    public var logProfiles: [LogProfile] = []
    /// `userlist` sections.
    public var userLists: [UserList] = []
    /// `ring` sections, and the rings of log targets over streams.
    public var rings: [RingSettings] = []
    /// `log-forward` sections.
    public var logForwards: [LogForwardSettings] = []
    /// The backends that log targets name: places in ``backends``.
    public var logBackends: [Int] = []
    /// Where texts for operators go: the standard sinks and the rings.
    public var sinks = SinkTable()
    /// The names of all variables by their numbers.
    public var variableNames = VariableNames()
    /// Pattern lists of ACLs and maps: what the runtime API changes, and what workers' reading is guarded by.
    public var patterns = PatternRegistry()

    public init(
        global: GlobalSettings = GlobalSettings(),
        frontends: [FrontendSettings] = [],
        backends: [BackendSettings] = []
    ) {
        self.global = global
        self.frontends = frontends
        self.backends = backends
    }

    /// Whether any proxy may let bytes stay in the kernel.
    public var splices: Bool {
        guard !global.forbidsSplicing else { return false }
        return frontends.contains { $0.options.splicing.isOn } || backends.contains { $0.options.splicing.isOn }
    }

    /// Kernel pipes for so many connections.
    public func pipeLimit(connections: Int) -> Int { splices ? global.maxPipes ?? max(1, connections / 4) : 0 }

    public static func == (left: Configuration, right: Configuration) -> Bool {
        left.global == right.global && left.frontends == right.frontends && left.backends == right.backends
            && left.logProfiles == right.logProfiles && left.resolvers == right.resolvers
            && left.userLists == right.userLists && left.rings == right.rings
            && left.logForwards == right.logForwards && left.logBackends == right.logBackends
    }
}

/// The place in the configuration that declares something: a file's path and a line, counted from 1.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    public var file: String
    public var line: Int

    public init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    /// `file:line`, as messages print it.
    public var description: String { "\(file):\(line)" }
}

/// What a proxy takes its connections for (`mode`).
public enum ProxyMode: String, Sendable {
    /// Connections are byte streams.
    case tcp
    /// Connections carry HTTP of any version.
    case http
}
