public import Rules

/// A proxy's statistics page: its `stats` lines.
public struct StatisticsPageSettings: Sendable, Equatable {
    /// A user who may see the page (`stats auth`).
    public struct User: Sendable, Equatable {
        public var name: String
        public var password: String

        public init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// Who may see the page (`stats http-request`).
    public struct AccessRule: Sendable {
        public enum Action: Sendable, Equatable {
            case allow
            case deny
            /// Users that no list knows are asked for a name and a password; a nil realm is the page's.
            case authenticate(realm: String?)
        }

        public var action: Action
        /// Nil: always.
        public var condition: Condition?

        public init(_ action: Action, if condition: Condition?) {
            self.action = action
            self.condition = condition
        }
    }

    /// Paths that start so are answered with the page (`stats uri`).
    public var uri: String
    /// The realm in which users are asked for (`stats realm`).
    public var realm: String
    /// Empty: everybody may see the page.
    public var users: [User]
    /// Seconds after which the page is fetched again (`stats refresh`); nil: when the user asks.
    public var refresh: Int?
    /// Proxies that are shown (`stats scope`), `.` for the section's own; empty: all.
    public var scopes: [String]
    /// Whether the program's version is shown (`stats show-version`, `stats hide-version`).
    public var showsVersion: Bool
    /// Whether addresses, cookies and the like are shown (`stats show-legends`).
    public var showsLegends: Bool
    /// Whether the columns of modules are shown (`stats show-modules`).
    public var showsModules: Bool
    /// Who may change servers on the page: those for whom one of these holds (`stats admin`).
    public var administrators: [Condition] = []
    /// The first of them that holds decides who sees the page; none: everybody does.
    public var access: [AccessRule] = []
    /// The node's name is shown (`stats show-node`); empty: the machine's.
    public var node: String?
    /// A description is shown (`stats show-desc`).
    public var description: String?

    public static func == (left: StatisticsPageSettings, right: StatisticsPageSettings) -> Bool {
        left.uri == right.uri && left.realm == right.realm && left.users == right.users
            && left.refresh == right.refresh && left.scopes == right.scopes && left.showsVersion == right.showsVersion
            && left.showsLegends == right.showsLegends && left.showsModules == right.showsModules
            && left.node == right.node && left.description == right.description
            && left.administrators.elementsEqual(right.administrators) { $0 === $1 }
            && left.access.elementsEqual(right.access) { $0.action == $1.action && $0.condition === $1.condition }
    }

    public init() {
        uri = "/haproxy?stats"
        realm = "HAProxy Statistics"
        users = []
        refresh = nil
        scopes = []
        showsVersion = true
        showsLegends = false
        showsModules = false
        node = nil
        description = nil
    }
}
