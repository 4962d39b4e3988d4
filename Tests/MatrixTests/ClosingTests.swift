import Foundation
import TestSupport
import Testing

/// The cells of docs/CLOSING.md: what an early end on one side looks like on the other, and in the log.
@Suite("Closing") struct ClosingTests {
    private static let okHead = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"

    // MARK: The server ends

    @Test("Server closes before its answer: 502, SH", arguments: Client.allCases)
    func serverClosesEarly(client: Client) async throws {
        let server = try ScriptedServer { connection, _, _ in _ = connection.receive(through: "\r\n\r\n") }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        #expect(try await client.fetch("/a", edge, upload: 5).status == 502)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "SH")
    }

    @Test("Server resets before its answer: 502, SH") func serverResetsEarly() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.reset()
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        #expect(try await Client.h1.fetch("/a", edge, upload: 5).status == 502)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "SH")
    }

    @Test("Server sends what is not HTTP: 502, PH") func serverBreaksRules() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 20x nonsense\r\n\r\n")
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        #expect(try await Client.h1.fetch("/a", edge).status == 502)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "PH")
    }

    @Test("Server cuts its body: the client sees a broken message, SD", arguments: Client.allCases)
    func serverCutsBody(client: Client) async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send(Self.okHead + String(repeating: "x", count: 5000))
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        if client == .h3 {
            let report = try await Aioquic.get(
                "https://localhost:\(edge.securePort)/a", ["--ca", try await TestCertificates.authority()])
            let response = try #require(report.responses?.first)
            #expect(!response.ended)
            #expect(response.reset != nil)
        } else {
            let isTLS = client == .h1tls || client == .h2
            let url = isTLS ? "https://127.0.0.1:\(edge.securePort)/a" : "http://127.0.0.1:\(edge.port)/a"
            let version = client == .h2 ? "--http2" : client == .h2c ? "--http2-prior-knowledge" : "--http1.1"
            let result = try await ChildProcess.run("curl", ["-sk", version, "-o", "/dev/null", url])
            // 18: partial file; 92: HTTP/2 stream error.
            #expect(result.status == 18 || result.status == 92, "curl ended with \(result.status)")
        }
        #expect(Edge.termination(try await edge.logLine("/a ")) == "SD")
    }

    @Test("Server cuts a chunked body: no last chunk reaches the client") func serverCutsChunks() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(text.contains("hello"))
        #expect(!text.contains("\r\n0\r\n"))
    }

    @Test("Server that is not there: 503, SC", arguments: [Client.h1, .h2, .h3])
    func serverIsAway(client: Client) async throws {
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(try Ports.free())"], backend: "retries 0")
        #expect(try await client.fetch("/a", edge).status == 503)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "SC")
    }

    @Test("A backend without servers: 503, SC", arguments: [Client.h1, .h2, .h3])
    func noServer(client: Client) async throws {
        let edge = try await Edge(servers: [])
        #expect(try await client.fetch("/a", edge).status == 503)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "SC")
    }

    @Test("No connection within timeout connect: 503, sC") func connectTimeout() async throws {
        // A listener whose queue is full leaves further connections unanswered.
        let full = try FullListener()
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(full.port)"], backend: "retries 0",
            timeouts: "timeout client 10s\ntimeout server 10s\ntimeout connect 300ms")
        #expect(try await Client.h1.fetch("/a", edge).status == 503)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "sC")
    }

    @Test("A dead server's requests go to another after redispatch") func redispatch() async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(
            servers: ["dead 127.0.0.1:\(try Ports.free())", "live 127.0.0.1:\(origin.port)"],
            backend: "balance roundrobin\nretries 2\noption redispatch 1")
        #expect(try await Client.h1.fetch("/?s=1", edge).status == 200)
        #expect(try await Client.h1.fetch("/?s=2", edge).status == 200)
        #expect(edge.log.contains { $0.contains("/+1 ") || $0.contains("/+2 ") })
    }

    @Test("A silent server: 504, sH", arguments: [Client.h1, .h2, .h3])
    func serverIsSilent(client: Client) async throws {
        let server = try ScriptedServer { connection, _, _ in _ = connection.receiveAll() }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"],
            timeouts: "timeout client 10s\ntimeout server 300ms\ntimeout connect 2s")
        #expect(try await client.fetch("/a", edge).status == 504)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "sH")
    }

    @Test("A server that falls silent in its body: the message is broken, sD") func serverStalls() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send(Self.okHead + "some")
            _ = connection.receiveAll()
        }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"],
            timeouts: "timeout client 10s\ntimeout server 300ms\ntimeout connect 2s")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        let (bytes, end) = await raw.blocking { $0.receiveAll() }
        #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("some"))
        #expect(end == .end || end == .reset)
        #expect(Edge.termination(try await edge.logLine("/a ")) == "sD")
    }

    // MARK: The client ends

    @Test("Client leaves during the answer: the server's connection ends, CD") func clientLeaves() async throws {
        let server = try ScriptedServer { connection, _, server in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while connection.send([UInt8](repeating: 65, count: 65_536)) {}
            server.note("gone")
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = await raw.blocking { $0.receive(through: "AAAA") }
        raw.reset()
        #expect(Edge.termination(try await edge.logLine("/a ")) == "CD")
        try await eventually("the server to notice") { server.received == ["gone"] }
    }

    @Test("Client leaves while the server works: the server's connection ends, CH", arguments: ["fin", "reset"])
    func clientLeavesEarly(how: String) async throws {
        let server = try ScriptedServer { connection, _, server in
            server.note(connection.receive(through: "\r\n\r\n") ?? "")
            server.note("\(connection.receive())")
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("the request") { server.received.count == 1 }
        if how == "fin" { raw.shutdownWrite() } else { raw.reset() }
        #expect(Edge.termination(try await edge.logLine("/a ")) == "CH")
        try await eventually("the server's end") { server.received.count == 2 }
        #expect(server.received[1] == "end" || server.received[1] == "reset")
    }

    @Test("Client cuts its upload: the server sees no whole request, CD", arguments: [Client.h1, .h3])
    func clientCutsUpload(client: Client) async throws {
        let server = try ScriptedServer { connection, _, server in
            _ = connection.receive(through: "\r\n\r\n")
            let (bytes, _) = connection.receiveAll()
            server.note("\(bytes.count)")
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        if client == .h3 {
            _ = try await Aioquic.get(
                "https://localhost:\(edge.securePort)/a",
                [
                    "--ca", try await TestCertificates.authority(), "--method", "POST", "--body", "100000", "--cut",
                    "5000",
                    "--cut-by", "reset",
                ])
        } else {
            let raw = try RawSocket(connectingTo: edge.port)
            raw.send(
                "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "b", count: 5000))
            try await eventually("the request at the server") { server.connections == 1 }
            raw.reset()
        }
        try await eventually("the server's view") { !server.received.isEmpty }
        #expect((Int(server.received[0]) ?? .max) < 100_000)
        #expect(try await edge.logLine("/a ").contains(" C"))
    }

    @Test("A client that never finishes its head: 408, cR") func slowHead() async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(origin.port)"],
            timeouts: "timeout client 5s\ntimeout http-request 300ms\ntimeout server 5s\ntimeout connect 2s")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: ")
        let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 408 "))
        #expect(Edge.termination(try await edge.logLine("BADREQ")) == "cR")
    }

    @Test("timeout client alone: 408 as well", arguments: ["GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n", ""])
    func clientTimeout(start: String) async throws {
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:1"], timeouts: "timeout client 300ms\ntimeout server 5s\ntimeout connect 2s")
        let raw = try RawSocket(connectingTo: edge.port)
        if !start.isEmpty { raw.send(start) }
        let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 408 "))
        #expect(Edge.termination(try await edge.logLine("BADREQ")) == "cR")
    }

    @Test("A client that stalls in its upload: 408, cD") func slowUpload() async throws {
        let server = try ScriptedServer { connection, _, _ in _ = connection.receiveAll() }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"],
            timeouts: "timeout client 300ms\ntimeout server 5s\ntimeout connect 2s")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")
        let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 408 "))
        #expect(Edge.termination(try await edge.logLine("/a ")) == "cD")
    }

    @Test("A client that stops reading: cD, and the server's connection ends") func slowReader() async throws {
        let server = try ScriptedServer { connection, _, server in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while connection.send([UInt8](repeating: 65, count: 65_536)) {}
            server.note("gone")
        }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"],
            timeouts: "timeout client 500ms\ntimeout server 5s\ntimeout connect 2s")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        let line = try await edge.logLine("/a ")
        #expect(Edge.termination(line) == "cD")
        try await eventually("the server to notice") { server.received == ["gone"] }
        withExtendedLifetime(raw) {}
    }

    @Test("Nothing between requests for timeout http-keep-alive: a quiet close") func keepAliveTimeout() async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(origin.port)"],
            timeouts: "timeout client 10s\ntimeout http-keep-alive 300ms\ntimeout server 5s\ntimeout connect 2s")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /?s=3 HTTP/1.1\r\nHost: a\r\n\r\n")
        let text = String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(text.contains("200 OK"))
        #expect(!text.contains("408"))
    }

    // MARK: Queues

    @Test("No place at the server within timeout queue: 503, sQ; a place that gets free serves the next")
    func queue() async throws {
        let server = try ScriptedServer { connection, number, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head)
                // The first request holds its place until the test ends the connection.
                if head.contains("/hold") { _ = connection.receiveAll() }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port) maxconn 1"],
            timeouts: "timeout client 10s\ntimeout server 10s\ntimeout connect 2s\ntimeout queue 500ms")
        let holder = try RawSocket(connectingTo: edge.port)
        holder.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("the first request") { server.received.count == 1 }
        #expect(try await Client.h1.fetch("/waits", edge).status == 503)
        #expect(Edge.termination(try await edge.logLine("/waits ")) == "sQ")
        holder.reset()
        _ = try await edge.logLine("/hold ")
        #expect(try await Client.h2.fetch("/after", edge).status == 200)
    }
}
