import Foundation
import TestSupport
import Testing

/// All pairs of a client's and a server's version meet in the proxy in the middle: one before it turns the test's HTTP/1
/// into the client's version, one behind it turns the server's version into HTTP/1.
@Suite("The nine pairs of versions") struct PairTests {
    enum Version: String, CaseIterable, Sendable {
        case h1, h2, h3

        func line(to edge: Edge) -> String {
            switch self {
            case .h1: "127.0.0.1:\(edge.port)"
            case .h2: "127.0.0.1:\(edge.port) proto h2"
            case .h3: "quic4@127.0.0.1:\(edge.securePort) ssl verify none"
            }
        }

        /// As logs name it.
        var name: String {
            switch self {
            case .h1: "HTTP/1.1"
            case .h2: "HTTP/2.0"
            case .h3: "HTTP/3.0"
            }
        }
    }

    struct Chain {
        let outer: Edge
        let middle: Edge
        let inner: Edge

        init(_ front: Version, _ back: Version, _ server: ScriptedServer) async throws {
            inner = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
            middle = try await Edge(servers: ["s1 \(back.line(to: inner))"])
            outer = try await Edge(servers: ["s1 \(front.line(to: middle))"])
        }

        func client() throws -> RawSocket { try RawSocket(connectingTo: outer.port) }

        /// Whether a request came to the proxy in the middle, and left it, in these versions.
        func check(_ path: String, _ front: Version, _ back: Version) async throws {
            #expect(try await middle.logLine("\(path) ").contains("\(path) \(front.name)\""))
            #expect(try await inner.logLine("\(path) ").contains("\(path) \(back.name)\""))
        }
    }

    private static let upgrade =
        "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

    @Test("A WebSocket", arguments: Version.allCases, Version.allCases)
    func webSocket(front: Version, back: Version) async throws {
        let server = try UpgradeTests.webSocketServer()
        let chain = try await Chain(front, back, server)
        let raw = try chain.client()
        raw.send(Self.upgrade)
        let head = try #require(await raw.blocking { $0.receive(through: "\r\n\r\n") })
        #expect(head.hasPrefix("HTTP/1.1 101 "), "\(head)")
        #expect(head.lowercased().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="))
        for word in ["hello", "again"] {
            raw.send(word)
            #expect(await raw.blocking { $0.receive(through: word.uppercased()) } != nil)
        }
        raw.shutdownWrite()
        #expect(await raw.blocking { $0.receiveAll() }.end == .end)
        try await eventually("the server's end") { server.received.last == "end" }
        try await chain.check("/chat", front, back)
    }

    /// Reads a request with its body and trailers, and answers by its path.
    private static func server() throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                let path = head.split(separator: " ").dropFirst().first.map(String.init) ?? ""
                if head.lowercased().contains("transfer-encoding: chunked") {
                    // A part of the body may have come with the head.
                    let early = head.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
                    guard let rest = connection.receive(through: "sum: 42\r\n\r\n") else {
                        return server.note("broken")
                    }
                    let body = early + rest
                    // The trailer's name has one as well.
                    let count = body.utf8.count { $0 == UInt8(ascii: "x") } - 1
                    server.note("\(path) \(count) \(body.hasSuffix("\r\nx-sum: 42\r\n\r\n"))")
                } else {
                    server.note(path)
                }
                switch path {
                case "/reset":
                    connection.send(
                        "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + String(repeating: "y", count: 5000))
                    usleep(100_000)
                    return connection.reset()
                case "/hang":
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun")
                    _ = connection.receive()
                    server.note("/hang over")
                    return
                default:
                    guard
                        connection.send(
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-total\r\n\r\n4\r\nbody\r\n"
                                + "0\r\nx-total: 7\r\n\r\n")
                    else { return }
                }
            }
        }
    }

    @Test("Bodies and trailers, both ways", arguments: Version.allCases, Version.allCases)
    func trailers(front: Version, back: Version) async throws {
        let server = try Self.server()
        let chain = try await Chain(front, back, server)
        let raw = try chain.client()
        let chunk = "1f40\r\n" + String(repeating: "x", count: 8000) + "\r\n"
        let answer = await raw.blocking { raw in
            raw.send(
                "POST /up HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\nTrailer: x-sum\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<20 { raw.send(chunk) }
            raw.send("0\r\nx-sum: 42\r\n\r\n")
            return String(decoding: raw.receiveAll().bytes, as: UTF8.self)
        }
        #expect(server.received == ["/up 160000 true"])
        #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)")
        #expect(answer.contains("body") && answer.hasSuffix("x-total: 7\r\n\r\n"), "\(answer)")
        try await chain.check("/up", front, back)
    }

    @Test(
        "A client's reset reaches the server, and a server's reset the client", arguments: Version.allCases,
        Version.allCases)
    func resets(front: Version, back: Version) async throws {
        let server = try Self.server()
        let chain = try await Chain(front, back, server)
        let leaving = try chain.client()
        leaving.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await leaving.blocking { $0.receive(through: "begun") } != nil)
        leaving.reset()
        try await eventually("the server's end of it") { server.received.contains("/hang over") }
        #expect(Edge.termination(try await chain.middle.logLine("/hang ")) == "CD")
        let left = try chain.client()
        let answer = await left.blocking { left in
            left.send("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n")
            return String(decoding: left.receiveAll().bytes, as: UTF8.self)
        }
        #expect(answer.contains("yyyy") && answer.utf8.count < 20_000)
        #expect(Edge.termination(try await chain.middle.logLine("/reset ")) == "SD")
        // Both connections in the middle serve on, or others take their place.
        let next = try chain.client()
        let again = await next.blocking { next in
            next.send("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return String(decoding: next.receiveAll().bytes, as: UTF8.self)
        }
        #expect(again.hasPrefix("HTTP/1.1 200 ") && again.contains("body"), "\(again)")
    }
}
