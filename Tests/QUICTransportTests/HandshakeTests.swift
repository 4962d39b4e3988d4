import Bytes
import QUICTransport
import TLSTransport
import TestSupport
import Testing

@Suite("QUIC handshake")
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
        #expect(client.connection.role == .client)
        #expect(simulation.server.application?.connection.role == .server)
        // One round trip for the handshake, and the server is not asked to do it twice.
        #expect(simulation.server.routes == ["accept none"])
    }

    @Test("A server may send before the client is complete")
    func halfRoundTripData() throws {
        let simulation = Simulation(seed: 2)
        simulation.server.onAccept = { application in
            application.onReady = { application in
                application.send(Array("settings".utf8), on: try! application.connection.openUnidirectionalStream())
            }
        }
        let client = try simulation.connect()
        #expect(simulation.run { client.isComplete })
        // The server's stream came with its first flight: no further round trip was needed.
        #expect(simulation.network.now <= Instant(nanoseconds: 1_000_000_000 + 21_000_000))
        #expect(simulation.run(seconds: 0.001) { client.incoming[3]?.isComplete == true })
        #expect(client.incoming[3]?.bytes == Array("settings".utf8))
    }

    @Test(
        "Each congestion control algorithm moves data",
        arguments: [
            QUICSettings.CongestionControl.reno, .cubic, .bbr, .bbr2,
        ])
    func congestionControl(_ algorithm: QUICSettings.CongestionControl) throws {
        var settings = QUICSettings()
        settings.congestionControl = algorithm
        let simulation = Simulation(seed: 3, settings: settings)
        let transfer = try Transfer(simulation, size: 200_000)
        #expect(transfer.run())
    }

    @Test("Each cipher suite carries data", arguments: QUICCipherSuite.allCases)
    func cipherSuites(_ suite: QUICCipherSuite) throws {
        let simulation = Simulation(seed: 4, clientTLS: TestTLS.client(cipherSuites: [suite]))
        let transfer = try Transfer(simulation, size: 50_000)
        #expect(transfer.run())
        #expect(transfer.client.connection.tls?.cipherSuite == suite.rawValue)
    }

    @Test("A second connection resumes the TLS session")
    func resumption() throws {
        let simulation = Simulation(seed: 5)
        let first = try simulation.connect()
        #expect(simulation.run { first.isComplete })
        simulation.run(seconds: 1)
        let ticket = try #require(first.connection.tls?.resumptionData())
        let session = try simulation.client.tls.makeClientSession(serverName: "quic.test", resuming: ticket)
        let second = try simulation.client.connect(to: Simulation.serverAddress, session: session)
        #expect(simulation.run { second.isComplete })
        #expect(second.connection.tls?.isResumed == true)
        #expect(first.connection.tls?.isResumed == false)
    }

    @Test("An address is no server name (RFC 6066 section 3): it is not sent", arguments: ["127.0.0.1", "::1"])
    func addressAsName(_ name: String) throws {
        let simulation = Simulation(seed: 7)
        let session = try simulation.client.tls.makeClientSession(serverName: name)
        let client = try simulation.client.connect(to: Simulation.serverAddress, session: session)
        #expect(simulation.run { client.isComplete })
        #expect(simulation.server.application?.connection.tls?.serverName == nil)
    }

    @Test("A client that no server answers gives up after the handshake timeout")
    func handshakeTimeout() throws {
        var settings = QUICSettings()
        settings.handshakeTimeout = 3_000_000_000
        let simulation = Simulation(seed: 6, link: Link(loss: 100), settings: settings)
        let client = try simulation.connect()
        let start = simulation.network.now
        #expect(simulation.run { client.close != nil })
        #expect(client.close?.reason == .handshakeTimeout)
        #expect(client.connection.phase == .closed)
        let elapsed = simulation.network.now.milliseconds(since: start)
        #expect(elapsed >= 3000 && elapsed < 3100)
    }

    @Test("Before the client's address is proved a server sends at most three times what it received")
    func amplificationLimit() throws {
        let simulation = Simulation(seed: 7)
        _ = try simulation.connect()
        simulation.client.flush()
        simulation.run(seconds: 0.011) { !simulation.server.connections.isEmpty }
        // From here on the client is silent.
        simulation.network.link.loss = 100
        simulation.run(seconds: 8)
        let counters = try #require(simulation.server.anyApplication?.connection.counters)
        #expect(counters.bytesReceived >= 1200)
        #expect(counters.bytesSent > 0)
        #expect(counters.bytesSent <= 3 * counters.bytesReceived)
    }

    @Test("A connection's statistics follow the path")
    func statistics() throws {
        let simulation = Simulation(seed: 8, link: Link(delay: 25_000_000))
        let transfer = try Transfer(simulation, size: 500_000)
        #expect(transfer.run())
        let statistics = transfer.client.connection.statistics
        #expect(statistics.smoothedRTT > 49_000_000 && statistics.smoothedRTT < 80_000_000)
        #expect(statistics.minimumRTT >= 50_000_000)
        #expect(statistics.congestionWindow > 12_000)
        #expect(statistics.datagramSize > 1300)
        let counters = transfer.client.connection.counters
        #expect(counters.bytesSent > 500_000)
        #expect(counters.datagramsSent > 300 && counters.datagramsReceived > 300)
    }

    @Test("The first answer takes two round trips, the next ones take one: pacing holds nothing back")
    func latency() throws {
        let simulation = Simulation(seed: 9, link: Link(delay: 500_000))
        let transfer = try Transfer(simulation, size: 1000)
        let start = simulation.network.now
        #expect(transfer.run())
        #expect(simulation.network.now.nanoseconds(since: start) <= 2_100_000)
        for size in [100, 5000, 10_000] {
            let id = try transfer.client.connection.openBidirectionalStream()
            let start = simulation.network.now
            transfer.client.send([UInt8](repeating: 1, count: size), on: id)
            #expect(simulation.run { transfer.client.incoming[id]?.isComplete == true })
            #expect(simulation.network.now.nanoseconds(since: start) <= 1_100_000, "\(size) bytes")
        }
    }
}

/// A request and its echo on one stream.
struct Transfer {
    let simulation: Simulation
    let client: TestApplication
    let body: [UInt8]

    init(_ simulation: Simulation, size: Int) throws {
        self.simulation = simulation
        body = (0..<size).map { UInt8(truncatingIfNeeded: ($0 &* 31) >> 3) }
        simulation.server.onAccept = { $0.echoes = true }
        client = try simulation.connect()
        let body = body
        client.onReady = { $0.send(body, on: try! $0.connection.openBidirectionalStream()) }
    }

    /// Runs until the echo is complete and right.
    func run(seconds: Double = 120) -> Bool {
        simulation.run(seconds: seconds) { client.incoming[0]?.isComplete == true } && client.incoming[0]?.bytes == body
    }
}
