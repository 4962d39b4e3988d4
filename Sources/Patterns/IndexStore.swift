import Bytes
import Synchronization

/// The structures in which one version's patterns stand for one method, as the writer sees them. Which they are
/// follows from the method: hash table, trees of texts or of prefixes that a hash finds, a tree of ranges, or a list in
/// order.
@safe final class IndexStore {
    /// Words of a version's roots that one method takes.
    static let rootsPerMethod = 4

    let kind: IndexKind
    private let epochs: Epochs
    private var exact: ExactTable?
    private var texts: TextIndex?
    private var words: WordIndex?
    private var networks4: PrefixIndex?
    private var networks6: PrefixIndex?
    /// Where ranges of numbers stand as prefixes.
    private var ranges: PrefixSlot?
    private var list: PatternList?

    /// - Parameter roots: where readers find the structures, ``rootsPerMethod`` words that live as long as this.
    @unsafe init(_ kind: IndexKind, roots: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs) {
        self.kind = kind
        self.epochs = epochs
        switch kind.method {
        case .found, .bool: break
        case .int, .len, .version:
            exact = unsafe ExactTable(root: roots, epochs: epochs, folds: false)
            unsafe ranges = unsafe PrefixTrie.slot(roots + 1)
        case .str: exact = unsafe ExactTable(root: roots, epochs: epochs, folds: kind.ignoresCase)
        case .bin: exact = unsafe ExactTable(root: roots, epochs: epochs, folds: false)
        case .beg, .sub, .end: texts = unsafe TextIndex(root: roots, epochs: epochs)
        case .dir:
            words = unsafe WordIndex(roots: roots, epochs: epochs, folds: kind.ignoresCase) { $0.endsDirectory }
        case .dom: words = unsafe WordIndex(roots: roots, epochs: epochs, folds: kind.ignoresCase) { $0.endsDomain }
        case .reg, .regm: list = unsafe PatternList(root: roots, epochs: epochs)
        case .ip:
            networks4 = unsafe PrefixIndex(root: roots, epochs: epochs, classes: PrefixIndex.classes4)
            networks6 = unsafe PrefixIndex(root: roots + 1, epochs: epochs, classes: PrefixIndex.classes6)
            list = unsafe PatternList(root: roots + 2, epochs: epochs)
        }
    }

    deinit {
        unsafe exact?.forEachChain { unsafe $0.freeChain() }
        unsafe texts?.forEachChain { unsafe $0.freeChain() }
        unsafe words?.table.forEachChain { unsafe $0.freeChain() }
        unsafe networks4?.forEachChain { unsafe $0.freeChain() }
        unsafe networks6?.forEachChain { unsafe $0.freeChain() }
        if let ranges = unsafe ranges {
            unsafe PrefixTrie.forEachNode(at: ranges) { node in
                if let item = unsafe node.pointee.item.load(ordering: .relaxed) { unsafe item.freeChain() }
                unsafe PrefixNode.free(node)
            }
        }
    }

    /// Makes room for `count` more patterns.
    func reserve(_ count: Int) {
        exact?.reserve(count)
        words?.reserve(count)
        networks4?.reserve(count)
        networks6?.reserve(count)
    }

    /// Makes room for all entries of a list, of which `first` is the first; while it is empty.
    @unsafe func reserve(_ count: Int, from first: UnsafeMutablePointer<PatternEntry>?) {
        reserve(count)
        guard let texts else { return }
        var lengths: [Int] = []
        lengths.reserveCapacity(count)
        var next = unsafe first
        while let entry = unsafe next {
            unsafe lengths.append(kind.treeRange(of: entry).count)
            unsafe next = entry.pointee.next
        }
        texts.reserve(lengths)
    }

