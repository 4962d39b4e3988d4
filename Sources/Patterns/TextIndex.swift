import Bytes
import Synchronization

/// The patterns of `beg`, `end` or `sub`: trees of texts, found by a hash of the patterns' first bytes, so
/// that a look-up meets few nodes whatever the number of patterns.
///
/// Patterns of at least ``TextTable/pieceLength`` bytes stand in the tree of the slot that the hash of their first
/// so many bytes chooses; shorter ones, and all of a short list, in one tree. One writer, many readers; a change is one
/// store in a tree. When there are more patterns than slots, the writer builds another table and puts it in the
/// readers' way.
@safe final class TextIndex {
    /// A list of so many patterns needs no table.
    private static let mostWithoutSlots = 32
    /// Patterns are told apart by no more bytes than this before they are compared.
    private static let longestPiece = 64

    private let root: UnsafeMutablePointer<Atomic<UInt>>
    private let epochs: Epochs
    private var table: TextTable
    private var count = 0
    /// With more patterns than this, the table is built again.
    private var limit = TextIndex.mostWithoutSlots
    /// How many patterns there are of each length; the last is for all that are longer.
    private var lengths = Array(repeating: 0, count: TextIndex.longestPiece + 1)

    /// - Parameter root: where readers find the table; it must live as long as this.
    @unsafe init(root: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs) {
        unsafe self.root = unsafe root
        self.epochs = epochs
        unsafe table = unsafe TextTable.make(slots: 0, pieceLength: .max)
        unsafe root.pointee.store(table.address, ordering: .releasing)
    }

    deinit { unsafe table.free() }

    // MARK: Writing

    /// Makes room for patterns of these lengths; while it is empty.
    func reserve(_ expected: [Int]) {
        guard count == 0, expected.count > Self.mostWithoutSlots else { return }
        for length in expected { lengths[min(length, Self.longestPiece)] += 1 }
        rebuild(for: expected.count)
        lengths = Array(repeating: 0, count: Self.longestPiece + 1)
    }

    /// Puts a link under a text, behind those that are there. For `end` the text is given with its last byte first.
    @unsafe func insert(_ item: UnsafeMutablePointer<IndexItem>, under key: [UInt8]) {
        lengths[min(key.count, Self.longestPiece)] += 1
        count += 1
        if count > limit { rebuild(for: count) }
        unsafe withBytes(of: key) { bytes, count in
            unsafe Self.put(item, bytes, count, into: table, epochs)
        }
    }

    /// Takes the link of `entry` out from under its text; nil when it is not there.
    @unsafe func remove(
        _ entry: UnsafeMutablePointer<PatternEntry>, under key: [UInt8]
    ) -> UnsafeMutablePointer<IndexItem>? {
        let slot = unsafe withBytes(of: key) { unsafe table.slot(of: $0, count: $1) }
        guard let removed = unsafe ByteTrie.remove(entry, under: key, at: slot, epochs: epochs) else { return nil }
        lengths[min(key.count, Self.longestPiece)] -= 1
        count -= 1
        return unsafe removed
    }

    /// Calls `visit` with the first link of each chain.
    @unsafe func forEachChain(_ visit: (UnsafeMutablePointer<IndexItem>) -> Void) {
        unsafe table.forEachNode { node in
            if let item = unsafe node.pointee.item.load(ordering: .relaxed) { unsafe visit(item) }
        }
    }

    private static func put(
        _ item: UnsafeMutablePointer<IndexItem>, _ key: UnsafePointer<UInt8>, _ count: Int, into table: TextTable,
        _ epochs: Epochs
    ) {
        let slot = unsafe table.slot(of: key, count: count)
        // Readers look there once they know the byte.
        unsafe ByteTrie.insert(item, under: key, count: count, at: slot, epochs: epochs)
        if unsafe count >= table.pieceLength { unsafe table.note(firstByte: key[0]) }
    }

