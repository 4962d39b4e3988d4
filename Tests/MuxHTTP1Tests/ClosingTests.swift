import Bytes
import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

private let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"
private let postChunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
private let known = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
private let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
private let untilClose = "HTTP/1.1 200 OK\r\n\r\nhello"

/// How a side goes away.
enum Departure: CaseIterable { case end, reset, truncated, timeout, stopping }

extension MemoryConnection {
    fileprivate func leave(_ departure: Departure) {
        switch departure {
        case .end: end()
        case .reset: fail(.reset)
        case .truncated: fail(.truncated)
        case .timeout: fail(.timeout)
        case .stopping: fail(.stopping)
        }
    }
}

@Suite("HTTP/1: what one side's end is on the other") struct ClosingTests {
    // MARK: The client goes

    @Test("The client goes before it asked: nothing is logged") func clientBeforeRequest() {
        for departure in Departure.allCases {
            let proxy = http1()
            proxy.client.leave(departure)
            proxy.run()
            #expect(proxy.client.isClosed && !proxy.client.sawReset)
            #expect(proxy.events.isEmpty)
            proxy.expectNothingLeft()
        }
    }

    @Test("The client goes in the middle of a head", arguments: Departure.allCases) func clientInHead(
        _ departure: Departure
    ) {
        let proxy = http1()
        proxy.ask("GET / HTTP/1.1\r\nHo")
        #expect(proxy.client.mux.activity == .receivingHead)
        proxy.client.leave(departure)
        proxy.run()
        #expect(proxy.client.isClosed)
        #expect(proxy.servers.isEmpty)
        #expect(proxy.events == ["ended \(clientReason(departure))"])
        proxy.expectNothingLeft()
    }

    @Test("The client goes in the middle of a body: the server sees a broken request") func clientInBody() {
        for departure in Departure.allCases {
            for request in [post, postChunked] {
                let proxy = http1()
                let sent = proxy.ask(request)
                #expect(sent.contains("hello"))
                proxy.client.leave(departure)
                proxy.run()
                #expect(proxy.client.isClosed)
                #expect(proxy.server.sawReset)
                #expect(proxy.server.takeText() == "")
                #expect(proxy.events.last == "ended \(clientReason(departure))")
                proxy.expectNothingLeft()
            }
        }
    }

    @Test("The client ends its direction and waits: it gets its response, then the close") func clientHalfClose() {
        let proxy = http1()
        proxy.client.send(get)
        proxy.client.end()
        proxy.run()
        #expect(!proxy.client.isClosed)
        let text = proxy.reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(text.hasSuffix("ok"))
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(!proxy.server.isClosed)
        #expect(proxy.events.last == "ended")
        proxy.expectNothingLeft()
    }

    @Test("With abortonclose a client that ends its direction while it waits is gone") func abortOnClose() {
        var settings = HTTP1FrontSettings()
        settings.abortsOnClose = true
        let proxy = http1(front: settings)
        proxy.ask(get)
        proxy.client.end()
        proxy.run()
        #expect(proxy.client.isClosed)
        #expect(proxy.server.sawReset)
        #expect(proxy.events.last == "ended clientAborted")
        proxy.expectNothingLeft()
    }

    @Test(
        "The client goes while it waits, or in the middle of the response", arguments: ["", known, chunked, untilClose])
    func clientInResponse(_ response: String) {
        for departure in Departure.allCases where departure != .end {
            let proxy = http1()
            proxy.ask(get)
            if !response.isEmpty { #expect(proxy.reply(response).contains("hello")) }
            proxy.client.leave(departure)
            proxy.run()
            #expect(proxy.server.sawReset)
            #expect(proxy.events.last == "ended \(clientReason(departure))")
            proxy.expectNothingLeft()
        }
    }

    private func clientReason(_ departure: Departure) -> CloseReason {
        switch departure {
        case .end, .reset, .truncated: .clientAborted
        case .timeout: .clientTimeout
        case .stopping: .killed
        }
    }

    // MARK: The server goes

    @Test("The server goes before it was asked: the request can go elsewhere", arguments: Departure.allCases)
    func serverBeforeRequest(_ departure: Departure) {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            proxy.route(exchange)
            proxy.server.leave(departure)
            // The end of the connection is read before the request is written.
            if departure == .end { proxy.server.readOnly() }
            return true
        }
        proxy.client.send(get)
        proxy.run()
        let reason: CloseReason =
            switch departure {
            case .end: .serverAborted
            case .reset, .truncated: .connectFailed
            case .timeout: .connectTimeout
            case .stopping: .killed
            }
        #expect(proxy.events.contains("back failed \(reason) unsent"))
        #expect(proxy.client.takeText().hasPrefix("HTTP/1.1 502"))
        #expect(!proxy.client.isClosed)
        proxy.expectNothingLeft()
    }

