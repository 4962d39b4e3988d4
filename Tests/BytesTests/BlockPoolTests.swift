import Bytes
import Glibc
import Testing

@Suite("Small blocks for libraries") struct BlockPoolTests {
    /// As a library calls them.
    private struct Caller {
        let pool = BlockPool()

        func take(_ size: Int) -> UnsafeMutableRawPointer? { unsafe BlockPool.allocate(size, pool.context) }
        func give(_ block: UnsafeMutableRawPointer?) { unsafe BlockPool.release(block, pool.context) }
    }

    @Test(arguments: [0, 1, 31, 32, 33, 511, 512])
    func blocksAreUsedAgain(size: Int) throws {
        let caller = Caller()
        let first = try unsafe #require(caller.take(size))
        unsafe memset(first, 0xff, size)
        #expect(UInt(bitPattern: first) % 16 == 0)
        let second = unsafe caller.take(size)
        #expect(unsafe second != first)
        unsafe caller.give(first)
        #expect(unsafe caller.take(size) == first)
        unsafe caller.give(first)
        unsafe caller.give(second)
    }

    @Test func zeroedBlocksAreZero() throws {
        let caller = Caller()
        let used = try unsafe #require(caller.take(96))
        unsafe memset(used, 0xff, 96)
        unsafe caller.give(used)
        let zeroed = try unsafe #require(BlockPool.allocateZeroed(3, 32, caller.pool.context))
        #expect(unsafe zeroed == used)
        let isZero = unsafe UnsafeRawBufferPointer(start: zeroed, count: 96).allSatisfy { $0 == 0 }
        #expect(isZero)
        unsafe caller.give(zeroed)
        #expect(unsafe BlockPool.allocateZeroed(.max, 2, caller.pool.context) == nil)
        #expect(unsafe caller.take(.max) == nil)
    }

    @Test func contentMovesWithASizeThatGrows() throws {
        let caller = Caller()
        var block = try unsafe #require(BlockPool.reallocate(nil, 1, caller.pool.context))
        unsafe block.storeBytes(of: 0xa5, as: UInt8.self)
        for size in [20, 32, 33, 500, 512, 513, 5_000, 100_000, 10] {
            unsafe block = try #require(BlockPool.reallocate(block, size, caller.pool.context))
            #expect(unsafe block.load(as: UInt8.self) == 0xa5)
            if size > 1 {
                unsafe memset(block + 1, 0x5a, size - 1)
                #expect(unsafe block.load(fromByteOffset: size - 1, as: UInt8.self) == 0x5a)
            }
        }
        unsafe caller.give(block)
    }

    /// Blocks of many sizes that are in use at a time do not touch each other; the seed is the test's name for a failure.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func blocksKeepToThemselves(seed: UInt64) throws {
        let caller = Caller()
        var random = seed
        var held: [(block: UnsafeMutableRawPointer, size: Int, mark: UInt8)] = unsafe []
        for _ in 0..<5_000 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let dice = Int(random >> 33)
            if unsafe dice % 2 == 0 || held.isEmpty {
                let size = dice % 700
                let mark = UInt8(truncatingIfNeeded: dice >> 8)
                let block = try unsafe #require(caller.take(size))
                unsafe memset(block, Int32(mark), size)
                unsafe held.append((block, size, mark))
            } else {
                let one = unsafe held.remove(at: dice % held.count)
                let isWhole = unsafe UnsafeRawBufferPointer(start: one.block, count: one.size).allSatisfy {
                    unsafe $0 == one.mark
                }
                #expect(isWhole)
                unsafe caller.give(one.block)
            }
        }
        for index in unsafe held.indices { unsafe caller.give(held[index].block) }
    }
}
