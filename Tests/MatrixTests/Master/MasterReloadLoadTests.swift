import Foundation
import Glibc
import TestSupport
import Testing

/// Reloads while clients come over HTTP/1 and HTTP/3: none of their requests fails.
@Suite("Master: reloads under load", .serialized) struct MasterReloadLoadTests {
    /// A master with TLS, QUIC and a server, and a load on it.
    private final class Site: Sendable {
        let port: Int
        let clear: Int
        let server: ScriptedServer
        let folder: ListenerFolder
        let certificates: String

        init() async throws {
            port = try Ports.free()
            clear = try Ports.free()
            folder = try ListenerFolder()
            certificates = try await TestCertificates.directory()
            server = try ScriptedServer { connection, _, _ in
                while connection.receive(through: "\r\n\r\n") != nil {
                    connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                }
            }
        }

        var configuration: String {
            """
            global
            nbthread 2
            hard-stop-after 20s
            defaults
            mode http
            timeout client 30s
            timeout server 30s
            timeout connect 2s
            frontend web
            bind 127.0.0.1:\(clear)
            bind quic4@127.0.0.1:\(port) ssl crt \(certificates)
            default_backend back
            backend back
            server s1 127.0.0.1:\(server.port)

            """
        }

        /// Loads for so many seconds: long connections and short ones, HTTP/1 and HTTP/3.
        func load(seconds: Int) throws -> [ChildProcess] {
            let program = try Repository.program("portico-load")
            let common = ["-d", "\(seconds)", "--timeout", "10", "--insecure", "-r", "150"]
            let http1 = ["--http1", "-c", "4", "http://127.0.0.1:\(clear)/"]
            let http3 = ["--http3", "-c", "2", "https://localhost:\(port)/"]
            return try [
                ChildProcess(program, common + ["--per-connection", "1"] + http1),
                ChildProcess(program, common + ["--per-connection", "5"] + http3),
            ]
        }
    }

    @Test("systemd's sequence: READY, RELOADING with its time, READY again, STOPPING; no request fails") func systemd()
        async throws
    {
        let site = try await Site()
        let socket = try DatagramReceiver(unix: "\(site.folder.path)/notify")
        let master = try await MasterProcess(
            site.configuration, mode: "-Ws", environment: ["NOTIFY_SOCKET": "\(site.folder.path)/notify"],
            folder: site.folder)
        let ready = "READY=1\nMAINPID=\(master.process.pid)\nSTATUS=Ready.\n"
        #expect(socket.receive() == ready)
        let load = try site.load(seconds: 4)
        try await Task.sleep(for: .seconds(1))
        for _ in 0..<2 {
            // As ExecReload of haproxy.service does it: a check, then the signal.
            let check = try await ChildProcess.run(
                try Repository.program("portico"), ["-Ws", "-f", "\(site.folder.path)/edge.cfg", "-c", "-q"])
            #expect(check.status == 0, "\(check)")
            master.process.signal(SIGUSR2)
            let reloading = try #require(socket.receive())
            let lines = reloading.split(separator: "\n")
            #expect(lines.count == 3 && lines[0] == "RELOADING=1" && lines[1] == "STATUS=Reloading Configuration.")
            let time = try #require(Int(lines[2].dropFirst("MONOTONIC_USEC=".count)))
            var now = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &now)
            #expect((0..<60_000_000).contains((now.tv_sec + 1) * 1_000_000 - time))
            #expect(socket.receive() == ready)
        }
        for client in load {
            let result = try await client.result(within: .seconds(30))
            #expect(result.status == 0, "\(result)")
        }
        #expect(try await master.process.stop() == 0)
        #expect(socket.receive(waits: false) == "STOPPING=1")
        #expect(socket.receive(waits: false) == nil)
    }

    @Test("reload over the master CLI, ten times in a row: each succeeds, no request fails") func reloads() async throws
    {
        let site = try await Site()
        let master = try await MasterProcess(site.configuration, folder: site.folder)
        let load = try site.load(seconds: 12)
        try await Task.sleep(for: .milliseconds(500))
        for count in 1...10 {
            let answer = try await master.ask("reload")
            #expect(answer.hasPrefix("Success=1\n--\n"), "\(count): \(answer)")
            #expect(answer.contains("[NOTICE]   (\(master.process.pid)) : Loading success.\n"))
        }
        for client in load {
            let result = try await client.result(within: .seconds(40))
            #expect(result.status == 0, "\(result)")
        }
        let processes = try await master.ask("show proc")
        #expect(processes.contains("master          10 [failed: 0]  "), "\(processes)")
        #expect(try await master.process.stop() == 0)
    }
}
