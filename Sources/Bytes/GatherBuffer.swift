/// Copies small pieces one after another into a slab and gives each out as a chunk on it, so that pieces of many
/// streams share a slab instead of holding one each. Chunks of one stream that follow each other join in their queue.
/// Once all chunks on the slab are gone, it is written again from its start: a busy worker stays on the same few
/// cache lines.
@safe public struct GatherBuffer: ~Copyable {
    private var slab: UnsafeMutablePointer<SlabHeader>?
    private var written = 0
    private let pool: BufferPool

    public init(pool: BufferPool) {
        unsafe slab = nil
        self.pool = pool
    }

    deinit {
        if let slab = unsafe slab { unsafe slab.release() }
    }

    /// Calls `body` with free room of `minimum` bytes or more (bounded by the slab size), one piece; `body` returns how
    /// many bytes it wrote there, which come back as a chunk.
    public mutating func write(minimum: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> Chunk {
        let wanted = min(max(1, minimum), pool.slabSize)
        let held = unsafe room(wanted)
        let start = unsafe held.bytes + written
        let free = unsafe UnsafeMutableRawBufferPointer(start: start, count: pool.slabSize - written)
        let size = min(max(0, unsafe body(free)), free.count)
        written += size
        unsafe held.retain()
        return unsafe Chunk(adopting: held, start: start, count: size)
    }

    /// A copy of the first bytes of `bytes`: all of them, or as many as the slab still takes when that is a fair part.
    /// Look at the chunk's count and come again for the rest.
    public mutating func copy(_ bytes: Span<UInt8>) -> Chunk {
        unsafe write(minimum: min(bytes.count, 512)) { room in
            let size = min(bytes.count, room.count)
            unsafe bytes.withUnsafeBytes { source in
                if size > 0, let from = source.baseAddress, let to = room.baseAddress {
                    unsafe to.copyMemory(from: from, byteCount: size)
                }
            }
            return size
        }
    }

    /// Gives the slab back when no chunk is left on it.
    public mutating func releaseWhenIdle() {
        guard let held = unsafe slab, unsafe held.pointee.references == 1 else { return }
        unsafe held.release()
        unsafe slab = nil
        written = 0
    }

    private mutating func room(_ wanted: Int) -> UnsafeMutablePointer<SlabHeader> {
        if let held = unsafe slab {
            if unsafe held.pointee.references == 1 { written = 0 }
            if pool.slabSize - written >= wanted { return unsafe held }
            unsafe held.release()
        }
        let fresh = unsafe pool.obtain()
        unsafe slab = fresh
        written = 0
        return unsafe fresh
    }
}
