import Bytes
import Synchronization

/// A pattern of a ``PatternList``.
@unsafe struct PatternListNode: ~Copyable {
    /// What the pattern is: an expression, or an IPv4 network whose mask has holes.
    @unsafe enum Test {
        case expression(Unmanaged<PCRE2Expression>)
        case network(address: UInt32, mask: UInt32)
    }

    let test: Test
    let item: UnsafeMutablePointer<IndexItem>
    let next: Atomic<UnsafeMutablePointer<PatternListNode>?>
    var previous: UnsafeMutablePointer<PatternListNode>?

    static func make(_ test: Test, _ item: UnsafeMutablePointer<IndexItem>) -> UnsafeMutablePointer<PatternListNode> {
        let node = UnsafeMutablePointer<PatternListNode>.allocate(capacity: 1)
        unsafe node.initialize(to: PatternListNode(test: test, item: item, next: Atomic(nil), previous: nil))
        return unsafe node
    }

    /// Frees a node with its expression and its link.
    static func free(_ node: UnsafeMutablePointer<PatternListNode>) {
        if case .expression(let expression) = unsafe node.pointee.test { unsafe expression.release() }
        unsafe node.pointee.item.deallocate()
        unsafe node.deinitialize(count: 1)
        unsafe node.deallocate()
    }
}

/// Patterns that can only be tried one after the other, in their order. One writer, many readers.
@safe final class PatternList {
    private typealias Node = UnsafeMutablePointer<PatternListNode>

    private let root: UnsafeMutablePointer<Atomic<UnsafeMutablePointer<PatternListNode>?>>
    private let epochs: Epochs
    private var last: UnsafeMutablePointer<PatternListNode>?

    /// - Parameter root: where readers find the list; it must live as long as this.
    @unsafe init(root: UnsafeMutablePointer<Atomic<UInt>>, epochs: Epochs) {
        unsafe self.root = unsafe UnsafeMutableRawPointer(root)
            .assumingMemoryBound(to: Atomic<UnsafeMutablePointer<PatternListNode>?>.self)
        self.epochs = epochs
    }

    deinit {
        var next = unsafe root.pointee.load(ordering: .relaxed)
        while let node = unsafe next {
            unsafe next = node.pointee.next.load(ordering: .relaxed)
            unsafe PatternListNode.free(node)
        }
    }

    /// The first pattern that passes; on any thread that an epoch guards.
    @inline(__always)
    @unsafe static func first(
        from root: borrowing Atomic<UInt>, where passes: (borrowing PatternListNode) -> Bool
    ) -> UnsafeMutablePointer<IndexItem>? {
        var next = unsafe Node(bitPattern: root.load(ordering: .acquiring))
        while let node = unsafe next {
            if unsafe passes(node.pointee) { return unsafe node.pointee.item }
            unsafe next = node.pointee.next.load(ordering: .acquiring)
        }
        return nil
    }

    /// Adds a pattern at the end; it takes a reference to an expression over.
    @unsafe func append(_ test: PatternListNode.Test, _ item: UnsafeMutablePointer<IndexItem>) {
        let node = unsafe PatternListNode.make(test, item)
        unsafe node.pointee.previous = last
        if let last = unsafe last {
            unsafe last.pointee.next.store(node, ordering: .releasing)
        } else {
            unsafe root.pointee.store(node, ordering: .releasing)
        }
        unsafe last = node
    }

    /// Takes the pattern of `entry` out.
    @unsafe func remove(_ entry: UnsafeMutablePointer<PatternEntry>) {
        var next = unsafe root.pointee.load(ordering: .relaxed)
        while let node = unsafe next {
            unsafe next = node.pointee.next.load(ordering: .relaxed)
            guard unsafe node.pointee.item.pointee.entry == entry else { continue }
            let previous = unsafe node.pointee.previous
            // The node keeps its way on, for a reader that stands on it.
            if let previous = unsafe previous {
                unsafe previous.pointee.next.store(next, ordering: .releasing)
            } else {
                unsafe root.pointee.store(next, ordering: .releasing)
            }
            if let next = unsafe next {
                unsafe next.pointee.previous = previous
            } else {
                unsafe last = previous
            }
            unsafe epochs.retire(node) {
                unsafe PatternListNode.free($0.assumingMemoryBound(to: PatternListNode.self))
            }
            return
        }
    }
}
