import Bytes
import Messages
import MuxHTTP3
import QUICTransport
import Streams
import TestSupport
import Testing

@Suite("Exchanges between two HTTP/3 muxes") struct ExchangeTests {
    @Test("GET with a small answer") func get() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request("GET", "/a?b=c", fields: [("accept", "*/*")])
        let served = try simulation.serverRecord()
        let head = try #require(served.exchange?.request.head)
        #expect(head.method == .get)
        #expect(head.pathText == "/a?b=c")
        #expect(head.authorityText == "a.test")
        #expect(head.scheme.string == "https")
        #expect(head.field("accept") == "*/*")
        #expect(head.version == .http3)
        #expect(served.exchange?.request.phase == .ended)
        #expect(simulation.server.mux?.activity == .busy)
        try served.respond(fields: [("content-type", "text/plain"), ("content-length", "5")], body: "hello")
        try simulation.run { record.isAnswered }
        let response = try #require(record.exchange?.response)
        #expect(response.head?.status == 200)
        #expect(response.head?.field("content-type") == "text/plain")
        #expect(response.head?.bodyLength == .known(5))
        let text = response.takeText()
        #expect(text == "hello")
        #expect(record.exchange?.back == nil)
        record.exchange?.frontFinished()
        try simulation.run { served.isOver }
        #expect(served.loggedFailure == nil)
        #expect(served.bytesToClient > 5)
        #expect(served.bytesFromClient > 10)
        // The streams are closed and forgotten a round trip later.
        try simulation.run { simulation.hasForgottenStreams }
        #expect(simulation.server.mux?.activity == .idle)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("POST with a body and trailers both ways") func post() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request("POST", fields: [("content-type", "a/b")], length: .unknown, ends: false)
        let half = try #require(record.exchange?.request)
        half.put(text: "part one, ", simulation.client.resources.buffers)
        let served = try simulation.serverRecord()
        try simulation.run { served.exchange?.request.count == 10 }
        #expect(served.exchange?.request.head?.bodyLength == .unknown)
        half.put(text: String(repeating: "x", count: 5_000), simulation.client.resources.buffers)
        let trailers = simulation.client.resources.heads.obtain(.trailers)
        try trailers.append("x-checksum", "123")
        half.end(trailers: trailers)
        try simulation.run { served.exchange?.request.phase == .ended }
        let request = try #require(served.exchange?.request)
        let sent = request.takeText()
        #expect(sent == "part one, " + String(repeating: "x", count: 5_000))
        #expect(request.trailers?.field("x-checksum") == "123")

