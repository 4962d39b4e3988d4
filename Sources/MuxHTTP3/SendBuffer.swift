public import Bytes
public import QUICTransport

/// What one QUIC stream sends: bytes that wait, and bytes in packets that the peer has not acknowledged. All are held
/// by reference; QUIC reads them in place.
public struct SendBuffer: ~Copyable {
    /// Bytes that are in no packet yet.
    public private(set) var unsent = ChunkQueue()
    /// Bytes on their way.
    public private(set) var unacknowledged = ChunkQueue()

    public init() {}

    /// Bytes that the buffer holds.
    public var count: Int { unsent.count + unacknowledged.count }
    public var isEmpty: Bool { unsent.isEmpty && unacknowledged.isEmpty }

    public mutating func append(_ chunk: consuming Chunk) { unsent.append(chunk) }

    /// Appends a chunk of a body by reference; a small one is copied behind what stands before it instead of holding its
    /// slab.
    public mutating func append(body chunk: consuming Chunk, _ gather: inout GatherBuffer) {
        if chunk.count <= 256 {
            append(copying: chunk.bytes, &gather)
        } else {
            unsent.append(chunk)
        }
    }

    /// Appends a copy of `bytes`.
    public mutating func append(copying bytes: Span<UInt8>, _ gather: inout GatherBuffer) {
        var offset = 0
        while offset < bytes.count {
            let chunk = gather.copy(bytes.extracting(offset..<bytes.count))
            offset += chunk.count
            unsent.append(chunk)
        }
    }

    /// Appends one integer.
    mutating func append(varint value: UInt64, _ gather: inout GatherBuffer) {
        unsent.append(unsafe gather.write(minimum: 8) { room in unsafe Varint.write(value, to: room, at: 0) })
    }

    /// Appends the header of a frame whose payload has `length` bytes (RFC 9114 section 7.1).
    public mutating func appendFrameHeader(_ type: UInt64, length: UInt64, _ gather: inout GatherBuffer) {
        unsent.append(
            unsafe gather.write(minimum: 16) { room in
                let offset = unsafe Varint.write(type, to: room, at: 0)
                return unsafe Varint.write(length, to: room, at: offset)
            })
    }

    /// Names the first bytes that wait. Returns how many entries are set, and whether they name all that waits.
    @inline(__always)
    public func describe(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> (count: Int, isAll: Bool) {
        let chunks = min(unsent.chunks, vectors.count)
        for index in 0..<chunks {
            let piece = unsafe unsent.rawBytes(at: index)
            let base = unsafe UnsafeMutableRawPointer(mutating: piece.baseAddress)
            unsafe vectors[index] = unsafe QUICVector(
                base: base?.assumingMemoryBound(to: UInt8.self), count: piece.count)
        }
        return (chunks, chunks == unsent.chunks)
    }

    /// The first `length` bytes that wait are in packets now.
    @inline(__always) public mutating func sent(_ length: Int) {
        var left = length
        while left > 0, let chunk = unsent.takeFirst(upTo: left) {
            left -= chunk.count
            unacknowledged.append(chunk)
        }
    }

    /// The first `length` bytes on their way have arrived.
    @inline(__always) public mutating func acknowledged(_ length: UInt64) {
        unacknowledged.removeFirst(Int(clamping: length))
    }

    /// Drops everything: QUIC needs none of it any more.
    public mutating func removeAll() {
        unsent.removeAll()
        unacknowledged.removeAll()
    }

    /// Drops what is in no packet yet.
    public mutating func removeUnsent() { unsent.removeAll() }
}
