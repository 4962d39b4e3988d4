import Foundation
import TestSupport
import Testing

@Suite("Requests that could be read in two ways") struct SmugglingTests {
    /// Everything after the first head would be a second request to a server that read it so.
    private static let hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"

    static let requests: [String] = [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 40\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\u{0B}chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\nfoo\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: one\r\n two\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: one\rtwo\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: one\u{0}two\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX y: one\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: one\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET \u{1}/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET / HTTX/1.1\r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]

    @Test("HTTP/1: refused, closed, and no second request reaches the server", arguments: requests)
    func refused(request: String) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send(request + Self.hidden)
        let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 4") || text.hasPrefix("HTTP/1.1 5"), "\(request.debugDescription): \(text)")
        #expect(text.components(separatedBy: "HTTP/1.1 ").count == 2, "more than one answer")
        #expect(!server.received.contains { $0.contains("/hidden") })
        // A body that breaks the rules may have been under way: its connection is not used again.
        let before = server.connections
        #expect(try await Client.h1.fetch("/next", edge).status == 200)
        if before > 0 { #expect(server.connections > before) }
    }

    /// HAProxy takes such requests: what protects the server is that nothing behind them is read.
    @Test("Chunks in HTTP/1.0: answered, closed, and no second request reaches the server")
    func chunksInOldVersion() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send(
            "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                + Self.hidden)
        let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 ") && text.components(separatedBy: "HTTP/1.1 ").count == 2)
        #expect(!server.received.contains { $0.contains("/hidden") })
    }

    @Test("A field of 20,000 bytes, and 200 fields: 431 or 400, and the process lives on") func tooLarge() async throws
    {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let long = String(repeating: "v", count: 20_000)
        let many = (0..<200).map { "X-\($0): v\r\n" }.joined()
        for fields in ["X: \(long)\r\n", many] {
            let raw = try RawSocket(connectingTo: edge.port)
            raw.send("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
            let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 4"))
        }
        #expect(try await Client.h1.fetch("/", edge).status == 200)
    }

    @Test(
        "HTTP/3: malformed requests are stream errors, the server never sees them",
        arguments: [
            ["--header", "transfer-encoding: chunked"], ["--header", "connection: close"], ["--header", "X-Upper: 1"],
            ["--header", "content-length: 5", "--method", "POST", "--body", "7"], ["--header", "te: gzip"],
        ])
    func http3(arguments: [String]) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/bad",
            ["--ca", try await TestCertificates.authority()] + arguments)
        let response = report.responses?.first
        #expect(response?.status == 400 || response?.reset != nil || report.closed != nil)
        #expect(!server.received.contains { $0.contains("/bad") } || arguments.contains("--body"))
        #expect(try await Client.h3.fetch("/good", edge).status == 200)
    }
}
