import Foundation
import TestSupport
import Testing

/// Bytes of TCP mode that stay in the kernel (`option splice-…`): they arrive whole and in order, are counted, and no
/// pipe is lost.
@Suite("Splicing") struct SplicingTests {
    /// Bytes that differ from place to place: they repeat after a prime number of them, so that no piece of them fits
    /// another place.
    private static func pattern(_ count: Int, seed: Int) -> [UInt8] {
        var state = UInt64(truncatingIfNeeded: seed) &* 0x9e37_79b9_7f4a_7c15 | 1
        let block = (0..<65_521).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += block.prefix(count - bytes.count) }
        return bytes
    }

    private static func process(
        _ options: String, server: Int, frontend: String = "", global: String = "nbthread 1"
    ) async throws -> RuntimeProcess {
        try await RuntimeProcess(
            global: global, frontend: "mode tcp\n\(frontend)",
            backend: "mode tcp\n\(options)\nserver s1 127.0.0.1:\(server)")
    }

    private static func info(_ process: RuntimeProcess, _ name: String) async throws -> Int {
        let line = try await process.ask("show info").split(separator: "\n").first { $0.hasPrefix("\(name): ") }
        return Int(line?.split(separator: " ").last ?? "") ?? -1
    }

    private static func descriptors(_ process: RuntimeProcess) throws -> Int {
        let folder = "/proc/\(process.listener.process.pid)/fd"
        // Those of threads that begin later are none of ours.
        return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
            let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) ?? ""
            return target.hasPrefix("socket:") || target.hasPrefix("pipe:")
        }
    }

    @Test(
        "both directions arrive whole, each ends by itself",
        arguments: [
            ("option splice-auto", true), ("option splice-request\noption splice-response", true),
            ("option splice-request", true), ("option splice-auto\nno option splice-auto", false), ("", false),
        ])
    func transfer(options: String, splices: Bool) async throws {
        let (question, answer) = (Self.pattern(6_000_000, seed: 1), Self.pattern(9_000_001, seed: 2))
        let server = try ScriptedServer { connection, _, server in
            let (bytes, end) = connection.receiveAll()
            server.note("\(bytes == question) \(end == .end)")
            connection.send(answer)
        }
        let process = try await Self.process(options, server: server.port)
        for _ in 0..<3 {
            let client = try RawSocket(connectingTo: process.port)
            let (bytes, end) = await client.blocking { socket in
                socket.send(question)
                socket.shutdownWrite()
                return socket.receiveAll()
            }
            #expect(bytes == answer && end == .end)
        }
        #expect(server.received == ["true true", "true true", "true true"])
        let spliced = try await Self.info(process, "TotalSplicedBytesOut")
        #expect((spliced > 0) == splices)
        #expect(try await Self.info(process, "PipesUsed") == 0)
        let row = try await process.ask("show stat -1 2 -1 up")
        #expect(row.contains(",18000000,27000003,"), "\(row)")
    }

    /// The bytes that stand in the pipe when an end breaks are given up, and the pipe with them.
    @Test("a reader that stops, and one that breaks, leave no pipe and no descriptor behind") func broken() async throws
    {
        let gate = try ScriptedServer { connection, number, server in
            server.note("connected \(number)")
            _ = connection.receive(limit: 1000)
            while !server.received.contains("go") { usleep(2000) }
            if number % 2 == 0 { connection.reset() } else { _ = connection.receiveAll() }
        }
        let process = try await Self.process("option splice-request", server: gate.port)
        let before = try Self.descriptors(process)
        let clients = try (0..<4).map { _ in try RawSocket(connectingTo: process.port) }
        let bytes = Self.pattern(20_000_000, seed: 3)
        await withTaskGroup(of: Void.self) { group in
            for (index, client) in clients.enumerated() {
                group.addTask {
                    await client.blocking { socket in
                        socket.send("hello")
                        _ = socket.send(bytes)
                        if index < 2 { socket.reset() } else { socket.shutdownWrite() }
                    }
                }
            }
            try? await eventually("all four have their pipes") { gate.received.count == 4 }
            for _ in 0..<1000 where (try? await Self.info(process, "PipesUsed")) != 4 {
                try? await Task.sleep(for: .milliseconds(5))
            }
            let used = try? await Self.info(process, "PipesUsed")
            #expect(used == 4)
            gate.note("go")
        }
        for client in clients { _ = await client.blocking { $0.receiveAll() } }
        var used = -1
        var open = -1
        for _ in 0..<1000 {
            used = try await Self.info(process, "PipesUsed")
            let free = try await Self.info(process, "PipesFree")
            open = try Self.descriptors(process) - 2 * free
            if used == 0, open <= before { break }
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(used == 0)
        #expect(open <= before)
    }

    @Test("rules see the first bytes, and the rest stays in the kernel") func inspected() async throws {
        let body = Self.pattern(3_000_000, seed: 4)
        let server = try ScriptedServer { connection, _, server in
            let (bytes, _) = connection.receiveAll()
            server.note("\(Array(bytes.dropFirst(5)) == body)")
            connection.send("done")
        }
        let process = try await Self.process(
            "option splice-request", server: server.port,
            frontend: """
                tcp-request inspect-delay 5s
                tcp-request content reject if { req.payload(0,5) -m str WRONG }
                tcp-request content accept if { req.len ge 5 }
                """)
        let client = try RawSocket(connectingTo: process.port)
        let answer = await client.blocking { socket in
            socket.send("RIGHT")
            socket.send(body)
            socket.shutdownWrite()
            return socket.receiveAll().bytes
        }
        #expect(String(decoding: answer, as: UTF8.self) == "done")
        #expect(server.received == ["true"])
        #expect(try await Self.info(process, "TotalSplicedBytesOut") > 2_000_000)
        let wrong = try RawSocket(connectingTo: process.port)
        #expect(
            await wrong.blocking { socket in
                socket.send("WRONG and more")
                return socket.receiveAll().bytes.isEmpty
            })
    }

    @Test("a server that reads no more: the connection ends with timeout server") func stuck() async throws {
        let server = try ScriptedServer { connection, _, server in
            _ = connection.receive(limit: 1000)
            while !server.received.contains("go") { usleep(2000) }
        }
        let process = try await Self.process(
            "option splice-request\ntimeout server 400ms\ntimeout client 400ms", server: server.port)
        let client = try RawSocket(connectingTo: process.port)
        let hasEnded = await client.blocking { socket in
            socket.send("hello")
            return !socket.send(Self.pattern(30_000_000, seed: 5))
        }
        #expect(hasEnded)
        server.note("go")
        var used = -1
        for _ in 0..<1000 where used != 0 { used = try await Self.info(process, "PipesUsed") }
        #expect(used == 0)
    }

    @Test("no more than a quarter of maxconn: the others are copied") func limit() async throws {
        let bytes = Self.pattern(2_000_000, seed: 6)
        let server = try ScriptedServer { connection, _, server in
            server.note("\(connection.receiveAll().bytes == bytes)")
        }
        let process = try await Self.process(
            "option splice-request", server: server.port, global: "nbthread 1\nmaxconn 8")
        #expect(try await Self.info(process, "Maxpipes") == 2)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                guard let client = try? RawSocket(connectingTo: process.port) else { continue }
                group.addTask {
                    await client.blocking { socket in
                        socket.send(bytes)
                        socket.shutdownWrite()
                        _ = socket.receiveAll()
                    }
                }
            }
        }
        #expect(server.received.count { $0 == "true" } == 8)
        let pipes = try await Self.info(process, "PipesFree")
        #expect((1...2).contains(pipes))
    }
}
