import Foundation
import TestSupport
import Testing

/// Marks, types of service, and connections that vanish, as the kernel and the client see them.
@Suite("set-fc-tos, set-bc-mark, silent-drop") struct PacketActionTests {
    /// What `ss` tells of the established connections of a port: one line each.
    private static func sockets(from side: String, _ port: Int) async throws -> String {
        try await ChildProcess.run("ss", ["-tnHOe", "--tos", "state", "established", side, "=", ":\(port)"]).output
    }

    @Test func packetsCarryMarksAndTypesOfService() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            _ = connection.receive()
        }
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(server.port)"],
            frontend: """
                tcp-request connection set-fc-tos 0x10
                tcp-request connection set-fc-mark 0x21
                http-request set-bc-tos hdr(x-tos)
                http-request set-bc-mark 35
                http-response set-tos 40 if { res.hdr(x-none) -m found }
                """, backend: "http-reuse always")
        let client = try RawSocket(connectingTo: edge.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\nx-tos: 32\r\n\r\n")
        _ = await client.blocking { $0.receive(through: "ok") }
        let front = try await Self.sockets(from: "sport", edge.port)
        #expect(front.contains("tos:0x10"), "\(front)")
        #expect(front.contains("fwmark:0x21"), "\(front)")
        let back = try await Self.sockets(from: "dport", server.port)
        #expect(back.contains("tos:0x20"), "\(back)")
        #expect(back.contains("fwmark:0x23"), "\(back)")
        // Another type of service needs another connection, though the idle one may be shared.
        let other = try RawSocket(connectingTo: edge.port)
        other.send("GET / HTTP/1.1\r\nHost: a\r\nx-tos: 8\r\n\r\n")
        _ = await other.blocking { $0.receive(through: "ok") }
        #expect(server.connections == 2)
    }

    @Test(
        "The client sees an open connection that says nothing",
        arguments: [
            "tcp-request connection silent-drop", "tcp-request session silent-drop", "tcp-request content silent-drop",
            "http-request silent-drop", "http-response silent-drop",
        ])
    func vanishes(rule: String) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(servers: ["s 127.0.0.1:\(server.port)"], frontend: rule)
        let client = try RawSocket(connectingTo: edge.port)
        // The others act before the client has said anything, or on its first bytes.
        if !rule.contains("request connection") { client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
        // The proxy has no socket any more, and the client's is still established.
        try await eventually("the proxy's socket to go") {
            try await Self.sockets(from: "sport", edge.port).isEmpty
        }
        #expect(try await !Self.sockets(from: "dport", edge.port).isEmpty)
        if rule.hasPrefix("http-request") { #expect(try await edge.logLine("GET / ").contains(" PR-- ")) }
        _ = client
    }

    @Test("rst-ttl sends a reset") func resets() async throws {
        let edge = try await Edge(
            servers: ["s 127.0.0.1:1"], frontend: "http-request silent-drop rst-ttl 64")
        let client = try RawSocket(connectingTo: edge.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await client.blocking { $0.receive() } == .reset)
    }

    @Test("One request's silent-drop takes the whole connection with it") func takesAll() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            _ = connection.receive()
        }
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(server.port)"], frontend: "http-request silent-drop if { path /drop }")
        let result = try await ChildProcess.run(
            "curl",
            [
                "-sk", "--http2", "--parallel", "--max-time", "2", "https://127.0.0.1:\(edge.securePort)/waits",
                "https://127.0.0.1:\(edge.securePort)/drop",
            ])
        // curl: 28 is a timeout.
        #expect(result.status == 28, "\(result)")
        #expect(edge.process.exitStatus == nil)
    }
}
