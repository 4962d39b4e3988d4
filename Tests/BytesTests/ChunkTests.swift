import Bytes
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func text(_ span: Span<UInt8>) -> String {
    var copy: [UInt8] = []
    for index in span.indices { copy.append(span[index]) }
    return String(decoding: copy, as: UTF8.self)
}

@Suite("Chunks, queues and buffers") struct ChunkTests {
    @Test("The last chunk on a slab gives it back") func slabsGoHome() {
        let pool = BufferPool(slabSize: 1024)
        do {
            var chunk = Chunk(copying: bytes("hello world").span, pool: pool)
            let head = chunk.split(5)
            let other = head.share()
            #expect(pool.used == 1)
            let parts = [text(head.bytes), text(other.bytes), text(chunk.bytes)]
            #expect(parts == ["hello", "hello", " world"])
        }
        #expect(pool.used == 0)
        #expect(pool.spare == 1)
    }

    @Test("A queue hands out what went in, across growth, splits and joins") func queueKeepsOrder() {
        let pool = BufferPool(slabSize: 1024)
        var queue = ChunkQueue()
        var expected = ""
        for number in 0..<50 {
            let part = "part \(number);"
            expected += part
            queue.append(Chunk(copying: bytes(part).span, pool: pool))
        }
        let count = queue.count
        #expect(count == expected.utf8.count)
        var got = ""
        while let chunk = queue.takeFirst(upTo: 7) { got += text(chunk.bytes) }
        #expect(got == expected)
        #expect(pool.used == 0)
    }

    @Test("Body chunks leave the input buffer without holding back the rest") func inputSharesItsSlab() {
        let pool = BufferPool(slabSize: 1024)
        do {
            var input = InputBuffer(pool: pool)
            let first = input.append(bytes("head|body").span)
            #expect(first == 9)
            input.consume(5)
            let body = input.take(4)
            let emptied = input.isEmpty
            let second = input.append(bytes("next").span)
            let (shared, left) = (text(body.bytes), text(input.bytes))
            #expect(emptied)
            #expect(second == 4)
            #expect(shared == "body")
            #expect(left == "next")
            #expect(pool.used == 1)
            input.consume(4)
            input.releaseWhenIdle()
            #expect(pool.used == 1)
        }
        #expect(pool.used == 0)
    }

    @Test("A full slab moves what is left to its start or to a fresh slab") func inputMakesRoom() {
        let pool = BufferPool(slabSize: 1024)
        var input = InputBuffer(pool: pool)
        _ = input.append([UInt8](repeating: 1, count: 1020).span)
        let held = input.take(1000)
        let taken = input.append([UInt8](repeating: 2, count: 100).span)
        let (count, before, after) = (input.count, input.bytes[19], input.bytes[20])
        let last = held.bytes[999]
        #expect(taken == 100)
        #expect(count == 120)
        #expect(before == 1)
        #expect(after == 2)
        #expect(last == 1)
        #expect(pool.used == 2)
    }

    @Test("Small output is gathered, large output is queued by reference") func outputGathers() {
        let pool = BufferPool(slabSize: 1024)
        var output = OutputQueue(pool: pool)
        output.append("HTTP/1.1 200 OK\r\n")
        output.append(bytes("a: b\r\n\r\n").span)
        output.append(Chunk(copying: [UInt8](repeating: 65, count: 600).span, pool: pool))
        output.append("end")
        let count = output.count
        let first = output.withFirst { text($0) }
        #expect(count == 17 + 8 + 600 + 3)
        #expect(first == "HTTP/1.1 200 OK\r\na: b\r\n\r\n")
        output.consume(25 + 600)
        let last = output.withFirst { text($0) }
        #expect(last == "end")
        output.consume(3)
        #expect(pool.used == 0)
    }

    @Test("A parser shares pieces of a read before it consumes the whole") func inputIsSharedInPieces() {
        let pool = BufferPool(slabSize: 1024)
        do {
            var input = InputBuffer(pool: pool)
            _ = input.append(bytes("skip|head|body").span)
            input.consume(5)
            let piece = input.share(from: 5, 4)
            let beyond = input.share(from: 100, 4)
            input.consume(input.count)
            let (shared, nothing) = (text(piece.bytes), beyond.count)
            #expect(shared == "body")
            #expect(nothing == 0)
            input.releaseWhenIdle()
            #expect(pool.used == 1)
        }
        #expect(pool.used == 0)
    }

    @Test("A gathering queue does not let small chunks hold many slabs") func smallChunksAreGathered() {
        let pool = BufferPool(slabSize: 1024)
        var plain = ChunkQueue()
        var queue = ChunkQueue(gathers: true)
        for number in 0..<500 {
            let byte = [UInt8(number & 0xff)]
            plain.append(Chunk(copying: byte.span, pool: pool))
            queue.append(Chunk(copying: byte.span, pool: pool))
        }
        let used = pool.used
        #expect(used == 500 + 4 + 1)
        plain.removeAll()
        #expect(pool.used == 5)
        var place = 0
        while let chunk = queue.takeFirst(upTo: 3) {
            for index in chunk.bytes.indices {
                let byte = chunk.bytes[index]
                #expect(byte == UInt8(place & 0xff))
                place += 1
            }
        }
        #expect(place == 500)
        #expect(pool.used == 0)
    }
}
