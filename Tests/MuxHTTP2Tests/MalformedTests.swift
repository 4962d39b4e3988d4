import Bytes
import Messages
import MuxHTTP2
import Streams
import Testing

/// One message that must not get through.
struct BadMessage: Sendable, CustomTestStringConvertible {
    let name: String
    let fields: [(String, String)]
    var testDescription: String { name }

    init(_ name: String, _ fields: [(String, String)]) {
        self.name = name
        self.fields = fields
    }

    /// A good request with other fields added at its end.
    init(_ name: String, adding fields: [(String, String)]) { self.init(name, Frame.get + fields) }

    /// A good request with one pseudo-header field changed, or taken away.
    init(_ name: String, _ changed: String, _ value: String?) {
        self.init(
            name, Frame.get.compactMap { $0.0 == changed ? value.map { (changed, $0) } : $0 })
    }
}

@Suite("HTTP/2 messages that break the rules") struct MalformedTests {
    static let requests: [BadMessage] = [
        BadMessage("no :method", ":method", nil),
        BadMessage("no :scheme", ":scheme", nil),
        BadMessage("no :path", ":path", nil),
        BadMessage("empty :path", ":path", ""),
        BadMessage("relative :path", ":path", "a"),
        BadMessage("absolute :path", ":path", "https://a.test/"),
        BadMessage("blank in :path", ":path", "/a b"),
        BadMessage("new line in :path", ":path", "/ HTTP/1.1\r\nhost: b.test"),
        BadMessage("fragment in :path", ":path", "/a#b"),
        BadMessage("NUL in :path", ":path", "/\0"),
        BadMessage("new line in :method", ":method", "GET\r\n"),
        BadMessage("blank in :authority", ":authority", "a.test b.test"),
        BadMessage("user in :authority", ":authority", "me@a.test"),
        BadMessage("path in :authority", ":authority", "a.test/b"),
        BadMessage("new line in :authority", ":authority", "a.test\r\nx: y"),
        BadMessage("pseudo-header field twice", Frame.get + [(":path", "/two")]),
        BadMessage("pseudo-header field after a field", [("x-a", "1")] + Frame.get),
        BadMessage("unknown pseudo-header field", Frame.get + [(":unknown", "1")]),
        BadMessage("response's pseudo-header field", Frame.get + [(":status", "200")]),
        BadMessage(":protocol without CONNECT", Frame.get + [(":protocol", "websocket")]),
        BadMessage("upper case in a name", adding: [("X-Upper", "1")]),
        BadMessage("blank in a name", adding: [("x a", "1")]),
        BadMessage("colon in a name", adding: [("x:a", "1")]),
        BadMessage("new line in a name", adding: [("x\r\ny", "1")]),
        BadMessage("empty name", adding: [("", "1")]),
        BadMessage("NUL in a value", adding: [("x-a", "a\0b")]),
        BadMessage("CR in a value", adding: [("x-a", "a\rb")]),
        BadMessage("LF in a value", adding: [("x-a", "a\nb")]),
        BadMessage("blank before a value", adding: [("x-a", " b")]),
        BadMessage("blank after a value", adding: [("x-a", "b ")]),
        BadMessage("connection", adding: [("connection", "close")]),
        BadMessage("keep-alive", adding: [("keep-alive", "1")]),
        BadMessage("proxy-connection", adding: [("proxy-connection", "close")]),
        BadMessage("transfer-encoding", adding: [("transfer-encoding", "chunked")]),
        BadMessage("upgrade", adding: [("upgrade", "websocket")]),
        BadMessage("te other than trailers", adding: [("te", "gzip")]),
        BadMessage("host twice", adding: [("host", "a.test"), ("host", "a.test")]),
        BadMessage("content-length that is no number", adding: [("content-length", "5x")]),
        BadMessage("negative content-length", adding: [("content-length", "-5")]),
        BadMessage("content-length with a sign", adding: [("content-length", "+5")]),
        BadMessage("content-length out of range", adding: [("content-length", "99999999999999999999")]),
        BadMessage("conflicting content-length", adding: [("content-length", "0"), ("content-length", "1")]),
        BadMessage("conflicting content-length in one field", adding: [("content-length", "0, 1")]),
        BadMessage("content-length without a body", adding: [("content-length", "5")]),
        BadMessage(
            "CONNECT with :path",
            [(":method", "CONNECT"), (":authority", "a.test:443"), (":path", "/"), (":scheme", "https")]),
        BadMessage("CONNECT without :authority", [(":method", "CONNECT")]),
        BadMessage("CONNECT without a port", [(":method", "CONNECT"), (":authority", "a.test")]),
        BadMessage(
            "extended CONNECT without :path",
            [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "a.test")]),
    ]

    @Test("Malformed requests are reset and no handler sees them", arguments: requests)
    func malformed(message: BadMessage) throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        // A good request before and after: the connection goes on.
        server.receive(
            Frame.hello + Frame.request(1, Frame.get).bytes + Frame.request(3, message.fields).bytes
                + Frame.request(5, Frame.get).bytes)
        #expect(server.records.count == 2)
        let frames = Frame.parse(server.takeOutput())
        let resets = frames.filter { $0.kind == .resetStream }
        #expect(resets.count == 1)
        #expect(resets.first?.stream == 3)
        #expect(resets.first?.word(at: 0) == HTTP2ErrorCode.protocolError.rawValue)
        #expect(!frames.contains { $0.kind == .goAway })
        let (malformed, glitches) = (server.mux.statistics.malformedMessages, server.mux.statistics.glitches)
        #expect(malformed == 1)
        #expect(glitches >= 1)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test(
        "A body that is not as long as content-length says is a stream error",
        arguments: [(5, 4, true), (5, 6, true), (5, 6, false), (0, 1, false)])
    func contentLength(announced: Int, sent: Int, ends: Bool) throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        server.receive(
            Frame.hello
                + Frame.request(1, Frame.post + [("content-length", "\(announced)")], ends: false).bytes
                + Frame(.data, flags: ends ? Frame.endStream : 0, stream: 1, [UInt8](repeating: 65, count: sent)).bytes)
        let record = try #require(server.records.first)
        // Before the stream is reset the request must not look complete.
        #expect(record.exchange?.request.phase == .body)
        let frames = Frame.parse(server.takeOutput())
        let reset = try #require(frames.first { $0.kind == .resetStream })
        #expect(reset.word(at: 0) == HTTP2ErrorCode.protocolError.rawValue)
        #expect(record.isOver)
        #expect(record.loggedFailure == .clientProtocolError)
        #expect(record.end.resetReason == .clientProtocolError)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test("Trailers with a pseudo-header field, or without END_STREAM, are malformed", arguments: [true, false])
    func trailers(hasPseudo: Bool) throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        server.receive(Frame.hello + Frame.request(1, Frame.post, ends: false).bytes)
        server.receive(
            Frame.request(1, hasPseudo ? [(":path", "/")] : [("x-a", "1")], ends: hasPseudo).bytes)
        let frames = Frame.parse(server.takeOutput())
        #expect(frames.contains { $0.kind == .resetStream || $0.kind == .goAway })
        #expect(server.records[0].isOver)
        #expect(server.records[0].loggedFailure == .clientProtocolError)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    static let answered: [BadMessage] = [
        BadMessage("asterisk for GET", ":path", "*"),
        BadMessage("blank in :method", ":method", "GET /"),
        BadMessage("bad :scheme", ":scheme", "ht tp"),
    ]

    @Test("Start lines that read well and mean nothing are answered with 400", arguments: answered)
    func wellFormed(message: BadMessage) throws {
        let server = try TestConnection(.front, HTTP2Settings(), WorkerResources())
        server.receive(Frame.hello + Frame.request(1, message.fields).bytes + Frame.request(3, Frame.get).bytes)
        #expect(server.records.map(\.rejectedStatus) == [400, nil])
        #expect(!Frame.parse(server.takeOutput()).contains { $0.kind == .resetStream })
        #expect(server.mux.statistics.malformedMessages == 1)
        server.close()
    }

    @Test("A head that is too large is answered with 431; one far too large is reset") func tooLarge() throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        let padding = String(repeating: "a", count: 1000)
        func request(_ stream: UInt32, _ fields: Int) -> [UInt8] {
            let section = Frame.section(Frame.get + (0..<fields).map { ("x-\($0)", padding) })
            var frames = Frame(.headers, flags: Frame.endStream, stream: stream, Array(section.prefix(16_000))).bytes
            var place = 16_000
            while place < section.count {
                let next = min(place + 16_000, section.count)
                frames +=
                    Frame(
                        .continuation, flags: next == section.count ? Frame.endHeaders : 0, stream: stream,
                        Array(section[place..<next])
                    ).bytes
                place = next
            }
            return frames
        }
        server.receive(Frame.hello + request(1, 30) + request(3, 90) + Frame.request(5, Frame.get).bytes)
        #expect(server.records.count == 2)
        #expect(server.records[0].rejectedStatus == 431)
        #expect(server.records[1].rejectedStatus == nil)
        let frames = Frame.parse(server.takeOutput())
        let answer = frames.first { $0.kind == .headers && $0.stream == 1 }
        #expect(answer?.flags == Frame.endHeaders | Frame.endStream)
        let reset = frames.first { $0.kind == .resetStream }
        #expect(reset?.stream == 3)
        #expect(reset?.word(at: 0) == HTTP2ErrorCode.enhanceYourCalm.rawValue)
        #expect(server.records[0].isOver)
        #expect(server.records[0].loggedFailure == .clientProtocolError)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test(
        "What breaks the connection is answered with GOAWAY, and open exchanges end",
        arguments: [
            ("DATA on stream 0", Frame(.data, stream: 0, [1]), HTTP2ErrorCode.protocolError),
            ("HEADERS on an even stream", Frame.request(2, Frame.get), .protocolError),
            ("RST_STREAM on an idle stream", Frame(.resetStream, stream: 9, [0, 0, 0, 0]), .protocolError),
            ("frame that is too large", Frame(.data, stream: 1, [UInt8](repeating: 0, count: 16_385)), .frameSizeError),
            ("SETTINGS of a wrong size", Frame(.settings, [0, 0, 0]), .frameSizeError),
            ("PUSH_PROMISE", Frame(.pushPromise, flags: 4, stream: 1, [0, 0, 0, 2]), .protocolError),
            ("bad HPACK", Frame(.headers, flags: 5, stream: 3, [0xff, 0xff, 0xff, 0xff, 0x0f]), .compressionError),
            ("CONTINUATION alone", Frame(.continuation, flags: 4, stream: 1), .protocolError),
        ])
    func connectionErrors(name: String, frame: Frame, code: HTTP2ErrorCode) throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        server.receive(Frame.hello + Frame.request(1, Frame.post, ends: false).bytes + frame.bytes)
        let frames = Frame.parse(server.takeOutput())
        let goAway = try #require(frames.last)
        #expect(goAway.kind == .goAway)
        #expect(goAway.word(at: 4) == code.rawValue)
        #expect(server.mux.closeIntent == .close)
        #expect(server.records[0].isOver)
        #expect(server.records[0].loggedFailure == .clientProtocolError)
        // What comes after that is not heard.
        server.receive(Frame.request(7, Frame.get).bytes)
        #expect(server.records.count == 1)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test(
        "What is not HTTP/2 closes the connection", arguments: ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX"])
    func noPreface(text: String) throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        server.receive(bytes(text))
        #expect(server.mux.closeIntent == .close)
        #expect(server.mux.wantsInput)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test("Padding is not part of the body; PRIORITY and unknown frames are not heard") func paddingAndPriority() throws
    {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        var headers = Frame.request(1, Frame.post, ends: false)
        headers.flags |= Frame.padded | 0x20
        headers.payload = [3] + [0, 0, 0, 0, 255] + headers.payload + [0, 0, 0]
        let body = Frame(
            .data, flags: Frame.padded | Frame.endStream, stream: 1,
            [10] + bytes("hello") + [UInt8](repeating: 0, count: 10))
        var unknown = Frame(.ping, bytes("whatever"))
        unknown.type = 0xbe
        server.receive(
            Frame.hello + Frame(.priority, stream: 5, [0, 0, 0, 3, 7]).bytes + headers.bytes + unknown.bytes
                + body.bytes)
        let half = try #require(server.records.first?.exchange?.request)
        #expect(half.takeText() == "hello")
        #expect(half.phase == .ended)
        #expect(server.mux.statistics.bodyBytesReceived == 5)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    static let responses: [BadMessage] = [
        BadMessage("no :status", [("x-a", "1")]),
        BadMessage("bad :status", [(":status", "2000")]),
        BadMessage("101", [(":status", "101")]),
        BadMessage("status out of range", [(":status", "600")]),
        BadMessage("connection", [(":status", "200"), ("connection", "close")]),
        BadMessage("transfer-encoding", [(":status", "200"), ("transfer-encoding", "chunked")]),
        BadMessage("upper case in a name", [(":status", "200"), ("X-A", "1")]),
        BadMessage("new line in a value", [(":status", "200"), ("x-a", "1\r\nset-cookie: a")]),
        BadMessage("request's pseudo-header field", [(":status", "200"), (":path", "/")]),
        BadMessage("content-length without a body", [(":status", "200"), ("content-length", "5")]),
        BadMessage("too many fields", [(":status", "200")] + (0..<102).map { ("x-\($0)", "1") }),
    ]

    @Test("Malformed responses are the server's fault", arguments: responses)
    func malformedResponse(message: BadMessage) throws {
        let resources = WorkerResources()
        let client = try TestConnection(.back, HTTP2Settings(), resources)
        let record = Record()
        record.attachesEnd = false
        let exchange = Exchange(front: record.end, handler: record, resources: resources)
        record.exchange = exchange
        record.onRequest = { _ = client.mux.open($0) }
        let head = resources.heads.obtain(.request)
        try head.setAuthorityAndHost(bytes("a.test").span)
        try head.setPath(bytes("/").span)
        exchange.request.put(head)
        exchange.request.end()
        _ = client.takeOutput()
        client.receive(Frame(.settings).bytes + Frame.request(1, message.fields).bytes)
        #expect(exchange.response.phase == .idle)
        let frames = Frame.parse(client.takeOutput())
        #expect(frames.contains { $0.kind == .resetStream && $0.stream == 1 })
        #expect(record.failure == .serverProtocolError)
        #expect(!record.isUnsent)
        exchange.kill(.serverProtocolError)
        client.close()
        #expect(resources.buffers.used == 0)
    }
}
