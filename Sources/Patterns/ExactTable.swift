import Bytes
import Synchronization

/// A link with the key that it stands under in an ``ExactTable``.
@unsafe struct ExactItem {
    // First, so that a pointer to one is a pointer to the other.
    var item: IndexItem
    let hash: UInt64
    let key: UnsafePointer<UInt8>
    let count: Int

    init(item: IndexItem, hash: UInt64, key: UnsafePointer<UInt8>, count: Int) {
        unsafe self.item = unsafe item
        unsafe self.hash = hash
        unsafe self.key = unsafe key
        unsafe self.count = count
    }
}

extension UnsafeMutablePointer<IndexItem> {
    /// The same link, known to be one of an ``ExactTable``.
    @inline(__always) var exact: UnsafeMutablePointer<ExactItem> {
        unsafe UnsafeMutableRawPointer(self).assumingMemoryBound(to: ExactItem.self)
    }
}

extension UnsafeMutablePointer<ExactItem> {
    @inline(__always) var link: UnsafeMutablePointer<IndexItem> {
        unsafe UnsafeMutableRawPointer(self).assumingMemoryBound(to: IndexItem.self)
    }
}

/// Keys that must be met exactly: a hash table with open addressing, one writer and many readers.
///
/// A slot is one word: 16 bits of the hash, 48 bits of the address of a chain. The writer fills and empties slots in
/// place; when the table is too full it builds another and puts that in the readers' way. A reader sees each word
/// before or after such a store, never between.
@safe final class ExactTable {
    private static let tombstone: UInt = 1
    private static let addressMask: UInt = 0xffff_ffff_ffff
    /// Words before the slots: how many slots, less one; the hash's secret.
    private static let header = 2

    /// Where readers find the table.
    private let root: UnsafeMutablePointer<Atomic<UInt>>
    private let epochs: Epochs
    private let folds: Bool
    private let secret = KeyHash.secret
    private var table: UnsafeMutablePointer<Atomic<UInt>>
    private var capacity: Int
    /// Slots that hold a chain; slots that are not empty.
    private var live = 0
    private var used = 0

    /// - Parameters:
    ///   - root: where readers find the table; it must live as long as this.
    ///   - folds: whether letters count in lower case; keys are given in lower case then.
    @unsafe init(root: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs, folds: Bool) {
        unsafe self.root = unsafe root
        self.epochs = epochs
        self.folds = folds
        capacity = 16
        unsafe table = Self.make(capacity: 16, secret: secret)
        unsafe root.pointee.store(UInt(bitPattern: table), ordering: .releasing)
    }

    deinit { unsafe table.deallocate() }

