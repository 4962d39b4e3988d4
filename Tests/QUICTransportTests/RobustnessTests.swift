import Bytes
import QUICTransport
import TLSTransport
import TestSupport
import Testing

@Suite("QUIC under attack", .serialized)
struct RobustnessTests {
    /// Damages a datagram in one of many ways.
    static func damage(_ source: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = source
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
            for _ in 0...Int.random(in: 0...3, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        case 1: bytes = Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)))
        case 2:
            bytes += (0..<Int.random(in: 1...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
            }
        case 3:
            // The header: lengths of connection IDs, of the token, of the packet.
            let index = Int.random(in: 0..<min(40, bytes.count), using: &random)
            bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 4: bytes = (0..<bytes.count).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 5: bytes += source
        default:
            let from = Int.random(in: 0..<bytes.count, using: &random)
            let to = Int.random(in: from..<bytes.count, using: &random)
            bytes.removeSubrange(from..<to)
        }
        return bytes
    }

    @Test("Ten thousand damaged datagrams change nothing", arguments: [1, 2, 3, 4])
    func mutations(_ seed: Int) throws {
        let simulation = Simulation(seed: UInt64(seed), link: Link(loss: 2))
        var random = SplitMix64(state: UInt64(seed) &* 77)
        var injected = 0
        let network = simulation.network
        network.tap = { [unowned network] datagram, from, to in
            for _ in 0..<Int.random(in: 1...10, using: &random) where injected < 2500 {
                network.inject(Self.damage(datagram, &random), from: from, to: to)
                injected += 1
            }
        }
        var settings = QUICSettings()
        settings.idleTimeout = 60_000_000_000
        simulation.client.settings = settings
        simulation.server.settings = settings
        let transfer = try Transfer(simulation, size: 400_000)
        #expect(transfer.run(), "seed \(seed)")
        #expect(injected == 2500)
        #expect(transfer.client.close == nil, "seed \(seed)")
    }

    @Test("A first packet that can not be read leaves nothing behind, whatever part of it is damaged")
    func damagedFirstPacket() throws {
        let simulation = Simulation(seed: 20)
        _ = try simulation.connect()
        var first: [UInt8] = []
        simulation.network.tap = { datagram, _, _ in if first.isEmpty { first = datagram } }
        simulation.client.flush()
        #expect(first.count >= 1200)
        // Version, IDs, token and length come first: 70 bytes hold them all, and some of what is encrypted.
        for index in 0..<70 {
            for mask: UInt8 in [0x01, 0x10, 0x40, 0x80, 0xff] {
                let server = Simulation(seed: 21)
                var damaged = first
                damaged[index] ^= mask
                for bytes in [damaged, damaged, first] {
                    server.network.inject(bytes, from: Simulation.clientAddress, to: Simulation.serverAddress)
                    server.run(seconds: 0.001)
                }
                let accepted = server.server.routes.filter { $0 == "accept none" }.count
                #expect(accepted > 0 && server.server.connections.count == 1, "byte \(index) ^ \(mask)")
                server.server.application?.connection.abandon()
                server.run(seconds: 0.001)
                #expect(server.server.endpoint.connectionIDCount == 0, "byte \(index) ^ \(mask)")
            }
        }
    }

    @Test("Random bytes from anywhere are dropped or answered, never believed")
    func noise() throws {
        let simulation = Simulation(seed: 5)
        let client = try simulation.connect()
        #expect(simulation.run { client.isComplete })
        var random = SplitMix64(state: 99)
        let stranger = SocketAddress(ipv4: 203, 0, 113, 77, port: 1234)
        for _ in 0..<3000 {
            let count = Int.random(in: 1...1500, using: &random)
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            simulation.network.inject(noise, from: stranger, to: Simulation.serverAddress)
            simulation.run(seconds: 0.0001)
        }
        simulation.run(seconds: 1)
        #expect(simulation.server.routes.filter { $0.hasPrefix("accept") } == ["accept none"])
        #expect(client.close == nil)
    }

    /// Lets a bare client and our server talk for a second.
    func run(_ simulation: Simulation, _ peer: RawPeer, seconds: Double = 1) {
        let network = simulation.network
        let end = network.now.advanced(nanoseconds: UInt64(seconds * 1e9))
        while network.now < end {
            peer.flush()
            simulation.server.flush()
            simulation.client.flush()
            let next = min(
                network.nextArrival, peer.deadline, simulation.server.deadline, simulation.client.deadline, end)
            network.now = max(network.now.advanced(nanoseconds: 1000), next)
            for datagram in network.arrivals() {
                if datagram.to == peer.address {
                    peer.receive(datagram.bytes)
                } else if datagram.to == simulation.server.address {
                    simulation.server.receive(datagram)
                } else {
                    simulation.client.receive(datagram)
                }
            }
            peer.handleExpiry()
            simulation.server.handleExpiry()
            simulation.client.handleExpiry()
        }
    }

    func rawClient(_ simulation: Simulation, sendsParameters: Bool) throws -> RawPeer {
        RawPeer(
            simulation.network, tls: try simulation.client.tls.makeClientSession(serverName: "quic.test"),
            address: SocketAddress(ipv4: 192, 0, 2, 99, port: 5555), other: Simulation.serverAddress, isServer: false,
            sendsParameters: sendsParameters)
    }

    @Test("A client made of the bare library connects, with each cipher suite", arguments: QUICCipherSuite.allCases)
    func bareClient(_ suite: QUICCipherSuite) throws {
        let simulation = Simulation(seed: 6, clientTLS: TestTLS.client(cipherSuites: [suite]))
        let peer = try rawClient(simulation, sendsParameters: true)
        run(simulation, peer)
        #expect(simulation.server.application?.isComplete == true)
        #expect(simulation.server.application?.connection.tls?.cipherSuite == suite.rawValue)
        peer.send(Array("hello".utf8))
        run(simulation, peer)
        #expect(simulation.server.application?.incoming[0]?.bytes == Array("hello".utf8))
    }

    @Test("A client without transport parameters is refused with missing_extension")
    func clientWithoutParameters() throws {
        let simulation = Simulation(seed: 7)
        let peer = try rawClient(simulation, sendsParameters: false)
        run(simulation, peer)
        let close = try #require(simulation.server.anyApplication?.close)
        #expect(close.reason == .tlsAlert && close.initiator == .local && close.alert == 109)
        #expect(peer.closeCode == UInt64(0x100 + 109))
    }

    @Test("A server without transport parameters is refused with missing_extension")
    func serverWithoutParameters() throws {
        let simulation = Simulation(seed: 8)
        var first: [UInt8]?
        simulation.network.tap = { datagram, _, _ in first = first ?? datagram }
        let client = try simulation.connect()
        simulation.client.flush()
        let peer = RawPeer(
            simulation.network, tls: try simulation.server.tls.makeServerSession(), address: Simulation.serverAddress,
            other: Simulation.clientAddress, isServer: true, sendsParameters: false, initial: try #require(first))
        run(simulation, peer)
        #expect(client.close?.reason == .tlsAlert && client.close?.initiator == .local && client.close?.alert == 109)
    }

    @Test("Nonsense under valid keys ends the connection, and only that")
    func validNonsense() throws {
        var reasons: [QUICClose.Reason: Int] = [:]
        for seed in 0..<150 {
            let simulation = Simulation(seed: UInt64(seed))
            simulation.server.onAccept = { $0.echoes = true }
            unsafe RawPeer.random = SplitMix64(state: UInt64(seed))
            // Every third client already spoils its handshake.
            unsafe RawPeer.spoilOneIn = seed.isMultiple(of: 3) ? 1 : 0
            let peer = try rawClient(simulation, sendsParameters: true)
            run(simulation, peer, seconds: 0.2)
            unsafe RawPeer.spoilOneIn = UInt64(1 + seed % 3)
            for index in 0..<8 {
                peer.send([UInt8](repeating: UInt8(index), count: 10 + index * 100))
                run(simulation, peer, seconds: 0.1)
            }
            unsafe RawPeer.spoilOneIn = 0
            if let close = simulation.server.anyApplication?.close { reasons[close.reason, default: 0] += 1 }
            // The server still serves others.
            let client = try simulation.connect()
            #expect(simulation.run(seconds: 10) { client.isComplete }, "seed \(seed)")
        }
        // The nonsense was understood as such, in the handshake and after it.
        #expect(reasons[.transport, default: 0] > 30, "\(reasons)")
        #expect(reasons.values.reduce(0, +) > 60, "\(reasons)")
    }
}
