/// A point on the monotonic clock, in nanoseconds. Machines get it as a parameter or from a ``TurnClock``;
/// only Runtime and the simulation make one from a real or virtual clock.
public struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's own origin.
    public var nanoseconds: UInt64

    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The latest point there is: "never".
    @inlinable public static var distantFuture: Instant { Instant(nanoseconds: .max) }
    /// The clock's origin.
    @inlinable public static var zero: Instant { Instant(nanoseconds: 0) }

    // What the compiler makes is not inlined by other modules.
    @inlinable public static func == (left: Instant, right: Instant) -> Bool { left.nanoseconds == right.nanoseconds }
    @inlinable public static func != (left: Instant, right: Instant) -> Bool { left.nanoseconds != right.nanoseconds }
    @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The point `milliseconds` later, or ``distantFuture`` when that is out of range.
    public func advanced(milliseconds: Int) -> Instant {
        let (span, tooLong) = UInt64(max(0, milliseconds)).multipliedReportingOverflow(by: 1_000_000)
        return tooLong ? .distantFuture : advanced(nanoseconds: span)
    }

    /// The point `nanoseconds` later, or ``distantFuture`` when that is out of range.
    public func advanced(nanoseconds span: UInt64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(span)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// Nanoseconds from `earlier` to here; 0 when `earlier` is later.
    public func nanoseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    /// Whole milliseconds from `earlier` to here; 0 when `earlier` is later.
    public func milliseconds(since earlier: Instant) -> Int { Int(nanoseconds(since: earlier) / 1_000_000) }
}

/// The time of the current turn of a worker's loop. The loop (or a simulation) sets it; everything on that worker
/// reads it, so that no machine asks the kernel for the time.
public final class TurnClock {
    /// Monotonic time at the start of this turn.
    public var now: Instant
    /// Wall-clock time at the start of this turn, in nanoseconds since 1970-01-01 UTC.
    public var wall: UInt64

    public init(now: Instant = .zero, wall: UInt64 = 0) {
        self.now = now
        self.wall = wall
    }
}