    private static func make(capacity: Int, secret: UInt64) -> UnsafeMutablePointer<Atomic<UInt>> {
        let table = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: capacity + header)
        for index in 0..<capacity + header { unsafe (table + index).initialize(to: Atomic(0)) }
        unsafe table[0].store(UInt(capacity - 1), ordering: .relaxed)
        unsafe table[1].store(UInt(secret), ordering: .relaxed)
        return unsafe table
    }

    // MARK: Reading

    /// The oldest link under a key; on any thread that an epoch guards.
    @inline(__always)
    @unsafe static func find(
        in root: borrowing Atomic<UInt>, _ bytes: UnsafePointer<UInt8>, count: Int, folds: Bool
    ) -> UnsafeMutablePointer<IndexItem>? {
        guard let table = unsafe UnsafePointer<Atomic<UInt>>(bitPattern: root.load(ordering: .acquiring)) else {
            return nil
        }
        let secret = unsafe UInt64(table[1].load(ordering: .relaxed))
        let hash = unsafe KeyHash.of(bytes, count: count, secret: secret, folds: folds)
        return unsafe find(in: table, hash: hash) { item in
            unsafe item.pointee.count == count
                && KeyHash.equal(bytes, item.pointee.key, count: count, folds: folds)
        }
    }

    /// The oldest link under a number that was added with ``key(of:)``.
    @inline(__always)
    @unsafe static func find(in root: borrowing Atomic<UInt>, number: UInt64) -> UnsafeMutablePointer<IndexItem>? {
        guard let table = unsafe UnsafePointer<Atomic<UInt>>(bitPattern: root.load(ordering: .acquiring)) else {
            return nil
        }
        let secret = unsafe UInt64(table[1].load(ordering: .relaxed))
        return unsafe find(in: table, hash: KeyHash.of(number, secret: secret)) { item in
            unsafe KeyHash.word(item.pointee.key) == number
        }
    }

    @inline(__always)
    private static func find(
        in table: UnsafePointer<Atomic<UInt>>, hash: UInt64, isEqual: (UnsafeMutablePointer<ExactItem>) -> Bool
    ) -> UnsafeMutablePointer<IndexItem>? {
        let mask = unsafe table[0].load(ordering: .relaxed)
        let slots = unsafe table + header
        var index = UInt(truncatingIfNeeded: hash) & mask
        while true {
            let word = unsafe slots[Int(bitPattern: index)].load(ordering: .acquiring)
            if word == 0 { return nil }
            if UInt64(word) >> 48 == hash >> 48, let item = unsafe item(word), unsafe isEqual(item) {
                return unsafe item.link
            }
            index = (index &+ 1) & mask
        }
    }

    @inline(__always) private static func item(_ word: UInt) -> UnsafeMutablePointer<ExactItem>? {
        word == tombstone ? nil : unsafe UnsafeMutablePointer(bitPattern: word & addressMask)
    }

    // MARK: Writing

    /// The hash that a key's link must carry.
    func hash(_ key: Span<UInt8>) -> UInt64 {
        unsafe key.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else {
                var nothing: UInt8 = 0
                return unsafe KeyHash.of(&nothing, count: 0, secret: secret, folds: false)
            }
            return unsafe KeyHash.of(start, count: bytes.count, secret: secret, folds: false)
        }
    }

    /// The hash that a number's link must carry.
    func hash(number: UInt64) -> UInt64 { KeyHash.of(number, secret: secret) }

    /// Makes room for `count` more keys at once.
    func reserve(_ count: Int) {
        let wanted = (live + count) * 2
        if wanted > capacity { rebuild(capacity: wanted) }
    }

    /// Puts a link under its key, behind those that are there.
    @unsafe func insert(_ item: UnsafeMutablePointer<ExactItem>) {
        if (used + 1) * 8 > capacity * 5 { rebuild(capacity: live * 3) }
        let slots = unsafe table + Self.header
        let hash = unsafe item.pointee.hash
        var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
        var place: Int?
        while true {
            let word = unsafe slots[index].load(ordering: .relaxed)
            if word == 0 { break }
            if word == Self.tombstone {
                place = place ?? index
            } else if UInt64(word) >> 48 == hash >> 48, let head = unsafe Self.item(word),
                unsafe Self.sameKey(head, item)
            {
                unsafe head.link.appendToChain(item.link)
                return
            }
            index = (index + 1) & (capacity - 1)
        }
        if place == nil { used += 1 }
        live += 1
        unsafe slots[place ?? index].store(Self.word(item), ordering: .releasing)
    }

    /// The oldest link under the key of `model`.
    @unsafe func find(_ key: Span<UInt8>) -> UnsafeMutablePointer<IndexItem>? {
        let hash = hash(key)
        return unsafe key.withUnsafeBufferPointer { bytes in
            unsafe Self.find(in: UnsafePointer(table), hash: hash) { item in
                unsafe item.pointee.count == bytes.count
                    && (bytes.isEmpty
                        || KeyHash.equal(bytes.baseAddress!, item.pointee.key, count: bytes.count, folds: false))
            }
        }
    }

    /// Takes the link of `entry` out from under its key; nil when it is not there.
    @unsafe func remove(
        _ entry: UnsafeMutablePointer<PatternEntry>, hash: UInt64, key: Span<UInt8>
    ) -> UnsafeMutablePointer<IndexItem>? {
        let slots = unsafe table + Self.header
        var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
        while true {
            let word = unsafe slots[index].load(ordering: .relaxed)
            if word == 0 { return nil }
            if UInt64(word) >> 48 == hash >> 48, let head = unsafe Self.item(word), unsafe head.pointee.hash == hash,
                unsafe head.hasKey(key)
            {
                let (now, removed) = unsafe head.link.removeFromChain(entry)
                if unsafe now != head.link {
                    if unsafe now == nil { live -= 1 }
                    unsafe slots[index].store(
                        now.map { unsafe Self.word($0.exact) } ?? Self.tombstone, ordering: .releasing)
                }
                return unsafe removed
            }
            index = (index + 1) & (capacity - 1)
        }
    }

    /// Calls `visit` with the first link of each chain.
    @unsafe func forEachChain(_ visit: (UnsafeMutablePointer<IndexItem>) -> Void) {
        let slots = unsafe table + Self.header
        for index in 0..<capacity {
            if let item = unsafe Self.item(slots[index].load(ordering: .relaxed)) { unsafe visit(item.link) }
        }
    }

    private func rebuild(capacity wanted: Int) {
        var size = 16
        while size < wanted { size *= 2 }
        let old = unsafe table
        let new = unsafe Self.make(capacity: size, secret: secret)
        let slots = unsafe new + Self.header
        unsafe forEachChain { link in
            let item = unsafe link.exact
            var index = unsafe Int(truncatingIfNeeded: item.pointee.hash) & (size - 1)
            while unsafe slots[index].load(ordering: .relaxed) != 0 { index = (index + 1) & (size - 1) }
            unsafe slots[index].store(Self.word(item), ordering: .relaxed)
        }
        unsafe table = unsafe new
        capacity = size
        used = live
        unsafe root.pointee.store(UInt(bitPattern: new), ordering: .releasing)
        unsafe epochs.retire(old) { unsafe $0.deallocate() }
    }

    private static func word(_ item: UnsafeMutablePointer<ExactItem>) -> UInt {
        unsafe UInt(bitPattern: item) | UInt(item.pointee.hash >> 48) << 48
    }

    private static func sameKey(_ a: UnsafeMutablePointer<ExactItem>, _ b: UnsafeMutablePointer<ExactItem>) -> Bool {
        unsafe a.pointee.hash == b.pointee.hash && a.pointee.count == b.pointee.count
            && KeyHash.equal(a.pointee.key, b.pointee.key, count: a.pointee.count, folds: false)
    }
}

extension UnsafeMutablePointer<ExactItem> {
    fileprivate func hasKey(_ key: Span<UInt8>) -> Bool {
        guard unsafe pointee.count == key.count else { return false }
        for index in key.indices where unsafe pointee.key[index] != key[index] { return false }
        return true
    }
}
