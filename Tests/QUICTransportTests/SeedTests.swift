import Bytes
import QUICTransport
import TestSupport
import Testing

/// A thousand connections, each with a link and a mishap of its own, which follow from its seed. What fails names its
/// seed, and `outcome(of:)` with that seed fails again.
@Suite("QUIC through a thousand seeds")
struct SeedTests {
    enum Mishap: CaseIterable {
        case loss, reordering, duplication, rebinding, keyUpdate, idleTimeout
    }

    static let seeds = 1000
    static let seedsPerCase = 50

    @Test("A thousand seeds", .timeLimit(.minutes(2)), arguments: 0..<seeds / seedsPerCase)
    func thousand(_ part: Int) throws {
        for seed in part * Self.seedsPerCase..<(part + 1) * Self.seedsPerCase {
            let result = try outcome(of: UInt64(seed))
            #expect(result == "right", "seed \(seed)")
        }
    }

    @Test("Every mishap has its share, and a seed is its own twin")
    func repeatable() throws {
        for seed in 2000..<2000 + UInt64(Mishap.allCases.count) {
            #expect(try outcome(of: seed) == "right")
            let (first, second) = (try trace(of: seed), try trace(of: seed))
            #expect(first == second, "seed \(seed)")
            #expect(first.delivered > 10)
        }
    }

    /// What went through the network with a seed.
    struct Trace: Equatable {
        var delivered: Int
        var lost: Int
        var bytes: Int
    }

    func trace(of seed: UInt64) throws -> Trace {
        let run = try Run(seed: seed)
        _ = try run.outcome()
        return Trace(
            delivered: run.simulation.network.delivered, lost: run.simulation.network.lost,
            bytes: run.simulation.network.bytes)
    }

    func outcome(of seed: UInt64) throws -> String { try Run(seed: seed).outcome() }
}

/// One seed's connection.
private struct Run {
    let mishap: SeedTests.Mishap
    let simulation: Simulation
    let transfer: Transfer
    private let idleSeconds = 20.0
    /// Who changes the keys.
    private let byClient: Bool
    /// Where a NAT moves the client to.
    private let elsewhere: SocketAddress

    init(seed: UInt64) throws {
        var random = SplitMix64(state: seed &* 0x2545_f491_4f6c_dd1d)
        let all = SeedTests.Mishap.allCases
        mishap = all[Int(seed % UInt64(all.count))]
        var link = Link(delay: .random(in: 1_000_000...60_000_000, using: &random))
        link.mtu = .random(in: 1200...1500, using: &random)
        if Bool.random(using: &random) { link.rate = .random(in: 100_000...2_000_000, using: &random) }
        // Each has a little of everything, and much of its own.
        link.loss = .random(in: 0...(mishap == .loss ? 20 : 4), using: &random)
        link.duplication = .random(in: 0...(mishap == .duplication ? 40 : 4), using: &random)
        link.jitter = .random(in: 0...(mishap == .reordering ? 40_000_000 : 2_000_000), using: &random)
        byClient = Bool.random(using: &random)
        elsewhere = SocketAddress(
            ipv4: 203, 0, 113, .random(in: 1...254, using: &random), port: .random(in: 1024...65_535, using: &random))
        var settings = QUICSettings()
        settings.handshakeTimeout = nil
        settings.idleTimeout = mishap == .idleTimeout ? UInt64(idleSeconds * 1e9) : 120_000_000_000
        simulation = Simulation(seed: seed, link: link, settings: settings)
        transfer = try Transfer(simulation, size: .random(in: 1...30_000, using: &random))
    }

    /// Plays it. "right" when all that was sent came back, and the connection ended when and as it should.
    func outcome() throws -> String {
        guard simulation.run(seconds: 120, until: { transfer.client.isComplete }) else { return "no handshake" }
        guard let server = simulation.server.application else { return "no connection at the server" }
        switch mishap {
        case .rebinding:
            // Before the handshake is complete a connection stays on its path (RFC 9000 section 9).
            guard simulation.run(seconds: 120, until: { server.isComplete }) else {
                return "no handshake at the server"
            }
            simulation.network.translation[Simulation.clientAddress] = elsewhere
        case .keyUpdate:
            // Not before the handshake is confirmed (RFC 9001 section 6).
            let one = byClient ? transfer.client.connection : server.connection
            var isStarted = false
            let isAllowed = simulation.run(seconds: 60) {
                if !isStarted { isStarted = (try? one.initiateKeyUpdate(now: simulation.network.now)) != nil }
                return isStarted
            }
            guard isAllowed else { return "no key update" }
        default: break
        }
        guard transfer.run() else { return "\(mishap): other bytes: \(String(describing: transfer.client.close))" }
        switch mishap {
        case .idleTimeout: return idle(server)
        case .rebinding:
            // The client speaks once more, so that the server hears of the new path, and validates it.
            transfer.client.send([1], on: try transfer.client.connection.openBidirectionalStream())
            let hasMoved = simulation.run(seconds: 60) { server.connection.path?.remote == elsewhere }
            return hasMoved ? "right" : "the server stayed on the old path"
        default: return transfer.client.close == nil && server.close == nil ? "right" : "closed"
        }
    }

    /// Both ends stop in silence when nothing comes for as long as they agreed; what was lost is still sent again and
    /// acknowledged in the first of these seconds.
    private func idle(_ server: TestApplication) -> String {
        simulation.run(seconds: 3)
        let start = simulation.network.now
        let isOver = simulation.run(seconds: idleSeconds + 5) { transfer.client.close != nil && server.close != nil }
        guard isOver else { return "not over after the idle timeout" }
        let wasIdle = transfer.client.close?.reason == .idleTimeout && server.close?.reason == .idleTimeout
        let milliseconds = simulation.network.now.milliseconds(since: start)
        return wasIdle && (16_000...25_000).contains(milliseconds)
            ? "right" : "\(String(describing: server.close)) after \(milliseconds) ms"
    }
}
