import Foundation
import Glibc
import TestSupport
import Testing

/// Options that change how messages go to peers that are not as they should be. What is expected is what HAProxy does.
@Suite("Options for peers that mind") struct MessageOptionTests {
    private static func edge(
        to port: Int, global: String = "", frontend: String = "", backend: String = ""
    ) async throws -> (ListenerProcess, Int) {
        let own = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 2\n\(global)",
                """
                frontend web
                bind 127.0.0.1:\(own)
                \(frontend)
                default_backend back
                backend back
                \(backend)
                server s1 127.0.0.1:\(port)
                """), in: try ListenerFolder())
        return (edge, own)
    }

    /// One request, and all that comes until the end.
    private static func ask(_ port: Int, _ request: String) async throws -> (text: String, end: RawSocket.Piece) {
        let socket = try RawSocket(connectingTo: port)
        return await socket.blocking { socket in
            socket.send(request)
            let (bytes, end) = socket.receiveAll()
            return (String(decoding: bytes, as: UTF8.self), end)
        }
    }

    private static let once = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test("h1-case-adjust: names as the server, or the client, wants them") func cases() async throws {
        let server = try ScriptedServer.answering(
            "HTTP/1.1 200 OK\r\nX-Answer: One\r\nContent-Length: 2\r\n\r\nok")
        let folder = try ListenerFolder()
        let file = try folder.write("cases", "# names\n\n  x-answer X-ANSWER # as it was\n")
        let global =
            "h1-case-adjust x-ask X-Ask\nh1-case-adjust content-length Content-Length\n"
            + "h1-case-adjust X-OTHER X-Other\nh1-case-adjust host Host\nh1-case-adjust-file \(file)"
        let request = "GET / HTTP/1.1\r\nhost: a\r\nx-ask: x-ask\r\nx-other: 1\r\nConnection: close\r\n\r\n"
        let (front, first) = try await Self.edge(
            to: server.port, global: global, frontend: "option h1-case-adjust-bogus-client")
        let answer = try await Self.ask(first, request).text
        #expect(answer.contains("\r\nX-ANSWER: One\r\n") && answer.contains("\r\nContent-Length: 2\r\n"), "\(answer)")
        #expect(answer.contains("\r\nconnection: close\r\n"), "\(answer)")
        #expect(server.received.last?.contains("\r\nx-ask: x-ask\r\n") == true, "\(server.received)")
        let (back, second) = try await Self.edge(
            to: server.port, global: global, backend: "option h1-case-adjust-bogus-server")
        let plain = try await Self.ask(second, request).text
        #expect(plain.contains("\r\nx-answer: One\r\n") && plain.contains("\r\ncontent-length: 2\r\n"), "\(plain)")
        let head = try #require(server.received.last)
        #expect(head.contains("\r\nHost: a\r\n") && head.contains("\r\nX-Ask: x-ask\r\n"), "\(head)")
        #expect(head.contains("\r\nx-other: 1\r\n"), "\(head)")
        withExtendedLifetime((front, back)) {}
    }

    @Test("http-pretend-keepalive: the server is not told that the connection ends") func pretends() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        for (options, isTold) in [("", true), ("option http-pretend-keepalive", false)] {
            let (edge, port) = try await Self.edge(
                to: server.port, backend: "option http-server-close\n\(options)")
            let connections = server.connections
            let socket = try RawSocket(connectingTo: port)
            for _ in 0..<2 {
                let answer = await socket.blocking { socket in
                    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return socket.receive(through: "\r\n\r\nok")
                }
                #expect(answer != nil)
                let head = try #require(server.received.last)
                #expect(head.contains("\r\nconnection: close\r\n") == isTold, "\(head)")
            }
            #expect(server.connections == connections + 2)
            withExtendedLifetime(edge) {}
        }
    }

    /// Which of these responses are blocked is what HAProxy does; the answer is the one that its manual tells.
    @Test(
        "checkcache: responses with a cookie that a cache may keep are blocked",
        arguments: [
            ("Set-Cookie: a=b\r\nLast-Modified: x", 502), ("Set-Cookie: a=b\r\nCache-Control: max-age=5", 502),
            ("Set-Cookie: a=b", 200), ("Last-Modified: x", 200),
            ("Set-Cookie: a=b\r\nLast-Modified: x\r\nCache-Control: private", 200),
            ("Set-Cookie: a=b\r\nLast-Modified: x\r\nCache-Control: no-store", 200),
            ("Set-Cookie: a=b\r\nLast-Modified: x\r\nCache-Control: no-cache=\"set-cookie\"", 200),
            ("Set-Cookie: a=b\r\nLast-Modified: x\r\nCache-Control: max-age=0", 200),
            ("Set-Cookie: a=b\r\nLast-Modified: x\r\nPragma: no-cache", 200),
            ("Set-Cookie: a=b\r\nLast-Modified: x\r\nCache-Control: public", 502),
        ])
    func checksCaching(fields: String, status: Int) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\n\(fields)\r\nContent-Length: 2\r\n\r\nok")
        let (edge, port) = try await Self.edge(to: server.port, backend: "option checkcache")
        let answer = try await Self.ask(port, Self.once).text
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        let line = try await edge.logLine("GET / ")
        #expect(line.contains(status == 502 ? " PH-- " : " ---- "), "\(line)")
    }

    @Test("Trailers are dropped towards servers, and towards clients, where they are not wanted") func trailers()
        async throws
    {
        let body = "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n"
        let server = try ScriptedServer { connection, _, server in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            let rest = head.contains("0\r\n") ? "" : connection.receive(through: "\r\n0\r\n") ?? ""
            server.note(head + rest)
            connection.send("HTTP/1.1 200 OK\r\n" + body)
            if case .bytes(let more) = connection.receive() { server.note(String(decoding: more, as: UTF8.self)) }
        }
        let request = "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te, close\r\n" + body
        for drops in [false, true] {
            let (edge, port) = try await Self.edge(
                to: server.port, frontend: drops ? "option http-drop-response-trailers" : "",
                backend: (drops ? "option http-drop-request-trailers\n" : "") + "option http-server-close")
            let before = server.received.count
            let answer = try await Self.ask(port, request).text
            #expect(answer.contains("2\r\nok\r\n0\r\n"), "\(answer)")
            #expect(answer.lowercased().contains("x-trailer: 1") != drops, "\(answer)")
            let got = server.received[before...].joined().lowercased()
            #expect(got.contains("x-trailer: 1") != drops, "\(got)")
            withExtendedLifetime(edge) {}
        }
    }

    @Test("disable-h2-upgrade: the preface of HTTP/2 in clear is a method that nobody knows") func prefaceInClear()
        async throws
    {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let (edge, port) = try await Self.edge(to: server.port, frontend: "option disable-h2-upgrade")
        let answer = try await Self.ask(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").text
        #expect(answer.hasPrefix("HTTP/1.1 405 "), "\(answer)")
        withExtendedLifetime(edge) {}
    }

    @Test("idle-close-on-response: an idle connection outlives the start of a soft stop, and ends with its next answer")
    func idleConnections() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        for (option, isKept) in [("", false), ("option idle-close-on-response", true)] {
            let (edge, port) = try await Self.edge(to: server.port, frontend: option)
            let socket = try RawSocket(connectingTo: port)
            let first = await socket.blocking { socket in
                socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                return socket.receive(through: "\r\n\r\nok")
            }
            #expect(first?.contains("connection: close") == false)
            edge.process.signal(SIGUSR1)
            try await eventually("the listener to close") { !Ports.listens(port) }
            let (text, end) = await socket.blocking { socket in
                socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let (bytes, end) = socket.receiveAll()
                return (String(decoding: bytes, as: UTF8.self), end)
            }
            #expect(isKept ? text.contains("\r\nconnection: close\r\n") && end == .end : text.isEmpty, "\(text)")
        }
    }

    @Test("timeout client-hs bounds the TLS handshake") func handshakeTime() async throws {
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port) ssl crt \(certificates)
                timeout client 60s
                timeout client-hs 200ms
                http-request return status 200
                """), in: try ListenerFolder())
        let socket = try RawSocket(connectingTo: port)
        let end = await socket.blocking { $0.receiveAll().end }
        #expect(end == .end || end == .reset)
        _ = try await edge.logLine("Timeout during SSL handshake")
    }

    @Test("h2-workaround-bogus-websocket-clients: SETTINGS do not tell of extended CONNECT (RFC 8441)") func settings()
        async throws
    {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        for (global, isTold) in [("", true), ("h2-workaround-bogus-websocket-clients", false)] {
            let (edge, port) = try await Self.edge(to: server.port, global: global)
            let socket = try RawSocket(connectingTo: port)
            let frame = await socket.blocking { socket in
                socket.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0])
                var bytes: [UInt8] = []
                while bytes.count < 9 || bytes.count < 9 + Int(bytes[1]) << 8 + Int(bytes[2]) {
                    guard case .bytes(let more) = socket.receive() else { break }
                    bytes += more
                }
                return bytes
            }
            try #require(frame.count > 9 && frame[3] == 4, "\(frame)")
            let length = Int(frame[1]) << 8 + Int(frame[2])
            let names = stride(from: 9, to: 9 + length, by: 6).map { Int(frame[$0]) << 8 + Int(frame[$0 + 1]) }
            #expect(names.contains(8) == isTold, "\(names)")
            withExtendedLifetime(edge) {}
        }
    }
}
