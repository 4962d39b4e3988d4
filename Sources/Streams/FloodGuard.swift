public import Bytes

/// Counts what a peer of a connection with streams does that costs us more than it: resets, control frames, DATA without
/// a byte, oddities. Each method is false when the peer has gone too far.
public struct FloodGuard {
    private var resets: PermitBucket
    private var controlFrames: PermitBucket
    private var emptyDataFrames: PermitBucket
    private let glitchLimit: Int?
    /// Protocol oddities so far.
    public private(set) var glitches = 0

    /// - Parameter glitches: oddities in the connection's life; nil: not limited.
    public init(resets: PermitRate, controlFrames: PermitRate, emptyDataFrames: PermitRate, glitches: Int?) {
        self.resets = PermitBucket(resets)
        self.controlFrames = PermitBucket(controlFrames)
        self.emptyDataFrames = PermitBucket(emptyDataFrames)
        glitchLimit = glitches
    }

    /// A stream was given up before it was answered.
    public mutating func noteReset(at now: Instant) -> Bool { resets.take(at: now) }

    /// A frame that carries no message came.
    public mutating func noteControlFrame(at now: Instant) -> Bool { controlFrames.take(at: now) }

    /// A DATA frame without a byte came that ends nothing.
    public mutating func noteEmptyData(at now: Instant) -> Bool { emptyDataFrames.take(at: now) && noteGlitch() }

    /// The peer did something that no sound implementation does.
    public mutating func noteGlitch() -> Bool {
        glitches += 1
        if let glitchLimit { return glitches < glitchLimit }
        return true
    }
}
