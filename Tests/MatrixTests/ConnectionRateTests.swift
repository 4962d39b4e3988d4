import Foundation
import TestSupport
import Testing

/// Limits of new connections per second, and what statistics say of them.
@Suite("Rates of connections") struct ConnectionRateTests {
    /// Seconds that ten connections take, one after the other, until each is answered.
    private static func seconds(_ port: Int) async throws -> Double {
        let start = Date()
        for _ in 0..<10 {
            let socket = try RawSocket(connectingTo: port)
            let answer = await socket.blocking { socket in
                socket.send("GET / HTTP/1.0\r\n\r\n")
                return socket.receiveAll().bytes
            }
            #expect(!answer.isEmpty)
        }
        return Date().timeIntervalSince(start)
    }

    @Test(
        "The rest waits in the system's queue, and is served later",
        arguments: [("", "rate-limit sessions 4"), ("maxconnrate 4", ""), ("maxsessrate 4", "")])
    func limits(global: String, frontend: String) async throws {
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 2\n\(global)",
                """
                frontend web
                bind 127.0.0.1:\(port)
                \(frontend)
                http-request return status 200
                """), in: try ListenerFolder())
        // HAProxy takes two seconds; the first second may have begun before.
        #expect(try await Self.seconds(port) > 1)
        withExtendedLifetime(edge) {}
    }

    @Test("maxsslconn: one connection too many is closed; it comes in once another is gone") func tlsAtOnce()
        async throws
    {
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 1\nmaxsslconn 1",
                """
                frontend web
                bind 127.0.0.1:\(port) ssl crt \(certificates)
                http-request return status 200
                """), in: try ListenerFolder())
        var first: RawSocket? = try RawSocket(connectingTo: port)
        first?.send([0x16])
        // What is turned away is not even logged.
        let second = try RawSocket(connectingTo: port)
        second.send("no TLS\r\n\r\n")
        #expect(await second.blocking { $0.receiveAll().bytes }.isEmpty)
        #expect(!edge.log.contains { $0.contains("SSL handshake failure") }, "\(edge.log)")
        first?.reset()
        first = nil
        try await eventually("a connection that is let in") {
            let third = try RawSocket(connectingTo: port)
            third.send("no TLS\r\n\r\n")
            _ = await third.blocking { $0.receiveAll().end }
            return edge.log.contains { $0.contains("SSL handshake failure") }
        }
        withExtendedLifetime(edge) {}
    }

    @Test("show info tells of node, description and limits; show stat of ids and rates") func statistics() async throws
    {
        let process = try await RuntimeProcess(
            global: """
                node edge-7
                description the front door, north side
                maxconnrate 1000
                maxsessrate 900
                maxsslrate 800
                maxsslconn 700
                maxpipes 50
                """,
            frontend: "id 77\ndescription for people\nrate-limit sessions 600\noption socket-stats",
            backend: "id 33\nserver s1 127.0.0.1:1", rest: "listen third\nbind 127.0.0.1:\(Ports.free()) id 9")
        let info = try await process.ask("show info")
        for line in [
            "node: edge-7", "description: the front door, north side", "ConnRateLimit: 1000", "SessRateLimit: 900",
            "SslRateLimit: 800", "MaxSslConns: 700", "Maxpipes: 50",
        ] {
            #expect(info.contains("\n\(line)\n"), "\(line) in \(info)")
        }
        let rows = try await process.ask("show stat -1 -1 -1").split(separator: "\n").map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        let names = try #require(rows.first)
        func value(_ column: String, _ proxy: String, _ name: String) -> String? {
            guard let place = names.firstIndex(where: { $0.hasSuffix(column) }) else { return nil }
            return rows.first { $0.first == proxy && $0[1] == name }?[place]
        }
        #expect(value("iid", "web", "FRONTEND") == "77" && value("iid", "back", "BACKEND") == "33", "\(rows)")
        #expect(value("iid", "third", "FRONTEND") == "2")
        #expect(value("rate_lim", "web", "FRONTEND") == "600" && value("rate_lim", "third", "FRONTEND") == "0")
        #expect(value("sid", "web", "public") == "1")
    }

    @Test("contstats: bytes of an exchange that goes on are counted") func continuousCounts() async throws {
        let server = try ScriptedServer { connection, _, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + String(repeating: "x", count: 1000))
            _ = connection.receive()
        }
        for (option, isCounted) in [("", false), ("option contstats", true)] {
            let process = try await RuntimeProcess(frontend: option, backend: "server s1 127.0.0.1:\(server.port)")
            let socket = try RawSocket(connectingTo: process.port)
            let answer = await socket.blocking { socket in
                socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                return socket.receive(through: String(repeating: "x", count: 1000))
            }
            #expect(answer != nil)
            let rows = try await process.ask("show stat").split(separator: "\n").map { line in
                line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
            // bout is the tenth column.
            for name in ["FRONTEND", "s1", "BACKEND"] {
                let row = rows.first { $0.count > 9 && $0[1] == name }
                #expect(((Int(row?[9] ?? "") ?? 0) >= 1000) == isCounted, "\(name): \(row ?? [])")
            }
        }
    }

    @Test("thread-hard-limit: no more workers than that") func workers() async throws {
        let process = try await RuntimeProcess(global: "thread-hard-limit 1")
        #expect(try await process.ask("show info").contains("\nNbthread: 1\n"))
    }
}
