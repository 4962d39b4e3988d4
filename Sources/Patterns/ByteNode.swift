import Synchronization

/// A node of a ``ByteTrie``: one block of memory. After the header stand the bytes that tell children apart, the
/// children, and the text of the whole way from the root to here, `depth` bytes. The text never changes, so a node stays
/// as it is when another comes in above it.
///
/// Up to 16 children are told apart by words of eight bytes, more by an index of 256 bytes. A byte, once given to a
/// child's place, keeps it; a child that goes leaves its place empty.
@unsafe struct ByteNode: ~Copyable {
    /// The chain of entries whose pattern ends here.
    let item: Atomic<UnsafeMutablePointer<IndexItem>?>
    let depth: UInt32
    /// Where the text begins, in bytes from the node's address.
    let textOffset: UInt32
    /// How many children have room, 0, or a power of two from 2 to 256.
    let capacity: UInt16
    /// Places that have been given out; the writer's.
    var used: UInt16

    /// How much room a node for so many children gets: a power of two up to 256.
    static func capacity(for children: Int) -> Int {
        children == 0 ? 0 : children <= 2 ? 2 : 1 << (Int.bitWidth - min(children - 1, 255).leadingZeroBitCount)
    }

    /// The most children that are told apart by words.
    static let mostByWords = 16

    static func keysSize(capacity: Int) -> Int {
        unsafe capacity == 0 ? 0 : capacity <= 8 ? 8 : capacity <= mostByWords ? 16 : 256
    }

    /// Makes a node with room for at least `children`; its text is the first `depth` bytes of `text`.
    static func make(text: UnsafePointer<UInt8>, depth: Int, children: Int) -> UnsafeMutablePointer<ByteNode> {
        let capacity = unsafe capacity(for: children)
        let keysSize = unsafe keysSize(capacity: capacity)
        let header = unsafe MemoryLayout<ByteNode>.stride
        let textOffset = header + keysSize + capacity * 8
        let block = UnsafeMutableRawPointer.allocate(byteCount: textOffset + depth, alignment: 8)
        if capacity > 0 {
            unsafe (block + header).initializeMemory(as: UInt64.self, repeating: 0, count: keysSize / 8 + capacity)
        }
        unsafe (block + textOffset).copyMemory(from: text, byteCount: depth)
        let node = unsafe block.bindMemory(to: ByteNode.self, capacity: 1)
        unsafe node.initialize(
            to: ByteNode(
                item: Atomic(nil), depth: UInt32(truncatingIfNeeded: depth),
                textOffset: UInt32(truncatingIfNeeded: textOffset),
                capacity: UInt16(capacity), used: 0))
        return unsafe node
    }
}

/// Where a node's address stands.
@unsafe typealias ByteSlot = UnsafeMutablePointer<Atomic<UnsafeMutablePointer<ByteNode>?>>

