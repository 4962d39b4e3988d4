import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Servers come and go, and die, under load") struct ServerSoakTests {
    /// Open descriptors and resident kilobytes of a process.
    private static func usage(_ pid: Int32) throws -> (descriptors: Int, memory: Int) {
        let count = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (count, line.split(separator: " ").compactMap { Int($0) }.first ?? 0)
    }

    /// `PORTICO_SOAK_ROUNDS=1000` makes it the long one.
    private static let rounds =
        ProcessInfo.processInfo.environment["PORTICO_SOAK_ROUNDS"].flatMap { Int($0) } ?? 60

    /// Adds a server, enables it, waits for requests to reach it, takes it out, and deletes it.
    private static func round(_ process: RuntimeProcess, _ name: String, _ line: String) async throws {
        let added = try await process.ask("add server back/\(name) \(line);enable server back/\(name)")
        #expect(added == "New server registered.\n\n\n", "\(added)")
        try await Task.sleep(for: .milliseconds(20))
        let left = try await process.ask(
            "set server back/\(name) state drain;disable server back/\(name);wait 10s srv-removable back/\(name);"
                + "del server back/\(name)")
        #expect(left == "\n\nDone.\n\nServer deleted.\n\n", "\(left)")
    }

    @Test("Add, use, drain and delete servers of all three versions: no request fails, nothing grows") func soak()
        async throws
    {
        let origin = try await OriginProcess()
        let process = try await RuntimeProcess(
            backend: "balance roundrobin\nhttp-reuse always\noption redispatch 1\n"
                + "server base 127.0.0.1:\(origin.port)")
        let lines = [
            "127.0.0.1:\(origin.port)", "127.0.0.1:\(origin.port) proto h2",
            "quic4@127.0.0.1:\(origin.quicPort) ssl verify none",
        ]
        let isDone = Atomic<Bool>(false)
        let failures = Mutex<[String]>([])
        let count = Atomic<Int>(0)
        let port = process.port
        let load = (0..<4).map { _ in
            Thread {
                while !isDone.load(ordering: .relaxed) {
                    guard let socket = try? RawSocket(connectingTo: port) else { continue }
                    for _ in 0..<20 where !isDone.load(ordering: .relaxed) {
                        socket.send("GET /?s=5 HTTP/1.1\r\nHost: a\r\n\r\n")
                        guard let head = socket.receive(through: "\r\n\r\n"), head.hasPrefix("HTTP/1.1 200 ") else {
                            failures.withLock { $0.append("no answer") }
                            break
                        }
                        var body = head.components(separatedBy: "\r\n\r\n").last?.utf8.count ?? 0
                        while body < 5, case .bytes(let more) = socket.receive(limit: 5 - body) { body += more.count }
                        count.wrappingAdd(1, ordering: .relaxed)
                    }
                }
            }
        }
        for thread in load { thread.start() }
        defer { isDone.store(true, ordering: .relaxed) }
        let pid = process.listener.process.pid
        // The first rounds fill pools and caches.
        for number in 0..<30 { try await Self.round(process, "w\(number)", lines[number % 3]) }
        let before = try Self.usage(pid)
        for number in 0..<Self.rounds { try await Self.round(process, "n\(number)", lines[number % 3]) }
        let after = try Self.usage(pid)
        isDone.store(true, ordering: .relaxed)
        #expect(failures.withLock { $0 }.isEmpty, "\(failures.withLock { $0.prefix(5) })")
        #expect(count.load(ordering: .relaxed) > 200)
        #expect(after.descriptors <= before.descriptors + 16, "\(before) \(after)")
        #expect(after.memory <= before.memory + 16_384, "\(before) \(after)")
        let state = try await process.ask("show servers state back")
        #expect(state.split(separator: "\n").count == 3)
    }

    @Test("Backends that come and go leave no memory behind") func backends() async throws {
        let process = try await RuntimeProcess(rest: "defaults base\nmode http\ntimeout connect 1s\n")
        func round() async throws {
            let answers = try await process.ask(
                "add backend more from base;publish backend more;add server more/s 127.0.0.1:9;del server more/s;"
                    + "unpublish backend more;wait 5s be-removable more;del backend more")
            #expect(answers.hasSuffix("Backend deleted.\n\n"), "\(answers)")
        }
        let pid = process.listener.process.pid
        for _ in 0..<100 { try await round() }
        let before = try Self.usage(pid)
        for _ in 0..<300 { try await round() }
        let after = try Self.usage(pid)
        // What a worker knows of a backend takes 4 kB.
        #expect(after.memory <= before.memory + 600, "\(before) \(after)")
        #expect(after.descriptors <= before.descriptors + 4)
    }

    @Test("Servers that die, hang, reset and answer nonsense do not keep the good one from serving") func chaos()
        async throws
    {
        let good = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        let bad = try ["die", "reset", "garbage", "half"].map { how in
            try ScriptedServer { connection, _, _ in
                _ = connection.receive(through: "\r\n\r\n")
                switch how {
                case "die": return
                case "reset": connection.reset()
                case "garbage": connection.send("\u{1}\u{2}nonsense\r\n\r\n\r\n")
                default: connection.send("HTTP/1.1 200 OK\r\nContent-Le")
                }
            }
        }
        let hanging = try ScriptedServer { connection, _, _ in _ = connection.receiveAll() }
        let closed = try Ports.free()
        let edge = try await Edge(
            servers: (bad + [hanging]).enumerated().map { "b\($0) 127.0.0.1:\($1.port)" }
                + ["dead 127.0.0.1:\(closed)", "good 127.0.0.1:\(good.port) weight 4"],
            backend: "balance roundrobin\nretries 60\noption redispatch 1\nretry-on all-retryable-errors",
            timeouts: "timeout client 30s\ntimeout server 300ms\ntimeout connect 500ms")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5 {
                        guard let socket = try? RawSocket(connectingTo: edge.port) else { continue }
                        let answer = await socket.blocking { $0.exchange() }
                        #expect(answer.hasSuffix("hello"), "\(answer.prefix(60))")
                    }
                }
            }
        }
        #expect(try await edge.process.stop() == 0)
    }
}
