import Foundation
import TestSupport
import Testing

@Suite("mode tcp") struct TCPTests {
    private static let options = "mode tcp\noption tcplog"

    @Test("Each direction ends by itself") func halfClose() async throws {
        let server = try ScriptedServer { connection, _, server in
            let (bytes, end) = connection.receiveAll()
            server.note("\(String(decoding: bytes, as: UTF8.self)) \(end == .end)")
            connection.send("the answer comes after your end")
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], defaults: Self.options)
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("question")
        raw.shutdownWrite()
        let (bytes, end) = await raw.blocking { $0.receiveAll() }
        #expect(String(decoding: bytes, as: UTF8.self) == "the answer comes after your end")
        #expect(end == .end)
        #expect(server.received == ["question true"])
        let line = try await edge.logLine(" edge back/s1 ")
        #expect(line.contains(" 31 -- "))
    }

    @Test("A server that speaks first is heard") func serverSpeaksFirst() async throws {
        let server = try ScriptedServer { connection, _, _ in connection.send("220 ready\r\n") }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], defaults: Self.options)
        let raw = try RawSocket(connectingTo: edge.port)
        #expect(String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self) == "220 ready\r\n")
    }

    @Test("TLS in front of TCP") func tlsToTCP() async throws {
        let server = try ScriptedServer.answering("HTTP/1.0 200 OK\r\n\r\nover tcp")
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], defaults: Self.options)
        let result = try await ChildProcess.run(
            "curl", ["-sk", "--http1.1", "--max-time", "5", "https://127.0.0.1:\(edge.securePort)/x"])
        #expect(result.output.contains("over tcp") || server.received.first?.contains("GET /x") == true)
        #expect(server.received.first?.contains("GET /x") == true)
    }

    @Test("A reset goes on as a reset") func reset() async throws {
        let server = try ScriptedServer { connection, _, server in
            _ = connection.receive(through: "hello")
            server.note("hello")
            server.note("\(connection.receive())")
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], defaults: Self.options)
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("hello")
        try await eventually("the greeting") { server.received.count == 1 }
        raw.reset()
        try await eventually("the reset") { server.received.count == 2 }
        #expect(server.received[1] == "reset")
        #expect(try await edge.logLine(" edge back/s1 ").contains(" C"))
    }

    @Test("A client that keeps its side open after the server's end: timeout client-fin") func clientFin() async throws
    {
        let server = try ScriptedServer { connection, _, _ in connection.send("bye") }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"], defaults: Self.options,
            timeouts: "timeout client 20s\ntimeout server 20s\ntimeout connect 2s\ntimeout client-fin 300ms")
        let raw = try RawSocket(connectingTo: edge.port)
        #expect(await raw.blocking { $0.receiveAll() }.end == .end)
        let line = try await edge.logLine(" edge back/s1 ")
        #expect(line.contains(" cD "), "\(line)")
        withExtendedLifetime(raw) {}
    }

    @Test("A server that keeps its side open after the client's end: timeout server-fin") func serverFin() async throws
    {
        let held = try ScriptedServer { connection, _, server in
            _ = connection.receiveAll()
            server.note("end")
            while server.received.count < 2 { usleep(5000) }
        }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(held.port)"], defaults: Self.options,
            timeouts: "timeout client 20s\ntimeout server 20s\ntimeout connect 2s\ntimeout server-fin 300ms")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("question")
        raw.shutdownWrite()
        #expect(try await edge.logLine(" edge back/s1 ").contains(" sD "))
        held.note("go")
        withExtendedLifetime(raw) {}
    }

    @Test("Nothing passes for timeout client and server: the connection ends") func idle() async throws {
        let server = try ScriptedServer { connection, _, _ in _ = connection.receiveAll() }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"], defaults: Self.options,
            timeouts: "timeout client 300ms\ntimeout server 300ms\ntimeout connect 2s")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("hello")
        let (_, end) = await raw.blocking { $0.receiveAll() }
        #expect(end == .end || end == .reset)
    }
}
