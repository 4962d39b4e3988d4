public import Bytes
import Synchronization

/// One list of patterns, with a value each if it is a map: what a file, `virt@name`, or the patterns of one ACL hold.
/// All uses of one file share it, each through its own ``PatternIndex``.
///
/// One thread writes: the one that reads the configuration, later the control thread. Any number of threads read, with
/// a ``PatternLookup``; what they read of is guarded by ``Epochs``. A change shows at once and whole: readers see a
/// list before it or after it.
@safe public final class PatternReference: @unchecked Sendable {
    /// Where a list's patterns come from.
    public enum Source: Sendable, Equatable {
        /// The patterns of an ACL, written in the configuration.
        case inline
        /// A file; with `isOptional` (`opt@`), one that may be missing.
        case file(isOptional: Bool)
        /// Filled at run time alone (`virt@`).
        case virtual
    }

    /// What uses a list.
    public struct Uses: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let map = Uses(rawValue: 1)
        public static let acl = Uses(rawValue: 2)
    }

    /// The file's name, `virt@name`, or "" for an ACL's own patterns.
    public let name: String
    public let source: Source
    /// Whether entries have values: two columns.
    public let hasValues: Bool
    /// The number by which the runtime API knows the list: `#id`.
    public internal(set) var id: Int?
    public internal(set) var uses: Uses
    /// Where the list comes from and who uses it, for `show map` and `show acl`.
    public internal(set) var display: String
    /// Turns a host name in an address list into an IPv4 address. Set while the configuration is read, for ACLs
    /// without `-n`; nil refuses names.
    public var resolveName: ((String) -> UInt32?)?

    /// The version that readers use.
    public private(set) var currentVersion: UInt32 = 0
    /// The last version that was handed out.
    public private(set) var nextVersion: UInt32 = 0

    let epochs: Epochs
    /// Where readers find the current version's roots.
    let roots: UnsafeMutablePointer<Atomic<UnsafeMutablePointer<Atomic<UInt>>?>>
    private var versions: [UInt32: PatternVersion] = [:]
    private var current: PatternVersion
    private(set) var kinds: [IndexKind] = []
    private var valueKinds: Set<PatternValueKind> = []
    /// The uses that differ in method, flag, or what values are read as, in the order in which they came.
    private(set) var views: [PatternView] = []
    /// The names that were resolved, so that their entries can be found again.
    private var resolved: [String: UInt32] = [:]
    private var nextOrder: UInt64 = 0
    private var nextSerial: UInt64 = 0

    /// Makes an empty list. ``PatternRegistry`` does, and gives lists their numbers.
    public init(
        name: String = "", source: Source = .inline, hasValues: Bool = false, uses: Uses = .acl, display: String = "",
        id: Int? = nil, epochs: Epochs
    ) {
        self.name = name
        self.source = source
        self.hasValues = hasValues
        self.uses = uses
        self.display = display
        self.id = id
        self.epochs = epochs
        current = PatternVersion(serial: 0, kinds: [], epochs: epochs)
        versions[0] = current
        unsafe roots = .allocate(capacity: 1)
        unsafe roots.initialize(to: Atomic(current.roots))
    }

    deinit {
        unsafe roots.deinitialize(count: 1)
        unsafe roots.deallocate()
    }

    /// How many patterns all versions hold together, counted once for each use that differs: `entry_cnt`.
    public var entryCount: Int { versions.values.reduce(0) { $0 + $1.count } * views.count }

    // MARK: Methods

    /// Puts the list under a method; does nothing when it is already. Only before workers run.
    func add(_ view: PatternView) throws(PatternError) {
        if let values = view.values, valueKinds.insert(values).inserted { try convertValues(to: values) }
        if !kinds.contains(view.kind) {
            kinds.append(view.kind)
            for version in versions.values { try version.add(view.kind, file: name, resolve: resolve) }
        }
        if !views.contains(view) { views.append(view) }
    }

    private func convertValues(to kind: PatternValueKind) throws(PatternError) {
        guard kind != .text else { return }
        for version in versions.values {
            var next = unsafe version.first
            while let entry = unsafe next {
                if let old = unsafe entry.pointee.value.load(ordering: .relaxed) {
                    do {
                        let parsed = try unsafe read(value: old.textSpan)
                        unsafe old.pointee.kind = parsed.kind
                        unsafe old.pointee.high = parsed.high
                        unsafe old.pointee.low = parsed.low
                    } catch {
                        throw unsafe error.at(line: entry.pointee.line, of: name)
                    }
                }
                unsafe next = entry.pointee.next
            }
        }
    }

    /// Reads a value for all kinds of uses.
    private func read(value: Span<UInt8>) throws(PatternError) -> PatternValue {
        var parsed = unsafe PatternValue(
            length: UInt32(truncatingIfNeeded: value.count), kind: .text, high: 0, low: 0)
        for kind in valueKinds where kind != .text {
            guard unsafe kind.read(value, into: &parsed) else {
                throw PatternError("unable to parse '\(value.patternString)'")
            }
        }
        return unsafe parsed
    }

    /// Resolves a name that stands in a pattern.
    private func resolve(_ name: String) -> UInt32? {
        guard let address = resolveName?(name) else { return nil }
        resolved[name] = address
        return address
    }

    // MARK: Versions

    /// The version that a number means: it is made when entries are first put into it.
    private func version(_ number: UInt32, making: Bool) -> PatternVersion? {
        if number == currentVersion { return current }
        if let known = versions[number] { return known }
        guard making else { return nil }
        let new = makeVersion()
        versions[number] = new
        return new
    }

    private func makeVersion() -> PatternVersion {
        nextSerial += 1
        return PatternVersion(serial: nextSerial & 0xffff, kinds: kinds, epochs: epochs)
    }

    /// Hands out the number of a new version, which entries can be put into before it is committed.
    public func prepare() -> UInt32 {
        nextVersion &+= 1
        return nextVersion
    }

    /// True when `version` has been handed out, or was before.
    public func isKnown(_ version: UInt32) -> Bool { Int32(bitPattern: version &- nextVersion) <= 0 }

    /// Makes a prepared version the current one, at once and whole, and drops all before it. False when `version` is
    /// none that could be committed.
    public func commit(version number: UInt32) -> Bool {
        guard number &- (currentVersion &+ 1) < nextVersion &- currentVersion else { return false }
        let next = versions[number] ?? makeVersion()
        versions[number] = next
        publish(next)
        currentVersion = number
        for old in versions.keys where old != number && Int32(bitPattern: old &- number) < 0 { drop(old) }
        epochs.collect()
        return true
    }

    /// Removes all entries of a version, the current one by default.
    public func clear(version number: UInt32? = nil) {
        let number = number ?? currentVersion
        if number == currentVersion {
            let old = current
            let empty = makeVersion()
            versions[number] = empty
            publish(empty)
            retire(old)
        } else {
            drop(number)
        }
        epochs.collect()
    }

    private func publish(_ version: PatternVersion) {
        current = version
        unsafe roots.pointee.store(version.roots, ordering: .releasing)
    }

    private func drop(_ number: UInt32) {
        if let old = versions.removeValue(forKey: number) { retire(old) }
    }

    private func retire(_ version: PatternVersion) {
        unsafe epochs.retire(Unmanaged.passRetained(version).toOpaque()) { memory in
            unsafe Unmanaged<PatternVersion>.fromOpaque(memory).release()
        }
    }

    // MARK: Entries

    /// Makes room for `count` more entries of the current version.
    public func reserve(_ count: Int) { current.reserve(count) }

    /// Adds an entry behind all others.
    /// - Parameters:
    ///   - value: the map's value; must be nil in a list without values.
    ///   - version: where to; the current version by default.
    ///   - line: the file's line that it comes from.
    public func add(
        key: Span<UInt8>, value: Span<UInt8>? = nil, version number: UInt32? = nil, line: Int = -1
    ) throws(PatternError) {
        let number = number ?? currentVersion
        for index in key.indices where key[index] == 0 { throw PatternError("a pattern cannot hold a zero byte") }
        var parsed: PatternValue?
        if let value { unsafe parsed = try read(value: value) }
        let order = nextOrder
        guard let version = version(number, making: true) else { return }
        try unsafe version.add(
            key: key, value: value, parsed: parsed, order: order, line: Int32(clamping: line), resolve: resolve)
        nextOrder += 1
        if epochs.pending > 0 { epochs.collect() }
    }

    /// Adds an entry behind all others.
    public func add(_ key: String, _ value: String? = nil, version: UInt32? = nil) throws(PatternError) {
        let keyBytes = Array(key.utf8)
        if let value {
            let valueBytes = Array(value.utf8)
            try add(key: keyBytes.span, value: valueBytes.span, version: version)
        } else {
            try add(key: keyBytes.span, value: nil, version: version)
        }
    }

    /// Gives all entries with `key` another value.
    public func set(key: Span<UInt8>, value: Span<UInt8>, version number: UInt32? = nil) throws(PatternError) {
        guard let version = version(number ?? currentVersion, making: false),
            let head = unsafe version.find(key)
        else { throw PatternError("entry not found") }
        let parsed = try unsafe read(value: value)
        var next: UnsafeMutablePointer<IndexItem>? = unsafe head.primaryItem.link
        while let item = unsafe next {
            unsafe version.set(item.pointee.entry, value: value, parsed: parsed)
            unsafe next = item.pointee.next
        }
        epochs.collect()
    }

    /// Gives the entry that the runtime API calls `name` another value.
    public func set(named name: UInt64, value: Span<UInt8>) throws(PatternError) {
        guard let (version, entry) = unsafe find(named: name) else { throw PatternError("key or pattern not found") }
        let parsed = try unsafe read(value: value)
        unsafe version.set(entry, value: value, parsed: parsed)
        epochs.collect()
    }

    /// Removes the oldest entry with `key`; false when there is none.
    public func delete(key: Span<UInt8>, version number: UInt32? = nil) -> Bool {
        guard let version = version(number ?? currentVersion, making: false), let entry = unsafe version.find(key)
        else {
            return false
        }
        unsafe version.remove(entry) { [resolved] in resolved[$0] }
        epochs.collect()
        return true
    }

    /// Removes the entry that the runtime API calls `name`; false when there is none.
    public func delete(named name: UInt64) -> Bool {
        guard let (version, entry) = unsafe find(named: name) else { return false }
        unsafe version.remove(entry) { [resolved] in resolved[$0] }
        epochs.collect()
        return true
    }

    private func find(named name: UInt64) -> (PatternVersion, UnsafeMutablePointer<PatternEntry>)? {
        for version in versions.values {
            if let entry = unsafe version.find(named: name) { return unsafe (version, entry) }
        }
        return nil
    }

    /// The value of the oldest entry with `key`, and whether there is one.
    public func value(of key: Span<UInt8>, version number: UInt32? = nil) -> (isFound: Bool, value: String?) {
        guard let version = version(number ?? currentVersion, making: false), let entry = unsafe version.find(key)
        else {
            return (false, nil)
        }
        guard let value = unsafe entry.pointee.value.load(ordering: .relaxed) else { return (true, nil) }
        return unsafe (true, value.textSpan.patternString)
    }

    /// The entries of a version in their order; nil when there is no such version.
    public func entries(version number: UInt32? = nil) -> PatternCursor? {
        version(number ?? currentVersion, making: false).map { PatternCursor($0) }
    }
}
