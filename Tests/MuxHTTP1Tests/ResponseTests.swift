import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

private func field(_ line: String, _ error: MessageError) -> (String, MessageError) {
    ("HTTP/1.1 200 OK\r\n\(line)\r\n\r\n", error)
}

private let badResponses: [(String, MessageError)] = [
    ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .badVersion),
    ("HTTP/1.1\r\n\r\n", .badStatus), ("HTTP/1.1 \r\n\r\nxxxx", .badStatus), ("HTTP/1.1 20\r\n\r\n", .badStatus),
    ("HTTP/1.1 2000 OK\r\n\r\n", .badStatus), ("HTTP/1.1 099 OK\r\n\r\n", .badStatus),
    ("HTTP/1.1 600 OK\r\n\r\n", .badStatus), ("HTTP/1.1  200 OK\r\n\r\n", .badStatus),
    ("HTTP/1.1 2x0 OK\r\n\r\n", .badStatus), ("HTTP/1.1\t200 OK\r\n\r\n", .badStatus),
    ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion), ("http/1.1 200 OK\r\n\r\n", .badVersion),
    ("ICY 200 OK\r\nA: b\r\n\r\n", .badVersion), ("HTTP/1.1 200 O\u{0}K\r\n\r\n", .badValue),
    ("HTTP/1.1 200 OK\nA: b\r\n\r\n", .bareLineFeed), ("HTTP/1.1 200 OK\rA: b\r\n\r\n", .bareCarriageReturn),
    ("HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", .unexpectedUpgrade),
    field("Content-Length: 5\r\nContent-Length: 6", .conflictingContentLength),
    field("Content-Length: x", .badContentLength), field("Content-Length: -1", .badContentLength),
    field("Content-Length: 1, 2", .conflictingContentLength),
    field("Transfer-Encoding: gzip", .badTransferEncoding),
    field("Transfer-Encoding: gzip, chunked", .unknownTransferEncoding),
    field("Transfer-Encoding: chunked, chunked", .badTransferEncoding),
    field("Transfer-Encoding : chunked", .blankBeforeColon), field("A: b\r\n c", .foldedField),
    field("A: b\nC: d", .bareLineFeed), field("A: b\rC: d", .bareCarriageReturn), field("A\u{0}: b", .badName),
    field("A: \u{0}", .badValue), field("A", .missingColon), field(": a", .emptyName),
]

@Suite("HTTP/1 responses") struct ResponseTests {
    @Test("A response that breaks the rules is a 502, however it is cut", arguments: badResponses)
    func badResponse(_ text: String, _ error: MessageError) {
        for pieces in cuts(Array(text.utf8)) {
            let proxy = http1()
            proxy.ask(get)
            for piece in pieces {
                proxy.server.send(piece)
                proxy.run()
            }
            let mux = proxy.server.mux as? HTTP1BackMux
            let isRight =
                mux?.lastError == error && proxy.server.sawReset && !proxy.client.isClosed
                && proxy.client.takeText().hasPrefix("HTTP/1.1 502 ")
                && proxy.events.contains("back failed serverProtocolError started")
            if !isRight {
                Issue.record("cut at \(pieces[0].count): \(proxy.events) \(String(describing: mux?.lastError))")
                return
            }
            proxy.expectNothingLeft()
        }
    }

