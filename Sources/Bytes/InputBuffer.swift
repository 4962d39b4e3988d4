import Glibc

/// Bytes that a connection read and its mux has not consumed yet, in one slab. A body's bytes leave it as chunks that
/// share the slab, without a copy. It holds no slab while it is empty and idle.
@safe public struct InputBuffer: ~Copyable {
    private var slab: UnsafeMutablePointer<SlabHeader>?
    private var start = 0
    private var end = 0
    /// Bytes that the slab holds; without one, those that the next holds at least.
    private var capacity: Int
    /// Reads that filled all their room, less half at each that did not: whether the peer brings more than is asked for.
    private var fullReads: UInt8 = 0
    private let pool: BufferPool

    public init(pool: BufferPool) {
        unsafe slab = nil
        self.pool = pool
        capacity = pool.slabSize
    }

    deinit {
        if let slab = unsafe slab { unsafe slab.release() }
    }

    /// Bytes not consumed yet.
    public var count: Int { end - start }
    public var isEmpty: Bool { start == end }

    /// True when a whole slab is full of bytes that the mux does not consume.
    public var isFull: Bool { count >= capacity }

    /// True when the bytes stand in a large slab: the peer has brought much, and a reader that keeps up takes it whole.
    public var isLarge: Bool { capacity > pool.slabSize }

    /// True while the peer brings more than it is asked for.
    public var isBulk: Bool { fullReads >= Self.readsBeforeLarge }

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
        let room = unsafe UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end)
        let written = unsafe min(max(0, body(room)), room.count)
        end += written
        if written < room.count {
            slowDown()
        } else if room.count * 2 > pool.slabSize, fullReads < Self.readsBeforeLarge {
            fullReads += 1
        }
        if start == end { releaseWhenIdle() }
    }

    /// Appends a copy of `bytes`, as far as the slab has room; returns how many were taken.
    public mutating func append(_ bytes: Span<UInt8>) -> Int {
        var taken = 0
        unsafe fill(minimum: min(bytes.count, capacity - count)) { room in
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
        capacity = pool.slabSize
        start = 0
        end = 0
    }

    /// Tells that reading stopped for long although the peer had more: nobody takes it fast enough for large reads.
    public mutating func slowDown() { fullReads >>= 1 }

    /// Full reads after which the next goes to a large slab: more than the queues hold for a reader that stands still.
    private static let readsBeforeLarge: UInt8 = 8

    private mutating func rewind() {
        // A slab that no chunk shares can be written from its start again; a shared one is filled to its end.
        if let slab = unsafe slab, unsafe slab.pointee.references == 1 {
            start = 0
            end = 0
        }
    }

    private mutating func room(_ minimum: Int) -> UnsafeMutablePointer<SlabHeader> {
        let wanted = min(max(1, minimum), capacity - count)
        guard let held = unsafe slab else { return unsafe replace(nil, wanted) }
        if start == end {
            rewind()
            if !isLarge, fullReads >= Self.readsBeforeLarge { return unsafe replace(held, wanted) }
        }
        if capacity - end >= wanted { return unsafe held }
        guard unsafe held.pointee.references == 1 else { return unsafe replace(held, wanted) }
        unsafe memmove(held.bytes, held.bytes + start, count)
        end = count
        start = 0
        return unsafe held
    }

    /// Goes on in another slab, a large one after full reads, with the bytes that are not consumed.
    private mutating func replace(
        _ held: UnsafeMutablePointer<SlabHeader>?, _ wanted: Int
    ) -> UnsafeMutablePointer<SlabHeader> {
        // What is left in a large slab that chunks share may be more than a usual one takes.
        let isMuch = count + wanted > pool.slabSize
        let isLarge = isMuch || fullReads >= Self.readsBeforeLarge
        let fresh = unsafe (isLarge ? pool.obtainLarge(isMuch) : nil) ?? pool.obtain()
        if let held = unsafe held {
            unsafe fresh.bytes.copyMemory(from: held.bytes + start, byteCount: count)
            unsafe held.release()
        }
        unsafe slab = fresh
        capacity = unsafe fresh.pointee.capacity
        end = count
        start = 0
        return unsafe fresh
    }

    /// A place to point at when there are no bytes.
    private nonisolated(unsafe) static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
}
