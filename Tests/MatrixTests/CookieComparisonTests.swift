import Foundation
import TestSupport
import Testing

/// Portico and the packaged HAProxy get the same file and the same requests: the cookies that the server and the client
/// see, the servers that are chosen and the letters in the log have to be the same.
@Suite("Persistence cookies beside HAProxy's") struct CookieComparisonTests {
    /// `cookie` lines with their companions, each of a backend.
    private static let backends = [
        "cookie SRV insert", "cookie SRV insert indirect nocache", "cookie SRV rewrite", "cookie SRV prefix",
        "cookie SRV", "cookie SRV insert postonly", "cookie SRV insert indirect preserve", "cookie SRV indirect",
        "cookie SRV insert indirect maxidle 1h maxlife 2h",
        "cookie SRV insert httponly secure domain .a.test domain .b.test attr SameSite=Lax attr X=y",
        "cookie SRV insert indirect dynamic\ndynamic-cookie-key secret", "cookie SRV insert indirect\noption persist",
        "cookie SRV insert maxidle 1h",
    ]

    /// What a client sends, and what its server answers.
    private struct Exchange: Sendable {
        var backend: Int
        var method = "GET"
        var cookie: String?
        var fields = ""
    }

    private static func date(_ age: Int) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let quarters = (Int(Date().timeIntervalSince1970) - age) >> 2
        return String((0..<5).map { digits[(quarters >> (24 - 6 * $0)) & 63] })
    }

    private static let exchanges: [Exchange] = {
        let cookies: [String?] = [
            nil, "SRV=b1", "SRV=none", "SRV=", "x=1; SRV=b1; y=2", "SRV=b1; y=2", "x=1; SRV=b1", "x=1;SRV=b1;y=2",
            "SRV = b1 ; y=2", "SRV=down", "SRV=b1~inner; y=2", "x=1; SRV=b1~", "SRV=~", "srv=b1", "XSRV=b1",
            "SRV=\"b1\"", "SRV=b1, y=2", "$Version=1; SRV=b1; $Path=/; z=3", "SRV; y=2", "SRV=b1; SRV=c1", "=b1; y",
            "SRV=shared",
        ]
        let answers = [
            "", "x-set: SRV=own; path=/\r\n", "x-set: SRV=own\r\nx-cache: max-age=10\r\n", "x-cache: public\r\n",
            "x-set: other=1; path=/\r\nx-etag: 1\r\n", "x-set: SRV = own ; Secure\r\n",
        ]
        var all: [Exchange] = []
        for backend in backends.indices where !backends[backend].contains("max") {
            for cookie in cookies { all.append(Exchange(backend: backend, cookie: cookie)) }
            for fields in answers.dropFirst() {
                all.append(Exchange(backend: backend, fields: fields))
                all.append(Exchange(backend: backend, cookie: "SRV=b1", fields: fields))
            }
            all.append(Exchange(backend: backend, method: "POST", fields: "content-length: 0\r\n"))
        }
        for backend in backends.indices where backends[backend].contains("max") {
            for cookie in [
                nil, "SRV=b1", "SRV=b1|\(date(60))", "SRV=b1|\(date(60))|\(date(600))", "SRV=b1|\(date(4000))",
                "SRV=b1|\(date(60))|\(date(9000))", "SRV=b1|\(date(-90_000))", "SRV=b1|short", "SRV=b1|!!!!!|!!!!!",
                "SRV=|\(date(60))",
            ] {
                all.append(Exchange(backend: backend, cookie: cookie))
            }
        }
        return all
    }()

    private static func server() throws -> ScriptedServer {
        try ScriptedServer { connection, _, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                func field(_ name: String) -> String? {
                    head.components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix(name + ":") }
                        .map { String($0.dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces) }
                }
                var answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                if let value = field("x-set") { answer += "Set-Cookie: \(value)\r\n" }
                if let value = field("x-cache") { answer += "Cache-Control: \(value)\r\n" }
                if let value = field("x-etag") { answer += "ETag: \(value)\r\n" }
                answer += "X-Saw: <\(field("cookie") ?? "-")>\r\n\r\n"
                guard connection.send(answer) else { return }
            }
        }
    }

    /// Runs `program` and the requests: what came of each.
    private static func results(of program: String, server: Int) async throws -> [String] {
        let port = try Ports.free()
        let folder = try ListenerFolder()
        var text = """
            global
            nbthread 1
            log stdout format raw local0
            defaults
            mode http
            log global
            timeout client 5s
            timeout server 5s
            timeout connect 1s
            option redispatch
            frontend edge
            bind 127.0.0.1:\(port)
            capture request header x-case len 9
            log-format "case:%[capture.req.hdr(0)] %tsc %s"
            use_backend %[req.hdr(x-backend)]

            """
        for (number, lines) in backends.enumerated() {
            text += """
                backend b\(number)
                balance first
                \(lines)
                http-response set-header x-server %s
                server a 127.0.0.1:\(server) \(lines.contains("dynamic") ? "" : "cookie a1")
                server b 127.0.0.1:\(server) cookie b1
                server c 127.0.0.1:\(server) cookie shared
                server d 127.0.0.1:\(server) cookie shared
                server e 127.0.0.1:1 cookie down disabled
                server f 127.0.0.1:\(server)

                """
        }
        let process = try ChildProcess(program, ["-f", try folder.write("edge.cfg", text)])
        try await process.ready("the listener") { Ports.listens(port) }
        var seen: [String] = []
        for (number, item) in exchanges.enumerated() {
            let socket = try RawSocket(connectingTo: port)
            let answer = await socket.blocking { socket in
                socket.send(
                    "\(item.method) / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Case: \(number)\r\n"
                        + "X-Backend: b\(item.backend)\r\n" + (item.cookie.map { "Cookie: \($0)\r\n" } ?? "")
                        + item.fields + "\r\n")
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            }
            let wanted = ["HTTP/", "set-cookie:", "cache-control:", "x-saw:", "x-server:"]
            let lines = answer.components(separatedBy: "\r\n").filter { line in
                wanted.contains { line.lowercased().hasPrefix($0.lowercased()) }
            }
            seen.append(lines.map { mask($0) }.sorted().joined(separator: " & "))
        }
        try await eventually("the log") { process.output.contains("case:\(exchanges.count - 1) ") }
        let log = process.output.split(separator: "\n")
        return exchanges.indices.map { number in
            let line = log.first { $0.hasPrefix("case:\(number) ") } ?? "?"
            return "\(seen[number]) & \(line.split(separator: " ").dropFirst().joined(separator: " "))"
        }
    }

    /// Names of fields in lower case, dates without their last digits, the server's port.
    private static func mask(_ line: String) -> String {
        let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
        var text = parts.count == 2 ? parts[0].lowercased() + ":" + parts[1] : line
        text = text.replacing(/\|[A-Za-z0-9+\/]{3}[A-Za-z0-9+\/]{2}/) { match in "\(match.output.prefix(4)).." }
        return text
    }

    @Test("Every mode with every kind of cookie") func all() async throws {
        let server = try Self.server()
        let expected = try await Self.results(of: "/usr/sbin/haproxy", server: server.port)
        let found = try await Self.results(of: try Repository.program("portico"), server: server.port)
        #expect(expected.count == Self.exchanges.count && expected.count > 300)
        for (number, item) in Self.exchanges.enumerated() {
            #expect(
                found[number] == expected[number],
                "\(Self.backends[item.backend]): \(item.method) \(item.cookie ?? "no cookie") \(item.fields)")
        }
    }
}
