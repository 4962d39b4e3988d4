import Foundation
import TestSupport
import Testing

/// `check-reuse-pool`, and checks of servers that open their connections to us.
@Suite("Checks on connections that are there") struct PooledCheckTests {
    /// The statuses of a server and of its last check.
    private static func status(_ process: RuntimeProcess, _ server: String) async throws -> String {
        let lines = try await process.ask("show stat").split(separator: "\n")
        let names = lines[0].dropFirst(2).split(separator: ",", omittingEmptySubsequences: false)
        guard let line = lines.first(where: { $0.hasPrefix(server.replacing("/", with: ",") + ",") }) else {
            return "?"
        }
        let values = line.split(separator: ",", omittingEmptySubsequences: false)
        return ["status", "check_status"].map { name in
            names.firstIndex(of: Substring(name)).map { values[$0].replacing("* ", with: "") } ?? "?"
        }.joined(separator: " ")
    }

    private static func eventually(_ status: String, _ process: RuntimeProcess, _ server: String) async throws {
        try await TestSupport.eventually("\(server) to be \(status), \(process.listener.log)") {
            try await Self.status(process, server) == status
        }
    }

    @Test("rhttp@: the device answers checks on its own connection; without one the server is down", arguments: [1, 2])
    func reversed(workers: Int) async throws {
        let port = try Ports.free()
        let edge = try await RuntimeProcess(
            global: "expose-experimental-directives\nnbthread \(workers)",
            backend: """
                option httpchk GET /health
                http-check send hdr host device.test
                http-check expect string GET\\ /health\\ device.test\\ 2
                server dev rhttp@ check inter 50ms rise 1 fall 1
                """,
            rest: """
                backend plain
                server dev rhttp@ check inter 50ms
                frontend priv
                bind 127.0.0.1:\(port) proto h2
                tcp-request session attach-srv back/dev
                """)
        try await Self.eventually("DOWN SOCKERR", edge, "back/dev")
        // What is no HTTP check has no connection of its own to look at.
        try await Self.eventually("DOWN SOCKERR", edge, "plain/dev")
        let device = try await RuntimeProcess(
            global: "expose-experimental-directives\nnbthread 1",
            rest: """
                frontend tunnel
                bind rhttp@edge/srv nbconn 1
                http-request return status 200 content-type text/plain lf-string "%[method] %[path] %[req.hdr(host)] %[fc_http_major]"
                backend edge
                server srv 127.0.0.1:\(port) proto h2
                """)
        try await Self.eventually("UP L7OK", edge, "back/dev")
        // Traffic goes on it as well, and a check needs no connection for itself.
        let socket = try RawSocket(connectingTo: edge.port)
        let answer = await socket.blocking { socket in
            socket.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        #expect(answer.hasSuffix("GET /x a 2"), "\(answer)")
        #expect(try await device.ask("show stat tunnel 1 -1").contains("tunnel,FRONTEND,,,1,1,"))
        #expect(try await Self.status(edge, "plain/dev") == "DOWN SOCKERR")
        _ = try await device.listener.process.stop()
        try await Self.eventually("DOWN SOCKERR", edge, "back/dev")
        #expect(
            try await edge.ask("disable server back/dev; wait 2s srv-removable back/dev").contains("elements pointing"))
    }

