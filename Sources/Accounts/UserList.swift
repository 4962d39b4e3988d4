/// Users, their passwords and their groups: a `userlist` section (configuration.txt section 12.2). Immutable and shared
/// by all workers.
public final class UserList: Sendable {
    /// How a password is known.
    public enum Password: Sendable, Equatable {
        /// `password`: by its hash, as crypt(3) writes it.
        case hash([UInt8])
        /// `insecure-password`: as it is.
        case plain([UInt8])
    }

    /// One user.
    public struct User: Sendable, Equatable {
        public let name: [UInt8]
        /// Nil: nobody can be this user.
        public let password: Password?
        /// The names of the groups that the user is in.
        public let groups: [[UInt8]]

        public init(name: [UInt8], password: Password?, groups: [[UInt8]]) {
            self.name = name
            self.password = password
            self.groups = groups
        }
    }

    public let name: String
    /// Sorted by their names.
    public let users: [User]

    /// - Parameter users: each name once.
    public init(name: String, users: [User]) {
        self.name = name
        self.users = users.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// The place of the user of that name in ``users``; nil when there is none.
    public func user(named name: Span<UInt8>) -> Int? {
        var low = 0
        var high = users.count
        while low < high {
            let middle = (low + high) / 2
            if Self.precedes(users[middle].name, name) { low = middle + 1 } else { high = middle }
        }
        guard low < users.count else { return nil }
        let found = users[low].name
        return found.count == name.count && found.span.isEqual(to: name) ? low : nil
    }

    /// Whether `left` stands before `right` in the order of bytes.
    private static func precedes(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
        for index in 0..<min(left.count, right.count) where left[index] != right[index] {
            return left[index] < right[index]
        }
        return left.count < right.count
    }
}

extension UserList: Equatable {
    public static func == (left: UserList, right: UserList) -> Bool {
        left.name == right.name && left.users == right.users
    }
}
