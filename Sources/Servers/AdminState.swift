/// What an operator, a tracked server or a resolver has decided about a server, whatever its checks say. The bits are
/// HAProxy's: `srv_admin_state` of `show servers state` and of server-state files.
public struct AdminState: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `disable server`, `set server … state maint`, or `disabled` in the configuration.
    public static let forcedMaintenance = AdminState(rawValue: 0x01)
    /// The server that this one tracks is in maintenance.
    public static let inheritedMaintenance = AdminState(rawValue: 0x02)
    /// The configuration says `disabled`; kept for server-state files, it has no effect of its own.
    public static let configuredMaintenance = AdminState(rawValue: 0x04)
    /// `set server … state drain`.
    public static let forcedDrain = AdminState(rawValue: 0x08)
    /// The server that this one tracks is draining.
    public static let inheritedDrain = AdminState(rawValue: 0x10)
    /// The server's name does not resolve.
    public static let unresolved = AdminState(rawValue: 0x20)
    /// The server's name was changed at run time.
    public static let nameChanged = AdminState(rawValue: 0x40)

    /// Every kind of maintenance.
    public static let maintenance: AdminState = [.forcedMaintenance, .inheritedMaintenance, .unresolved]
    /// Every kind of drain.
    public static let drain: AdminState = [.forcedDrain, .inheritedDrain]

    /// True while nothing may be sent to the server.
    public var isMaintenance: Bool { !isDisjoint(with: .maintenance) }
    /// True while the server gets only what belongs to it already (persistence).
    public var isDrain: Bool { !isDisjoint(with: .drain) }
}

/// Whether a server works, as its checks or an operator see it. The numbers are HAProxy's `srv_op_state`.
public enum OperationalState: UInt8, Sendable {
    /// Down.
    case stopped = 0
    /// Up, and its weight still grows (`slowstart`).
    case starting = 1
    /// Up.
    case running = 2
    /// Up, but it asks for no new clients (a check's 404, an agent's `stopping`).
    case stopping = 3
}

/// How much a message about a server matters.
public enum ServerMessageLevel: Sendable {
    case notice, alert, emergency
}
