import Bytes
import Testing

/// Blocks of an arena, as a library would have them, each with what was written into it.
private struct Blocks {
    let arena: ConnectionArena
    private(set) var held: [(address: UInt, content: [UInt8])] = []

    init(_ arena: ConnectionArena) { self.arena = arena }

    private static func pointer(_ address: UInt) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: address)
    }

    mutating func add(_ size: Int, filled: Int, with byte: UInt8) {
        guard let start = unsafe ConnectionArena.allocate(size, arena.context) else { return }
        let content = (0..<size).map { $0 < filled ? byte &+ UInt8(truncatingIfNeeded: $0) : 0 }
        unsafe start.copyMemory(from: content, byteCount: size)
        held.append((UInt(bitPattern: start), content))
    }

    mutating func drop(_ index: Int) {
        unsafe ConnectionArena.release(Self.pointer(held[index].address), arena.context)
        held.swapAt(index, held.count - 1)
        held.removeLast()
    }

    /// False when what was in the block did not come with it.
    mutating func resize(_ index: Int, to size: Int) -> Bool {
        let old = held[index]
        guard let start = unsafe ConnectionArena.reallocate(Self.pointer(old.address), size, arena.context) else {
            return false
        }
        let kept = min(size, old.content.count)
        let isKept = unsafe UnsafeRawBufferPointer(start: start, count: kept).elementsEqual(old.content.prefix(kept))
        let content = Array(old.content.prefix(kept)) + [UInt8](repeating: 0, count: size - kept)
        unsafe start.copyMemory(from: content, byteCount: size)
        held[index] = (UInt(bitPattern: start), content)
        return isKept
    }

    /// Whether every block has what was written into it.
    var isWhole: Bool {
        held.allSatisfy { block in
            unsafe UnsafeRawBufferPointer(start: Self.pointer(block.address), count: block.content.count)
                .elementsEqual(block.content)
        }
    }

    mutating func dropAll() { while !held.isEmpty { drop(0) } }
}

@Suite("Memory of idle connections") struct ConnectionArenaTests {
    private let pool = ArenaPool(arenaSize: 128 * 1024)

    @Test("What is packed takes little, and comes back as it was") func packs() throws {
        let arena = try #require(pool.obtain())
        var blocks = Blocks(arena)
        // As ngtcp2 does: blocks of 8 kB whose beginnings are in use.
        for number in 0..<10 { blocks.add(8200, filled: 300, with: UInt8(number)) }
        #expect(arena.pack())
        #expect(arena.isPacked)
        #expect(arena.packedSize > 3000)
        #expect(arena.packedSize < 8000)
        #expect(!arena.pack())
        arena.unpack()
        #expect(!arena.isPacked)
        #expect(arena.packedSize == 0)
        #expect(blocks.isWhole)
        blocks.dropAll()
    }

    @Test("An arena that is full of content stays as it is") func doesNotPackMuch() throws {
        let arena = try #require(pool.obtain())
        var blocks = Blocks(arena)
        for number in 0..<10 { blocks.add(8200, filled: 8200, with: UInt8(number)) }
        #expect(!arena.pack())
        #expect(!arena.isPacked)
        #expect(blocks.isWhole)
        // What was in blocks that are free now is not kept.
        for _ in 0..<9 { blocks.drop(0) }
        #expect(arena.pack())
        #expect(arena.packedSize < 10_000)
        arena.unpack()
        #expect(blocks.isWhole)
        blocks.dropAll()
    }

    @Test("An empty arena has nothing to pack") func doesNotPackNothing() throws {
        let arena = try #require(pool.obtain())
        #expect(!arena.pack())
    }

    @Test("Blocks are taken, given back and resized in any order", arguments: UInt64(1)...6)
    func anyOrder(_ seed: UInt64) throws {
        var state = seed &* 0x9e37_79b9_7f4a_7c15
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let arena = try #require(pool.obtain())
        var blocks = Blocks(arena)
        let sizes = [16, 300, 999, 1000, 1024, 4096, 8216, 16_394, 60_000, 140_000]
        for _ in 0..<400 {
            let count = blocks.held.count
            switch random(6) {
            case 0 where count > 0: blocks.drop(random(count))
            case 1 where count > 0:
                let isKept = blocks.resize(random(count), to: sizes[random(sizes.count)])
                #expect(isKept)
            case 2:
                if arena.pack() { arena.unpack() }
            default:
                if count < 20 { blocks.add(sizes[random(sizes.count)], filled: random(400), with: UInt8(random(256))) }
            }
            // Each look compares up to some hundred kilobytes, byte by byte.
            if random(40) == 0 { #expect(blocks.isWhole) }
        }
        #expect(blocks.isWhole)
        blocks.dropAll()
    }

    @Test("Zeroed blocks are zero, also where another one stood; sizes that overflow are refused") func zeroed() throws
    {
        let arena = try #require(pool.obtain())
        var blocks = Blocks(arena)
        blocks.add(5000, filled: 5000, with: 9)
        blocks.dropAll()
        for size in [100, 5000] {
            let block = unsafe ConnectionArena.allocateZeroed(size, 1, arena.context)
            let isZero = unsafe block != nil && UnsafeRawBufferPointer(start: block, count: size).allSatisfy { $0 == 0 }
            #expect(isZero)
            unsafe ConnectionArena.release(block, arena.context)
        }
        let refused = unsafe ConnectionArena.allocateZeroed(.max, 3, arena.context) == nil
        #expect(refused)
    }

    @Test("Arenas come back to their pool, and more of them than a region has do no harm") func reuse() throws {
        for _ in 0..<3 {
            var arenas: [ConnectionArena] = []
            for number in 0..<100 {
                let arena = try #require(pool.obtain())
                var blocks = Blocks(arena)
                blocks.add(8200, filled: 100, with: UInt8(number))
                #expect(number % 2 == 0 || arena.pack())
                arenas.append(arena)
            }
            #expect(pool.used == 100)
            arenas = []
            #expect(pool.used == 0)
        }
    }
}
