import Bytes
import Messages
import MuxHTTP3
import QUICTransport
import Streams
import TestSupport
import Testing

/// What a client writes on a request stream, and what it gets for it.
struct BadRequest: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var bytes: [UInt8]
    var code: HTTP3ErrorCode
    var fin = true

    init(_ description: String, _ bytes: [UInt8], _ code: HTTP3ErrorCode, fin: Bool = true) {
        testDescription = description
        self.bytes = bytes
        self.code = code
        self.fin = fin
    }
}

private let base = [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/")]

@Suite("What breaks the rules") struct MalformedTests {
    /// A front mux and a raw client that has opened its control stream.
    private func rawClient(_ settings: HTTP3Settings = HTTP3Settings()) async throws -> (Simulation, RawPeer) {
        let simulation = try await Simulation(server: settings)
        let peer = RawPeer()
        simulation.client.raw = peer
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.server.mux != nil && peer.isReady }
        try peer.unidirectional(controlPreface)
        return (simulation, peer)
    }

    static let malformed: [BadRequest] = [
        BadRequest("upper-case name", headers(base + [("X-Name", "1")]), .messageError),
        BadRequest("blank in a name", headers(base + [("x name", "1")]), .messageError),
        BadRequest("colon in a name", headers(base + [("x:name", "1")]), .messageError),
        BadRequest("CR in a value", headers(base + [("x-name", "a\rb")]), .messageError),
        BadRequest("LF in a value", headers(base + [("x-name", "a\nb: c")]), .messageError),
        BadRequest("NUL in a value", headers(base + [("x-name", "a\0b")]), .messageError),
        BadRequest("connection", headers(base + [("connection", "close")]), .messageError),
        BadRequest("transfer-encoding", headers(base + [("transfer-encoding", "chunked")]), .messageError),
        BadRequest("te: gzip", headers(base + [("te", "gzip")]), .messageError),
        BadRequest("two lengths", headers(base + [("content-length", "1"), ("content-length", "2")]), .messageError),
        BadRequest("length that is no number", headers(base + [("content-length", "+1")]), .messageError),
        BadRequest("no :method", headers(Array(base[1...])), .messageError),
        BadRequest("no :path", headers(Array(base[..<3])), .messageError),
        BadRequest("two :path", headers(base + [(":path", "/")]), .messageError),
        BadRequest("path without a slash", headers(Array(base[..<3]) + [(":path", "x")]), .messageError),
        BadRequest("blank in the path", headers(Array(base[..<3]) + [(":path", "/a b")]), .messageError),
        BadRequest("unknown pseudo-header field", headers(base + [(":foo", "1")]), .messageError),
        BadRequest("pseudo-header field after a field", headers([("x", "1")] + base), .messageError),
        BadRequest("host is another", headers(base + [("host", "b.test")]), .messageError),
        BadRequest(
            "more DATA than content-length", headers(base + [("content-length", "3")]) + data("abcd"), .messageError,
            fin: false),
        BadRequest(
            "less DATA than content-length", headers(base + [("content-length", "3")]) + data("ab"), .messageError),
        BadRequest("no DATA at all", headers(base + [("content-length", "3")]), .messageError),
        BadRequest(
            "pseudo-header field in trailers", getHeaders(method: "POST") + data("x") + headers([(":path", "/")]),
            .messageError),
        BadRequest("nothing but the end", [], .requestIncomplete),
        BadRequest("unknown frame, then the end", frame(0x21, [1]), .requestIncomplete),
    ]

    @Test("A malformed request is reset, and the connection goes on", arguments: malformed)
    func streamErrors(_ item: BadRequest) async throws {
        let (simulation, peer) = try await rawClient()
        let id = try peer.request(item.bytes, fin: item.fin)
        try simulation.run { peer.incoming[id]?.resetCode != nil }
        #expect(peer.incoming[id]?.resetCode == item.code.rawValue)
        #expect(peer.incoming[id]?.bytes.isEmpty == true)
        // A handler that heard of it was told that the client broke the rules.
        #expect(simulation.server.records.allSatisfy { $0.loggedFailure == .clientProtocolError })
        #expect(simulation.server.records.allSatisfy { $0.exchange == nil })
        #expect(simulation.server.mux?.statistics.malformedMessages == 1)
        let before = simulation.server.records.count
        let next = try peer.request(getHeaders())
        let served = try simulation.serverRecord(before)
        try served.respond(body: "fine")
        try simulation.run { peer.incoming[next]?.isComplete == true }
        #expect(peer.close == nil)
        let used = simulation.close()
        #expect(used == 0)
    }

    static let fatal: [BadRequest] = [
        BadRequest("DATA before HEADERS", data("x"), .frameUnexpected),
        BadRequest(
            "HEADERS after trailers", getHeaders() + headers([("a", "1")]) + headers([("b", "2")]), .frameUnexpected),
        BadRequest("DATA after trailers", getHeaders() + headers([("a", "1")]) + data("x"), .frameUnexpected),
        BadRequest("SETTINGS", frame(FrameType.settings), .frameUnexpected),
        BadRequest("GOAWAY", frame(FrameType.goaway, [0]), .frameUnexpected),
        BadRequest("PUSH_PROMISE", frame(FrameType.pushPromise, [0]), .frameUnexpected),
        BadRequest("MAX_PUSH_ID", frame(FrameType.maxPushID, [0]), .frameUnexpected),
        BadRequest("PRIORITY_UPDATE", frame(FrameType.priorityUpdateRequest, [0]), .frameUnexpected),
        BadRequest("HTTP/2 frame", frame(0x08, [0]), .frameUnexpected),
        BadRequest("end within a frame", getHeaders() + [0x00, 0x05, 0x61], .frameError),
        BadRequest("end within a frame header", getHeaders() + [0x00], .frameError),
        BadRequest("end within HEADERS", Array(getHeaders()[..<12]), .frameError),
        BadRequest("empty HEADERS", frame(FrameType.headers), .qpackDecompressionFailed),
        BadRequest(
            "index out of the static table", frame(FrameType.headers, [0, 0, 0xff, 0xff, 0x01]),
            .qpackDecompressionFailed),
        BadRequest(
            "HEADERS in a tunnel",
            headers([(":method", "CONNECT"), (":authority", "a.test:443")]) + headers([("a", "1")]), .frameUnexpected),
    ]

    @Test("What breaks the framing ends the connection with its code", arguments: fatal)
    func connectionErrors(_ item: BadRequest) async throws {
        let (simulation, peer) = try await rawClient()
        try peer.request(item.bytes)
        try simulation.run { peer.close != nil }
        #expect(peer.close?.reason == .application)
        #expect(peer.close?.code == item.code.rawValue)
        #expect(simulation.server.records.allSatisfy { $0.loggedFailure == .clientProtocolError })
        let used = simulation.close()
        #expect(used == 0)
    }

    static let unidirectional: [BadRequest] = [
        BadRequest("second control stream", controlPreface, .streamCreationError, fin: false),
        BadRequest("push stream", varint(StreamType.push) + [0], .streamCreationError, fin: false),
        BadRequest("end of the encoder stream", varint(StreamType.qpackEncoder), .closedCriticalStream),
        BadRequest(
            "bad encoder instruction", varint(StreamType.qpackEncoder) + [0x00], .qpackEncoderStreamError, fin: false),
        BadRequest(
            "table capacity beyond ours", varint(StreamType.qpackEncoder) + [0x3f, 0xe2, 0x7f],
            .qpackEncoderStreamError, fin: false),
        BadRequest(
            "acknowledgement of nothing", varint(StreamType.qpackDecoder) + [0x84], .qpackDecoderStreamError, fin: false
        ),
    ]

    @Test("Unidirectional streams that break the rules", arguments: unidirectional)
    func unidirectionalErrors(_ item: BadRequest) async throws {
        let (simulation, peer) = try await rawClient()
        try peer.unidirectional(item.bytes, fin: item.fin)
        try simulation.run { peer.close != nil }
        #expect(peer.close?.code == item.code.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Critical streams may not be reset, ended or refused", arguments: 0..<3) func criticalStreams(_ way: Int)
        async throws
    {
        let simulation = try await Simulation()
        let peer = RawPeer()
        simulation.client.raw = peer
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.server.mux != nil && peer.isReady }
        let control = try peer.unidirectional(controlPreface)
        try simulation.run(seconds: 0.1)
        switch way {
        case 0: peer.send([], on: control, fin: true)
        case 1: try simulation.client.connection?.shutdownStreamWrite(control, applicationError: 0)
        default: try simulation.client.connection?.shutdownStreamRead(3, applicationError: 0)
        }
        // A server sees that its control stream is refused when it next writes on it.
        try simulation.run(seconds: 0.1)
        if way == 2 { simulation.server.mux?.drain() }
        try simulation.run { peer.close != nil }
        #expect(peer.close?.code == HTTP3ErrorCode.closedCriticalStream.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Unknown streams and frames are passed over") func grease() async throws {
        let (simulation, peer) = try await rawClient()
        let unknown = try peer.unidirectional(varint(0x21 + 0x1f * 7) + [1, 2, 3])
        let id = try peer.request(
            frame(0x21, [1, 2]) + getHeaders(method: "POST") + frame(0x40, []) + data("body") + frame(0x5f, [9]))
        let served = try simulation.serverRecord()
        try simulation.run { served.exchange?.request.phase == .ended }
        let text = served.exchange?.request.takeText()
        #expect(text == "body")
        try served.respond(204)
        try simulation.run { peer.incoming[id]?.isComplete == true && peer.closed[unknown] != nil }
        #expect(peer.closed[unknown] == .some(HTTP3ErrorCode.streamCreationError.rawValue))
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A head that is too large gets 431; one far too large is reset") func tooLarge() async throws {
        let (simulation, peer) = try await rawClient()
        let large = try peer.request(getHeaders((0..<50).map { ("x-\($0)", String(repeating: "v", count: 700)) }))
        try simulation.run { peer.incoming[large]?.isComplete == true }
        #expect(simulation.server.records[0].rejectedStatus == 431)
        #expect(simulation.server.records[0].loggedFailure == .clientProtocolError)
        let many = try peer.request(getHeaders((0..<150).map { ("x-\($0)", "1") }))
        try simulation.run { peer.incoming[many]?.isComplete == true }
        #expect(simulation.server.records[1].rejectedStatus == 431)
        let huge = try peer.request(getHeaders((0..<250).map { ("x-\($0)", String(repeating: "v", count: 700)) }))
        try simulation.run { peer.incoming[huge]?.resetCode != nil }
        #expect(peer.incoming[huge]?.resetCode == HTTP3ErrorCode.excessiveLoad.rawValue)
        #expect(simulation.server.records.count == 2)
        #expect(peer.close == nil)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A request byte by byte is the same request") func pieces() async throws {
        let (simulation, peer) = try await rawClient()
        let bytes = getHeaders([("x-a", "b")], method: "POST") + data("he") + data("llo") + headers([("x-sum", "5")])
        let id = try peer.request([bytes[0]], fin: false)
        for (index, byte) in bytes.enumerated().dropFirst() {
            try simulation.run(seconds: 0.003)
            peer.send([byte], on: id, fin: index == bytes.count - 1)
        }
        let served = try simulation.serverRecord()
        try simulation.run { served.exchange?.request.phase == .ended }
        let text = served.exchange?.request.takeText()
        #expect(text == "hello")
        #expect(served.exchange?.request.head?.field("x-a") == "b")
        #expect(served.exchange?.request.trailers?.field("x-sum") == "5")
        let used = simulation.close()
        #expect(used == 0)
    }

    static let badResponses: [BadRequest] = [
        BadRequest("no status", headers([("x", "1")]), .messageError),
        BadRequest("status 101", headers([(":status", "101")]), .messageError),
        BadRequest("status of two digits", headers([(":status", "20")]), .messageError),
        BadRequest("request field", headers([(":status", "200"), (":path", "/")]), .messageError),
        BadRequest("CR in a value", headers([(":status", "200"), ("x", "a\rb")]), .messageError),
        BadRequest("interim only", headers([(":status", "103")]), .messageError, fin: true),
        BadRequest("nothing but the end", [], .messageError, fin: true),
    ]

    @Test("A malformed response never reaches the client", arguments: badResponses)
    func responses(_ item: BadRequest) async throws {
        let simulation = try await Simulation()
        let peer = RawPeer()
        simulation.server.raw = peer
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.client.mux.map { $0.availableStreams > 0 } == true && peer.isReady }
        try peer.unidirectional(controlPreface)
        let record = try simulation.request("POST", length: .unknown, ends: false)
        try simulation.run { peer.incoming[0] != nil }
        peer.send(item.bytes, on: 0, fin: true)
        try simulation.run { record.failure != nil }
        #expect(record.failure == .serverProtocolError)
        #expect(!record.isUnsent)
        try simulation.run { peer.incoming[0]?.resetCode != nil }
        #expect(peer.incoming[0]?.resetCode == item.code.rawValue)
        #expect(simulation.client.mux?.availableStreams ?? 0 > 0)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A response cut short of its content-length breaks the message") func truncatedResponse() async throws {
        let simulation = try await Simulation()
        let peer = RawPeer()
        simulation.server.raw = peer
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.client.mux.map { $0.availableStreams > 0 } == true && peer.isReady }
        try peer.unidirectional(controlPreface)
        let record = try simulation.request()
        try simulation.run { peer.incoming[0] != nil }
        peer.send(headers([(":status", "200"), ("content-length", "10")]) + data("half"), on: 0, fin: true)
        try simulation.run { record.exchange?.response.phase == .aborted }
        #expect(record.exchange?.response.failure == .serverProtocolError)
        record.exchange?.frontAborted(.serverProtocolError)
        let used = simulation.close()
        #expect(used == 0)
    }
}
