import QUICTransport
import Streams
import TestSupport
import Testing

/// What requests that come one after the other cost in packets.
@Suite("Packets of small requests") struct PacketCountTests {
    @Test("A request and its response are a datagram each") func oneEach() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        var before = (client: UInt64(0), server: UInt64(0))
        let count = 40
        for number in 0..<count + 5 {
            if number == 5 { before = simulation.datagrams }
            // The same fields each time: both sides refer to their dynamic tables, and acknowledge sections.
            let record = try simulation.request("GET", "/", fields: [("user-agent", "somebody"), ("x-name", "value")])
            let served = try simulation.serverRecord(number)
            // The server's answer takes a little, as if it came from behind.
            try simulation.run(seconds: 0.0005)
            try served.respond(fields: [("content-length", "5"), ("x-other", "one")], body: "hello")
            try simulation.run { record.isAnswered && record.exchange?.response.count == 5 }
            record.exchange?.frontFinished()
        }
        let after = simulation.datagrams
        // What is more: acknowledgements by time and stream limits.
        #expect(after.server - before.server <= UInt64(count + count / 4))
        #expect(after.client - before.client <= UInt64(count + count / 4))
    }
}

extension Simulation {
    /// Datagrams that both sides have sent.
    fileprivate var datagrams: (client: UInt64, server: UInt64) {
        (client.connection?.counters.datagramsSent ?? 0, server.connection?.counters.datagramsSent ?? 0)
    }
}
