/// How words look: which characters follow which, and how often. Like HAProxy's, so that the same commands are proposed
/// for a mistyped one.
struct WordFingerprint {
    /// 32 × 32 counts. Classes of characters: 1 to 26 letters, 27 digits, 28 others and a word's ends; row 0 notes
    /// which classes occur.
    private var counts = [UInt8](repeating: 0, count: 1024)
    /// Letters of all words so far.
    private(set) var length = 0

    init(_ words: some Sequence<String>) {
        for word in words { add(word) }
    }

    private mutating func add(_ word: String) {
        var last = 28
        for byte in word.utf8 {
            let kind = Self.kind(byte)
            counts[kind] = 1
            counts[32 * last + kind] &+= 1
            last = kind
        }
        counts[32 * last + 28] &+= 1
        length += word.utf8.count
    }

    private static func kind(_ byte: UInt8) -> Int {
        switch byte | 0x20 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int((byte | 0x20) - UInt8(ascii: "a")) + 1
        default: byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? 27 : 28
        }
    }

    /// How far apart two are; 0: nothing differs.
    func distance(to other: WordFingerprint) -> Int {
        var sum = 0
        for index in counts.indices { sum += abs(Int(counts[index]) - Int(other.counts[index])) }
        return sum
    }
}
