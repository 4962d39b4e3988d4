/// Some bytes in a slab, held by reference: the unit in which message bodies travel. It is not copyable; the slab goes
/// back to its pool when the last chunk in it is destroyed. Stays on its worker's thread.
@safe public struct Chunk: ~Copyable {
    let slab: UnsafeMutablePointer<SlabHeader>
    private var start: UnsafeMutableRawPointer
    /// Bytes in the chunk.
    public private(set) var count: Int

    /// Takes over one reference to `slab`.
    @unsafe init(adopting slab: UnsafeMutablePointer<SlabHeader>, start: UnsafeMutableRawPointer, count: Int) {
        unsafe self.slab = slab
        unsafe self.start = start
        self.count = count
    }

    /// A chunk that holds a copy of `bytes`. Bytes past the pool's slab size are not taken: look at ``count``.
    public init(copying bytes: Span<UInt8>, pool: BufferPool) {
        let taken = min(bytes.count, pool.slabSize)
        let slab = unsafe pool.obtain()
        unsafe bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { unsafe slab.bytes.copyMemory(from: base, byteCount: taken) }
        }
        unsafe self.init(adopting: slab, start: slab.bytes, count: taken)
    }

    deinit { unsafe slab.release() }

    public var isEmpty: Bool { count == 0 }

    /// The bytes, for as long as the chunk is borrowed.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self) get {
            let span = unsafe Span<UInt8>(_unsafeStart: start.assumingMemoryBound(to: UInt8.self), count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The bytes as C wants them. The pointer is good for as long as any chunk on these bytes lives.
    @unsafe public var rawBytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: count) }

    /// Another chunk on the same bytes.
    public func share() -> Chunk {
        unsafe slab.retain()
        return unsafe Chunk(adopting: slab, start: start, count: count)
    }

    /// Drops the first `length` bytes (at most all).
    public mutating func removeFirst(_ length: Int) {
        let dropped = min(max(0, length), count)
        unsafe start += dropped
        count -= dropped
    }

    /// Takes the first `length` bytes (at most all) as a chunk of their own.
    public mutating func split(_ length: Int) -> Chunk {
        let taken = min(max(0, length), count)
        unsafe slab.retain()
        let first = unsafe Chunk(adopting: slab, start: start, count: taken)
        removeFirst(taken)
        return first
    }

    /// Adds `next` to the end when its bytes follow this chunk's in the same slab; gives it back otherwise.
    public mutating func join(_ next: consuming Chunk) -> Chunk? {
        guard unsafe next.slab == slab, unsafe next.start == start + count else { return next }
        count += next.count
        return nil
    }
}
