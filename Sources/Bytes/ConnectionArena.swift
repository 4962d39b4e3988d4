import Glibc

/// The memory of what a protocol library keeps of one connection. Libraries take it in blocks that are mostly empty, and
/// never move what is in them; so when the connection is idle, ``pack()`` copies what is there into as few bytes as it
/// has, and gives the pages back. ``unpack()`` puts everything where it was.
///
/// Blocks of ``smallest`` bytes and more stand here, as far as there is room; others come from the system's allocator.
/// Nothing may read or write a block while the arena is packed.
@safe public final class ConnectionArena {
    static let pageSize = 4096
    /// Bytes of the smallest block that stands in an arena.
    public static let smallest = 1000
    /// Bytes that are kept or left out together when the content is packed: a bit of a page's mask each.
    private static let grain = 32
    private static let maskWords = pageSize / grain / 64

    /// What stands before each block.
    @unsafe fileprivate struct Block {
        /// Bytes of the block, with this.
        var size: Int
        /// The next block that is free; nil in a block that is in use.
        var next: UnsafeMutablePointer<Block>?
    }

    /// Bytes that stand before a block: those of ``Block``.
    private static let headerSize = 16

    /// What the functions that a library calls work on.
    @unsafe fileprivate struct Space {
        let base: UnsafeMutableRawPointer
        let size: Int
        /// Bytes from the base on that blocks have taken so far.
        var top = 0
        var free: UnsafeMutablePointer<Block>?
    }

    private let pool: ArenaPool
    private let space: UnsafeMutablePointer<Space>
    /// The masks of the pages, then the grains that are not zero.
    private var content: UnsafeMutableRawPointer?
    /// Bytes that the packed content takes; 0 while it is not packed.
    public private(set) var packedSize = 0

    @unsafe init(base: UnsafeMutableRawPointer, size: Int, pool: ArenaPool) {
        self.pool = pool
        unsafe content = nil
        unsafe space = .allocate(capacity: 1)
        unsafe space.initialize(to: Space(base: base, size: size, free: nil))
    }

    deinit {
        forgetContent()
        unsafe pool.takeBack(space.pointee.base)
        unsafe space.deallocate()
    }

    private static func wholePages(_ count: Int) -> Int { (count + pageSize - 1) & ~(pageSize - 1) }

    /// True between ``pack()`` and ``unpack()``.
    public var isPacked: Bool { packedSize > 0 }

    // MARK: For libraries

