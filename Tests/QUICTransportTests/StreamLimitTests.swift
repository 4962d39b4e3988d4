import Testing

@testable import QUICTransport

/// When the peer is told that it may open more streams.
@Suite("Stream limits") struct StreamLimitTests {
    @Test func oneAfterTheOtherComesInHalves() {
        var limit = StreamLimit(100)
        var frames: [Int] = []
        for _ in 0..<200 {
            limit.opened()
            if case let due = limit.takeDue(), due > 0 { frames.append(due) }
            limit.closed()
            if case let due = limit.takeDue(), due > 0 { frames.append(due) }
        }
        #expect(frames == [49, 49, 49, 49])
    }

    @Test func longOnesHoldNobodyUp() {
        var limit = StreamLimit(100)
        // 40 that came and went are not given back before they are wanted.
        for _ in 0..<40 {
            limit.opened()
            limit.closed()
        }
        #expect(limit.takeDue() == 0)
        var due = 0
        for _ in 0..<60 {
            limit.opened()
            due += limit.takeDue()
        }
        #expect(due == 40, "all that are closed, before the last one is used up")
        for _ in 0..<40 { limit.opened() }
        // All 100 are open: each that closes makes room at once.
        for _ in 0..<10 {
            limit.closed()
            #expect(limit.takeDue() == 1)
            limit.opened()
        }
    }

    @Test(arguments: [1, 2, 3]) func smallLimitsGoOn(initial: UInt64) {
        var limit = StreamLimit(initial)
        var left = Int(initial)
        for _ in 0..<20 {
            #expect(left > 0)
            limit.opened()
            left -= 1
            limit.closed()
            left += limit.takeDue()
        }
    }
}
