import Synchronization

/// The names of the variables of a process, by the numbers that they are looked up with. The configuration names most;
/// the runtime API may add some.
public final class VariableNames: Sendable {
    private struct State: Sendable {
        var numbers: [String: UInt32] = [:]
        var names: [String] = []
        /// Those that were named with the scope `proc`.
        var ofProcess: Set<UInt32> = []
    }

    private let state = Mutex(State())

    public init() {}

    /// By number. Without their scopes.
    public var all: [String] { state.withLock { $0.names } }

    /// The number of a name without its scope: a new one for a new name.
    public func number(of name: String, isOfProcess: Bool) -> UInt32 {
        state.withLock { state in
            let number = state.numbers[name] ?? UInt32(state.names.count)
            if state.numbers[name] == nil {
                state.numbers[name] = number
                state.names.append(name)
            }
            if isOfProcess { state.ofProcess.insert(number) }
            return number
        }
    }

    /// The number of a variable of the process that something has named; nil for others.
    public func known(_ name: String) -> UInt32? {
        state.withLock { state in
            state.numbers[name].flatMap { state.ofProcess.contains($0) ? $0 : nil }
        }
    }
}