    /// The first of the values that a library wants of an allocator, for the functions that follow. It holds as long as
    /// the arena.
    @unsafe public var context: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(space) }

    public static let allocate: @convention(c) (Int, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
        size, context in unsafe obtain(size, context)
    }

    public static let release: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = {
        block, context in unsafe takeBack(block, context)
    }

    public static let allocateZeroed: @convention(c) (Int, Int, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? =
        { count, size, context in
            let (bytes, overflows) = count.multipliedReportingOverflow(by: size)
            guard !overflows else { return nil }
            guard bytes >= smallest else { return unsafe calloc(count, size) }
            guard let block = unsafe obtain(bytes, context) else { return nil }
            unsafe memset(block, 0, bytes)
            return unsafe block
        }

    public static let reallocate:
        @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
            block, size, context in
            guard let block = unsafe block else { return unsafe obtain(size, context) }
            guard unsafe isOurs(block, context) else { return unsafe realloc(block, size) }
            guard let moved = unsafe obtain(size, context) else { return nil }
            let header = unsafe (block - headerSize).assumingMemoryBound(to: Block.self)
            unsafe memcpy(moved, block, min(size, header.pointee.size - headerSize))
            unsafe takeBack(block, context)
            return unsafe moved
        }

    @inline(__always)
    private static func isOurs(_ block: UnsafeMutableRawPointer, _ context: UnsafeMutableRawPointer?) -> Bool {
        guard let space = unsafe context?.assumingMemoryBound(to: Space.self) else { return false }
        return unsafe UInt(bitPattern: block) &- UInt(bitPattern: space.pointee.base) < UInt(space.pointee.size)
    }

    private static func obtain(_ size: Int, _ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard size >= smallest, let space = unsafe context?.assumingMemoryBound(to: Space.self),
            unsafe size <= space.pointee.size
        else { return unsafe malloc(size) }
        let whole = (size + headerSize + 15) & ~15
        // The kinds of blocks are few, and so are those that are free.
        var before: UnsafeMutablePointer<Block>?
        var next = unsafe space.pointee.free
        while let block = unsafe next {
            if unsafe block.pointee.size == whole {
                if let before = unsafe before {
                    unsafe before.pointee.next = block.pointee.next
                } else {
                    unsafe space.pointee.free = block.pointee.next
                }
                unsafe block.pointee.next = nil
                return unsafe UnsafeMutableRawPointer(block) + headerSize
            }
            unsafe before = block
            unsafe next = block.pointee.next
        }
        guard unsafe whole <= space.pointee.size - space.pointee.top else { return unsafe malloc(size) }
        let place = unsafe space.pointee.base + space.pointee.top
        unsafe space.pointee.top += whole
        unsafe place.bindMemory(to: Block.self, capacity: 1).initialize(to: Block(size: whole, next: nil))
        return unsafe place + headerSize
    }

    private static func takeBack(_ block: UnsafeMutableRawPointer?, _ context: UnsafeMutableRawPointer?) {
        guard let block = unsafe block else { return }
        guard unsafe isOurs(block, context), let space = unsafe context?.assumingMemoryBound(to: Space.self) else {
            return unsafe Glibc.free(block)
        }
        let header = unsafe (block - headerSize).assumingMemoryBound(to: Block.self)
        unsafe header.pointee.next = space.pointee.free
        unsafe space.pointee.free = unsafe header
    }

    // MARK: Packing

    /// Packs the content and gives the pages back. False when that would not save half of them, or the system refuses:
    /// nothing has changed then.
    public func pack() -> Bool {
        let pages = unsafe Self.wholePages(space.pointee.top) / Self.pageSize
        let base = unsafe space.pointee.base
        guard !isPacked, pages > 0,
            let resident = unsafe pool.residency(of: base, count: pages * Self.pageSize)
        else { return false }
        unsafe clearFree(resident)
        let masks = pages * Self.maskWords * MemoryLayout<UInt64>.size
        guard let (count, present) = unsafe gather(pages, resident, into: pool.room()),
            (masks + count) * 2 <= present * Self.pageSize, let packed = unsafe malloc(masks + count)
        else { return false }
        unsafe packed.copyMemory(from: pool.room(), byteCount: masks + count)
        guard unsafe madvise(base, pool.arenaSize, MADV_DONTNEED) == 0 else {
            unsafe Glibc.free(packed)
            return false
        }
        unsafe content = packed
        packedSize = masks + count
        return true
    }

    /// Zeroes what is left in blocks that are free, where there is memory.
    private func clearFree(_ resident: UnsafeMutablePointer<UInt8>) {
        let base = unsafe space.pointee.base
        var next = unsafe space.pointee.free
        while let block = unsafe next {
            let start = unsafe UnsafeMutableRawPointer(block) - base
            let end = unsafe start + block.pointee.size
            var from = start + Self.headerSize
            while from < end {
                let page = from / Self.pageSize
                let until = min(end, (page + 1) * Self.pageSize)
                if unsafe resident[page] & 1 != 0 { unsafe memset(base + from, 0, until - from) }
                from = until
            }
            unsafe next = block.pointee.next
        }
    }

    /// Writes masks and grains into `room`. Gives the bytes of the grains and the pages that have memory; nil when the
    /// content does not fit.
    private func gather(
        _ pages: Int, _ resident: UnsafeMutablePointer<UInt8>, into room: UnsafeMutableRawPointer
    ) -> (count: Int, present: Int)? {
        let masks = unsafe room.assumingMemoryBound(to: UInt64.self)
        let start = pages * Self.maskWords * MemoryLayout<UInt64>.size
        var end = start
        var present = 0
        for page in 0..<pages {
            let isPresent = unsafe resident[page] & 1 != 0
            if isPresent { present += 1 }
            for word in 0..<Self.maskWords {
                var mask: UInt64 = 0
                if isPresent {
                    guard end + 64 * Self.grain <= pool.arenaSize else { return nil }
                    let part = unsafe space.pointee.base + page * Self.pageSize + word * 64 * Self.grain
                    for bit in 0..<64 {
                        let words = unsafe (part + bit * Self.grain).assumingMemoryBound(to: UInt64.self)
                        guard unsafe words[0] | words[1] | words[2] | words[3] != 0 else { continue }
                        mask |= 1 << UInt64(bit)
                        unsafe (room + end).copyMemory(from: words, byteCount: Self.grain)
                        end += Self.grain
                    }
                }
                unsafe masks[page * Self.maskWords + word] = mask
            }
        }
        return (end - start, present)
    }

    /// Puts the content back where it was.
    public func unpack() {
        guard let packed = unsafe content else { return }
        let words = unsafe Self.wholePages(space.pointee.top) / Self.pageSize * Self.maskWords
        let masks = unsafe packed.assumingMemoryBound(to: UInt64.self)
        var from = unsafe packed + words * MemoryLayout<UInt64>.size
        for word in 0..<words {
            let part = unsafe space.pointee.base + word * 64 * Self.grain
            var mask = unsafe masks[word]
            while mask != 0 {
                unsafe (part + mask.trailingZeroBitCount * Self.grain).copyMemory(from: from, byteCount: Self.grain)
                unsafe from += Self.grain
                mask &= mask - 1
            }
        }
        forgetContent()
    }

    /// Frees the packed content, which may hold keys.
    private func forgetContent() {
        guard let packed = unsafe content else { return }
        unsafe explicit_bzero(packed, packedSize)
        unsafe Glibc.free(packed)
        unsafe content = nil
        packedSize = 0
    }
}