    /// Puts an entry in, its pattern read already.
    @unsafe func add(_ entry: UnsafeMutablePointer<PatternEntry>, _ pattern: ReadPattern) {
        switch pattern {
        case .nothing: break
        case .text:
            let key = unsafe kind.treeKey(of: entry)
            if kind.method == .str {
                if let exact { unsafe exact.insert(.make(entry, key: key, hash: exact.hash(key.span))) }
            } else if let words {
                // No word is empty.
                if !key.isEmpty { unsafe words.insert(.make(entry, key: key, hash: words.table.hash(key.span))) }
            } else if !key.isEmpty || kind.takesEmptyPattern {
                unsafe texts?.insert(.make(entry), under: key)
            }
        case .bytes(let key):
            if let exact { unsafe exact.insert(.make(entry, key: key, hash: exact.hash(key.span))) }
        case .range(let range):
            if let exact, range.lowerBound == range.upperBound {
                let number = UInt64(bitPattern: range.lowerBound)
                unsafe exact.insert(.make(entry, key: number.bytes, hash: exact.hash(number: number)))
            } else {
                unsafe addRange(of: entry, range)
            }
        case .network4(let address, let mask):
            if let bits = mask.prefixLength {
                unsafe networks4?.insert(.make(entry), PrefixKey(v4: address), bits: bits)
            } else {
                unsafe list?.append(.network(address: address, mask: mask), .make(entry))
            }
        case .network6(let high, let low, let bits):
            unsafe networks6?.insert(.make(entry), PrefixKey(high: high, low: low), bits: bits)
        case .expression(let expression):
            unsafe list?.append(.expression(.passRetained(expression)), .make(entry))
        }
    }

    /// Takes an entry out.
    @unsafe func remove(_ entry: UnsafeMutablePointer<PatternEntry>, _ pattern: ReadPattern) {
        switch pattern {
        case .nothing: break
        case .text:
            let key = unsafe kind.treeKey(of: entry)
            if kind.method == .str {
                if let exact { unsafe retire(exact.remove(entry, hash: exact.hash(key.span), key: key.span)) }
            } else if let words {
                unsafe retire(words.remove(entry, hash: words.table.hash(key.span), key: key.span))
            } else if let texts {
                unsafe retire(texts.remove(entry, under: key))
            }
        case .bytes(let key):
            if let exact { unsafe retire(exact.remove(entry, hash: exact.hash(key.span), key: key.span)) }
        case .range(let range):
            if let exact, range.lowerBound == range.upperBound {
                let number = UInt64(bitPattern: range.lowerBound)
                let key = number.bytes
                unsafe retire(exact.remove(entry, hash: exact.hash(number: number), key: key.span))
            } else if let ranges = unsafe ranges {
                RangeBlocks.forEach(in: range) {
                    unsafe retire(PrefixTrie.remove(entry, $0, bits: $1, at: ranges, epochs: epochs))
                }
            }
        case .network4(let address, let mask):
            if let bits = mask.prefixLength {
                unsafe retire(networks4?.remove(entry, PrefixKey(v4: address), bits: bits))
            } else {
                unsafe list?.remove(entry)
            }
        case .network6(let high, let low, let bits):
            unsafe retire(networks6?.remove(entry, PrefixKey(high: high, low: low), bits: bits))
        case .expression: unsafe list?.remove(entry)
        }
    }

    private func addRange(of entry: UnsafeMutablePointer<PatternEntry>, _ range: ClosedRange<Int64>) {
        guard let ranges = unsafe ranges else { return }
        RangeBlocks.forEach(in: range) {
            unsafe PrefixTrie.insert(.make(entry), $0, bits: $1, at: ranges, epochs: epochs)
        }
    }

    private func retire(_ item: UnsafeMutablePointer<IndexItem>?) {
        guard let item = unsafe item else { return }
        unsafe epochs.retire(item) { unsafe $0.deallocate() }
    }
}

/// A method with its flag: what tells the structures of one list apart.
struct IndexKind: Equatable, Sendable {
    let method: MatchMethod
    /// `-i`; only for methods that compare letters.
    let ignoresCase: Bool

    init(_ method: MatchMethod, ignoringCase: Bool) {
        self.method = method
        switch method {
        case .str, .beg, .sub, .dir, .dom, .end, .reg, .regm: ignoresCase = ignoringCase
        case .found, .bool, .int, .ip, .bin, .len, .version: ignoresCase = false
        }
    }

