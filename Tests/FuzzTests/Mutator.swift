/// Makes inputs that look almost like those of a corpus. The same seed makes the same inputs.
struct Mutator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64: good enough to choose bytes, and one line.
    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1.
    private mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

    /// Bytes that parsers treat in a special way: separators, ends, signs, the edges of varints and UTF-8.
    private static let special: [UInt8] =
        Array("\r\n \t:;,/\"\\0123456789abcdefABCDEF%.[]{}()$#=-+*@!".utf8) + [
            0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff,
        ]

    /// One input of `corpus`, changed in one to eight places.
    mutating func mutate(_ corpus: [[UInt8]]) -> [UInt8] {
        var bytes = corpus.isEmpty ? [] : corpus[below(corpus.count)]
        for _ in 0...below(8) {
            let place = below(bytes.count + 1)
            switch below(7) {
            case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
            case 1 where place < bytes.count: bytes[place] = Self.special[below(Self.special.count)]
            case 2: bytes.insert(Self.special[below(Self.special.count)], at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(16)))
            case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + below(64))], at: place)
            case 5:
                // The end of another input instead of its own.
                let other = corpus.isEmpty ? [] : corpus[below(corpus.count)]
                bytes.replaceSubrange(place..., with: other.dropFirst(below(other.count + 1)))
            default: bytes.insert(UInt8(truncatingIfNeeded: next()), at: place)
            }
        }
        return bytes
    }
}
