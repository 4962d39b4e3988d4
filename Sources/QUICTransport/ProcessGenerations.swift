import Synchronization

/// The generations of other processes of this service that serve connections beside this one. One word, read by every
/// worker and changed by the control thread.
public final class ProcessGenerations: Sendable {
    private let bits: Atomic<UInt64>

    /// - Parameter generations: 0 to 63 (``ConnectionIDCodec/maxGenerations``).
    public init(_ generations: [Int] = []) {
        bits = Atomic(generations.reduce(0) { $0 | Self.bit($1) })
    }

    private static func bit(_ generation: Int) -> UInt64 {
        (0..<ConnectionIDCodec.maxGenerations).contains(generation) ? 1 << UInt64(generation) : 0
    }

    public func contains(_ generation: Int) -> Bool { bits.load(ordering: .relaxed) & Self.bit(generation) != 0 }

    public func insert(_ generation: Int) { bits.bitwiseOr(Self.bit(generation), ordering: .relaxed) }

    public func insertAll() { bits.store(.max, ordering: .relaxed) }

    public func remove(_ generation: Int) { bits.bitwiseAnd(~Self.bit(generation), ordering: .relaxed) }
}
