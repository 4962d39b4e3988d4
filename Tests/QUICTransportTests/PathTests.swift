import Bytes
import QUICTransport
import TLSTransport
import TestSupport
import Testing

@Suite("QUIC paths, keys and versions")
struct PathTests {
    static let elsewhere = SocketAddress(ipv4: 203, 0, 113, 5, port: 61_000)

    func transferring(_ simulation: Simulation, size: Int = 600_000) throws -> Transfer {
        let transfer = try Transfer(simulation, size: size)
        #expect(simulation.run(seconds: 5) { transfer.client.isComplete })
        simulation.run(seconds: 0.2)
        return transfer
    }

    @Test("A NAT that changes the client's address in the middle does no harm")
    func rebinding() throws {
        let simulation = Simulation(seed: 1, link: Link(rate: 2_000_000))
        let transfer = try transferring(simulation)
        simulation.network.translation[Simulation.clientAddress] = Self.elsewhere
        #expect(transfer.run())
        #expect(simulation.server.application?.connection.path?.remote == Self.elsewhere)
    }

    @Test("A client moves to another address")
    func migration() throws {
        let simulation = Simulation(seed: 2, link: Link(rate: 2_000_000))
        let transfer = try transferring(simulation)
        simulation.client.address = Self.elsewhere
        try transfer.client.connection.migrate(
            to: QUICPath(local: Self.elsewhere, remote: Simulation.serverAddress), now: simulation.network.now)
        #expect(transfer.run())
        #expect(simulation.server.application?.connection.path?.remote == Self.elsewhere)
        #expect(transfer.client.connection.path?.local == Self.elsewhere)
    }

