import Synchronization

/// The variables of the scope `proc`: all workers share them. Those that the configuration names are there from the
/// start and stay, unset at first (configuration.txt section 2.8). A lock guards them, held for the copy of one value.
package final class ProcessVariables: Sendable {
    private let values = Mutex<[UInt32: VariableValue]>([:])

    package init() {}

    /// The value of a variable; nil when it is not set.
    package func value(_ number: UInt32) -> VariableValue? { values.withLock { $0[number] } }

    /// Sets a variable when `isWanted` says so of the value that it has, in one step.
    ///
    /// - Returns: what `isWanted` said.
    @discardableResult
    package func set(
        _ number: UInt32, _ value: VariableValue, if isWanted: (VariableValue?) -> Bool = { _ in true }
    ) -> Bool {
        values.withLock { values in
            guard isWanted(values[number]) else { return false }
            values[number] = value
            return true
        }
    }

    /// Forgets a variable's value.
    package func unset(_ number: UInt32) { values.withLock { _ = $0.removeValue(forKey: number) } }
}
