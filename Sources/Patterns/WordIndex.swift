import Bytes
import Synchronization

/// The patterns of `dir` or `dom`, which match where they stand in a text as whole words: a hash table of them, and a
/// filter of their first words. So a look-up costs a step for each word of the text, whatever the number of patterns.
///
/// The filter has one byte for the hash of a first word: which numbers of words the patterns have that begin with it,
/// bit 0 for one word, bit 7 for eight and more. It may say too much, when hashes share a byte or a pattern has gone, and
/// never too little. One writer, many readers.
@safe final class WordIndex {
    let table: ExactTable
    private let delimits: @Sendable (UInt8) -> Bool
    private let epochs: Epochs
    /// Where readers find the filter.
    private let root: UnsafeMutablePointer<Atomic<UInt>>
    private var filter: WordFilter
    /// Patterns that are in, and that came in since the filter was made.
    private var count = 0
    private var added = 0

    /// - Parameters:
    ///   - roots: where readers find the table and, behind it, the filter; they must live as long as this.
    ///   - folds: whether letters count in lower case; keys are given in lower case then.
    ///   - delimits: tells which bytes stand between words.
    @unsafe init(
        roots: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs, folds: Bool,
        delimits: @escaping @Sendable (UInt8) -> Bool
    ) {
        table = unsafe ExactTable(root: roots, epochs: epochs, folds: folds)
        self.delimits = delimits
        self.epochs = epochs
        unsafe root = unsafe roots + 1
        unsafe filter = unsafe WordFilter.make(for: 0)
        unsafe root.pointee.store(filter.address, ordering: .releasing)
    }

    deinit { unsafe filter.free() }

    /// Makes room for `count` more patterns.
    func reserve(_ count: Int) {
        table.reserve(count)
        if unsafe added + count > filter.most { rebuild(for: self.count + count) }
    }

    /// Puts a link under its key, a text that begins and ends with a word, behind those that are there.
    @unsafe func insert(_ item: UnsafeMutablePointer<ExactItem>) {
        if unsafe added == filter.most { rebuild(for: count * 2) }
        count += 1
        added += 1
        // Readers look for it once the filter tells of it.
        unsafe note(item)
        unsafe table.insert(item)
    }

    /// Takes the link of `entry` out from under its key; nil when it is not there.
    @unsafe func remove(
        _ entry: UnsafeMutablePointer<PatternEntry>, hash: UInt64, key: Span<UInt8>
    ) -> UnsafeMutablePointer<IndexItem>? {
        guard let removed = unsafe table.remove(entry, hash: hash, key: key) else { return nil }
        count -= 1
        return unsafe removed
    }

    private func note(_ item: UnsafeMutablePointer<ExactItem>) {
        let key = unsafe item.pointee.key
        let count = unsafe item.pointee.count
        let first = unsafe Words.end(key, from: 0, to: count, delimits)
        var words = 1
        var end = first
        while let next = unsafe Words.start(key, from: end, to: count, delimits) {
            end = unsafe Words.end(key, from: next, to: count, delimits)
            words += 1
        }
        let hash = unsafe KeyHash.of(key, count: first, secret: KeyHash.secret, folds: false)
        unsafe filter.note(words: words, bytes: count, after: hash)
    }

    /// Makes a filter for so many patterns, of all that are there now.
    private func rebuild(for expected: Int) {
        let old = unsafe filter
        unsafe filter = unsafe WordFilter.make(for: expected)
        unsafe table.forEachChain { unsafe note($0.exact) }
        added = count
        unsafe root.pointee.store(filter.address, ordering: .releasing)
        unsafe epochs.retire(old.memory) { unsafe $0.deallocate() }
    }

