import Bytes
import Testing

@Suite("Gather buffer") struct GatherBufferTests {
    private func copies(_ text: String, _ buffer: inout GatherBuffer, into queue: inout ChunkQueue) {
        let bytes = Array(text.utf8)
        var offset = 0
        while offset < bytes.count {
            let chunk = buffer.copy(bytes.span.extracting(offset..<bytes.count))
            offset += chunk.count
            queue.append(chunk)
        }
    }

    private func text(_ queue: inout ChunkQueue) -> String {
        var copy: [UInt8] = []
        while let chunk = queue.takeFirst() {
            let bytes = chunk.bytes
            for index in bytes.indices { copy.append(bytes[index]) }
        }
        return String(decoding: copy, as: UTF8.self)
    }

    @Test("Pieces of many streams share a slab; pieces that follow each other join") func sharesOneSlab() {
        let pool = BufferPool(slabSize: 1024)
        do {
            var buffer = GatherBuffer(pool: pool)
            var one = ChunkQueue()
            var other = ChunkQueue()
            for number in 0..<20 {
                copies("a\(number)", &buffer, into: &one)
                copies("b\(number)", &buffer, into: &one)
                copies("c\(number)", &buffer, into: &other)
            }
            #expect(pool.used == 1)
            // "a" follows "c" of the other queue, "b" follows "a": one chunk for each round.
            let chunks = one.chunks
            #expect(chunks == 20)
            let first = text(&one)
            let second = text(&other)
            #expect(first == (0..<20).map { "a\($0)b\($0)" }.joined())
            #expect(second == (0..<20).map { "c\($0)" }.joined())
        }
        #expect(pool.used == 0)
    }

    @Test("A piece larger than the room left goes on in the next slab") func spillsOver() {
        let pool = BufferPool(slabSize: 1024)
        do {
            var buffer = GatherBuffer(pool: pool)
            var queue = ChunkQueue()
            let long = String(repeating: "0123456789", count: 250)
            copies(long, &buffer, into: &queue)
            #expect(pool.used == 3)
            let got = text(&queue)
            #expect(got == long)
        }
        #expect(pool.used == 0)
    }

    @Test("A slab without chunks is written again from its start, or given back") func rewinds() {
        let pool = BufferPool(slabSize: 1024)
        var buffer = GatherBuffer(pool: pool)
        for _ in 0..<100 {
            var queue = ChunkQueue()
            copies(String(repeating: "x", count: 700), &buffer, into: &queue)
            #expect(pool.used == 1)
            buffer.releaseWhenIdle()
            #expect(pool.used == 1)
        }
        #expect(pool.spare == 0)
        buffer.releaseWhenIdle()
        #expect(pool.used == 0)
    }
}
