import Foundation
import Glibc
import TestSupport
import Testing

/// Reverse HTTP: a device opens connections to the edge, and the edge's clients reach the device over them.
@Suite("Reverse HTTP") struct ReverseHTTPTests {
    /// The edge: clients on its own port, devices on `tunnelPort`.
    private static func edge(
        workers: Int = 2, tunnelPort: Int, bind: String = "proto h2", rule: String = "attach-srv back/dev",
        server: String = "", folder: ListenerFolder? = nil
    ) async throws -> RuntimeProcess {
        try await RuntimeProcess(
            global: "expose-experimental-directives\nnbthread \(workers)", backend: "server dev rhttp@ \(server)",
            rest: """
                frontend priv
                bind 127.0.0.1:\(tunnelPort) \(bind)
                tcp-request session \(rule)
                """, folder: folder)
    }

    /// A device: it answers with its name, and slowly where the path says so.
    private static func device(
        _ name: String = "device", workers: Int = 2, tunnelPort: Int, connections: Int = 1, bind: String = "",
        server: String = "proto h2",
        defaults: String = "", rules: String = ""
    ) async throws -> RuntimeProcess {
        try await RuntimeProcess(
            global: "expose-experimental-directives\nnbthread \(workers)",
            rest: """
                frontend tunnel
                bind rhttp@edge/srv nbconn \(connections) \(bind)
                \(rules)
                http-request pause 500 if { path /slow }
                http-request pause 30 if { path /short }
                http-request return status 200 content-type text/plain lf-string "\(name) %[path] %[fc_http_major]"
                backend edge
                \(defaults)
                server srv 127.0.0.1:\(tunnelPort) \(server)
                """)
    }

