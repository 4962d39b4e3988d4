import Foundation
import TestSupport
import Testing

/// A version of HTTP towards servers, and how a `server` line asks for it.
enum Back: String, CaseIterable, Sendable {
    case h1, h1tls, h2c, h2, h3

    /// The rest of a `server` line for an origin.
    func line(_ origin: OriginProcess, _ authority: String) -> String {
        let trust = "ssl verify required ca-file \(authority) sni str(localhost)"
        return switch self {
        case .h1: "127.0.0.1:\(origin.port)"
        case .h1tls: "127.0.0.1:\(origin.securePort) \(trust)"
        case .h2c: "127.0.0.1:\(origin.port) proto h2"
        case .h2: "127.0.0.1:\(origin.securePort) \(trust) alpn h2,http/1.1"
        case .h3: "quic4@127.0.0.1:\(origin.quicPort) \(trust)"
        }
    }

    /// As the origin's `/echo` shows it.
    var name: String {
        switch self {
        case .h1, .h1tls: "HTTP/1.1"
        case .h2c, .h2: "HTTP/2.0"
        case .h3: "HTTP/3.0"
        }
    }
}

@Suite("Every client version in front of every server version") struct BackProtocolTests {
    @Test("Bodies, statuses, uploads, HEAD", arguments: Back.allCases) func exchanges(back: Back) async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(servers: ["s1 \(back.line(origin, try await TestCertificates.authority()))"])
        for client in Client.allCases {
            let echo = try await client.fetch("/echo", edge)
            #expect(echo.body.contains("GET /echo \(back.name)"), "\(client): \(echo.body)")
            #expect(try await client.fetch("/?s=3m", edge).size == 3 << 20)
            #expect(try await client.fetch("/?s=300k&k=1", edge).size == 300 << 10)
            #expect(try await client.fetch("/?s=5&r=404", edge).status == 404)
            #expect(try await client.fetch("/healthz", edge).status == 204)
            let upload = try await client.fetch("/", edge, upload: 2_000_000)
            #expect(upload.body.contains("2000000 bytes received"), "\(client)")
            #expect(try await client.head("/?s=1000", edge) == 200)
        }
        #expect(try await edge.logLine("/echo ").contains(" ---- "))
        #expect(try await edge.process.stop() == 0)
    }

    @Test("Trailers pass from server to client", arguments: Back.allCases) func trailers(back: Back) async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(servers: ["s1 \(back.line(origin, try await TestCertificates.authority()))"])
        let path = "/?s=100&T=x-check:sum42"
        let h3 = try await Aioquic.get(
            "https://localhost:\(edge.securePort)\(path)", ["--ca", try await TestCertificates.authority()])
        #expect(h3.responses?.first?.trailers == [["x-check", "sum42"]])
        let h2 = try await ChildProcess.run("nghttp", ["-v", "https://127.0.0.1:\(edge.securePort)\(path)"])
        #expect(h2.output.contains("x-check: sum42"))
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET \(path) HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n")
        #expect(
            String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self).contains(
                "x-check: sum42\r\n\r\n"))
    }

    @Test("Hundreds of streams from each version share the server's connections", arguments: Back.allCases)
    func manyStreams(back: Back) async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(
            servers: ["s1 \(back.line(origin, try await TestCertificates.authority()))"], backend: "http-reuse always")
        let result = try await ChildProcess.run(
            "h2load", ["-n", "600", "-c", "3", "-m", "20", "https://127.0.0.1:\(edge.securePort)/?s=2000"])
        #expect(result.output.contains("600 succeeded, 0 failed"), "\(result.output)")
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/?s=2000",
            ["--ca", try await TestCertificates.authority(), "--streams", "60", "--rounds", "3"])
        #expect(report.responses?.count == 180)
        #expect(report.responses?.allSatisfy { $0.status == 200 && $0.bodyBytes == 2000 } == true)
    }

    @Test("A client's reset ends the server's stream, and the connection serves on", arguments: [Back.h1, .h2, .h3])
    func resets(back: Back) async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(servers: ["s1 \(back.line(origin, try await TestCertificates.authority()))"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /slow?s=10&t=5000 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await Client.h1.fetch("/before", edge).status == 200)
        raw.reset()
        #expect(Edge.termination(try await edge.logLine("/slow")) == "CH")
        #expect(try await Client.h1.fetch("/?s=7", edge).size == 7)
    }

    @Test("A QUIC server whose UDP does not get through is reached over TCP with quic-fallback, and not without")
    func fallback() async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(
            servers: ["s1 quic4@127.0.0.1:\(origin.securePort) ssl verify none quic-fallback"], backend: "retries 0")
        #expect(try await Client.h1.fetch("/echo", edge).body.contains("GET /echo HTTP/2.0"))
        // The next one does not try UDP first.
        #expect(try await Client.h2.fetch("/echo", edge).body.contains("GET /echo HTTP/2.0"))
        let strict = try await Edge(
            servers: ["s1 quic4@127.0.0.1:\(origin.securePort) ssl verify none"], backend: "retries 0",
            timeouts: "timeout client 5s\ntimeout server 5s\ntimeout connect 500ms")
        #expect(try await Client.h1.fetch("/refused", strict).status == 503)
        #expect(try await strict.logLine("/refused").contains(" SC-- "))
    }

    @Test("A WebSocket passes to servers of every version and back", arguments: [Back.h1, .h2c, .h3])
    func webSockets(back: Back) async throws {
        let server = try UpgradeTests.webSocketServer()
        // A second proxy in the middle speaks the version in question to the first, and HTTP/1 to the server.
        let inner = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let line =
            switch back {
            case .h2c: "127.0.0.1:\(inner.port) proto h2"
            case .h3: "quic4@127.0.0.1:\(inner.securePort) ssl verify none"
            default: "127.0.0.1:\(inner.port)"
            }
        let edge = try await Edge(servers: ["s1 \(line)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send(
            "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        let head = try #require(await raw.blocking { $0.receive(through: "\r\n\r\n") })
        #expect(head.hasPrefix("HTTP/1.1 101 "), "\(head)")
        #expect(head.lowercased().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="))
        raw.send("hello")
        #expect(await raw.blocking { $0.receive(through: "HELLO") } != nil)
        raw.shutdownWrite()
        #expect(await raw.blocking { $0.receiveAll() }.end == .end)
        try await eventually("the server's end") { server.received.last == "end" }
    }

    @Test(
        "send-proxy: the server learns the client's address",
        arguments: ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,authority,ssl"])
    func proxyHeader(option: String) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        let folder = try ListenerFolder()
        let (front, inner) = (try Ports.free(), try Ports.free())
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen outer
                bind 127.0.0.1:\(front)
                server s1 127.0.0.1:\(inner) \(option)
                listen inner
                bind 127.0.0.1:\(inner) accept-proxy
                option forwardfor
                server s2 127.0.0.1:\(server.port)
                """), in: folder)
        #expect(try RawSocket(connectingTo: front).exchange("/through").hasSuffix("hello"))
        #expect(server.received.first?.lowercased().contains("x-forwarded-for: 127.0.0.1") == true)
        // Both lines name the same client, port included.
        let outer = try await edge.logLine(" outer/s1 ")
        let line = try await edge.logLine(" inner/s2 ")
        #expect(outer.prefix { $0 != " " } == line.prefix { $0 != " " })
    }

    @Test("A client certificate is shown to a server that asks for one") func clientCertificate() async throws {
        let folder = try await TestCertificates.directory()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".pem") }
        let certificate = "\(folder)/\(try #require(files.sorted().first))"
        let port = try Ports.free()
        let server = try ChildProcess(
            "openssl",
            [
                "s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", certificate, "-Verify", "3",
                "-www",
            ])
        try await server.ready("openssl") { Ports.listens(port) }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(port) ssl verify none crt \(certificate)"], backend: "retries 0")
        #expect(try await Client.h1.fetch("/shown", edge).status == 200)
        let without = try await Edge(servers: ["s1 127.0.0.1:\(port) ssl verify none"], backend: "retries 0")
        #expect(try await Client.h1.fetch("/hidden", without).status != 200)
    }
}