    @Test(
        "A response goes on with its framing made for the client, however it is cut",
        arguments: [
            // (request line and fields, response, what the client gets, whether the server's connection stays)
            (
                get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", true
            ),
            (get, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
            (get, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
            (
                get, "HTTP/1.1 299 Très bon\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 299 Très bon\r\ncontent-length: 0\r\n\r\n", true
            ),
            (
                get,
                "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: X-Gone\r\nX-Gone: 1\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\nok",
                "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 2\r\n\r\nok", true
            ),
            (
                get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false
            ),
            (
                get, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false
            ),
            (
                get, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true
            ),
            (
                get, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", false
            ),
            (
                get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n", true
            ),
            (get, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", true),
            (
                get, "HTTP/1.1 304 Not Modified\r\nETag: a\r\nContent-Length: 50\r\n\r\n",
                "HTTP/1.1 304 Not Modified\r\netag: a\r\ncontent-length: 50\r\n\r\n", true
            ),
            (
                "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n",
                "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n", true
            ),
            (
                "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\n\r\n", true
            ),
            (
                get,
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 5\r\n\r\n"
                    + "HTTP/1.1 204 No Content\r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                true
            ),
            (
                "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", true
            ),
        ] as [(String, String, String, Bool)])
    func goodResponse(_ request: String, _ response: String, _ expected: String, _ stays: Bool) {
        for pieces in cuts(Array(response.utf8)) {
            let proxy = http1()
            proxy.ask(request)
            for piece in pieces {
                proxy.server.send(piece)
                proxy.run()
            }
            let text = proxy.client.takeText()
            if text != expected || proxy.client.isClosed || proxy.server.isClosed == stays
                || proxy.events.last != "ended"
            {
                Issue.record("cut at \(pieces[0].count): \(text) \(proxy.events)")
                return
            }
            // Both connections work on.
            proxy.client.send(get)
            proxy.run()
            #expect(proxy.servers.count == (stays ? 1 : 2))
            #expect(proxy.reply("HTTP/1.1 204 No Content\r\n\r\n").hasPrefix("HTTP/1.1 204 No Content\r\n"))
            proxy.expectNothingLeft()
        }
    }

    @Test("A body until the close is chunked for HTTP/1.1 and ends with the connection for HTTP/1.0") func untilClose()
    {
        let proxy = http1()
        proxy.ask(get)
        #expect(proxy.reply("HTTP/1.1 200 OK\r\n\r\nhel").hasSuffix("transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n"))
        proxy.server.send("lo")
        proxy.server.end()
        proxy.run()
        #expect(proxy.client.takeText() == "2\r\nlo\r\n0\r\n\r\n")
        #expect(!proxy.client.isClosed)
        #expect(proxy.server.isClosed)
        proxy.expectNothingLeft()

        let old = http1()
        old.ask("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        #expect(
            old.reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")
                == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello")
        #expect(old.client.isClosed && !old.client.sawReset)
        old.expectNothingLeft()
    }

    @Test("A response to HEAD or with 204 or 304 has no body, whatever the proxy's own answer brings") func bodiless() {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            proxy.answer(exchange, exchange.path == "/304" ? 304 : 403, "text")
            return true
        }
        proxy.client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.run()
        #expect(proxy.client.takeText() == "HTTP/1.1 403 Forbidden\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n")
        #expect(proxy.events.filter { $0 == "ended" }.count == 2)
        proxy.expectNothingLeft()
    }

    @Test("A response that is longer than its length is cut, and the connection closes") func overlong() {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            let head = proxy.resources.heads.obtain(.response)
            head.status = 200
            head.bodyLength = .known(2)
            exchange.response.put(head)
            exchange.response.put(proxy.chunk("hello"))
            exchange.response.end()
            return true
        }
        proxy.client.send(get + get)
        proxy.run()
        #expect(proxy.client.takeText() == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhe")
        #expect(proxy.client.isClosed)
        proxy.expectNothingLeft()
    }

    @Test("A response that is shorter than its length does not look complete") func tooShort() {
        let proxy = http1()
        proxy.onRequest = { [unowned proxy] exchange in
            let head = proxy.resources.heads.obtain(.response)
            head.status = 200
            head.bodyLength = .known(9)
            exchange.response.put(head)
            exchange.response.put(proxy.chunk("hello"))
            exchange.response.end()
            return true
        }
        proxy.client.send(get + get)
        proxy.run()
        #expect(proxy.client.takeText() == "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
        #expect(proxy.client.isClosed)
        #expect(proxy.events.last == "ended internalError")
        proxy.expectNothingLeft()
    }

    @Test("Interim responses beyond what may wait are dropped") func manyInterim() {
        let proxy = http1()
        proxy.ask(get)
        proxy.client.isPeerReading = false
        let interim = String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 40)
        proxy.server.send(interim + "HTTP/1.1 204 No Content\r\n\r\n")
        proxy.run()
        proxy.client.isPeerReading = true
        proxy.client.send("")
        proxy.run()
        let text = proxy.client.takeText()
        #expect(text.hasSuffix("HTTP/1.1 204 No Content\r\n\r\n"))
        #expect(text.count(of: "103 Early") == 16)
        proxy.expectNothingLeft()
    }

    @Test("A response's head that is larger than the buffer is a 502") func tooLarge() {
        let proxy = http1()
        proxy.ask(get)
        let text = proxy.reply("HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 20_000))
        #expect(text.hasPrefix("HTTP/1.1 502"))
        #expect(proxy.server.sawReset)
        proxy.expectNothingLeft()
    }
}