    /// The status of an answer, and its body.
    private static func get(_ port: Int, _ path: String = "/", _ fields: String = "") async throws -> String {
        let socket = try RawSocket(connectingTo: port)
        let text = await socket.blocking { socket in
            socket.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(fields)\r\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        let status = text.split(separator: " ").dropFirst().first.map(String.init) ?? "?"
        let body = text.components(separatedBy: "\r\n\r\n").dropFirst().joined()
        return status == "200" ? "200 \(body)" : status
    }

    private static func reach(_ edge: RuntimeProcess, _ fields: String = "") async throws {
        try await eventually("an answer of the device in \(edge.listener.log)") {
            try await get(edge.port, "/", fields).hasPrefix("200")
        }
    }

    /// A column of `show servers conn`.
    private static func connections(_ edge: RuntimeProcess, _ column: String) async throws -> Int? {
        let lines = try await edge.ask("show servers conn back").split(separator: "\n")
            .map { $0.split(separator: " ").map(String.init) }
        guard let place = lines.first?.firstIndex(of: column), place > 0,
            let line = lines.first(where: { $0.first == "back/dev" })
        else { return nil }
        return Int(line[place - 1])
    }

    @Test("503 without a connection, an answer with one; all workers of the edge reach it", arguments: [1, 2])
    func request(workers: Int) async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(workers: workers, tunnelPort: port)
        #expect(try await Self.get(edge.port) == "503")
        // No retry and no wait: HAProxy's words for it.
        #expect(try await edge.listener.logLine("back/dev").contains("back/dev 0/0/-1/-1/0 503 0 - - SC-- 1/1/0/0/0"))
        let device = try await Self.device(workers: workers, tunnelPort: port)
        try await Self.reach(edge)
        // Each client is another worker's, or the same one's by chance: 20 leave no doubt.
        for number in 0..<20 { #expect(try await Self.get(edge.port, "/\(number)") == "200 device /\(number) 2") }
        #expect(try await Self.connections(edge, "idle_cur") == 1)
        #expect(try await Self.connections(edge, "used_cur") == 0)
        #expect(try await edge.ask("show servers conn back").contains("back/dev 3/1 - 0 - "))
        #expect(try await edge.ask("show servers state back").contains(" dev - 2 0 "))
        let rows = try await edge.ask("show stat").split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        // What was reversed is no client any more: one of them came, none is there.
        let priv = try #require(rows.first { $0[0] == "priv" })
        #expect(priv[4] == "0" && priv[7] == "1", "\(priv)")
        let server = try #require(rows.first { $0[1] == "dev" })
        let address = try #require(rows[0].firstIndex(of: "addr"))
        #expect(server[address] == "", "\(server)")
        #expect(Int(server[13]) ?? 0 >= 1, "it counts as a failed connection: \(server)")
        // The device has a client, which is the edge.
        let clients = try await device.ask("show stat").split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        let tunnel = try #require(clients.first { $0[0] == "tunnel" })
        #expect(tunnel[4] == "1" && tunnel[7] == "1", "\(tunnel)")
        #expect(try await device.listener.logLine("GET").hasPrefix("127.0.0.1:\(port) "))
    }

    @Test("Clients of two workers at once share one connection, and none of them is left behind") func sharing()
        async throws
    {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port)
        let device = try await Self.device(tunnelPort: port)
        try await Self.reach(edge)
        let answers = await withTaskGroup(of: [String].self) { group in
            for client in 0..<8 {
                group.addTask {
                    var all: [String] = []
                    for number in 0..<12 {
                        let path = number % 6 == client % 6 ? "/short" : "/fast"
                        all.append((try? await Self.get(edge.port, path)) ?? "error")
                    }
                    return all
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(answers.count == 96 && answers.allSatisfy { $0.hasPrefix("200 device") }, "\(Set(answers))")
        try await eventually("an idle connection") { try await Self.connections(edge, "idle_cur") == 1 }
        #expect(try await Self.connections(edge, "used_cur") == 0)
        withExtendedLifetime(device) {}
    }

    @Test("nbconn: so many connections, over both workers") func number() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port)
        let device = try await Self.device(tunnelPort: port, connections: 5)
        _ = try await device.listener.logLine("preconnect tunnel::edge/srv: Running with nbconn 5 reached.")
        #expect(device.listener.log.contains { $0.contains("preconnect tunnel::edge/srv: Initiating.") })
        try await eventually("five connections") { try await Self.connections(edge, "idle_cur") == 5 }
    }

    @Test("A device that is gone is missed at once, and found again") func deviceLoss() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port)
        do {
            let device = try await Self.device("first", tunnelPort: port)
            try await Self.reach(edge)
            async let slow = Self.get(edge.port, "/slow")
            try await eventually("a request at the device") { try await Self.connections(edge, "used_cur") == 1 }
            device.listener.process.signal(SIGKILL)
            #expect(try await slow == "502")
        }
        try await eventually("the end of the connection") { try await Self.get(edge.port) == "503" }
        let device = try await Self.device("second", tunnelPort: port)
        try await Self.reach(edge)
        #expect(try await Self.get(edge.port) == "200 second / 2")
        withExtendedLifetime(device) {}
    }

    @Test("A device opens its connections again when the edge was gone") func edgeLoss() async throws {
        let port = try Ports.free()
        let device = try await Self.device(tunnelPort: port, connections: 2)
        _ = try await device.listener.logLine("preconnect tunnel::edge/srv: Error encountered.")
        for round in 1...2 {
            let edge = try await Self.edge(tunnelPort: port)
            try await Self.reach(edge)
            try await eventually("both connections") { try await Self.connections(edge, "idle_cur") == 2 }
            try await eventually("the word of it") {
                device.listener.log.count { $0.contains("Running with nbconn 2 reached.") } == round
            }
            #expect(try await edge.listener.process.stop() == 0)
            try await eventually("the loss of the edge") {
                device.listener.log.count { $0.contains("Error encountered.") } == round + 1
            }
        }
    }

    @Test("An edge that says nothing is left after `timeout connect`, and tried again a second later")
    func silentEdge() async throws {
        let server = try ScriptedServer { connection, number, server in
            server.note("connection \(number)")
            while case .bytes = connection.receive() {}
            server.note("end \(number)")
        }
        let device = try await Self.device(tunnelPort: server.port, defaults: "timeout connect 200ms")
        try await eventually("a second try") { server.received.contains("connection 2") }
        #expect(server.received.first == "connection 1" && server.received.contains("end 1"))
        _ = try await device.listener.logLine("preconnect tunnel::edge/srv: Error encountered.")
        #expect(device.listener.log.count { $0.contains("Error encountered.") } == 1, "only the first one is told")
    }

    @Test("TLS with ALPN, and devices by their names", arguments: [1, 2]) func names(workers: Int) async throws {
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let edge = try await Self.edge(
            workers: workers, tunnelPort: port, bind: "ssl crt \(certificates) alpn h2",
            rule: "attach-srv back/dev name ssl_fc_sni", server: "ssl sni hdr(x-name) verify none")
        let one = try await Self.device(
            "one", tunnelPort: port, server: "ssl verify none alpn h2 sni str(one.test)")
        let two = try await Self.device(
            "two", tunnelPort: port, server: "ssl verify none alpn h2 sni str(two.test)")
        try await Self.reach(edge, "X-Name: one.test\r\n")
        try await Self.reach(edge, "X-Name: two.test\r\n")
        for _ in 0..<5 {
            #expect(try await Self.get(edge.port, "/", "X-Name: one.test\r\n") == "200 one / 2")
            #expect(try await Self.get(edge.port, "/", "X-Name: two.test\r\n") == "200 two / 2")
            #expect(try await Self.get(edge.port, "/", "X-Name: three.test\r\n") == "503")
            #expect(try await Self.get(edge.port) == "503")
        }
        withExtendedLifetime((one, two)) {}
    }

    @Test("pool-conn-name: a name without TLS") func poolName() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(
            tunnelPort: port, bind: "", rule: "attach-srv back/dev name str(x)", server: "pool-conn-name hdr(x-name)")
        let device = try await Self.device(tunnelPort: port)
        try await Self.reach(edge, "X-Name: x\r\n")
        #expect(try await Self.get(edge.port, "/", "X-Name: y\r\n") == "503")
        withExtendedLifetime(device) {}
    }

    @Test("What does not speak HTTP/2 does not become a server") func otherVersions() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port, bind: "")
        let socket = try RawSocket(connectingTo: port)
        let answer = await socket.blocking { socket in
            socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return socket.receiveAll().bytes
        }
        #expect(answer == [])
        _ = try await edge.listener.logLine("Reverse connect failure")
        // Nor does QUIC, which carries another version.
        let origin = try await OriginProcess()
        let quic = try await Edge(
            servers: ["s 127.0.0.1:\(origin.port)", "dev rhttp@ disabled"],
            frontend: "tcp-request session attach-srv back/dev",
            global: "nbthread 2\nexpose-experimental-directives")
        let report = try await Aioquic.get(
            "https://localhost:\(quic.securePort)/",
            ["--ca", try await TestCertificates.authority(), "--timeout", "3"])
        #expect(report.responses?.contains { $0.status != nil } != true && report.closed != nil, "\(report)")
        _ = try await quic.logLine("Reverse connect failure")
        // Nor does what begins like it.
        let forced = try await Self.edge(tunnelPort: try Ports.free())
        #expect(try await Self.get(forced.port) == "503")
        #expect(try await Self.connections(edge, "idle_cur") == 0)
    }

    @Test(
        "Who says nothing, or nothing that makes a server, is left like a client",
        arguments: [
            "", "PRI * HTTP/2.0\r\n\r\nSM", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\u{1}\0\0\0\0",
        ])
    func silentPeer(text: String) async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port, bind: "proto h2\ntimeout http-request 200ms")
        let socket = try RawSocket(connectingTo: port)
        let end = await socket.blocking { socket in
            socket.send(text)
            return socket.receiveAll().end
        }
        #expect(end == .end || end == .reset)
        #expect(try await Self.connections(edge, "idle_cur") == 0)
        #expect(try await Self.connections(edge, "used_cur") == 0)
        try await eventually("no client") {
            try await edge.ask("show stat").split(separator: "\n").contains { $0.hasPrefix("priv,FRONTEND,,,0,1,") }
        }
        #expect(try await Self.get(edge.port) == "503")
    }

    @Test("A server in maintenance keeps no connection, and gets them again") func maintenance() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port)
        let device = try await Self.device(tunnelPort: port)
        try await Self.reach(edge)
        _ = try await edge.ask("disable server back/dev")
        try await eventually("no connection") {
            let idle = try await Self.connections(edge, "idle_cur")
            return idle == 0
        }
        #expect(try await Self.get(edge.port) == "503")
        _ = try await edge.ask("enable server back/dev")
        try await Self.reach(edge)
        #expect(try await edge.ask("del server back/dev").contains("cannot"))
        withExtendedLifetime(device) {}
    }

    @Test("Rules of the device's frontend refuse connections like those of clients") func refusal() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port)
        let device = try await Self.device(tunnelPort: port, rules: "tcp-request session reject if { dst_port gt 0 }")
        _ = try await device.listener.logLine("Running with nbconn 1 reached.")
        try await eventually("the end of the connection") { try await Self.connections(edge, "idle_cur") == 0 }
        #expect(try await Self.get(edge.port) == "503")
    }

    @Test("idle-ping: an idle connection lives longer than `timeout client`, and one whose edge is gone does not")
    func idlePing() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port)
        let device = try await Self.device(tunnelPort: port, bind: "idle-ping 500ms", rules: "timeout client 1500ms")
        try await Self.reach(edge)
        let pool = "tunnel,FRONTEND"
        func opened() async throws -> Substring? {
            let line = try await device.ask("show stat").split(separator: "\n").first { $0.hasPrefix(pool) }
            return line?.split(separator: ",", omittingEmptySubsequences: false)[7]
        }
        // More than twice the limit: without the answers it would have been opened again.
        try await Task.sleep(for: .milliseconds(3500))
        #expect(try await opened() == "1")
        edge.listener.process.signal(SIGSTOP)
        _ = try await device.listener.logLine("preconnect tunnel::edge/srv: Error encountered.")
        edge.listener.process.signal(SIGCONT)
        try await Self.reach(edge)
    }

    @Test("A device that is told to stop ends when its requests are answered") func drain() async throws {
        let port = try Ports.free()
        let edge = try await Self.edge(tunnelPort: port)
        let device = try await Self.device(tunnelPort: port)
        try await Self.reach(edge)
        async let slow = Self.get(edge.port, "/slow")
        try await eventually("a request at the device") { try await Self.connections(edge, "used_cur") == 1 }
        device.listener.process.signal(SIGUSR1)
        #expect(try await slow == "200 device /slow 2")
        #expect(try await device.listener.process.result().status == 0)
        #expect(try await Self.get(edge.port) == "503")
    }
}