    @Test("The server goes after the request: the handler hears what was sent and what came")
    func serverBeforeResponse() {
        for departure in Departure.allCases {
            for (isReused, part) in [(false, ""), (true, ""), (false, "HTTP/1.1 200 OK\r\nA:"), (true, "H")] {
                let proxy = http1()
                if isReused {
                    proxy.ask(get)
                    proxy.reply("HTTP/1.1 204 No Content\r\n\r\n")
                }
                proxy.ask(get)
                proxy.reply(part)
                proxy.server.leave(departure)
                proxy.run()
                let marks = (isReused ? " reused" : "") + (part.isEmpty ? "" : " started")
                #expect(proxy.events.contains("back failed \(serverReason(departure))\(marks)"))
                #expect(proxy.server.isClosed)
                #expect(proxy.client.takeText().hasPrefix("HTTP/1.1 502"))
                #expect(!proxy.client.isClosed)
                #expect(proxy.servers.count == 1)
                proxy.expectNothingLeft()
            }
        }
    }

    @Test("The server goes in the middle of a body: the client sees a broken message") func serverInBody() {
        for departure in Departure.allCases {
            for response in [known, chunked, untilClose] {
                if departure == .end, response == untilClose { continue }
                let proxy = http1()
                proxy.ask(get)
                proxy.reply(response)
                proxy.server.leave(departure)
                proxy.run()
                #expect(proxy.server.isClosed)
                #expect(proxy.client.isClosed)
                // No last chunk, no full length: it can not be taken for complete.
                #expect(proxy.client.takeText() == "")
                #expect(proxy.events.last == "ended \(serverReason(departure))")
                proxy.expectNothingLeft()
            }
        }
    }

    @Test("A broken body that ends with the connection is a reset for HTTP/1.0") func resetForHTTP10() {
        let proxy = http1()
        proxy.ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        #expect(proxy.reply(chunked).hasSuffix("hello"))
        proxy.server.fail(.reset)
        proxy.run()
        #expect(proxy.client.sawReset)
        #expect(proxy.events.last == "ended serverAborted")
        proxy.expectNothingLeft()
    }

    @Test("Chunks that break the rules break the response") func badResponseChunks() {
        let proxy = http1()
        proxy.ask(get)
        proxy.reply(chunked)
        #expect(proxy.reply("zz\r\n") == "")
        #expect(proxy.server.sawReset)
        #expect(proxy.client.isClosed)
        #expect(proxy.events.last == "ended serverProtocolError")
        proxy.expectNothingLeft()
    }

    @Test("The server's end behind bytes that wait for a slow client is not an abort") func endBehindBytes() {
        for framing in ["Content-Length: 500000\r\n", "", "Transfer-Encoding: chunked\r\n"] {
            let proxy = http1()
            proxy.ask(get)
            proxy.client.isPeerReading = false
            let body = String(repeating: "x", count: 500_000)
            let isChunked = framing.hasPrefix("T")
            proxy.server.send(
                "HTTP/1.1 200 OK\r\n\(framing)\r\n" + (isChunked ? "7a120\r\n\(body)\r\n0\r\n\r\n" : body))
            proxy.server.end()
            proxy.run()
            #expect(proxy.server.unread > 300_000)
            proxy.client.isPeerReading = true
            proxy.client.send("")
            proxy.run()
            let text = proxy.client.takeText()
            #expect(text.utf8.count { $0 == UInt8(ascii: "x") } == 500_000)
            #expect(proxy.events.last == "ended")
            #expect(!proxy.client.isClosed)
            proxy.expectNothingLeft()
        }
    }

    @Test("The client's end behind bytes that wait for a slow server is not an abort") func clientEndBehindBytes() {
        let proxy = http1()
        proxy.client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n")
        proxy.run()
        proxy.server.isPeerReading = false
        proxy.client.send([UInt8](repeating: 120, count: 500_000))
        proxy.client.end()
        proxy.run()
        #expect(proxy.client.unread > 300_000)
        proxy.server.isPeerReading = true
        proxy.server.send("")
        proxy.run()
        #expect(proxy.server.received.count > 500_000)
        #expect(proxy.reply("HTTP/1.1 204 No Content\r\n\r\n").hasPrefix("HTTP/1.1 204"))
        #expect(proxy.client.isClosed && !proxy.client.sawReset)
        #expect(proxy.events.last == "ended")
        proxy.expectNothingLeft()
    }

    private func serverReason(_ departure: Departure) -> CloseReason {
        switch departure {
        case .end, .reset, .truncated: .serverAborted
        case .timeout: .serverTimeout
        case .stopping: .killed
        }
    }

    // MARK: The proxy ends it

