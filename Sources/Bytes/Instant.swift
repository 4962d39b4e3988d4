/// A point on the monotonic clock, in nanoseconds. Machines get it as a parameter or from a ``TurnClock``;
/// only Runtime and the simulation make one from a real or virtual clock.
package struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's own origin.
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The latest point there is: "never".
    package static let distantFuture = Instant(nanoseconds: .max)
    /// The clock's origin.
    package static let zero = Instant(nanoseconds: 0)

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The point `milliseconds` later, or ``distantFuture`` when that is out of range.
    package func advanced(milliseconds: Int) -> Instant {
        let (span, tooLong) = UInt64(max(0, milliseconds)).multipliedReportingOverflow(by: 1_000_000)
        return tooLong ? .distantFuture : advanced(nanoseconds: span)
    }

    /// The point `nanoseconds` later, or ``distantFuture`` when that is out of range.
    package func advanced(nanoseconds span: UInt64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(span)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// Nanoseconds from `earlier` to here; 0 when `earlier` is later.
    package func nanoseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    /// Whole milliseconds from `earlier` to here; 0 when `earlier` is later.
    package func milliseconds(since earlier: Instant) -> Int { Int(nanoseconds(since: earlier) / 1_000_000) }
}

/// The time of the current turn of a worker's loop. The loop (or a simulation) sets it; everything on that worker
/// reads it, so that no machine asks the kernel for the time.
package final class TurnClock {
    /// Monotonic time at the start of this turn.
    package var now: Instant
    /// Wall-clock time at the start of this turn, in nanoseconds since 1970-01-01 UTC.
    package var wall: UInt64

    package init(now: Instant = .zero, wall: UInt64 = 0) {
        self.now = now
        self.wall = wall
    }
}
