import Bytes
import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
private let okSent = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
private let okSentClose = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"

@Suite("HTTP/1 connections that serve again") struct PersistenceTests {
    @Test("Requests follow each other on the same two connections") func keepAlive() {
        let proxy = http1()
        for index in 0..<5 {
            #expect(proxy.client.mux.activity == (index == 0 ? .fresh : .idle))
            #expect(proxy.ask(get) == "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(proxy.client.mux.activity == .busy)
            #expect(proxy.server.mux.activity == .busy)
            #expect(proxy.reply(ok) == okSent)
            #expect(proxy.server.mux.activity == .idle)
        }
        #expect(proxy.servers.count == 1)
        #expect(proxy.server.streamChanges == 5)
        #expect(proxy.exchanges.count == 5)
        #expect(proxy.exchanges[4].attempt.connectionReused)
        #expect(!proxy.exchanges[0].attempt.connectionReused)
        #expect(proxy.exchanges.allSatisfy { $0.bytesFromClient == 27 && $0.bytesToClient == 40 })
        proxy.expectNothingLeft()
    }

    @Test("A warm worker makes no new heads or slabs") func warm() {
        let proxy = http1()
        for _ in 0..<3 {
            proxy.ask(get)
            proxy.reply(ok)
        }
        let spare = proxy.resources.buffers.spare
        for _ in 0..<100 {
            proxy.ask(get)
            proxy.reply(ok)
        }
        #expect(proxy.resources.buffers.spare == spare)
        #expect(proxy.resources.heads.used == 0)
        proxy.expectNothingLeft()
    }

    @Test("Pipelined requests are read one after the other, and answered in order", arguments: [Int.max, 1])
    func pipelining(_ readSize: Int) {
        let proxy = http1()
        proxy.client.readSize = readSize
        let post = "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        proxy.client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + post + "\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.run()
        #expect(proxy.server.takeText() == "GET /1 HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(proxy.client.mux.wantsInput == false)
        #expect(proxy.reply("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1").hasSuffix("\r\n\r\n1"))
        #expect(proxy.server.takeText() == "POST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
        #expect(proxy.reply("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2").hasSuffix("\r\n\r\n2"))
        #expect(proxy.server.takeText() == "GET /3 HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(proxy.reply("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3").hasSuffix("\r\n\r\n3"))
        #expect(proxy.servers.count == 1)
        proxy.expectNothingLeft()
    }

