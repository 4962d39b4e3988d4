import Synchronization

/// The variables of the scope `proc`: all workers share them. Those that the configuration names are there from the
/// start and stay, unset at first (configuration.txt section 2.8). A lock guards them, held for the copy of one value.
public final class ProcessVariables: Sendable {
    private let values = Mutex<[UInt32: VariableValue]>([:])
    /// What the variables of all scopes take, where `tune.vars.global-max-size` wants to know.
    public let total = VariableTotal()

    public init() {}

    /// The value of a variable; nil when it is not set.
    public func value(_ number: UInt32) -> VariableValue? { values.withLock { $0[number] } }

    /// Sets a variable when `isWanted` says so of the value that it has, in one step.
    ///
    /// - Returns: what `isWanted` said.
    @discardableResult
    public func set(
        _ number: UInt32, _ value: VariableValue, _ limits: VariableLimits = VariableLimits(),
        if isWanted: (VariableValue?) -> Bool = { _ in true }
    ) -> Bool {
        values.withLock { values in
            let old = values[number]
            guard isWanted(old) else { return false }
            if limits.process > 0 {
                let growth = value.byteCount - (old.map(\.byteCount) ?? -VariableStore.overhead)
                guard growth <= 0 || total.bytes + growth <= limits.process else { return false }
                total.add(growth)
            }
            values[number] = value
            return true
        }
    }

    /// All that are set, by their numbers.
    public var all: [UInt32: VariableValue] { values.withLock { $0 } }

    /// Forgets a variable's value.
    public func unset(_ number: UInt32) { values.withLock { _ = $0.removeValue(forKey: number) } }
}
