import Foundation
import TestSupport
import Testing

@Suite("The process: signals, checks, messages") struct ProcessTests {
    @Test("SIGUSR1 lets a transfer finish, refuses new ones, ends with 0") func drain() async throws {
        let server = try ScriptedServer { connection, _, server in
            server.note(connection.receive(through: "\r\n\r\n") ?? "")
            while !server.received.contains("answer") { usleep(5000) }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + String(repeating: "x", count: 2000))
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("the request") { server.received.count == 1 }
        edge.process.signal(SIGUSR1)
        try await eventually("closed listeners") { !Ports.listens(edge.port) }
        server.note("answer")
        let (bytes, end) = await raw.blocking { $0.receiveAll() }
        #expect(bytes.count > 2000)
        #expect(end == .end)
        #expect(try await edge.process.result(within: .seconds(5)).status == 0)
    }

    @Test("A connection that has carried nothing yet has a second for its first request when the process drains")
    func drainFresh() async throws {
        let server = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], global: "nbthread 1")
        let asking = try RawSocket(connectingTo: edge.port)
        let silent = try RawSocket(connectingTo: edge.port)
        // Both are accepted when a later one has its answer.
        #expect(try RawSocket(connectingTo: edge.port).exchange().hasSuffix("ok"))
        edge.process.signal(SIGUSR1)
        try await eventually("closed listeners") { !Ports.listens(edge.port) }
        asking.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = await asking.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.lowercased().contains("connection: close"), "\(answer)")
        #expect(await silent.blocking { $0.receive() } == .end)
        #expect(try await edge.process.result(within: .seconds(5)).status == 0)
    }

    @Test("SIGTERM ends at once") func stop() async throws {
        let server = try ScriptedServer { connection, _, _ in _ = connection.receiveAll() }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("the request") { server.connections == 1 }
        #expect(try await edge.process.stop() == 0)
    }

    @Test("hard-stop-after bounds a drain") func hardStop() async throws {
        let server = try ScriptedServer { connection, _, _ in _ = connection.receiveAll() }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], global: "nbthread 1\nhard-stop-after 300ms")
        let raw = try RawSocket(connectingTo: edge.port)
        raw.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("the request") { server.connections == 1 }
        edge.process.signal(SIGUSR1)
        let result = try await edge.process.result(within: .seconds(5))
        #expect(result.status == 0)
        #expect(result.errors.contains("hard-stop"))
    }

    @Test("A drain lets HTTP/2 and HTTP/3 exchanges finish, then the process ends") func drainMultiplexed() async throws
    {
        // The server answers once the test says so.
        let server = try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head)
                while !server.received.contains("answer") { usleep(5000) }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"])
        async let second = Client.h2.fetch("/two", edge)
        async let third = Client.h3.fetch("/three", edge)
        try await eventually("both requests") { server.received.count == 2 }
        edge.process.signal(SIGUSR1)
        try await eventually("closed listeners") { !Ports.listens(edge.port) }
        server.note("answer")
        let statuses = try await [second.status, third.status]
        #expect(statuses == [200, 200])
        #expect(try await edge.process.result(within: .seconds(10)).status == 0)
    }

    private func check(_ text: String, _ arguments: [String] = ["-c", "-f"]) async throws -> ChildProcess.Result {
        let file = FileManager.default.temporaryDirectory.appending(path: "check-\(UUID().uuidString).cfg")
        try text.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await ChildProcess.run(try Repository.program("portico"), arguments + [file.path()])
    }

    @Test("-c says yes to a good file and no to a bad one, with file, line and the nearest word") func checks()
        async throws
    {
        let good = try await check(
            "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nfrontend f\n bind :1\n")
        #expect(good.status == 0)
        let bad = try await check("frontend f\n bindd :1\n timeout cliemt 1s\n")
        #expect(bad.status == 1)
        #expect(bad.errors.contains(".cfg:2]"))
        #expect(bad.errors.contains(".cfg:3]"))
        #expect(bad.errors.contains("'bind'"))
        #expect(bad.errors.contains("^"))
    }

    @Test("A port in use, a missing certificate: the place and the reason") func startFailures() async throws {
        let server = try ScriptedServer { _, _, _ in }
        let timeouts = " timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        let used = try await check("frontend f\n\(timeouts) bind 127.0.0.1:\(server.port)\n", ["-f"])
        #expect(used.status == 1)
        #expect(used.errors.contains("cannot bind"))
        #expect(used.errors.contains("Address already in use"))
        let missing = try await check("frontend f\n\(timeouts) bind 127.0.0.1:1 ssl crt /nowhere.pem\n", ["-f"])
        #expect(missing.status == 1)
        #expect(missing.errors.contains("/nowhere.pem"))
    }

    @Test("-v and -vv name versions and libraries") func versions() async throws {
        let short = try await ChildProcess.run(try Repository.program("portico"), ["-v"])
        #expect(short.status == 0)
        #expect(short.output.contains("Portico version"))
        let full = try await ChildProcess.run(try Repository.program("portico"), ["-vv"])
        for library in ["OpenSSL", "GnuTLS", "ngtcp2", "nghttp3", "nghttp2"] {
            #expect(full.output.contains("Running on \(library) version : "), "\(library)")
        }
    }

    @Test("-cc evaluates conditions") func conditions() async throws {
        let portico = try Repository.program("portico")
        #expect(try await ChildProcess.run(portico, ["-cc", "version_atleast(3.0)"]).status == 0)
        #expect(try await ChildProcess.run(portico, ["-cc", "version_atleast(99.0)"]).status == 1)
    }
}
