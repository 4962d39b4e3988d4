import Foundation
import TestSupport
import Testing

@Suite("Checks move servers") struct CheckLifeTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    /// A column of a server in `show stat`.
    private static func stat(_ process: RuntimeProcess, _ server: String, _ column: String) async throws -> String {
        let lines = try await process.ask("show stat").split(separator: "\n")
        let names = lines.first?.dropFirst(2).split(separator: ",", omittingEmptySubsequences: false) ?? []
        guard let place = names.firstIndex(of: Substring(column)),
            let line = lines.first(where: { $0.hasPrefix(server.replacing("/", with: ",") + ",") })
        else { return "?" }
        return String(line.split(separator: ",", omittingEmptySubsequences: false)[place])
    }

    /// An agent whose words the test changes.
    private final class Agent: Sendable {
        let server: ScriptedServer
        init(_ word: @escaping @Sendable () -> String) throws {
            server = try ScriptedServer { connection, _, server in
                let asked = connection.receive(through: "\n")
                if let asked { server.note(asked) }
                connection.send(word())
            }
        }
    }

    @Test("An agent's words: down, drain, weight, maxconn, up")
    func agent() async throws {
        let folder = try ListenerFolder()
        try folder.write("word", "up\n")
        let path = "\(folder.path)/word"
        let agent = try Agent { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        let origin = try ScriptedServer.answering(Self.answer)
        let process = try await RuntimeProcess(
            backend: "balance roundrobin\nserver s1 127.0.0.1:\(origin.port) weight 100 agent-check agent-port"
                + " \(agent.server.port) agent-inter 50ms agent-send hello\\n", folder: folder)
        try await eventually("the agent is asked") { agent.server.received.first == "hello\n" }
        try await eventually("L7OK") { try await Self.stat(process, "back/s1", "agent_status").hasSuffix("L7OK") }
        try folder.write("word", "down # for lunch\n")
        let down = try await process.listener.logLine("Server back/s1 is DOWN")
        #expect(
            down.contains(
                "is DOWN, reason: Layer7 wrong status, code: 0, info: \"via agent : down (for lunch)\", check duration: "
            ))
        #expect(try await Self.stat(process, "back/s1", "status") == "DOWN (agent)")
        try folder.write("word", "up ready 50% maxconn:30\n")
        _ = try await process.listener.logLine("Server back/s1 is UP")
        try await eventually("half the weight") { try await Self.stat(process, "back/s1", "weight") == "50" }
        #expect(try await Self.stat(process, "back/s1", "slim") == "30")
        try folder.write("word", "drain\n")
        try await eventually("drain") {
            try await Self.stat(process, "back/s1", "status").hasPrefix("DRAIN")
        }
        try folder.write("word", "maint\n")
        try await eventually("maintenance") { try await Self.stat(process, "back/s1", "status") == "MAINT" }
        try folder.write("word", "ready nonsense\n")
        try await eventually("ready") { try await Self.stat(process, "back/s1", "status") == "no check" }
        try await eventually("the complaint") {
            try await Self.stat(process, "back/s1", "last_agt") == "agent reports an error : nonsense"
        }
        #expect(try await process.ask("disable agent back/s1") == "\n")
        #expect(try await process.ask("set server back/s1 agent up").contains("agent checks are not enabled"))
    }

    @Test("observe layer7 takes a server down by its answers; a tracking one follows")
    func observing() async throws {
        let origin = try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                let isBad = head.contains("/bad")
                connection.send("HTTP/1.1 \(isBad ? 503 : 200) x\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let process = try await RuntimeProcess(
            backend: """
                server s1 127.0.0.1:\(origin.port) check inter 1h observe layer7 error-limit 3 on-error mark-down
                server s2 127.0.0.1:\(origin.port) track back/s1 backup
                """)
        func ask(_ path: String) throws -> String { try RawSocket(connectingTo: process.port).exchange(path) }
        for _ in 0..<2 { #expect(try ask("/bad").hasPrefix("HTTP/1.1 503")) }
        #expect(try ask("/good").hasPrefix("HTTP/1.1 200"))
        for _ in 0..<2 { #expect(try ask("/bad").hasPrefix("HTTP/1.1 503")) }
        #expect(try await Self.stat(process, "back/s1", "status").hasPrefix("UP"))
        #expect(try ask("/bad").hasPrefix("HTTP/1.1 503"))
        let line = try await process.listener.logLine("Server back/s1 is DOWN")
        #expect(
            line.contains(
                "is DOWN, reason: Health analyze, info: \"Detected 3 consecutive errors, last one was: Wrong http"
                    + " response\"."), "\(line)")
        _ = try await process.listener.logLine("Backup Server back/s2 is DOWN via back/s1.")
        #expect(try ask("/good").hasPrefix("HTTP/1.1 503"))
        #expect(try await Self.stat(process, "back/s1", "hanafail") == "1")
        #expect(try await Self.stat(process, "back/s2", "tracked") == "back/s1")
    }

    @Test("slowstart: the weight grows") func ramp() async throws {
        let folder = try ListenerFolder()
        try folder.write("status", "200")
        let path = "\(folder.path)/status"
        let origin = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                let status = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                guard connection.send("HTTP/1.1 \(status) x\r\nContent-Length: 0\r\n\r\n") else { return }
            }
        }
        let process = try await RuntimeProcess(
            backend: """
                balance roundrobin
                option httpchk
                server s1 127.0.0.1:\(origin.port) weight 100 check inter 1s downinter 50ms rise 1 fall 1 slowstart 3s
                """, folder: folder)
        try folder.write("status", "500")
        _ = try await process.listener.logLine("Server back/s1 is DOWN")
        try folder.write("status", "200")
        _ = try await process.listener.logLine("Server back/s1 is UP")
        let start = try #require(Int(try await Self.stat(process, "back/s1", "throttle")))
        #expect(start < 50, "\(start)")
        try await eventually("the whole weight") { try await Self.stat(process, "back/s1", "throttle").isEmpty }
        #expect(try await Self.stat(process, "back/s1", "weight") == "100")
    }

    @Test("Commands: health, addresses, enable and disable") func commands() async throws {
        let good = try ScriptedServer.answering(Self.answer)
        let dead = try Ports.free()
        let process = try await RuntimeProcess(
            backend: """
                option httpchk
                server s1 127.0.0.1:\(dead) check inter 100ms rise 1 fall 1
                server s2 127.0.0.1:\(good.port)
                """)
        _ = try await process.listener.logLine("Server back/s1 is DOWN")
        #expect(try await process.ask("set server back/s1 check-addr 127.0.0.1 port \(good.port)") == "\n")
        _ = try await process.listener.logLine("Server back/s1 is UP")
        #expect(try await process.ask("show servers state back").contains(" \(good.port) 127.0.0.1 - 0\n"))
        #expect(try await process.ask("set server back/s1 check-port x").contains("provided port is not an integer"))
        #expect(try await process.ask("set server back/s1 check-port 70000").contains("provided port is invalid"))
        #expect(try await process.ask("set server back/s1 check-addr nowhere").contains("invalid addr 'nowhere'"))
        #expect(
            try await process.ask("set server back/s2 check-port 1").contains(
                "health checks are not enabled on this server"))
        #expect(
            try await process.ask("enable health back/s2")
                == "Health check was not configured on this server, cannot enable.\n\n")
        #expect(
            try await process.ask("enable agent back/s2")
                == "Agent was not configured on this server, cannot enable.\n\n")
        #expect(try await process.ask("disable health back/s1") == "\n")
        #expect(try await Self.stat(process, "back/s1", "status") == "no check")
        #expect(try await process.ask("enable health back/s1") == "\n")
        #expect(try await Self.stat(process, "back/s1", "check_status").hasSuffix("L7OK"))
        #expect(try await process.ask("set server back/s1 health down") == "\n")
        _ = try await process.listener.logLine("Server back/s1 is DOWN, changed from CLI.")
    }

    @Test("An added server is checked once an operator says so") func added() async throws {
        let good = try ScriptedServer.answering(Self.answer)
        let process = try await RuntimeProcess(backend: "balance roundrobin\noption httpchk")
        let words = "add server back/n1 127.0.0.1:\(good.port) check inter 50ms rise 1 fall 1"
        #expect(try await process.ask(words) == "New server registered.\n\n")
        #expect(try await process.ask("enable server back/n1") == "\n")
        #expect(good.connections == 0)
        #expect(try await process.ask("enable health back/n1") == "\n")
        try await eventually("a check") { good.connections > 0 }
        #expect(
            try await process.ask("add server back/n2 127.0.0.1:1 track back/none").contains(
                "unable to find required server"))
        #expect(try await process.ask("disable server back/n1") == "\n")
        #expect(try await process.ask("del server back/n1") == "Server deleted.\n\n")
    }

    @Test("States survive a restart in a file, as far as the configuration is the same")
    func stateFile() async throws {
        let good = try ScriptedServer.answering(Self.answer)
        let folder = try ListenerFolder()
        let backend = """
            balance roundrobin
            load-server-state-from-file global
            server s1 127.0.0.1:\(good.port) weight 10
            server s2 127.0.0.1:\(good.port) weight 10 check inter 1h
            server s3 127.0.0.1:\(good.port)
            """
        let first = try await RuntimeProcess(
            global: "server-state-file states\nserver-state-base FOLDER", backend: backend, folder: folder)
        for command in [
            "set server back/s1 state maint", "set server back/s1 weight 3", "set server back/s3 state drain",
            "set server back/s2 health down",
        ] {
            #expect(try await first.ask(command) == "\n")
        }
        let states = try await first.ask("show servers state")
        #expect(try await first.listener.process.stop() == 0)
        try folder.write("states", states)
        let second = try await RuntimeProcess(
            global: "server-state-file states\nserver-state-base FOLDER", backend: backend, folder: folder)
        #expect(try await Self.stat(second, "back/s1", "status") == "MAINT")
        #expect(try await second.ask("get weight back/s1") == "3 (initial 10)\n\n")
        #expect(try await Self.stat(second, "back/s2", "status").hasPrefix("DOWN"))
        #expect(try await Self.stat(second, "back/s3", "status") == "DRAIN")
        #expect(try await second.listener.process.stop() == 0)
        // Another weight in the file wins.
        let third = try await RuntimeProcess(
            global: "server-state-file states\nserver-state-base FOLDER",
            backend: backend.replacing("weight 10", with: "weight 20"), folder: folder)
        #expect(try await third.ask("get weight back/s1") == "20 (initial 20)\n\n")
        try folder.write("states", "1\nbroken\n")
        let fourth = try await RuntimeProcess(
            global: "server-state-file states\nserver-state-base FOLDER", backend: backend, folder: folder)
        #expect(
            fourth.listener.process.errors.contains(
                "config: corrupted global server state file '\(folder.path)/states' at line 1."))
    }

    @Test("Checks speak what the server speaks", arguments: Back.allCases) func protocols(back: Back) async throws {
        let origin = try await OriginProcess()
        let authority = try await TestCertificates.authority()
        let check = "check inter 2s rise 1 fall 1"
        let process = try await RuntimeProcess(
            backend: """
                option log-health-checks
                option httpchk
                http-check send meth GET uri /echo ver HTTP/1.1 hdr host localhost
                http-check expect string GET\\ /echo\\ \(back.name)
                server s1 \(back.line(origin, authority)) \(check)
                """,
            rest: """
                backend bad
                option log-health-checks
                option httpchk GET /?r=503 HTTP/1.1 localhost
                server s2 \(back.line(origin, authority)) \(check)
                """)
        #expect(
            try await process.listener.logLine("Health check for server back/s1").contains(
                "succeeded, reason: Layer7 check passed, code: 200, "))
        #expect(
            try await process.listener.logLine("Health check for server bad/s2").contains(
                "failed, reason: Layer7 wrong status, code: 503"))
        try await origin.process.stop()
        #expect(
            try await process.listener.logLine("Health check for server back/s1 failed").contains(
                "reason: Layer4 connection problem"))
    }

    @Test("Traffic goes on while servers die, hang, reset and return garbage") func chaos() async throws {
        let good = try (0..<2).map { _ in try ScriptedServer.answering(Self.answer) }
        let folder = try ListenerFolder()
        try folder.write("mood", "good")
        let path = "\(folder.path)/mood"
        let moody = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                switch (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" {
                case "hangs":
                    sleep(3)
                    return
                case "resets": return connection.reset()
                case "garbage":
                    connection.send("no such protocol\r\n\r\n")
                    return
                default: if !connection.send(Self.answer) { return }
                }
            }
        }
        let process = try await RuntimeProcess(
            backend: """
                balance roundrobin
                option httpchk
                option redispatch 1
                retries 3
                retry-on all-retryable-errors
                timeout server 200ms
                server g1 127.0.0.1:\(good[0].port) check inter 2s
                server g2 127.0.0.1:\(good[1].port) check inter 2s
                server m 127.0.0.1:\(moody.port) check inter 500ms downinter 50ms rise 1 fall 1
                """, folder: folder)
        let port = process.port
        func load(_ count: Int) async throws {
            for _ in 0..<count {
                let text = try await RawSocket(connectingTo: port).blocking { socket in
                    socket.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
                }
                #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(text)")
            }
        }
        for mood in ["hangs", "resets", "garbage"] {
            try folder.write("mood", mood)
            try await load(10)
            try await eventually("\(mood): down") { try await Self.stat(process, "back/m", "status") == "DOWN" }
            try await load(10)
            try folder.write("mood", "good")
            try await eventually("\(mood): up") { try await Self.stat(process, "back/m", "status") == "UP" }
            try await load(5)
        }
        #expect(Int(try await Self.stat(process, "back/m", "chkdown")) ?? 0 >= 3)
    }
}
