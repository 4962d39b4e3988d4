import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Priorities in the queue") struct QueuePriorityTests {
    /// A gate that one request waits at.
    private final class Gate: Sendable {
        private let isOpen = Atomic<Bool>(false)
        func open() { isOpen.store(true, ordering: .releasing) }
        func wait() { while !isOpen.load(ordering: .acquiring) { Thread.sleep(forTimeInterval: 0.002) } }
    }

    @Test(
        "Requests leave the queue by class, then by time and offset (configuration.txt, set-priority-class)",
        arguments: [
            (
                "http-request set-priority-class int(-10) if { path_beg /high }\n"
                    + "http-request set-priority-class int(10) if { path_beg /low }",
                ["/first", "/high1", "/high2", "/normal1", "/low1", "/low2"]
            ),
            (
                "http-request set-priority-offset int(-200000) if { path_beg /high }\n"
                    + "http-request set-priority-offset int(200000) if { path_beg /low }",
                ["/first", "/high1", "/high2", "/normal1", "/low1", "/low2"]
            ),
            (
                "http-request set-priority-class int(1) if { path_beg /high }\n"
                    + "http-request set-priority-offset int(-200000) if { path_beg /high }",
                ["/first", "/low1", "/normal1", "/low2", "/high1", "/high2"]
            ),
        ])
    func order(rules: String, expected: [String]) async throws {
        let gate = Gate()
        let origin = try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head.split(separator: " ").dropFirst().first.map(String.init) ?? "?")
                if head.hasPrefix("GET /first ") { gate.wait() }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        defer { gate.open() }
        let process = try await RuntimeProcess(
            frontend: rules, backend: "timeout queue 30s\nserver s1 127.0.0.1:\(origin.port) maxconn 1")
        var clients: [RawSocket] = []
        for (number, path) in ["/first", "/low1", "/normal1", "/high1", "/low2", "/high2"].enumerated() {
            let socket = try RawSocket(connectingTo: process.port)
            socket.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            clients.append(socket)
            try await eventually("\(path) waits") {
                if number == 0 { return origin.received == ["/first"] }
                let rows = try await process.ask("show stat").split(separator: "\n")
                let row = rows.first { $0.hasPrefix("back,BACKEND,") }?.split(separator: ",") ?? []
                return row.count > 2 && row[2] == "\(number)"
            }
        }
        gate.open()
        for client in clients {
            let answer = await client.blocking { $0.receive(through: "\r\n\r\n") }
            #expect(answer?.hasPrefix("HTTP/1.1 200 ") == true)
        }
        #expect(origin.received == expected)
    }

    @Test("A client that leaves while its request waits is gone, with use_backend as with default_backend")
    func abort() async throws {
        let dead = try Ports.free()
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend f
                option abortonclose
                bind 127.0.0.1:\(port)
                use_backend b if { path_beg / }
                backend b
                retries 10
                timeout connect 1s
                server s1 127.0.0.1:\(dead)
                """), in: ListenerFolder())
        let socket = try RawSocket(connectingTo: port)
        socket.send("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
        socket.shutdownWrite()
        let line = try await process.logLine("/gone")
        #expect(line.contains(" -1 0 - - CC-- "), "\(line)")
    }
}
