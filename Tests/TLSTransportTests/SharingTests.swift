// Certificates, trust and ticket keys shared by workers that run at once.

import Bytes
import TLSTransport
import Testing

@Suite struct SharingTests {
    @Test func workersShareStoreTrustAndKeys() async throws {
        let contexts = TestContexts()
        let store = try contexts.store(.leaf("other.example"), .leaf("one.example"), .leaf("one.example", key: .rsa))
        let trust = try contexts.trust()
        let ring = try TicketKeyRing(period: 5)
        let guardian = ReplayGuard()
        let resumed = try await withThrowingTaskGroup(of: Int.self) { workers in
            for _ in 0..<4 {
                workers.addTask { try Self.work(store, trust, ring, guardian) }
            }
            var total = 0
            for try await count in workers { total += count }
            return total
        }
        // Each worker resumes all connections but its first and those after two rotations within one connection.
        #expect(resumed > 4 * 15)
    }

    /// One worker: 20 connections over TCP and 20 over QUIC; how many were resumed over TCP.
    private static func work(
        _ store: CertificateStore, _ trust: TrustStore, _ ring: TicketKeyRing, _ guardian: ReplayGuard
    ) throws -> Int {
        let clock = TurnClock()
        let serving = try TLSServerContext(.init(certificates: store, ticketKeys: ring), clock: clock)
        var options = TLSClientContext.Options()
        options.trust = trust
        let asking = try TLSClientContext(options)
        var quicOptions = QUICTLSContext.ServerOptions(certificates: store, ticketKeys: ring)
        quicOptions.replayGuard = guardian
        let quicServing = try QUICTLSContext(server: quicOptions)
        let quicAsking = try QUICTLSContext(client: .init(trust: trust))
        var resumed = 0
        for turn in 0..<20 {
            clock.now = Instant.zero.advanced(milliseconds: turn)
            let pair = try EnginePair(serving, asking)
            pair.open()
            try #require(pair.client.isEstablished && pair.server.isEstablished)
            if pair.server.isResumed { resumed += 1 }

            let client = QUICTestPeer(try quicAsking.makeClientSession(serverName: "one.example"))
            let server = QUICTestPeer(try quicServing.makeServerSession())
            QUICTestPeer.connect(client, server)
            try #require(client.isComplete && server.isComplete)
        }
        return resumed
    }
}