    /// Builds a table with slots for so many patterns, of all that are there now.
    private func rebuild(for expected: Int) {
        let pieceLength = pieceLength
        var slots = 64
        while slots < expected * 4 { slots *= 2 }
        limit = slots
        let old = unsafe table
        let new = unsafe TextTable.make(slots: pieceLength == .max ? 0 : slots, pieceLength: pieceLength)
        unsafe old.forEachNode { node in
            guard let chain = unsafe node.pointee.item.load(ordering: .relaxed) else { return }
            unsafe Self.put(chain, node.text, Int(node.pointee.depth), into: new, epochs)
        }
        unsafe table = unsafe new
        unsafe root.pointee.store(new.address, ordering: .releasing)
        unsafe epochs.retire(old.words) { memory in
            unsafe TextTable(memory.assumingMemoryBound(to: Atomic<UInt>.self)).free()
        }
    }

    /// How many first bytes tell patterns apart best: those that fifteen of sixteen patterns have.
    private var pieceLength: Int {
        let enough = lengths.reduce(0, +) * 15 / 16
        var longer = 0
        for length in stride(from: Self.longestPiece, to: 1, by: -1) {
            longer += lengths[length]
            if longer > enough { return length }
        }
        return .max
    }
}

/// What a ``TextIndex`` shows its readers: one block of memory, whose first words say where all is, and slots behind.
/// Only slots, and the set of first bytes, change.
@unsafe struct TextTable {
    /// The words of a table: the tree of short patterns; how many slots, less one; the length of a piece; the hash's secret;
    /// the only first byte of patterns in slots, or ``anyByte``, or ``noByte``; and a set of their first bytes.
    private enum Word {
        static let short = 0, mask = 1, pieceLength = 2, secret = 3, onlyByte = 4, firstBytes = 5, slots = 9
    }
    private static let anyByte: UInt = 256
    private static let noByte: UInt = 257

    let words: UnsafeMutablePointer<Atomic<UInt>>
    /// Patterns of at least so many bytes stand in slots.
    let pieceLength: Int

    @inline(__always) init(_ words: UnsafeMutablePointer<Atomic<UInt>>) {
        unsafe self.words = unsafe words
        unsafe pieceLength = unsafe Int(bitPattern: words[Word.pieceLength].load(ordering: .relaxed))
    }

    /// The table that stands under a root; nil when there is none.
    @inline(__always) init?(at root: borrowing Atomic<UInt>) {
        guard let words = unsafe UnsafeMutablePointer<Atomic<UInt>>(bitPattern: root.load(ordering: .acquiring)) else {
            return nil
        }
        unsafe self.init(words)
    }

    var address: UInt { unsafe UInt(bitPattern: words) }

    // MARK: Reading

    /// Calls `visit` with depth and chain of each pattern in slots that `text` begins with, shortest first. On any
    /// thread that an epoch guards.
    @inline(__always)
    func walkLong(_ text: TextReader, visit: (Int, UnsafeMutablePointer<IndexItem>) -> Void) {
        guard unsafe text.count >= pieceLength else { return }
        let slot = unsafe slot(hash: text.hash(first: pieceLength, secret: secret))
        unsafe ByteTrie.walk(from: slot.pointee.load(ordering: .acquiring), text, visit: visit)
    }

    /// The same for the patterns that are too short for slots.
    @inline(__always)
    func walkShort(_ text: TextReader, visit: (Int, UnsafeMutablePointer<IndexItem>) -> Void) {
        unsafe ByteTrie.walk(from: short.pointee.load(ordering: .acquiring), text, visit: visit)
    }

