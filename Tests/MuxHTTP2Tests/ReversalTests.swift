import Bytes
import Messages
import MuxHTTP2
import Streams
import Testing

/// Reverse HTTP: who takes the requests has opened the connection.
@Suite("HTTP/2, reversed") struct ReversalTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private static func settings() -> HTTP2Settings {
        var settings = HTTP2Settings()
        settings.isReversed = true
        return settings
    }

    @Test("The side that sends requests sends no preface, and its window behind the acknowledgement") func back() throws
    {
        let edge = try TestConnection(.back, Self.settings())
        let first = edge.takeOutput()
        #expect(first.count >= 9 && first[3] == 4 && first[4] == 0, "it begins with SETTINGS: \(first)")
        #expect(first.count == 9 + Int(first[2]), "and has nothing else: \(first)")
        #expect(!edge.mux.isEstablished)
        // An empty SETTINGS frame.
        edge.receive([0, 0, 0, 4, 0, 0, 0, 0, 0])
        #expect(edge.mux.isEstablished && edge.streamsChangedCalls == 1)
        let second = edge.takeOutput()
        #expect(Array(second.prefix(9)) == [0, 0, 0, 4, 1, 0, 0, 0, 0], "the acknowledgement: \(second)")
        #expect(second.count == 9 + 13 && second[12] == 8, "then WINDOW_UPDATE: \(second)")
    }

    @Test("The side that takes requests reads no preface") func front() throws {
        let tunnel = try TestConnection(.front, Self.settings())
        _ = tunnel.takeOutput()
        #expect(!tunnel.mux.isEstablished)
        tunnel.receive([0, 0, 0, 4, 0, 0, 0, 0, 0])
        #expect(tunnel.mux.isEstablished && tunnel.streamsChangedCalls == 1)
        #expect(tunnel.mux.closeIntent == .open)
        // One that comes all the same is none of the protocol's frames.
        let other = try TestConnection(.front, Self.settings())
        _ = other.takeOutput()
        other.receive(Self.preface)
        _ = other.takeOutput()
        #expect(other.mux.closeIntent == .close)
    }

    @Test("A request goes from the side that was connected to to the one that connected") func request() throws {
        let link = try Link(client: Self.settings(), server: Self.settings())
        link.run()
        #expect(link.client.mux.isEstablished && link.server.mux.isEstablished)
        let record = try link.request("GET", "/x")
        #expect(!link.client.mux.isMovable, "a connection with a stream stays where it is")
        link.run()
        let served = try #require(link.server.records.first)
        let head = try #require(served.exchange?.request.head)
        let path = head.path.string
        #expect(path == "/x")
        try served.respond(204)
        link.run()
        #expect(record.exchange?.response.head?.status == 204)
        link.close()
    }

    @Test("An idle session goes on with another host") func move() throws {
        let edge = try TestConnection(.back, Self.settings())
        _ = edge.takeOutput()
        edge.receive([0, 0, 0, 4, 0, 0, 0, 0, 0])
        _ = edge.takeOutput()
        #expect(edge.mux.isMovable)
        let other = try TestConnection(.back, Self.settings())
        edge.mux.move(to: other)
        other.needsFlush = false
        #expect(edge.mux.ping())
        #expect(other.needsFlush && edge.mux.availableStreams > 0)
    }

    @Test("The preface, in pieces and with more behind it", arguments: [1, 7, 23, 24])
    func preface(size: Int) throws {
        let host = PrefaceHost()
        let mux = HTTP2PrefaceMux(host: host)
        var bytes = (Self.preface + [1, 2, 3])[...]
        while !bytes.isEmpty, !mux.isComplete {
            _ = host.input.append(Array(bytes.prefix(size)).span)
            bytes = bytes.dropFirst(size)
            mux.receive(&host.input)
        }
        #expect(mux.isComplete && !mux.wantsInput && mux.closeIntent == .open)
        #expect(host.streamsChangedCalls == 1)
        // What is behind the preface is left to the session.
        #expect(host.input.count + bytes.count == 3)
    }

    @Test("What is no preface ends the connection", arguments: ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.1"])
    func noPreface(text: String) throws {
        let host = PrefaceHost()
        let mux = HTTP2PrefaceMux(host: host)
        _ = host.input.append(Array(text.utf8).span)
        mux.receive(&host.input)
        #expect(!mux.isComplete && mux.closeIntent == .close && host.streamsChangedCalls == 0)
    }
}

/// A connection without a socket that counts what it is told.
private final class PrefaceHost: MuxHost {
    let resources = WorkerResources()
    var input: InputBuffer
    private(set) var streamsChangedCalls = 0

    init() { input = InputBuffer(pool: resources.buffers) }

    func muxNeedsFlush() {}
    func muxStreamsChanged() { streamsChangedCalls += 1 }
    func openExchange(for end: any StreamEnd) -> Exchange? { nil }
}
