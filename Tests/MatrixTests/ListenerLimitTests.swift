import Foundation
import TestSupport
import Testing

@Suite("What a bind line lets in: PROXY headers and limits") struct ListenerLimitTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    /// A version 2 header for IPv4, and one that says LOCAL.
    private static let binary: [UInt8] =
        Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [0x21, 0x11, 0, 12, 192, 0, 2, 9, 192, 0, 2, 1, 0x10, 0xe1, 0, 80]
    private static let local: [UInt8] = Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [0x20, 0, 0, 0]

    private static func proxied(_ port: Int, to server: Int, _ options: String = "") -> String {
        ListenerProcess.sections(
            """
            listen edge
            bind 127.0.0.1:\(port) accept-proxy \(options)
            option forwardfor
            server s1 127.0.0.1:\(server)
            """)
    }

    @Test("accept-proxy: the header's address is the client's, for the server and the log") func proxyHeader()
        async throws
    {
        let server = try ScriptedServer.answering(Self.answer)
        let port = try Ports.free()
        let edge = try await ListenerProcess(Self.proxied(port, to: server.port), in: ListenerFolder())
        let headers: [([UInt8], String, String)] = [
            (Array("PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\n".utf8), "192.0.2.7", "192.0.2.7:1234"),
            (Array("PROXY TCP6 2001:db8::7 2001:db8::1 99 80\r\n".utf8), "2001:db8::7", "2001:db8::7:99"),
            (Array("PROXY UNKNOWN\r\n".utf8), "127.0.0.1", "127.0.0.1:"),
            (Self.binary, "192.0.2.9", "192.0.2.9:4321"), (Self.local, "127.0.0.1", "127.0.0.1:"),
        ]
        for (number, (header, address, client)) in headers.enumerated() {
            #expect(try RawSocket(connectingTo: port).exchange("/\(number)", before: header).hasSuffix("hello"))
            let head = try #require(server.received.last).lowercased()
            #expect(head.contains("\r\nx-forwarded-for: \(address)\r\n"), "\(head)")
            #expect(try await edge.logLine("GET /\(number) ").hasPrefix(client))
        }
    }

    @Test(
        "accept-proxy: what is no header closes the connection and is logged",
        arguments: [
            (
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "Received something which does not look like a PROXY protocol header"
            ),
            (
                "PROXY TCP4 999.1.1.1 192.0.2.1 1 2\r\n",
                "Received something which does not look like a PROXY protocol header"
            ),
            ("PROXY TC", "Truncated PROXY protocol header received"),
            ("", "Connection closed while waiting for PROXY protocol header"),
        ])
    func badProxyHeader(bytes: String, message: String) async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let port = try Ports.free()
        let edge = try await ListenerProcess(Self.proxied(port, to: server.port, "name in"), in: ListenerFolder())
        let socket = try RawSocket(connectingTo: port)
        socket.send(bytes)
        socket.shutdownWrite()
        #expect(socket.receiveAll().bytes.isEmpty)
        let line = try await edge.logLine(message)
        #expect(line.wholeMatch(of: /127\.0\.0\.1:\d+ \[[^\]]+\] edge\/in: .*/) != nil, "\(line)")
        #expect(server.connections == 0)
    }

    @Test(
        "maxconn of a frontend, of a bind line and of the process: more connections wait their turn",
        arguments: [("maxconn 2", "", ""), ("", "maxconn 2", ""), ("", "", "maxconn 2")])
    func connections(frontend: String, bind: String, global: String) async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 2\n\(global)",
                """
                listen edge
                backlog 64
                \(frontend)
                bind 127.0.0.1:\(port) \(bind)
                server s1 127.0.0.1:\(server.port)
                """), in: ListenerFolder())
        // Two connections hold both places; six more wait in the kernel's queue with their requests.
        let held = try (0..<2).map { _ in try RawSocket(connectingTo: port) }
        for (number, socket) in held.enumerated() {
            socket.send("GET /held\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(socket.receive(through: "hello") != nil)
        }
        let waiting = try (0..<6).map { _ in try RawSocket(connectingTo: port) }
        for (number, socket) in waiting.enumerated() {
            socket.send("GET /waiting\(number) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        }
        // Requests on the held connections still pass, round after round, and none that waits.
        for round in 0..<20 {
            for socket in held {
                socket.send("GET /round\(round) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(socket.receive(through: "hello") != nil)
            }
        }
        #expect(!server.received.contains { $0.contains("/waiting") })
        for socket in held { socket.reset() }
        for socket in waiting {
            #expect(String(decoding: socket.receiveAll().bytes, as: UTF8.self).hasSuffix("hello"))
        }
        try await eventually("the log") { edge.log.filter { $0.contains("/waiting") }.count == 6 }
        // All places came back: two connections fit at once again.
        let again = try (0..<2).map { _ in try RawSocket(connectingTo: port) }
        for socket in again {
            socket.send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(socket.receive(through: "hello") != nil)
        }
    }

    @Test("tune.rcvbuf and tune.sndbuf size the sockets of clients and servers") func buffers() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: """
                    nbthread 1
                    tune.rcvbuf.client 20000
                    tune.sndbuf.client 21000
                    tune.rcvbuf.server 22000
                    tune.sndbuf.server 23000
                    """,
                """
                listen edge
                bind 127.0.0.1:\(port)
                server s1 127.0.0.1:\(server.port)
                """), in: ListenerFolder())
        let socket = try RawSocket(connectingTo: port)
        socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(socket.receive(through: "hello") != nil)
        // The kernel doubles what it is asked for.
        let report = try await ChildProcess.run("ss", ["-tmnpH", "state", "established"])
        let lines = report.output.split(separator: "\n").map(String.init)
        func memory(_ local: String) throws -> String {
            let index = try #require(
                lines.firstIndex { $0.contains(local) && $0.contains("pid=\(edge.process.pid),") }, "\(report.output)")
            return lines[index...].prefix(2).joined(separator: " ")
        }
        let client = try memory("127.0.0.1:\(port) ")
        #expect(client.contains(",rb40000,") && client.contains(",tb42000,"), "\(client)")
        let back = try memory("127.0.0.1:\(server.port) ")
        #expect(back.contains(",rb44000,") && back.contains(",tb46000,"), "\(back)")
    }
}
