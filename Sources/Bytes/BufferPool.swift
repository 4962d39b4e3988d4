/// A worker's pool of slabs: blocks of one size that hold bytes on their way through the worker. A slab goes back to
/// the pool when the last ``Chunk`` in it is gone. Not Sendable: a pool and all its slabs stay on one thread.
@safe public final class BufferPool {
    /// Bytes that one slab holds.
    public let slabSize: Int
    /// Slabs in use now.
    public private(set) var used = 0
    /// Slabs kept ready for use.
    public private(set) var spare = 0
    /// How many spare slabs the pool keeps before it gives memory back.
    public let spareLimit: Int
    /// Large slabs in use now, and kept ready; they are counted here alone.
    public private(set) var largeUsed = 0
    public private(set) var largeSpare = 0
    /// Bytes that a large slab holds: for connections that bring more than they are asked for, again and again.
    public static let largeSize = 256 * 1024
    /// How many large slabs may be in use: what slow readers can hold of them is bounded by this.
    private static let largeLimit = 64
    private static let largeSpareLimit = 8

    private var free: UnsafeMutablePointer<SlabHeader>?
    private var freeLarge: UnsafeMutablePointer<SlabHeader>?

    /// - Parameters:
    ///   - slabSize: bytes that one slab holds.
    ///   - spareLimit: spare slabs to keep before memory goes back to the system.
    public init(slabSize: Int = 32 * 1024, spareLimit: Int = 1024) {
        self.slabSize = max(1024, slabSize)
        self.spareLimit = spareLimit
    }

    deinit {
        while let slab = unsafe free {
            unsafe free = slab.pointee.next
            unsafe slab.deallocateSlab()
        }
        while let slab = unsafe freeLarge {
            unsafe freeLarge = slab.pointee.next
            unsafe slab.deallocateSlab()
        }
    }

    /// Bytes that slabs of both sizes hold which are in use, and of those which are there.
    public var usedBytes: Int { used * slabSize + largeUsed * Self.largeSize }
    public var allocatedBytes: Int { usedBytes + spare * slabSize + largeSpare * Self.largeSize }

    /// A slab with one reference, its first byte unwritten.
    @unsafe func obtain() -> UnsafeMutablePointer<SlabHeader> {
        // Slabs in use keep their pool alive, so that a chunk may outlive everything else of its worker.
        if used == 0, largeUsed == 0 { unsafe _ = Unmanaged.passRetained(self) }
        used += 1
        if let slab = unsafe free {
            unsafe free = slab.pointee.next
            spare -= 1
            unsafe slab.pointee.references = 1
            return unsafe slab
        }
        return unsafe make(capacity: slabSize)
    }

    /// A slab of ``largeSize`` with one reference; nil when slabs are not smaller anyhow, or too many are in use and it is
    /// not for bytes that stand in another such one.
    @unsafe func obtainLarge(_ isNeeded: Bool) -> UnsafeMutablePointer<SlabHeader>? {
        guard slabSize < Self.largeSize, isNeeded || largeUsed < Self.largeLimit else { return nil }
        if used == 0, largeUsed == 0 { unsafe _ = Unmanaged.passRetained(self) }
        largeUsed += 1
        if let slab = unsafe freeLarge {
            unsafe freeLarge = slab.pointee.next
            largeSpare -= 1
            unsafe slab.pointee.references = 1
            return unsafe slab
        }
        return unsafe make(capacity: Self.largeSize)
    }

    private func make(capacity: Int) -> UnsafeMutablePointer<SlabHeader> {
        let raw = unsafe UnsafeMutableRawPointer.allocate(byteCount: SlabHeader.size + capacity, alignment: 64)
        let slab = unsafe raw.bindMemory(to: SlabHeader.self, capacity: 1)
        unsafe slab.initialize(
            to: SlabHeader(references: 1, capacity: capacity, pool: Unmanaged.passUnretained(self), next: nil))
        return unsafe slab
    }

    /// Takes a slab back whose last reference is gone.
    @unsafe func takeBack(_ slab: UnsafeMutablePointer<SlabHeader>) {
        if unsafe slab.pointee.capacity == slabSize {
            used -= 1
            if spare < spareLimit {
                unsafe slab.pointee.next = free
                unsafe free = slab
                spare += 1
            } else {
                unsafe slab.deallocateSlab()
            }
        } else {
            largeUsed -= 1
            if largeSpare < Self.largeSpareLimit {
                unsafe slab.pointee.next = freeLarge
                unsafe freeLarge = slab
                largeSpare += 1
            } else {
                unsafe slab.deallocateSlab()
            }
        }
        if used == 0, largeUsed == 0 { unsafe Unmanaged.passUnretained(self).release() }
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
