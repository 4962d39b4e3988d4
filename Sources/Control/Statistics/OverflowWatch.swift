import Bytes

/// Tells the operator when the kernel drops datagrams of QUIC clients for want of room: at once, and then at most once a
/// minute, so that a flood does not fill the log.
struct OverflowWatch {
    /// Seconds between two warnings.
    private static let pause: UInt64 = 60

    /// Datagrams that were lost when the operator was told last.
    private var told: UInt64 = 0
    private var toldAt: Instant?

    /// Notes how many datagrams were lost so far; returns what to tell, if anything.
    mutating func note(_ lost: UInt64, at now: Instant) -> String? {
        // A listener that closed takes its count with it.
        guard lost > told else {
            told = lost
            return nil
        }
        if let toldAt, now.nanoseconds(since: toldAt) < Self.pause * 1_000_000_000 { return nil }
        defer {
            told = lost
            toldAt = now
        }
        let count = lost - told
        return
            "QUIC: the kernel dropped \(count) datagram\(count == 1 ? "" : "s") of clients because a receive buffer was full."
            + " Raise net.core.rmem_max or 'tune.rcvbuf.frontend', or give the process more threads ('nbthread')."
    }
}
