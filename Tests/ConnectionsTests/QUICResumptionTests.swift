import Bytes
import Connections
import QUICTransport
import Runtime
import Streams
import TLSTransport
import TestSupport
import Testing

/// What a client remembers of a server, and what comes of it on the next connection.
@Suite("QUIC resumption", .serialized) struct QUICResumptionTests {
    /// Opens a connection and waits until the server has given a ticket and a token.
    private func first(_ client: QUICTestClient, _ server: QUICTestServer, name: String = "localhost") throws {
        let link = try client.open(server.address, name: name)
        try client.host.turn(until: "a token and a ticket") {
            !link.connection.receivedToken.isEmpty && link.connection.tls?.resumptionData() != nil
        }
        // The ticket is taken note of with the datagram that brings it, the connection may go.
        link.stop()
        try client.host.turn(until: "the end") { !link.isOpen }
    }

    @Test("Sessions resume on every worker, and tokens hold there; each token serves once") func workers() async throws
    {
        var settings = QUICTestSettings()
        settings.forcesRetry = true
        let server = try await QUICTestServer(workers: 3, settings, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        try first(client, server)
        var used: Set<UInt8> = []
        for round in 1...12 as ClosedRange<UInt8> {
            let link = try client.open(server.address)
            used.insert(try client.ask(link, [round])[0])
            try client.host.turn(until: "a token") { !link.connection.receivedToken.isEmpty }
        }
        #expect(used.count > 1, "the kernel gave all connections to one worker")
        let counters = server.ask { $0.listener.counters }
        // The first connection alone had to prove its address.
        #expect(counters.reduce(0) { $0 + $1.retries } == 1)
        #expect(counters.reduce(0) { $0 + $1.accepted } == 13)
        #expect(client.connector.counters.handshakes == 13)
        #expect(client.connector.counters.resumed == 12)
        #expect(client.connector.counters.tokensOffered == 12)
    }

    @Test("Without resumption nothing is offered") func off() async throws {
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        client.connector.resumes = false
        try first(client, server)
        _ = try client.open(server.address)
        #expect(client.connector.counters.resumed == 0 && client.connector.counters.tokensOffered == 0)
    }

    @Test("What is known of one name is not offered under another") func names() async throws {
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        try first(client, server)
        _ = try client.open(server.address, name: "other.test")
        #expect(client.connector.counters.resumed == 0)
        _ = try client.open(server.address)
        #expect(client.connector.counters.resumed == 1)
    }

    @Test("A server that has lost its keys makes a full handshake") func forgotten() async throws {
        let descriptors = try DatagramGroup.open(SocketAddress(ipv4: 127, 0, 0, 1, port: 0), count: 2)
        // Two servers share the address; each has keys of its own, and takes what the kernel gives it.
        let copies = descriptors
        let one = try await QUICTestServer(
            workers: 1, certificate: TestCertificates.file(), descriptors: [copies[0]])
        let two = try await QUICTestServer(
            workers: 1, certificate: TestCertificates.file(), descriptors: [copies[1]])
        let client = try QUICTestClient()
        // The kernel chooses by the client's port: the other server's turn comes some time.
        var round: UInt8 = 0
        repeat {
            round += 1
            let link = try client.open(one.address)
            #expect(try client.ask(link, [round]) == [0, round])
            try client.host.turn(until: "a token") { !link.connection.receivedToken.isEmpty }
        } while client.connector.counters.resumed == Int(round) - 1 && round < 100
        let counts = client.connector.counters
        #expect(counts.handshakes == Int(round) && counts.resumed == Int(round) - 2)
        withExtendedLifetime(two) {}
    }

    @Test("What was given in version 2 is for version 2; a server that has lost it is found again in version 1")
    func versions() async throws {
        let (v1, v2) = (QUICSettings.Version.v1, QUICSettings.Version.v2)
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        var settings = QUICTestSettings()
        settings.versions = [v1]
        let other = try await QUICTestServer(workers: 1, settings, certificate: TestCertificates.file())
        let client = try QUICTestClient(versions: [v2, v1])
        let relay = try QUICRelay(to: server.address, on: client.host.loop)
        // The first connection changes to version 2 in the handshake; the others begin with it, and with its ticket.
        for resumed in [0, 1, 2] {
            let link = try client.open(relay.address)
            #expect(link.connection.version == v2)
            #expect(try client.ask(link, [5]) == [0, 5])
            try client.host.turn(until: "a token") { !link.connection.receivedToken.isEmpty }
            link.stop()
            try client.host.turn(until: "the end") { !link.isOpen }
            #expect(client.connector.counters.resumed == resumed)
        }
        #expect(server.ask { $0.listener.counters.tokensAccepted } == [2])
        try relay.rebind(to: other.address)
        let lost = try client.connect(relay.address)
        try client.host.turn(until: "Version Negotiation") { !lost.isOpen }
        #expect(lost.connection.closeReason?.reason == .versionNegotiation)
        #expect(lost.connection.offeredVersions.contains(v1) && !lost.connection.offeredVersions.contains(v2))
        let link = try client.open(relay.address)
        #expect(link.connection.version == v1)
        #expect(try client.ask(link, [6]) == [0, 6])
    }

    // MARK: Early data

    /// Sends `bytes` as soon as the connection takes early data, and returns the answer.
    private func askEarly(_ client: QUICTestClient, _ server: QUICTestServer, _ bytes: [UInt8]) throws -> [UInt8]? {
        let link = try client.connect(server.address, early: true)
        try client.host.turn(until: "early data") { client.host.early.contains { $0 === link } || !link.isOpen }
        #expect(link.isOpen && client.host.ready.contains { $0 === link } == false)
        let mux = try client.echo(link)
        mux.request(bytes)
        try client.host.turn(until: "an answer") { !mux.answers.isEmpty || !link.isOpen }
        return mux.answers.last
    }

    @Test("Early data is answered; the connection is ready when its handshake is complete") func early() async throws {
        var settings = QUICTestSettings()
        settings.takesEarlyData = true
        let server = try await QUICTestServer(workers: 2, settings, certificate: TestCertificates.file())
        let client = try QUICTestClient(offersEarlyData: true)
        try first(client, server)
        let answer = try askEarly(client, server, [1, 2, 3])
        #expect(answer?.dropFirst() == [1, 2, 3])
        try client.host.turn(until: "the handshake") { client.host.ready.count == 2 }
        let counters = client.connector.counters
        #expect(counters.earlyOffered == 1 && counters.earlyRejected == 0 && counters.resumed == 1)
        try await eventually("the server's handshake") {
            server.ask { host in
                host.accepted.contains { $0.session?.tls?.isResumed == true && $0.quicStatistics?.hasEarlyData == true }
            }.contains(true)
        }
    }

    @Test("A server that takes no early data gives no ticket for it") func notTaken() async throws {
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        let client = try QUICTestClient(offersEarlyData: true)
        try first(client, server)
        let link = try client.connect(server.address, early: true)
        try client.host.turn(until: "the handshake") { client.host.ready.contains { $0 === link } }
        #expect(client.host.early.isEmpty)
        #expect(try client.ask(link, [7]) == [0, 7])
        #expect(client.connector.counters.resumed == 1)
    }

    @Test("A connection can move to another port and goes on") func migration() async throws {
        let server = try await QUICTestServer(workers: 2, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        let link = try client.open(server.address)
        let name = try client.ask(link, [1])[0]
        let before = try #require(link.connection.path?.local)
        for round in 2...5 as ClosedRange<UInt8> {
            try client.connector.migrate(link)
            #expect(try client.ask(link, [round]) == [name, round])
        }
        let after = try #require(link.connection.path?.local)
        #expect(after.port != before.port)
        try await eventually("the server's view of the new path") {
            server.ask { host in host.accepted.first?.connection.path?.remote }.contains(after)
        }
        let moves = server.ask { host in host.accepted.first?.connection.counters.migrations ?? 0 }.max()
        #expect(moves == 4)
        link.stop()
        try client.host.turn(until: "the end of the closing period") { client.host.manager.linkCount == 0 }
    }
}
