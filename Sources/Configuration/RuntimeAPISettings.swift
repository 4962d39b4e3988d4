/// Settings of the runtime API: the `stats` lines of the `global` section.
public struct RuntimeAPISettings: Sendable, Equatable {
    /// Sockets to listen on (`stats socket`), in the order of the file. Empty: there is no runtime API.
    public var sockets: [RuntimeSocketSettings]
    /// Milliseconds without a byte after which a connection ends (`stats timeout`).
    public var timeout: Int
    /// Connections at once on all sockets together (`stats maxconn`).
    public var maxconn: Int
    /// Bytes that a command's payload may have (`tune.cli.max-payload-size`).
    public var maxPayload: Int

    public init() {
        sockets = []
        timeout = 10_000
        maxconn = 10
        maxPayload = 131_072
    }
}

/// One socket of the runtime API: a `stats socket` line.
public struct RuntimeSocketSettings: Sendable, Equatable {
    /// Where it listens.
    public var address: BindAddress
    /// What its clients may do (`level`).
    public var level: AccessLevel
    /// Owner and permissions of the socket's file.
    public var permissions: SocketPermissions
    /// How messages show their weight (`severity-output`).
    public var severityOutput: SeverityOutput
    /// Whether clients may fetch the descriptors of the listeners (`expose-fd listeners`).
    public var exposesListeners: Bool
    /// The name that statistics show (`name`).
    public var name: String?
    /// The listen queue (`backlog`); nil: `RuntimeAPISettings.maxconn`.
    public var backlog: Int?
    /// As in ``BindSettings/isIPv6Only``.
    public var isIPv6Only: Bool?
    /// The line that declares it.
    public var location: SourceLocation

    public init(address: BindAddress, location: SourceLocation) {
        self.address = address
        self.level = .operator
        self.permissions = SocketPermissions()
        self.severityOutput = .none
        self.exposesListeners = false
        self.name = nil
        self.backlog = nil
        self.isIPv6Only = nil
        self.location = location
    }
}

/// What a client of the runtime API may do, in rising order (`level`).
public enum AccessLevel: Int, Sendable, Comparable {
    /// Look at what is not sensitive.
    case user
    /// Look at everything, and change what does no harm.
    case `operator`
    /// Everything.
    case admin

    public static func < (left: AccessLevel, right: AccessLevel) -> Bool { left.rawValue < right.rawValue }

    /// The level's word in configuration files and outputs.
    public var word: String {
        switch self {
        case .user: "user"
        case .operator: "operator"
        case .admin: "admin"
        }
    }

    /// The level of a word of configuration files; nil for any other.
    public init?(word: String) {
        switch word {
        case "user": self = .user
        case "operator": self = .operator
        case "admin": self = .admin
        default: return nil
        }
    }
}

/// How the runtime API shows the weight of its messages (`severity-output`).
public enum SeverityOutput: String, Sendable {
    /// Not at all.
    case none
    /// As syslog's number: `[6]: `.
    case number
    /// As syslog's word: `[info]: `.
    case string
}
