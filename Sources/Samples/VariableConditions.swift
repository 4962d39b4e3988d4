/// When `set-var` sets a variable (configuration.txt section 4.4, `set-var`): all the conditions given have to hold.
public struct VariableConditions: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let ifExists = VariableConditions(rawValue: 1)
    public static let ifNotExists = VariableConditions(rawValue: 2)
    public static let ifEmpty = VariableConditions(rawValue: 4)
    public static let ifNotEmpty = VariableConditions(rawValue: 8)
    public static let ifSet = VariableConditions(rawValue: 16)
    public static let ifNotSet = VariableConditions(rawValue: 32)
    /// The variable's integer is greater than the new one.
    public static let ifGreater = VariableConditions(rawValue: 64)
    /// The variable's integer is less than the new one.
    public static let ifLess = VariableConditions(rawValue: 128)

    /// The conditions by the words that the configuration writes.
    public static let names: [String: VariableConditions] = [
        "ifexists": .ifExists, "ifnotexists": .ifNotExists, "ifempty": .ifEmpty, "ifnotempty": .ifNotEmpty,
        "ifset": .ifSet, "ifnotset": .ifNotSet, "ifgt": .ifGreater, "iflt": .ifLess,
    ]

    /// Whether a variable that has the value `old` may become `new`.
    ///
    /// - Parameter exists: whether the variable exists, though it may be unset.
    func hold(_ old: VariableValue?, _ new: VariableValue, exists: Bool) -> Bool {
        if isEmpty { return true }
        if exists ? contains(.ifNotExists) : contains(.ifExists) { return false }
        if old != nil ? contains(.ifNotSet) : contains(.ifSet) { return false }
        switch new {
        case .str(let text), .bin(let text):
            return !(text.isEmpty ? contains(.ifNotEmpty) : contains(.ifEmpty))
        case .sint(let number):
            if contains(.ifEmpty) { return false }
            guard case .sint(let other) = old else { return true }
            return !(contains(.ifGreater) && other <= number) && !(contains(.ifLess) && other >= number)
        case .bool, .ipv4, .ipv6, .meth: return !contains(.ifEmpty)
        }
    }
}

extension Evaluation {
    /// The value of a variable; nil when it is not set, or when its scope does not exist here.
    public func value(of variable: VariableName) -> VariableValue? {
        if variable.scope == .proc { return processVariables.value(variable.number) }
        return variables(variable.scope)?.value(variable.number)
    }

    /// Sets a variable to a copy of `sample`. False when a condition does not hold, when the scope does not exist here,
    /// or when a limit of `tune.vars.*` is met.
    public func set(
        _ variable: VariableName, to sample: borrowing Sample, _ conditions: VariableConditions = []
    ) -> Bool {
        let value = VariableValue(sample)
        if variable.scope == .proc {
            return processVariables.set(variable.number, value, variableLimits) {
                conditions.hold($0, value, exists: true)
            }
        }
        guard let store = variables(variable.scope, creating: true) else { return false }
        if !conditions.isEmpty {
            let old = store.value(variable.number)
            guard conditions.hold(old, value, exists: old != nil) else { return false }
        }
        guard variableLimits.isEmpty || mayGrow(variable.scope, by: store.growth(variable.number, value)) else {
            return false
        }
        return store.set(variable.number, value)
    }

    /// Forgets a variable's value. False when its scope does not exist here.
    public func unset(_ variable: VariableName) -> Bool {
        if variable.scope == .proc {
            processVariables.unset(variable.number)
            return true
        }
        guard let store = variables(variable.scope, creating: true) else { return false }
        store.unset(variable.number)
        return true
    }
}

extension VariableValue {
    /// The value as an integer, by the casts of samples; nil when it has no such form.
    public var integer: Int64? {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .sint(let number): number
        case .ipv4(let address): Int64(address)
        case .str(let text): text.isEmpty ? nil : Cast.integer(text.span)
        case .ipv6, .bin, .meth: nil
        }
    }

    /// Makes `sample` a copy of the value; texts are copied into the scratch arena.
    public func copy(to sample: inout Sample, _ scratch: ScratchArena) {
        switch self {
        case .bool(let value): sample.setBool(value)
        case .sint(let number): sample.setInteger(number)
        case .ipv4(let address): sample.setIPv4(address)
        case .ipv6(let high, let low): sample.setIPv6(high: high, low: low)
        case .str(let bytes), .bin(let bytes), .meth(_, let bytes):
            var text = scratch.text()
            text.append(bytes.span)
            text.finish(&sample, type)
            if case .meth(let method, _) = self { sample.number = Int64(method) }
        }
    }
}
