import Bytes
import Synchronization

/// The structures in which one version's patterns stand for one method, as the writer sees them. Which they are
/// follows from the method: hash table, tree of bytes, tree of prefixes, or a list in order.
@safe final class IndexStore {
    /// Words of a version's roots that one method takes.
    static let rootsPerMethod = 4

    let kind: IndexKind
    private let epochs: Epochs
    private var exact: ExactTable?
    private var texts: ByteTrie?
    private var prefixes: PrefixTrie?
    private var prefixes6: PrefixTrie?
    private var list: PatternList?

    /// - Parameter roots: where readers find the structures, ``rootsPerMethod`` words that live as long as this.
    @unsafe init(_ kind: IndexKind, roots: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs) {
        self.kind = kind
        self.epochs = epochs
        switch kind.method {
        case .found, .bool: break
        case .int, .len, .version:
            exact = unsafe ExactTable(root: roots, epochs: epochs, folds: false)
            prefixes = unsafe PrefixTrie(root: roots + 1, epochs: epochs)
        case .str: exact = unsafe ExactTable(root: roots, epochs: epochs, folds: kind.ignoresCase)
        case .bin: exact = unsafe ExactTable(root: roots, epochs: epochs, folds: false)
        case .beg, .sub, .dir, .dom, .end: texts = unsafe ByteTrie(root: roots, epochs: epochs)
        case .reg, .regm: list = unsafe PatternList(root: roots, epochs: epochs)
        case .ip:
            prefixes = unsafe PrefixTrie(root: roots, epochs: epochs)
            prefixes6 = unsafe PrefixTrie(root: roots + 1, epochs: epochs)
            list = unsafe PatternList(root: roots + 2, epochs: epochs)
        }
    }

    deinit {
        unsafe exact?.forEachChain { unsafe $0.freeChain() }
        unsafe texts?.forEachChain { unsafe $0.freeChain() }
        unsafe prefixes?.forEachChain { unsafe $0.freeChain() }
        unsafe prefixes6?.forEachChain { unsafe $0.freeChain() }
    }

    /// Makes room for `count` more patterns.
    func reserve(_ count: Int) { exact?.reserve(count) }

    /// Puts an entry in, its pattern read already.
    @unsafe func add(_ entry: UnsafeMutablePointer<PatternEntry>, _ pattern: ReadPattern) {
        switch pattern {
        case .nothing: break
        case .text:
            let key = unsafe kind.treeKey(of: entry)
            if kind.method == .str {
                if let exact { unsafe exact.insert(.make(entry, key: key, hash: exact.hash(key.span))) }
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
                RangeBlocks.forEach(in: range) { unsafe prefixes?.insert(.make(entry), $0, bits: $1) }
            }
        case .network4(let address, let mask):
            if let bits = mask.prefixLength {
                unsafe prefixes?.insert(.make(entry), PrefixKey(v4: address), bits: bits)
            } else {
                unsafe list?.append(.network(address: address, mask: mask), .make(entry))
            }
        case .network6(let high, let low, let bits):
            unsafe prefixes6?.insert(.make(entry), PrefixKey(high: high, low: low), bits: bits)
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
            } else if let prefixes {
                RangeBlocks.forEach(in: range) { unsafe retire(prefixes.remove(entry, $0, bits: $1)) }
            }
        case .network4(let address, let mask):
            if let bits = mask.prefixLength {
                unsafe retire(prefixes?.remove(entry, PrefixKey(v4: address), bits: bits))
            } else {
                unsafe list?.remove(entry)
            }
        case .network6(let high, let low, let bits):
            unsafe retire(prefixes6?.remove(entry, PrefixKey(high: high, low: low), bits: bits))
        case .expression: unsafe list?.remove(entry)
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

    /// Whether an empty pattern can match: every text begins and ends with it, but no word and no part is empty.
    var takesEmptyPattern: Bool { method == .beg || method == .end }

    /// The entry's key as it stands in a tree or a table of this kind.
    @unsafe func treeKey(of entry: UnsafeMutablePointer<PatternEntry>) -> [UInt8] {
        var key = unsafe Array(UnsafeBufferPointer(start: entry.key, count: entry.keyCount))
        if method == .dir || method == .dom {
            let isDelimiter: (UInt8) -> Bool = method == .dir ? { $0.endsDirectory } : { $0.endsDomain }
            let start = key.firstIndex { !isDelimiter($0) } ?? key.endIndex
            let end = key.lastIndex { !isDelimiter($0) } ?? start - 1
            key = Array(key[start..<end + 1])
        }
        if ignoresCase { for index in key.indices { key[index] = key[index].lowercased } }
        if method == .end { key.reverse() }
        return key
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
