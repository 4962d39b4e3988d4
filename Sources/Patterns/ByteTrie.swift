import Bytes
import Synchronization

/// Texts arranged by their bytes: all patterns that are the beginning of a text are met on one way down. A radix tree
/// below one slot, which is empty when the tree is; one writer, many readers: each change shows with one store.
///
/// A ``TextIndex`` has many of them, and keeps them.
enum ByteTrie {
    typealias Node = UnsafeMutablePointer<ByteNode>

    // MARK: Reading

    /// Calls `visit` with the depth and the chain of each pattern that `text` begins with, shortest first. On any
    /// thread that an epoch guards.
    @inline(__always)
    @unsafe static func walk(
        from first: Node?, _ text: TextReader, visit: (Int, UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        var next = unsafe first
        var matched = 0
        while let node = unsafe next {
            let depth = unsafe Int(node.pointee.depth)
            guard unsafe depth <= text.count, unsafe text.matches(node.text, from: matched, to: depth) else { return }
            if let item = unsafe node.pointee.item.load(ordering: .acquiring) { unsafe visit(depth, item) }
            guard unsafe depth < text.count else { return }
            unsafe next = node.child(text[depth])
            // The child stands under this byte: it need not be compared again.
            matched = depth &+ 1
        }
    }

    /// Calls `visit` with the chain of each pattern that stands anywhere in `text`, which is met forwards.
    @inline(__always)
    @unsafe static func search(
        from root: Node, _ text: TextReader, visit: (UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        let only = unsafe root.pointee.depth > 0 ? root.text[0] : root.onlyByte
        var start = 0
        while unsafe start < text.count {
            if let only {
                guard let found = unsafe text.place(of: only, from: start, to: text.count) else { return }
                start = found
            }
            unsafe walk(from: root, text.dropFirst(start)) { _, item in unsafe visit(item) }
            start &+= 1
        }
    }

    // MARK: Writing

    /// Puts a link, or a chain, under a text, behind those that are there.
    @unsafe static func insert(
        _ item: UnsafeMutablePointer<IndexItem>, under key: UnsafePointer<UInt8>, count: Int, at root: ByteSlot,
        epochs: Epochs
    ) {
        var slot = unsafe root
        var matched = 0
        while let node = unsafe slot.pointee.load(ordering: .relaxed) {
            let depth = unsafe Int(node.pointee.depth)
            let text = unsafe node.text
            while matched < min(depth, count), unsafe text[matched] == key[matched] { matched += 1 }
            if matched < depth {
                // The ways part above this node.
                let fork = unsafe ByteNode.make(text: key, depth: matched, children: 2)
                _ = unsafe fork.add(node, under: text[matched])
                if matched == count {
                    unsafe fork.pointee.item.store(item, ordering: .relaxed)
                } else {
                    _ = unsafe fork.add(leaf(item, key, count), under: key[matched])
                }
                unsafe slot.pointee.store(fork, ordering: .releasing)
                return
            }
            if depth == count {
                if let head = unsafe node.pointee.item.load(ordering: .relaxed) {
                    unsafe head.appendToChain(item)
                } else {
                    unsafe node.pointee.item.store(item, ordering: .releasing)
                }
                return
            }
            guard let place = unsafe node.slot(key[depth]) else {
                unsafe add(leaf(item, key, count), to: node, in: slot, epochs)
                return
            }
            guard unsafe place.pointee.load(ordering: .relaxed) != nil else {
                unsafe place.pointee.store(leaf(item, key, count), ordering: .releasing)
                return
            }
            unsafe slot = place
        }
        unsafe slot.pointee.store(leaf(item, key, count), ordering: .releasing)
    }

    private static func leaf(
        _ item: UnsafeMutablePointer<IndexItem>, _ key: UnsafePointer<UInt8>, _ count: Int
    ) -> UnsafeMutablePointer<ByteNode> {
        let node = unsafe ByteNode.make(text: key, depth: count, children: 0)
        unsafe node.pointee.item.store(item, ordering: .relaxed)
        return unsafe node
    }

    /// Adds a child to a node, or puts a larger copy of the node in its place.
    private static func add(_ child: Node, to node: Node, in slot: ByteSlot, _ epochs: Epochs) {
        let depth = unsafe Int(node.pointee.depth)
        if unsafe node.add(child, under: child.text[depth]) { return }
        let copy = unsafe ByteNode.make(text: node.text, depth: depth, children: node.offspring.count + 1)
        unsafe copy.pointee.item.store(node.pointee.item.load(ordering: .relaxed), ordering: .relaxed)
        unsafe node.forEachChild { old in _ = unsafe copy.add(old, under: old.text[depth]) }
        _ = unsafe copy.add(child, under: child.text[depth])
        unsafe slot.pointee.store(copy, ordering: .releasing)
        unsafe retire(node, epochs)
    }

    /// Takes the link of `entry` out from under its text; nil when it is not there.
    @unsafe static func remove(
        _ entry: UnsafeMutablePointer<PatternEntry>, under key: [UInt8], at root: ByteSlot, epochs: Epochs
    ) -> UnsafeMutablePointer<IndexItem>? {
        var slot = unsafe root
        var parent: (node: Node, slot: ByteSlot)?
        while let node = unsafe slot.pointee.load(ordering: .relaxed) {
            let depth = unsafe Int(node.pointee.depth)
            guard depth <= key.count else { return nil }
            if depth == key.count {
                for index in 0..<depth where unsafe node.text[index] != key[index] { return nil }
                guard let head = unsafe node.pointee.item.load(ordering: .relaxed) else { return nil }
                let (now, removed) = unsafe head.removeFromChain(entry)
                if unsafe now != head { unsafe node.pointee.item.store(now, ordering: .releasing) }
                if unsafe now == nil { unsafe prune(node, in: slot, below: parent, epochs) }
                return unsafe removed
            }
            guard let place = unsafe node.slot(key[depth]) else { return nil }
            unsafe parent = unsafe (node, slot)
            unsafe slot = place
        }
        return nil
    }

    /// Takes out a node without a pattern that parts no ways.
    private static func prune(
        _ node: Node, in slot: ByteSlot, below parent: (node: Node, slot: ByteSlot)?, _ epochs: Epochs
    ) {
        let (count, child) = unsafe node.offspring
        guard count < 2 else { return }
        unsafe slot.pointee.store(child, ordering: .releasing)
        unsafe retire(node, epochs)
        // Without its only child, the node above may be such a one.
        if count == 0, let (above, aboveSlot) = unsafe parent, unsafe above.pointee.item.load(ordering: .relaxed) == nil
        {
            let (others, other) = unsafe above.offspring
            guard others == 1 else { return }
            unsafe aboveSlot.pointee.store(other, ordering: .releasing)
            unsafe retire(above, epochs)
        }
    }

    private static func retire(_ node: Node, _ epochs: Epochs) {
        unsafe epochs.retire(node) { unsafe $0.assumingMemoryBound(to: ByteNode.self).free() }
    }

    /// Calls `visit` with each node; it may free it.
    @unsafe static func forEachNode(at root: ByteSlot, _ visit: (Node) -> Void) {
        guard let first = unsafe root.pointee.load(ordering: .relaxed) else { return }
        if unsafe first.pointee.capacity == 0 { return unsafe visit(first) }
        var waiting = unsafe [first]
        while let node = unsafe waiting.popLast() {
            unsafe node.forEachChild { unsafe waiting.append($0) }
            unsafe visit(node)
        }
    }
}

extension UInt8 {
    /// The byte with `A`...`Z` turned to lower case.
    @inline(__always) var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}

/// The address and the count of the bytes; an empty array has an address too.
@inline(__always)
@unsafe func withBytes<Result>(of array: [UInt8], _ body: (UnsafePointer<UInt8>, Int) -> Result) -> Result {
    unsafe array.withUnsafeBufferPointer { bytes in
        if let start = bytes.baseAddress { return unsafe body(start, bytes.count) }
        var nothing: UInt8 = 0
        return unsafe body(&nothing, 0)
    }
}
