public import Rules

/// A `use-server` rule.
public struct UseServerRule: Sendable, Equatable {
    public enum Target: Sendable {
        /// The server's place in its backend.
        case fixed(Int)
        /// A server whose name is made anew for each exchange.
        case named(Format)
    }

    public var target: Target
    public var condition: Condition
    public var location: SourceLocation

    public init(target: Target, condition: Condition, location: SourceLocation) {
        self.target = target
        self.condition = condition
        self.location = location
    }

    /// Rules are the same when they come from the same line.
    public static func == (left: UseServerRule, right: UseServerRule) -> Bool { left.location == right.location }
}

/// A `force-persist` or `ignore-persist` rule: whether an exchange goes to the server that it belongs to.
public struct PersistenceRule: Sendable, Equatable {
    public enum Effect: Sendable {
        /// Also when that server is down (`force-persist`).
        case force
        /// Not at all (`ignore-persist`).
        case ignore
    }

    public var effect: Effect
    public var condition: Condition
    public var location: SourceLocation

    public init(effect: Effect, condition: Condition, location: SourceLocation) {
        self.effect = effect
        self.condition = condition
        self.location = location
    }

    /// Rules are the same when they come from the same line.
    public static func == (left: PersistenceRule, right: PersistenceRule) -> Bool { left.location == right.location }
}
