public import Bytes

/// So many at once, and so many a second after that.
public struct PermitRate: Sendable, Equatable {
    public var burst: Int
    public var perSecond: Int

    public init(burst: Int, perSecond: Int) {
        self.burst = max(0, burst)
        self.perSecond = max(0, perSecond)
    }
}

/// A bucket of permits for what a peer may do: full at first, refilled at its rate.
public struct PermitBucket {
    private let burst: Int
    /// Nanoseconds that earn one permit; nil when nothing does.
    private let span: UInt64?
    private var permits: Int
    private var refilledAt = Instant.zero

    public init(_ rate: PermitRate) {
        burst = rate.burst
        permits = rate.burst
        span = rate.perSecond > 0 ? max(1, 1_000_000_000 / UInt64(rate.perSecond)) : nil
    }

    /// Takes one permit; false when none is left.
    public mutating func take(at now: Instant) -> Bool {
        if permits == burst {
            refilledAt = now
        } else if let span {
            let earned = now.nanoseconds(since: refilledAt) / span
            if earned >= UInt64(burst - permits) {
                permits = burst
                refilledAt = now
            } else {
                permits += Int(earned)
                refilledAt = refilledAt.advanced(nanoseconds: earned * span)
            }
        }
        guard permits > 0 else { return false }
        permits -= 1
        return true
    }
}
