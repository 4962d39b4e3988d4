import Foundation
import TestSupport
import Testing

/// `socks4`, `check-via-socks4`.
@Suite("Servers behind a SOCKS4 proxy") struct SOCKSTests {
    /// A proxy that notes what it is asked for, answers with `status`, and then is the server itself.
    private static func proxy(_ status: UInt8) throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            var request: [UInt8] = []
            while request.count < 16 {
                guard case .bytes(let more) = connection.receive(limit: 16 - request.count) else { return }
                request += more
            }
            server.note(request.map { String($0, radix: 16) }.joined(separator: " "))
            _ = connection.send([0, status, 0, 0, 0, 0, 0, 0])
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head.split(separator: "\r\n").first.map(String.init) ?? "")
                guard connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") else { return }
            }
        }
    }

    @Test("Traffic and checks go through it") func passes() async throws {
        let proxy = try Self.proxy(0x5a)
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                defaults: "option log-health-checks",
                """
                frontend web
                bind 127.0.0.1:\(port)
                default_backend back
                backend back
                option httpchk GET /health
                server s1 192.0.2.7:258 socks4 127.0.0.1:\(proxy.port) check-via-socks4 check inter 500ms
                """), in: try ListenerFolder())
        let line = try await process.logLine("Health check for server back/s1 succeeded")
        #expect(line.contains("Layer7 check passed, code: 200"))
        let socket = try RawSocket(connectingTo: port)
        #expect(await socket.blocking { $0.exchange("/traffic") }.hasPrefix("HTTP/1.1 200 OK\r\n"))
        // Version 4, connect, port 258, 192.0.2.7, "HAProxy".
        let asked = "4 1 1 2 c0 0 2 7 48 41 50 72 6f 78 79 0"
        #expect(proxy.received.filter { $0.first?.isNumber == true }.allSatisfy { $0 == asked })
        #expect(proxy.received.contains("GET /health HTTP/1.0"))
        #expect(proxy.received.contains("GET /traffic HTTP/1.1"))
    }

    @Test("Its refusal is a failed connection") func refuses() async throws {
        let proxy = try Self.proxy(0x5b)
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port)
                default_backend back
                backend back
                retries 0
                server s1 192.0.2.7:258 socks4 127.0.0.1:\(proxy.port)
                """), in: try ListenerFolder())
        let socket = try RawSocket(connectingTo: port)
        #expect(await socket.blocking { $0.exchange("/") }.hasPrefix("HTTP/1.1 503 "))
        _ = try await process.logLine(" SC-- ")
    }
}
