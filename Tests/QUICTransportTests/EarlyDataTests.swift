import Bytes
import QUICTransport
import TLSTransport
import TestSupport
import Testing

@Suite("QUIC early data")
struct EarlyDataTests {
    func simulation(seed: UInt64, replayGuard: ReplayGuard? = ReplayGuard()) -> Simulation {
        Simulation(
            seed: seed, clientTLS: TestTLS.client(offersEarlyData: true),
            serverTLS: TestTLS.server(replayGuard: replayGuard))
    }

    /// Connects once, and gives what a second connection needs.
    func remembered(_ simulation: Simulation) throws -> (ticket: [UInt8], early: QUICEarlyData) {
        let first = try simulation.connect()
        #expect(simulation.run { first.isComplete })
        simulation.run(seconds: 1)
        let ticket = try #require(first.connection.tls?.resumptionData())
        let early = try #require(first.connection.earlyDataForNextConnection)
        #expect(early.alpn == Array("test".utf8))
        first.connection.close(applicationError: 0)
        simulation.run(seconds: 5)
        return (ticket, early)
    }

    func again(_ simulation: Simulation, _ remembered: (ticket: [UInt8], early: QUICEarlyData)) throws
        -> TestApplication
    {
        let session = try simulation.client.tls.makeClientSession(
            serverName: "quic.test", resuming: remembered.ticket)
        let client = try simulation.client.connect(to: Simulation.serverAddress, session: session)
        client.connection.offer(remembered.early)
        client.onReady = { $0.send(Array("early".utf8), on: try! $0.connection.openBidirectionalStream()) }
        return client
    }

    @Test("A request in the first flight reaches the server after half a round trip, marked as early")
    func accepted() throws {
        let simulation = simulation(seed: 1)
        let remembered = try remembered(simulation)
        simulation.server.onAccept = { $0.echoes = true }
        let client = try again(simulation, remembered)
        let start = simulation.network.now
        #expect(simulation.run(seconds: 1) { simulation.server.application?.incoming[0]?.isComplete == true })
        #expect(simulation.network.now.nanoseconds(since: start) <= 11_000_000)
        let server = try #require(simulation.server.application)
        #expect(server.sawEarlyData && server.connection.isEarlyData)
        #expect(simulation.run(seconds: 1) { client.incoming[0]?.isComplete == true })
        #expect(client.incoming[0]?.bytes == Array("early".utf8))
        // The answer is there after one round trip.
        #expect(simulation.network.now.nanoseconds(since: start) <= 21_000_000)
        #expect(!client.wasRejected)
        #expect(client.connection.tls?.isEarlyDataAccepted == true)
        #expect(simulation.run(seconds: 1) { server.isComplete })
        #expect(!server.connection.isEarlyData)
    }

    @Test("A server that refuses early data gets the request again after the handshake")
    func rejected() throws {
        // A guard without room admits nobody.
        let simulation = simulation(seed: 2, replayGuard: ReplayGuard(capacity: 0))
        let remembered = try remembered(simulation)
        simulation.server.onAccept = { $0.echoes = true }
        let client = try again(simulation, remembered)
        #expect(simulation.run(seconds: 2) { client.incoming[0]?.isComplete == true })
        #expect(client.wasRejected)
        #expect(client.incoming[0]?.bytes == Array("early".utf8))
        #expect(client.connection.tls?.isResumed == true)
        #expect(simulation.server.application?.sawEarlyData == false)
    }

    @Test("A server without early data gets the request after the handshake")
    func notTaken() throws {
        let simulation = simulation(seed: 4, replayGuard: nil)
        let remembered = try remembered(simulation)
        simulation.server.onAccept = { $0.echoes = true }
        let client = try again(simulation, remembered)
        #expect(simulation.run(seconds: 2) { client.incoming[0]?.isComplete == true })
        #expect(client.connection.tls?.isResumed == true)
        #expect(simulation.server.application?.sawEarlyData == false)
    }

    @Test("A replayed first flight is not taken a second time")
    func replayed() throws {
        let simulation = simulation(seed: 3)
        let remembered = try remembered(simulation)
        var flight: [[UInt8]] = []
        simulation.network.tap = { datagram, from, _ in
            if from == Simulation.clientAddress { flight.append(datagram) }
        }
        let client = try again(simulation, remembered)
        simulation.client.flush()
        let recorded = flight
        simulation.network.tap = nil
        #expect(simulation.run(seconds: 1) { client.isComplete })
        #expect(simulation.server.application?.sawEarlyData == true)
        // Another server with the same keys and the same guard, as another worker would be.
        simulation.restartServer()
        let attacker = SocketAddress(ipv4: 203, 0, 113, 66, port: 6666)
        for datagram in recorded {
            simulation.network.inject(datagram, from: attacker, to: Simulation.serverAddress)
        }
        simulation.run(seconds: 0.1)
        let victim = try #require(simulation.server.application)
        #expect(!victim.sawEarlyData && victim.incoming.isEmpty)
    }
}
