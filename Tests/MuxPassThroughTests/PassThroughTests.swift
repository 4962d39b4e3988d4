import Bytes
import MuxPassThrough
import Streams
import TestSupport
import Testing

private func tcp() -> MemoryProxy {
    let proxy = MemoryProxy(
        front: { PassThroughMux(role: .front, host: $0) }, back: { PassThroughMux(role: .back, host: $0) })
    return proxy
}

extension MemoryProxy {
    fileprivate func accept() {
        (client.mux as? PassThroughMux)?.start()
        run()
    }

    fileprivate func expectNothingLeft(_ place: SourceLocation = #_sourceLocation) {
        stop()
        let open = exchanges.count { !$0.isOver }
        let slabs = resources.buffers.used
        #expect(open == 0, sourceLocation: place)
        #expect(slabs == 0, sourceLocation: place)
        #expect(!events.contains("endless"), sourceLocation: place)
    }
}

@Suite("TCP passed through") struct PassThroughTests {
    @Test("Both directions carry bytes and are counted; either side may speak first") func bothWays() throws {
        let proxy = tcp()
        proxy.accept()
        proxy.server.send("220 ready\r\n")
        proxy.run()
        #expect(proxy.client.takeText() == "220 ready\r\n")
        proxy.client.send("hello")
        proxy.run()
        #expect(proxy.server.takeText() == "hello")
        let exchange = try #require(proxy.exchanges.first)
        #expect(exchange.bytesToClient == 11)
        #expect(exchange.bytesFromClient == 5)
        #expect(proxy.client.mux.activity == .busy)
        proxy.expectNothingLeft()
    }

    @Test("The client's half-close passes, and the answer still comes") func clientHalfClose() {
        let proxy = tcp()
        proxy.accept()
        proxy.client.send("question")
        proxy.client.end()
        proxy.run()
        #expect(proxy.server.takeText() == "question")
        #expect(proxy.server.sawEnd)
        #expect(!proxy.server.isClosed)
        #expect(!proxy.client.sawEnd)
        proxy.server.send("answer")
        proxy.run()
        #expect(proxy.client.takeText() == "answer")
        proxy.server.end()
        proxy.run()
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(proxy.server.isClosed && !proxy.server.sawReset)
        #expect(proxy.events == ["connection", "response 0", "ended"])
        proxy.expectNothingLeft()
    }

    @Test("The server's half-close passes, and the client may go on") func serverHalfClose() {
        let proxy = tcp()
        proxy.accept()
        proxy.server.send("bye")
        proxy.server.end()
        proxy.run()
        #expect(proxy.client.takeText() == "bye")
        #expect(proxy.client.sawEnd && !proxy.client.isClosed)
        #expect(!proxy.server.sawEnd)
        proxy.client.send("more")
        proxy.client.end()
        proxy.run()
        #expect(proxy.server.takeText() == "more")
        #expect(proxy.server.isClosed && !proxy.server.sawReset)
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(proxy.events.last == "ended")
        proxy.expectNothingLeft()
    }

    @Test("After the server's end the client's last bytes still reach a slow server") func lastBytes() {
        let proxy = tcp()
        proxy.accept()
        proxy.server.isPeerReading = false
        proxy.server.end()
        proxy.client.send([UInt8](repeating: 1, count: 50_000))
        proxy.client.end()
        proxy.run()
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(proxy.exchanges.first?.isOver == false)
        proxy.server.isPeerReading = true
        proxy.server.send("")
        proxy.run()
        #expect(proxy.server.received.count == 50_000)
        #expect(proxy.server.isClosed && !proxy.server.sawReset)
        #expect(proxy.events.last == "ended")
        proxy.expectNothingLeft()
    }

    @Test("A reset goes on as a reset", arguments: [true, false]) func reset(byClient: Bool) {
        let proxy = tcp()
        proxy.accept()
        proxy.client.send("a")
        proxy.server.send("b")
        proxy.run()
        (byClient ? proxy.client! : proxy.server).fail(.reset)
        proxy.run()
        #expect((byClient ? proxy.server : proxy.client!).sawReset)
        #expect(proxy.events.last == (byClient ? "ended clientAborted" : "ended serverAborted"))
        proxy.expectNothingLeft()
    }

