import Bytes
import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

private let webSocket =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
private let accepted =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

@Suite("Tunnels over HTTP/1") struct TunnelTests {
    @Test("A WebSocket upgrade passes, and both directions carry bytes and end by themselves") func upgrade() {
        let proxy = http1()
        #expect(
            proxy.ask(webSocket + "early")
                == "GET /chat HTTP/1.1\r\nhost: a\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "sec-websocket-version: 13\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        #expect(
            proxy.reply(accepted + "first")
                == "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                + "upgrade: websocket\r\nconnection: upgrade\r\n\r\nfirst")
        #expect(proxy.server.takeText() == "early")
        #expect(proxy.ask("more") == "more")
        #expect(proxy.reply("answer") == "answer")
        #expect(proxy.client.mux.activity == .busy)
        proxy.client.end()
        proxy.run()
        #expect(proxy.server.sawEnd && !proxy.server.isClosed)
        #expect(proxy.reply("last") == "last")
        proxy.server.end()
        proxy.run()
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(proxy.server.isClosed && !proxy.server.sawReset)
        #expect(proxy.events.last == "ended")
        proxy.expectNothingLeft()
    }

    @Test("After the server's end the tunnel's other direction goes on", arguments: [true, false])
    func serverEnds(_ isSlow: Bool) {
        let proxy = http1()
        proxy.ask(webSocket)
        proxy.server.isPeerReading = !isSlow
        proxy.reply(accepted)
        _ = proxy.server.takeText()
        proxy.server.end()
        proxy.run()
        #expect(proxy.client.sawEnd && !proxy.client.isClosed)
        proxy.client.send(String(repeating: "x", count: 40_000))
        proxy.client.end()
        proxy.run()
        #expect(proxy.client.isClosed)
        if isSlow {
            #expect(proxy.exchanges[0].isOver == false)
            proxy.server.isPeerReading = true
            proxy.server.send("")
            proxy.run()
        }
        #expect(proxy.server.received.suffix(40_000).allSatisfy { $0 == 120 })
        #expect(proxy.server.received.count >= 40_000)
        #expect(proxy.server.isClosed && !proxy.server.sawReset)
        #expect(proxy.events.last == "ended")
        proxy.expectNothingLeft()
    }

    @Test("A client that ended its direction before the answer has ended the tunnel's") func endBeforeAnswer() {
        let proxy = http1()
        proxy.client.send(webSocket)
        proxy.run()
        _ = proxy.server.takeText()
        proxy.client.end()
        proxy.run()
        proxy.reply(accepted)
        #expect(!proxy.client.isClosed)
        #expect(proxy.server.sawEnd)
        #expect(proxy.reply("x") == "x")
        proxy.expectNothingLeft()
    }

    @Test("A reset of one side of a tunnel is a reset of the other", arguments: [true, false])
    func reset(byClient: Bool) {
        let proxy = http1()
        proxy.ask(webSocket)
        proxy.reply(accepted)
        (byClient ? proxy.client! : proxy.server).fail(.reset)
        proxy.run()
        #expect((byClient ? proxy.server : proxy.client!).sawReset)
        #expect(proxy.events.last == (byClient ? "ended clientAborted" : "ended serverAborted"))
        proxy.expectNothingLeft()
    }

    @Test("A refused upgrade is a plain answer, and both connections go on") func refusedUpgrade() {
        let proxy = http1()
        proxy.ask(webSocket)
        #expect(proxy.reply("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").hasSuffix("\r\n\r\nno"))
        #expect(proxy.exchanges[0].request.phase == .ended)
        #expect(proxy.ask(get) == "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(proxy.servers.count == 1)
        proxy.expectNothingLeft()
    }

    @Test("CONNECT becomes a tunnel with a 2xx answer, and ends the connection without") func connect() {
        let proxy = http1()
        let connect = "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"
        #expect(proxy.ask(connect) == "CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n\r\n")
        #expect(
            proxy.reply("HTTP/1.1 200 Connected\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello")
                == "HTTP/1.1 200 Connected\r\n\r\nhello")
        #expect(proxy.ask("GET / HTTP/1.1\r\n") == "GET / HTTP/1.1\r\n")
        proxy.expectNothingLeft()

