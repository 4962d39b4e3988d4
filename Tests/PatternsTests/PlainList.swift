import Patterns

/// The same answers as a ``PatternReference`` with an index, from a plain list: each pattern is tried in turn, as the
/// words of configuration.txt 7.1 say.
struct PlainList {
    struct Entry {
        let key: [UInt8]
        var value: [UInt8]
        let serial: Int
    }

    var entries: [Entry] = []
    private var nextSerial = 0

    mutating func add(_ key: [UInt8], _ value: [UInt8]) {
        entries.append(Entry(key: key, value: value, serial: nextSerial))
        nextSerial += 1
    }

    mutating func delete(_ key: [UInt8]) -> Bool {
        guard let index = entries.firstIndex(where: { $0.key == key }) else { return false }
        entries.remove(at: index)
        return true
    }

    mutating func set(_ key: [UInt8], _ value: [UInt8]) -> Bool {
        var found = false
        for index in entries.indices where entries[index].key == key {
            entries[index].value = value
            found = true
        }
        return found
    }

    /// The entry that a text matches.
    func match(_ text: [UInt8], _ method: MatchMethod, ignoringCase: Bool) -> Entry? {
        let fold: ([UInt8]) -> [UInt8] = { bytes in
            ignoringCase ? bytes.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 } : bytes
        }
        let text = fold(text)
        let matching = entries.filter { entry in
            let key = fold(entry.key)
            return switch method {
            case .str: text == key
            case .beg: text.starts(with: key)
            case .end: text.reversed().starts(with: key.reversed())
            case .sub: !key.isEmpty && text.indices.contains { text[$0...].starts(with: key) }
            case .dir: Self.hasWord(text, key, delimiters: Array("/?".utf8))
            case .dom: Self.hasWord(text, key, delimiters: Array("/?.:".utf8))
            default: false
            }
        }
        // Of several prefixes the longest, where letters' case counts; else the first in the list.
        guard method == .beg, !ignoringCase, let longest = matching.map(\.key.count).max() else {
            return matching.first
        }
        return matching.first { $0.key.count == longest }
    }

    private static func hasWord(_ text: [UInt8], _ key: [UInt8], delimiters: [UInt8]) -> Bool {
        guard let first = key.firstIndex(where: { !delimiters.contains($0) }),
            let last = key.lastIndex(where: { !delimiters.contains($0) })
        else { return false }
        let word = key[first...last]
        return text.indices.contains { start in
            !delimiters.contains(text[start]) && (start == 0 || delimiters.contains(text[start - 1]))
                && text[start...].starts(with: word)
                && (start + word.count == text.count || delimiters.contains(text[start + word.count]))
        }
    }
}

/// Random numbers from a seed, so that a failing run can be had again.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// A text of few different bytes, so that texts often have parts in common.
    mutating func text(_ alphabet: String, upTo length: Int) -> [UInt8] {
        let letters = Array(alphabet.utf8)
        return (0..<Int.random(in: 0...length, using: &self)).map { _ in letters.randomElement(using: &self)! }
    }
}
