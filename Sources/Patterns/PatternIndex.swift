import Glibc
import Synchronization

/// A list under one method: what one ACL's or one map converter's use of it needs to look values up. Made when the
/// configuration is read, used by all workers through ``lookup``.
public final class PatternIndex: Sendable {
    public let reference: PatternReference
    public let method: MatchMethod
    /// `-i`.
    public let ignoresCase: Bool
    /// What a map's values are read as; nil for an ACL, which does not look at them.
    public let values: PatternValueKind?
    /// What workers use; valid as long as this.
    public let lookup: PatternLookup

    /// Puts `reference` under a method. Indexes of the same method and flag share their structures.
    /// - Parameter values: what the map's values are read as, and each must be readable so; nil for an ACL.
    public init(
        _ reference: PatternReference, method: MatchMethod, ignoringCase: Bool = false,
        values: PatternValueKind? = nil
    ) throws(PatternError) {
        let kind = IndexKind(method, ignoringCase: ignoringCase)
        try reference.add(PatternView(kind: kind, ignoresCase: ignoringCase, values: values))
        self.reference = reference
        self.method = method
        ignoresCase = ignoringCase
        self.values = values
        lookup = unsafe PatternLookup(roots: reference.roots, kind: kind)
    }
}

/// The reader's side of a ``PatternIndex``: plain addresses, to be copied into a program and used by any worker while
/// the index lives. Results are good until the worker's next quiescent point (`Epochs`).
@safe public struct PatternLookup: @unchecked Sendable {
    private let current: UnsafeMutablePointer<Atomic<UnsafeMutablePointer<Atomic<UInt>>?>>
    private let offset: Int
    public let method: MatchMethod
    private let folds: Bool

    @unsafe init(roots: UnsafeMutablePointer<Atomic<UnsafeMutablePointer<Atomic<UInt>>?>>, kind: IndexKind) {
        unsafe current = unsafe roots
        offset = PatternVersion.offset(of: kind)
        method = kind.method
        folds = kind.ignoresCase
    }

    @inline(__always) private var roots: UnsafeMutablePointer<Atomic<UInt>>? {
        guard let roots = unsafe current.pointee.load(ordering: .acquiring) else { return nil }
        return unsafe roots + offset
    }

    // MARK: Numbers

    /// The first entry whose range holds `number`, for the methods that compare numbers; with `found` any number, and
    /// with `bool` any but zero, matches without an entry.
    public func match(number: Int64) -> PatternMatch? {
        switch method {
        case .found: return PatternMatch.withoutEntry
        case .bool: return number == 0 ? nil : PatternMatch.withoutEntry
        case .int, .len, .version: break
        case .ip, .bin, .str, .beg, .sub, .dir, .dom, .end, .reg, .regm: return nil
        }
        guard let roots = unsafe roots else { return nil }
        var first = unsafe ExactTable.find(in: roots.pointee, number: UInt64(bitPattern: number))
        unsafe PrefixTrie.walk(from: roots[1], PrefixKey(high: RangeBlocks.key(of: number), low: 0)) { item in
            unsafe first = earlier(first, item)
        }
        return unsafe PatternMatch(first)
    }

    /// True when the value, a number, matches: ``match(number:)`` when only that is asked.
    public func matches(number: Int64) -> Bool { match(number: number) != nil }

    // MARK: Addresses

    /// The entry of the smallest network that an IPv4 address is in: IPv4 networks first, then IPv6 ones with the
    /// address as an IPv4-mapped one, then IPv4 masks with holes.
    /// - Parameter ipv4: the address in host order.
    public func match(ipv4 address: UInt32) -> PatternMatch? {
        guard method == .ip, let roots = unsafe roots else { return nil }
        if let item = unsafe PrefixIndex.longest4(at: roots.pointee, PrefixKey(v4: address)) {
            return unsafe PatternMatch(item)
        }
        let mapped = PrefixKey(high: 0, low: 0xffff << 32 | UInt64(address))
        return unsafe PatternMatch(PrefixIndex.longest6(at: roots[1], mapped)) ?? odd(roots, address)
    }