        let refused = http1()
        refused.ask(connect + get)
        #expect(
            refused.reply("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").hasSuffix("connection: close\r\n\r\n"))
        #expect(refused.client.isClosed)
        #expect(refused.server.takeText() == "")
        refused.expectNothingLeft()
    }

    @Test("Other protocols pass by their name, h2c is not offered") func otherProtocols() {
        let proxy = http1()
        let sent = proxy.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c, Chat/2, x\r\n\r\n")
        #expect(sent == "GET / HTTP/1.1\r\nhost: a\r\nupgrade: Chat/2\r\nconnection: upgrade\r\n\r\n")
        #expect(
            proxy.reply("HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: Chat/2\r\n\r\n")
                == "HTTP/1.1 101 OK\r\nupgrade: Chat/2\r\nconnection: upgrade\r\n\r\n")
        proxy.expectNothingLeft()
        let plain = http1()
        #expect(
            plain.ask("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n") == "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(
            plain.reply("HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").hasPrefix(
                "HTTP/1.1 502"))
        plain.expectNothingLeft()
    }

    /// Makes the client's request an extended CONNECT, as HTTP/2 and HTTP/3 bring it.
    private func extended() -> MemoryProxy {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            exchange.request.head?.removeAll(.secWebSocketKey)
            exchange.request.head?.isExtendedConnect = true
            proxy.route(exchange)
            return true
        }
        return proxy
    }

    /// The answer to the key in `text`.
    private func answer(to text: String) -> String {
        let key = text.split(separator: "\r\n").first { $0.hasPrefix("sec-websocket-key: ") }?.dropFirst(19) ?? ""
        return WebSocketKeys.accept(String(key))
    }

    @Test("An extended CONNECT goes to the server as an upgrade with a key of our own, whose answer is checked")
    func extendedConnect() throws {
        let proxy = extended()
        let sent = proxy.ask(webSocket)
        #expect(sent.hasPrefix("GET /chat HTTP/1.1\r\nhost: a\r\nsec-websocket-version: 13\r\nsec-websocket-key: "))
        #expect(sent.hasSuffix("\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"))
        let accept = answer(to: sent)
        let text = proxy.reply(
            "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: \(accept)\r\n\r\nhi")
        #expect(text.hasPrefix("HTTP/1.1 101 Go\r\n"))
        let head = try #require(proxy.exchanges[0].response.head)
        #expect(head.bodyLength == .tunnel)
        proxy.expectNothingLeft()

        let other = extended()
        #expect(answer(to: other.ask(webSocket)) == accept, "the seed decides")
        for line in ["", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "Sec-WebSocket-Accept: \r\n"] {
            let wrong = extended()
            wrong.ask(webSocket)
            #expect(
                wrong.reply("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\(line)\r\n")
                    .hasPrefix("HTTP/1.1 502"))
            #expect((wrong.server.mux as? HTTP1BackMux)?.lastError == .badUpgradeAnswer)
            #expect(wrong.server.sawReset)
            wrong.expectNothingLeft()
        }
        other.expectNothingLeft()
    }

    @Test("The answer 200 of a server that speaks HTTP/2 reaches the client as 101 with its key's answer")
    func answer200() {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            let head = proxy.resources.heads.obtain(.response)
            head.status = 200
            head.version = .http2
            head.bodyLength = .tunnel
            exchange.response.put(head)
            exchange.response.put(proxy.chunk("hi"))
            return true
        }
        proxy.client.send(webSocket)
        proxy.run()
        #expect(
            proxy.client.takeText()
                == "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                + "upgrade: websocket\r\nconnection: upgrade\r\n\r\nhi")
        proxy.expectNothingLeft()
    }

    @Test("A tunnel that nobody asked for is a broken response") func unaskedTunnel() {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            let head = proxy.resources.heads.obtain(.response)
            head.status = 200
            head.bodyLength = .tunnel
            exchange.response.put(head)
            return true
        }
        proxy.client.send(get)
        proxy.run()
        #expect(proxy.client.isClosed)
        #expect(proxy.events.last == "ended internalError")
        proxy.expectNothingLeft()
    }
}
