import Foundation
import TestSupport
import Testing

@Suite("What rules change of a request, its client does not see") struct HeadMethodTests {
    /// After HAProxy's reg-tests/http-messaging/http_bodyless_response.vtc.
    @Test(
        "HEAD that became GET: the response's body stays here, and the connection goes on",
        arguments: ["h1", "h2", "h3"])
    func bodyless(over version: String) async throws {
        let origin = try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head.split(separator: " ").first.map(String.init) ?? "?")
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nskipped data")
            }
        }
        let ports = (try Ports.free(), try Ports.free())
        let certificate = try await TestCertificates.file("localhost", "ecdsa")
        let (server, bind) =
            switch version {
            case "h2": ("127.0.0.1:\(ports.1) proto h2", "127.0.0.1:\(ports.1) proto h2")
            case "h3":
                (
                    "quic4@127.0.0.1:\(ports.1) ssl verify none alpn h3",
                    "quic4@127.0.0.1:\(ports.1) ssl crt \(certificate) alpn h3"
                )
            default: ("127.0.0.1:\(ports.1)", "127.0.0.1:\(ports.1)")
            }
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 1",
                """
                listen outer
                bind 127.0.0.1:\(ports.0)
                server s1 \(server)
                listen inner
                bind \(bind)
                http-request set-method GET
                server s1 127.0.0.1:\(origin.port)
                """), in: ListenerFolder())
        let client = try RawSocket(connectingTo: ports.0)
        for number in 0..<3 {
            client.send("HEAD /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = await client.blocking { $0.receive(through: "\r\n\r\n") }
            #expect(head?.hasPrefix("HTTP/1.1 200 ") == true, "\(number): \(head ?? "nothing")")
        }
        client.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let rest = await client.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
        #expect(rest.hasPrefix("HTTP/1.1 200 ") && rest.hasSuffix("\r\n\r\nskipped data"), "\(rest)")
        #expect(origin.received == ["GET", "GET", "GET", "GET"])
        withExtendedLifetime(process) {}
    }

    /// RFC 8441 section 4: any protocol has its form in HTTP/2.
    @Test("An upgrade to any protocol goes through HTTP/2 as an extended CONNECT") func anyProtocol() async throws {
        let origin = try ScriptedServer { connection, _, server in
            if let head = connection.receive(through: "\r\n\r\n") { server.note(head) }
            connection.send("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: custom\r\n\r\nhello")
            if case .bytes(let bytes) = connection.receive() { connection.send(bytes) }
        }
        let ports = (try Ports.free(), try Ports.free())
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen outer
                bind 127.0.0.1:\(ports.0)
                server s1 127.0.0.1:\(ports.1) proto h2
                listen inner
                bind 127.0.0.1:\(ports.1) proto h2
                server s1 127.0.0.1:\(origin.port)
                """), in: ListenerFolder())
        let client = try RawSocket(connectingTo: ports.0)
        client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: custom\r\n\r\n")
        let answer = await client.blocking { $0.receive(through: "hello") } ?? ""
        #expect(answer.hasPrefix("HTTP/1.1 101 ") && answer.lowercased().contains("upgrade: custom"), "\(answer)")
        client.send("ping")
        #expect(await client.blocking { $0.receive(through: "ping") } == "ping")
        #expect(origin.received.first?.lowercased().contains("upgrade: custom") == true)
        // What has no form there is a plain request.
        let plain = try RawSocket(connectingTo: ports.0)
        plain.send("PATCH /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: custom\r\n\r\n")
        try await eventually("the plain request") { origin.received.count == 2 }
        #expect(origin.received[1].hasPrefix("PATCH /x ") && !origin.received[1].lowercased().contains("upgrade"))
        withExtendedLifetime(process) {}
    }
}