    @Test("A timeout of the exchange resets both sides") func kill() {
        let proxy = tcp()
        proxy.accept()
        proxy.client.send("a")
        proxy.run()
        proxy.exchanges.first?.kill(.serverTimeout)
        proxy.run()
        #expect(proxy.client.sawReset)
        #expect(proxy.server.sawReset)
        #expect(proxy.events.last == "ended serverTimeout")
        proxy.expectNothingLeft()
    }

    @Test("A server that can not be reached closes the client's connection in order") func unreachable() {
        let proxy = tcp()
        proxy.onRequest = { exchange in
            exchange.kill(.connectFailed)
            return true
        }
        proxy.accept()
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(proxy.events == ["connection", "ended connectFailed"])
        proxy.expectNothingLeft()
    }

    @Test("A connection that breaks before it carried anything is reported as unsent") func unsent() {
        let proxy = tcp()
        proxy.onRequest = { [unowned proxy] exchange in
            proxy.route(exchange)
            proxy.server.fail(.failed)
            return true
        }
        proxy.accept()
        #expect(proxy.events == ["connection", "back failed connectFailed unsent", "ended connectFailed"])
        #expect(proxy.client.isClosed)
        proxy.expectNothingLeft()
    }

    @Test("A slow reader stops the sender, and memory stays flat", arguments: [true, false])
    func backpressure(toServer: Bool) {
        let proxy = tcp()
        proxy.accept()
        let sender = toServer ? proxy.client! : proxy.server
        let reader = toServer ? proxy.server : proxy.client!
        reader.isPeerReading = false
        let total = 4_000_000
        sender.send([UInt8](repeating: 7, count: total))
        proxy.run()
        #expect(sender.unread > total - 200_000)
        let slabs = proxy.resources.buffers.used
        #expect(slabs < 10)
        #expect(sender.mux.wantsInput == false)
        reader.isPeerReading = true
        reader.send("")
        proxy.run()
        #expect(reader.received.count == total)
        #expect(sender.unread == 0)
        proxy.expectNothingLeft()
    }

    @Test("The end waits behind bytes that wait for a slow reader") func endBehindBytes() {
        let proxy = tcp()
        proxy.accept()
        proxy.server.isPeerReading = false
        proxy.client.send([UInt8](repeating: 7, count: 300_000))
        proxy.client.end()
        proxy.run()
        #expect(!proxy.server.sawEnd)
        proxy.server.isPeerReading = true
        proxy.server.send("")
        proxy.run()
        #expect(proxy.server.received.count == 300_000)
        #expect(proxy.server.sawEnd)
        proxy.expectNothingLeft()
    }

    @Test("A server's connection serves once, and is closed when it ends or speaks before its time") func idleServer() {
        for speaks in [true, false] {
            let connection = MemoryConnection(resources: WorkerResources())
            let mux = PassThroughMux(role: .back, host: connection)
            connection.mux = mux
            #expect(mux.availableStreams == 1)
            if speaks { connection.send("x") } else { connection.end() }
            while connection.turn() {}
            #expect(connection.isClosed)
            #expect(mux.availableStreams == 0)
        }
        let proxy = tcp()
        proxy.accept()
        #expect((proxy.server.mux as? PassThroughMux)?.availableStreams == 0)
        proxy.expectNothingLeft()
    }

    @Test("A connection without an exchange is closed by drain, by an idle timer, and when the proxy is full")
    func unused() {
        let proxy = tcp()
        proxy.takesExchanges = false
        proxy.accept()
        #expect(proxy.client.isClosed)
        proxy.expectNothingLeft()
        for drains in [true, false] {
            let other = tcp()
            if drains { other.client.mux.drain() } else { other.client.mux.idleTimeout() }
            other.run()
            #expect(other.client.isClosed)
            let open = tcp()
            open.accept()
            if drains { open.client.mux.drain() } else { open.client.mux.idleTimeout() }
            open.run()
            #expect(!open.client.isClosed)
            open.expectNothingLeft()
        }
    }
}
