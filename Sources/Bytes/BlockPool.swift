import Glibc

/// A worker's stock of small blocks of memory for a library that takes and gives back some at each request: a list of free
/// blocks for each size, so that both cost a few instructions. Not Sendable: a pool and its blocks stay on one thread.
@safe public final class BlockPool {
    /// Sizes go in steps of so many bytes, up to ``largest``; bigger blocks come from the system's allocator.
    private static let step = 32
    public static let largest = 512
    /// Free blocks that are kept of each size.
    private static let keepLimit = 1024

    /// What stands before each block.
    @unsafe fileprivate struct Block {
        /// The list it belongs to; -1: none.
        var list: Int
        /// The next free block; nil in one that is in use.
        var next: UnsafeMutablePointer<Block>?
    }

    /// Blocks are as well aligned as those of `malloc`.
    private static let headerSize = 16

    @unsafe fileprivate struct List {
        var first: UnsafeMutablePointer<Block>?
        var count = 0
    }

    private let lists: UnsafeMutablePointer<List>

    public init() {
        let count = Self.largest / Self.step
        unsafe lists = .allocate(capacity: count)
        unsafe lists.initialize(repeating: List(first: nil), count: count)
    }

    deinit {
        for index in 0..<Self.largest / Self.step {
            while let block = unsafe lists[index].first {
                unsafe lists[index].first = block.pointee.next
                unsafe Glibc.free(block)
            }
        }
        unsafe lists.deallocate()
    }

    // MARK: For libraries

    /// The first of the values that a library wants of an allocator, for the functions that follow. It holds as long as
    /// the pool; so do the blocks.
    @unsafe public var context: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(lists) }

    public static let allocate: @convention(c) (Int, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
        size, context in unsafe obtain(size, context)
    }

    public static let release: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = {
        block, context in unsafe takeBack(block, context)
    }

    public static let allocateZeroed: @convention(c) (Int, Int, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? =
        { count, size, context in
            let (bytes, overflows) = count.multipliedReportingOverflow(by: size)
            guard !overflows, let block = unsafe obtain(bytes, context) else { return nil }
            unsafe memset(block, 0, bytes)
            return unsafe block
        }

    public static let reallocate:
        @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
            block, size, context in
            guard let block = unsafe block else { return unsafe obtain(size, context) }
            let header = unsafe (block - headerSize).assumingMemoryBound(to: Block.self)
            let list = unsafe header.pointee.list
            if list < 0 {
                // It stays with the system's allocator, whatever its size becomes.
                guard size <= Int.max - headerSize, let moved = unsafe realloc(header, size + headerSize) else {
                    return nil
                }
                return unsafe moved + headerSize
            }
            let room = (list + 1) * step
            if size <= room { return unsafe block }
            guard let moved = unsafe obtain(size, context) else { return nil }
            unsafe memcpy(moved, block, room)
            unsafe takeBack(block, context)
            return unsafe moved
        }

    private static func obtain(_ size: Int, _ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard size >= 0, size <= Int.max - headerSize else { return nil }
        var list = -1
        var room = size
        if size <= largest {
            list = max(size - 1, 0) / step
            room = (list + 1) * step
            if let lists = unsafe context?.assumingMemoryBound(to: List.self), let block = unsafe lists[list].first {
                unsafe lists[list].first = block.pointee.next
                unsafe lists[list].count -= 1
                return unsafe UnsafeMutableRawPointer(block) + headerSize
            }
        }
        guard let made = unsafe malloc(room + headerSize) else { return nil }
        unsafe made.bindMemory(to: Block.self, capacity: 1).initialize(to: Block(list: list, next: nil))
        return unsafe made + headerSize
    }

    private static func takeBack(_ block: UnsafeMutableRawPointer?, _ context: UnsafeMutableRawPointer?) {
        guard let block = unsafe block else { return }
        let header = unsafe (block - headerSize).assumingMemoryBound(to: Block.self)
        let list = unsafe header.pointee.list
        guard list >= 0, let lists = unsafe context?.assumingMemoryBound(to: List.self),
            unsafe lists[list].count < keepLimit
        else { return unsafe Glibc.free(header) }
        unsafe header.pointee.next = lists[list].first
        unsafe lists[list].first = unsafe header
        unsafe lists[list].count += 1
    }
}
