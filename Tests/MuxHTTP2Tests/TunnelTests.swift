import Bytes
import Messages
import MuxHTTP2
import Streams
import Testing

@Suite("HTTP/2 tunnels") struct TunnelTests {
    @Test("CONNECT opens a tunnel that closes one direction at a time", arguments: [true, false])
    func connect(clientFirst: Bool) throws {
        let link = try Link()
        let client = try link.request("CONNECT", length: .tunnel, ends: false) {
            try $0.setAuthorityAndHost(bytes("a.test:443").span)
        }
        link.run()
        let server = try #require(link.server.records.first)
        let (up, down) = (try #require(client.exchange), try #require(server.exchange))
        let head = try #require(down.request.head)
        #expect(head.method == .connect)
        #expect(head.authority.string == "a.test:443")
        #expect(head.path.string.isEmpty)
        #expect(head.bodyLength == .tunnel)
        try server.respond(200, length: .tunnel, ends: false)
        link.run()
        #expect(up.response.head?.bodyLength == .tunnel)
        up.request.put(text: "ping", link.pool)
        down.response.put(text: "pong", link.pool)
        link.run()
        #expect(down.request.takeText() == "ping")
        #expect(up.response.takeText() == "pong")
        if clientFirst {
            up.request.end()
            link.run()
            #expect(down.request.phase == .ended)
            #expect(!server.isOver)
            down.response.put(text: "more", link.pool)
            down.response.end()
            link.run()
            #expect(up.response.takeText() == "more")
        } else {
            down.response.end()
            link.run()
            #expect(up.response.phase == .ended)
            #expect(!server.isOver)
            up.request.put(text: "more", link.pool)
            up.request.end()
            link.run()
            #expect(down.request.takeText() == "more")
        }
        #expect(up.response.phase == .ended)
        #expect(up.back == nil)
        // The front's exchange goes on until its own back end has sent the client's last words.
        if !server.isOver {
            down.request.delivered()
            down.backFinished()
        }
        #expect(server.isOver)
        #expect(server.loggedFailure == nil)
        #expect(server.end.resetReason == nil)
        up.frontFinished()
        #expect(link.server.mux.activity == .idle)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A refused CONNECT is a plain response") func refusedConnect() throws {
        let link = try Link()
        let client = try link.request("CONNECT", length: .tunnel, ends: false) {
            try $0.setAuthorityAndHost(bytes("a.test:443").span)
        }
        link.run()
        try link.server.records[0].respond(403, body: "no")
        link.run()
        let exchange = try #require(client.exchange)
        #expect(exchange.response.head?.status == 403)
        #expect(exchange.response.head?.bodyLength != .tunnel)
        #expect(exchange.response.takeText() == "no")
        #expect(link.server.records[0].isOver)
        exchange.frontFinished()
        link.close()
        #expect(link.pool.used == 0)
    }

    /// A WebSocket upgrade as it comes from an HTTP/1 client.
    private func webSocket(_ link: Link) throws -> Record {
        try link.request("GET", "/chat", fields: [("sec-websocket-version", "13")], length: .tunnel, ends: false) {
            try $0.append(.connection, bytes("upgrade").span)
            try $0.append(.upgrade, bytes("websocket").span)
            try $0.append(.secWebSocketKey, bytes("dGhlIHNhbXBsZSBub25jZQ==").span)
            try $0.setUpgradeProtocol(bytes("websocket").span)
        }
    }

    @Test("A WebSocket upgrade becomes an extended CONNECT; 101 becomes 200") func extendedConnect() throws {
        let link = try Link()
        // Not a word before the server has announced that it takes it.
        let client = try webSocket(link)
        link.client.flush()
        link.run()
        let server = try #require(link.server.records.first)
        let (up, down) = (try #require(client.exchange), try #require(server.exchange))
        let head = try #require(down.request.head)
        #expect(head.isExtendedConnect)
        #expect(head.method == .get)
        #expect(head.upgradeProtocol.string == "websocket")
        #expect(head.path.string == "/chat")
        #expect(head.field("sec-websocket-version") == "13")
        #expect(head.field("sec-websocket-key") == nil)
        #expect(head.bodyLength == .tunnel)
        // As an HTTP/1 server accepts.
        try server.respond(
            101, fields: [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", "x")],
            length: .tunnel, ends: false)
        link.run()
        #expect(up.response.head?.status == 200)
        #expect(up.response.head?.bodyLength == .tunnel)
        #expect(up.response.head?.field("sec-websocket-accept") == nil)
        up.request.put(text: "hi", link.pool)
        down.response.put(text: "there", link.pool)
        link.run()
        #expect(down.request.takeText() == "hi")
        #expect(up.response.takeText() == "there")
        up.frontAborted(.clientAborted)
        link.run()
        #expect(server.loggedFailure == .clientAborted)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("An upgrade that the server answers with plain success is a bad gateway") func refusedUpgrade() throws {
        let link = try Link()
        let client = try webSocket(link)
        link.run()
        let server = try #require(link.server.records.first)
        try server.respond(200, body: "a page")
        link.run()
        #expect(client.exchange?.response.head?.status == 502)
        #expect(client.exchange?.response.phase == .ended)
        #expect(server.isOver)
        #expect(server.loggedFailure == .serverProtocolError)
        client.exchange?.frontFinished()
        link.run()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("An upgrade that is refused passes as it is") func deniedUpgrade() throws {
        let link = try Link()
        let client = try webSocket(link)
        link.run()
        try link.server.records[0].respond(403, body: "no")
        link.run()
        #expect(client.exchange?.response.head?.status == 403)
        #expect(client.exchange?.response.takeText() == "no")
        client.exchange?.frontFinished()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A server without extended CONNECT gets a plain request, or none") func notSupported() throws {
        for isExtended in [false, true] {
            let resources = WorkerResources()
            let client = try TestConnection(.back, HTTP2Settings(), resources)
            let record = Record()
            record.attachesEnd = false
            let exchange = Exchange(front: record.end, handler: record, resources: resources)
            record.exchange = exchange
            record.onRequest = { _ = client.mux.open($0) }
            let head = resources.heads.obtain(.request)
            try head.setAuthorityAndHost(bytes("a.test").span)
            try head.setPath(bytes("/chat").span)
            try head.setUpgradeProtocol(bytes("websocket").span)
            head.isExtendedConnect = isExtended
            head.bodyLength = .tunnel
            exchange.request.put(head)
            let before = Frame.parse(Array(client.takeOutput().dropFirst(24)))
            #expect(!before.contains { $0.kind == .headers })
            client.receive(Frame(.settings).bytes)
            let after = Frame.parse(client.takeOutput())
            #expect(after.contains { $0.kind == .headers } == !isExtended)
            #expect(record.failure == (isExtended ? .serverProtocolError : nil))
            exchange.kill(.killed)
            client.close()
            #expect(resources.buffers.used == 0)
        }
    }
}
