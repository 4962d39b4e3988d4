/// A worker's pool of slabs: blocks of one size that hold bytes on their way through the worker. A slab goes back to
/// the pool when the last ``Chunk`` in it is gone. Not Sendable: a pool and all its slabs stay on one thread.
@safe public final class BufferPool {
    /// Bytes that one slab holds.
    public let slabSize: Int
    /// Slabs in use now.
    public var used: Int { usual.used }
    /// Slabs kept ready for use.
    public var spare: Int { usual.spare }
    /// Large slabs in use now, and kept ready; they are counted here alone.
    public var largeUsed: Int { large.used }
    public var largeSpare: Int { large.spare }
    /// Bytes that a large slab holds: for connections that bring more than they are asked for, again and again.
    public static let largeSize = 256 * 1024
    /// How many large slabs may be in use: what slow readers can hold of them is bounded by this.
    private static let largeLimit = 64
    private static let largeSpareLimit = 8

    private var usual: SlabStock
    private var large = SlabStock(size: BufferPool.largeSize, spareLimit: BufferPool.largeSpareLimit)

    /// - Parameters:
    ///   - slabSize: bytes that one slab holds.
    ///   - spareLimit: spare slabs to keep before memory goes back to the system.
    public init(slabSize: Int = 32 * 1024, spareLimit: Int = 1024) {
        self.slabSize = max(1024, slabSize)
        usual = SlabStock(size: self.slabSize, spareLimit: spareLimit)
    }

    deinit {
        usual.empty()
        large.empty()
    }

    /// Bytes that slabs of both sizes hold which are in use, and of those which are there.
    public var usedBytes: Int { used * slabSize + largeUsed * Self.largeSize }
    public var allocatedBytes: Int { usedBytes + spare * slabSize + largeSpare * Self.largeSize }

    /// A slab with one reference, its first byte unwritten.
    @unsafe func obtain() -> UnsafeMutablePointer<SlabHeader> {
        keepAlive()
        return unsafe usual.obtain(for: self)
    }

    /// A slab of ``largeSize`` with one reference; nil when slabs are not smaller anyhow, or too many are in use and it is
    /// not for bytes that stand in another such one.
    @unsafe func obtainLarge(_ isNeeded: Bool) -> UnsafeMutablePointer<SlabHeader>? {
        guard slabSize < Self.largeSize, isNeeded || largeUsed < Self.largeLimit else { return nil }
        keepAlive()
        return unsafe large.obtain(for: self)
    }

    /// Slabs in use keep their pool alive, so that a chunk may outlive everything else of its worker.
    @inline(__always) private func keepAlive() {
        if used == 0, largeUsed == 0 { unsafe _ = Unmanaged.passRetained(self) }
    }

    /// Takes a slab back whose last reference is gone.
    @unsafe func takeBack(_ slab: UnsafeMutablePointer<SlabHeader>) {
        if unsafe slab.pointee.capacity == slabSize { unsafe usual.takeBack(slab) } else { unsafe large.takeBack(slab) }
        if used == 0, largeUsed == 0 { unsafe Unmanaged.passUnretained(self).release() }
    }
}

/// A pool's slabs of one size: how many are in use, and those that are spare.
@safe private struct SlabStock {
    let size: Int
    let spareLimit: Int
    private(set) var used = 0
    private(set) var spare = 0
    private var free: UnsafeMutablePointer<SlabHeader>?

    init(size: Int, spareLimit: Int) {
        self.size = size
        self.spareLimit = spareLimit
        unsafe free = nil
    }

    mutating func obtain(for pool: BufferPool) -> UnsafeMutablePointer<SlabHeader> {
        used += 1
        if let slab = unsafe free {
            unsafe free = slab.pointee.next
            spare -= 1
            unsafe slab.pointee.references = 1
            unsafe SpareMemory.open(slab.bytes, size)
            return unsafe slab
        }
        let raw = unsafe UnsafeMutableRawPointer.allocate(byteCount: SlabHeader.size + size, alignment: 64)
        let slab = unsafe raw.bindMemory(to: SlabHeader.self, capacity: 1)
        unsafe slab.initialize(
            to: SlabHeader(references: 1, capacity: size, pool: Unmanaged.passUnretained(pool), next: nil))
        return unsafe slab
    }

    mutating func takeBack(_ slab: UnsafeMutablePointer<SlabHeader>) {
        used -= 1
        guard spare < spareLimit else { return unsafe slab.deallocateSlab() }
        unsafe slab.pointee.next = free
        unsafe free = slab
        unsafe SpareMemory.close(slab.bytes, size)
        spare += 1
    }

    /// Gives the memory of the spare ones back.
    mutating func empty() {
        while let slab = unsafe free {
            unsafe free = slab.pointee.next
            unsafe slab.deallocateSlab()
        }
    }
}

/// What stands before a slab's bytes: its count of references (plain, for one thread) and its way home.
@unsafe struct SlabHeader {
    /// Bytes between a slab's address and its first data byte: one cache line.
    static var size: Int { 64 }

    var references: Int
    /// Data bytes that it holds.
    let capacity: Int
    let pool: Unmanaged<BufferPool>
    var next: UnsafeMutablePointer<SlabHeader>?
}

extension UnsafeMutablePointer<SlabHeader> {
    /// The slab's first data byte.
    @inline(__always) var bytes: UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(self).advanced(by: SlabHeader.size)
    }

    @inline(__always) func retain() { unsafe pointee.references += 1 }

    @inline(__always) func release() {
        unsafe pointee.references -= 1
        if unsafe pointee.references == 0 {
            let pool = unsafe pointee.pool
            unsafe pool._withUnsafeGuaranteedRef { unsafe $0.takeBack(self) }
        }
    }

    func deallocateSlab() {
        unsafe deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(self).deallocate()
    }
}
