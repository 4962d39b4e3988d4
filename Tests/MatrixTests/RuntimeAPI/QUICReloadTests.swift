import Foundation
import TestSupport
import Testing

/// Processes that follow each other while QUIC clients come and stay.
@Suite("Reloads: QUIC connections and their first packets", .serialized) struct QUICReloadTests {
    /// A configuration whose answers name it (`x-edge`).
    private static func configuration(
        _ name: String, port: Int, server: Int, workers: Int, certificates: String, quic: Bool = true,
        more: String = ""
    ) -> String {
        ListenerProcess.sections(
            global: """
                nbthread \(workers)
                stats socket FOLDER/admin mode 600 level admin expose-fd listeners
                \(more)
                """,
            defaults: "timeout client 30s\ntimeout server 30s",
            """
            frontend web
            bind 127.0.0.1:\(port) ssl crt \(certificates)
            \(quic ? "bind quic4@127.0.0.1:\(port) ssl crt \(certificates)" : "")
            http-response set-header x-edge \(name)
            default_backend back
            backend back
            server s1 127.0.0.1:\(server)
            """)
    }

    /// What all processes of a test share.
    private struct Site {
        let port: Int
        let server: ScriptedServer
        let certificates: String
        let authority: String
        let folder: ListenerFolder
        let size = 3_000_000

        init() async throws {
            port = try Ports.free()
            certificates = try await TestCertificates.directory()
            authority = try await TestCertificates.authority()
            folder = try ListenerFolder()
            let size = size
            // A long answer stops half way until the test notes its path.
            server = try ScriptedServer { connection, _, server in
                while let head = connection.receive(through: "\r\n\r\n") {
                    let path = head.split(separator: " ").dropFirst().first.map(String.init) ?? ""
                    guard path.hasPrefix("/long") else {
                        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                        continue
                    }
                    connection.send("HTTP/1.1 200 OK\r\ncontent-length: \(size)\r\n\r\n")
                    connection.send(String(repeating: "a", count: size / 2))
                    server.note("half \(path)")
                    while !server.received.contains("rest \(path)") { usleep(5000) }
                    connection.send(String(repeating: "b", count: size - size / 2))
                }
            }
        }

        func text(_ name: String, workers: Int, quic: Bool = true, more: String = "") -> String {
            QUICReloadTests.configuration(
                name, port: port, server: server.port, workers: workers, certificates: certificates, quic: quic,
                more: more)
        }

        func first(_ name: String, workers: Int, more: String = "") async throws -> ChildProcess {
            try await ListenerProcess(text(name, workers: workers, more: more), in: folder).process
        }

        /// Starts a process that follows `old`.
        func follow(
            _ old: ChildProcess, _ name: String, workers: Int, quic: Bool = true, takes: Bool = true,
            _ more: [String] = []
        ) async throws -> ChildProcess {
            let text = text(name, workers: workers, quic: quic).replacing("FOLDER", with: folder.path)
            let file = try folder.write("\(name).cfg", text)
            let arguments =
                ["-f", file] + (takes ? ["-x", "\(folder.path)/admin"] : []) + more + ["-sf", "\(old.pid)"]
            let next = try ChildProcess(Repository.program("portico"), arguments)
            try await next.ready("the next process") { next.errors.contains("serves with") }
            return next
        }

        func get(_ path: String, _ arguments: [String] = []) async throws -> Aioquic.Report {
            try await Aioquic.get("https://localhost:\(port)\(path)", ["--ca", authority] + arguments)
        }

        /// The process that answers a new connection.
        func answering() async throws -> String {
            let report = try await get("/")
            return report.responses?.first?["x-edge"] ?? "\(report)"
        }
    }

