import Foundation
import TestSupport
import Testing

/// `-x`: a process takes the listening sockets of the one before it.
@Suite("Runtime API: sockets that change hands") struct HandoverTests {
    private static func configuration(_ port: Int, _ server: Int, workers: Int, exposes: Bool = true) -> String {
        ListenerProcess.sections(
            global: """
                nbthread \(workers)
                stats socket FOLDER/admin mode 600 level admin\(exposes ? " expose-fd listeners" : "")
                """,
            """
            frontend web
            bind 127.0.0.1:\(port)
            bind unix@FOLDER/web
            default_backend back
            backend back
            server s1 127.0.0.1:\(server)
            """)
    }

    private static func server() throws -> ScriptedServer {
        try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        }
    }

    /// Starts the program that follows `old`.
    private static func follow(
        _ folder: ListenerFolder, _ text: String, _ old: Int32
    ) async throws -> ChildProcess {
        let file = try folder.write(
            "next-\(UUID().uuidString.prefix(4)).cfg", text.replacing("FOLDER", with: folder.path))
        let next = try ChildProcess(
            Repository.program("portico"), ["-f", file, "-x", "\(folder.path)/admin", "-sf", "\(old)"])
        try await next.ready("the next process") { next.errors.contains("serves with") }
        return next
    }

    @Test("No connection is refused or lost while processes follow each other, with more and with fewer workers")
    func noConnectionIsRefused() async throws {
        let server = try Self.server()
        let port = try Ports.free()
        let first = try await ListenerProcess(Self.configuration(port, server.port, workers: 3), in: ListenerFolder())
        let folder = first.folder
        let load = Load(port: port, path: "\(folder.path)/web")
        try await eventually("some answers") { load.answers > 20 }
        var old = first.process
        for workers in [1, 4, 2] {
            let next = try await Self.follow(folder, Self.configuration(port, server.port, workers: workers), old.pid)
            let status = try await old.result(within: .seconds(10)).status
            #expect(status == 0)
            old = next
            let before = load.answers
            try await eventually("answers by the next process") { load.answers > before + 20 }
        }
        let failures = await load.stop()
        #expect(failures == [])
        // The runtime API's own socket changed hands too.
        let socket = try RawSocket(unix: "\(folder.path)/admin")
        socket.send("show info\n")
        let text = await socket.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
        #expect(text.contains("Pid: \(old.pid)\n"))
    }

    @Test func socketsAreGivenToHAProxysProtocol() async throws {
        let server = try Self.server()
        let port = try Ports.free()
        let first = try await ListenerProcess(Self.configuration(port, server.port, workers: 2), in: ListenerFolder())
        // A receiver of its own, after HAProxy's protocol.
        let script = """
            import array, socket, struct, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            s.sendall(b"_getsocks\\n")
            count, = struct.unpack("i", s.recv(4, socket.MSG_WAITALL))
            data, more, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(4 * 252))
            fds = array.array("i")
            for _, _, d in more: fds.frombytes(d)
            s.sendall(struct.pack("i", len(fds)))
            names = sorted(str(socket.socket(fileno=f).getsockname()) for f in fds)
            print(count, len(data), names, len(s.recv(10)))
            """
        let result = try await ChildProcess.run("python3", ["-c", script, "\(first.folder.path)/admin"])
        let address = "\"('127.0.0.1', \(port))\""
        let expected =
            "4 24 [\(address), \(address), '\(first.folder.path)/admin', '\(first.folder.path)/web'] 0"
        #expect(result.output.trimmingCharacters(in: .whitespacesAndNewlines) == expected)
        #expect(try RawSocket(connectingTo: port).exchange().hasSuffix("ok"))
    }

    @Test func refusals() async throws {
        let server = try Self.server()
        let port = try Ports.free()
        let first = try await ListenerProcess(
            Self.configuration(port, server.port, workers: 1, exposes: false), in: ListenerFolder())
        let program = try Repository.program("portico")
        // Without expose-fd nothing is given.
        let path = "\(first.folder.path)/admin"
        let refused = try await ChildProcess.run(program, ["-f", "\(first.folder.path)/edge.cfg", "-x", path])
        #expect(refused.status == 1)
        #expect(refused.errors.contains("Failed to get the sockets from the old process at \(path)"))
        let missing = try await ChildProcess.run(
            program, ["-f", "\(first.folder.path)/edge.cfg", "-x", "\(first.folder.path)/nobody"])
        #expect(missing.status == 1)
        #expect(missing.errors.contains("No such file or directory"))
    }
}

/// Clients that ask one after the other, over TCP and a Unix socket, until they are stopped.
private final class Load: Sendable {
    private let state = Locked((answers: 0, failures: [String](), isOver: false, running: 0))

    init(port: Int, path: String) {
        for number in 0..<4 {
            state.change { $0.running += 1 }
            Thread.detachNewThread { [state] in
                while !state.value.isOver {
                    let answer: String?
                    if number == 3 {
                        answer = try? RawSocket(unix: path).exchange()
                    } else {
                        answer = try? RawSocket(connectingTo: port).exchange()
                    }
                    let isGood = answer?.hasSuffix("ok") == true
                    state.change {
                        if isGood { $0.answers += 1 } else { $0.failures.append("\(number): \(answer ?? "refused")") }
                    }
                }
                state.change { $0.running -= 1 }
            }
        }
    }

    var answers: Int { state.value.answers }

    /// Stops and tells what went wrong.
    func stop() async -> [String] {
        state.change { $0.isOver = true }
        while state.value.running > 0 { try? await Task.sleep(for: .milliseconds(5)) }
        return state.value.failures
    }

    private final class Locked<Value: Sendable>: @unchecked Sendable {
        private let lock = NSLock()
        private var stored: Value
        init(_ value: Value) { stored = value }
        var value: Value { lock.withLock { stored } }
        func change(_ body: (inout Value) -> Void) { lock.withLock { body(&stored) } }
    }
}
