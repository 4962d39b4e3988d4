package import Rules

/// A `use-server` rule.
package struct UseServerRule: Sendable, Equatable {
    package enum Target: Sendable {
        /// The server's place in its backend.
        case fixed(Int)
        /// A server whose name is made anew for each exchange.
        case named(Format)
    }

    package var target: Target
    package var condition: Condition
    package var location: SourceLocation

    package init(target: Target, condition: Condition, location: SourceLocation) {
        self.target = target
        self.condition = condition
        self.location = location
    }

    /// Rules are the same when they come from the same line.
    package static func == (left: UseServerRule, right: UseServerRule) -> Bool { left.location == right.location }
}

/// A `force-persist` or `ignore-persist` rule: whether an exchange goes to the server that it belongs to.
package struct PersistenceRule: Sendable, Equatable {
    package enum Effect: Sendable {
        /// Also when that server is down (`force-persist`).
        case force
        /// Not at all (`ignore-persist`).
        case ignore
    }

    package var effect: Effect
    package var condition: Condition
    package var location: SourceLocation

    package init(effect: Effect, condition: Condition, location: SourceLocation) {
        self.effect = effect
        self.condition = condition
        self.location = location
    }

    /// Rules are the same when they come from the same line.
    package static func == (left: PersistenceRule, right: PersistenceRule) -> Bool { left.location == right.location }
}
