import Bytes
import Synchronization

/// The networks of one address family: trees of prefixes, found by a hash of a network's first bits, so that a look-up
/// meets few nodes whatever the number of networks.
///
/// Networks fall into classes by their length: those of at least 16, 24 and 32 bits (IPv4), or 32, 48, 64 and 128
/// bits (IPv6), stand in the tree of the slot that the hash of their first so many bits chooses; shorter ones in one
/// tree. One writer, many readers; a change is one store in a tree. When a class has twice as many networks as slots, the
/// writer builds another table for it and puts that in the readers' way.
@safe final class PrefixIndex {
    /// How many bits the networks of each class have at least, longest first.
    static let classes4 = [32, 24, 16]
    static let classes6 = [128, 64, 48, 32]

    private let root: UnsafeMutablePointer<Atomic<UInt>>
    private let epochs: Epochs
    private let classes: [Int]
    /// The tree of short prefixes, and a word for each class's table.
    private let words: UnsafeMutablePointer<Atomic<UInt>>
    private var counts: [Int]
    private var capacities: [Int]
    private var total = 0
    /// How many patterns are on their way.
    private var expected = 0

    /// - Parameter root: where readers find the structures; it must live as long as this.
    @unsafe init(root: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs, classes: [Int]) {
        unsafe self.root = unsafe root
        self.epochs = epochs
        self.classes = classes
        counts = classes.map { _ in 0 }
        capacities = counts
        unsafe words = .allocate(capacity: classes.count + 1)
        for index in 0...classes.count { unsafe (words + index).initialize(to: Atomic(0)) }
        unsafe root.pointee.store(UInt(bitPattern: words), ordering: .releasing)
    }

    deinit {
        unsafe PrefixTrie.forEachNode(at: PrefixTrie.slot(words)) { unsafe PrefixNode.free($0) }
        for index in classes.indices { unsafe table(index)?.free() }
        unsafe words.deallocate()
    }

    // MARK: Reading

    /// The chain of the longest IPv4 network that `key` is in. On any thread that an epoch guards.
    @inline(__always)
    @unsafe static func longest4(
        at root: borrowing Atomic<UInt>, _ key: PrefixKey
    ) -> UnsafeMutablePointer<IndexItem>? {
        guard let words = unsafe words(at: root) else { return nil }
        if let item = unsafe longest(words[1], key, bits: 32) { return unsafe item }
        if let item = unsafe longest(words[2], key, bits: 24) { return unsafe item }
        if let item = unsafe longest(words[3], key, bits: 16) { return unsafe item }
        return unsafe longest(words, key)
    }

    /// The chain of the longest IPv6 network that `key` is in. On any thread that an epoch guards.
    @inline(__always)
    @unsafe static func longest6(
        at root: borrowing Atomic<UInt>, _ key: PrefixKey
    ) -> UnsafeMutablePointer<IndexItem>? {
        guard let words = unsafe words(at: root) else { return nil }
        if let item = unsafe longest(words[1], key, bits: 128) { return unsafe item }
        if let item = unsafe longest(words[2], key, bits: 64) { return unsafe item }
        if let item = unsafe longest(words[3], key, bits: 48) { return unsafe item }
        if let item = unsafe longest(words[4], key, bits: 32) { return unsafe item }
        return unsafe longest(words, key)
    }

    @inline(__always)
    private static func words(at root: borrowing Atomic<UInt>) -> UnsafeMutablePointer<Atomic<UInt>>? {
        unsafe UnsafeMutablePointer(bitPattern: root.load(ordering: .acquiring))
    }

    /// Among the networks of one class.
    @inline(__always)
    private static func longest(
        _ word: borrowing Atomic<UInt>, _ key: PrefixKey, bits: Int
    ) -> UnsafeMutablePointer<IndexItem>? {
        guard let table = unsafe PrefixTable(at: word) else { return nil }
        return unsafe longest(table.slot(of: key, bits: bits), key)
    }

    @inline(__always)
    private static func longest(
        _ slot: UnsafeMutablePointer<Atomic<UInt>>, _ key: PrefixKey
    ) -> UnsafeMutablePointer<IndexItem>? {
        var last: UnsafeMutablePointer<IndexItem>?
        unsafe PrefixTrie.walk(from: slot.pointee, key) { unsafe last = unsafe $0 }
        return unsafe last
    }

    // MARK: Writing

    /// Says that so many patterns come, of classes as the first ones.
    func reserve(_ count: Int) { expected += count }

    /// Puts a link under a prefix, behind those that are there.
    @unsafe func insert(_ item: UnsafeMutablePointer<IndexItem>, _ key: PrefixKey, bits: Int) {
        total += 1
        let index = classIndex(bits)
        if let index {
            counts[index] += 1
            if counts[index] > capacities[index] * 2 { grow(index) }
        }
        unsafe PrefixTrie.insert(item, key, bits: bits, at: slot(of: key, index), epochs: epochs)
    }