    @Test(
        "A long download goes on to its end while new connections reach the next process",
        arguments: [(2, 2), (3, 1), (1, 4)])
    func download(old: Int, new: Int) async throws {
        let site = try await Site()
        let first = try await site.first("one", workers: old)
        async let download = site.get("/long", ["--timeout", "50"])
        try await eventually("half of the download") { site.server.received.contains("half /long") }
        let second = try await site.follow(first, "two", workers: new)
        for _ in 0..<5 { #expect(try await site.answering() == "two") }
        #expect(first.exitStatus == nil)
        site.server.note("rest /long")
        let report = try await download
        let response = try #require(report.responses?.first, "\(report)")
        #expect(response.ended && response.bodyBytes == site.size && response["x-edge"] == "one", "\(report)")
        #expect(try await first.result(within: .seconds(10)).status == 0)
        // The older one's sockets close one after the other: nobody notices.
        for _ in 0..<5 { #expect(try await site.answering() == "two") }
        #expect(try await second.stop() == 0)
    }

    @Test("Hundreds of short connections during three reloads, whose older processes end in another order")
    func shortConnections() async throws {
        let site = try await Site()
        var line = [try await site.first("p0", workers: 3)]
        let load = try ChildProcess(
            try Repository.program("portico-load"),
            [
                "--http3", "-c", "4", "--per-connection", "1", "-d", "14", "--timeout", "8", "--insecure", "--json",
                "\(site.folder.path)/load.json", "https://localhost:\(site.port)/",
            ])
        var downloads: [Task<Aioquic.Report, any Error>] = []
        for (index, workers) in [1, 4, 2].enumerated() {
            let path = "/long\(index)"
            downloads.append(Task { try await site.get(path, ["--timeout", "50"]) })
            try await eventually("half of \(path)") { site.server.received.contains("half \(path)") }
            line.append(try await site.follow(line[index], "p\(index + 1)", workers: workers))
            #expect(try await site.answering() == "p\(index + 1)")
        }
        #expect(line.map(\.exitStatus) == [nil, nil, nil, nil])
        // The middle one ends first, then the oldest, then the last but one.
        for index in [1, 0, 2] {
            site.server.note("rest /long\(index)")
            let report = try await downloads[index].value
            let response = report.responses?.first
            #expect(response?.bodyBytes == site.size && response?["x-edge"] == "p\(index)", "\(report)")
            #expect(try await line[index].result(within: .seconds(10)).status == 0)
            #expect(try await site.answering() == "p3")
        }
        let result = try await load.result(within: .seconds(40))
        let json = try String(contentsOfFile: "\(site.folder.path)/load.json", encoding: .utf8)
        #expect(result.status == 0, "\(json)")
        #expect(json.contains("\"failed\": 0"), "\(json)")
        let completed = json.split(separator: "\"completed\": ").last?.prefix { $0.isNumber }.description ?? ""
        #expect(try #require(Int(completed)) > 200)
        // Nobody told of trouble.
        for process in line { #expect(!process.errors.contains("QUIC"), "\(process.errors)") }
        #expect(try await line[3].stop() == 0)
    }

    @Test("Masters (-W) hold no socket back when their workers follow each other") func masters() async throws {
        let site = try await Site()
        let first = try await site.first("p0", workers: 3)
        var last = first
        async let download = site.get("/long", ["--timeout", "50"])
        try await eventually("half of the download") { site.server.received.contains("half /long") }
        let load = try ChildProcess(
            try Repository.program("portico-load"),
            [
                "--http3", "-c", "3", "--per-connection", "1", "-d", "6", "--timeout", "5", "--insecure",
                "https://localhost:\(site.port)/",
            ])
        for (index, workers) in [2, 3, 1].enumerated() {
            let next = try await site.follow(last, "p\(index + 1)", workers: workers, ["-W"])
            for _ in 0..<3 { #expect(try await site.answering() == "p\(index + 1)") }
            // The first one has the download.
            if index > 0 { #expect(try await last.result(within: .seconds(10)).status == 0) }
            last = next
        }
        site.server.note("rest /long")
        let report = try await download
        #expect(report.responses?.first?.bodyBytes == site.size, "\(report)")
        #expect(try await first.result(within: .seconds(10)).status == 0)
        let result = try await load.result(within: .seconds(20))
        #expect(result.status == 0, "\(result)")
        #expect(try await site.answering() == "p3")
        #expect(try await last.stop() == 0)
    }

    /// A client with one connection: it asks once, waits until a file is there, and then asks again.
    private static let idler = """
        import asyncio, os, ssl, sys
        from aioquic.asyncio.client import connect
        from aioquic.asyncio.protocol import QuicConnectionProtocol
        from aioquic.h3.connection import H3_ALPN, H3Connection
        from aioquic.h3.events import HeadersReceived
        from aioquic.quic.configuration import QuicConfiguration
        from aioquic.quic.events import ConnectionTerminated
        port, authority, signal = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        class Client(QuicConnectionProtocol):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options)
                self.http, self.answers = H3Connection(self._quic), asyncio.Queue()
            def datagram_received(self, data, address):
                # RFC 9000 section 10.3.1: aioquic does not look for the tokens of its peer's connection IDs itself.
                ids = [self._quic._peer_cid, *self._quic._peer_cid_available]
                if data[-16:] in [id.stateless_reset_token for id in ids]:
                    self.answers.put_nowait("stateless reset")
                super().datagram_received(data, address)
            def quic_event_received(self, event):
                if isinstance(event, ConnectionTerminated):
                    self.answers.put_nowait(f"closed {event.error_code} {event.reason_phrase}")
                for http in self.http.handle_event(event):
                    if isinstance(http, HeadersReceived):
                        self.answers.put_nowait(dict(http.headers).get(b"x-edge", b"?").decode())
            async def ask(self):
                stream = self._quic.get_next_available_stream_id()
                names = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"localhost")]
                self.http.send_headers(stream, names, end_stream=True)
                self.transmit()
                return await asyncio.wait_for(self.answers.get(), 8)
        async def main():
            configuration = QuicConfiguration(
                is_client=True, alpn_protocols=H3_ALPN, server_name="localhost", idle_timeout=60)
            configuration.load_verify_locations(authority)
            async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Client) as client:
                print(await client.ask(), flush=True)
                while not os.path.exists(signal): await asyncio.sleep(0.02)
                try: print(await client.ask(), flush=True)
                except TimeoutError: print("silence", flush=True)
                client.close()
                await asyncio.sleep(0.2)
                os._exit(0)
        asyncio.run(main())
        """

    private static func idle(_ site: Site) async throws -> ChildProcess {
        let client = try ChildProcess(
            Repository.path(".build/peers/bin/python"),
            ["-c", Self.idler, "\(site.port)", site.authority, "\(site.folder.path)/go"])
        try await client.ready("the first answer", within: .seconds(20)) { !client.output.isEmpty }
        return client
    }

    @Test("A connection of a process that is gone gets a stateless reset, which its client accepts")
    func statelessReset() async throws {
        let site = try await Site()
        let first = try await site.first("one", workers: 2, more: "grace 60s")
        let client = try await Self.idle(site)
        // The older one does not close its idle connections yet.
        let second = try await site.follow(first, "two", workers: 3)
        #expect(try await site.answering() == "two")
        first.signal(SIGKILL)
        _ = try await first.result()
        try site.folder.write("go", "")
        let result = try await client.result(within: .seconds(20))
        #expect(result.output.split(separator: "\n") == ["one", "stateless reset"], "\(result)")
        #expect(try await site.answering() == "two")
        #expect(try await second.stop() == 0)
    }

    @Test("The newest gives everything, also while one that it followed listens on the same runtime socket")
    func superseded() async throws {
        let site = try await Site()
        let first = try await site.first("one", workers: 2, more: "grace 60s")
        let client = try await Self.idle(site)
        let second = try await site.follow(first, "two", workers: 1)
        // The first one answers that it has nothing to give any more, and is asked again until the second one is asked.
        let third = try await site.follow(second, "three", workers: 3)
        for _ in 0..<4 { #expect(try await site.answering() == "three") }
        #expect(try await second.result(within: .seconds(10)).status == 0)
        try site.folder.write("go", "")
        #expect(try await client.result(within: .seconds(20)).output.split(separator: "\n") == ["one", "one"])
        #expect(try await first.stop() == 0)
        for _ in 0..<4 { #expect(try await site.answering() == "three") }
        #expect(try await third.stop() == 0)
    }

    @Test("An older process's connections go on when the next one does not listen for QUIC there") func noListener()
        async throws
    {
        let site = try await Site()
        let first = try await site.first("one", workers: 2, more: "grace 60s")
        let client = try await Self.idle(site)
        let second = try await site.follow(first, "two", workers: 2, quic: false)
        try site.folder.write("go", "")
        #expect(try await client.result(within: .seconds(20)).output.split(separator: "\n") == ["one", "one"])
        #expect(try await second.stop() == 0)
        #expect(try await first.stop() == 0)
    }

    @Test("A next process that fails leaves the older one whole") func failure() async throws {
        let site = try await Site()
        let first = try await site.first("one", workers: 3)
        let client = try await Self.idle(site)
        let load = try ChildProcess(
            try Repository.program("portico-load"),
            [
                "--http3", "-c", "2", "--per-connection", "1", "-d", "5", "--timeout", "4", "--insecure",
                "https://localhost:\(site.port)/",
            ])
        let program = try Repository.program("portico")
        // One does not read its file, the other fails after its UDP sockets are bound.
        let good = site.text("two", workers: 2).replacing("FOLDER", with: site.folder.path)
        let late = good.replacing("default_backend", with: "bind 127.0.0.1:\(site.server.port)\ndefault_backend")
        for (text, reason) in [(good + "\nnonsense\n", "nonsense"), (late, "Address already in use")] {
            for _ in 0..<3 {
                let file = try site.folder.write("bad.cfg", text)
                let failed = try await ChildProcess.run(
                    program, ["-f", file, "-x", "\(site.folder.path)/admin", "-sf", "\(first.pid)"])
                #expect(failed.status == 1 && failed.errors.contains(reason), "\(failed)")
                #expect(try await site.answering() == "one")
            }
        }
        try site.folder.write("go", "")
        #expect(try await client.result(within: .seconds(20)).output.split(separator: "\n") == ["one", "one"])
        let result = try await load.result(within: .seconds(20))
        #expect(result.status == 0, "\(result)")
        // And the next good one follows.
        let second = try await site.follow(first, "two", workers: 2)
        #expect(try await site.answering() == "two")
        #expect(try await first.result(within: .seconds(10)).status == 0)
        #expect(try await second.stop() == 0)
    }

    @Test("One process at a time is given the sockets") func busy() async throws {
        let site = try await Site()
        let first = try await site.first("one", workers: 2)
        // Asks, and neither serves nor goes.
        let script = """
            import array, socket, struct, sys, time
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            s.sendall(b"_getquic\\n")
            count, = struct.unpack("i", s.recv(4, socket.MSG_WAITALL))
            words = s.recv(count, socket.MSG_WAITALL).decode()
            data, more, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(4 * 252))
            s.sendall(struct.pack("i", len(data)))
            print(words.replace("key ", "").count("place"), words.count("process"), flush=True)
            time.sleep(60)
            """
        let greedy = try ChildProcess("python3", ["-c", script, "\(site.folder.path)/admin"])
        try await greedy.ready("its sockets") { greedy.output == "2 1\n" }
        let file = try site.folder.write(
            "two.cfg", site.text("two", workers: 2).replacing("FOLDER", with: site.folder.path))
        let refused = try await ChildProcess.run(
            try Repository.program("portico"),
            ["-f", file, "-x", "\(site.folder.path)/admin", "-sf", "\(first.pid)"])
        #expect(refused.status == 1)
        #expect(refused.errors.contains("Failed to get the QUIC sockets from the old process at"))
        #expect(try await site.answering() == "one")
        greedy.signal(SIGKILL)
        _ = try await greedy.result()
        let second = try await site.follow(first, "two", workers: 2)
        #expect(try await site.answering() == "two")
        #expect(try await second.stop() == 0)
    }

    @Test("Without -x the connections of the older process go on, and the operator is told") func withoutSockets()
        async throws
    {
        let site = try await Site()
        let first = try await site.first("one", workers: 2, more: "grace 60s")
        let client = try await Self.idle(site)
        // TCP and QUIC addresses are shared as the kernel likes.
        let second = try await site.follow(first, "two", workers: 2, takes: false)
        #expect(second.errors.contains("other processes have UDP sockets at 127.0.0.1:\(site.port)"))
        try site.folder.write("go", "")
        #expect(try await client.result(within: .seconds(20)).output.split(separator: "\n") == ["one", "one"])
        #expect(try await first.stop() == 0)
        for _ in 0..<4 { #expect(try await site.answering() == "two") }
        #expect(try await second.stop() == 0)
    }
}