    /// All kinds there are, and the place of each among them.
    static let count = MatchMethod.allCases.count * 2
    var number: Int { Int(method.rawValue) * 2 + (ignoresCase ? 1 : 0) }

    /// Whether an empty pattern can match: every text begins and ends with it, but no part is empty.
    var takesEmptyPattern: Bool { method == .beg || method == .end }

    /// The entry's key as it stands in a tree or a table of this kind.
    @unsafe func treeKey(of entry: UnsafeMutablePointer<PatternEntry>) -> [UInt8] {
        let range = unsafe treeRange(of: entry)
        var key = unsafe Array(UnsafeBufferPointer(start: entry.key + range.lowerBound, count: range.count))
        if ignoresCase { for index in key.indices { key[index] = key[index].lowercased } }
        if method == .end { key.reverse() }
        return key
    }

    /// Which bytes of the entry's key stand there: words lose the delimiters around them.
    @unsafe func treeRange(of entry: UnsafeMutablePointer<PatternEntry>) -> Range<Int> {
        let count = unsafe entry.keyCount
        guard method == .dir || method == .dom else { return 0..<count }
        let key = unsafe entry.key
        let isDelimiter: (UInt8) -> Bool = method == .dir ? { $0.endsDirectory } : { $0.endsDomain }
        var start = 0
        while start < count, unsafe isDelimiter(key[start]) { start += 1 }
        var end = count
        while end > start, unsafe isDelimiter(key[end - 1]) { end -= 1 }
        return start..<end
    }
}

extension UInt8 {
    /// The bytes that end a directory's name for `dir`.
    @inline(__always) var endsDirectory: Bool { self == UInt8(ascii: "/") || self == UInt8(ascii: "?") }

    /// The bytes that end a domain's label for `dom`.
    @inline(__always) var endsDomain: Bool {
        endsDirectory || self == UInt8(ascii: ".") || self == UInt8(ascii: ":")
    }
}

extension UInt64 {
    /// The number's eight bytes as they stand in memory.
    fileprivate var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: littleEndian >> UInt64($0 * 8)) } }
}

extension UInt32 {
    /// How many leading bits the mask has, when it has no holes.
    var prefixLength: Int? {
        let bits = (~self).leadingZeroBitCount
        return self == (bits == 0 ? 0 : .max << UInt32(32 - bits)) ? bits : nil
    }
}

extension PrefixKey {
    /// An IPv4 address's bits.
    @inline(__always) init(v4 address: UInt32) { self.init(high: UInt64(address) << 32, low: 0) }
}

extension UnsafeMutablePointer<IndexItem> {
    /// A link alone.
    static func make(_ entry: UnsafeMutablePointer<PatternEntry>) -> UnsafeMutablePointer<IndexItem> {
        let item = unsafe UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<IndexItem>.size, alignment: 8)
            .bindMemory(to: IndexItem.self, capacity: 1)
        unsafe item.initialize(to: IndexItem(entry: entry))
        return unsafe item
    }

    /// Frees a chain that is no part of its entries.
    func freeChain() {
        var next: UnsafeMutablePointer<IndexItem>? = unsafe self
        while let item = unsafe next {
            unsafe next = item.pointee.next
            unsafe UnsafeMutableRawPointer(item).deallocate()
        }
    }
}

extension UnsafeMutablePointer<ExactItem> {
    /// A link with a key of its own.
    static func make(
        _ entry: UnsafeMutablePointer<PatternEntry>, key: [UInt8], hash: UInt64
    ) -> UnsafeMutablePointer<ExactItem> {
        let size = unsafe MemoryLayout<ExactItem>.stride
        let block = UnsafeMutableRawPointer.allocate(byteCount: size + key.count, alignment: 8)
        let text = unsafe (block + size).bindMemory(to: UInt8.self, capacity: key.count)
        for index in key.indices { unsafe text[index] = key[index] }
        let item = unsafe block.bindMemory(to: ExactItem.self, capacity: 1)
        unsafe item.initialize(
            to: ExactItem(item: IndexItem(entry: entry), hash: hash, key: text, count: key.count))
        return unsafe item
    }
}
