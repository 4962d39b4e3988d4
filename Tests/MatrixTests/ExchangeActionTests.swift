import Foundation
import TestSupport
import Testing

/// What rules set for one exchange alone.
@Suite("set-timeout, set-retries, set-log-level and their like") struct ExchangeActionTests {
    @Test func logLevels() async throws {
        let edge = try await Edge(
            servers: ["s 127.0.0.1:1"],
            frontend: """
                log stdout format short local0
                http-request set-log-level silent if { path /silent }
                http-request set-log-level err if { path /err }
                http-after-response set-log-level debug if { path_beg /after }
                http-request return status 204
                """, global: "nbthread 1")
        for path in ["/silent", "/err", "/after", "/last"] { _ = try RawSocket(connectingTo: edge.port).exchange(path) }
        _ = try await edge.logLine("GET /last ")
        let lines = edge.log.filter { $0.contains("GET /") && $0.hasPrefix("<") }
        #expect(lines.count == 3, "\(lines)")
        for (line, level) in zip(lines, ["<3>", "<7>", "<6>"]) { #expect(line.hasPrefix(level), "\(line)") }
    }

    @Test func timeouts() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            _ = connection.receive()
        }
        let full = try FullListener()
        let edge = try await Edge(
            servers: [
                """
                s 127.0.0.1:\(server.port)
                backend full
                http-request set-timeout connect 200ms
                http-request set-retries 0
                server s 127.0.0.1:\(full.port)
                """
            ],
            frontend: "use_backend full if { path /connect }\nhttp-request set-timeout client 5s",
            backend: """
                http-request set-timeout server 200ms if { path /server }
                http-request set-timeout server int(1),mul(200) if { path /expression }
                """)
        for path in ["/server", "/expression"] {
            #expect(try RawSocket(connectingTo: edge.port).exchange(path).hasPrefix("HTTP/1.1 504 "))
            #expect(try await edge.logLine("GET \(path) ").contains(" sH-- "))
        }
        #expect(try RawSocket(connectingTo: edge.port).exchange("/connect").hasPrefix("HTTP/1.1 503 "))
        #expect(try await edge.logLine("GET /connect ").contains(" sC-- "))
    }

    @Test("The values in force can be read, and those of another backend are not overwritten") func figures()
        async throws
    {
        let ports = [try Ports.free(), try Ports.free()]
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let rules = """
            http-request set-timeout client 3s
            http-request set-timeout server 4s
            http-request set-timeout tarpit 2s
            http-request set-retries 7
            http-request set-priority-class int(-5000)
            http-request set-priority-offset int(99)
            http-request set-nice 2000
            http-response set-header x-v "%[cur_client_timeout] %[cur_server_timeout] %[cur_tarpit_timeout]\
             %[cur_max_retries] %[prio_class] %[prio_offset]"
            """
        _ = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen own
                bind 127.0.0.1:\(ports[0])
                \(rules)
                server s 127.0.0.1:\(server.port)
                listen other
                bind 127.0.0.1:\(ports[1])
                \(rules)
                default_backend b
                backend b
                server s 127.0.0.1:\(server.port)
                """), in: try ListenerFolder()
        )
        .stays {
            let own = try RawSocket(connectingTo: ports[0]).exchange("/")
            #expect(own.contains("x-v: 3000 4000 2000 7 -2047 99\r\n"), "\(own)")
            let other = try RawSocket(connectingTo: ports[1]).exchange("/")
            #expect(other.contains("x-v: 3000 5000 2000 3 -2047 99\r\n"), "\(other)")
        }
    }

    @Test func retries() async throws {
        let edge = try await Edge(
            servers: ["s 127.0.0.1:1"], backend: "retries 1\nhttp-request set-retries int(0) if { path /none }",
            timeouts: "timeout client 5s\ntimeout server 5s\ntimeout connect 50ms")
        _ = try RawSocket(connectingTo: edge.port).exchange("/none")
        #expect(try await edge.logLine("GET /none ").contains("/0 0/0 "), "\(edge.log)")
        _ = try RawSocket(connectingTo: edge.port).exchange("/one")
        #expect(try await edge.logLine("GET /one ").contains("/+1 0/0 ") || edge.log.last!.contains("/1 0/0 "))
    }

    @Test("disable-l7-retry leaves an answered failure alone") func layer7() async throws {
        let server = try ScriptedServer { connection, number, server in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            server.note(head)
            let status = number == 1 || head.contains("/plain") ? "500 Oops" : "200 OK"
            connection.send("HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(server.port)"],
            backend: "retry-on 500\nhttp-request disable-l7-retry if { path /plain }")
        #expect(try RawSocket(connectingTo: edge.port).exchange("/again").hasPrefix("HTTP/1.1 200 "))
        #expect(server.connections == 2)
        #expect(try RawSocket(connectingTo: edge.port).exchange("/plain").hasPrefix("HTTP/1.1 500 "))
        #expect(server.connections == 3)
    }

    @Test("last_rule_line tells the rule that ended its set last") func lastRule() async throws {
        let port = try Ports.free()
        let folder = try ListenerFolder()
        let text = ListenerProcess.sections(
            defaults: "log-format \"%HP %[last_rule_file] %[last_rule_line] %[last_entity] end\"",
            """
            frontend f
            bind 127.0.0.1:\(port)
            http-request allow if { path /allow }
            http-request deny if { path /deny }
            default_backend b
            backend b
            """)
        let lines = text.components(separatedBy: "\n")
        let allow = (lines.firstIndex { $0.contains("http-request allow") } ?? -2) + 1
        let edge = try await ListenerProcess(text, in: folder)
        for path in ["/allow", "/deny", "/none"] { _ = try RawSocket(connectingTo: port).exchange(path) }
        let file = "\(folder.path)/edge.cfg"
        #expect(try await edge.logLine("/allow ") == "/allow \(file) \(allow) \(file):\(allow) end")
        #expect(try await edge.logLine("/deny ") == "/deny \(file) \(allow + 1) \(file):\(allow + 1) end")
        #expect(try await edge.logLine("/none ") == "/none - - - end")
    }
}

extension ListenerProcess {
    /// Keeps the process for as long as `body` runs.
    fileprivate func stays(_ body: () throws -> Void) rethrows { try withExtendedLifetime(self) { try body() } }
}
