public import Glibc

/// Bytes on their way out of a connection: small pieces are gathered in a tail slab, body chunks are queued by
/// reference, so one `writev` sends both.
@safe public struct OutputQueue: ~Copyable {
    private var queue = ChunkQueue()
    /// The slab that small pieces go to, and how much of it is written.
    private var tail: UnsafeMutablePointer<SlabHeader>?
    private var written = 0
    private let pool: BufferPool

    public init(pool: BufferPool) {
        unsafe tail = nil
        self.pool = pool
    }

    deinit {
        if let tail = unsafe tail { unsafe tail.release() }
    }

    /// Bytes waiting to go out.
    public var count: Int { queue.count }
    public var isEmpty: Bool { queue.isEmpty }

    /// Appends a chunk without copying it. Small chunks are copied, so that they do not hold a slab each.
    public mutating func append(_ chunk: consuming Chunk) {
        if chunk.count <= 256 {
            append(chunk.bytes)
        } else {
            queue.append(chunk)
        }
    }

    /// Appends a copy of `bytes`.
    public mutating func append(_ bytes: Span<UInt8>) {
        var offset = 0
        while offset < bytes.count {
            let part = bytes.extracting(offset..<bytes.count)
            unsafe append(atMost: min(part.count, pool.slabSize), minimum: min(part.count, 64)) { room in
                let size = min(part.count, room.count)
                unsafe part.withUnsafeBytes { source in
                    if let from = source.baseAddress, let to = room.baseAddress {
                        unsafe to.copyMemory(from: from, byteCount: size)
                    }
                }
                offset += size
                return size
            }
        }
    }

    /// Appends a literal.
    public mutating func append(_ text: StaticString) {
        let bytes = unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        append(unsafe Span<UInt8>(_unsafeBytes: bytes))
    }

    /// Appends one byte.
    public mutating func append(byte: UInt8) {
        unsafe append(atMost: 1) { room in
            unsafe room[0] = byte
            return 1
        }
    }

    /// Calls `body` with room for at least `minimum` (default: all of `atMost`) bytes, contiguous; `body` returns how
    /// many it wrote. `atMost` is bounded by the slab size.
    public mutating func append(
        atMost length: Int, minimum: Int? = nil, _ body: (UnsafeMutableRawBufferPointer) -> Int
    ) {
        let wanted = min(max(1, minimum ?? length), pool.slabSize)
        var slab: UnsafeMutablePointer<SlabHeader>
        if let held = unsafe tail, pool.slabSize - written >= wanted {
            unsafe slab = held
        } else {
            if let held = unsafe tail { unsafe held.release() }
            unsafe slab = pool.obtain()
            unsafe tail = slab
            written = 0
        }
        let start = unsafe slab.bytes + written
        let room = unsafe UnsafeMutableRawBufferPointer(start: start, count: min(length, pool.slabSize - written))
        let size = min(max(0, unsafe body(room)), room.count)
        guard size > 0 else { return }
        written += size
        unsafe slab.retain()
        queue.append(unsafe Chunk(adopting: slab, start: start, count: size))
    }

    /// Drops the first `length` bytes, which went out. Gives the tail slab back when nothing waits.
    public mutating func consume(_ length: Int) {
        queue.removeFirst(length)
        if queue.isEmpty, let held = unsafe tail {
            unsafe held.release()
            unsafe tail = nil
            written = 0
        }
    }

    /// Drops everything.
    public mutating func removeAll() { consume(count) }

    /// Takes the first bytes, at most `length`, as a chunk; nil when nothing waits.
    public mutating func takeFirst(upTo length: Int = .max) -> Chunk? { queue.takeFirst(upTo: length) }

    /// Calls `body` with the first piece that waits; nil when nothing waits.
    public func withFirst<Result>(_ body: (Span<UInt8>) -> Result) -> Result? { queue.withFirst(body) }

    /// Describes the first pieces that wait in `vectors`, for `writev`. Returns how many entries are set and the bytes
    /// they name. The entries are good until the queue changes.
    @unsafe public func describe(into vectors: UnsafeMutableBufferPointer<iovec>) -> (vectors: Int, bytes: Int) {
        var used = 0
        var bytes = 0
        while used < vectors.count, used < queue.chunks {
            let piece = unsafe queue.rawBytes(at: used)
            unsafe vectors[used] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress), iov_len: piece.count)
            bytes += piece.count
            used += 1
        }
        return (used, bytes)
    }
}
