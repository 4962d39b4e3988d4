import Foundation
import TestSupport
import Testing

@Suite("Servers that clients come back to without a cookie") struct LastServerTests {
    private static func server(_ name: String) throws -> ScriptedServer {
        try .answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(name)")
    }

    @Test("option prefer-last-server: a session's requests follow its own connection", arguments: [true, false])
    func last(prefers: Bool) async throws {
        let servers = [try Self.server("a"), try Self.server("b")]
        let process = try await RuntimeProcess(
            backend: """
                balance roundrobin
                http-reuse never
                \(prefers ? "option prefer-last-server" : "no option prefer-last-server")
                server a 127.0.0.1:\(servers[0].port)
                server b 127.0.0.1:\(servers[1].port)
                """)
        let client = try RawSocket(connectingTo: process.port)
        var seen = ""
        for _ in 0..<6 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = await client.blocking { $0.receive(through: "\r\n\r\n") } ?? ""
            let rest = head.hasSuffix("\r\n\r\n") ? await client.blocking { $0.receiveSome() } ?? "" : ""
            seen += String((head + rest).suffix(1))
        }
        #expect(prefers ? seen == "aaaaaa" || seen == "bbbbbb" : Set(seen) == ["a", "b"], "\(seen)")
        guard prefers else { return }
        // A server that takes no new requests is left.
        #expect(try await process.ask("set server back/\(seen.prefix(1)) state maint") == "\n")
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let answer = await client.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
        #expect(answer.hasSuffix(seen.hasPrefix("a") ? "b" : "a"))
    }

    @Test("redir: GET and HEAD are sent elsewhere; the rest goes to the server") func redirected() async throws {
        let server = try Self.server("a")
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen l
                option httplog
                bind 127.0.0.1:\(port)
                http-response set-header x-rule 1
                server s1 127.0.0.1:\(server.port) redir http://img.example maxconn 1
                """), in: ListenerFolder())
        func ask(_ request: String) async throws -> String {
            let client = try RawSocket(connectingTo: port)
            return await client.blocking { client in
                client.send("\(request) HTTP/1.1\r\nHost: foo.com\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                return String(decoding: client.receiveAll().bytes, as: UTF8.self)
            }
        }
        for (target, path) in [("/a/b?x=1", "/a/b?x=1"), ("http://foo.com/abs?x", "/abs?x")] {
            let answer = try await ask("GET \(target)")
            #expect(answer.hasPrefix("HTTP/1.1 302 Found\r\n"), "\(answer)")
            for field in ["cache-control: no-cache", "content-length: 0", "location: http://img.example\(path)"] {
                #expect(answer.contains("\r\n\(field)\r\n"), "\(answer)")
            }
            #expect(!answer.contains("x-rule"))
        }
        #expect(try await ask("HEAD /y").hasPrefix("HTTP/1.1 302 Found\r\n"))
        // Each has given its place back: the server takes one at a time.
        #expect(try await ask("POST /z").contains("x-rule: 1"))
        // As HAProxy logs it.
        #expect(try await process.logLine("GET /a/b").contains(" l l/s1 0/0/-1/-1/0 302 0 - - LC-- 1/1/0/0/0 0/0 "))
    }

    @Test("persist rdp-cookie: the server that the cookie names") func remoteDesktop() async throws {
        let servers = try ["a", "b"].map { name in
            try ScriptedServer { connection, _, _ in
                _ = connection.receive(through: "\r\n")
                connection.send(name)
            }
        }
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen l
                mode tcp
                option tcplog
                bind 127.0.0.1:\(port)
                persist rdp-cookie
                balance roundrobin
                tcp-request inspect-delay 5s
                tcp-request content accept if { req.rdp_cookie_cnt(msts) gt 0 }
                server a 127.0.0.1:\(servers[0].port)
                server b 127.0.0.1:\(servers[1].port)
                """), in: ListenerFolder())
        for place in [1, 1, 0, 0, 1] {
            // 127.0.0.1 as the number that its bytes make on a little-endian machine, and the port's bytes turned round.
            let cookie = "Cookie: msts=16777343.\(UInt16(servers[place].port).byteSwapped).0000\r\n"
            let client = try RawSocket(connectingTo: port)
            client.send(Self.connectionRequest(cookie))
            let answer = await client.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
            #expect(answer == (place == 0 ? "a" : "b"))
        }
        withExtendedLifetime(process) {}
    }

    /// An RDP client's first words: TPKT, X.224 and a cookie.
    private static func connectionRequest(_ cookie: String) -> [UInt8] {
        let length = 11 + cookie.utf8.count
        return [3, 0, 0, UInt8(length), UInt8(length - 5), 0xe0, 0, 0, 0, 0, 0] + Array(cookie.utf8)
    }

    @Test(
        "balance rdp-cookie: HAProxy's servers",
        arguments: ["balance rdp-cookie", "balance rdp-cookie(user)\nhash-type consistent"])
    func balancedByCookie(lines: String) async throws {
        let servers = try (0..<5).map { name in
            try ScriptedServer { connection, _, _ in
                _ = connection.receive(through: "\r\n")
                connection.send("\(name)")
            }
        }
        var chosen: [String] = []
        for program in ["/usr/sbin/haproxy", try Repository.program("portico")] {
            let port = try Ports.free()
            let folder = try ListenerFolder()
            let file = try folder.write(
                "edge.cfg",
                ListenerProcess.sections(
                    """
                    listen l
                    mode tcp
                    option tcplog
                    bind 127.0.0.1:\(port)
                    \(lines)
                    tcp-request inspect-delay 5s
                    tcp-request content accept if RDP_COOKIE
                    \(servers.enumerated().map { "server s\($0) 127.0.0.1:\($1.port)" }.joined(separator: "\n"))
                    """))
            let process = try ChildProcess(program, ["-f", file])
            try await process.ready("the listener") { Ports.listens(port) }
            var places = ""
            for user in ["ann", "bob", "carla", "d", "eve", "frank", "grace", "h1", "h2", "h3", "h4", "ann"] {
                let client = try RawSocket(connectingTo: port)
                let name = lines.contains("(user)") ? "user" : "mstshash"
                client.send(Self.connectionRequest("Cookie: \(name)=\(user)\r\n"))
                places += await client.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
            }
            chosen.append(places)
            _ = try await process.stop()
        }
        #expect(chosen[0].count == 12 && Set(chosen[0]).count > 2, "\(chosen)")
        #expect(chosen[1] == chosen[0])
    }
}
