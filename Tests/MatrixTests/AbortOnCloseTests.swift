import Glibc
import Synchronization
import TestSupport
import Testing

/// `option abortonclose` is the backend's that `use_backend` chooses, as in HAProxy: a client that ends its side while it
/// waits is gone, or is not.
@Suite("abortonclose of a chosen backend") struct AbortOnCloseTests {
    @Test(arguments: [false, true])
    func chosen(isOnInFrontend: Bool) async throws {
        let mayAnswer = Flag()
        let server = try ScriptedServer { connection, _, server in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            server.note(head)
            while !mayAnswer.isSet { usleep(1000) }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            _ = connection.receive()
        }
        defer { mayAnswer.set() }
        let edge = try await Edge(
            servers: [
                """
                s 127.0.0.1:\(server.port)
                backend leaves
                option abortonclose
                server s 127.0.0.1:\(server.port)
                backend stays
                no option abortonclose
                server s 127.0.0.1:\(server.port)
                """
            ],
            frontend: """
                \(isOnInFrontend ? "" : "no ")option abortonclose
                use_backend leaves if { path /leaves }
                use_backend stays if { path /stays }
                """)
        let clients = [try RawSocket(connectingTo: edge.port), try RawSocket(connectingTo: edge.port)]
        for (client, path) in zip(clients, ["/stays", "/leaves"]) {
            client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually("the server has \(path)") { server.received.contains { $0.contains("\(path) ") } }
            client.shutdownWrite()
        }
        let line = try await edge.logLine("GET /leaves ")
        #expect(line.contains(" leaves/s ") && line.contains(" 400 ") && line.contains(" CH-- "), "\(line)")
        mayAnswer.set()
        #expect(String(decoding: clients[0].receiveAll().bytes, as: UTF8.self).hasSuffix("\r\n\r\nok"))
        #expect(try await edge.logLine("GET /stays ").contains(" ---- "))
    }
}

/// Something that a script waits for.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