    @Test("A client that ends its direction after pipelined requests still gets all answers") func pipelinedEnd() {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            proxy.answer(exchange, 200, exchange.path)
            return true
        }
        proxy.client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.client.end()
        proxy.run()
        let text = proxy.client.takeText()
        #expect(text.count(of: "200 OK") == 2)
        #expect(text.hasSuffix("/2"))
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        proxy.expectNothingLeft()
    }

    @Test(
        "Who wants the client's connection to close, closes it",
        arguments: ["GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"])
    func clientCloses(_ request: String) {
        let proxy = http1()
        proxy.ask(request + get)
        #expect(proxy.reply(ok) == okSentClose)
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(!proxy.server.isClosed)
        #expect(proxy.server.takeText() == "")
        proxy.expectNothingLeft()
    }

    @Test("option httpclose closes the client's connection, http-server-close the server's") func closeOptions() {
        var front = HTTP1FrontSettings()
        front.keepsAlive = false
        let client = http1(front: front)
        client.ask(get)
        #expect(client.reply(ok) == okSentClose)
        #expect(client.client.isClosed)
        client.expectNothingLeft()
        var back = HTTP1BackSettings()
        back.keepsAlive = false
        let server = http1(back: back)
        #expect(server.ask(get) == "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        #expect(server.reply(ok) == okSent)
        #expect(server.server.isClosed)
        #expect(!server.client.isClosed)
        server.expectNothingLeft()
    }

    @Test(
        "An early response: a short rest of the body is dropped, and the connection goes on", arguments: [true, false])
    func shortLeftover(chunked: Bool) {
        let proxy = http1()
        let framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: 20"
        proxy.ask("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n" + (chunked ? "5\r\nhello\r\n" : "hello"))
        #expect(proxy.reply("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").hasPrefix("HTTP/1.1 403"))
        #expect(proxy.server.isClosed)
        #expect(proxy.client.mux.activity == .idle)
        let rest = chunked ? "f\r\n012345678901234\r\n0\r\nX: y\r\n\r\n" : "012345678901234"
        proxy.client.send(rest + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.run()
        #expect(proxy.servers.count == 2)
        #expect(proxy.server.takeText() == "GET /next HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(proxy.reply(ok) == okSent)
        proxy.expectNothingLeft()
    }

    @Test("An early response: a long rest ends the connection") func longLeftover() {
        let proxy = http1()
        proxy.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhello")
        proxy.reply("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        #expect(proxy.client.isClosed)
        proxy.expectNothingLeft()
        let chunked = http1()
        chunked.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunked.reply("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        #expect(!chunked.client.isClosed)
        chunked.client.send("20000\r\n" + String(repeating: "x", count: 100_000))
        chunked.run()
        #expect(chunked.client.isClosed)
        chunked.expectNothingLeft()
        let broken = http1()
        broken.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        broken.reply("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        broken.client.send("zz\r\n" + get)
        broken.run()
        #expect(broken.client.isClosed)
        #expect(broken.servers.count == 1)
        broken.expectNothingLeft()
    }

    @Test("A final answer instead of 100 ends the connection, as the body may or may not come")
    func refusedExpectation() {
        let proxy = http1()
        #expect(
            proxy.ask("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                == "PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        let text = proxy.reply("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        #expect(text == "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        #expect(proxy.client.isClosed)
        proxy.expectNothingLeft()
    }

    @Test("100 Continue passes, then the body, then the answer") func expectation() {
        let proxy = http1()
        proxy.ask("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        #expect(proxy.reply("HTTP/1.1 100 Continue\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        #expect(proxy.ask("hello") == "hello")
        #expect(proxy.reply(ok) == okSent)
        #expect(!proxy.client.isClosed && !proxy.server.isClosed)
        proxy.expectNothingLeft()
    }

    @Test("Drain ends an idle connection now and a busy one after its response") func drain() {
        let fresh = http1()
        fresh.client.mux.drain()
        fresh.run()
        #expect(!fresh.client.isClosed)
        fresh.ask(get)
        #expect(fresh.reply(ok) == okSentClose)
        #expect(fresh.client.isClosed)
        fresh.expectNothingLeft()

        let proxy = http1()
        proxy.ask(get)
        proxy.client.mux.drain()
        proxy.server.mux.drain()
        #expect(proxy.reply(ok) == okSentClose)
        #expect(proxy.client.isClosed && proxy.server.isClosed)
        proxy.expectNothingLeft()

        let idle = http1()
        idle.ask(get)
        idle.reply(ok)
        idle.client.mux.drain()
        idle.server.mux.drain()
        idle.run()
        #expect(idle.client.isClosed && !idle.client.sawReset)
        #expect(idle.server.isClosed && !idle.server.sawReset)
        #expect((idle.server.mux as? HTTP1BackMux)?.availableStreams == 0)
        idle.expectNothingLeft()
    }

    @Test("What a server says after or without a response ends its connection") func serverChatter() {
        let extra = http1()
        extra.ask(get)
        #expect(extra.reply(ok + "HTTP/1.1 200 OK\r\n") == okSent)
        #expect(extra.server.isClosed)
        extra.expectNothingLeft()
        let idle = http1()
        idle.ask(get)
        idle.reply(ok)
        #expect(idle.reply("HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n") == "")
        #expect(idle.server.isClosed)
        idle.ask(get)
        #expect(idle.servers.count == 2)
        idle.expectNothingLeft()
        let early = http1()
        early.onRequest = { [unowned early] exchange in
            early.route(exchange)
            early.server.send("HTTP/1.1 200 OK\r\n\r\n")
            // The answer is there before the question is written.
            var input = InputBuffer(pool: early.resources.buffers)
            _ = input.append(Array("HTTP/1.1 200 OK\r\n\r\n".utf8).span)
            early.server.mux.receive(&input)
            return true
        }
        early.client.send(get)
        early.run()
        #expect(early.events.contains("back failed serverProtocolError unsent started"))
        early.expectNothingLeft()
    }

    @Test("A connection that gets no exchange closes") func refused() {
        let proxy = http1()
        proxy.takesExchanges = false
        proxy.client.send(get)
        proxy.run()
        #expect(proxy.client.isClosed)
        #expect(proxy.client.takeText() == "")
        proxy.expectNothingLeft()
    }
}
