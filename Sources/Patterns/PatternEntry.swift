import Synchronization

/// One place of an entry in one index: a link of the chain of entries whose patterns mean the same there. The first of
/// a chain is the oldest; only it is looked at by readers, the rest is the writer's.
@unsafe struct IndexItem {
    let entry: UnsafeMutablePointer<PatternEntry>
    var next: UnsafeMutablePointer<IndexItem>?
    /// The chain's last link; kept in the first one only.
    var last: UnsafeMutablePointer<IndexItem>?

    init(entry: UnsafeMutablePointer<PatternEntry>) {
        unsafe self.entry = unsafe entry
        unsafe next = nil
        unsafe last = nil
    }
}

/// Chains of links, for the writer.
extension UnsafeMutablePointer<IndexItem> {
    /// Puts `item` at the end of the chain that starts here.
    func appendToChain(_ item: UnsafeMutablePointer<IndexItem>) {
        let tail = unsafe pointee.last ?? self
        unsafe tail.pointee.next = item
        unsafe pointee.last = item
    }

    /// Takes the link of `entry` out of the chain that starts here: the chain's new first link, and the link that is
    /// out, nil when there is none.
    func removeFromChain(
        _ entry: UnsafeMutablePointer<PatternEntry>
    ) -> (head: UnsafeMutablePointer<IndexItem>?, removed: UnsafeMutablePointer<IndexItem>?) {
        if unsafe pointee.entry == entry {
            let next = unsafe pointee.next
            if let next = unsafe next { unsafe next.pointee.last = pointee.last }
            return unsafe (next, self)
        }
        var before = unsafe self
        while let item = unsafe before.pointee.next {
            if unsafe item.pointee.entry == entry {
                unsafe before.pointee.next = item.pointee.next
                if unsafe pointee.last == item { unsafe pointee.last = before }
                return unsafe (self, item)
            }
            unsafe before = item
        }
        return unsafe (self, nil)
    }

    /// When the chain's oldest entry came: smaller is earlier.
    @inline(__always) var order: UInt64 { unsafe pointee.entry.pointee.order }
}

/// A map's value: its text, and what an `_int` or `_ip` converter makes of it. Immutable; the text follows in memory.
@unsafe struct PatternValue {
    enum Kind: UInt8 { case text, number, v4, v6 }

    let length: UInt32
    /// What `high` and `low` hold.
    var kind: Kind
    var high: UInt64
    var low: UInt64

    static func size(length: Int) -> Int { unsafe MemoryLayout<PatternValue>.size + length }
}

extension UnsafeMutablePointer<PatternValue> {
    var text: UnsafeMutablePointer<UInt8> {
        unsafe UnsafeMutableRawPointer(self).advanced(by: MemoryLayout<PatternValue>.size)
            .assumingMemoryBound(to: UInt8.self)
    }
}

/// One entry of a list: a key, and for maps a value. One block of memory: this, the key's text, and the value that the
/// entry came with. Readers look at `key`, `order` and `value`; the rest is the writer's.
@unsafe struct PatternEntry: ~Copyable {
    /// The entry's place in the table of all keys.
    var item: ExactItem
    /// The entry's value; nil in a list without values. Replaced as a whole.
    let value: Atomic<UnsafeMutablePointer<PatternValue>?>
    /// Counts up from entry to entry of one list.
    let order: UInt64
    /// The line of the file that the entry came from; -1 for one that came at run time.
    let line: Int32
    /// The entry's place in its version's table of names.
    let place: UInt32
    var previous: UnsafeMutablePointer<PatternEntry>?
    var next: UnsafeMutablePointer<PatternEntry>?

    private static func keyOffset() -> Int { unsafe MemoryLayout<PatternEntry>.size }

    /// Makes an entry. The caller owns it; ``free(_:)`` ends it.
    static func make(
        key: Span<UInt8>, value: Span<UInt8>?, parsed: PatternValue?, hash: UInt64, order: UInt64, line: Int32,
        place: UInt32
    ) -> UnsafeMutablePointer<PatternEntry> {
        let valueOffset = unsafe (keyOffset() + key.count + 7) & ~7
        var size = valueOffset
        if let value { unsafe size += PatternValue.size(length: value.count) }
        let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        let keyText = unsafe block.advanced(by: keyOffset()).assumingMemoryBound(to: UInt8.self)
        for index in key.indices { unsafe keyText[index] = key[index] }
        var inlineValue: UnsafeMutablePointer<PatternValue>?
        if let value, let parsed = unsafe parsed {
            unsafe inlineValue = block.advanced(by: valueOffset).bindMemory(to: PatternValue.self, capacity: 1)
            unsafe inlineValue?.write(parsed, text: value)
        }
        let entry = unsafe block.bindMemory(to: PatternEntry.self, capacity: 1)
        unsafe entry.initialize(
            to: PatternEntry(
                item: ExactItem(item: IndexItem(entry: entry), hash: hash, key: keyText, count: key.count),
                value: Atomic(inlineValue), order: order, line: line, place: place, previous: nil, next: nil))
        return unsafe entry
    }

    /// Frees an entry and the value that replaced its first one.
    static func free(_ entry: UnsafeMutablePointer<PatternEntry>) {
        let value = unsafe entry.pointee.value.load(ordering: .relaxed)
        if let value = unsafe value, unsafe !entry.owns(value) {
            unsafe UnsafeMutableRawPointer(value).deallocate()
        }
        unsafe entry.deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(entry).deallocate()
    }
}

extension UnsafeMutablePointer<PatternEntry> {
    var key: UnsafePointer<UInt8> { unsafe pointee.item.key }
    var keyCount: Int { unsafe pointee.item.count }

    /// True when `value` is the one that stands in the entry's own block.
    func owns(_ value: UnsafeMutablePointer<PatternValue>) -> Bool {
        let end = unsafe (MemoryLayout<PatternEntry>.size + keyCount + 7) & ~7
        return unsafe UnsafeMutableRawPointer(value) == UnsafeMutableRawPointer(self).advanced(by: end)
    }

    /// The entry's place in the table of all keys, as a link.
    var primaryItem: UnsafeMutablePointer<ExactItem> {
        unsafe UnsafeMutableRawPointer(self).assumingMemoryBound(to: ExactItem.self)
    }
}

extension UnsafeMutablePointer<PatternValue> {
    /// A value in a block of its own.
    static func make(_ parsed: PatternValue, text: Span<UInt8>) -> UnsafeMutablePointer<PatternValue> {
        let block = unsafe UnsafeMutableRawPointer.allocate(
            byteCount: PatternValue.size(length: text.count), alignment: 8)
        let value = unsafe block.bindMemory(to: PatternValue.self, capacity: 1)
        unsafe value.write(parsed, text: text)
        return unsafe value
    }

    func write(_ parsed: PatternValue, text: Span<UInt8>) {
        unsafe initialize(to: parsed)
        let bytes = unsafe self.text
        for index in text.indices { unsafe bytes[index] = text[index] }
    }
}
