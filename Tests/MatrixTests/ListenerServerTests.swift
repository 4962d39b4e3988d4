import Foundation
import TestSupport
import Testing

@Suite("Servers: TLS, Unix sockets, balancing, reuse, limits") struct ListenerServerTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    /// A server of the same answer that waits with each until the test says `go`.
    private static func gated() throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head)
                while !server.received.contains("go") { usleep(2000) }
                guard connection.send(answer) else { return }
            }
        }
    }

    @Test("TLS with verify required: the right name passes, a wrong one and a wrong authority do not") func verified()
        async throws
    {
        let origin = try await OriginProcess()
        let authority = try await TestCertificates.authority()
        let other = try await TestCertificates.file("example.test", "ecdsa")
        let tls = "127.0.0.1:\(origin.securePort) ssl verify required"
        let good = try await Edge(servers: ["s1 \(tls) ca-file \(authority) sni str(localhost)"])
        #expect(try await Client.h1.fetch("/?s=100", good).size == 100)
        for (options, reason) in [
            ("ca-file \(authority) sni str(wrong.test)", "hostname mismatch"), ("ca-file \(other)", "unable to get"),
        ] {
            let edge = try await Edge(servers: ["s1 \(tls) \(options)"], backend: "retries 0")
            let reply = try RawSocket(connectingTo: edge.port).exchange("/refused")
            #expect(reply.hasPrefix("HTTP/1.1 503 "), "\(reply)")
            #expect(try await edge.logLine("/refused").contains(" 503 "))
            #expect(try await edge.logLine("/refused").contains(" - - SC-- "))
            let warning = try await edge.logLine("Connection to server back/s1 failed: SSL handshake failure (")
            #expect(warning.lowercased().contains(reason), "\(warning)")
        }
    }

    @Test("A server on a Unix socket") func unix() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let folder = try ListenerFolder()
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen outer
                bind 127.0.0.1:\(port)
                server s1 unix@FOLDER/inner.sock
                listen inner
                bind unix@FOLDER/inner.sock
                server s2 127.0.0.1:\(server.port)
                """), in: folder)
        #expect(try RawSocket(connectingTo: port).exchange("/unix").hasSuffix("hello"))
        #expect(try await edge.logLine(" outer/s1 ").contains("/unix"))
        #expect(try await edge.logLine(" inner/s2 ").hasPrefix("unix:"))
    }

    @Test(
        "balance: how eight requests fall on three servers of weight 2, 1 and 1",
        arguments: [
            ("roundrobin", [4, 2, 2]), ("static-rr", [4, 2, 2]), ("first", [8, 0, 0]), ("source", nil),
            ("leastconn", nil), ("random", nil),
        ] as [(String, [Int]?)])
    func balance(algorithm: String, expected: [Int]?) async throws {
        let servers = try (0..<3).map { _ in try ScriptedServer.answering(Self.answer) }
        let edge = try await Edge(
            servers: servers.enumerated().map { "s\($0) 127.0.0.1:\($1.port) weight \($0 == 0 ? 2 : 1)" },
            backend: "balance \(algorithm)")
        let rounds = algorithm == "random" ? 40 : 8
        for _ in 0..<rounds { #expect(try RawSocket(connectingTo: edge.port).exchange().hasSuffix("hello")) }
        let counts = servers.map(\.received.count)
        #expect(counts.reduce(0, +) == rounds)
        switch algorithm {
        case "source": #expect(counts.filter { $0 > 0 }.count == 1, "\(counts)")
        // Some of 40 draws miss one of the servers with a probability below 10^-4.
        case "leastconn", "random": #expect(counts.filter { $0 > 0 }.count >= 2, "\(counts)")
        default: #expect(counts == expected)
        }
    }

    @Test("A backup serves when no other can") func backup() async throws {
        let (main, spare) = (try ScriptedServer.answering(Self.answer), try ScriptedServer.answering(Self.answer))
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(main.port)", "s2 127.0.0.1:\(spare.port) backup"])
        for _ in 0..<4 { #expect(try RawSocket(connectingTo: edge.port).exchange().hasSuffix("hello")) }
        #expect((main.received.count, spare.received.count) == (4, 0))
        let alone = try await Edge(servers: ["s1 127.0.0.1:\(main.port) disabled", "s2 127.0.0.1:\(spare.port) backup"])
        #expect(try RawSocket(connectingTo: alone.port).exchange().hasSuffix("hello"))
        #expect((main.received.count, spare.received.count) == (4, 1))
    }

    @Test(
        "http-reuse and the connection modes: connections that four clients of three requests each cost the server",
        arguments: [
            // Each client has its own connection.
            ("http-reuse never", 4),
            // A client's first request may not use what others left; its next ones may.
            ("http-reuse safe", 4),
            ("http-reuse always", 1),
            // Never kept at the server.
            ("http-reuse always\noption http-server-close", 12),
        ])
    func reuse(backend: String, connections: Int) async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"], backend: backend, global: "nbthread 1")
        for client in 0..<4 {
            let socket = try RawSocket(connectingTo: edge.port)
            for request in 0..<3 {
                socket.send("GET /\(client)/\(request) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(socket.receive(through: "hello") != nil)
            }
            socket.shutdownWrite()
            _ = socket.receiveAll()
        }
        #expect(server.received.count == 12)
        #expect(server.connections == connections)
    }

    @Test("option httpclose ends the client's connection too; http-server-close keeps it") func closing() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        for (option, isKept) in [("option httpclose", false), ("option http-server-close", true)] {
            let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], frontend: option)
            let socket = try RawSocket(connectingTo: edge.port)
            socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let first = try #require(socket.receive(through: "hello")).lowercased()
            #expect(first.contains("\r\nconnection: close\r\n") == !isKept, "\(first)")
            if isKept {
                #expect(socket.exchange("/again").hasSuffix("hello"))
            } else {
                #expect(socket.receiveAll().end == .end)
            }
        }
    }

    @Test("maxconn of a server: more requests wait, and are served when there is room") func serverLimit() async throws
    {
        let server = try Self.gated()
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port) maxconn 2"],
            timeouts: "timeout client 30s\ntimeout server 30s\ntimeout connect 2s\ntimeout queue 30s")
        let sockets = try (0..<6).map { number in
            let socket = try RawSocket(connectingTo: edge.port)
            socket.send("GET /\(number) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return socket
        }
        try await eventually("two requests") { server.received.count == 2 }
        // What else the server saw would have come by now: a request on another connection passes through the same
        // process in this time, again and again.
        for _ in 0..<20 { #expect(try RawSocket(connectingTo: edge.port).exchangeBadly().contains(" 400 ")) }
        #expect(server.received.count == 2)
        server.note("go")
        for socket in sockets {
            #expect(String(decoding: socket.receiveAll().bytes, as: UTF8.self).hasSuffix("hello"))
        }
        try await eventually("six lines") { edge.log.filter { $0.contains(" back/s1 ") }.count == 6 }
        // Four of them have waited: their queue positions say so.
        let positions = edge.log.compactMap { $0.firstMatch(of: #/ back/s1 .* (\d+)/(\d+) "/#)?.2 }.filter { $0 != "0" }
        #expect(positions.count >= 3, "\(edge.log)")
    }
}

extension RawSocket {
    /// Sends what is no request and returns the answer.
    fileprivate func exchangeBadly() -> String {
        send("GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n")
        return String(decoding: receiveAll().bytes, as: UTF8.self)
    }
}