extension UnsafeMutablePointer<ByteNode> {
    @inline(__always) private var keys: UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(self) + MemoryLayout<ByteNode>.stride
    }

    @inline(__always) private var words: UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe keys.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inline(__always) private var index: UnsafeMutablePointer<Atomic<UInt8>> {
        unsafe keys.assumingMemoryBound(to: Atomic<UInt8>.self)
    }

    @inline(__always) private var children: ByteSlot {
        let size = unsafe ByteNode.keysSize(capacity: Int(pointee.capacity))
        return unsafe (keys + size).assumingMemoryBound(to: Atomic<UnsafeMutablePointer<ByteNode>?>.self)
    }

    @inline(__always) var text: UnsafePointer<UInt8> {
        unsafe UnsafePointer(
            (UnsafeMutableRawPointer(self) + Int(pointee.textOffset)).assumingMemoryBound(to: UInt8.self))
    }

    /// The place of the child for `byte`, which may be empty; nil when no place has been given to the byte.
    @inline(__always) func slot(_ byte: UInt8) -> ByteSlot? {
        let capacity = unsafe pointee.capacity
        // Unused places, and those beyond the capacity, are 0: no pattern has that byte.
        if capacity == 0 || byte == 0 { return nil }
        if unsafe Int(capacity) > ByteNode.mostByWords {
            // Index 0 means none, so that places count from 1; place 256 wraps to 0 and is the last of a full node.
            let place = unsafe index[Int(byte)].load(ordering: .acquiring)
            if place == 0 { return unsafe lastSlot(byte) }
            return unsafe children + (Int(place) &- 1)
        }
        if let place = unsafe Self.find(byte, in: words[0].load(ordering: .acquiring)) {
            return unsafe children + place
        }
        guard capacity > 8, let place = unsafe Self.find(byte, in: words[1].load(ordering: .acquiring)) else {
            return nil
        }
        return unsafe children + (place &+ 8)
    }

    /// The child for `byte`.
    @inline(__always) func child(_ byte: UInt8) -> UnsafeMutablePointer<ByteNode>? {
        guard let slot = unsafe slot(byte), let child = unsafe slot.pointee.load(ordering: .acquiring) else {
            return nil
        }
        return unsafe child
    }

    /// The one byte that children stand under; nil when there are several, or many places.
    @inline(__always) var onlyByte: UInt8? {
        guard unsafe (1...8).contains(pointee.capacity) else { return nil }
        return unsafe UInt8(exactly: words[0].load(ordering: .acquiring))
    }

    /// In a node with 256 places, the last place is that of the byte 255.
    @inline(__always) private func lastSlot(_ byte: UInt8) -> ByteSlot? {
        guard byte == 255, unsafe pointee.capacity == 256 else { return nil }
        return unsafe children + 255
    }

    /// The first place of `byte` among the eight of a word. Unused places are 0 and come last, and have no child.
    @inline(__always) private static func find(_ byte: UInt8, in word: UInt64) -> Int? {
        let differences = word ^ (UInt64(byte) &* 0x0101_0101_0101_0101)
        let zeros = (differences &- 0x0101_0101_0101_0101) & ~differences & 0x8080_8080_8080_8080
        return zeros == 0 ? nil : zeros.trailingZeroBitCount >> 3
    }

    // MARK: Writing

    /// Puts in a child under a byte that has no place yet; false when the node is full.
    func add(_ child: UnsafeMutablePointer<ByteNode>, under byte: UInt8) -> Bool {
        let capacity = unsafe Int(pointee.capacity)
        if capacity == 256 {
            // Room for every byte: the place is the byte itself.
            unsafe children[Int(byte)].store(child, ordering: .releasing)
            if byte < 255 { unsafe index[Int(byte)].store(byte + 1, ordering: .releasing) }
            unsafe pointee.used += 1
            return true
        }
        let place = unsafe Int(pointee.used)
        guard place < capacity else { return false }
        unsafe children[place].store(child, ordering: .releasing)
        if unsafe capacity > ByteNode.mostByWords {
            unsafe index[Int(byte)].store(UInt8(place + 1), ordering: .releasing)
        } else {
            let word = unsafe words + place / 8
            let old = unsafe word.pointee.load(ordering: .relaxed)
            unsafe word.pointee.store(old | UInt64(byte) << UInt64(place % 8 * 8), ordering: .releasing)
        }
        unsafe pointee.used += 1
        return true
    }

    /// Calls `visit` with each child and its byte.
    func forEachChild(_ visit: (UnsafeMutablePointer<ByteNode>) -> Void) {
        let capacity = unsafe Int(pointee.capacity)
        let count = unsafe capacity == 256 ? 256 : Int(pointee.used)
        for place in 0..<count {
            if let child = unsafe children[place].load(ordering: .relaxed) { unsafe visit(child) }
        }
    }

    /// How many children there are, and one of them.
    var offspring: (count: Int, any: UnsafeMutablePointer<ByteNode>?) {
        var count = 0
        var last: UnsafeMutablePointer<ByteNode>?
        unsafe forEachChild { child in
            count += 1
            unsafe last = child
        }
        return unsafe (count, last)
    }

    /// Frees this node alone.
    func free() {
        unsafe deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(self).deallocate()
    }
}
