import Bytes
import Synchronization

/// One version of a list: its entries in their order, the table of their keys, and the structures of each method. Only
/// the writer knows it; readers get the address of its roots.
@safe final class PatternVersion {
    /// The words under which readers find this version's structures: ``IndexStore/rootsPerMethod`` for each kind.
    let roots: UnsafeMutablePointer<Atomic<UInt>>
    /// Tells the names of this version's entries from those of others.
    private let serial: UInt64
    private let epochs: Epochs
    private let keys: ExactTable
    private var stores: [IndexStore] = []

    private(set) var first: UnsafeMutablePointer<PatternEntry>?
    private var last: UnsafeMutablePointer<PatternEntry>?
    private(set) var count = 0
    /// The entries by the places that their names tell, and how often each place has been given out.
    private var places: [(entry: UnsafeMutablePointer<PatternEntry>?, uses: UInt16)] = unsafe []
    private var freePlaces: [UInt32] = []
    /// Readers of the list that stand between two entries.
    private var cursors: [ObjectIdentifier: Unmanaged<PatternCursor>] = unsafe [:]

    private static let rootCount = IndexKind.count * IndexStore.rootsPerMethod
    static let keysKind = IndexKind(.str, ignoringCase: false)

    init(serial: UInt64, kinds: [IndexKind], epochs: Epochs) {
        self.serial = serial
        self.epochs = epochs
        unsafe roots = .allocate(capacity: Self.rootCount)
        for index in 0..<Self.rootCount { unsafe (roots + index).initialize(to: Atomic(0)) }
        keys = unsafe ExactTable(root: roots + Self.offset(of: Self.keysKind), epochs: epochs, folds: false)
        for kind in kinds { addStore(kind) }
    }

    deinit {
        stores = []
        PatternCounts.freed.wrappingAdd(UInt64(count), ordering: .relaxed)
        var next = unsafe first
        while let entry = unsafe next {
            unsafe next = entry.pointee.next
            unsafe PatternEntry.free(entry)
        }
        unsafe roots.deallocate()
    }

    /// Where the words of a kind begin.
    static func offset(of kind: IndexKind) -> Int { kind.number * IndexStore.rootsPerMethod }

    // MARK: Methods

    private func addStore(_ kind: IndexKind) {
        guard kind != Self.keysKind else { return }
        stores.append(unsafe IndexStore(kind, roots: roots + Self.offset(of: kind), epochs: epochs))
    }

    /// Puts all entries under one more method. Only before readers look at this version.
    func add(
        _ kind: IndexKind, file: String, resolve: ((String) -> UInt32?)?
    ) throws(PatternError) {
        guard kind != Self.keysKind else { return }
        let store = unsafe IndexStore(kind, roots: roots + Self.offset(of: kind), epochs: epochs)
        stores.append(store)
        unsafe store.reserve(count, from: first)
        var next = unsafe first
        while let entry = unsafe next {
            let pattern: ReadPattern
            do {
                pattern = try unsafe PatternText.read(entry.keySpan, as: kind, resolve: resolve)
            } catch {
                throw unsafe error.at(line: entry.pointee.line, of: file)
            }
            unsafe store.add(entry, pattern)
            unsafe next = entry.pointee.next
        }
    }

    // MARK: Entries

    /// Makes room for `count` more entries.
    func reserve(_ count: Int) {
        keys.reserve(count)
        for store in stores { store.reserve(count) }
        unsafe places.reserveCapacity(places.count + count)
    }

    /// Adds an entry at the end. All or nothing: a pattern that one method refuses is added to none.
    func add(
        key: Span<UInt8>, value: Span<UInt8>?, parsed: PatternValue?, order: UInt64, line: Int32,
        resolve: ((String) -> UInt32?)?
    ) throws(PatternError) {
        var patterns: [ReadPattern] = []
        if !stores.isEmpty {
            patterns.reserveCapacity(stores.count)
            for store in stores { patterns.append(try PatternText.read(key, as: store.kind, resolve: resolve)) }
        }
        let place = unsafe freePlaces.popLast() ?? UInt32(truncatingIfNeeded: places.count)
        let entry = unsafe PatternEntry.make(
            key: key, value: value, parsed: parsed, hash: keys.hash(key), order: order, line: line, place: place)
        if unsafe place == places.count {
            unsafe places.append((entry, 0))
        } else {
            unsafe places[Int(place)].entry = entry
        }
        unsafe entry.pointee.previous = last
        if let last = unsafe last { unsafe last.pointee.next = entry } else { unsafe first = unsafe entry }
        unsafe last = unsafe entry
        count += 1
        PatternCounts.added.wrappingAdd(1, ordering: .relaxed)
        for (store, pattern) in zip(stores, patterns) { unsafe store.add(entry, pattern) }
        unsafe keys.insert(entry.primaryItem)
    }

    /// The oldest entry with a key.
    @unsafe func find(_ key: Span<UInt8>) -> UnsafeMutablePointer<PatternEntry>? {
        guard let item = unsafe keys.find(key) else { return nil }
        return unsafe item.pointee.entry
    }

    /// The name under which the runtime API shows an entry and takes it back.
    @unsafe func name(of entry: UnsafeMutablePointer<PatternEntry>) -> UInt64 {
        let place = unsafe entry.pointee.place
        return unsafe serial << 48 | UInt64(places[Int(place)].uses) << 32 | UInt64(place) + 1
    }

