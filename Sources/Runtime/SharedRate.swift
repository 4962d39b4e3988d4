public import Bytes
import Synchronization

/// Events per second of something that all workers count, as HAProxy's frequency counters give it: those of the current
/// second, and of the one before what is still within a second. Each worker writes a counter of its own.
public final class SharedRate: Sendable {
    private let counters: [Counter]

    /// - Parameter workers: how many workers count.
    public init(workers: Int) { counters = (0..<max(1, workers)).map { _ in Counter() } }

    /// Counts an event. On the thread of worker `worker`.
    public func count(_ worker: Int, at now: Instant) {
        guard counters.indices.contains(worker) else { return }
        counters[worker].count(at: now)
    }

    /// The rate. From any thread.
    public func rate(at now: Instant) -> Int {
        var current: UInt64 = 0
        var last: UInt64 = 0
        for counter in counters {
            let (now, before) = counter.figures(at: now)
            current += now
            last += before
        }
        guard last > 0 else { return Int(clamping: current) }
        let left = 1000 - now.nanoseconds % 1_000_000_000 / 1_000_000
        return Int(clamping: (current * 1000 + last * left + 999) / 1000)
    }

    /// One worker's counts: the second in the upper 20 bits, then 22 bits each for the events of the second before and of
    /// this one. Only its worker writes it.
    private final class Counter: Sendable {
        private static let limit: UInt64 = 1 << 22 - 1
        private static let seconds: UInt64 = 1 << 20 - 1
        private let packed = Atomic<UInt64>(0)

        func count(at now: Instant) {
            var (current, last) = figures(at: now)
            current = min(current + 1, Self.limit)
            last = min(last, Self.limit)
            let second = now.nanoseconds / 1_000_000_000 & Self.seconds
            packed.store(second << 44 | last << 22 | current, ordering: .relaxed)
        }

        func figures(at now: Instant) -> (current: UInt64, last: UInt64) {
            let value = packed.load(ordering: .relaxed)
            let second = now.nanoseconds / 1_000_000_000 & Self.seconds
            switch (second &- value >> 44) & Self.seconds {
            case 0: return (value & Self.limit, value >> 22 & Self.limit)
            case 1: return (0, value & Self.limit)
            default: return (0, 0)
            }
        }
    }
}
