import Synchronization

/// How far the connections of a `bind rhttp@` line have come, of all workers together: what its log lines follow.
final class PreconnectState: Sendable {
    /// What was told last.
    private enum Stage: UInt8 { case stopped, initiating, failed, full }

    private let stage = Atomic<UInt8>(Stage.stopped.rawValue)
    private let open = Atomic<Int>(0)

    /// Connections that take requests.
    var count: Int { open.load(ordering: .relaxed) }

    /// A first connection is tried. True: that is to be told.
    func begin() -> Bool {
        stage.compareExchange(
            expected: Stage.stopped.rawValue, desired: Stage.initiating.rawValue, ordering: .relaxed
        ).exchanged
    }

    /// A connection did not come about. True: that is to be told, since the last one did.
    func fail() -> Bool { stage.exchange(Stage.failed.rawValue, ordering: .relaxed) != Stage.failed.rawValue }

    /// One more takes requests. True: all of `wanted` do, and that is to be told.
    func enter(of wanted: Int) -> Bool {
        guard open.wrappingAdd(1, ordering: .relaxed).newValue >= wanted else { return false }
        return stage.exchange(Stage.full.rawValue, ordering: .relaxed) != Stage.full.rawValue
    }

    func leave() { open.wrappingSubtract(1, ordering: .relaxed) }
}
