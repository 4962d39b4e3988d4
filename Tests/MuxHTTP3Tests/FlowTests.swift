import Bytes
import Messages
import MuxHTTP3
import QUICTransport
import Streams
import TestSupport
import Testing

/// Puts a pattern into a half, as much as it has room for at a time.
struct PatternSource {
    let total: Int
    private(set) var put = 0

    init(_ total: Int) { self.total = total }

    mutating func fill(_ half: Half, _ pool: BufferPool) {
        while put < total {
            let count = min(half.room, total - put, 16_384)
            guard count > 0 else { return }
            half.putPattern(count, from: put, pool)
            put += count
        }
        if half.phase == .body { half.end() }
    }
}

@Suite("Flow control and memory") struct FlowTests {
    @Test("A large answer through small and large windows", arguments: [16 << 10, 256 << 10])
    func download(_ window: Int) async throws {
        var quic = QUICSettings()
        quic.localBidirectionalWindow = UInt64(window)
        quic.connectionWindow = UInt64(window) * 2
        quic.maxStreamWindow = 0
        quic.maxConnectionWindow = 0
        var settings = HTTP3Settings()
        settings.streamReceiveWindow = window
        let simulation = try await Simulation(client: settings, quic: quic)
        try simulation.connect()
        let record = try simulation.request()
        let served = try simulation.serverRecord()
        try served.respond(length: .known(1_000_000), ends: false)
        var source = PatternSource(1_000_000)
        var taken = 0
        try simulation.run(seconds: 600) {
            if let half = served.exchange?.response { source.fill(half, simulation.server.resources.buffers) }
            guard let half = record.exchange?.response else { return false }
            taken += try #require(half.takePattern(from: taken))
            return half.isDrained || (half.phase == .ended && half.count == 0)
        }
        #expect(taken == 1_000_000)
        record.exchange?.frontFinished()
        try simulation.run { served.isOver }
        #expect(served.loggedFailure == nil)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A slow reader of an answer keeps memory flat at both ends") func slowReader() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request()
        let served = try simulation.serverRecord()
        try served.respond(length: .unknown, ends: false)
        var source = PatternSource(1_500_000)
        var taken = 0
        simulation.tick = 1_000_000
        try simulation.run(seconds: 600) {
            if let half = served.exchange?.response { source.fill(half, simulation.server.resources.buffers) }
            guard let half = record.exchange?.response else { return false }
            // About 8 MB a second.
            taken += try #require(half.takePattern(from: taken, upTo: 8_000))
            // The window is the most that can wait here.
            #expect(half.count <= 256 << 10)
            return half.phase == .ended && half.count == 0
        }
        #expect(taken == 1_500_000)
        // The half's 64 KiB, the send buffer's 256 KiB, in slabs half full; the window's 256 KiB.
        #expect(simulation.server.peakSlabs <= 24)
        #expect(simulation.client.peakSlabs <= 14)
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A reader that stops holds the writer up, and nothing is lost") func stoppedReader() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request()
        let served = try simulation.serverRecord()
        try served.respond(length: .unknown, ends: false)
        var source = PatternSource(1_000_000)
        simulation.tick = 10_000_000
        let start = simulation.network.now
        var taken = 0
        try simulation.run(seconds: 600) {
            if let half = served.exchange?.response { source.fill(half, simulation.server.resources.buffers) }
            guard let half = record.exchange?.response,
                simulation.network.now.milliseconds(since: start) > 5_000
            else { return false }
            if taken == 0 {
                // Window, send buffer and half are full; the rest was not even asked for.
                #expect(half.count <= 256 << 10)
                #expect(source.put < 700_000)
            }
            taken += try #require(half.takePattern(from: taken))
            return half.phase == .ended && half.count == 0
        }
        #expect(taken == 1_000_000)
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Uploads on many streams with slow servers; the connection's window does not run dry") func uploads()
        async throws
    {
        var quic = QUICSettings()
        quic.remoteBidirectionalWindow = 32 << 10
        quic.connectionWindow = 128 << 10
        quic.maxStreamWindow = 0
        quic.maxConnectionWindow = 0
        var settings = HTTP3Settings()
        settings.streamReceiveWindow = 32 << 10
        let simulation = try await Simulation(server: settings, quic: quic)
        try simulation.connect()
        let count = 20
        let size = 200_000
        let records = try (0..<count).map { _ in try simulation.request("POST", length: .unknown, ends: false) }
        var sources = [PatternSource](repeating: PatternSource(size), count: count)
        var taken = [Int](repeating: 0, count: count)
        simulation.tick = 1_000_000
        try simulation.run(seconds: 600) {
            for index in 0..<count {
                if let half = records[index].exchange?.request {
                    sources[index].fill(half, simulation.client.resources.buffers)
                }
            }
            var done = simulation.server.records.count == count
            for (index, served) in simulation.server.records.enumerated() {
                guard let half = served.exchange?.request else { continue }
                // Each server takes at its own pace, some now and then only.
                let pace = index % 3 == 0 ? 1_000 : 20_000
                taken[index] += try #require(half.takePattern(from: taken[index], upTo: pace))
                if half.phase < .ended || half.count > 0 { done = false }
            }
            let waiting = simulation.server.records.reduce(0) { $0 + ($1.exchange?.request.count ?? 0) }
            #expect(waiting <= 128 << 10)
            return done
        }
        #expect(taken == [Int](repeating: size, count: count))
        // The connection's window, plus what fragments of slabs cost.
        #expect(simulation.server.peakSlabs <= 60)
        for served in simulation.server.records { try served.respond(204) }
        try simulation.run { records.allSatisfy(\.isAnswered) }
        for record in records { record.exchange?.frontFinished() }
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Pieces of one byte do not hold a slab each") func smallPieces() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request("POST", length: .unknown, ends: false)
        var put = 0
        let pool = simulation.client.resources.buffers
        simulation.tick = 500_000
        try simulation.run {
            if put < 2_000, let half = record.exchange?.request {
                half.putPattern(1, from: put, pool)
                put += 1
                if put == 2_000 { half.end() }
            }
            return simulation.server.records.first?.exchange?.request.phase == .ended
        }
        let served = simulation.server.records[0]
        let taken = try #require(served.exchange?.request.takePattern(from: 0))
        #expect(taken == 2_000)
        #expect(simulation.server.peakSlabs <= 4)
        #expect(simulation.client.peakSlabs <= 8)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Loss, reordering and duplicates change nothing", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func loss(_ seed: UInt64) async throws {
        let link = Link(delay: 5_000_000, jitter: 1_000_000, loss: 5, duplication: 2)
        let simulation = try await Simulation(seed: seed, link: link)
        try simulation.connect()
        let count = 30
        let size = 40_000
        let records = try (0..<count).map {
            try simulation.request("POST", "/\($0)", fields: [("x-tag", "stream \($0)")], length: .unknown, ends: false)
        }
        var uploads = [PatternSource](repeating: PatternSource(size), count: count)
        var downloads: [PatternSource] = []
        var received: [Int] = []
        var taken = [Int](repeating: 0, count: count)
        try simulation.run(seconds: 300) {
            for (index, record) in records.enumerated() {
                guard let exchange = record.exchange else { continue }
                uploads[index].fill(exchange.request, simulation.client.resources.buffers)
                taken[index] += try #require(exchange.response.takePattern(from: taken[index]))
            }
            while downloads.count < simulation.server.records.count {
                try simulation.server.records[downloads.count].respond(
                    fields: [("x-tag", "answer")], length: .unknown, ends: false)
                downloads.append(PatternSource(size))
                received.append(0)
            }
            for (index, served) in simulation.server.records.enumerated() {
                guard let exchange = served.exchange else { continue }
                received[index] += try #require(exchange.request.takePattern(from: received[index]))
                // The answer ends after the request, so that nothing is an early response.
                if exchange.request.phase == .ended {
                    downloads[index].fill(exchange.response, simulation.server.resources.buffers)
                }
            }
            return records.allSatisfy { $0.isAnswered } && taken.allSatisfy { $0 == size }
        }
        #expect(received == [Int](repeating: size, count: count))
        #expect(simulation.server.records.allSatisfy { $0.loggedFailure == nil })
        for record in records { record.exchange?.frontFinished() }
        try simulation.run { simulation.hasForgottenStreams }
        let used = simulation.close()
        #expect(used == 0)
    }
}
