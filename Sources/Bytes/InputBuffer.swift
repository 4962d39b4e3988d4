import Glibc

/// Bytes that a connection read and its mux has not consumed yet, in one slab. A body's bytes leave it as chunks that
/// share the slab, without a copy. It holds no slab while it is empty and idle.
@safe public struct InputBuffer: ~Copyable {
    private var slab: UnsafeMutablePointer<SlabHeader>?
    private var start = 0
    private var end = 0
    private let pool: BufferPool

    public init(pool: BufferPool) {
        unsafe slab = nil
        self.pool = pool
    }

    deinit {
        if let slab = unsafe slab { unsafe slab.release() }
    }

    /// Bytes not consumed yet.
    public var count: Int { end - start }
    public var isEmpty: Bool { start == end }

    /// True when a whole slab is full of bytes that the mux does not consume.
    public var isFull: Bool { count >= pool.slabSize }

    /// The bytes not consumed yet.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self) get {
            let base = unsafe (slab?.bytes ?? Self.nothing).advanced(by: start).assumingMemoryBound(to: UInt8.self)
            return unsafe _overrideLifetime(Span<UInt8>(_unsafeStart: base, count: count), borrowing: self)
        }
    }

    /// Drops the first `length` bytes (at most all).
    public mutating func consume(_ length: Int) {
        start += min(max(0, length), count)
        if start == end { rewind() }
    }

    /// Takes the first `length` bytes (at most all) as a chunk on the same slab.
    public mutating func take(_ length: Int) -> Chunk {
        guard let slab = unsafe slab else { return Chunk(copying: Span(), pool: pool) }
        let taken = min(max(0, length), count)
        unsafe slab.retain()
        let chunk = unsafe Chunk(adopting: slab, start: slab.bytes + start, count: taken)
        start += taken
        if start == end { rewind() }
        return chunk
    }

    /// A chunk on `length` bytes from `offset` on, on the same slab (both are bounded by what is there). The bytes stay
    /// unconsumed: for parsers that consume a whole read at once.
    public func share(from offset: Int, _ length: Int) -> Chunk {
        guard let slab = unsafe slab else { return Chunk(copying: Span(), pool: pool) }
        let skipped = min(max(0, offset), count)
        let taken = min(max(0, length), count - skipped)
        unsafe slab.retain()
        return unsafe Chunk(adopting: slab, start: slab.bytes + start + skipped, count: taken)
    }

    /// Calls `body` with free room of at least `minimum` bytes (bounded by the slab size) to write to; `body` returns
    /// how many bytes it wrote there.
    public mutating func fill(minimum: Int = 1, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
        let base = unsafe room(minimum).bytes
        let room = unsafe UnsafeMutableRawBufferPointer(start: base + end, count: pool.slabSize - end)
        let written = unsafe body(room)
        end += min(max(0, written), room.count)
        if start == end { releaseWhenIdle() }
    }

    /// Appends a copy of `bytes`, as far as the slab has room; returns how many were taken.
    public mutating func append(_ bytes: Span<UInt8>) -> Int {
        var taken = 0
        unsafe fill(minimum: min(bytes.count, pool.slabSize - count)) { room in
            taken = min(bytes.count, room.count)
            unsafe bytes.withUnsafeBytes { source in
                if let from = source.baseAddress, let to = room.baseAddress {
                    unsafe to.copyMemory(from: from, byteCount: taken)
                }
            }
            return taken
        }
        return taken
    }

    /// Gives the slab back when no byte waits in it.
    public mutating func releaseWhenIdle() {
        guard start == end, let held = unsafe slab else { return }
        unsafe held.release()
        unsafe slab = nil
        start = 0
        end = 0
    }

    private mutating func rewind() {
        // A slab that no chunk shares can be written from its start again; a shared one is filled to its end.
        if let slab = unsafe slab, unsafe slab.pointee.references == 1 {
            start = 0
            end = 0
        }
    }

    private mutating func room(_ minimum: Int) -> UnsafeMutablePointer<SlabHeader> {
        let wanted = min(max(1, minimum), pool.slabSize - count)
        if let held = unsafe slab {
            if start == end { rewind() }
            if pool.slabSize - end >= wanted { return unsafe held }
            if unsafe held.pointee.references == 1 {
                unsafe memmove(held.bytes, held.bytes + start, count)
            } else {
                let fresh = unsafe pool.obtain()
                unsafe fresh.bytes.copyMemory(from: held.bytes + start, byteCount: count)
                unsafe held.release()
                unsafe slab = fresh
            }
            end = count
            start = 0
            return unsafe slab ?? held
        }
        let fresh = unsafe pool.obtain()
        unsafe slab = fresh
        start = 0
        end = 0
        return unsafe fresh
    }

    /// A place to point at when there are no bytes.
    private nonisolated(unsafe) static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
}
