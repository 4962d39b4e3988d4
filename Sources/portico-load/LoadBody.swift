import Bytes

/// The bytes that request bodies are made of, prepared once per worker and handed out by reference.
final class LoadBody {
    private let pattern: Chunk

    init(_ pool: BufferPool) {
        let line = Array("The quick brown fox jumps over the lazy dog.\n".utf8)
        var text: [UInt8] = []
        while text.count < pool.slabSize { text += line }
        pattern = Chunk(copying: text.span, pool: pool)
    }

    /// At most `count` bytes, shared.
    func take(_ count: UInt64) -> Chunk {
        var chunk = pattern.share()
        if count >= UInt64(chunk.count) { return chunk }
        return chunk.split(Int(count))
    }
}
