import Bytes
import Glibc
import Synchronization

/// Texts arranged by their bytes: all patterns that are the beginning of a text are met on one way down, whatever the
/// number of patterns. A radix tree with one writer and many readers: each change shows with one store.
///
/// `beg` walks from the text's start, `end` from its end backwards, `dir` and `dom` from each word, `sub` from each byte.
@safe final class ByteTrie {
    private typealias Node = UnsafeMutablePointer<ByteNode>

    private let root: ByteSlot
    private let epochs: Epochs

    /// - Parameter root: where readers find the tree; it must live as long as this.
    @unsafe init(root: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs) {
        unsafe self.root = unsafe UnsafeMutableRawPointer(root)
            .assumingMemoryBound(to: Atomic<UnsafeMutablePointer<ByteNode>?>.self)
        self.epochs = epochs
        var nothing: UInt8 = 0
        unsafe self.root.pointee.store(ByteNode.make(text: &nothing, depth: 0, children: 0), ordering: .releasing)
    }

    deinit {
        unsafe forEachNode { unsafe $0.free() }
    }

    // MARK: Reading

    /// Calls `visit` with the depth and the chain of each pattern that `bytes` begins with, shortest first. With
    /// `folds`, letters of `bytes` count in lower case. On any thread that an epoch guards.
    @inline(__always)
    @unsafe static func walk(
        from root: borrowing Atomic<UInt>, _ bytes: UnsafePointer<UInt8>, count: Int, folds: Bool,
        visit: (Int, UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        let first = unsafe Node(bitPattern: root.load(ordering: .acquiring))
        unsafe walk(from: first, bytes, count: count, folds: folds, visit: visit)
    }

    @inline(__always)
    private static func walk(
        from first: Node?, _ bytes: UnsafePointer<UInt8>, count: Int, folds: Bool,
        visit: (Int, UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        var next = unsafe first
        var matched = 0
        while let node = unsafe next {
            let depth = unsafe Int(node.pointee.depth)
            guard depth <= count,
                unsafe KeyHash.equal(
                    bytes + matched, node.text + matched, count: depth &- matched, folds: folds)
            else { return }
            if let item = unsafe node.pointee.item.load(ordering: .acquiring) { unsafe visit(depth, item) }
            guard depth < count else { return }
            let byte = unsafe bytes[depth]
            unsafe next = node.child(folds ? byte.lowercased : byte)
            // The child stands under this byte: it need not be compared again.
            matched = depth &+ 1
        }
    }

    /// Calls `visit` with the chain of each pattern that stands anywhere in `bytes`.
    @inline(__always)
    @unsafe static func search(
        from root: borrowing Atomic<UInt>, _ bytes: UnsafePointer<UInt8>, count: Int, folds: Bool,
        visit: (UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        guard let root = unsafe Node(bitPattern: root.load(ordering: .acquiring)) else { return }
        if count > 0, let item = unsafe root.pointee.item.load(ordering: .acquiring) { unsafe visit(item) }
        let only = unsafe root.onlyByte
        var start = 0
        while start < count {
            if let only, !folds || !only.isLowercaseLetter {
                guard let found = unsafe memchr(bytes + start, Int32(only), count &- start) else { return }
                start = unsafe UnsafeRawPointer(found) - UnsafeRawPointer(bytes)
            }
            let byte = unsafe bytes[start]
            if let child = unsafe root.child(folds ? byte.lowercased : byte) {
                unsafe walk(from: child, bytes + start, count: count &- start, folds: folds) { _, item in
                    unsafe visit(item)
                }
            }
            start &+= 1
        }
    }

    /// Like ``walk(from:_:count:folds:visit:)``, with the text read from its last byte to its first.
    @inline(__always)
    @unsafe static func walkBackwards(
        from root: borrowing Atomic<UInt>, end bytes: UnsafePointer<UInt8>, count: Int, folds: Bool,
        visit: (Int, UnsafeMutablePointer<IndexItem>) -> Void
    ) {
        var next = unsafe Node(bitPattern: root.load(ordering: .acquiring))
        var matched = 0
        while let node = unsafe next {
            let depth = unsafe Int(node.pointee.depth)
            guard depth <= count else { return }
            let text = unsafe node.text
            while matched < depth {
                let byte = unsafe bytes[-1 &- matched]
                guard unsafe (folds ? byte.lowercased : byte) == text[matched] else { return }
                matched &+= 1
            }
            if let item = unsafe node.pointee.item.load(ordering: .acquiring) { unsafe visit(depth, item) }
            guard depth < count else { return }
            let byte = unsafe bytes[-1 &- depth]
            unsafe next = node.child(folds ? byte.lowercased : byte)
            matched = depth &+ 1
        }
    }

    // MARK: Writing

    /// Puts a link under a text, behind those that are there.
    @unsafe func insert(_ item: UnsafeMutablePointer<IndexItem>, under key: [UInt8]) {
        unsafe withBytes(of: key) { bytes, count in unsafe insert(item, bytes, count: count) }
    }

    private func insert(_ item: UnsafeMutablePointer<IndexItem>, _ key: UnsafePointer<UInt8>, count: Int) {
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
                    _ = unsafe fork.add(Self.leaf(item, key, count), under: key[matched])
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
                unsafe add(Self.leaf(item, key, count), to: node, in: slot)
                return
            }
            guard unsafe place.pointee.load(ordering: .relaxed) != nil else {
                unsafe place.pointee.store(Self.leaf(item, key, count), ordering: .releasing)
                return
            }
            unsafe slot = place
        }
    }

    private static func leaf(
        _ item: UnsafeMutablePointer<IndexItem>, _ key: UnsafePointer<UInt8>, _ count: Int
    ) -> UnsafeMutablePointer<ByteNode> {
        let node = unsafe ByteNode.make(text: key, depth: count, children: 0)
        unsafe node.pointee.item.store(item, ordering: .relaxed)
        return unsafe node
    }

    /// Adds a child to a node, or puts a larger copy of the node in its place.
    private func add(_ child: Node, to node: Node, in slot: ByteSlot) {
        let depth = unsafe Int(node.pointee.depth)
        if unsafe node.add(child, under: child.text[depth]) { return }
        let copy = unsafe ByteNode.make(text: node.text, depth: depth, children: node.offspring.count + 1)
        unsafe copy.pointee.item.store(node.pointee.item.load(ordering: .relaxed), ordering: .relaxed)
        unsafe node.forEachChild { old in _ = unsafe copy.add(old, under: old.text[depth]) }
        _ = unsafe copy.add(child, under: child.text[depth])
        unsafe slot.pointee.store(copy, ordering: .releasing)
        unsafe retire(node)
    }

    /// Takes the link of `entry` out from under its text; nil when it is not there.
    @unsafe func remove(
        _ entry: UnsafeMutablePointer<PatternEntry>, under key: [UInt8]
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
                if unsafe now == nil { unsafe prune(node, in: slot, below: parent) }
                return unsafe removed
            }
            guard let place = unsafe node.slot(key[depth]) else { return nil }
            unsafe parent = unsafe (node, slot)
            unsafe slot = place
        }
        return nil
    }

    /// Takes out a node without a pattern that parts no ways.
    private func prune(
        _ node: Node, in slot: ByteSlot,
        below parent: (node: Node, slot: ByteSlot)?
    ) {
        let (count, child) = unsafe node.offspring
        guard unsafe node.pointee.depth > 0, count < 2 else { return }
        unsafe slot.pointee.store(child, ordering: .releasing)
        unsafe retire(node)
        // Without its only child, the node above may be such a one.
        if count == 0, let (above, aboveSlot) = unsafe parent, unsafe above.pointee.item.load(ordering: .relaxed) == nil
        {
            let (others, other) = unsafe above.offspring
            guard unsafe above.pointee.depth > 0, others == 1 else { return }
            unsafe aboveSlot.pointee.store(other, ordering: .releasing)
            unsafe retire(above)
        }
    }

    private func retire(_ node: Node) {
        unsafe epochs.retire(node) { unsafe $0.assumingMemoryBound(to: ByteNode.self).free() }
    }

    /// Calls `visit` with the first link of each chain.
    @unsafe func forEachChain(_ visit: (UnsafeMutablePointer<IndexItem>) -> Void) {
        unsafe forEachNode { node in
            if let item = unsafe node.pointee.item.load(ordering: .relaxed) { unsafe visit(item) }
        }
    }

    /// Calls `visit` with each node; it may free it.
    private func forEachNode(_ visit: (Node) -> Void) {
        var waiting: [Node] = unsafe []
        if let first = unsafe root.pointee.load(ordering: .relaxed) { unsafe waiting.append(first) }
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

extension UInt8 {
    @inline(__always) fileprivate var isLowercaseLetter: Bool { self &- 0x61 < 26 }
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