    /// Takes the link of `entry` out from under its prefix; nil when it is not there.
    @unsafe func remove(
        _ entry: UnsafeMutablePointer<PatternEntry>, _ key: PrefixKey, bits: Int
    ) -> UnsafeMutablePointer<IndexItem>? {
        let index = classIndex(bits)
        if let index, capacities[index] == 0 { return nil }
        guard
            let removed = unsafe PrefixTrie.remove(
                entry, key, bits: bits, at: slot(of: key, index), epochs: epochs)
        else { return nil }
        total -= 1
        if let index { counts[index] -= 1 }
        return unsafe removed
    }

    /// Calls `visit` with the first link of each chain.
    @unsafe func forEachChain(_ visit: (UnsafeMutablePointer<IndexItem>) -> Void) {
        let visitNode: (PrefixTrie.Node) -> Void = { node in
            if let item = unsafe node.pointee.item.load(ordering: .relaxed) { unsafe visit(item) }
        }
        unsafe PrefixTrie.forEachNode(at: PrefixTrie.slot(words), visitNode)
        for index in classes.indices { unsafe table(index)?.forEachNode(visitNode) }
    }

    /// The class of a prefix; nil for one that is shorter than those of all classes.
    private func classIndex(_ bits: Int) -> Int? { classes.firstIndex { $0 <= bits } }

    /// The tree for a prefix of a class, which has a table, or of none.
    private func slot(of key: PrefixKey, _ index: Int?) -> PrefixSlot {
        guard let index, let table = unsafe table(index) else {
            return unsafe PrefixTrie.slot(words)
        }
        return unsafe PrefixTrie.slot(table.slot(of: key, bits: classes[index]))
    }

    private func table(_ index: Int) -> PrefixTable? { unsafe PrefixTable(at: words[index + 1]) }

    /// Gives a class a larger table: for what is there, and its share of what is on the way.
    private func grow(_ index: Int) {
        let share = Double(max(expected - total, 0)) * Double(counts[index]) / Double(total)
        // What comes may be of another class.
        let wanted = counts[index] + min(Int(share), counts[index] * 1024)
        var slots = 16
        while slots < wanted * 2 { slots *= 2 }
        let old = unsafe table(index)
        let new = unsafe PrefixTable.make(slots: slots)
        unsafe old?.forEachNode { node in
            guard let chain = unsafe node.pointee.item.load(ordering: .relaxed) else { return }
            let key = unsafe node.pointee.key
            let slot = unsafe PrefixTrie.slot(new.slot(of: key, bits: classes[index]))
            unsafe PrefixTrie.insert(chain, key, bits: node.pointee.bits, at: slot, epochs: epochs)
        }
        capacities[index] = slots
        unsafe words[index + 1].store(UInt(bitPattern: new.words), ordering: .releasing)
        guard let old = unsafe old else { return }
        unsafe epochs.retire(old.words) { memory in
            unsafe PrefixTable(words: memory.assumingMemoryBound(to: Atomic<UInt>.self)).free()
        }
    }
}

/// The slots of one class of a ``PrefixIndex``: one block of memory, slots behind two words.
@unsafe struct PrefixTable {
    /// How many slots, less one; the hash's secret.
    private static let header = 2

    let words: UnsafeMutablePointer<Atomic<UInt>>

    @inline(__always) init(words: UnsafeMutablePointer<Atomic<UInt>>) { unsafe self.words = unsafe words }

    /// The table that stands under a word; nil when there is none.
    @inline(__always) init?(at word: borrowing Atomic<UInt>) {
        guard let words = unsafe UnsafeMutablePointer<Atomic<UInt>>(bitPattern: word.load(ordering: .acquiring)) else {
            return nil
        }
        unsafe self.words = unsafe words
    }

    /// The slot for the first `bits` bits of a key.
    @inline(__always) func slot(of key: PrefixKey, bits: Int) -> UnsafeMutablePointer<Atomic<UInt>> {
        let prefix = key.prefix(bits)
        let hash = unsafe KeyHash.of(
            prefix.high, prefix.low, secret: UInt64(words[1].load(ordering: .relaxed)))
        let mask = unsafe words[0].load(ordering: .relaxed)
        return unsafe words + Self.header + Int(bitPattern: UInt(truncatingIfNeeded: hash) & mask)
    }

    /// Makes an empty table. The caller owns it; ``free()`` ends it.
    static func make(slots: Int) -> PrefixTable {
        let words = unsafe UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: header + slots)
        unsafe UnsafeMutableRawPointer(words).initializeMemory(as: UInt.self, repeating: 0, count: header + slots)
        unsafe words[0].store(UInt(slots - 1), ordering: .relaxed)
        unsafe words[1].store(UInt(KeyHash.secret), ordering: .relaxed)
        return unsafe PrefixTable(words: words)
    }

    /// Calls `visit` with each node; it may free it.
    func forEachNode(_ visit: (PrefixTrie.Node) -> Void) {
        let last = unsafe Int(bitPattern: words[0].load(ordering: .relaxed))
        for index in 0...last {
            unsafe PrefixTrie.forEachNode(at: PrefixTrie.slot(words + Self.header + index), visit)
        }
    }

    /// Frees the table with its nodes.
    func free() {
        unsafe forEachNode { unsafe PrefixNode.free($0) }
        unsafe words.deallocate()
    }
}