    /// Calls `visit` with the oldest link of each pattern that stands in the text as whole words; on any thread that an
    /// epoch guards.
    /// - Parameter roots: those of ``init(roots:epochs:folds:delimits:)``.
    @inline(__always)
    @unsafe static func search(
        at roots: UnsafeMutablePointer<Atomic<UInt>>, _ bytes: UnsafePointer<UInt8>, _ count: Int, folds: Bool,
        delimits: (UInt8) -> Bool, visit: (UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        guard let filter = unsafe WordFilter(at: roots[1]) else { return }
        var next = unsafe Words.start(bytes, from: 0, to: count, delimits)
        while let start = next {
            let first = unsafe bytes + start
            let end = unsafe Words.end(bytes, from: start, to: count, delimits)
            next = unsafe Words.start(bytes, from: end, to: count, delimits)
            let hash = unsafe KeyHash.of(first, count: end &- start, secret: KeyHash.secret, folds: folds)
            let sizes = unsafe filter.sizes(after: hash)
            if sizes == 0 { continue }
            if sizes & 1 != 0, let item = unsafe ExactTable.find(in: roots[0], first, count: end &- start, folds: folds)
            {
                unsafe visit(item)
            }
            var size = 1
            var following = next
            while unsafe sizes >> WordFilter.bit(size &+ 1) != 0, let word = following {
                size &+= 1
                let last = unsafe Words.end(bytes, from: word, to: count, delimits)
                if unsafe last &- start > filter.longest { break }
                following = unsafe Words.start(bytes, from: last, to: count, delimits)
                if unsafe sizes >> WordFilter.bit(size) & 1 != 0,
                    let item = unsafe ExactTable.find(in: roots[0], first, count: last &- start, folds: folds)
                {
                    unsafe visit(item)
                }
            }
        }
    }
}

/// Where words begin and end in a text.
private enum Words {
    /// The first byte of the next word from `index` on; nil when there is none.
    @inline(__always)
    @unsafe static func start(
        _ bytes: UnsafePointer<UInt8>, from index: Int, to count: Int, _ delimits: (UInt8) -> Bool
    ) -> Int? {
        var index = index
        while index < count, unsafe delimits(bytes[index]) { index &+= 1 }
        return index < count ? index : nil
    }

    /// What follows the word that `index` is in.
    @inline(__always)
    @unsafe static func end(
        _ bytes: UnsafePointer<UInt8>, from index: Int, to count: Int, _ delimits: (UInt8) -> Bool
    ) -> Int {
        var index = index &+ 1
        while index < count, unsafe !delimits(bytes[index]) { index &+= 1 }
        return index
    }
}

/// What readers see of the first words of a ``WordIndex``: a block of memory with the number of its bytes, less one, the
/// length of the longest pattern, and the bytes. That length and these change.
@unsafe private struct WordFilter {
    private static let header = 2 * MemoryLayout<Int>.stride
    /// Bytes for each pattern: seven of eight words that no pattern begins with meet an empty one.
    private static let bytesPerPattern = 8

    let memory: UnsafeMutableRawPointer

    private init(_ memory: UnsafeMutableRawPointer) { unsafe self.memory = unsafe memory }

    /// The filter that stands under a root; nil when there is none.
    @inline(__always) init?(at root: borrowing Atomic<UInt>) {
        guard let memory = unsafe UnsafeMutableRawPointer(bitPattern: root.load(ordering: .acquiring)) else {
            return nil
        }
        unsafe self.init(memory)
    }

    /// Makes an empty filter for so many patterns. The caller owns its memory.
    static func make(for count: Int) -> WordFilter {
        var size = 512
        while unsafe size < count * bytesPerPattern { size *= 2 }
        let memory = unsafe UnsafeMutableRawPointer.allocate(byteCount: header + size, alignment: 8)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: header + size)
        unsafe memory.storeBytes(of: size - 1, as: Int.self)
        return unsafe WordFilter(memory)
    }

    func free() { unsafe memory.deallocate() }

    var address: UInt { unsafe UInt(bitPattern: memory) }

    /// No pattern is longer, bytes.
    @inline(__always) var longest: Int { unsafe length.pointee.load(ordering: .acquiring) }

    private var length: UnsafeMutablePointer<Atomic<Int>> {
        unsafe (memory + MemoryLayout<Int>.stride).assumingMemoryBound(to: Atomic<Int>.self)
    }

    /// How many patterns it is good for.
    var most: Int { unsafe (mask + 1) / Self.bytesPerPattern }

    /// Which bit stands for patterns of so many words.
    @inline(__always) static func bit(_ words: Int) -> UInt8 { UInt8(truncatingIfNeeded: min(words, 8) &- 1) }

    /// The numbers of words that patterns have whose first word has this hash.
    @inline(__always) func sizes(after hash: UInt64) -> UInt8 { unsafe byte(hash).pointee.load(ordering: .acquiring) }

    /// Adds a pattern of so many words and bytes, the first word with this hash.
    func note(words: Int, bytes: Int, after hash: UInt64) {
        if unsafe bytes > longest { unsafe length.pointee.store(bytes, ordering: .releasing) }
        let byte = unsafe byte(hash)
        let sizes = unsafe byte.pointee.load(ordering: .relaxed)
        unsafe byte.pointee.store(sizes | 1 << Self.bit(words), ordering: .releasing)
    }

    @inline(__always) private var mask: Int { unsafe memory.load(as: Int.self) }

    @inline(__always) private func byte(_ hash: UInt64) -> UnsafeMutablePointer<Atomic<UInt8>> {
        // The table looks at the lower bits.
        let index = unsafe Int(truncatingIfNeeded: hash >> 16) & mask
        return unsafe (memory + Self.header + index).assumingMemoryBound(to: Atomic<UInt8>.self)
    }
}
