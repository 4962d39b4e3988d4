import TestSupport
import Testing

/// What is written when, and for whom: steps, profiles, samples, identifiers (configuration.txt sections 3.12 and 8.3).
@Suite("Log steps, profiles and identifiers") struct LogProfileTests {
    private static func edge(_ lines: String, global: String = "") async throws -> (ChildProcess, Int, ScriptedServer) {
        let server = try ScriptedServer { connection, _, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                let id =
                    head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("x-id: ") }?.dropFirst(6) ?? "none"
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(id.utf8.count)\r\n\r\n\(id)")
            }
        }
        let port = try Ports.free()
        let folder = try ListenerFolder()
        let file = try folder.write(
            "edge.cfg",
            """
            global
            nbthread 1
            defaults
            option dontlognull
            mode http
            timeout client 5s
            timeout server 5s
            timeout connect 5s
            \(global)
            frontend f
            bind 127.0.0.1:\(port)
            \(lines)
            default_backend b
            backend b
            server s1 127.0.0.1:\(server.port)

            """)
        let process = try ChildProcess(Repository.program("portico"), ["-f", file])
        try await process.ready("the listener") { Ports.listens(port) }
        return (process, port, server)
    }

    private static func get(_ port: Int, _ path: String = "/") throws -> String {
        let socket = try RawSocket(connectingTo: port)
        socket.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
    }

    private static func lines(_ process: ChildProcess) -> [String] {
        process.output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("line ") }
    }

    @Test("A profile decides at each step and rule") func profile() async throws {
        let (process, port, server) = try await Self.edge(
            """
            log stdout format raw profile p local0
            log-format dummy
            log-steps all
            http-request do-log
            http-response do-log profile q
            """,
            global: """
                log-profile p
                on any format "line %OG %HU"
                on connect drop
                log-profile q
                on http-res format "line q %ST"
                """)
        _ = try Self.get(port, "/x")
        try await eventually("all lines") { Self.lines(process).contains("line txn_close /x") }
        #expect(
            Self.lines(process) == [
                "line txn_accept /x", "line txn_request /x", "line http-req /x", "line q 200", "line txn_response /x",
                "line txn_close /x",
            ])
        _ = server
    }

    @Test("A target takes the lines of its sample") func sampling() async throws {
        let (process, port, server) = try await Self.edge(
            "log stdout format raw sample 2-3:4 local0\nlog-format \"line %HU %ST\"\noption dontlognull")
        for number in 1...6 { _ = try Self.get(port, "/\(number)") }
        try await eventually("the lines") { Self.lines(process).count >= 3 }
        #expect(Self.lines(process) == ["line /2 200", "line /3 200", "line /6 200"])
        _ = server
    }

    @Test("The unique identifier goes to the server and into the log") func identifier() async throws {
        let (process, port, server) = try await Self.edge(
            """
            log stdout format raw local0
            log-format "line %ID"
            unique-id-format "%ci_%{+X}rt  %HM"
            unique-id-header X-ID
            """)
        let first = try Self.get(port)
        let second = try Self.get(port)
        try await eventually("the lines") { Self.lines(process).count == 2 }
        let found = Self.lines(process)
        #expect(found[0].hasPrefix("line 127.0.0.1_") && found[0].hasSuffix(" GET") && found[0] != found[1])
        #expect(first.hasSuffix(found[0].dropFirst(5)) && second.hasSuffix(found[1].dropFirst(5)))
        _ = server
    }

    @Test("Only failures are logged, with their level") func failures() async throws {
        let (process, port, server) = try await Self.edge(
            """
            log stdout format short local0
            log-format "line %HU %ST"
            option dontlog-normal
            option log-separate-errors
            option dontlognull
            use_backend none if { str(x) -m str x }
            """, global: "backend none\n")
        _ = try Self.get(port, "/1")
        try await eventually("the line") { process.output.contains("<3>line /1 503") }
        _ = server
    }
}
