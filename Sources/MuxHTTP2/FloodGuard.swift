import Bytes
import Streams

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
