/// Gives conditions their value.
struct ConditionEvaluator {
    let dialect: Dialect
    let environment: [String: String]

    /// Whether `text` holds; an empty text does not.
    func evaluate(_ text: String) throws(ConditionError) -> Bool {
        guard let condition = try BlockConditionParser.parse(text) else { return false }
        return try value(of: condition)
    }

    /// Stops at the first operand that decides.
    private func value(of condition: BlockCondition) throws(ConditionError) -> Bool {
        switch condition {
        case .constant(let value): return value
        case .not(let operand): return try !value(of: operand)
        case .and(let left, let right): return try value(of: left) ? value(of: right) : false
        case .or(let left, let right): return try value(of: left) ? true : value(of: right)
        case .predicate(let predicate, let arguments):
            return try value(of: predicate, arguments.first ?? "", arguments.last ?? "")
        }
    }

    private func value(of predicate: Predicate, _ first: String, _ last: String) throws(ConditionError) -> Bool {
        switch predicate {
        case .defined: return environment[first] != nil
        case .feature: return dialect.features.contains(first)
        case .streq: return first == last
        case .strneq: return first != last
        case .strstr: return Self.contains(Array(first.utf8), Array(last.utf8))
        case .versionAtLeast: return Release.spoken >= Release(first)
        case .versionBefore: return Release.spoken < Release(first)
        case .tlsVersionAtLeast: return try tlsVersion(for: predicate, first) >= Release(first)
        case .tlsVersionBefore: return try tlsVersion(for: predicate, first) < Release(first)
        case .tlsLibraryStartsWith: return dialect.tlsLibrary.hasPrefix(first)
        case .awslcAtLeast, .awslcBefore: throw badArgument(of: predicate, first)
        case .enabled: return dialect.enabled.contains(first)
        }
    }

    private func tlsVersion(for predicate: Predicate, _ argument: String) throws(ConditionError) -> Release {
        guard let version = dialect.tlsVersion, let first = argument.utf8.first, Byte.isDigit(first) else {
            throw badArgument(of: predicate, argument)
        }
        return Release(version)
    }

    private func badArgument(of predicate: Predicate, _ argument: String) -> ConditionError {
        ConditionError(
            message: "invalid argument to conditional expression predicate '\(predicate.rawValue)': '\(argument)'",
            column: 0)
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        if part.isEmpty { return true }
        guard text.count >= part.count else { return false }
        return (0...text.count - part.count).contains { text[$0..<$0 + part.count].elementsEqual(part) }
    }
}
