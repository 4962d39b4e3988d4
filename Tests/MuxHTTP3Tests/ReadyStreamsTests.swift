import MuxHTTP3
import Testing

@Suite("Order of sending (RFC 9218)") struct ReadyStreamsTests {
    private func stream(_ id: Int64, urgency: UInt8 = 3, incremental: Bool = false, _ ready: inout ReadyStreams)
        -> ReadyStream
    {
        let stream = ReadyStream()
        stream.id = id
        ready.change(stream, to: StreamPriority(urgency: urgency, isIncremental: incremental))
        return stream
    }

    @Test("The most urgent first, then by stream ID") func urgencyThenID() {
        var ready = ReadyStreams()
        let streams = [
            stream(0, urgency: 7, &ready), stream(4, &ready), stream(8, urgency: 0, &ready), stream(12, &ready),
        ]
        for stream in [streams[3], streams[0], streams[2], streams[1]] { ready.insert(stream) }
        var order: [Int64] = []
        while let first = ready.first {
            order.append(first.id)
            // A stream that is not incremental keeps its place, however much it sends.
            ready.didSend(first, 100_000)
            #expect(ready.first === first)
            ready.remove(first)
        }
        #expect(order == [8, 4, 12, 0])
        #expect(ready.isEmpty)
    }

    @Test("Incremental streams take turns, also with the others of their urgency") func turns() {
        var ready = ReadyStreams()
        let streams = (0..<3).map { stream(Int64($0) * 4, incremental: true, &ready) } + [stream(12, &ready)]
        for stream in streams { ready.insert(stream) }
        var order: [Int64] = []
        for _ in 0..<12 {
            guard let first = ready.first else { break }
            order.append(first.id)
            ready.didSend(first, ReadyStreams.turnLimit / 2)
            #expect(ready.first === first)
            ready.didSend(first, ReadyStreams.turnLimit / 2)
        }
        #expect(order == [12, 0, 12, 4, 12, 8, 12, 0, 12, 4, 12, 8])
        for stream in streams { ready.remove(stream) }
        #expect(ready.first == nil)
    }

    @Test("A stream knows whether others wait, of any urgency and kind") func alone() {
        var ready = ReadyStreams()
        let first = stream(0, &ready)
        ready.insert(first)
        #expect(ready.isAlone(first))
        let others = [
            stream(4, &ready), stream(8, incremental: true, &ready), stream(12, urgency: 7, &ready),
            stream(16, urgency: 0, incremental: true, &ready),
        ]
        for other in others {
            ready.insert(other)
            #expect(!ready.isAlone(first) && !ready.isAlone(other))
            ready.remove(first)
            #expect(ready.isAlone(other))
            ready.insert(first)
            ready.remove(other)
            #expect(ready.isAlone(first))
        }
    }

    @Test("A new priority moves a stream that waits") func changes() {
        var ready = ReadyStreams()
        let slow = stream(0, &ready)
        let fast = stream(4, &ready)
        ready.insert(slow)
        ready.insert(fast)
        #expect(ready.first === slow)
        ready.change(fast, to: StreamPriority(urgency: 1))
        #expect(ready.first === fast)
        ready.change(fast, to: StreamPriority(urgency: 6, isIncremental: true))
        #expect(ready.first === slow)
        ready.remove(slow)
        ready.remove(fast)
        #expect(ready.isEmpty)
    }

    @Test("A random walk agrees with a sorted list") func randomWalk() {
        var ready = ReadyStreams()
        var generator = SeededGenerator(seed: 9218)
        let streams = (0..<40).map {
            stream(Int64($0) * 4, urgency: UInt8.random(in: 0...7, using: &generator), &ready)
        }
        for _ in 0..<2_000 {
            let stream = streams[Int.random(in: 0..<40, using: &generator)]
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: ready.insert(stream)
            case 1: ready.remove(stream)
            default: ready.change(stream, to: StreamPriority(urgency: UInt8.random(in: 0...7, using: &generator)))
            }
            let expected = streams.filter(\.isReady)
                .min { ($0.priority.urgency, $0.id) < ($1.priority.urgency, $1.id) }
            #expect(ready.first === expected)
        }
    }
}

/// Numbers that look random and are the same in each run (an xorshift).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_f491_4f6c_dd1d
    }
}
