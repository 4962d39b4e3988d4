import Bytes
import QUICTransport
import TestSupport
import Testing

@Suite("QUIC on bad links")
struct LossTests {
    /// What one run came to: must be the same for the same seed.
    struct Outcome: Equatable {
        var isRight: Bool
        var closeReason: QUICClose.Reason?
    }

    func run(seed: UInt64, link: Link, size: Int, settings: QUICSettings = QUICSettings()) throws -> Outcome {
        let simulation = Simulation(seed: seed, link: link, settings: settings)
        let transfer = try Transfer(simulation, size: size)
        let isRight = transfer.run(seconds: 300)
        return Outcome(isRight: isRight, closeReason: transfer.client.close?.reason)
    }

    var patient: QUICSettings {
        var settings = QUICSettings()
        settings.handshakeTimeout = nil
        settings.idleTimeout = 120_000_000_000
        return settings
    }

    @Test("Ten percent loss", arguments: 0..<60)
    func loss(_ seed: Int) throws {
        let outcome = try run(seed: UInt64(seed), link: Link(loss: 10), size: 60_000, settings: patient)
        #expect(outcome == Outcome(isRight: true), "seed \(seed)")
    }

    @Test("Reordering", arguments: 100..<150)
    func reorder(_ seed: Int) throws {
        let outcome = try run(seed: UInt64(seed), link: Link(jitter: 30_000_000), size: 60_000, settings: patient)
        #expect(outcome == Outcome(isRight: true), "seed \(seed)")
    }

    @Test("Duplication", arguments: 200..<240)
    func duplication(_ seed: Int) throws {
        let outcome = try run(seed: UInt64(seed), link: Link(duplication: 30), size: 60_000, settings: patient)
        #expect(outcome == Outcome(isRight: true), "seed \(seed)")
    }

    @Test("Everything at once", arguments: 300..<360)
    func everything(_ seed: Int) throws {
        let link = Link(delay: 20_000_000, jitter: 15_000_000, loss: 15, duplication: 10)
        let outcome = try run(seed: UInt64(seed), link: link, size: 30_000, settings: patient)
        #expect(outcome == Outcome(isRight: true), "seed \(seed)")
    }

    @Test("The same seed comes to the same end", arguments: [1, 2, 3])
    func repeatable(_ seed: Int) throws {
        let link = Link(jitter: 10_000_000, loss: 20)
        let first = try run(seed: UInt64(seed), link: link, size: 20_000, settings: patient)
        let second = try run(seed: UInt64(seed), link: link, size: 20_000, settings: patient)
        #expect(first == second)
        #expect(first.isRight)
    }

    @Test("A megabyte each way over a slow, lossy link")
    func megabyte() throws {
        let link = Link(delay: 15_000_000, jitter: 1_000_000, loss: 1, rate: 2_000_000)
        #expect(try run(seed: 9, link: link, size: 1_000_000, settings: patient).isRight)
    }

    @Test("Sending is paced: a short queue at the bottleneck loses little")
    func pacing() throws {
        let link = Link(delay: 20_000_000, rate: 1_250_000, queue: 20_000_000)
        let simulation = Simulation(seed: 10, link: link)
        let transfer = try Transfer(simulation, size: 1_000_000)
        let start = simulation.network.now
        #expect(transfer.run())
        // 1 MB up and down at 1.25 MB/s takes 1.6 s at best.
        let milliseconds = simulation.network.now.milliseconds(since: start)
        #expect(milliseconds > 1600 && milliseconds < 4000, "\(milliseconds) ms")
        #expect(simulation.network.lost * 10 < simulation.network.delivered, "\(simulation.network.lost) lost")
    }

    @Test("Without pacing what the window allows leaves at once; with it, bit by bit")
    func unpaced() throws {
        func bursts(paces: Bool) throws -> Int {
            var settings = QUICSettings()
            settings.paces = paces
            let simulation = Simulation(seed: 14, link: Link(delay: 50_000_000), settings: settings)
            let network = simulation.network
            var times: Set<Instant> = []
            network.tap = { [unowned network] datagram, from, _ in
                if datagram.count > 1000, from == Simulation.serverAddress { times.insert(network.now) }
            }
            #expect(try Transfer(simulation, size: 500_000).run())
            return times.count
        }
        let (paced, unpaced) = (try bursts(paces: true), try bursts(paces: false))
        #expect(unpaced > 0 && paced > unpaced, "\(paced) and \(unpaced) bursts")
    }

    @Test("Congestion marks are answered before anything is lost")
    func ecn() throws {
        var link = Link(delay: 20_000_000, rate: 1_250_000, queue: 60_000_000)
        link.marksECN = true
        let simulation = Simulation(seed: 11, link: link)
        let transfer = try Transfer(simulation, size: 1_000_000)
        #expect(transfer.run())
        #expect(simulation.network.marked > 0)
        // Marked, and the sender slowed down: the slow start threshold is set without one packet lost for want of room.
        #expect(transfer.client.connection.statistics.slowStartThreshold < .max)
    }

    @Test("Datagrams grow to the path's MTU and not beyond", arguments: [1250, 1400, 1500])
    func pathMTU(_ mtu: Int) throws {
        let simulation = Simulation(seed: 12, link: Link(mtu: mtu), settings: patient)
        let transfer = try Transfer(simulation, size: 400_000)
        #expect(transfer.run())
        simulation.run(seconds: 5)
        let size = transfer.client.connection.statistics.datagramSize
        #expect(size <= mtu && size > min(mtu, 1452) - 100, "datagrams of \(size) bytes")
    }

    @Test("A large answer leaves in long runs of equal datagrams; probes of the path's MTU go alone")
    func segmentation() throws {
        let simulation = Simulation(seed: 13, link: Link(delay: 100_000))
        let transfer = try Transfer(simulation, size: 1_000_000)
        #expect(transfer.run())
        let runs = simulation.server.runs
        let datagrams = runs.reduce(0) { $0 + $1.count }
        #expect(datagrams > 690)
        #expect(runs.filter { $0.count > 1 }.reduce(0) { $0 + $1.count } * 10 > datagrams * 8)
        #expect(runs.contains { $0.count >= 30 })
        // A datagram larger than those that are known to arrive stands alone.
        let firstLarge = try #require(runs.firstIndex { $0[0] > 1200 })
        #expect(runs[firstLarge].count == 1)
    }
}
