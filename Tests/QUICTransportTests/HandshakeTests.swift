import QUICTransport
import Testing

@Suite("QUIC handshake and streams")
struct HandshakeTests {
    @Test("Both sides complete the handshake and know the protocol")
    func handshake() throws {
        let simulation = Simulation(seed: 1)
        let client = try simulation.connect()
        #expect(simulation.run { client.isComplete && simulation.server.application?.isComplete == true })
        #expect(client.alpn == Array("test".utf8))
        #expect(simulation.server.application?.alpn == Array("test".utf8))
        #expect(client.connection.phase == .established)
        #expect(client.connection.version == QUICSettings.Version.v1)
    }

    @Test("A megabyte goes each way")
    func megabyte() throws {
        let simulation = Simulation(seed: 2)
        simulation.server.onAccept = { $0.echoes = true }
        let client = try simulation.connect()
        let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        client.onReady = { $0.send(body, on: try! $0.connection.openBidirectionalStream()) }
        #expect(simulation.run { client.incoming[0]?.isComplete == true })
        #expect(client.incoming[0]?.bytes == body)
    }
}
