import Foundation
import Synchronization
import TestSupport
import Testing

/// Idle connections: who may use them, how many are kept, and for how long.
@Suite("Idle connections") struct PoolOptionTests {
    /// Answers at once, and notes every connection.
    private static func server() throws -> ScriptedServer {
        try ScriptedServer { connection, number, server in
            server.note("connection \(number)")
            while connection.receive(through: "\r\n\r\n") != nil {
                guard connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") else { return }
            }
            server.note("end \(number)")
        }
    }

    /// One worker, so that it has all idle connections.
    private static func edge(_ options: String, _ backend: String = "", server: Int) async throws -> RuntimeProcess {
        let folder = try ListenerFolder()
        return try await RuntimeProcess(
            global: "nbthread 1", backend: "\(backend)\nserver s1 127.0.0.1:\(server) \(options)", folder: folder)
    }

    private static func get(_ socket: RawSocket) async {
        await socket.blocking { socket in
            socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = socket.receive(through: "ok")
        }
    }

    private static func idle(_ process: RuntimeProcess) async throws -> Int {
        let lines = try await process.ask("show servers conn back").split(separator: "\n").map {
            $0.split(separator: " ")
        }
        let place = lines[0].firstIndex(of: "idle_cur") ?? 1
        return Int(lines.first { $0.first == "back/s1" }?[place - 1] ?? "-1") ?? -1
    }

    /// What the packaged HAProxy does with two clients, one after the other, of two requests each.
    @Test("http-reuse: HAProxy opens as many connections", arguments: ["never", "safe", "aggressive", "always"])
    func reuse(mode: String) async throws {
        var connections: [Int] = []
        for program in ["/usr/sbin/haproxy", try Repository.program("portico")] {
            let server = try Self.server()
            let port = try Ports.free()
            let folder = try ListenerFolder()
            let file = try folder.write(
                "edge.cfg",
                ListenerProcess.sections(
                    global: "nbthread 1",
                    "listen l\nbind 127.0.0.1:\(port)\nhttp-reuse \(mode)\nserver s1 127.0.0.1:\(server.port)"))
            let process = try ChildProcess(program, ["-f", file])
            try await process.ready("the listener") { Ports.listens(port) }
            for _ in 0..<3 {
                let client = try RawSocket(connectingTo: port)
                await Self.get(client)
                await Self.get(client)
            }
            connections.append(server.connections)
            withExtendedLifetime(process) {}
        }
        #expect(connections[0] == connections[1] && connections[0] > 0, "HAProxy, Portico: \(connections)")
    }

    /// A FIN of ours would keep the port for a minute, and a busy proxy has no more than 28,000 of them.
    @Test(
        "a connection to a server that Portico ends leaves no port in TIME_WAIT",
        arguments: ["http-reuse never", "option http-server-close", "option httpclose", "default-server max-reuse 0"])
    func portsAreFree(option: String) async throws {
        let server = try Self.server()
        let process = try await Self.edge("", option, server: server.port)
        for _ in 0..<5 { await Self.get(try RawSocket(connectingTo: process.port)) }
        try await eventually("the server sees the connections end") {
            server.received.filter { $0.hasPrefix("end") }.count == 5
        }
        let port = ":" + String(server.port, radix: 16, uppercase: true)
        let waiting = try KernelFile.text("/proc/net/tcp").split(separator: "\n").filter {
            let fields = $0.split(separator: " ")
            return fields.count > 3 && fields[2].hasSuffix(port) && fields[3] == "06"
        }
        #expect(waiting.isEmpty, "\(waiting)")
    }

