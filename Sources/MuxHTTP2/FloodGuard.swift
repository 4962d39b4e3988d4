import Bytes

/// A bucket of permits: `burst` at once, refilled by `perSecond`.
struct PermitBucket {
    private let rate: HTTP2Limits.Rate
    private var permits: Int
    private var refilledAt: Instant?

    init(_ rate: HTTP2Limits.Rate) {
        self.rate = rate
        permits = rate.burst
    }

    /// Takes one permit; false when none is left.
    mutating func take(at now: Instant) -> Bool {
        if permits < rate.burst { refill(now) }
        guard permits > 0 else { return false }
        if permits == rate.burst { refilledAt = now }
        permits -= 1
        return true
    }

    private mutating func refill(_ now: Instant) {
        guard rate.perSecond > 0, let last = refilledAt else { return }
        let span = 1_000_000_000 / UInt64(rate.perSecond)
        let earned = now.nanoseconds(since: last) / max(1, span)
        guard earned > 0 else { return }
        let missing = rate.burst - permits
        if earned >= UInt64(missing) {
            permits = rate.burst
            refilledAt = now
        } else {
            permits += Int(earned)
            refilledAt = last.advanced(nanoseconds: earned * max(1, span))
        }
    }
}

/// Counts what a peer does against the ``HTTP2Limits``.
struct FloodGuard {
    private var resets: PermitBucket
    private var controlFrames: PermitBucket
    private var emptyDataFrames: PermitBucket
    private let glitchLimit: Int?
    /// Protocol oddities so far.
    private(set) var glitches = 0

    init(_ limits: HTTP2Limits) {
        resets = PermitBucket(limits.resets)
        controlFrames = PermitBucket(limits.controlFrames)
        emptyDataFrames = PermitBucket(limits.emptyDataFrames)
        glitchLimit = limits.glitches
    }

    /// A stream was given up before it was answered. Like the next ones, false when the peer has gone too far.
    mutating func noteReset(at now: Instant) -> Bool { resets.take(at: now) }

    mutating func noteControlFrame(at now: Instant) -> Bool { controlFrames.take(at: now) }

    mutating func noteEmptyData(at now: Instant) -> Bool { emptyDataFrames.take(at: now) && noteGlitch() }

    mutating func noteGlitch() -> Bool {
        glitches += 1
        if let glitchLimit { return glitches < glitchLimit }
        return true
    }
}
