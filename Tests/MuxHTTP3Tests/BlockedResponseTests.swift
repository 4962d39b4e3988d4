import Bytes
import Messages
import MuxHTTP3
import QUICTransport
import Streams
import TestSupport
import Testing

/// Responses whose QUIC stream is closed before the encoder stream brings what they refer to (RFC 9204 section 2.1.2).
@Suite("Blocked responses") struct BlockedResponseTests {
    /// Sets the capacity of the dynamic table to 4,096.
    private static let capacity: [UInt8] = [0x3f, 0xe1, 0x1f]

    /// Inserts an entry whose name and value are shorter than 31 and 127 bytes.
    private static func insertion(_ name: String, _ value: String) -> [UInt8] {
        [0x40 | UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }

    /// A field section of literal lines and the latest of `inserts` entries of the dynamic table.
    private static func section(_ lines: [(String, String)], inserts: UInt8) -> [UInt8] {
        // Behind the frame's header and the prefix of the literal section.
        frame(FrameType.headers, [inserts + 1, 0x00] + headers(lines)[4...] + [0x80])
    }

    private static let head = section([(":status", "200")], inserts: 1)

    /// A client's mux, and a server without rules that has got one request.
    private func blocked(
        _ response: [UInt8]
    ) async throws -> (simulation: Simulation, peer: RawPeer, record: Record, encoder: QUICStreamID) {
        let simulation = try await Simulation()
        let peer = RawPeer()
        simulation.server.raw = peer
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.client.mux.map { $0.availableStreams > 0 } == true && peer.isReady }
        try peer.unidirectional(controlPreface)
        let encoder = try peer.unidirectional(varint(StreamType.qpackEncoder) + Self.capacity)
        let record = try simulation.request()
        try simulation.run { peer.incoming[0]?.isComplete == true }
        peer.send(response, on: 0, fin: true)
        // The server has forgotten the stream: so has the client's QUIC, whose end was acknowledged with the response.
        try simulation.run { peer.closed[0] != nil }
        try simulation.run(seconds: 1)
        #expect(simulation.client.mux?.statistics.blockedSections == 1)
        #expect(record.failure == nil && !record.isAnswered)
        return (simulation, peer, record, encoder)
    }

    /// The client has its place back, and another request is answered.
    private func serves(_ simulation: Simulation, _ peer: RawPeer) throws {
        try simulation.run { simulation.hasForgottenStreams }
        let next = try simulation.request()
        try simulation.run { peer.incoming[4]?.isComplete == true }
        peer.send(headers([(":status", "204")]), on: 4, fin: true)
        try simulation.run { next.isAnswered }
        #expect(next.failure == nil && peer.close == nil)
        next.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("It is whole when the encoder stream comes", arguments: [true, false]) func late(_ hasBody: Bool) async throws
    {
        let (simulation, peer, record, encoder) = try await blocked(Self.head + (hasBody ? data("body") : []))
        peer.send(Self.insertion("x-entry", "value"), on: encoder)
        try simulation.run { record.isAnswered }
        #expect(record.failure == nil)
        #expect(record.exchange?.response.head?.field("x-entry") == "value")
        let text = record.exchange?.response.takeText()
        #expect(text == (hasBody ? "body" : ""))
        record.exchange?.frontFinished()
        try serves(simulation, peer)
    }

    @Test("Trailers may wait once more") func trailers() async throws {
        let (simulation, peer, record, encoder) = try await blocked(
            Self.head + data("body") + Self.section([("x-literal", "1")], inserts: 2))
        peer.send(Self.insertion("x-entry", "value"), on: encoder)
        try simulation.run { record.exchange?.response.count == 4 }
        #expect(!record.isAnswered)
        peer.send(Self.insertion("x-later", "second"), on: encoder)
        try simulation.run { record.isAnswered }
        #expect(record.failure == nil)
        #expect(record.exchange?.response.trailers?.field("x-later") == "second")
        let text = record.exchange?.response.takeText()
        #expect(text == "body")
        record.exchange?.frontFinished()
        try serves(simulation, peer)
    }

    @Test("One that breaks the rules fails its exchange alone") func malformed() async throws {
        let (simulation, peer, record, encoder) = try await blocked(
            Self.section([(":status", "200"), ("content-length", "9")], inserts: 1) + data("body"))
        peer.send(Self.insertion("x-entry", "value"), on: encoder)
        try simulation.run { record.exchange.map { $0.response.phase == .aborted } ?? true }
        #expect(record.exchange?.response.failure == .serverProtocolError)
        record.exchange?.frontAborted(.serverProtocolError)
        try serves(simulation, peer)
    }

    @Test("Nobody waits for it any more") func abandoned() async throws {
        let (simulation, peer, record, encoder) = try await blocked(Self.head + data("body"))
        record.exchange?.frontAborted(.clientAborted)
        #expect(record.isOver)
        try simulation.run { simulation.hasForgottenStreams }
        #expect(simulation.client.mux?.statistics.resetsSent == 0)
        peer.send(Self.insertion("x-entry", "value"), on: encoder)
        try serves(simulation, peer)
    }

    @Test("The connection ends before the encoder stream comes") func connectionEnds() async throws {
        let (simulation, _, record, _) = try await blocked(Self.head + data("body"))
        simulation.server.connection?.close(applicationError: HTTP3ErrorCode.noError.rawValue)
        try simulation.run { record.failure != nil }
        #expect(record.failure == .serverAborted)
        let used = simulation.close()
        #expect(used == 0)
    }
}