    @Test("pool-max-conn: no more idle connections are kept") func limit() async throws {
        let server = try Self.server()
        let process = try await Self.edge("pool-max-conn 2", "http-reuse always", server: server.port)
        let clients = try (0..<6).map { _ in try RawSocket(connectingTo: process.port) }
        await withTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { await Self.get(client) } }
        }
        #expect(try await Self.idle(process) <= 2)
        let none = try await Self.edge("pool-max-conn 0", "http-reuse always", server: server.port)
        await Self.get(try RawSocket(connectingTo: none.port))
        #expect(try await Self.idle(none) == 0)
    }

    @Test("pool-purge-delay: connections that nobody needs are closed, round by round") func purgeDelay() async throws {
        let server = try Self.server()
        let process = try await Self.edge("pool-purge-delay 100ms", "http-reuse always", server: server.port)
        await Self.get(try RawSocket(connectingTo: process.port))
        #expect(server.connections == 1)
        try await eventually("the end of the idle connection") { server.received.contains("end 1") }
        #expect(try await Self.idle(process) == 0)
    }

    @Test("max-reuse: a connection carries so many requests after its first") func maxReuse() async throws {
        let server = try Self.server()
        let process = try await Self.edge("max-reuse 2", "http-reuse always", server: server.port)
        let client = try RawSocket(connectingTo: process.port)
        for _ in 0..<9 { await Self.get(client) }
        #expect(server.connections == 3)
    }

    @Test("A closed idle connection is noticed before it is used") func closed() async throws {
        let server = try ScriptedServer { connection, number, server in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            server.note("request \(number)")
            _ = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let process = try await Self.edge("", "http-reuse always\nretries 0", server: server.port)
        let client = try RawSocket(connectingTo: process.port)
        for number in 1...5 {
            await Self.get(client)
            #expect(server.received.count == number)
        }
    }
}

/// `idle-ping`: idle connections of HTTP/2 and HTTP/3 that do not answer are closed.
@Suite("idle-ping") struct IdlePingTests {
    /// An HTTP/2 server that answers requests, and PING when it is told to.
    private static func server(answersPing: Bool) throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            var bytes: [UInt8] = []
            func read(_ count: Int) -> [UInt8]? {
                while bytes.count < count {
                    guard case .bytes(let more) = connection.receive() else { return nil }
                    bytes += more
                }
                defer { bytes.removeFirst(count) }
                return Array(bytes[..<count])
            }
            guard read(24) != nil else { return }
            connection.send([0, 0, 0, 4, 0, 0, 0, 0, 0])
            while let head = read(9), let body = read(Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])) {
                switch (head[3], head[4] & 1) {
                case (4, 0): connection.send([0, 0, 0, 4, 1, 0, 0, 0, 0])
                case (1, _): connection.send([0, 0, 1, 1, 5] + head[5...8] + [0x88])
                case (6, 0):
                    server.note("ping")
                    if answersPing { connection.send([0, 0, 8, 6, 1, 0, 0, 0, 0] + body) }
                default: break
                }
            }
            server.note("end")
        }
    }

    private static func request(_ port: Int) async throws {
        let client = try RawSocket(connectingTo: port)
        let answer = await client.blocking { socket in
            socket.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        #expect(answer.hasPrefix("HTTP/1.1 200"))
    }

    @Test("HTTP/2: a server that answers keeps its connection, another loses it", arguments: [true, false])
    func http2(answers: Bool) async throws {
        let server = try Self.server(answersPing: answers)
        let process = try await RuntimeProcess(
            backend: "http-reuse always\nserver s1 127.0.0.1:\(server.port) proto h2 idle-ping 100ms")
        try await Self.request(process.port)
        if answers {
            try await eventually("four answered pings") { server.received.count { $0 == "ping" } >= 4 }
            #expect(!server.received.contains("end"))
        } else {
            try await eventually("the end of the connection") { server.received.contains("end") }
            #expect(server.received == ["ping", "end"])
        }
    }

    @Test("HTTP/3: a server that has stopped loses its connection") func http3() async throws {
        let origin = try await OriginProcess()
        let process = try await RuntimeProcess(
            backend: """
                http-reuse always
                server s1 quic4@127.0.0.1:\(origin.quicPort) ssl verify none idle-ping 1s
                """)
        try await Self.request(process.port)
        func idle() async throws -> Bool {
            try await process.ask("show servers conn back").split(separator: "\n").contains { line in
                line.hasPrefix("back/s1 ") && line.split(separator: " ").suffix(2).contains("1")
            }
        }
        // Alive, it keeps the connection over several pings.
        try await Task.sleep(for: .milliseconds(3500))
        #expect(try await idle())
        origin.process.signal(SIGSTOP)
        defer { origin.process.signal(SIGCONT) }
        for _ in 0..<500 {
            if try await !idle() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("the connection is still idle")
    }
}
