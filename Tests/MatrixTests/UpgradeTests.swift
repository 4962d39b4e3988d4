import Foundation
import TestSupport
import Testing

@Suite("Upgrades and tunnels") struct UpgradeTests {
    /// A server that accepts a WebSocket and then says what it hears, in capitals.
    static func webSocketServer() throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            server.note(head)
            let key = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sec-websocket-key:") }
            let value =
                key?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
            connection.send(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Accept: \(accept(value))\r\n\r\n")
            while case .bytes(let bytes) = connection.receive() {
                connection.send(String(decoding: bytes, as: UTF8.self).uppercased())
            }
            server.note("end")
        }
    }

    /// What RFC 6455 section 4.2.2 wants for a key, by the openssl program.
    private static func accept(_ key: String) -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c", "printf '%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11' \"$0\" | openssl dgst -sha1 -binary | base64", key,
        ]
        let output = Pipe()
        process.standardOutput = output
        try? process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test("An HTTP/1 upgrade becomes a tunnel, and its ends pass through") func http1() async throws {
        let server = try Self.webSocketServer()
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send(
            "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        let head = try #require(await raw.blocking { $0.receive(through: "\r\n\r\n") })
        #expect(head.hasPrefix("HTTP/1.1 101 "))
        #expect(head.lowercased().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="))
        raw.send("hello")
        #expect(await raw.blocking { $0.receive(through: "HELLO") } != nil)
        raw.shutdownWrite()
        #expect(await raw.blocking { $0.receiveAll() }.end == .end)
        #expect(server.received.last == "end")
        #expect(try await edge.logLine("/chat ").contains(" 101 "))
    }

    @Test("An extended CONNECT over HTTP/3 becomes an HTTP/1 upgrade") func http3() async throws {
        let server = try Self.webSocketServer()
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/chat",
            [
                "--ca", try await TestCertificates.authority(), "--method", "CONNECT", "--protocol", "websocket",
                "--header", "sec-websocket-version: 13", "--body", "5", "--no-length", "--show-body",
            ])
        let response = try #require(report.responses?.first, "\(report.error ?? "")")
        #expect(response.status == 200)
        #expect(response.bodyBytes == 5)
        let head = try #require(server.received.first)
        #expect(head.hasPrefix("GET /chat HTTP/1.1\r\n"))
        #expect(head.lowercased().contains("upgrade: websocket\r\n"))
    }

    @Test("A silent tunnel ends after timeout tunnel") func tunnelTimeout() async throws {
        let server = try Self.webSocketServer()
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"],
            timeouts: "timeout client 10s\ntimeout server 10s\ntimeout connect 2s\ntimeout tunnel 400ms")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send(
            "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        _ = try #require(await raw.blocking { $0.receive(through: "\r\n\r\n") })
        let (_, end) = await raw.blocking { $0.receiveAll() }
        #expect(end == .end || end == .reset)
        _ = try await edge.logLine("/chat ")
    }
}
