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
            #expect(text(head.bytes) == "hello")
            #expect(text(other.bytes) == "hello")
            #expect(text(chunk.bytes) == " world")
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
        #expect(queue.count == expected.utf8.count)
        var got = ""
        while let chunk = queue.takeFirst(upTo: 7) { got += text(chunk.bytes) }
        #expect(got == expected)
        #expect(pool.used == 0)
    }

    @Test("Body chunks leave the input buffer without holding back the rest") func inputSharesItsSlab() {
        let pool = BufferPool(slabSize: 1024)
        var input = InputBuffer(pool: pool)
        #expect(input.append(bytes("head|body").span) == 9)
        input.consume(5)
        let body = input.take(4)
        #expect(input.isEmpty)
        #expect(input.append(bytes("next").span) == 4)
        #expect(text(body.bytes) == "body")
        #expect(text(input.bytes) == "next")
        #expect(pool.used == 1)
        input.consume(4)
        input.releaseWhenIdle()
        _ = consume body
        #expect(pool.used == 0)
    }

    @Test("A full slab moves what is left to its start or to a fresh slab") func inputMakesRoom() {
        let pool = BufferPool(slabSize: 1024)
        var input = InputBuffer(pool: pool)
        _ = input.append([UInt8](repeating: 1, count: 1020).span)
        let held = input.take(1000)
        #expect(input.append([UInt8](repeating: 2, count: 100).span) == 100)
        #expect(input.count == 120)
        #expect(input.bytes[19] == 1)
        #expect(input.bytes[20] == 2)
        #expect(held.bytes[999] == 1)
        #expect(pool.used == 2)
    }

    @Test("Small output is gathered, large output is queued by reference") func outputGathers() {
        let pool = BufferPool(slabSize: 1024)
        var output = OutputQueue(pool: pool)
        output.append("HTTP/1.1 200 OK\r\n")
        output.append(bytes("a: b\r\n\r\n").span)
        output.append(Chunk(copying: [UInt8](repeating: 65, count: 600).span, pool: pool))
        output.append("end")
        #expect(output.count == 17 + 8 + 600 + 3)
        #expect(output.withFirst { text($0) } == "HTTP/1.1 200 OK\r\na: b\r\n\r\n")
        output.consume(25 + 600)
        #expect(output.withFirst { text($0) } == "end")
        output.consume(3)
        #expect(pool.used == 0)
    }
}
