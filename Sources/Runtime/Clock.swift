public import Bytes
import Glibc

/// The kernel's clocks. Only the loop asks them, once per turn.
public enum SystemClock {
    /// Monotonic time.
    public static func now() -> Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }

    /// Wall-clock time: nanoseconds since 1970-01-01 UTC.
    public static func wall() -> UInt64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, time.tv_nsec))
    }
}