        try served.respond(201, body: "made", length: .unknown, ends: false)
        let answerTrailers = simulation.server.resources.heads.obtain(.trailers)
        try answerTrailers.append("x-time", "4")
        served.exchange?.response.end(trailers: answerTrailers)
        try simulation.run { record.isAnswered }
        let response = try #require(record.exchange?.response)
        #expect(response.head?.status == 201)
        let got = response.takeText()
        #expect(got == "made")
        #expect(response.trailers?.field("x-time") == "4")
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("HEAD, 204 and 304 have no body", arguments: [("HEAD", 200), ("GET", 204), ("GET", 304)])
    func noBody(_ method: String, _ status: Int) async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request(method)
        let served = try simulation.serverRecord()
        try served.respond(status, fields: status == 204 ? [] : [("content-length", "1000")], length: BodyLength.none)
        try simulation.run { record.isAnswered }
        #expect(record.exchange?.response.head?.status == status)
        #expect(record.exchange?.response.head?.bodyLength == BodyLength.none)
        #expect(record.exchange?.response.count == 0)
        record.exchange?.frontFinished()
        try simulation.run { served.isOver }
        #expect(served.loggedFailure == nil)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Interim responses go before the final one") func interim() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request(
            "POST", fields: [("expect", "100-continue")], length: .known(3), ends: false)
        let served = try simulation.serverRecord()
        try served.respond(100)
        try simulation.run(seconds: 1)
        let first = try #require(record.exchange?.response.takeInterim())
        #expect(first.status == 100)
        simulation.client.resources.heads.giveBack(first)
        record.exchange?.request.put(text: "abc", simulation.client.resources.buffers)
        record.exchange?.request.end()
        try simulation.run { served.exchange?.request.phase == .ended }
        try served.respond(103, fields: [("link", "</style.css>; rel=preload")])
        try served.respond(200, body: "ok")
        try simulation.run { record.isAnswered }
        let second = try #require(record.exchange?.response.takeInterim())
        #expect(second.status == 103)
        #expect(second.field("link") == "</style.css>; rel=preload")
        simulation.client.resources.heads.giveBack(second)
        #expect(record.exchange?.response.head?.status == 200)
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A hundred streams at once, answered in reverse; QPACK's dynamic table in use") func hundredStreams()
        async throws
    {
        let simulation = try await Simulation()
        try simulation.connect()
        let agent = "a product with a long name/1.0 (and a comment that makes it longer)"
        let records = try (0..<100).map {
            try simulation.request("GET", "/\($0)", fields: [("user-agent", agent), ("x-number", "\($0)")])
        }
        #expect(simulation.client.mux?.availableStreams == 0)
        let overflow = try simulation.request()
        #expect(overflow.isOver)
        _ = try simulation.serverRecord(99)
        for served in simulation.server.records.reversed() {
            let path = served.exchange?.request.head?.pathText ?? ""
            #expect(served.exchange?.request.head?.field("user-agent") == agent)
            #expect("/" + (served.exchange?.request.head?.field("x-number") ?? "") == path)
            try served.respond(fields: [("x-path", path), ("server", agent)], body: "for \(path)")
        }
        try simulation.run { records.allSatisfy(\.isAnswered) }
        for (number, record) in records.enumerated() {
            let text = record.exchange?.response.takeText()
            #expect(text == "for /\(number)")
            #expect(record.exchange?.response.head?.field("server") == agent)
            record.exchange?.frontFinished()
        }
        let statistics = try #require(simulation.server.mux?.statistics)
        #expect(statistics.tableInserts > 0)
        #expect(statistics.headersReceived == 100)
        // All requests with literal lines only would take three times as much.
        let received = simulation.server.records.reduce(0) { $0 + $1.bytesFromClient }
        #expect(received < 100 * 60)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Requests one after the other use few objects and no more slabs") func keepsNothing() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        for number in 0..<500 {
            let record = try simulation.request("GET", "/\(number)")
            let served = try simulation.serverRecord(number)
            try served.respond(body: "x")
            try simulation.run { record.isAnswered }
            let text = record.exchange?.response.takeText()
            #expect(text == "x")
            record.exchange?.frontFinished()
        }
        #expect(simulation.server.peakSlabs <= 6)
        #expect(simulation.client.peakSlabs <= 6)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Extended CONNECT is a tunnel both ways, with half-close", arguments: [101, 200])
    func extendedConnect(_ status: Int) async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        #expect(simulation.client.mux?.peerSettings.allowsExtendedConnect == true)
        let record = try simulation.request("GET", "/chat", length: .tunnel, ends: false) { head in
            try head.setUpgradeProtocol(Span("websocket"))
            try head.append("connection", "upgrade")
            try head.append("upgrade", "websocket")
            try head.append("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            try head.append("sec-websocket-version", "13")
        }
        let served = try simulation.serverRecord()
        let head = try #require(served.exchange?.request.head)
        #expect(head.isExtendedConnect)
        #expect(head.method == .get)
        #expect(head.upgradeText == "websocket")
        #expect(head.field("sec-websocket-key") == nil)
        #expect(head.bodyLength == .tunnel)
        // What an HTTP/1 server says is 101.
        try served.respond(status, length: .tunnel, ends: false)
        served.exchange?.response.put(text: "from server", simulation.server.resources.buffers)
        record.exchange?.request.put(text: "from client", simulation.client.resources.buffers)
        try simulation.run { record.exchange?.response.count == 11 && served.exchange?.request.count == 11 }
        #expect(record.exchange?.response.head?.status == 200)
        #expect(record.exchange?.response.head?.bodyLength == .tunnel)
        let fromServer = record.exchange?.response.takeText()
        let fromClient = served.exchange?.request.takeText()
        #expect(fromServer == "from server")
        #expect(fromClient == "from client")
        // The server ends its direction; the client's goes on.
        served.exchange?.response.end()
        try simulation.run { record.exchange?.response.phase == .ended }
        record.exchange?.request.put(text: "more", simulation.client.resources.buffers)
        try simulation.run { served.exchange?.request.count == 4 }
        #expect(!served.isOver)
        let more = served.exchange?.request.takeText()
        #expect(more == "more")
        record.exchange?.request.end()
        try simulation.run { served.exchange?.request.phase == .ended && served.exchange?.front == nil }
        // The server has heard it all.
        served.exchange?.backFinished()
        #expect(served.isOver)
        #expect(served.loggedFailure == nil)
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("CONNECT makes a tunnel; the client's end comes first") func connect() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request("CONNECT", length: .tunnel, ends: false)
        let served = try simulation.serverRecord()
        #expect(served.exchange?.request.head?.method == .connect)
        #expect(served.exchange?.request.head?.authorityText == "a.test:443")
        try served.respond(200, length: .tunnel, ends: false)
        record.exchange?.request.put(text: "question", simulation.client.resources.buffers)
        record.exchange?.request.end()
        try simulation.run { served.exchange?.request.phase == .ended }
        let question = served.exchange?.request.takeText()
        #expect(question == "question")
        served.exchange?.response.put(text: "answer", simulation.server.resources.buffers)
        served.exchange?.response.end()
        try simulation.run { record.isAnswered && served.exchange?.front == nil }
        served.exchange?.backFinished()
        #expect(served.isOver)
        let answer = record.exchange?.response.takeText()
        #expect(answer == "answer")
        #expect(served.loggedFailure == nil)
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A success without a switch is no answer to extended CONNECT") func refusedUpgrade() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request("GET", "/chat", length: .tunnel, ends: false) { head in
            try head.setUpgradeProtocol(Span("websocket"))
        }
        let served = try simulation.serverRecord()
        try served.respond(200, body: "plain")
        try simulation.run { record.isAnswered }
        #expect(record.exchange?.response.head?.status == 502)
        try simulation.run { served.isOver }
        #expect(served.loggedFailure == .serverProtocolError)
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Without the server's leave a WebSocket upgrade goes out as a plain request") func upgradeNotAllowed()
        async throws
    {
        var settings = HTTP3Settings()
        settings.allowsExtendedConnect = false
        let simulation = try await Simulation(server: settings)
        try simulation.connect()
        let record = try simulation.request("GET", "/chat") { head in
            try head.setUpgradeProtocol(Span("websocket"))
            try head.append("upgrade", "websocket")
        }
        let served = try simulation.serverRecord()
        #expect(served.exchange?.request.head?.isExtendedConnect == false)
        #expect(served.exchange?.request.head?.isUpgrade == false)
        try served.respond(body: "plain")
        try simulation.run { record.isAnswered }
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }
}
