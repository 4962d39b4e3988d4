import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

/// A head that must be refused: what is wrong, and the status of the answer.
struct BadHead: CustomTestStringConvertible {
    let text: String
    let status: Int
    let error: MessageError

    init(_ text: String, _ error: MessageError, _ status: Int = 400) {
        self.text = text
        self.status = status
        self.error = error
    }

    var testDescription: String {
        String(text.unicodeScalars.map { $0.value < 32 || $0.value > 126 ? "·" : Character($0) })
    }
}

private func line(_ line: String, _ error: MessageError, _ status: Int = 400) -> BadHead {
    BadHead("\(line)\r\nHost: a\r\n\r\n", error, status)
}

private func field(_ line: String, _ error: MessageError, _ status: Int = 400) -> BadHead {
    BadHead("POST / HTTP/1.1\r\nHost: a\r\n\(line)\r\nX-After: 1\r\n\r\n", error, status)
}

private let startLines = [
    line("GET", .badMethod),
    line("GET /", .badTarget),
    line("GET / ", .badVersion),
    line("GET  HTTP/1.1", .badTarget),
    line("GET / HTTP/1.1 ", .badVersion),
    line(" GET / HTTP/1.1", .badMethod),
    line("\tGET / HTTP/1.1", .badMethod),
    line("G ET / HTTP/1.1", .badVersion),
    line("G(T / HTTP/1.1", .badMethod),
    line("G\u{0}T / HTTP/1.1", .badMethod),
    line("GET\t/ HTTP/1.1", .badMethod),
    line("GET /\tHTTP/1.1", .badTarget),
    line("GET /a b HTTP/1.1", .badVersion),
    line("GET /a\u{0}b HTTP/1.1", .badTarget),
    line("GET /a\u{7f}b HTTP/1.1", .badTarget),
    line("GET /é HTTP/1.1", .badTarget),
    line("GET /a#b HTTP/1.1", .badTarget),
    line("GET /0123456789abcdef\u{1}0123456789 HTTP/1.1", .badTarget),
    line("GET a HTTP/1.1", .badTarget),
    line("GET * HTTP/1.1", .badTarget),
    line("GET http:/a/ HTTP/1.1", .badTarget),
    line("GET http:///a HTTP/1.1", .badAuthority),
    line("GET http://u@a/ HTTP/1.1", .badAuthority),
    line("GET http://a:x/ HTTP/1.1", .badAuthority),
    line("GET 1http://a/ HTTP/1.1", .badTarget),
    line("OPTIONS *a HTTP/1.1", .badTarget),
    line("CONNECT / HTTP/1.1", .badAuthority),
    line("CONNECT a HTTP/1.1", .badConnectAuthority),
    line("CONNECT a: HTTP/1.1", .badConnectAuthority),
    line("CONNECT http://a:80/ HTTP/1.1", .badAuthority),
    line("GET / http/1.1", .badVersion),
    line("GET / HTTP/1", .badVersion),
    line("GET / HTTP/1.11", .badVersion),
    line("GET / HTTP/11.1", .badVersion),
    line("GET / HTTPS/1.1", .badVersion),
    line("GET / HTTP/2.0", .unsupportedVersion, 505),
    line("GET / HTTP/0.9", .unsupportedVersion, 505),
    BadHead("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion, 405),
    BadHead("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", .badMethod),
    BadHead("GET / HTTP/1.1\nHost: a\n\n", .bareLineFeed),
    BadHead("GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineFeed),
    BadHead("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", .bareCarriageReturn),
    BadHead("GET / HTTP/1.1\rHost: a\r\n\r\n", .bareCarriageReturn),
]

private let fieldLines = [
    BadHead("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedField),
    BadHead("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", .badAuthority),
    BadHead("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", .badAuthority),
    field("Host: a", .duplicateHost),
    field("Host: b", .duplicateHost),
    BadHead("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .badAuthority),
    BadHead("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badAuthority),
    BadHead("GET / HTTP/1.1\r\nHost: a,b\r\nHost: a\r\n\r\n", .duplicateHost),
    BadHead("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .badAuthority),
    field("X-A : 1", .blankBeforeColon),
    field("X-A\t: 1", .blankBeforeColon),
    field("Content-Length : 5", .blankBeforeColon),
    field(": 1", .emptyName),
    field("X-A", .missingColon),
    field("X A: 1", .blankBeforeColon),
    field("X\u{0}A: 1", .badName),
    field("X(A: 1", .badName),
    field("X\"A: 1", .badName),
    field("Xé: 1", .badName),
    field("X-A: 1\r\n 2", .foldedField),
    field("X-A: 1\r\n\t2", .foldedField),
    field("X-A:\r\n 2", .foldedField),
    field("Transfer-Encoding:\r\n chunked", .badTransferEncoding),
    field("X-A: 1\u{0}2", .badValue),
    field("X-A: 1\u{8}2", .badValue),
    field("X-A: 0123456789abcdef0123456789\u{7f}", .badValue),
    field("X-A: 1\rX-B: 2", .bareCarriageReturn),
    field("X-A: 1\nX-B: 2", .bareLineFeed),
    field("X-A: 1\r", .bareCarriageReturn),
    field("X-A\r\n: 1", .missingColon),
    field("X-A\n: 1", .bareLineFeed),
    field("Content-Length: ", .badContentLength),
    field("Content-Length: a", .badContentLength),
    field("Content-Length: -1", .badContentLength),
    field("Content-Length: +1", .badContentLength),
    field("Content-Length: 0x10", .badContentLength),
    field("Content-Length: 1 1", .badContentLength),
    field("Content-Length: 1.0", .badContentLength),
    field("Content-Length: 5,", .badContentLength),
    field("Content-Length: ,5", .badContentLength),
    field("Content-Length: 5, 6", .conflictingContentLength),
    field("Content-Length: 5\r\nContent-Length: 6", .conflictingContentLength),
    field("Content-Length: 0\r\nContent-Length: 5", .conflictingContentLength),
    field("Content-Length: 18446744073709551616", .badContentLength),
    field("Content-Length: 9223372036854775808", .badContentLength),
    field("Content-Length: 5\r\nTransfer-Encoding: identity", .badTransferEncoding),
    field("Transfer-Encoding: ", .badTransferEncoding),
    field("Transfer-Encoding: identity", .badTransferEncoding),
    field("Transfer-Encoding: gzip", .badTransferEncoding),
    field("Transfer-Encoding: gzip, chunked", .unknownTransferEncoding, 422),
    field("Transfer-Encoding: chunked, gzip", .badTransferEncoding),
    field("Transfer-Encoding: chunked, chunked", .badTransferEncoding),
    field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .badTransferEncoding),
    field("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", .badTransferEncoding),
    field("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", .unknownTransferEncoding, 422),
    field("Transfer-Encoding: chunked;q=1", .badTransferEncoding),
    field("Transfer-Encoding: \"chunked\"", .badTransferEncoding),
    field("Transfer-Encoding: xchunked", .badTransferEncoding),
    field("Transfer-Encoding: chunked\u{b}", .badValue),
    field("Transfer-Encoding: chunked,", .badTransferEncoding),
    field("Transfer-Encoding: , chunked", .badTransferEncoding),
    field("Transfer-Encoding : chunked", .blankBeforeColon),
    BadHead("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .bodyInHTTP10, 413),
    BadHead("GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", .bodyInHTTP10, 413),
    BadHead("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\n\r\nhello", .upgradeWithBody, 501),
    field("Connection: upgrade\r\nUpgrade: custom\r\nContent-Length: 5", .upgradeWithBody, 501),
    field("Connection: upgrade\r\nUpgrade: custom\r\nTransfer-Encoding: chunked", .upgradeWithBody, 501),
    field("Connection: upgrade\r\nUpgrade: websocket", .missingWebSocketKey),
    field("Connection: upgrade\r\nUpgrade: custom, websocket\r\nUpgrade: other", .missingWebSocketKey),
    field("Connection: " + (0..<33).map { "x\($0)" }.joined(separator: ","), .tooManyConnectionOptions),
]

@Suite("HTTP/1 requests that are refused") struct BadRequestTests {
    @Test("Start lines", arguments: startLines) func badStartLine(_ bad: BadHead) { refuse(bad) }

    @Test("Fields", arguments: fieldLines) func badField(_ bad: BadHead) { refuse(bad) }

    /// However the bytes are cut, the answer is the same, nothing goes to a server, and the connection ends.
    private func refuse(_ bad: BadHead) {
        for pieces in cuts(Array((bad.text + get).utf8)) {
            let proxy = http1()
            for piece in pieces {
                proxy.client.send(piece)
                proxy.run()
            }
            let mux = proxy.client.mux as? HTTP1FrontMux
            let text = proxy.client.takeText()
            let isRight =
                text.hasPrefix("HTTP/1.1 \(bad.status) ") && text.contains("\r\nconnection: close\r\n")
                && mux?.lastError == bad.error && proxy.servers.isEmpty && proxy.client.isClosed
                && proxy.events == ["rejected \(bad.status)", "response \(bad.status)", "ended clientProtocolError"]
            if !isRight {
                Issue.record(
                    "cut at \(pieces[0].count): \(text) \(proxy.events) \(mux?.lastError.map { "\($0)" } ?? "no error")"
                )
                return
            }
            proxy.expectNothingLeft()
        }
    }

    @Test("A request line larger than the buffer is 414, other fields are 431") func tooLarge() {
        let long = String(repeating: "a", count: 20_000)
        for (text, status, error) in [
            ("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n", 414, MessageError.targetTooLong),
            ("GET /\(long)", 414, .targetTooLong),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n", 431, .headTooLarge),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)", 431, .headTooLarge),
            ("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "x: 1\r\n", count: 101) + "\r\n", 431, .tooManyFields),
        ] {
            for size in [Int.max, 1000] {
                let proxy = http1()
                proxy.client.readSize = size
                #expect(proxy.ask(text).isEmpty)
                #expect(proxy.client.takeText().hasPrefix("HTTP/1.1 \(status) "))
                let mux = proxy.client.mux as? HTTP1FrontMux
                #expect(mux?.lastError == error)
                #expect(proxy.client.isClosed)
                proxy.expectNothingLeft()
            }
        }
    }

    @Test("A head that arrives byte by byte is read once and in time") func slowHead() {
        let proxy = http1()
        proxy.client.readSize = 1
        let fields = (0..<90).map { "X-Field-\($0): " + String(repeating: "v", count: 140) + "\r\n" }.joined()
        let sent = proxy.ask("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        #expect(sent.contains("x-field-89: vvv"))
        proxy.expectNothingLeft()
    }

    @Test("Many empty lines before a request end the connection") func emptyLines() {
        let proxy = http1()
        #expect(proxy.ask("\r\n\r\n" + get).hasPrefix("GET / HTTP/1.1\r\n"))
        proxy.expectNothingLeft()
        let other = http1()
        #expect(other.ask(String(repeating: "\r\n", count: 9) + get) == "")
        #expect(other.client.isClosed)
        other.expectNothingLeft()
    }

    @Test(
        "A chunked body that breaks the rules is 400, and the server's connection is not used again",
        arguments: [
            ("\r\n", .badChunk), ("x\r\n", .badChunk), (" 5\r\nhello\r\n", .badChunk), ("-5\r\nhello\r\n", .badChunk),
            ("+5\r\nhello\r\n", .badChunk), ("0x5\r\nhello\r\n", .badChunk), ("5\nhello\r\n", .bareLineFeed),
            ("5\rhello\r\n", .bareCarriageReturn), ("5\r\nhelloX0\r\n", .badChunk),
            ("5\r\nhello\n0\r\n", .bareLineFeed),
            ("5\r\nhello\rX", .bareCarriageReturn), ("5 x\r\nhello\r\n", .badChunk),
            ("5;a\nb\r\nhello\r\n", .bareLineFeed),
            ("5;a\rb\r\nhello\r\n", .bareCarriageReturn), ("5;a\u{0}\r\nhello\r\n", .badChunk),
            ("1234567890123456\r\n", .badChunk), ("ffffffffffffffffffff\r\n", .badChunk), ("g\r\n", .badChunk),
            (";a\r\n", .badChunk), ("5;" + String(repeating: "x", count: 300) + "\r\n", .chunkExtensionTooLong),
            ("0\r\nX : 1\r\n\r\n", .blankBeforeColon), ("0\r\n X: 1\r\n\r\n", .foldedField),
            ("0\r\nX: 1\n\r\n", .bareLineFeed), ("0\r\nX\r\n\r\n", .missingColon), ("0\r\n\rX", .bareCarriageReturn),
            ("0\r\nX: \u{0}\r\n\r\n", .badValue),
            ("0\r\n\(String(repeating: "x: 1\r\n", count: 102))\r\n", .tooManyFields),
        ] as [(String, MessageError)])
    func badChunks(_ body: String, _ error: MessageError) {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for pieces in cuts(Array((body + get).utf8)) where body.utf8.count < 100 || pieces.count == 1 {
            let proxy = http1()
            proxy.client.send(head)
            proxy.run()
            for piece in pieces {
                proxy.client.send(piece)
                proxy.run()
            }
            let mux = proxy.client.mux as? HTTP1FrontMux
            let sent = proxy.server.takeText()
            let isRight =
                proxy.client.takeText().hasPrefix("HTTP/1.1 \(error.status) ") && mux?.lastError == error
                && proxy.client.isClosed && proxy.server.sawReset && !sent.contains("GET")
                && !sent.hasSuffix("0\r\n\r\n") && proxy.servers.count == 1
            if !isRight {
                Issue.record("cut at \(pieces[0].count): \(sent) \(proxy.events) \(String(describing: mux?.lastError))")
                return
            }
            proxy.expectNothingLeft()
        }
    }
}
