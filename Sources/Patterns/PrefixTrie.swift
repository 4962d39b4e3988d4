import Bytes
import Synchronization

/// A key of up to 128 bits, from the highest bit down.
struct PrefixKey: Equatable {
    var high: UInt64
    var low: UInt64

    /// The key with all but its first `bits` bits cleared.
    func prefix(_ bits: Int) -> PrefixKey {
        if bits >= 64 { return PrefixKey(high: high, low: low & Self.mask(bits - 64)) }
        return PrefixKey(high: high & Self.mask(bits), low: 0)
    }

    private static func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : .max << UInt64(64 - min(bits, 64)) }

    /// True when both have the same first `bits` bits.
    @inline(__always) func hasPrefix(of other: PrefixKey, bits: Int) -> Bool {
        let first = high ^ other.high
        if bits < 64 { return bits == 0 || first >> UInt64(truncatingIfNeeded: 64 &- bits) == 0 }
        return first == 0 && (bits == 64 || (low ^ other.low) &>> UInt64(truncatingIfNeeded: 128 &- bits) == 0)
    }

    /// How many bits both have in common at their start, 128 at the most.
    func commonBits(with other: PrefixKey) -> Int {
        high == other.high ? 64 + (low ^ other.low).leadingZeroBitCount : (high ^ other.high).leadingZeroBitCount
    }

    /// The bit behind the first `index` bits.
    @inline(__always) func bit(_ index: Int) -> Bool {
        index < 64
            ? high >> UInt64(truncatingIfNeeded: 63 &- index) & 1 == 1
            : low >> UInt64(truncatingIfNeeded: 127 &- index) & 1 == 1
    }
}

/// A node of a ``PrefixTrie``: one block of memory, the addresses of two children behind the header.
@unsafe struct PrefixNode: ~Copyable {
    let key: PrefixKey
    let bits: Int
    /// The chain of entries whose prefix is this one.
    let item: Atomic<UnsafeMutablePointer<IndexItem>?>

    static func make(_ key: PrefixKey, bits: Int) -> UnsafeMutablePointer<PrefixNode> {
        let header = unsafe MemoryLayout<PrefixNode>.stride
        let block = UnsafeMutableRawPointer.allocate(byteCount: header + 16, alignment: 8)
        unsafe (block + header).initializeMemory(as: UInt.self, repeating: 0, count: 2)
        let node = unsafe block.bindMemory(to: PrefixNode.self, capacity: 1)
        unsafe node.initialize(to: PrefixNode(key: key.prefix(bits), bits: bits, item: Atomic(nil)))
        return unsafe node
    }

    static func free(_ node: UnsafeMutablePointer<PrefixNode>) {
        unsafe node.deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(node).deallocate()
    }
}

/// Where a node's address stands.
@unsafe typealias PrefixSlot = UnsafeMutablePointer<Atomic<UnsafeMutablePointer<PrefixNode>?>>

extension UnsafeMutablePointer<PrefixNode> {
    /// The place of the child on the side that `bit` says.
    @inline(__always) func slot(_ bit: Bool) -> PrefixSlot {
        let children = unsafe UnsafeMutableRawPointer(self) + MemoryLayout<PrefixNode>.stride
        return unsafe children.assumingMemoryBound(to: Atomic<UnsafeMutablePointer<PrefixNode>?>.self) + (bit ? 1 : 0)
    }
}

/// Networks, or ranges of numbers cut into aligned blocks, by their leading bits: all prefixes of a key are met on one
/// way down. A tree below one slot, which is empty when the tree is; one writer, many readers: each change shows with
/// one store. Whoever has the slot frees the nodes.
enum PrefixTrie {
    typealias Node = UnsafeMutablePointer<PrefixNode>

    /// A word that holds a tree, as a slot.
    @inline(__always)
    @unsafe static func slot(_ word: UnsafeMutablePointer<Atomic<UInt>>) -> PrefixSlot {
        unsafe UnsafeMutableRawPointer(word)
            .assumingMemoryBound(to: Atomic<UnsafeMutablePointer<PrefixNode>?>.self)
    }

