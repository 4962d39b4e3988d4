import Bytes
import QUICTransport
import TestSupport
import Testing

/// Peers whose packets are in order, and do nothing but make work (RFC 9000 section 21.9).
extension RobustnessTests {
    /// A bare client whose handshake is done.
    private func flooder(_ simulation: Simulation) throws -> RawPeer {
        let peer = try rawClient(simulation, sendsParameters: true)
        run(simulation, peer)
        #expect(simulation.server.application?.isComplete == true)
        return peer
    }

    /// Sends packets of these frames, one each millisecond, until the connection ends; how many left.
    private func flood(_ simulation: Simulation, _ peer: RawPeer, count: Int, _ frames: (Int) -> [UInt8]) -> Int {
        var sent = 0
        for index in 0..<count where peer.closeCode == nil && peer.failure == 0 {
            sent += peer.send(frames: frames(index)) ? 1 : 0
            run(simulation, peer, seconds: 0.001)
        }
        run(simulation, peer, seconds: 0.2)
        return sent
    }

    @Test("PINGs and frames without a byte cost an acknowledgement at most, and no memory")
    func pings() throws {
        let simulation = Simulation(seed: 42)
        let peer = try flooder(simulation)
        let server = try #require(simulation.server.application)
        let before = server.connection.counters
        // PING; a STREAM frame without data on the stream that is open, at its start.
        #expect(flood(simulation, peer, count: 3000) { $0 % 2 == 0 ? [0x01] : [0x0a, 0x00, 0x00] } == 3000)
        #expect(peer.closeCode == nil && server.close == nil)
        let received = server.connection.counters.datagramsReceived - before.datagramsReceived
        #expect(received >= 3000)
        #expect(server.connection.counters.datagramsSent - before.datagramsSent <= received + 50)
    }

    @Test("CRYPTO data far beyond what was read is not kept")
    func cryptoGap() throws {
        let simulation = Simulation(seed: 43)
        let peer = try flooder(simulation)
        // 100,000 bytes ahead: CRYPTO_BUFFER_EXCEEDED.
        _ = flood(simulation, peer, count: 2) { _ in [0x06, 0x80, 0x01, 0x86, 0xa0, 0x01, 0x2a] }
        #expect(peer.closeCode == 0x0d)
    }

    @Test("PATH_CHALLENGEs are answered one by one, and no more than a few wait")
    func challenges() throws {
        let simulation = Simulation(seed: 45)
        let peer = try flooder(simulation)
        let server = try #require(simulation.server.application)
        let before = server.connection.counters
        let sent = flood(simulation, peer, count: 1000) {
            [0x1a, 0, 1, 2, 3, 4, 5] + [UInt8($0 >> 8), UInt8($0 & 0xff)]
        }
        #expect(sent == 1000)
        let after = server.connection.counters
        #expect(after.datagramsSent - before.datagramsSent <= after.datagramsReceived - before.datagramsReceived + 50)
        #expect(server.close == nil)
    }

    @Test("A client whose address never rests is read from few of its addresses, and goes on when it rests")
    func addresses() throws {
        let simulation = Simulation(seed: 46, link: Link(rate: 1_000_000))
        let transfer = try Transfer(simulation, size: 3_000_000)
        #expect(simulation.run(seconds: 5) { transfer.client.isComplete })
        simulation.run(seconds: 0.2)
        let server = try #require(simulation.server.application).connection
        for port in 0..<400 as Range<UInt16> {
            let address = SocketAddress(ipv4: 203, 0, 113, 5, port: 20_000 + port)
            simulation.server.formerAddresses[address] = Simulation.clientAddress
            simulation.network.translation[Simulation.clientAddress] = address
            simulation.run(seconds: 0.004)
        }
        #expect(server.counters.datagramsFromRefusedPaths > 0)
        #expect(server.closeReason == nil)
        // After some time of rest it has a permit again.
        #expect(transfer.run())
    }
}