    /// The entry of the smallest network that an IPv6 address is in. An IPv4-mapped, IPv4-compatible or 6to4 address
    /// in no IPv6 network is then looked up as the IPv4 address that it holds.
    public func match(ipv6 high: UInt64, _ low: UInt64) -> PatternMatch? {
        guard method == .ip, let roots = unsafe roots else { return nil }
        if let item = unsafe PrefixIndex.longest6(at: roots[1], PrefixKey(high: high, low: low)) {
            return unsafe PatternMatch(item)
        }
        let address: UInt32
        if high == 0, low >> 32 == 0 || low >> 32 == 0xffff {
            address = UInt32(truncatingIfNeeded: low)
        } else if high >> 48 == 0x2002 {
            address = UInt32(truncatingIfNeeded: high >> 16)
        } else {
            return nil
        }
        return unsafe PatternMatch(PrefixIndex.longest4(at: roots.pointee, PrefixKey(v4: address)))
            ?? odd(roots, address)
    }

    private func odd(_ roots: UnsafeMutablePointer<Atomic<UInt>>, _ address: UInt32) -> PatternMatch? {
        unsafe PatternMatch(
            PatternList.first(from: roots[2]) { node in
                guard case .network(let network, let mask) = unsafe node.test else { return false }
                return (address ^ network) & mask == 0
            })
    }

    // MARK: Texts and bytes

    /// The entry that a text or bytes match. `beg` without `-i` gives the longest pattern, all others the first in the
    /// list's order. With `len` it is the text's length that counts.
    public func match(_ value: Span<UInt8>) -> PatternMatch? {
        switch method {
        case .len: return match(number: Int64(value.count))
        case .found: return PatternMatch.withoutEntry
        case .bool, .int, .version, .ip: return nil
        case .reg, .regm:
            guard let roots = unsafe roots else { return nil }
            return unsafe PatternMatch(
                PatternList.first(from: roots.pointee) { node in
                    guard case .expression(let expression) = unsafe node.test else { return false }
                    return unsafe expression._withUnsafeGuaranteedRef { $0.matches(value) }
                })
        case .str, .bin, .beg, .sub, .dir, .dom, .end:
            guard let roots = unsafe roots else { return nil }
            return unsafe value.withUnsafeBufferPointer { bytes in
                if let start = bytes.baseAddress { return unsafe match(roots, start, bytes.count) }
                var nothing: UInt8 = 0
                return unsafe match(roots, &nothing, 0)
            }
        }
    }

    /// The entry that a text matches, and where its expression and groups do: for `regm`.
    public func matchWithCaptures(_ value: Span<UInt8>) -> (match: PatternMatch, captures: RegexCaptures)? {
        guard method == .reg || method == .regm, let roots = unsafe roots else { return nil }
        var captures: RegexCaptures?
        let item = unsafe PatternList.first(from: roots.pointee) { node in
            guard case .expression(let expression) = unsafe node.test else { return false }
            captures = unsafe expression._withUnsafeGuaranteedRef { $0.captures(in: value) }
            return captures != nil
        }
        guard let match = unsafe PatternMatch(item), let captures else { return nil }
        return (match, captures)
    }

    @inline(__always)
    private func match(
        _ roots: UnsafeMutablePointer<Atomic<UInt>>, _ bytes: UnsafePointer<UInt8>, _ count: Int
    ) -> PatternMatch? {
        var found: UnsafeMutablePointer<IndexItem>?
        switch method {
        case .bin: unsafe found = ExactTable.find(in: roots.pointee, bytes, count: count, folds: false)
        case .str:
            // In HAProxy a zero byte ends a text here, and with -i does not.
            let end = unsafe folds ? nil : memchr(bytes, 0, count)
            let length = unsafe end.map { unsafe UnsafeRawPointer($0) - UnsafeRawPointer(bytes) } ?? count
            unsafe found = ExactTable.find(in: roots.pointee, bytes, count: length, folds: folds)
        case .beg: unsafe found = beginning(TextTable(at: roots.pointee), bytes, count)
        case .end:
            guard let table = unsafe TextTable(at: roots.pointee) else { return nil }
            let text = unsafe TextReader(bytes, count: count, folds: folds, isBackwards: true)
            unsafe table.walkLong(text) { _, item in unsafe found = earlier(found, item) }
            unsafe table.walkShort(text) { _, item in unsafe found = earlier(found, item) }
        case .sub:
            guard let table = unsafe TextTable(at: roots.pointee) else { return nil }
            unsafe table.search(TextReader(bytes, count: count, folds: folds)) { item in
                unsafe found = earlier(found, item)
            }
        case .dir:
            unsafe WordIndex.search(at: roots, bytes, count, folds: folds, delimits: { $0.endsDirectory }) { item in
                unsafe found = earlier(found, item)
            }
        case .dom:
            unsafe WordIndex.search(at: roots, bytes, count, folds: folds, delimits: { $0.endsDomain }) { item in
                unsafe found = earlier(found, item)
            }
        case .found, .bool, .int, .ip, .len, .reg, .regm, .version: break
        }
        return unsafe PatternMatch(found)
    }

