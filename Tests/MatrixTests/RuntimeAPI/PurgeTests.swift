import Foundation
import Glibc
import TestSupport
import Testing

/// A server with hundreds of idle connections goes into maintenance: it is free at once, and its descriptors are closed
/// soon after, by resets.
@Suite("Purge of many idle connections") struct PurgeTests {
    private static let count = 300

    /// A portico with ``count`` idle connections to an origin, one for each client.
    private struct Scene {
        let origin: OriginProcess
        let process: RuntimeProcess
        let clients: [RawSocket]
        let isQUIC: Bool

        init(quic isQUIC: Bool = false) async throws {
            self.isQUIC = isQUIC
            origin = try await OriginProcess()
            let line = isQUIC ? "quic4@127.0.0.1:\(origin.quicPort) ssl verify none" : "127.0.0.1:\(origin.port)"
            process = try await RuntimeProcess(
                frontend: "timeout client 1m",
                backend: """
                    http-reuse always
                    server s1 \(line) pool-conn-name src_port pool-purge-delay 10m pool-low-conn 10000
                    """)
            let port = process.port
            clients = try (0..<count).map { _ in try RawSocket(connectingTo: port) }
            for client in clients { client.send("GET /?s=5 HTTP/1.1\r\nHost: a\r\n\r\n") }
            for client in clients {
                let head = await client.blocking { $0.receive(through: "\r\n\r\n") }
                #expect(head?.hasPrefix("HTTP/1.1 200 ") == true)
            }
            try await eventually("idle connections: \(await counts())", within: .seconds(20)) {
                try await counts()["idle_cur"] == count
            }
        }

        /// The numbers of the server's line of `show servers conn` by column.
        func counts() async throws -> [String: Int] {
            let lines = try await process.ask("show servers conn back").split(separator: "\n")
            let names = lines[0].dropFirst(2).split(separator: " ")
            let values = try #require(lines.first { $0.hasPrefix("back/s1 ") }).split(separator: " ")
            // `-` and the cookie stand between the name and the numbers in none of the columns asked for.
            return Dictionary(
                zip(names, values).map { (String($0), Int($1) ?? -1) }, uniquingKeysWith: { first, _ in first })
        }

        /// Connections that wait to be closed.
        func closing() async throws -> Int {
            let text = try await process.ask("show activity -1")
            let line = text.split(separator: "\n").first { $0.hasPrefix("conn_closing: ") }
            return Int(line?.split(separator: " ")[1] ?? "") ?? -1
        }

        /// Sockets of the proxy towards the origin, by the kernel's state: 1 is ESTABLISHED, 6 TIME_WAIT.
        func sockets() throws -> [Int: Int] {
            let port = ":" + String(isQUIC ? origin.quicPort : origin.port, radix: 16, uppercase: true)
            var result: [Int: Int] = [:]
            let file = isQUIC ? "/proc/net/udp" : "/proc/net/tcp"
            for line in try KernelFile.text(file).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 3, fields[2].hasSuffix(port) else { continue }
                result[Int(fields[3], radix: 16) ?? 0, default: 0] += 1
            }
            return result
        }
    }

    @Test(
        "The server is free, its counts are exact, and all descriptors go, over TCP and QUIC", arguments: [false, true])
    func purge(quic: Bool) async throws {
        let scene = try await Scene(quic: quic)
        let before = try scene.sockets()
        #expect(before[1] == Self.count)
        let text = try await scene.process.ask("set server back/s1 state maint;wait 5s srv-removable back/s1")
        #expect(text.hasSuffix("Done.\n\n"), "\(text)")
        let counts = try await scene.counts()
        for name in ["used_cur", "idle_cur", "unsafe_nb", "safe_nb", "idle_sess", "served"] {
            #expect(counts[name] == 0, "\(name): \(counts)")
        }
        try await eventually("no socket is left") { try scene.sockets()[1] == nil }
        // The socket of the last one is closed before it is counted out.
        try await eventually("an empty closing queue") { try await scene.closing() == 0 }
        #expect(try await scene.process.ask("del server back/s1") == "Server deleted.\n\n")
    }

    @Test("What waits to be closed serves nobody: a server that is ready again gets new connections")
    func ready() async throws {
        let scene = try await Scene()
        _ = try await scene.process.ask("set server back/s1 state maint;wait 5s srv-removable back/s1")
        #expect(try await scene.process.ask("set server back/s1 state ready") == "\n")
        // Each client's port had a connection of its own, which would be taken again.
        for client in scene.clients.prefix(40) {
            client.send("GET /?s=5 HTTP/1.1\r\nHost: a\r\n\r\n")
            // The body of the first response comes before it.
            let head = await client.blocking { $0.receive(through: "\r\n\r\n") }
            #expect(head?.contains("HTTP/1.1 200 ") == true)
        }
        try await eventually("only new connections are left: \(try scene.sockets())") { try scene.sockets()[1] == 40 }
        let counts = try await scene.counts()
        #expect(counts["idle_cur"] == 40 && counts["used_cur"] == 0, "\(counts)")
    }

    @Test("A stop in between leaves no socket behind, and no port in TIME_WAIT", arguments: [SIGUSR1, SIGTERM])
    func stop(signal: Int32) async throws {
        let scene = try await Scene()
        for client in scene.clients { client.reset() }
        let text = try await scene.process.ask("set server back/s1 state maint;wait 5s srv-removable back/s1")
        #expect(text.hasSuffix("Done.\n\n"), "\(text)")
        scene.process.listener.process.signal(signal)
        let status = try await scene.process.listener.process.result().status
        #expect(status == 0, "\(status)")
        let left = try scene.sockets()
        // One is of the test's own, which asked whether the origin listens.
        #expect(left[1] == nil && left[6] ?? 0 <= 1, "\(left)")
    }
}
