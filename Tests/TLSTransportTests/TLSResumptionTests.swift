// Session tickets: across workers, over key rotation, and where they must not resume.

import Bytes
import Glibc
import TLSTransport
import Testing

@Suite struct TLSResumptionTests {
    let contexts = TestContexts()

    /// Connects once more; whether the session was resumed on both sides.
    private func resumes(_ serving: TLSServerContext, _ asking: TLSClientContext, name: String = "one.example")
        throws -> Bool
    {
        let pair = try EnginePair(serving, asking, serverName: name)
        let (client, server) = pair.shakeHands()
        #expect(client.isDone && server.isDone)
        _ = pair.client.readAll()
        #expect(pair.client.isResumed == pair.server.isResumed)
        return pair.server.isResumed
    }

    @Test(arguments: [TLSProtocolVersion.tls12, .tls13])
    func ticketOfOneWorkerResumesOnAnother(_ version: TLSProtocolVersion) throws {
        let ring = try TicketKeyRing()
        let store = try contexts.store(.leaf("one.example"))
        let first = try contexts.server(store, ticketKeys: ring)
        let second = try contexts.server(store, ticketKeys: ring)
        let stranger = try contexts.server(store)
        let asking = try contexts.client { $0.settings.maxVersion = version }
        #expect(try !resumes(first, asking))
        #expect(try resumes(first, asking))
        #expect(try resumes(second, asking))
        #expect(try !resumes(stranger, asking))
    }

    @Test func keysRotateAndTheLastOneStillDecrypts() throws {
        let ring = try TicketKeyRing(period: 1000)
        let store = try contexts.store(.leaf("one.example"))
        let clock = TurnClock()
        let first = try contexts.server(store, ticketKeys: ring, clock: clock)
        let second = try contexts.server(store, ticketKeys: ring, clock: clock)
        let early = try contexts.client()
        let late = try contexts.client()
        #expect(try !resumes(first, early))
        #expect(try !resumes(first, late))
        clock.now = Instant.zero.advanced(milliseconds: 1500)
        #expect(try resumes(second, early))
        // The ticket of the first period is two keys old now.
        clock.now = Instant.zero.advanced(milliseconds: 2600)
        #expect(try !resumes(first, late))
        // The one that was issued in the second period is one key old.
        #expect(try resumes(second, early))
    }

    @Test func aLongPauseForgetsTheOldKey() throws {
        let ring = try TicketKeyRing(period: 1000)
        let clock = TurnClock()
        let serving = try contexts.server(contexts.store(.leaf("one.example")), ticketKeys: ring, clock: clock)
        let asking = try contexts.client()
        #expect(try !resumes(serving, asking))
        clock.now = Instant.zero.advanced(milliseconds: 5000)
        #expect(try !resumes(serving, asking))
    }

    @Test func ticketsCanBeTurnedOff() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example"))) { $0.ticketKeys = nil }
        for version in [TLSProtocolVersion.tls12, .tls13] {
            let asking = try contexts.client { $0.settings.maxVersion = version }
            #expect(try !resumes(serving, asking))
            #expect(try !resumes(serving, asking))
        }
    }

    @Test func clientReuseCanBeTurnedOff() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        let asking = try contexts.client { $0.reusesSessions = false }
        #expect(try !resumes(serving, asking))
        #expect(try !resumes(serving, asking))
    }

    @Test func sessionBelongsToItsServerName() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example", "two.example")))
        let asking = try contexts.client()
        #expect(try !resumes(serving, asking))
        #expect(try !resumes(serving, asking, name: "two.example"))
        #expect(try resumes(serving, asking, name: "two.example"))
    }

    @Test func sessionBelongsToItsBindLine() throws {
        let ring = try TicketKeyRing()
        let store = try contexts.store(.leaf("one.example"))
        let inner = try contexts.server(store, ticketKeys: ring) { $0.sessionContext = "inner" }
        let outer = try contexts.server(store, ticketKeys: ring) { $0.sessionContext = "outer" }
        let asking = try contexts.client()
        #expect(try !resumes(inner, asking))
        #expect(try !resumes(outer, asking))
        #expect(try resumes(outer, asking))
    }

    @Test func strictSNIHoldsOnResumption() throws {
        let ring = try TicketKeyRing()
        let lenient = try contexts.server(contexts.store(.leaf("one.example")), ticketKeys: ring)
        let other = try CertificateStore(
            loading: [contexts.directory.write("other.pem", .leaf("other.example"))])
        let strict = try contexts.server(other, ticketKeys: ring) { $0.strictSNI = true }
        let asking = try contexts.client()
        #expect(try !resumes(lenient, asking))
        let pair = try EnginePair(strict, asking)
        #expect(pair.shakeHands().server.error?.code == .unrecognizedName)
    }

    @Test func aBrokenConnectionsSessionIsNotReused() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        let asking = try contexts.client()
        do {
            let pair = try EnginePair(serving, asking)
            pair.open()
            // Garbage instead of a record: the client's connection fails.
            let garbage = [UInt8](repeating: 0x17, count: 64)
            #expect(unsafe send(pair.sockets.server, garbage, garbage.count, 0) == garbage.count)
            guard case .failed = pair.client.readAll().end else {
                Issue.record("garbage was accepted")
                return
            }
        }
        #expect(try !resumes(serving, asking))
    }
}
