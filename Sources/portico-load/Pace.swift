package import Bytes

/// When the requests of one worker are due: at once (closed loop), or at a set rate whatever the server does. It reads
/// no clock.
package struct Pace: Sendable {
    /// Requests in all; `UInt64.max` sets no limit.
    private let quota: UInt64
    /// Nanoseconds between two requests; nil: closed loop.
    private let interval: Double?
    private var origin = Instant.zero
    private var end = Instant.distantFuture
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

    /// True until all requests are given out, or those that are left are due too late.
    package var hasMore: Bool { !isStopped && issued < quota && nextDue < end }

    /// When the next request is due; with a closed loop always in the past.
    package var nextDue: Instant { due(issued) }

    /// Starts the clock; what would be due at `end` or later is not given out.
    package mutating func begin(_ now: Instant, until end: Instant = .distantFuture) {
        origin = now
        self.end = end
    }

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

    /// Requests that were due before the end and not given out when it came: all streams were busy. At a set rate.
    package var overdue: UInt64 {
        guard let interval, end != .distantFuture else { return 0 }
        let due = min(quota, UInt64((Double(end.nanoseconds(since: origin)) / interval).rounded(.up)))
        return due - min(issued, due)
    }

    private func due(_ index: UInt64) -> Instant {
        guard let interval else { return .zero }
        return origin.advanced(nanoseconds: UInt64(Double(index) * interval))
    }
}
