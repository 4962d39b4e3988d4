import Foundation
import Synchronization
import TestSupport
import Testing

/// `maxconn`, `maxqueue`, `timeout queue`: exchanges that wait for a place.
@Suite("Queues") struct QueueTests {
    /// Answers after `milliseconds`, and notes each request's `x-n`.
    private static func server(_ milliseconds: UInt32) throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head.components(separatedBy: "\r\n").first { $0.hasPrefix("x-n: ") } ?? "?")
                usleep(milliseconds * 1000)
                guard connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") else { return }
            }
        }
    }

    private static func get(_ port: Int, _ number: Int) async throws -> String {
        let socket = try RawSocket(connectingTo: port)
        return await socket.blocking { socket in
            socket.send("GET /\(number) HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx-n: \(number)\r\n\r\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
    }

    @Test(
        "Those that wait are served in the order in which they came, whatever worker has them",
        arguments: [
            "roundrobin", "leastconn", "random", "source", "first",
        ])
    func order(algorithm: String) async throws {
        let server = try Self.server(15)
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port) maxconn 1"], backend: "balance \(algorithm)", global: "nbthread 4")
        try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<30 {
                group.addTask { try await Self.get(edge.port, number) }
                try await Task.sleep(for: .milliseconds(6))
            }
            for try await answer in group { #expect(answer.hasPrefix("HTTP/1.1 200")) }
        }
        // In the order in which their first bytes came, to the millisecond.
        try await eventually("the log") { edge.log.count >= 30 }
        let served = server.received.map { $0.dropFirst(5) }
        let lines = try served.map { number in try #require(edge.log.first { $0.contains(" /\(number) ") }) }
        let times = try lines.map { line -> Int in
            let match = try #require(line.firstMatch(of: #/:(\d\d):(\d\d):(\d\d)\.(\d\d\d)\]/#)).output
            let (hours, minutes, seconds) = (Int(match.1) ?? 0, Int(match.2) ?? 0, Int(match.3) ?? 0)
            return ((hours * 60 + minutes) * 60 + seconds) * 1000 + (Int(match.4) ?? 0)
        }
        #expect(served.count == 30)
        for (earlier, later) in zip(times, times.dropFirst()) { #expect(earlier <= later + 1, "\(times)") }
        // One that is chosen by a hash has its own queue; others leave the choice open while all are full.
        let positions = lines.compactMap { $0.firstMatch(of: #/ (\d+)/(\d+) "GET/#)?.output }
        let own = positions.map { Int($0.1) ?? -1 }.max() ?? -1
        let common = positions.map { Int($0.2) ?? -1 }.max() ?? -1
        #expect(algorithm == "source" ? own >= 3 && common == 0 : own == 0 && common >= 3, "\(own)/\(common)")
    }

    /// Answers once the test has noted `go`.
    private static func gated() throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head.components(separatedBy: "\r\n").first { $0.hasPrefix("x-n: ") } ?? "?")
                while !server.received.contains("go") { usleep(2000) }
                guard connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") else { return }
            }
        }
    }

    private static func request(_ port: Int, _ number: Int) throws -> RawSocket {
        let socket = try RawSocket(connectingTo: port)
        socket.send("GET /\(number) HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx-n: \(number)\r\n\r\n")
        return socket
    }

    private static func answer(_ socket: RawSocket) async -> String {
        await socket.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
    }

    /// Waits until as many exchanges wait at the server.
    private static func queue(_ process: RuntimeProcess, _ count: Int) async throws {
        for _ in 0..<500 {
            let rows = try await process.ask("show stat").split(separator: "\n")
            let row = rows.first { $0.hasPrefix("back,s1,") }
            if row?.split(separator: ",", omittingEmptySubsequences: false)[2] == "\(count)" { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("there are never \(count) exchanges in the queue")
    }

    @Test("timeout queue ends the wait with 503 and sQ") func timeout() async throws {
        let server = try Self.gated()
        let process = try await RuntimeProcess(
            backend: "timeout queue 200ms\nserver s1 127.0.0.1:\(server.port) maxconn 1")
        let first = try Self.request(process.port, 1)
        try await eventually("the first request") { server.received.count == 1 }
        #expect(await Self.answer(try Self.request(process.port, 2)).hasPrefix("HTTP/1.1 503"))
        let line = try await process.listener.logLine("/2 ")
        #expect(line.contains(" sQ-- "), "\(line)")
        server.note("go")
        #expect(await Self.answer(first).hasPrefix("HTTP/1.1 200"))
        #expect(server.received == ["x-n: 1", "go"])
    }

    @Test("A full queue answers 503 with SQ at once") func fullQueue() async throws {
        let server = try Self.gated()
        let process = try await RuntimeProcess(
            backend: "balance source\nserver s1 127.0.0.1:\(server.port) maxconn 1 maxqueue 1")
        let first = try Self.request(process.port, 1)
        try await eventually("the first request") { server.received.count == 1 }
        let second = try Self.request(process.port, 2)
        try await Self.queue(process, 1)
        #expect(await Self.answer(try Self.request(process.port, 3)).hasPrefix("HTTP/1.1 503"))
        let line = try await process.listener.logLine("/3 ")
        #expect(line.contains(" SQ-- "), "\(line)")
        server.note("go")
        #expect(await Self.answer(first).hasPrefix("HTTP/1.1 200"))
        #expect(await Self.answer(second).hasPrefix("HTTP/1.1 200"))
    }

    @Test("A client that leaves the queue takes nobody's place") func leaves() async throws {
        let server = try Self.gated()
        let process = try await RuntimeProcess(
            backend: "balance source\nserver s1 127.0.0.1:\(server.port) maxconn 1")
        let first = try Self.request(process.port, 1)
        try await eventually("the first request") { server.received.count == 1 }
        let gone = try Self.request(process.port, 2)
        try await Self.queue(process, 1)
        gone.reset()
        let line = try await process.listener.logLine("/2 ")
        #expect(line.contains(" CQ-- "), "\(line)")
        try await Self.queue(process, 0)
        let third = try Self.request(process.port, 3)
        try await Self.queue(process, 1)
        server.note("go")
        #expect(await Self.answer(first).hasPrefix("HTTP/1.1 200"))
        #expect(await Self.answer(third).hasPrefix("HTTP/1.1 200"))
        #expect(server.received == ["x-n: 1", "go", "x-n: 3"])
    }

    @Test("A server that goes into maintenance sends those that wait for it elsewhere") func requeued() async throws {
        let (server, other) = (try Self.gated(), try Self.server(0))
        let process = try await RuntimeProcess(
            backend: """
                balance hdr(x-n)
                server s1 127.0.0.1:\(server.port) maxconn 1
                server s2 127.0.0.1:\(other.port) disabled
                """)
        let first = try Self.request(process.port, 1)
        try await eventually("the first request") { server.received.count == 1 }
        let second = try Self.request(process.port, 2)
        try await Self.queue(process, 1)
        _ = try await process.ask("enable server back/s2;disable server back/s1")
        #expect(await Self.answer(second).hasPrefix("HTTP/1.1 200"))
        #expect(other.received == ["x-n: 2"])
        server.note("go")
        #expect(await Self.answer(first).hasPrefix("HTTP/1.1 200"))
    }
}
