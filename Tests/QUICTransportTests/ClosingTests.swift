import Bytes
import QUICTransport
import TLSTransport
import TestSupport
import Testing

@Suite("QUIC connection close")
struct ClosingTests {
    func connected(_ simulation: Simulation) throws -> (client: TestApplication, server: TestApplication) {
        let client = try simulation.connect()
        #expect(simulation.run { client.isComplete && simulation.server.application?.isComplete == true })
        return (client, try #require(simulation.server.application))
    }

    @Test("An application error reaches the peer with code and text")
    func applicationError() throws {
        let simulation = Simulation(seed: 1)
        let (client, server) = try connected(simulation)
        client.connection.close(applicationError: 0x100, text: "done")
        simulation.run(seconds: 0.02)
        let atServer = try #require(server.close)
        #expect(atServer.reason == .application && atServer.initiator == .peer)
        #expect(atServer.code == 0x100 && atServer.text == "done")
        let atClient = try #require(client.close)
        #expect(atClient.reason == .application && atClient.initiator == .local && atClient.code == 0x100)
        #expect(client.connection.phase == .closing)
        #expect(server.connection.phase == .draining)
        simulation.run(seconds: 5)
        #expect(client.connection.phase == .closed && server.connection.phase == .closed)
        #expect(client.closeCalls == 1 && server.closeCalls == 1)
        #expect(simulation.server.endpoint.connectionIDCount == 0)
        #expect(simulation.client.endpoint.connectionIDCount == 0)
    }

    @Test("A transport error reaches the peer")
    func transportError() throws {
        let simulation = Simulation(seed: 2)
        let (client, server) = try connected(simulation)
        server.connection.close(transportError: 0x1, text: "")
        simulation.run(seconds: 1)
        #expect(client.close?.reason == .transport && client.close?.initiator == .peer && client.close?.code == 1)
    }

    @Test("Closing from inside an event works")
    func closeInsideEvent() throws {
        let simulation = Simulation(seed: 3)
        simulation.server.onAccept = { application in
            application.onStreamData = { application, _ in
                application.connection.close(applicationError: 0x105, text: "enough")
            }
        }
        let (client, server) = try connected(simulation)
        client.send([UInt8](repeating: 0, count: 20_000), on: try client.connection.openBidirectionalStream())
        simulation.run(seconds: 1)
        #expect(client.close?.code == 0x105)
        #expect(server.close?.initiator == .local)
        // Nothing more was delivered after the close.
        #expect(server.incoming[0]!.bytes.count < 20_000)
    }

    @Test("The TLS alert of a handshake that fails reaches the client: no common protocol")
    func alpnMismatch() throws {
        let simulation = Simulation(seed: 4, clientTLS: TestTLS.client(alpn: "other"))
        let client = try simulation.connect()
        #expect(simulation.run(seconds: 5) { client.close != nil })
        #expect(client.close?.reason == .tlsAlert && client.close?.initiator == .peer)
        #expect(client.close?.alert == 120)
        let atServer = try #require(simulation.server.anyApplication?.close)
        #expect(atServer.reason == .tlsAlert && atServer.initiator == .local && atServer.alert == 120)
    }

    @Test("A client that can not verify the certificate says so")
    func untrusted() throws {
        let simulation = Simulation(seed: 5, clientTLS: TestTLS.client(verifies: true))
        let client = try simulation.connect()
        #expect(simulation.run(seconds: 5) { simulation.server.anyApplication?.close != nil && client.close != nil })
        #expect(client.close?.reason == .tlsAlert && client.close?.initiator == .local)
        #expect(client.close?.text.isEmpty == false)
        #expect(simulation.server.anyApplication?.close?.alert == client.close?.alert)
    }

    @Test("An idle connection ends in silence after the shorter of both timeouts")
    func idleTimeout() throws {
        var settings = QUICSettings()
        settings.idleTimeout = 60_000_000_000
        var clientSettings = settings
        clientSettings.idleTimeout = 5_000_000_000
        let simulation = Simulation(seed: 6, settings: settings, clientSettings: clientSettings)
        let (client, server) = try connected(simulation)
        simulation.run(seconds: 0.5)
        let start = simulation.network.now
        let datagrams = simulation.network.delivered
        #expect(simulation.run(seconds: 30) { client.close != nil && server.close != nil })
        #expect(client.close?.reason == .idleTimeout && server.close?.reason == .idleTimeout)
        #expect(simulation.network.delivered == datagrams)
        #expect(simulation.network.now.milliseconds(since: start) <= 5000)
        #expect(simulation.server.endpoint.connectionIDCount == 0)
    }

    @Test("Keep-alive holds an idle connection")
    func keepAlive() throws {
        var settings = QUICSettings()
        settings.idleTimeout = 5_000_000_000
        var clientSettings = settings
        clientSettings.keepAlive = 2_000_000_000
        let simulation = Simulation(seed: 7, settings: settings, clientSettings: clientSettings)
        let (client, server) = try connected(simulation)
        simulation.run(seconds: 30)
        #expect(client.close == nil && server.close == nil)
    }

    @Test("A closing connection answers ever more rarely")
    func closingAnswers() throws {
        let simulation = Simulation(seed: 8)
        let (client, _) = try connected(simulation)
        // The close packet and all that the server sends is lost, while the client goes on.
        client.send([UInt8](repeating: 0, count: 200), on: try client.connection.openBidirectionalStream(), fin: false)
        simulation.run(seconds: 1)
        let server = try #require(simulation.server.application)
        server.connection.close(applicationError: 1)
        simulation.network.link.loss = 100
        simulation.server.flush()
        simulation.network.link.loss = 0
        #expect(server.connection.phase == .closing)
        let path = QUICPath(local: Simulation.serverAddress, remote: Simulation.clientAddress)
        var batch = DatagramBatch(capacity: 16 << 10, runs: 8)
        var answers: [Int] = []
        for index in 1...20 {
            let garbage = [UInt8](repeating: 0x40, count: 100)
            unsafe garbage.withUnsafeBytes {
                unsafe server.connection.receive($0, path: path, ecn: 0, now: simulation.network.now)
            }
            #expect(server.connection.writeDatagrams(into: &batch, now: simulation.network.now) == .idle)
            if batch.runCount > 0 { answers.append(index) }
            batch.removeAll()
        }
        #expect(answers == [1, 2, 4, 8, 16])
    }

    @Test("A peer that missed the close learns of it when it sends again")
    func lostClose() throws {
        let simulation = Simulation(seed: 14)
        let (client, server) = try connected(simulation)
        simulation.run(seconds: 1)
        server.connection.close(applicationError: 0x102, text: "late")
        simulation.network.link.loss = 100
        simulation.server.flush()
        simulation.network.link.loss = 0
        client.send([1], on: try client.connection.openBidirectionalStream())
        #expect(simulation.run(seconds: 1) { client.close != nil })
        #expect(client.close?.code == 0x102 && client.close?.text == "late")
    }

    @Test("A server that has lost its connections tells clients so by stateless reset")
    func statelessReset() throws {
        let simulation = Simulation(seed: 9)
        let (client, _) = try connected(simulation)
        simulation.run(seconds: 1)
        simulation.restartServer()
        client.send([UInt8](repeating: 0, count: 500), on: try client.connection.openBidirectionalStream())
        #expect(simulation.run(seconds: 2) { client.close != nil })
        #expect(client.close?.reason == .statelessReset && client.close?.initiator == .peer)
        #expect(simulation.server.routes.contains("answered"))
    }

    @Test("A server with another key can not reset a connection")
    func forgedReset() throws {
        let simulation = Simulation(seed: 10)
        let (client, _) = try connected(simulation)
        simulation.run(seconds: 1)
        simulation.restartServer(key: QUICServiceKey(secret: [UInt8](repeating: 8, count: 32))!)
        client.send([UInt8](repeating: 0, count: 500), on: try client.connection.openBidirectionalStream())
        simulation.run(seconds: 2)
        #expect(client.close == nil)
    }

    @Test("An abandoned connection sends nothing and frees its connection IDs at once")
    func abandon() throws {
        let simulation = Simulation(seed: 11)
        let (client, server) = try connected(simulation)
        server.connection.abandon()
        #expect(server.close?.reason == .dropped)
        #expect(server.connection.phase == .closed)
        #expect(simulation.server.endpoint.connectionIDCount == 0)
        #expect(client.close == nil)
    }

    @Test("A dropped connection object leaves no connection ID behind")
    func droppedObject() throws {
        let simulation = Simulation(seed: 12)
        _ = try connected(simulation)
        weak let connection = simulation.server.application?.connection
        #expect(connection != nil)
        simulation.server.forgetAll()
        #expect(connection == nil)
        #expect(simulation.server.endpoint.connectionIDCount == 0)
    }

    @Test("After the end every operation is refused, and nothing happens")
    func afterTheEnd() throws {
        let simulation = Simulation(seed: 13)
        let (client, _) = try connected(simulation)
        client.connection.close(applicationError: 0)
        simulation.run(seconds: 5)
        let connection = client.connection
        #expect(throws: QUICError(.invalidState, place: "open bidirectional stream")) {
            try connection.openBidirectionalStream()
        }
        connection.close(applicationError: 9)
        connection.extendStreamCredit(0, 10)
        connection.extendConnectionCredit(10)
        connection.handleExpiry(now: simulation.network.now)
        #expect(connection.closeReason?.code == 0)
        #expect(connection.statistics.smoothedRTT > 0)
    }
}
