import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

/// A request, and the text that a server gets for it.
struct GoodHead: CustomTestStringConvertible {
    let text: String
    let sent: String
    init(_ text: String, _ sent: String) {
        self.text = text
        self.sent = sent
    }
    var testDescription: String { text.split(separator: "\r\n").joined(separator: "|") }
}

private let heads = [
    GoodHead(get, "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("\r\n" + get, "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("GET /?a=%20&b={|}\" HTTP/1.1\r\nHOST:a\r\n\r\n", "GET /?a=%20&b={|}\" HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("GET / HTTP/1.7\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nhost: \r\n\r\n"),
    GoodHead("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"),
    GoodHead("GET   /   HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    // As in HAProxy: it is the server that asks for a host.
    GoodHead("GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"),
    GoodHead("GET http://a/ HTTP/1.1\r\n\r\n", "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n", "PROPFIND /x HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("get / HTTP/1.1\r\nHost: a\r\n\r\n", "get / HTTP/1.1\r\nhost: a\r\n\r\n"),
    // Targets.
    GoodHead("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"),
    GoodHead("OPTIONS http://b HTTP/1.1\r\nHost: b\r\n\r\n", "OPTIONS * HTTP/1.1\r\nhost: b\r\n\r\n"),
    GoodHead(
        "GET http://b:81/x?y HTTP/1.1\r\nHost: b:81\r\n\r\n", "GET http://b:81/x?y HTTP/1.1\r\nhost: b:81\r\n\r\n"),
    GoodHead("GET http://b:80/x?y HTTP/1.1\r\nHost: b\r\n\r\n", "GET http://b/x?y HTTP/1.1\r\nhost: b\r\n\r\n"),
    GoodHead("GET https://b/x HTTP/1.1\r\nHost: b:443\r\n\r\n", "GET https://b/x HTTP/1.1\r\nhost: b\r\n\r\n"),
    GoodHead("GET http://b HTTP/1.1\r\nHost: b\r\n\r\n", "GET http://b/ HTTP/1.1\r\nhost: b\r\n\r\n"),
    GoodHead(
        "GET HTTPS://[::1]?y=1 HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        "GET https://[::1]/?y=1 HTTP/1.1\r\nhost: [::1]\r\n\r\n"),
    GoodHead("CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n\r\n"),
    // Fields.
    GoodHead(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blank: \t \r\nX-In: a \t b\r\nX-Obs: é\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx-empty: \r\nx-blank: \r\nx-in: a \t b\r\nx-obs: é\r\n\r\n"),
    GoodHead(
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c=d\r\nX-A:1\r\nX-A:2\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncookie: a=b\r\ncookie: c=d\r\nx-a: 1\r\nx-a: 2\r\n\r\n"),
    GoodHead(
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTE: gzip, trailers\r\nConnection: TE\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nte: trailers\r\nconnection: te\r\n\r\n"),
    GoodHead(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Gone, Host, Cookie, Accept\r\nX-Gone: 1\r\nKeep-Alive: 5\r\n"
            + "Accept: x\r\nCookie: a\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nTE: gzip\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncookie: a\r\n\r\n"),
    GoodHead(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-One\r\nX-One: 1\r\nConnection: x-two\r\nX-Two: 2\r\nX-Three: 3\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx-three: 3\r\n\r\n"),
    // Lengths.
    GoodHead(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005, 05\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"),
    GoodHead(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    GoodHead(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"),
    GoodHead(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\nContent-Length: 05\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"),
    GoodHead("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"),
    GoodHead(
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"),
    GoodHead(
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"),
    GoodHead(
        "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"),
]

/// Chunked bodies and what they hold.
private let chunked: [(text: String, body: String, trailers: String)] = [
    ("0\r\n\r\n", "", ""),
    ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
    ("5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", "hello world", ""),
    ("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", "hello", ""),
    ("5 \t ;a\r\nhello\r\n0 \r\n\r\n", "hello", ""),
    ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""),
    ("5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: b\r\nContent-Length: 9\r\n\r\n", "hello", "x-sum: 1\r\n"),
    ("5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\n\r\n", "hello", ""),
]

@Suite("HTTP/1 requests that go on") struct GoodRequestTests {
    @Test("Heads, cut at every place", arguments: heads) func head(_ good: GoodHead) {
        for pieces in cuts(Array(good.text.utf8)) {
            let proxy = http1()
            for piece in pieces {
                proxy.client.send(piece)
                proxy.run()
            }
            let sent = proxy.servers.isEmpty ? "nothing" : proxy.server.takeText()
            if sent != good.sent || proxy.servers.count != 1 {
                Issue.record("cut at \(pieces[0].count): \(sent)")
                return
            }
            proxy.expectNothingLeft()
        }
    }

    @Test("Chunked bodies with extensions and trailers, cut at every place", arguments: chunked.indices)
    func chunks(_ index: Int) {
        let (text, body, trailers) = chunked[index]
        let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
        for pieces in cuts(Array(text.utf8)) {
            let proxy = http1()
            #expect(proxy.ask(head) == "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
            for piece in pieces {
                proxy.client.send(piece)
                proxy.run()
            }
            let sent = proxy.server.takeText()
            guard let decoded = decodeChunked(sent), decoded.body == body, decoded.trailers == trailers else {
                Issue.record("cut at \(pieces[0].count): \(sent)")
                return
            }
            #expect(proxy.reply("HTTP/1.1 204 No Content\r\n\r\n").hasPrefix("HTTP/1.1 204"))
            #expect(!proxy.client.isClosed)
            proxy.expectNothingLeft()
        }
    }

    @Test("Transfer-Encoding wins over Content-Length, which goes, and the connection closes") func bothLengths() {
        let proxy = http1()
        let sent = proxy.ask(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                + get)
        #expect(sent == "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        #expect(
            proxy.reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        #expect(proxy.client.isClosed)
        #expect(proxy.server.takeText() == "")
        proxy.expectNothingLeft()
    }

    @Test("Heads with many fields are written in full", arguments: [1, 100]) func manyFields(_ count: Int) {
        let resources = WorkerResources(heads: HeadPool(byteLimit: 65_536, fieldLimit: 1000))
        var settings = HTTP1FrontSettings()
        settings.headLimit = 30_000
        let proxy = MemoryProxy(
            resources: resources, front: { HTTP1FrontMux(host: $0, settings: settings) },
            back: { HTTP1BackMux(host: $0, seed: 1) })
        let value = String(repeating: "v", count: 25_000 / count)
        let fields = (0..<count).map { "x-\($0): \(value)\r\n" }.joined()
        proxy.onRequest = { exchange in
            // Rules may make the head larger than a slab.
            let long = [UInt8](repeating: 119, count: 20_000)
            try? exchange.request.head?.append(name: Array("x-rule".utf8).span, long.span)
            return false
        }
        let sent = proxy.ask("GET / HTTP/1.1\r\nhost: a\r\n\(fields)\r\n")
        #expect(
            sent == "GET / HTTP/1.1\r\nhost: a\r\n\(fields)x-rule: " + String(repeating: "w", count: 20_000)
                + "\r\n\r\n")
        proxy.expectNothingLeft()
    }
}

/// What a chunked body holds; nil when it is not whole.
func decodeChunked(_ text: String) -> (body: String, trailers: String)? {
    var rest = Array(text.utf8)
    var body: [UInt8] = []
    while true {
        guard let end = rest.firstIndex(of: 10), end > 0, rest[end - 1] == 13,
            let size = Int(String(decoding: rest[..<(end - 1)], as: UTF8.self), radix: 16)
        else { return nil }
        rest.removeSubrange(...end)
        if size == 0 { break }
        guard rest.count >= size + 2, rest[size] == 13, rest[size + 1] == 10 else { return nil }
        body += rest[..<size]
        rest.removeSubrange(..<(size + 2))
    }
    guard rest.count >= 2, rest.suffix(2) == [13, 10] else { return nil }
    return (String(decoding: body, as: UTF8.self), String(decoding: rest.dropLast(2), as: UTF8.self))
}