    /// The entry that a name means; nil when it is none of this version's, or gone.
    @unsafe func find(named name: UInt64) -> UnsafeMutablePointer<PatternEntry>? {
        let place = Int(name & 0xffff_ffff) - 1
        guard unsafe places.indices.contains(place), let entry = unsafe places[place].entry,
            unsafe self.name(of: entry) == name
        else { return nil }
        return unsafe entry
    }

    /// Takes an entry out of everything and frees it when no reader holds it.
    /// - Parameter resolve: what host names were resolved to when they came in.
    @unsafe func remove(_ entry: UnsafeMutablePointer<PatternEntry>, resolve: @escaping (String) -> UInt32?) {
        for store in stores {
            // It was read when it came in, so it can be read again.
            if let pattern = try? unsafe PatternText.read(entry.keySpan, as: store.kind, resolve: resolve) {
                unsafe store.remove(entry, pattern)
            }
        }
        _ = unsafe keys.remove(entry, hash: entry.pointee.item.hash, key: entry.keySpan)
        let next = unsafe entry.pointee.next
        let previous = unsafe entry.pointee.previous
        if let previous = unsafe previous { unsafe previous.pointee.next = next } else { unsafe first = unsafe next }
        if let next = unsafe next { unsafe next.pointee.previous = previous } else { unsafe last = unsafe previous }
        let standing = unsafe Array(cursors.values)
        for index in unsafe standing.indices {
            unsafe standing[index]._withUnsafeGuaranteedRef { unsafe $0.skip(entry) }
        }
        let place = unsafe entry.pointee.place
        unsafe places[Int(place)] = unsafe (nil, places[Int(place)].uses &+ 1)
        freePlaces.append(place)
        count -= 1
        PatternCounts.freed.wrappingAdd(1, ordering: .relaxed)
        unsafe epochs.retire(entry) { unsafe PatternEntry.free($0.assumingMemoryBound(to: PatternEntry.self)) }
    }

    /// Gives an entry and all others with its key in this version another value.
    @unsafe func set(_ entry: UnsafeMutablePointer<PatternEntry>, value: Span<UInt8>, parsed: PatternValue) {
        let new = unsafe UnsafeMutablePointer<PatternValue>.make(parsed, text: value)
        let old = unsafe entry.pointee.value.exchange(new, ordering: .acquiringAndReleasing)
        if let old = unsafe old, unsafe !entry.owns(old) { unsafe epochs.retire(old) { unsafe $0.deallocate() } }
    }

    // MARK: Cursors

    func enter(_ cursor: PatternCursor) { unsafe cursors[ObjectIdentifier(cursor)] = unsafe .passUnretained(cursor) }
    func leave(_ cursor: PatternCursor) { unsafe cursors[ObjectIdentifier(cursor)] = nil }
}

/// A place in the list of one version's entries: it stays good while entries come and go, so that a long list can be
/// shown piece by piece. The writer's.
@safe public final class PatternCursor {
    private let version: PatternVersion
    private var next: UnsafeMutablePointer<PatternEntry>?

    init(_ version: PatternVersion) {
        self.version = version
        unsafe next = version.first
        version.enter(self)
    }

    deinit { version.leave(self) }

    /// Steps over an entry that goes away.
    @unsafe func skip(_ entry: UnsafeMutablePointer<PatternEntry>) {
        if unsafe next == entry { unsafe next = unsafe entry.pointee.next }
    }

    /// Hands the next entry to `body` and steps on; false at the end.
    /// - Parameter body: takes the entry's name for the runtime API (to be shown in hexadecimal), key, and value, nil in
    ///   a list without values.
    public func next(_ body: (_ name: UInt64, _ key: Span<UInt8>, _ value: Span<UInt8>?) -> Void) -> Bool {
        guard let entry = unsafe next else { return false }
        unsafe next = unsafe entry.pointee.next
        let name = unsafe version.name(of: entry)
        if let value = unsafe entry.pointee.value.load(ordering: .relaxed) {
            unsafe body(name, entry.keySpan, value.textSpan)
        } else {
            unsafe body(name, entry.keySpan, nil)
        }
        return true
    }
}

extension UnsafeMutablePointer<PatternEntry> {
    /// The key's text; valid as long as the entry.
    var keySpan: Span<UInt8> {
        @_lifetime(borrow self) get {
            let span = unsafe Span(_unsafeStart: key, count: keyCount)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}

extension UnsafeMutablePointer<PatternValue> {
    /// The value's text; valid as long as the value.
    var textSpan: Span<UInt8> {
        @_lifetime(borrow self) get {
            let span = unsafe Span(_unsafeStart: UnsafePointer(text), count: Int(pointee.length))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}

extension PatternError {
    /// The same, with the line of the file that the pattern came from, if it did.
    func at(line: Int32, of file: String) -> PatternError {
        line > 0 ? PatternError("\(message) at line \(line) of file '\(file)'") : self
    }
}

/// Entries that have come into lists and gone from them, in the whole process.
public enum PatternCounts {
    static let added = Atomic<UInt64>(0)
    static let freed = Atomic<UInt64>(0)

    /// Entries added since the start.
    public static var addedSoFar: UInt64 { added.load(ordering: .relaxed) }
    /// Entries removed since the start.
    public static var freedSoFar: UInt64 { freed.load(ordering: .relaxed) }
}
