package import Rules

/// A proxy's statistics page: its `stats` lines.
package struct StatisticsPageSettings: Sendable, Equatable {
    /// A user who may see the page (`stats auth`).
    package struct User: Sendable, Equatable {
        package var name: String
        package var password: String

        package init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// Paths that start so are answered with the page (`stats uri`).
    package var uri: String
    /// The realm in which users are asked for (`stats realm`).
    package var realm: String
    /// Empty: everybody may see the page.
    package var users: [User]
    /// Seconds after which the page is fetched again (`stats refresh`); nil: when the user asks.
    package var refresh: Int?
    /// Proxies that are shown (`stats scope`), `.` for the section's own; empty: all.
    package var scopes: [String]
    /// Whether the program's version is shown (`stats show-version`, `stats hide-version`).
    package var showsVersion: Bool
    /// Whether addresses, cookies and the like are shown (`stats show-legends`).
    package var showsLegends: Bool
    /// Whether the columns of modules are shown (`stats show-modules`).
    package var showsModules: Bool
    /// Who may change servers on the page: those for whom one of these holds (`stats admin`).
    package var administrators: [Condition] = []
    /// The node's name is shown (`stats show-node`); empty: the machine's.
    package var node: String?
    /// A description is shown (`stats show-desc`).
    package var description: String?

    package static func == (left: StatisticsPageSettings, right: StatisticsPageSettings) -> Bool {
        left.uri == right.uri && left.realm == right.realm && left.users == right.users
            && left.refresh == right.refresh && left.scopes == right.scopes && left.showsVersion == right.showsVersion
            && left.showsLegends == right.showsLegends && left.showsModules == right.showsModules
            && left.node == right.node && left.description == right.description
            && left.administrators.elementsEqual(right.administrators) { $0 === $1 }
    }

    package init() {
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