    @Test("check-pool-conn-name: the device of that name is asked", arguments: ["one", "two", "three"])
    func named(name: String) async throws {
        let port = try Ports.free()
        let edge = try await RuntimeProcess(
            global: "expose-experimental-directives",
            backend: """
                option httpchk GET /health
                http-check expect rstring ^(one|two)
                server dev rhttp@ pool-conn-name hdr(x-device) check inter 50ms rise 1 fall 1 check-pool-conn-name \(name)
                """,
            rest: """
                frontend priv
                bind 127.0.0.1:\(port) proto h2
                tcp-request session attach-srv back/dev name str(one) if { src_port 20000:29999 }
                tcp-request session attach-srv back/dev name str(two) unless { src_port 20000:29999 }
                """)
        var devices: [RuntimeProcess] = []
        for (own, source) in [("one", "20000-29999"), ("two", "30000-39999")] {
            devices.append(
                try await RuntimeProcess(
                    global: "expose-experimental-directives\nnbthread 1",
                    rest: """
                        frontend tunnel
                        bind rhttp@edge/srv nbconn 1
                        http-request set-log-level silent unless { path /health }
                        http-request return status 200 content-type text/plain string \(own)
                        backend edge
                        server srv 127.0.0.1:\(port) proto h2 source 127.0.0.1:\(source)
                        """))
        }
        try await Self.eventually(name == "three" ? "DOWN SOCKERR" : "UP L7OK", edge, "back/dev")
        if name != "three" {
            _ = try await devices[name == "one" ? 1 : 0].listener.process.stop()
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await Self.status(edge, "back/dev") == "UP L7OK")
            _ = try await devices[name == "one" ? 0 : 1].listener.process.stop()
            try await Self.eventually("DOWN SOCKERR", edge, "back/dev")
        }
    }

    @Test("check-reuse-pool: an idle connection carries checks between requests; without one they make their own")
    func reuse() async throws {
        let server = try ScriptedServer { connection, number, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note("\(number) \(head.components(separatedBy: "\r\n")[0])")
                guard connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") else { return }
            }
            server.note("\(number) end")
        }
        let process = try await RuntimeProcess(
            global: "nbthread 1",
            backend: """
                http-reuse aggressive
                option httpchk GET /check HTTP/1.1 a
                http-check expect string ok
                server s1 127.0.0.1:\(server.port) check inter 50ms check-reuse-pool
                """)
        try await Self.eventually("UP L7OK", process, "back/s1")
        #expect(server.received.contains("1 GET /check HTTP/1.1"))
        let client = try RawSocket(connectingTo: process.port)
        await client.blocking { socket in
            socket.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = socket.receive(through: "ok")
        }
        let own = try #require(server.received.first { $0.hasSuffix("GET /a HTTP/1.1") }?.split(separator: " ").first)
        try await TestSupport.eventually("checks on connection \(own)") {
            server.received.count { $0 == "\(own) GET /check HTTP/1.1" } >= 3
        }
        // And requests go on there.
        await client.blocking { socket in
            socket.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = socket.receive(through: "ok")
        }
        #expect(server.received.contains("\(own) GET /b HTTP/1.1"))
        #expect(try await Self.status(process, "back/s1") == "UP L7OK")
    }

    @Test("check-reuse-pool over HTTP/2 and HTTP/3: many checks, and no connection for them", arguments: [false, true])
    func versions(isQUIC: Bool) async throws {
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let (bind, server) =
            isQUIC
            ? ("quic4@127.0.0.1:\(port) ssl crt \(certificates)", "quic4@127.0.0.1:\(port) ssl verify none")
            : ("127.0.0.1:\(port) proto h2", "127.0.0.1:\(port) proto h2")
        let process = try await RuntimeProcess(
            global: "nbthread 1",
            backend: """
                http-reuse aggressive
                option httpchk
                http-check send meth GET uri /check ver HTTP/1.1 hdr host localhost
                http-check expect string GET\\ /check
                server s1 \(server) check inter 50ms check-reuse-pool
                """,
            rest: """
                listen origin
                bind \(bind)
                http-request return status 200 content-type text/plain lf-string "%[method] %[path]"
                """)
        /// Connections and requests that the origin has seen.
        func seen() async throws -> (connections: Int, requests: Int) {
            let line = try await process.ask("show stat origin 1 -1").split(separator: "\n")[1]
            let values = line.split(separator: ",", omittingEmptySubsequences: false)
            return (Int(values[7]) ?? -1, Int(values[48]) ?? -1)
        }
        try await Self.eventually("UP L7OK", process, "back/s1")
        let client = try RawSocket(connectingTo: process.port)
        let answer = await client.blocking { socket in
            socket.send("GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        #expect(answer.hasSuffix("GET /x"), "\(answer)")
        // A check may be under way on a connection of its own.
        let first = try await seen()
        try await TestSupport.eventually("checks") { try await seen().requests >= first.requests + 8 }
        #expect(try await seen().connections <= first.connections + 1)
        #expect(try await Self.status(process, "back/s1") == "UP L7OK")
    }
}