    /// Calls `visit` with the chain of each prefix of `key`, shortest first. On any thread that an epoch guards.
    @inline(__always)
    @unsafe static func walk(
        from root: borrowing Atomic<UInt>, _ key: PrefixKey, visit: (UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        var next = unsafe Node(bitPattern: root.load(ordering: .acquiring))
        while let node = unsafe next {
            let bits = unsafe node.pointee.bits
            // The bits that a way skips are looked at where a prefix ends; nothing else depends on them.
            if let item = unsafe node.pointee.item.load(ordering: .acquiring) {
                guard unsafe key.hasPrefix(of: node.pointee.key, bits: bits) else { return }
                unsafe visit(item)
            }
            guard bits < 128 else { return }
            unsafe next = node.slot(key.bit(bits)).pointee.load(ordering: .acquiring)
        }
    }

    /// Puts a link under a prefix, behind those that are there.
    @unsafe static func insert(
        _ item: UnsafeMutablePointer<IndexItem>, _ key: PrefixKey, bits: Int, at root: PrefixSlot, epochs: Epochs
    ) {
        let key = key.prefix(bits)
        var slot = unsafe root
        while let node = unsafe slot.pointee.load(ordering: .relaxed) {
            let depth = unsafe node.pointee.bits
            let common = unsafe min(key.commonBits(with: node.pointee.key), bits, depth)
            if common < depth {
                // The ways part above this node.
                let fork = unsafe PrefixNode.make(key, bits: common)
                unsafe fork.slot(node.pointee.key.bit(common)).pointee.store(node, ordering: .relaxed)
                if common == bits {
                    unsafe fork.pointee.item.store(item, ordering: .relaxed)
                } else {
                    unsafe fork.slot(key.bit(common)).pointee.store(leaf(item, key, bits), ordering: .relaxed)
                }
                unsafe slot.pointee.store(fork, ordering: .releasing)
                return
            }
            if depth == bits {
                if let head = unsafe node.pointee.item.load(ordering: .relaxed) {
                    unsafe head.appendToChain(item)
                } else {
                    unsafe node.pointee.item.store(item, ordering: .releasing)
                }
                return
            }
            unsafe slot = node.slot(key.bit(depth))
        }
        unsafe slot.pointee.store(leaf(item, key, bits), ordering: .releasing)
    }

    private static func leaf(_ item: UnsafeMutablePointer<IndexItem>, _ key: PrefixKey, _ bits: Int) -> Node {
        let node = unsafe PrefixNode.make(key, bits: bits)
        unsafe node.pointee.item.store(item, ordering: .relaxed)
        return unsafe node
    }

    /// Takes the link of `entry` out from under its prefix; nil when it is not there.
    @unsafe static func remove(
        _ entry: UnsafeMutablePointer<PatternEntry>, _ key: PrefixKey, bits: Int, at root: PrefixSlot, epochs: Epochs
    ) -> UnsafeMutablePointer<IndexItem>? {
        let key = key.prefix(bits)
        var slot = unsafe root
        var parent: (node: Node, slot: PrefixSlot)?
        while let node = unsafe slot.pointee.load(ordering: .relaxed), unsafe node.pointee.bits <= bits {
            let depth = unsafe node.pointee.bits
            if depth == bits {
                guard unsafe node.pointee.key == key, let head = unsafe node.pointee.item.load(ordering: .relaxed)
                else {
                    return nil
                }
                let (now, removed) = unsafe head.removeFromChain(entry)
                if unsafe now != head { unsafe node.pointee.item.store(now, ordering: .releasing) }
                if unsafe now == nil {
                    let isLeaf = unsafe prune(node, in: slot, epochs)
                    // Without its child, the node above may part no ways any more.
                    if isLeaf, let (above, aboveSlot) = unsafe parent,
                        unsafe above.pointee.item.load(ordering: .relaxed) == nil
                    {
                        _ = unsafe prune(above, in: aboveSlot, epochs)
                    }
                }
                return unsafe removed
            }
            unsafe parent = unsafe (node, slot)
            unsafe slot = node.slot(key.bit(depth))
        }
        return nil
    }

    /// Takes out a node without an item that has one child or none; true when it had none.
    private static func prune(_ node: Node, in slot: PrefixSlot, _ epochs: Epochs) -> Bool {
        let zero = unsafe node.slot(false).pointee.load(ordering: .relaxed)
        let one = unsafe node.slot(true).pointee.load(ordering: .relaxed)
        if unsafe zero != nil && one != nil { return false }
        unsafe slot.pointee.store(zero ?? one, ordering: .releasing)
        unsafe epochs.retire(node) { unsafe PrefixNode.free($0.assumingMemoryBound(to: PrefixNode.self)) }
        return unsafe zero == nil && one == nil
    }

    /// Calls `visit` with each node; it may free it.
    @unsafe static func forEachNode(at root: PrefixSlot, _ visit: (Node) -> Void) {
        guard let first = unsafe root.pointee.load(ordering: .relaxed) else { return }
        unsafe forEachNode(first, visit)
    }

    private static func forEachNode(_ first: Node, _ visit: (Node) -> Void) {
        var waiting: [Node] = unsafe []
        var next: Node? = unsafe first
        while let node = unsafe next {
            let zero = unsafe node.slot(false).pointee.load(ordering: .relaxed)
            let one = unsafe node.slot(true).pointee.load(ordering: .relaxed)
            unsafe visit(node)
            if let zero = unsafe zero, let one = unsafe one {
                unsafe waiting.append(one)
                unsafe next = unsafe zero
            } else {
                unsafe next = unsafe zero ?? one ?? waiting.popLast()
            }
        }
    }
}

/// Ranges of numbers as prefixes: the fewest aligned blocks that cover them, 126 at the most.
enum RangeBlocks {
    /// Calls `visit` with the key and the length of each block.
    static func forEach(in range: ClosedRange<Int64>, _ visit: (PrefixKey, Int) -> Void) {
        var start = key(of: range.lowerBound)
        let end = key(of: range.upperBound)
        while true {
            // The largest block that begins at `start` and does not go beyond `end`.
            var size = min(start.trailingZeroBitCount, 63)
            if start == 0 && end == .max { size = 64 }
            while size < 64 && size > 0 && end - start < (1 << UInt64(size)) - 1 { size -= 1 }
            visit(PrefixKey(high: start, low: 0), 64 - size)
            let last = size == 64 ? .max : start + ((1 << UInt64(size)) - 1)
            if last >= end { return }
            start = last + 1
        }
    }

    /// The number's bits, in the order of numbers.
    @inline(__always) static func key(of number: Int64) -> UInt64 { UInt64(bitPattern: number) ^ 1 << 63 }
}
