import Foundation
import TestSupport
import Testing

@Suite("A server's life: add, use, drain, purge, delete") struct ServerLifeTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    /// A server that answers once the test says `go`, and notes connections that end.
    private static func gated(waits: Bool = true) throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head)
                while waits, !server.received.contains("go") { usleep(2000) }
                guard connection.send(answer) else { break }
            }
            server.note("closed")
        }
    }

    /// The numbers of a server's line of `show servers conn` by column.
    private static func counts(_ process: RuntimeProcess, _ server: String) async throws -> [String: Int] {
        let text = try await process.ask("show servers conn")
        let lines = text.split(separator: "\n")
        let names = lines.first.map { $0.dropFirst(2).split(separator: " ") } ?? []
        guard let line = lines.first(where: { $0.hasPrefix(server + " ") }) else { return [:] }
        var result: [String: Int] = [:]
        for (name, value) in zip(names, line.split(separator: " ")) { result[String(name)] = Int(value) }
        result["threads"] = line.split(separator: " ").dropFirst(15).compactMap { Int($0) }.reduce(0, +)
        return result
    }

    @Test("Counts are exact; maintenance closes idle connections, wait sees the last one go, del unlinks")
    func purge() async throws {
        let server = try Self.gated()
        let process = try await RuntimeProcess(backend: "http-reuse always\nserver s1 127.0.0.1:\(server.port)")
        let clients = try (0..<8).map { _ in try RawSocket(connectingTo: process.port) }
        for client in clients { client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
        try await eventually("eight requests") { server.received.count == 8 }
        var now = try await Self.counts(process, "back/s1")
        #expect(now["used_cur"] == 8 && now["idle_cur"] == 0 && now["served"] == 8 && now["need_est"] == 8)
        #expect(
            try await process.ask("disable server back/s1;wait 50 srv-removable back/s1;del server back/s1")
                .contains("Wait delay expired. Server still has connections attached to it, cannot remove it."))
        _ = try await process.ask("enable server back/s1")
        server.note("go")
        for client in clients { #expect(await client.blocking { $0.receive(through: "hello") } != nil) }
        // The last answer may be here before its exchange is counted out.
        for _ in 0..<200 {
            now = try await Self.counts(process, "back/s1")
            if now["used_cur"] == 0, now["served"] == 0 { break }
        }
        #expect(now["used_cur"] == 0 && now["idle_cur"] == 8 && now["threads"] == 8 && now["served"] == 0, "\(now)")
        #expect(now["unsafe_nb"] == 8 && now["safe_nb"] == 0 && now["used_max"] == 8)
        #expect(try await process.ask("disable server back/s1;wait 5s srv-removable back/s1").hasSuffix("Done.\n\n"))
        now = try await Self.counts(process, "back/s1")
        #expect(now["used_cur"] == 0 && now["idle_cur"] == 0 && now["threads"] == 0)
        try await eventually("eight closed connections") { server.received.filter { $0 == "closed" }.count == 8 }
        #expect(try await process.ask("del server back/s1") == "Server deleted.\n\n")
        #expect(try RawSocket(connectingTo: process.port).exchange("/none").contains(" 503 "))
    }

    @Test("A connection that finishes under maintenance closes at once; the wait ends with it") func finishing()
        async throws
    {
        let server = try Self.gated()
        let process = try await RuntimeProcess(backend: "server s1 127.0.0.1:\(server.port)")
        let client = try RawSocket(connectingTo: process.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("the request") { server.received.count == 1 }
        _ = try await process.ask("disable server back/s1")
        let wait = Task { try await process.ask("wait 20s srv-removable back/s1") }
        try await Task.sleep(for: .milliseconds(50))
        let start = ContinuousClock.now
        server.note("go")
        #expect(await client.blocking { $0.receive(through: "hello") } != nil)
        #expect(try await wait.value == "Done.\n\n")
        #expect(start.duration(to: .now) < .seconds(5))
        try await eventually("its end") { server.received.last == "closed" }
    }

    @Test("drain: a server gets no new exchanges; ready: it does again") func drain() async throws {
        let (one, two) = (try Self.gated(waits: false), try Self.gated(waits: false))
        let process = try await RuntimeProcess(
            backend: "balance roundrobin\nserver s1 127.0.0.1:\(one.port)\nserver s2 127.0.0.1:\(two.port)")
        _ = try await process.ask("set server back/s1 state drain")
        for _ in 0..<4 { #expect(try RawSocket(connectingTo: process.port).exchange().hasSuffix("hello")) }
        #expect(one.received.filter { $0 != "closed" }.isEmpty)
        _ = try await process.ask("set server back/s1 state ready;set weight back/s2 0")
        for _ in 0..<4 { #expect(try RawSocket(connectingTo: process.port).exchange().hasSuffix("hello")) }
        #expect(one.received.filter { $0 != "closed" }.count == 4)
        #expect(two.received.filter { $0 != "closed" }.count == 4)
    }

    @Test("A server that was added serves once it is enabled; its address can be changed") func adding() async throws {
        let (one, two) = (try Self.gated(waits: false), try Self.gated(waits: false))
        let process = try await RuntimeProcess(backend: "default-server weight 7")
        #expect(try RawSocket(connectingTo: process.port).exchange().contains(" 503 "))
        #expect(try await process.ask("add server back/n1 127.0.0.1:\(one.port)") == "New server registered.\n\n")
        #expect(try RawSocket(connectingTo: process.port).exchange().contains(" 503 "))
        #expect(try await process.ask("enable server back/n1;get weight back/n1") == "\n7 (initial 7)\n\n")
        #expect(try RawSocket(connectingTo: process.port).exchange().hasSuffix("hello"))
        _ = try await process.ask("set server back/n1 addr 127.0.0.1 port \(two.port)")
        #expect(try RawSocket(connectingTo: process.port).exchange().hasSuffix("hello"))
        #expect((one.received.filter { $0 != "closed" }.count, two.received.filter { $0 != "closed" }.count) == (1, 1))
    }

    @Test("shutdown sessions server ends its exchanges, each with a log line") func shutdown() async throws {
        let server = try Self.gated()
        let process = try await RuntimeProcess(backend: "server s1 127.0.0.1:\(server.port)")
        let clients = try (0..<3).map { number in
            let client = try RawSocket(connectingTo: process.port)
            client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
            return client
        }
        try await eventually("three requests") { server.received.count == 3 }
        #expect(try await process.ask("shutdown sessions server back/s1") == "\n")
        for client in clients { #expect(await client.blocking { $0.receiveAll() }.end != .timeout) }
        for number in 0..<3 {
            #expect(Edge.termination(try await process.listener.logLine("GET /\(number) ")) == "KH")
        }
        server.note("go")
    }

    /// A request that asks for a server by its name; its status.
    private static func use(_ server: String, _ port: Int) async throws -> String {
        let socket = try RawSocket(connectingTo: port)
        let answer = await socket.blocking { socket in
            socket.send("GET /?s=5&n=\(server) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        return answer.split(separator: " ").dropFirst().first.map(String.init) ?? "?"
    }

    @Test("Fifty clients add, use, purge and delete servers of all three versions, and backends, at once")
    func manyLives() async throws {
        let origin = try await OriginProcess()
        let authority = try await TestCertificates.authority()
        let process = try await RuntimeProcess(
            backend: """
                balance leastconn
                use-server %[url_param(n)] if { url_param(n) -m found }
                server s1 127.0.0.1:1 disabled
                """, rest: "defaults plain\nmode http\ntimeout connect 1s\ntimeout server 1s")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let name = "n\(number)"
                    let line = [Back.h1, .h2c, .h3][number % 3].line(origin, authority)
                    let added = try await process.ask("add server back/\(name) \(line);enable server back/\(name)")
                    #expect(added == "New server registered.\n\n\n", "\(added)")
                    #expect(try await Self.use(name, process.port) == "200", "\(name)")
                    let connections = try await process.ask("show servers conn back")
                    #expect(connections.contains("back/\(name) "))
                    // It has an idle connection: maintenance purges it, and the wait sees that.
                    let gone = try await process.ask(
                        "disable server back/\(name);wait 5s srv-removable back/\(name);del server back/\(name)")
                    #expect(gone == "\nDone.\n\nServer deleted.\n\n", "\(gone)")
                    let backend = try await process.ask(
                        "add backend \(name) from plain;add server \(name)/q quic4@127.0.0.1:1 ssl verify none;"
                            + "publish backend \(name);unpublish backend \(name);del server \(name)/q;"
                            + "wait 5s be-removable \(name);del backend \(name)")
                    #expect(
                        backend
                            == "New backend registered.\n\nNew server registered.\n\nBackend published.\n\n"
                            + "Backend unpublished.\n\nServer deleted.\n\nDone.\n\nBackend deleted.\n\n", "\(backend)")
                }
            }
            try await group.waitForAll()
        }
        #expect(try await process.ask("show servers state back").split(separator: "\n").count == 3)
        #expect(try await process.ask("show backend") == "# name\nback\n\n")
    }

    @Test("Fifty clients change and look at servers at once") func manyClients() async throws {
        let process = try await RuntimeProcess(backend: "server s1 127.0.0.1:1")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let text = try await process.ask(
                        "add server back/n\(number) 127.0.0.1:1;enable server back/n\(number);"
                            + "disable server back/n\(number);wait 1s srv-removable back/n\(number);"
                            + "del server back/n\(number)")
                    #expect(text == "New server registered.\n\n\n\nDone.\n\nServer deleted.\n\n", "\(text)")
                }
            }
            try await group.waitForAll()
        }
        let state = try await process.ask("show servers state back")
        #expect(state.split(separator: "\n").count == 3, "\(state)")
    }
}
