/// Chunks in order: a ring that grows by doubling. The queue itself has no limit; its owner bounds the bytes in it.
///
/// A chunk holds its whole slab, so many small chunks could hold much more memory than their bytes. A queue that
/// gathers copies small chunks together once some chunks wait, so that what it holds stays within a few times
/// the bytes in it.
@safe public struct ChunkQueue: ~Copyable {
    /// Chunks that a gathering queue takes as they are, whatever their size.
    private static var plainChunks: Int { 4 }

    /// Nil before the first chunk: most messages have no body, and few are kept.
    private var storage: UnsafeMutablePointer<Chunk>?
    private var capacity = 0
    private var first = 0
    /// Chunks in the queue.
    public private(set) var chunks = 0
    /// Bytes in the queue.
    public private(set) var count = 0

    private let gathers: Bool
    /// The slab that small chunks are copied to, and how much of it is written.
    private var gather: UnsafeMutablePointer<SlabHeader>?
    private var gathered = 0

    /// - Parameter gathers: copies small chunks together when some wait.
    public init(gathers: Bool = false) {
        unsafe storage = nil
        self.gathers = gathers
        unsafe gather = nil
    }

    deinit {
        if let gather = unsafe gather { unsafe gather.release() }
        for index in 0..<chunks { unsafe (ring + (first + index) & (capacity - 1)).deinitialize(count: 1) }
        if let ring = unsafe storage { unsafe ring.deallocate() }
    }

    /// Good while there is a chunk.
    private var ring: UnsafeMutablePointer<Chunk> {
        unsafe storage.unsafelyUnwrapped
    }

    public var isEmpty: Bool { count == 0 }

    /// Adds a chunk to the end; joins it to the last one when their bytes touch. An empty chunk is dropped.
    public mutating func append(_ chunk: consuming Chunk) {
        guard !chunk.isEmpty else { return }
        count += chunk.count
        var rest: Chunk? = consume chunk
        if chunks > 0 {
            rest = unsafe ring[slot(chunks - 1)].join(rest.take()!)
        }
        if gathers, chunks >= Self.plainChunks, let small = rest.take() {
            // The copy continues the last chunk when that was a copy too.
            rest = unsafe ring[slot(chunks - 1)].join(gathering(small))
        }
        guard let new = rest.take() else { return }
        if chunks == capacity { grow() }
        unsafe (ring + slot(chunks)).initialize(to: new)
        chunks += 1
    }

    /// Takes the first chunk, or its first `length` bytes; nil when the queue is empty.
    public mutating func takeFirst(upTo length: Int = .max) -> Chunk? {
        guard chunks > 0, length > 0 else { return nil }
        let size = unsafe ring[first].count
        if size > length {
            count -= length
            return unsafe ring[first].split(length)
        }
        count -= size
        let chunk = unsafe (ring + first).move()
        first = (first + 1) & (capacity - 1)
        chunks -= 1
        if chunks == 0, let held = unsafe gather {
            unsafe held.release()
            unsafe gather = nil
        }
        return chunk
    }

    /// Drops the first `length` bytes (at most all).
    public mutating func removeFirst(_ length: Int) {
        var left = min(length, count)
        while left > 0, let chunk = takeFirst(upTo: left) { left -= chunk.count }
    }

    /// Drops everything.
    public mutating func removeAll() {
        while takeFirst() != nil {}
    }

    /// Calls `body` with the first chunk's bytes; nil when the queue is empty.
    public func withFirst<Result>(_ body: (Span<UInt8>) -> Result) -> Result? {
        guard chunks > 0 else { return nil }
        return unsafe body(ring[first].bytes)
    }

    /// The bytes of chunk `index` (0 is the first) as C wants them; good until that chunk is taken or dropped.
    @unsafe public func rawBytes(at index: Int) -> UnsafeRawBufferPointer {
        guard index >= 0, index < chunks else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe ring[slot(index)].rawBytes
    }

    /// Another chunk on the bytes of chunk `index` (0 is the first); nil when there is none.
    public func share(at index: Int) -> Chunk? {
        guard index >= 0, index < chunks else { return nil }
        return unsafe ring[slot(index)].share()
    }

    /// The chunk itself, or a copy in the gathering slab when it is small for the slab it holds.
    private mutating func gathering(_ chunk: consuming Chunk) -> Chunk {
        let pool = unsafe chunk.slab.pointee.pool
        let slabSize = unsafe pool._withUnsafeGuaranteedRef { $0.slabSize }
        guard chunk.count < slabSize / 4 else { return chunk }
        if unsafe gather == nil || slabSize - gathered < chunk.count {
            if let full = unsafe gather { unsafe full.release() }
            unsafe gather = pool._withUnsafeGuaranteedRef { unsafe $0.obtain() }
            gathered = 0
        }
        guard let slab = unsafe gather, let source = unsafe chunk.rawBytes.baseAddress else { return chunk }
        let place = unsafe slab.bytes + gathered
        unsafe place.copyMemory(from: source, byteCount: chunk.count)
        gathered += chunk.count
        unsafe slab.retain()
        return unsafe Chunk(adopting: slab, start: place, count: chunk.count)
    }

    private func slot(_ index: Int) -> Int { (first + index) & (capacity - 1) }

    private mutating func grow() {
        let size = max(4, capacity * 2)
        let larger = UnsafeMutablePointer<Chunk>.allocate(capacity: size)
        for index in 0..<chunks { unsafe (larger + index).moveInitialize(from: ring + self.slot(index), count: 1) }
        if let old = unsafe storage { unsafe old.deallocate() }
        unsafe storage = larger
        capacity = size
        first = 0
    }
}