    @Test("A killed exchange closes both connections, and nothing looks complete") func kill() {
        for reason in [CloseReason.killed, .serverTimeout, .clientTimeout] {
            for response in ["", known, chunked, untilClose] {
                let proxy = http1()
                proxy.ask(get)
                if !response.isEmpty { proxy.reply(response) }
                proxy.exchanges[0].kill(reason)
                proxy.run()
                #expect(proxy.client.isClosed && proxy.server.sawReset)
                #expect(proxy.client.takeText() == "")
                #expect(proxy.events.last == "ended \(reason)")
                proxy.expectNothingLeft()
            }
        }
    }

    @Test("A handler that kills the exchange in its first call, or in the response's, does no harm") func killInCall() {
        for request in [get, post, postChunked] {
            let proxy = http1()
            proxy.onRequest = { exchange in
                exchange.kill(.killed)
                return true
            }
            proxy.client.send(request + get)
            proxy.run()
            #expect(proxy.client.isClosed)
            #expect(proxy.events.filter { $0.hasPrefix("ended") } == ["ended killed"])
            proxy.expectNothingLeft()
        }
        for response in [known, "HTTP/1.1 204 No Content\r\n\r\n", untilClose] {
            let proxy = http1()
            proxy.onResponse = { $0.kill(.killed) }
            proxy.ask(get)
            #expect(proxy.reply(response) == "")
            #expect(proxy.client.isClosed && proxy.server.isClosed)
            proxy.expectNothingLeft()
        }
    }

    @Test("A back end that is dropped before it wrote anything serves another exchange") func droppedUnsent() {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            proxy.route(exchange)
            exchange.dropBack(.notNeeded)
            proxy.answer(exchange, 403, "no")
            return true
        }
        #expect(proxy.ask(get) == "")
        #expect(proxy.client.takeText().hasPrefix("HTTP/1.1 403"))
        #expect(!proxy.server.isClosed)
        #expect((proxy.server.mux as? HTTP1BackMux)?.availableStreams == 1)
        #expect(proxy.server.streamChanges == 1)
        proxy.onRequest = { _ in false }
        #expect(proxy.ask(get) == "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(proxy.servers.count == 1)
        proxy.expectNothingLeft()
    }

    @Test("Idle timers: 408 for a request that does not come, silence between requests") func idleTimers() {
        let fresh = http1()
        fresh.client.mux.idleTimeout()
        fresh.run()
        #expect(fresh.client.takeText().hasPrefix("HTTP/1.1 408 Request Time-out\r\n"))
        #expect(fresh.client.isClosed)
        #expect(fresh.events.last == "ended clientTimeout")
        fresh.expectNothingLeft()

        var settings = HTTP1FrontSettings()
        settings.ignoresProbes = true
        let probe = http1(front: settings)
        probe.client.mux.idleTimeout()
        probe.run()
        #expect(probe.client.isClosed)
        #expect(probe.client.takeText() == "" && probe.events.isEmpty)
        probe.expectNothingLeft()

        let head = http1()
        head.ask("GET / HT")
        head.client.mux.idleTimeout()
        head.run()
        #expect(head.client.takeText().hasPrefix("HTTP/1.1 408"))
        #expect(head.events == ["rejected 408", "response 408", "ended clientTimeout"])
        head.expectNothingLeft()

        let idle = http1()
        idle.ask(get)
        idle.reply("HTTP/1.1 204 No Content\r\n\r\n")
        idle.client.mux.idleTimeout()
        idle.server.mux.idleTimeout()
        idle.run()
        #expect(idle.client.isClosed && idle.server.isClosed)
        #expect(idle.client.takeText() == "")
        idle.expectNothingLeft()
    }

    // MARK: Backpressure

    @Test("A slow reader stops the sender, and memory stays flat", arguments: [true, false]) func backpressure(
        _ upload: Bool
    ) {
        let proxy = http1()
        let total = 8_000_000
        let length = "Content-Length: \(total)\r\n\r\n"
        proxy.ask(upload ? "POST / HTTP/1.1\r\nHost: a\r\n\(length)" : get)
        let sender = upload ? proxy.client! : proxy.server
        let reader = upload ? proxy.server : proxy.client!
        reader.isPeerReading = false
        if !upload { sender.send("HTTP/1.1 200 OK\r\n\(length)") }
        sender.send([UInt8](repeating: 120, count: total))
        proxy.run()
        #expect(sender.unread > total - 200_000)
        #expect(sender.mux.wantsInput == false)
        let slabs = proxy.resources.buffers.used
        #expect(slabs < 10)
        reader.isPeerReading = true
        reader.send("")
        proxy.run()
        #expect(reader.received.count >= total)
        #expect(proxy.exchanges[0].request.bytesIn + proxy.exchanges[0].response.bytesIn == UInt64(total))
        proxy.expectNothingLeft()
    }
}
