import Bytes

/// The bytes that bodies are made of, prepared once per worker and handed out by reference.
final class OriginBodies {
    private let pattern: Chunk
    private let noise: Chunk
    private let pool: BufferPool

    init(_ pool: BufferPool) {
        self.pool = pool
        let lines = Array("The quick brown fox jumps over the lazy dog.\n".utf8)
        var text: [UInt8] = []
        while text.count < pool.slabSize { text += lines }
        pattern = Chunk(copying: text.span, pool: pool)
        var generator = SystemRandomNumberGenerator()
        let random = (0..<pool.slabSize).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        noise = Chunk(copying: random.span, pool: pool)
    }

    /// At most `count` bytes, shared.
    func take(_ count: UInt64, random: Bool) -> Chunk {
        var chunk = random ? noise.share() : pattern.share()
        if count >= UInt64(chunk.count) { return chunk }
        return chunk.split(Int(count))
    }

    /// Text as a chunk; at most a slab of it.
    func chunk(_ text: [UInt8]) -> Chunk { Chunk(copying: text.span, pool: pool) }
}
