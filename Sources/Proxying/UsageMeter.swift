import Bytes
import Glibc

/// What a worker and the process use of CPU time: measured over at least half a second, when somebody asks.
final class UsageMeter {
    private var own = Measure(clock: CLOCK_THREAD_CPUTIME_ID)
    private var all = Measure(clock: CLOCK_PROCESS_CPUTIME_ID)

    /// The worker's share of one core, percent. On the worker's thread.
    func worker(at now: Instant) -> Int { min(100, own.share(at: now)) }

    /// The mean of all workers' shares, percent.
    func process(at now: Instant, workers: Int) -> Int { min(100, all.share(at: now) / max(1, workers)) }

    private struct Measure {
        let clock: clockid_t
        private var since = Instant.zero
        private var used: UInt64 = 0
        private var last = 0

        init(clock: clockid_t) { self.clock = clock }

        mutating func share(at now: Instant) -> Int {
            let elapsed = now.nanoseconds(since: since)
            guard elapsed >= 500_000_000 else { return last }
            var time = timespec()
            _ = unsafe clock_gettime(clock, &time)
            let total = UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, time.tv_nsec))
            last = Int(clamping: (total &- min(total, used)) &* 100 / elapsed)
            since = now
            used = total
            return last
        }
    }
}
