import Bytes
import Testing

/// What a connection reads into: usual slabs, and large ones for a peer that brings more than there is room for.
@Suite("Input buffers") struct InputBufferTests {
    /// Fills all the room there is, with bytes that count up from `first`; returns how much that was.
    private static func fillWhole(_ input: inout InputBuffer, from first: Int = 0) -> Int {
        var size = 0
        unsafe input.fill { room in
            size = room.count
            for index in 0..<size { unsafe room[index] = UInt8(truncatingIfNeeded: first + index) }
            return size
        }
        return size
    }

    private static func countsUp(_ input: borrowing InputBuffer, from first: Int) -> Bool {
        let bytes = input.bytes
        for index in bytes.indices where bytes[index] != UInt8(truncatingIfNeeded: first + index) { return false }
        return true
    }

    @Test func fullReadsBringLargeSlabs() {
        let pool = BufferPool(slabSize: 1024)
        do {
            var input = InputBuffer(pool: pool)
            for _ in 0..<8 {
                #expect(Self.fillWhole(&input) == 1024)
                let isFull = input.isFull
                #expect(isFull)
                input.consume(1024)
            }
            #expect(Self.fillWhole(&input) == BufferPool.largeSize)
            let isLarge = input.isLarge
            #expect(isLarge && pool.largeUsed == 1 && pool.used == 0)
            let chunk = input.take(BufferPool.largeSize)
            let size = chunk.count
            #expect(size == BufferPool.largeSize)
            // Short reads, or a reader that falls behind, end it: the next slab is a usual one.
            unsafe input.fill { _ in 10 }
            input.consume(10)
            input.releaseWhenIdle()
            #expect(Self.fillWhole(&input) == 1024)
            #expect(pool.usedBytes == BufferPool.largeSize + 1024)
        }
        #expect(pool.used == 0 && pool.largeUsed == 0 && pool.largeSpare == 2)
        #expect(pool.allocatedBytes == 2 * BufferPool.largeSize + 1024 * pool.spare)
    }

    @Test func bytesLeftInASharedSlabStay() {
        let pool = BufferPool(slabSize: 1024)
        var input = InputBuffer(pool: pool)
        for _ in 0..<8 {
            _ = Self.fillWhole(&input)
            input.consume(1024)
        }
        _ = Self.fillWhole(&input)
        let first = input.take(100_000)
        // More than a usual slab takes is left, the slab is full and shared: it goes on in another large one.
        #expect(Self.fillWhole(&input, from: BufferPool.largeSize) == 100_000)
        let count = input.count
        #expect(count == BufferPool.largeSize && pool.largeUsed == 2)
        let isInOrder = Self.countsUp(input, from: 100_000)
        #expect(isInOrder)
        let (firstSize, left) = (first.count, input.count)
        #expect(firstSize == 100_000 && left == BufferPool.largeSize)
        // A few that are left fit a usual one.
        input.consume(BufferPool.largeSize - 10)
        let rest = input.share(from: 0, 10)
        unsafe input.fill(minimum: 500) { $0.count >= 500 ? 1 : 0 }
        let (sum, restSize) = (input.count, rest.count)
        #expect(sum == 11 && restSize == 10)
    }

    @Test func largeSlabsAreBounded() {
        let pool = BufferPool(slabSize: 1024)
        var chunks = ChunkQueue()
        for number in 0..<80 {
            var input = InputBuffer(pool: pool)
            for _ in 0..<8 {
                _ = Self.fillWhole(&input)
                input.consume(1024)
            }
            #expect(Self.fillWhole(&input) == (number < 64 ? BufferPool.largeSize : 1024))
            chunks.append(input.take(.max))
        }
        #expect(pool.largeUsed == 64)
        chunks.removeAll()
        #expect(pool.largeUsed == 0 && pool.largeSpare == 8)
    }
}
