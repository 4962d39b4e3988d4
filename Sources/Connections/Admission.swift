import Synchronization

/// A count of connections with a limit, shared by all workers: of the process, a frontend, or a bind line.
public final class Admission: Sendable {
    private let most: Atomic<Int>
    private let used = Atomic<Int>(0)
    private let filled = Atomic<UInt64>(0)

    public init(limit: Int) { most = Atomic(limit) }

    /// Connections at once. Lowering it ends none of those that are there.
    public var limit: Int { most.load(ordering: .relaxed) }

    public func setLimit(_ limit: Int) { most.store(limit, ordering: .relaxed) }

    /// Connections now.
    public var count: Int { used.load(ordering: .relaxed) }

    /// How often the last place was taken.
    public var timesFull: UInt64 { filled.load(ordering: .relaxed) }

    /// Takes a place; false when all are taken.
    public func enter() -> Bool {
        let (_, now) = used.wrappingAdd(1, ordering: .relaxed)
        let limit = limit
        if now <= limit {
            if now == limit { filled.wrappingAdd(1, ordering: .relaxed) }
            return true
        }
        used.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    /// Gives a place back.
    public func leave() { used.wrappingSubtract(1, ordering: .relaxed) }
}