    /// Calls `visit` with the chain of each pattern that stands anywhere in `text`.
    @inline(__always)
    func search(_ text: TextReader, visit: (UnsafeMutablePointer<IndexItem>) -> Void) {
        if let root = unsafe short.pointee.load(ordering: .acquiring) {
            unsafe ByteTrie.search(from: root, text, visit: visit)
        }
        guard unsafe text.count >= pieceLength else { return }
        let end = unsafe text.count &- pieceLength &+ 1
        let only = unsafe words[Word.onlyByte].load(ordering: .acquiring)
        var start = 0
        while start < end {
            if only < 256 {
                guard let found = unsafe text.place(of: UInt8(truncatingIfNeeded: only), from: start, to: end) else {
                    return
                }
                start = found
                unsafe walkLong(text.dropFirst(start)) { _, item in unsafe visit(item) }
            } else if unsafe mayBegin(text[start]) {
                unsafe walkLong(text.dropFirst(start)) { _, item in unsafe visit(item) }
            }
            start &+= 1
        }
    }

    @inline(__always) private var short: ByteSlot { unsafe byteSlot(Word.short) }
    @inline(__always) private var secret: UInt64 { unsafe UInt64(words[Word.secret].load(ordering: .relaxed)) }

    /// Whether a pattern in a slot begins with the byte.
    @inline(__always) private func mayBegin(_ byte: UInt8) -> Bool {
        let word = unsafe words[Word.firstBytes + Int(byte >> 6)].load(ordering: .relaxed)
        return word &>> UInt(byte & 63) & 1 == 1
    }

    @inline(__always) private func byteSlot(_ index: Int) -> ByteSlot {
        unsafe UnsafeMutableRawPointer(words + index)
            .assumingMemoryBound(to: Atomic<UnsafeMutablePointer<ByteNode>?>.self)
    }

    @inline(__always) private func slot(hash: UInt64) -> ByteSlot {
        let mask = unsafe words[Word.mask].load(ordering: .relaxed)
        return unsafe byteSlot(Word.slots &+ Int(bitPattern: UInt(truncatingIfNeeded: hash) & mask))
    }

    // MARK: Writing

    /// Makes an empty table. The caller owns it; ``free()`` ends it.
    static func make(slots: Int, pieceLength: Int) -> TextTable {
        let words = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: Word.slots + slots)
        unsafe UnsafeMutableRawPointer(words).initializeMemory(
            as: UInt.self, repeating: 0, count: Word.slots + slots)
        unsafe words[Word.mask].store(UInt(max(slots, 1) - 1), ordering: .relaxed)
        unsafe words[Word.pieceLength].store(UInt(bitPattern: pieceLength), ordering: .relaxed)
        unsafe words[Word.secret].store(UInt(KeyHash.secret), ordering: .relaxed)
        unsafe words[Word.onlyByte].store(noByte, ordering: .relaxed)
        return unsafe TextTable(words)
    }

    /// The tree for a key.
    func slot(of key: UnsafePointer<UInt8>, count: Int) -> ByteSlot {
        guard unsafe count >= pieceLength else { return unsafe short }
        return unsafe slot(hash: KeyHash.of(key, count: pieceLength, secret: secret, folds: false))
    }

    /// Makes a byte one that patterns in slots begin with; it stays one.
    func note(firstByte byte: UInt8) {
        let only = unsafe words[Word.onlyByte].load(ordering: .relaxed)
        guard only != UInt(byte) else { return }
        let word = unsafe words + Word.firstBytes + Int(byte >> 6)
        let bits = unsafe word.pointee.load(ordering: .relaxed)
        unsafe word.pointee.store(bits | 1 << UInt(byte & 63), ordering: .releasing)
        unsafe words[Word.onlyByte].store(only == Self.noByte ? UInt(byte) : Self.anyByte, ordering: .releasing)
    }

    /// Calls `visit` with each node; it may free it.
    func forEachNode(_ visit: (ByteTrie.Node) -> Void) {
        unsafe ByteTrie.forEachNode(at: short, visit)
        guard unsafe pieceLength != .max else { return }
        let last = unsafe Int(bitPattern: words[Word.mask].load(ordering: .relaxed))
        for index in 0...last {
            unsafe ByteTrie.forEachNode(at: byteSlot(Word.slots + index), visit)
        }
    }

    /// Frees the table with its nodes.
    func free() {
        unsafe forEachNode { unsafe $0.free() }
        unsafe words.deallocate()
    }
}
