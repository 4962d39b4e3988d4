import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Many checks") struct ManyChecksTests {
    /// Seconds of CPU that a process has used.
    private static func seconds(_ pid: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        return Double((Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)) / 100
    }

    private static func servers(_ count: Int, _ port: Int, _ rest: String) -> String {
        (0..<count).map { "server s\($0) 127.0.0.1:\(port) \(rest)" }.joined(separator: "\n")
    }

    @Test("3,000 servers are checked spread over the interval, once each") func spread() async throws {
        let times = Mutex<[Double]>([])
        let origin = try ScriptedServer { connection, _, _ in
            times.withLock { $0.append(ProcessInfo.processInfo.systemUptime) }
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.0 200 OK\r\n\r\n")
        }
        let count = 3000
        let process = try await RuntimeProcess(
            backend: "option httpchk\n" + Self.servers(count, origin.port, "check inter 10s"))
        let before = try Self.seconds(process.listener.process.pid)
        try await eventually("every server was checked", within: .seconds(40)) {
            times.withLock { $0.count } >= count
        }
        let spent = try Self.seconds(process.listener.process.pid) - before
        let seen = times.withLock { $0.sorted() }
        // No storm: the first round takes most of the interval, and no half second has much more than its share.
        #expect(seen[count - 1] - seen[0] > 6)
        var busiest = 0
        var first = 0
        for last in seen.indices {
            while seen[last] - seen[first] > 0.5 { first += 1 }
            busiest = max(busiest, last - first + 1)
        }
        #expect(busiest < count / 4, "\(busiest) checks in half a second")
        #expect(spent / Double(count) < 0.004, "\(spent) s of CPU for \(seen.count) checks")
        let states = try await process.ask("show servers state back").split(separator: "\n").dropFirst(2)
        #expect(states.count == count)
    }

    @Test("No more checks run at once than tune.max-checks-per-thread says, and all have their turn") func limit()
        async throws
    {
        let state = Mutex<(now: Int, most: Int, all: Int)>((0, 0, 0))
        let origin = try ScriptedServer { connection, _, _ in
            state.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
                $0.all += 1
            }
            Thread.sleep(forTimeInterval: 0.02)
            // The check is over once it has its answer: it must not be counted any more then.
            state.withLock { $0.now -= 1 }
            connection.send("HTTP/1.0 200 OK\r\n\r\n")
            _ = connection.receiveAll()
        }
        let process = try await RuntimeProcess(
            global: "tune.max-checks-per-thread 4\nmax-spread-checks 1",
            backend: "option httpchk\n" + Self.servers(100, origin.port, "check inter 5s"))
        try await eventually("every server was checked", within: .seconds(20)) { state.withLock { $0.all } >= 100 }
        let most = state.withLock { $0.most }
        #expect(most <= 4 && most > 1, "\(most)")
        try await eventually("all are up") {
            try await process.ask("show servers state back").split(separator: "\n").dropFirst(2).allSatisfy {
                $0.split(separator: " ").dropFirst(10).first == "15"
            }
        }
    }

    @Test("unique-id in a check is the backend's") func uniqueID() async throws {
        let origin = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let process = try await RuntimeProcess(
            backend: """
                option httpchk
                unique-id-format TEST-%[be_name]=%[srv_is_up(s1),iif(up,down)]
                http-check send meth GET uri / ver HTTP/1.1 hdr host a hdr request-id %[unique-id]
                server s1 127.0.0.1:\(origin.port) check inter 1s
                """)
        try await eventually("a check") { !origin.received.isEmpty }
        #expect(origin.received[0].contains("\r\nrequest-id: TEST-back=up\r\n"), "\(origin.received[0])")
        withExtendedLifetime(process) {}
    }

    @Test("A section's own http-check send does not take over the request of its defaults") func ownRequest()
        async throws
    {
        let answer = "HTTP/1.0 200 OK\r\n\r\n"
        let own = try ScriptedServer { connection, _, server in
            if let head = connection.receive(through: "\r\n\r\n") { server.note(head) }
            connection.send(answer)
        }
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                defaults:
                    "option httpchk GET /status HTTP/1.1\nhttp-check send hdr Host mine hdr X-Test true body test",
                """
                listen l
                bind 127.0.0.1:\(port)
                http-check send hdr Host other body ab
                server s1 127.0.0.1:\(own.port) check inter 1s
                """), in: ListenerFolder())
        try await eventually("a check") { !own.received.isEmpty }
        let lines = own.received[0].split(separator: "\r\n").map(String.init)
        #expect(lines[0] == "OPTIONS / HTTP/1.0")
        #expect(lines.contains("host: other") && lines.contains("content-length: 2"), "\(lines)")
        #expect(!lines.contains { $0.hasPrefix("x-test") })
        withExtendedLifetime(process) {}
    }
}
