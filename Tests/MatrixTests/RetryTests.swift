import Foundation
import TestSupport
import Testing

@Suite("retry-on: requests that are sent again") struct RetryTests {
    private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    /// A server that treats the first `failures` requests in a bad way, and answers the others.
    private static func failing(_ failures: Int, _ how: String) throws -> ScriptedServer {
        try ScriptedServer { connection, number, server in
            while let text = connection.receive(through: "\r\n\r\n") {
                var whole = text
                while whole.lowercased().contains("content-length: 5\r\n"), !whole.hasSuffix("BODY!"),
                    case .bytes(let more) = connection.receive()
                { whole += String(decoding: more, as: UTF8.self) }
                server.note(whole)
                guard server.received.count <= failures else {
                    guard connection.send(good) else { return }
                    continue
                }
                switch how {
                case "close": return
                case "reset": return connection.reset()
                case "garbage":
                    connection.send("this is no HTTP\r\n\r\n")
                    return
                case "silence": _ = connection.receive()
                default: connection.send("HTTP/1.1 \(how) Sorry\r\nContent-Length: 4\r\n\r\nbusy")
                }
            }
        }
    }

    @Test(
        "each word of retry-on: what is sent again, and what is not without it",
        arguments: [
            ("close", "empty-response", 502), ("reset", "empty-response", 502), ("garbage", "junk-response", 502),
            ("silence", "response-timeout", 504), ("503", "503", 503), ("429", "429", 429), ("404", "404", 404),
            ("500", "all-retryable-errors", 500), ("close", "all-retryable-errors", 502),
        ])
    func causes(how: String, word: String, status: Int) async throws {
        let timeouts = "timeout client 5s\ntimeout server 400ms\ntimeout connect 2s"
        for (setting, expected, requests) in [("retry-on \(word)", 200, 3), ("retry-on conn-failure", status, 1)] {
            let server = try Self.failing(2, how)
            let edge = try await Edge(
                servers: ["s1 127.0.0.1:\(server.port)"], backend: setting, timeouts: timeouts)
            let raw = try RawSocket(connectingTo: edge.port)
            raw.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nBODY!")
            let answer = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 \(expected) "), "\(setting) \(how): \(answer)")
            #expect(server.received.count == requests, "\(setting) \(how)")
            // The body comes again, whole.
            #expect(server.received.allSatisfy { $0.hasSuffix("BODY!") })
            let line = try await edge.logLine("/x ")
            #expect(line.contains("/\(requests - 1) 0/0 "), "\(line)")
        }
    }

    @Test("A body beyond tune.bufsize is not kept, so it is not sent again") func large() async throws {
        let server = try Self.failing(1, "503")
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], backend: "retry-on 503")
        let raw = try RawSocket(connectingTo: edge.port)
        let body = String(repeating: "x", count: 100_000)
        raw.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n\(body)")
        let answer = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 503 Sorry"), "\(answer.prefix(80))")
        #expect(server.connections == 1)
    }

    @Test("Without option redispatch a server that refuses connections is asked again, and no other") func sameServer()
        async throws
    {
        let good = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:1", "s2 127.0.0.1:\(good.port)"], backend: "balance first\nretries 2",
            timeouts: "timeout client 9s\ntimeout server 9s\ntimeout connect 100ms")
        #expect(try RawSocket(connectingTo: edge.port).exchange("/same").contains(" 503 "))
        #expect(try await edge.logLine("/same").contains(" back/s1 "))
        #expect(good.connections == 0)
    }

    @Test("retries bounds them; option redispatch takes another server for the last") func redispatch() async throws {
        let (bad, good) = (try Self.failing(99, "close"), try Self.failing(0, "close"))
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(bad.port)", "s2 127.0.0.1:\(good.port)"],
            backend: "balance first\nretries 2\noption redispatch\nretry-on empty-response")
        #expect(try RawSocket(connectingTo: edge.port).exchange("/moved").hasSuffix("hello"))
        #expect((bad.received.count, good.received.count) == (2, 1))
        #expect(try await edge.logLine("/moved").contains(" back/s2 "))
        let alone = try await Edge(
            servers: ["s1 127.0.0.1:\(bad.port)"], backend: "retries 2\nretry-on empty-response")
        let before = bad.received.count
        #expect(try RawSocket(connectingTo: alone.port).exchange("/bounded").contains(" 502 "))
        #expect(bad.received.count == before + 3)
    }
}
