import Bytes
import Messages
import MuxHTTP2
import Streams
import Testing

@Suite("HTTP/2 ends") struct ClosingTests {
    /// A request that has reached the server, with a body under way when `ends` is false.
    private func opened(_ link: Link, ends: Bool = true) throws -> (client: Record, server: Record) {
        let client = try link.request(ends ? "GET" : "POST", length: ends ? .none : .unknown, ends: ends)
        link.run()
        return (client, try #require(link.server.records.last))
    }

    @Test("A client that leaves cancels its stream") func clientAborts() throws {
        let link = try Link()
        let (client, server) = try opened(link)
        client.exchange?.frontAborted(.clientAborted)
        link.run()
        #expect(server.isOver)
        #expect(server.loggedFailure == .clientAborted)
        #expect(server.end.resetReason == .clientAborted)
        #expect(link.server.mux.statistics.resetsReceived == 1)
        #expect(link.client.mux.statistics.resetsSent == 1)
        #expect(link.client.mux.availableStreams == 100)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A request that is taken back before it was sent leaves no trace") func abortUnsent() throws {
        let link = try Link()
        link.run()
        let client = try link.request()
        client.exchange?.frontAborted(.clientAborted)
        link.run()
        #expect(link.server.records.isEmpty)
        #expect(link.client.mux.statistics.resetsSent == 0)
        #expect(link.client.mux.availableStreams == 100)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A response that breaks off is reset, never ended", arguments: [true, false])
    func truncated(hasBody: Bool) throws {
        let link = try Link()
        let (client, server) = try opened(link)
        try server.respond(length: .known(100), ends: false)
        if hasBody { server.exchange?.response.put(text: "part", link.pool) }
        server.exchange?.backAborted(.serverAborted)
        link.run()
        #expect(server.isOver)
        #expect(server.loggedFailure == .serverAborted)
        let exchange = try #require(client.exchange)
        #expect(exchange.response.phase == .aborted)
        #expect(exchange.response.failure == .serverAborted)
        #expect(exchange.response.takeText() == (hasBody ? "part" : ""))
        exchange.frontAborted(.serverAborted)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test(
        "What the client is told, and what it makes of it",
        arguments: [
            (CloseReason.killed, HTTP2ErrorCode.cancel), (.clientTimeout, .cancel), (.serverTimeout, .internalError),
            (.resource, .enhanceYourCalm), (.noServer, .refusedStream), (.internalError, .internalError),
        ])
    func kills(reason: CloseReason, code: HTTP2ErrorCode) throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        server.receive(Frame.hello + Frame.request(1, Frame.get).bytes)
        server.records[0].exchange?.kill(reason)
        let frames = Frame.parse(server.takeOutput())
        let reset = try #require(frames.first { $0.kind == .resetStream })
        #expect(reset.stream == 1)
        #expect(reset.word(at: 0) == code.rawValue)
        #expect(server.mux.activity == .idle)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test("Every close reason has a code for each side") func codes() {
        for reason in CloseReason.allCases {
            let toClient = HTTP2ErrorCode(toClient: reason)
            let toServer = HTTP2ErrorCode(toServer: reason)
            #expect((toClient == .noError) == (reason == .notNeeded || reason == .answered))
            #expect(toServer != .noError)
        }
    }

    @Test("After an early response a short rest of the request is let in", arguments: [true, false])
    func earlyResponse(drains: Bool) throws {
        let link = try Link()
        let (client, server) = try opened(link, ends: false)
        client.exchange?.request.put(text: "some of it", link.pool)
        link.run()
        try server.respond(413, body: "too much")
        link.run()
        #expect(server.isOver)
        #expect(server.loggedFailure == nil)
        #expect(server.end.resetReason == .notNeeded)
        #expect(link.server.mux.statistics.resetsSent == 0)
        let exchange = try #require(client.exchange)
        #expect(exchange.response.head?.status == 413)
        #expect(exchange.response.takeText() == "too much")
        #expect(exchange.response.phase == .ended)
        if drains {
            // A connection that is to close does not wait for it.
            link.server.mux.drain()
        } else {
            exchange.request.put(text: "the rest", link.pool)
            exchange.request.end()
        }
        link.run()
        #expect(link.server.mux.statistics.resetsSent == (drains ? 1 : 0))
        #expect(exchange.back == nil)
        #expect(exchange.failure == nil)
        exchange.frontFinished()
        link.run()
        #expect(link.server.mux.statistics.glitches == 0)
        #expect(link.server.mux.closeIntent == (drains ? .close : .open))
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("After an early response a long request is ended without blame", arguments: [true, false])
    func earlyResponseToLongRequest(isAhead: Bool) throws {
        let link = try Link()
        let (client, server) = try opened(link, ends: false)
        let exchange = try #require(client.exchange)
        exchange.request.limit = 1_000_000
        // The client has used its window already, or will.
        if isAhead { exchange.request.putPattern(30_000, from: 0, link.pool) }
        if isAhead { exchange.request.putPattern(30_000, from: 0, link.pool) }
        link.run()
        try server.respond(body: "early")
        link.run()
        if !isAhead {
            #expect(link.server.mux.statistics.resetsSent == 0)
            for _ in 0..<3 { exchange.request.putPattern(20_000, from: 0, link.pool) }
            link.run()
        }
        #expect(link.server.mux.statistics.resetsSent == 1)
        #expect(exchange.response.takeText() == "early")
        #expect(exchange.response.phase == .ended)
        #expect(exchange.back == nil)
        #expect(exchange.failure == nil)
        exchange.frontFinished()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A client that has its whole response lets go of the request") func clientFinishesEarly() throws {
        let link = try Link()
        let (client, server) = try opened(link, ends: false)
        // The server keeps listening: its response is complete but it does not reset the stream.
        server.end.outgoingReady()
        try server.respond(body: "early", ends: false)
        link.run()
        client.exchange?.frontFinished()
        link.run()
        #expect(client.isOver)
        #expect(server.isOver)
        #expect(server.loggedFailure == .clientAborted)
        #expect(link.server.mux.statistics.resetsReceived == 1)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A draining front lets open requests finish, then closes") func drain() throws {
        let link = try Link()
        let (client, server) = try opened(link)
        link.server.mux.drain()
        // A request that was under way when the notice came is served.
        let late = try link.request("GET", "/late")
        link.server.flush()
        link.run()
        #expect(link.server.records.count == 2)
        #expect(link.client.mux.availableStreams == 0)
        let refused = try link.request("GET", "/refused")
        #expect(refused.exchange?.back == nil)
        #expect(link.server.mux.closeIntent == .open)
        for record in link.server.records { try record.respond(body: "ok") }
        link.run()
        for record in [client, late] {
            #expect(record.exchange?.response.head?.status == 200)
            #expect(record.exchange?.response.takeText() == "ok")
            record.exchange?.frontFinished()
        }
        #expect(server.isOver)
        #expect(link.server.mux.closeIntent == .close)
        #expect(link.client.mux.closeIntent == .close)
        refused.exchange?.kill(.noServer)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A draining back finishes its requests and takes no more") func drainBack() throws {
        let link = try Link()
        let (client, server) = try opened(link)
        link.client.mux.drain()
        #expect(link.client.mux.availableStreams == 0)
        link.run()
        #expect(link.client.mux.closeIntent == .open)
        try server.respond(body: "ok")
        link.run()
        #expect(client.exchange?.response.takeText() == "ok")
        client.exchange?.frontFinished()
        #expect(link.client.mux.closeIntent == .close)
        #expect(link.server.mux.closeIntent == .close)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("Requests above the last one that GOAWAY names may be tried again") func goAwayRefuses() throws {
        let resources = WorkerResources()
        let client = try TestConnection(.back, HTTP2Settings(), resources)
        var records: [Record] = []
        for _ in 0..<3 {
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
            records.append(record)
        }
        _ = client.takeOutput()
        client.receive(Frame(.settings).bytes + Frame(.goAway, Frame.word(1) + Frame.word(0)).bytes)
        #expect(records[0].failure == nil)
        for record in records[1...] {
            #expect(record.failure == .serverAborted)
            #expect(record.isUnsent)
        }
        #expect(client.mux.availableStreams == 0)
        #expect(client.mux.closeIntent == .open)
        // The one that was processed ends as it wants.
        client.receive(Frame(.headers, flags: Frame.endHeaders | Frame.endStream, stream: 1, [0x88]).bytes)
        #expect(records[0].exchange?.response.head?.status == 200)
        #expect(records[0].exchange?.back == nil)
        _ = client.takeOutput()
        #expect(client.mux.closeIntent == .close)
        for record in records { record.exchange?.kill(.killed) }
        client.close()
        #expect(resources.buffers.used == 0)
    }

    @Test(
        "What a server's RST_STREAM means",
        arguments: [
            (HTTP2ErrorCode.refusedStream, true), (.cancel, false), (.internalError, false), (.noError, false),
            (.enhanceYourCalm, false),
        ])
    func serverResets(code: HTTP2ErrorCode, isUnsent: Bool) throws {
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
        client.receive(
            Frame(.settings).bytes + Frame(.resetStream, stream: 1, Frame.word(code.rawValue)).bytes)
        #expect(record.failure == .serverAborted)
        #expect(record.isUnsent == isUnsent)
        #expect(client.mux.availableStreams == 100)
        exchange.kill(.serverAborted)
        client.close()
        #expect(resources.buffers.used == 0)
    }

    @Test("A transport that breaks aborts all exchanges on both sides") func transportFails() throws {
        let link = try Link()
        let (client, server) = try opened(link)
        let unsent = try link.request("GET", "/unsent")
        link.server.mux.transportFailed(.reset)
        #expect(server.isOver)
        #expect(server.loggedFailure == .clientAborted)
        link.client.mux.transportFailed(.truncated)
        #expect(client.failure == .serverAborted)
        #expect(!client.isUnsent)
        #expect(unsent.failure == .serverAborted)
        #expect(unsent.isUnsent)
        #expect(link.client.mux.availableStreams == 0)
        for record in [client, unsent] { record.exchange?.kill(.serverAborted) }
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("The peer's FIN ends open exchanges and the connection") func peerEnds() throws {
        let link = try Link()
        let (client, server) = try opened(link)
        link.server.mux.receiveEnd(&link.server.input)
        #expect(server.loggedFailure == .clientAborted)
        #expect(link.server.mux.closeIntent == .close)
        link.client.mux.receiveEnd(&link.client.input)
        #expect(client.failure == .serverAborted)
        #expect(link.client.mux.closeIntent == .close)
        client.exchange?.kill(.serverAborted)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("An idle connection says GOAWAY and closes") func idle() throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        #expect(server.mux.activity == .fresh)
        server.receive(Frame.hello)
        #expect(server.mux.activity == .idle)
        _ = server.takeOutput()
        server.mux.idleTimeout()
        let frames = Frame.parse(server.takeOutput())
        let goAway = try #require(frames.last)
        #expect(goAway.kind == .goAway)
        #expect(goAway.word(at: 4) == HTTP2ErrorCode.noError.rawValue)
        #expect(server.mux.closeIntent == .close)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test("The number of requests in a connection's life is limited") func totalStreams() throws {
        var settings = HTTP2Settings()
        settings.maxTotalStreams = 3
        let link = try Link(server: settings)
        for number in 1...3 {
            let (client, server) = try opened(link)
            try server.respond(body: "\(number)")
            link.run()
            #expect(client.exchange?.response.takeText() == "\(number)")
            client.exchange?.frontFinished()
        }
        link.run()
        #expect(link.client.mux.availableStreams == 0)
        #expect(link.server.mux.closeIntent == .close)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A mux that is let go takes its exchanges along") func released() throws {
        let resources = WorkerResources()
        var server: TestConnection? = try TestConnection(.front, HTTP2Settings(), resources)
        server?.receive(Frame.hello + Frame.request(1, Frame.get).bytes)
        let record = try #require(server?.records.first)
        server?.output.removeAll()
        server = nil
        #expect(record.isOver)
        #expect(record.loggedFailure == .internalError)
        #expect(resources.buffers.used == 0)
    }
}
