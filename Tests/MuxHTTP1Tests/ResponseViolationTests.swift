import Messages
import MuxHTTP1
import TestSupport
import Testing

/// What `option accept-unsafe-violations-in-http-response` lets pass, and what it does not. The answers are HAProxy's.
@Suite("HTTP/1 responses that break rules") struct ResponseViolationTests {
    private static let ok = "HTTP/1.1 200 OK\r\n"

    private func exchange(_ response: String, isAllowed: Bool) -> (text: String, error: MessageError?) {
        var settings = HTTP1BackSettings()
        settings.acceptsViolations = isAllowed
        let proxy = http1(back: settings)
        proxy.ask(get)
        let text = proxy.reply(response)
        let error = (proxy.server.mux as? HTTP1BackMux)?.lastError
        proxy.expectNothingLeft()
        return (text, error)
    }

    @Test(
        "Allowed with the option only",
        arguments: [
            ("Bad(name: x\r\nA: b\r\nContent-Length: 0", MessageError.badName, "a: b\r\ncontent-length: 0\r\n\r\n"),
            ("A: x\u{0}y\r\nContent-Length: 0", .badValue, "a: x\u{0}y\r\ncontent-length: 0\r\n\r\n"),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .badTransferEncoding,
                "transfer-encoding: chunked\r\n\r\n"
            ),
            ("Transfer-Encoding: chunked, chunked", .badTransferEncoding, "transfer-encoding: chunked\r\n\r\n"),
            ("Transfer-Encoding: , chunked", .badTransferEncoding, "transfer-encoding: chunked\r\n\r\n"),
        ])
    func allowed(_ fields: String, _ error: MessageError, _ passed: String) {
        let response = Self.ok + fields + "\r\n\r\n"
        let refused = exchange(response, isAllowed: false)
        #expect(refused.error == error)
        #expect(refused.text.hasPrefix("HTTP/1.1 502 "))
        let taken = exchange(response, isAllowed: true)
        #expect(taken.error == nil)
        #expect(taken.text == Self.ok + passed)
    }

    @Test(
        "Refused all the same",
        arguments: [
            ("Transfer-Encoding: gzip", MessageError.badTransferEncoding),
            ("Content-Length: 5\r\nContent-Length: 6", .conflictingContentLength), ("A: b\r\n c", .foldedField),
            ("A: b\rC: d", .bareCarriageReturn), (": a", .emptyName),
        ])
    func refused(_ fields: String, _ error: MessageError) {
        let answer = exchange(Self.ok + fields + "\r\n\r\n", isAllowed: true)
        #expect(answer.error == error)
        #expect(answer.text.hasPrefix("HTTP/1.1 502 "))
    }

    @Test("A request's transfer codings are never relaxed") func requests() {
        var settings = HTTP1FrontSettings()
        settings.acceptsViolations = true
        let proxy = http1(front: settings)
        proxy.client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")
        proxy.run()
        #expect(proxy.client.takeText().hasPrefix("HTTP/1.1 400 "))
        proxy.expectNothingLeft()
    }
}
