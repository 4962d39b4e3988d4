import Accounts
import Configuration
import Words

/// A `userlist` section as it is written.
struct UserListDraft: Sendable {
    struct User: Sendable {
        var name: String
        var password: UserList.Password?
        /// The groups that the user's own line names.
        var groups: [String] = []
    }

    struct Group: Sendable {
        var name: String
        var users: [String] = []
    }

    var name: String
    var mark: Mark
    var users: [User] = []
    var groups: [Group] = []

    /// The list with its users' groups found. Throws HAProxy's words for a name that is not there.
    func resolved() throws(Complaint) -> UserList {
        var groupsByUser: [String: [String]] = [:]
        for user in users {
            for group in user.groups {
                guard groups.contains(where: { $0.name == group }) else {
                    throw Complaint(
                        "userlist '\(name)': no such group '\(group)' specified in user '\(user.name)'"
                            + hint(group, groups.map(\.name)))
                }
                groupsByUser[user.name, default: []].append(group)
            }
        }
        for group in groups {
            for user in group.users {
                guard users.contains(where: { $0.name == user }) else {
                    throw Complaint(
                        "userlist '\(name)': no such user '\(user)' specified in group '\(group.name)'"
                            + hint(user, users.map(\.name)))
                }
                if groupsByUser[user]?.contains(group.name) != true {
                    groupsByUser[user, default: []].append(group.name)
                }
            }
        }
        return UserList(
            name: name,
            users: users.map { user in
                UserList.User(
                    name: Array(user.name.utf8), password: user.password,
                    groups: groupsByUser[user.name, default: []].map { Array($0.utf8) })
            })
    }

    private func hint(_ name: String, _ names: [String]) -> String {
        Nearest.word(to: name, among: names).map { "; did you mean '\($0)' maybe ?" } ?? ""
    }
}

/// The keywords of `userlist` sections (configuration.txt section 12.2).
enum UserListStatement {
    /// A hash that takes longer than this to check is warned about, milliseconds.
    private static let slow = 10

    static let keywords: [Keyword<UserListDraft>] = [
        Keyword("group", in: .userList) { (list, statement) throws(Complaint) in
            let name = try statement.argument("<name> as arguments")
            try checkName(name, of: "group")
            var group = UserListDraft.Group(name: name.text)
            var hasUsers = false
            while let word = statement.next() {
                guard word.text == "users" else {
                    throw Complaint("'group' only supports 'users' option.", at: word)
                }
                guard !hasUsers else {
                    throw Complaint("'users' option already defined in 'group' name '\(name.text)'.", at: word)
                }
                hasUsers = true
                group.users = names(statement.next()?.text ?? "")
            }
            if list.groups.contains(where: { $0.name == name.text }) {
                return statement.warn(
                    "ignoring duplicated group '\(name.text)' in userlist '\(list.name)'.", at: name)
            }
            list.groups.append(group)
        },
        Keyword("user", in: .userList) { (list, statement) throws(Complaint) in
            let name = try statement.argument("<name> as arguments")
            var user = UserListDraft.User(name: name.text)
            let isKnown = list.users.contains { $0.name == name.text }
            while let word = statement.next() {
                switch word.text {
                case "password":
                    let hash = Array((statement.next()?.text ?? "").utf8)
                    if !isKnown { check(hash, of: name, &statement) }
                    user.password = .hash(hash)
                case "insecure-password": user.password = .plain(Array((statement.next()?.text ?? "").utf8))
                case "groups": user.groups = names(statement.next()?.text ?? "")
                default:
                    throw Complaint(
                        "'user' only supports 'password', 'insecure-password' and 'groups' options.", at: word)
                }
            }
            if isKnown {
                return statement.warn(
                    "ignoring duplicated user '\(name.text)' in userlist '\(list.name)'.", at: name)
            }
            list.users.append(user)
        },
    ]

    private static func names(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }

    /// Warns of a hash that crypt(3) does not know, and of one that takes long.
    private static func check(_ hash: [UInt8], of user: Word, _ statement: inout Statement) {
        let workspace = PasswordWorkspace()
        let clock = ContinuousClock()
        var isSupported = false
        let time = clock.measure { isSupported = workspace.supports(hash) }
        let milliseconds =
            Int(time.components.attoseconds / 1_000_000_000_000_000) + Int(time.components.seconds) * 1000
        if !isSupported {
            statement.warn(
                "the encrypted password used for user '\(user.text)' is not supported by crypt(3): nobody can log in"
                    + " with it.", at: user)
        } else if milliseconds >= slow {
            statement.warn(
                "the hash algorithm used for this password takes \(milliseconds) milliseconds to verify, which can have"
                    + " devastating performance and stability impacts. Please hash this password using a lighter"
                    + " algorithm (one that is compatible with web usage).", at: user)
        }
    }
}
