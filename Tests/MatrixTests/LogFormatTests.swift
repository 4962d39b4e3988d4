import Foundation
import TestSupport
import Testing

/// Fields as HAProxy's configuration.txt, section 8.2, has them.
@Suite("The fields of each log format") struct LogFormatTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    @Test("option httplog: every field") func http() async throws {
        // Waits 100 ms with its answer's head, and 100 ms more with its end.
        let server = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                usleep(100_000)
                connection.send("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhello")
                usleep(100_000)
                connection.send("world")
            }
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let before = Date()
        let socket = try RawSocket(connectingTo: edge.port)
        socket.send("GET /x?a=\"b\" HTTP/1.1\r\nHost")
        usleep(100_000)
        socket.send(": a\r\nConnection: close\r\n\r\n")
        _ = socket.receiveAll()
        let line = try await edge.logLine("/x?a=")
        let fields =
            /127\.0\.0\.1:(\d+) \[(\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] edge back\/s1 (\d+)\/(\d+)\/(\d+)\/(\d+)\/(\d+) 201 (\d+) - - ---- 1\/1\/0\/0\/0 0\/0 "GET \/x\?a=#22b#22 HTTP\/1\.1"/
        let match = try #require(try fields.wholeMatch(in: line), "\(line)")
        let times = [match.3, match.4, match.5, match.6, match.7].map { Int($0) ?? -1 }
        // TR: the head's way to us. Tw, Tc: nothing waits. Tr: the server's thinking. Ta: all of it.
        #expect(times[0] >= 95 && times[0] < 1000, "\(line)")
        #expect(times[1] < 95 && times[2] < 95, "\(line)")
        #expect(times[3] >= 95 && times[3] < 1000, "\(line)")
        #expect(times[4] >= times[0] + times[3] + 95, "\(line)")
        // The server's response as HAProxy counts it: 20 + `HTTP/1.1` + `201` + `Created`, the field, 1, the body.
        #expect(Int(match.8) == 65, "\(line)")
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "dd/MMM/yyyy:HH:mm:ss.SSS"
        let date = try #require(format.date(from: String(match.2)))
        #expect(abs(date.timeIntervalSince(before)) < 1)
    }

    @Test("option tcplog: every field, with Tt from accept to end") func tcp() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "hello")
            usleep(100_000)
            connection.send("goodbye")
        }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"], defaults: "mode tcp\noption tcplog")
        let socket = try RawSocket(connectingTo: edge.port)
        socket.send("hello")
        #expect(socket.receive(through: "goodbye") == "goodbye")
        socket.shutdownWrite()
        let line = try await edge.logLine(" back/s1 ")
        let fields =
            /127\.0\.0\.1:\d+ \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] edge back\/s1 (\d+)\/(\d+)\/(\d+) 7 -- 1\/1\/0\/0\/0 0\/0/
        let match = try #require(try fields.wholeMatch(in: line), "\(line)")
        #expect((Int(match.3) ?? 0) >= 95 && (Int(match.1) ?? 999) < 95, "\(line)")
    }

    @Test("The default format: once per request, when it comes") func standard() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], defaults: "mode http")
        let socket = try RawSocket(connectingTo: edge.port)
        for _ in 0..<2 {
            socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(socket.receive(through: "hello") != nil)
        }
        try await eventually("two lines") { edge.log.count == 2 }
        for line in edge.log {
            let fields = /Connect from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:(\d+) \(edge\/HTTP\)/
            #expect(try fields.wholeMatch(in: line)?.1 == "\(edge.port)", "\(line)")
        }
    }

    @Test(
        "TLS marks the frontend's name; HTTP/2 and HTTP/3 show whole URIs", arguments: [Client.h1tls, .h2, .h3])
    func secure(client: Client) async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        #expect(try await client.fetch("/secure", edge).status == 200)
        let line = try await edge.logLine("/secure")
        #expect(line.contains("] edge~ back/s1 "), "\(line)")
        let uri = "https://localhost:\(edge.securePort)/secure"
        let request =
            switch client {
            case .h2: "\"GET \(uri) HTTP/2.0\""
            case .h3: "\"GET \(uri) HTTP/3.0\""
            default: "\"GET /secure HTTP/1.1\""
            }
        #expect(line.hasSuffix(request), "\(line)")
    }

    @Test("Retries, redispatch and queue positions") func counters() async throws {
        let server = try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head)
                while !server.received.contains("go") { usleep(5000) }
                connection.send(Self.answer)
            }
        }
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:1 weight 256", "s2 127.0.0.1:\(server.port) maxconn 1 weight 1"],
            backend: "balance first\nretries 1\noption redispatch 1", global: "nbthread 1")
        let first = try RawSocket(connectingTo: edge.port)
        first.send("GET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        try await eventually("the first request") { server.received.count == 1 }
        server.note("go")
        #expect(String(decoding: first.receiveAll().bytes, as: UTF8.self).hasSuffix("hello"))
        let line = try await edge.logLine("/first")
        #expect(line.contains(" back/s2 ") && line.contains("/+1 0/0 "), "\(line)")
        #expect(try await edge.logLine("Connection to server").contains("back/s1 failed: connect: Connection refused"))
    }

    @Test("dontlognull leaves out connections that bring nothing, no others") func dontLogNull() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"], defaults: "mode http\noption httplog\noption dontlognull",
            timeouts: "timeout client 5s\ntimeout server 5s\ntimeout connect 1s\ntimeout http-request 200ms",
            global: "nbthread 1")
        // One ends by itself, one by the time limit, with 408.
        try RawSocket(connectingTo: edge.port).shutdownWrite()
        let silent = try RawSocket(connectingTo: edge.port)
        #expect(String(decoding: silent.receiveAll().bytes, as: UTF8.self).hasPrefix("HTTP/1.1 408 "))
        let partial = try RawSocket(connectingTo: edge.port)
        partial.send("GET / HT")
        partial.shutdownWrite()
        _ = partial.receiveAll()
        #expect(try RawSocket(connectingTo: edge.port).exchange("/last").hasSuffix("hello"))
        _ = try await edge.logLine("/last")
        let lines = edge.log.filter { $0.contains("] edge ") }
        #expect(lines.count == 2, "\(lines)")
        #expect(lines.first?.contains(" edge/<NOSRV> -1/-1/-1/-1/") == true, "\(lines)")
        // The one that got 408 may linger still.
        #expect(lines.first?.contains(#/ 400 0 - - CR-- [12]/[12]/0/0/0 0/0 "<BADREQ>"/#) == true, "\(lines)")
    }
}
