package import Bytes

/// When the requests of one worker are due: at once (closed loop), or at a set rate whatever the server does. It reads
/// no clock.
package struct Pace: Sendable {
    /// Requests in all; `UInt64.max` sets no limit.
    private let quota: UInt64
    /// Nanoseconds between two requests; nil: closed loop.
    private let interval: Double?
    private var origin = Instant.zero
    /// Requests that were given out.
    package private(set) var issued: UInt64 = 0
    private var isStopped = false

    /// - Parameters:
    ///   - quota: requests in all; nil: until ``stop()``.
    ///   - rate: requests in a second; nil: closed loop.
    package init(quota: UInt64?, rate: Double?) {
        self.quota = quota ?? .max
        interval = rate.map { 1e9 / $0 }
    }

    /// True until all requests are given out.
    package var hasMore: Bool { !isStopped && issued < quota }

    /// When the next request is due; with a closed loop always in the past.
    package var nextDue: Instant { due(issued) }

    /// Starts the clock of a set rate.
    package mutating func begin(_ now: Instant) { origin = now }

    /// Gives out the next request when it is due: the time from which its latency counts. At a set rate that is when
    /// it was meant to start, so that a slow server can not hide how long requests wait for it.
    package mutating func take(_ now: Instant) -> Instant? {
        guard hasMore else { return nil }
        var start = now
        if interval != nil {
            start = nextDue
            guard start <= now else { return nil }
        }
        issued += 1
        return start
    }

    /// Gives out no more.
    package mutating func stop() { isStopped = true }

    /// Requests that were due by `now` and not given out: all streams were busy.
    package func overdue(_ now: Instant) -> UInt64 {
        guard let interval, issued < quota else { return 0 }
        let due = UInt64(Double(now.nanoseconds(since: origin)) / interval) + 1
        return min(due, quota) - min(issued, due)
    }

    private func due(_ index: UInt64) -> Instant {
        guard let interval else { return .zero }
        return origin.advanced(nanoseconds: UInt64(Double(index) * interval))
    }
}
