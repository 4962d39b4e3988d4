public import Synchronization

/// Exchanges that wait for a place, of all workers, in one order: by their priority's class, then by time, which an offset
/// may shift (configuration.txt, "set-priority-class", "set-priority-offset"). An exchange that needs not wait never
/// comes here; the lock is for those that do.
public final class SharedQueue: Sendable {
    /// One that waits.
    struct Entry: Sendable, Comparable {
        /// Class and time.
        var key: Int64
        /// Tells those apart that came in the same millisecond, and finds the dispatch on its worker.
        var ticket: UInt64
        var worker: Int

        static func < (left: Entry, right: Entry) -> Bool { (left.key, left.ticket) < (right.key, right.ticket) }
    }

    /// How many wait.
    public let count = Atomic<Int>(0)
    /// How many have left it for a server; the difference between two looks is how many went before.
    let served = Atomic<Int>(0)
    private let state = Mutex<State>(State())

    private struct State: Sendable {
        /// Those that left before their turn stay in it until they come up.
        var heap = Heap<Entry>()
        var waiting: Set<UInt64> = []

        mutating func dropGone() {
            while let first = heap.first, !waiting.contains(first.ticket) { _ = heap.pop() }
        }

        /// Takes those out that are gone, once they are the most.
        mutating func tidy() {
            guard heap.count > 64, heap.count > 2 * waiting.count else { return }
            let waiting = waiting
            heap.keep { waiting.contains($0.ticket) }
        }
    }

    /// The place in the order: lower classes first, then earlier times.
    ///
    /// - Parameters:
    ///   - priorityClass: -2047 to 2047.
    ///   - milliseconds: the time of now and the exchange's offset.
    static func key(priorityClass: Int, milliseconds: Int) -> Int64 {
        Int64(clamping: priorityClass) << 48 &+ Int64(clamping: milliseconds)
    }

    /// Adds one; returns ``served`` as it was then.
    func add(_ entry: Entry) -> Int {
        state.withLock { state in
            state.waiting.insert(entry.ticket)
            state.heap.push(entry)
            count.wrappingAdd(1, ordering: .sequentiallyConsistent)
            return served.load(ordering: .relaxed)
        }
    }

    /// Takes one out that waits no longer; false when it has left already.
    func remove(_ ticket: UInt64) -> Bool {
        state.withLock { state in
            guard state.waiting.remove(ticket) != nil else { return false }
            count.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            state.tidy()
            return true
        }
    }

    /// Takes the first of this queue and `other`.
    func takeFirst(or other: SharedQueue?) -> Entry? {
        state.withLock { state in
            state.dropGone()
            guard let other else { return take(&state) }
            return other.state.withLock { second in
                second.dropGone()
                guard let rival = second.heap.first else { return take(&state) }
                guard let own = state.heap.first, own.key <= rival.key else { return other.take(&second) }
                return take(&state)
            }
        }
    }

    private func take(_ state: inout State) -> Entry? {
        guard let entry = state.heap.pop() else { return nil }
        state.waiting.remove(entry.ticket)
        count.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        served.wrappingAdd(1, ordering: .relaxed)
        return entry
    }
}