    @Test("A server does not migrate by itself")
    func serverMigration() throws {
        let simulation = Simulation(seed: 3)
        let transfer = try transferring(simulation, size: 1000)
        let server = try #require(simulation.server.application)
        #expect(throws: QUICError(.invalidArgument, place: "migrate")) {
            try server.connection.migrate(
                to: QUICPath(local: Self.elsewhere, remote: Simulation.clientAddress), now: simulation.network.now)
        }
        #expect(transfer.run())
    }

    @Test(
        "Keys change in the middle, from either side, with each cipher suite", arguments: [true, false],
        QUICCipherSuite.allCases)
    func keyUpdate(byClient: Bool, suite: QUICCipherSuite) throws {
        let simulation = Simulation(
            seed: 4, link: Link(rate: 300_000), clientTLS: TestTLS.client(cipherSuites: [suite]))
        let transfer = try transferring(simulation)
        let server = try #require(simulation.server.application)
        let one = byClient ? transfer.client.connection : server.connection
        try one.initiateKeyUpdate(now: simulation.network.now)
        // The next one has to wait until this one is confirmed.
        #expect(throws: QUICError(.invalidState, place: "update keys", cause: -206)) {
            try one.initiateKeyUpdate(now: simulation.network.now)
        }
        simulation.run(seconds: 1.5)
        try one.initiateKeyUpdate(now: simulation.network.now)
        #expect(transfer.run())
    }

    @Test("Keys do not change before the handshake is complete")
    func earlyKeyUpdate() throws {
        let simulation = Simulation(seed: 15)
        let client = try simulation.connect()
        let early = QUICError(.invalidState, place: "update keys")
        #expect(throws: early) { try client.connection.initiateKeyUpdate(now: simulation.network.now) }
        // The client is through, but not confirmed; the server still waits for its last flight.
        #expect(simulation.run(seconds: 5) { client.isComplete })
        #expect(throws: early) { try client.connection.initiateKeyUpdate(now: simulation.network.now) }
        let server = try #require(simulation.server.application)
        #expect(!server.isComplete)
        #expect(throws: early) { try server.connection.initiateKeyUpdate(now: simulation.network.now) }
        #expect(simulation.run(seconds: 5) { server.isComplete })
        try server.connection.initiateKeyUpdate(now: simulation.network.now)
    }

    @Test("A version that the server does not speak is answered with those it speaks")
    func versionNegotiation() throws {
        let simulation = Simulation(seed: 5)
        let client = try simulation.connect(version: 0x1a2a_3a4a)
        #expect(simulation.run(seconds: 5) { client.close != nil })
        #expect(client.close?.reason == .versionNegotiation)
        #expect(client.connection.offeredVersions.contains(QUICSettings.Version.v1))
        // One of them is reserved, to keep clients honest.
        #expect(client.connection.offeredVersions.contains { $0 & 0x0f0f_0f0f == 0x0a0a_0a0a })
        #expect(simulation.server.routes == ["answered"])
        #expect(simulation.server.endpoint.connectionIDCount == 0)
        let again = try simulation.client.connect(to: Simulation.serverAddress, originalVersion: 0x1a2a_3a4a)
        #expect(simulation.run(seconds: 5) { again.isComplete })
    }

    @Test("An unknown version can not be begun with")
    func unknownVersion() throws {
        let simulation = Simulation(seed: 7)
        #expect(throws: QUICError(.invalidArgument, place: "connect with version")) {
            try simulation.connect(version: 0x709a_50c4)
        }
    }

    @Test("Retry makes the client prove its address first")
    func retry() throws {
        let simulation = Simulation(seed: 8)
        simulation.server.demandsRetry = true
        let transfer = try Transfer(simulation, size: 5000)
        #expect(transfer.run())
        #expect(simulation.server.routes == ["retry", "accept retry"])
    }

    @Test("The token of a Retry does not hold for another address, nor for long")
    func retryToken() throws {
        for isLate in [true, false] {
            let simulation = Simulation(seed: 9)
            simulation.server.demandsRetry = true
            let client = try simulation.connect()
            simulation.run(seconds: 0.015)
            // The Retry packet is on its way back.
            if isLate {
                simulation.network.link.delay = 11_000_000_000
            } else {
                simulation.network.translation[Simulation.clientAddress] = Self.elsewhere
            }
            simulation.run(seconds: 13) { simulation.server.routes.count > 1 }
            #expect(simulation.server.routes.first == "retry")
            #expect(simulation.server.routes.dropFirst().first == "refusal", "late: \(isLate)")
            if !isLate {
                simulation.run(seconds: 1)
                #expect(client.close?.reason == .transport && client.close?.code == 0x0b)
            }
        }
    }

    @Test("A token from one connection validates the address in the next")
    func newToken() throws {
        let simulation = Simulation(seed: 10)
        let first = try simulation.connect()
        #expect(simulation.run { first.isComplete && simulation.server.application?.isComplete == true })
        let server = try #require(simulation.server.application)
        try simulation.server.endpoint.sendToken(on: server.connection, wall: simulation.network.now.nanoseconds)
        #expect(simulation.run(seconds: 1) { !first.connection.receivedToken.isEmpty })
        let token = first.connection.receivedToken
        let second = try simulation.client.connect(to: Simulation.serverAddress, token: token)
        #expect(simulation.run(seconds: 1) { second.isComplete })
        #expect(simulation.server.routes == ["accept none", "accept earlierConnection"])
        // Rubbish proves nothing, and does no harm.
        let third = try simulation.client.connect(to: Simulation.serverAddress, token: [1, 2, 3])
        #expect(simulation.run(seconds: 1) { third.isComplete })
        #expect(simulation.server.routes.last == "accept none")
    }

    @Test(
        "A token of an earlier process holds in the next one when both have the same cluster-secret",
        arguments: [
            ("s3cret", "accept earlierConnection"), ("another", "accept none"),
        ])
    func tokenAfterRestart(secret: String, route: String) throws {
        let simulation = Simulation(seed: 12)
        simulation.restartServer(key: QUICServiceKey(clusterSecret: Array("s3cret".utf8)))
        let first = try simulation.connect()
        #expect(simulation.run { first.isComplete && simulation.server.application?.isComplete == true })
        let server = try #require(simulation.server.application)
        try simulation.server.endpoint.sendToken(on: server.connection, wall: simulation.network.now.nanoseconds)
        #expect(simulation.run(seconds: 1) { !first.connection.receivedToken.isEmpty })
        simulation.restartServer(key: QUICServiceKey(clusterSecret: Array(secret.utf8)))
        let second = try simulation.client.connect(
            to: Simulation.serverAddress, token: first.connection.receivedToken)
        #expect(simulation.run(seconds: 5) { second.isComplete })
        #expect(simulation.server.routes.last { $0.hasPrefix("accept") } == route)
    }

    @Test("The log tells the connection's story as JSON, and its end")
    func qlog() throws {
        let simulation = Simulation(seed: 11)
        let sink = CollectedLog()
        let client = try simulation.client.connect(to: Simulation.serverAddress, qlog: sink)
        #expect(simulation.run { client.isComplete })
        client.connection.close(applicationError: 0)
        simulation.run(seconds: 5)
        let log = sink.string
        #expect(log.contains("packet_sent") && log.contains("\"handshake\""))
        #expect(sink.ends == 1)
    }
}