    /// The longest pattern that the text begins with, or with `-i` the first entry of such patterns.
    @inline(__always)
    private func beginning(
        _ table: TextTable?, _ bytes: UnsafePointer<UInt8>, _ count: Int
    ) -> UnsafeMutablePointer<IndexItem>? {
        guard let table = unsafe table else { return nil }
        let text = unsafe TextReader(bytes, count: count, folds: folds)
        var found: UnsafeMutablePointer<IndexItem>?
        unsafe table.walkLong(text) { _, item in unsafe found = unsafe folds ? earlier(found, item) : item }
        // What is shorter than those in slots is shorter than what was found.
        if !folds, let found = unsafe found { return unsafe found }
        unsafe table.walkShort(text) { _, item in unsafe found = unsafe folds ? earlier(found, item) : item }
        return unsafe found
    }

    @inline(__always)
    private func earlier(
        _ a: UnsafeMutablePointer<IndexItem>?, _ b: UnsafeMutablePointer<IndexItem>
    ) -> UnsafeMutablePointer<IndexItem> {
        guard let a = unsafe a, unsafe a.order <= b.order else { return unsafe b }
        return unsafe a
    }
}

/// The entry that a value matched. Good until the worker's next quiescent point.
@safe public struct PatternMatch {
    /// A match that no entry stands for: `found` and `bool`.
    static var withoutEntry: PatternMatch { unsafe PatternMatch(entry: nil, valueRecord: nil) }

    private let entry: UnsafeMutablePointer<PatternEntry>?
    private let valueRecord: UnsafeMutablePointer<PatternValue>?

    private init(entry: UnsafeMutablePointer<PatternEntry>?, valueRecord: UnsafeMutablePointer<PatternValue>?) {
        unsafe self.entry = unsafe entry
        unsafe self.valueRecord = unsafe valueRecord
    }

    @inline(__always)
    @unsafe init?(_ item: UnsafeMutablePointer<IndexItem>?) {
        guard let item = unsafe item else { return nil }
        let entry = unsafe item.pointee.entry
        unsafe self.init(entry: entry, valueRecord: entry.pointee.value.load(ordering: .acquiring))
    }

    /// Tells one entry from another while neither goes; 0 for a match without entry.
    public var identity: UInt { unsafe UInt(bitPattern: entry) }

    /// Whether an entry stands for the match.
    public var hasEntry: Bool { unsafe entry != nil }

    /// The pattern's text; empty without an entry.
    public var key: Span<UInt8> {
        @_lifetime(borrow self) get {
            guard let entry = unsafe entry else { return unsafe _overrideLifetime(Span(), borrowing: self) }
            let span = unsafe Span(_unsafeStart: entry.key, count: entry.keyCount)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Whether the entry has a value: it does in a map.
    public var hasValue: Bool { unsafe valueRecord != nil }

    /// The value's text; empty without one.
    public var value: Span<UInt8> {
        @_lifetime(borrow self) get {
            guard let record = unsafe valueRecord else { return unsafe _overrideLifetime(Span(), borrowing: self) }
            let span = unsafe Span(_unsafeStart: UnsafePointer(record.text), count: Int(record.pointee.length))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The value of a map whose values are numbers.
    public var number: Int64? {
        guard let record = unsafe valueRecord, unsafe record.pointee.kind == .number else { return nil }
        return unsafe Int64(bitPattern: record.pointee.low)
    }

    /// The value of a map whose values are addresses.
    public var address: PatternAddress? {
        guard let record = unsafe valueRecord else { return nil }
        return switch unsafe record.pointee.kind {
        case .v4: unsafe .v4(UInt32(truncatingIfNeeded: record.pointee.low))
        case .v6: unsafe .v6(high: record.pointee.high, low: record.pointee.low)
        case .text, .number: nil
        }
    }
}
