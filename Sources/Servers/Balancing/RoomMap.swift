import Synchronization

/// Which servers are known to be full, one bit each, so that a free one among thousands is found at once. A bit that is
/// set late only costs a look at the server.
final class RoomMap: Sendable {
    private let words: [Word]
    let count: Int

    private final class Word: Sendable {
        let bits = Atomic<UInt64>(0)
    }

    /// All are free.
    init(count: Int) {
        self.count = count
        words = (0..<(count + 63) / 64).map { _ in Word() }
    }

    func isFull(_ index: Int) -> Bool {
        words[index >> 6].bits.load(ordering: .sequentiallyConsistent) & (1 << UInt64(index & 63)) != 0
    }

    func markFull(_ index: Int) {
        words[index >> 6].bits.bitwiseOr(1 << UInt64(index & 63), ordering: .sequentiallyConsistent)
    }

    func markFree(_ index: Int) {
        words[index >> 6].bits.bitwiseAnd(~(1 << UInt64(index & 63)), ordering: .sequentiallyConsistent)
    }

    func markAllFree() {
        for word in words { word.bits.store(0, ordering: .sequentiallyConsistent) }
    }

    /// The first server from `start` on that is not marked; nil: there is none behind it.
    func firstFree(from start: Int) -> Int? {
        guard start < count else { return nil }
        var word = start >> 6
        var free = ~words[word].bits.load(ordering: .relaxed) & (UInt64.max << UInt64(start & 63))
        while true {
            if free != 0 {
                let index = (word << 6) + free.trailingZeroBitCount
                return index < count ? index : nil
            }
            word += 1
            guard word < words.count else { return nil }
            free = ~words[word].bits.load(ordering: .relaxed)
        }
    }
}
