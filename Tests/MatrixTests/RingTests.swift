import Foundation
import TestSupport
import Testing

/// Rings: lines that are kept, shown and sent on. Forms and words are HAProxy 3.5-dev5's.
@Suite("Rings") struct RingTests {
    private static func start(
        _ rings: String, log: String, in folder: ListenerFolder? = nil
    ) async throws -> (process: RuntimeProcess, server: ScriptedServer) {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let process = try await RuntimeProcess(
            global: "log-send-hostname edge.test", frontend: "\(log)\noption httplog",
            backend: "server s1 127.0.0.1:\(server.port)", rest: rings, folder: folder)
        return (process, server)
    }

    @Test func linesAreKeptInTheRingsFormat() async throws {
        let (process, _) = try await Self.start(
            """
            ring r1
            description "my ring"
            format rfc3164
            ring r2
            size 4096
            """, log: "log ring@r1 local0\nlog ring@r2 format rfc5424 local1")
        _ = try RawSocket(connectingTo: process.port).exchange("/one")
        try await eventually("the line") { try await process.ask("show events r1").contains("/one") }
        let first = try await process.ask("show events r1")
        #expect(first.hasPrefix("<134>") && first.contains(" edge.test haproxy["), "\(first)")
        #expect(first.hasSuffix("\"GET /one HTTP/1.1\"\n\n"))
        let second = try await process.ask("show events r2")
        #expect(second.hasPrefix("127.0.0.1:") && second.hasSuffix("\"GET /one HTTP/1.1\"\n\n"), "\(second)")
        #expect(try await process.ask("show events r2 -0").hasSuffix("\"GET /one HTTP/1.1\"\0\n"))
        #expect(try await process.ask("show events r2 -n") == "\n")
        let list = try await process.ask("show events")
        #expect(
            list == """
                Supported events sinks are listed below. Add -0(zero), -w(wait), -n(new). Any key to stop.
                    stdout     : type=fd, 0 dropped, standard output (fd#1)
                    stderr     : type=fd, 0 dropped, standard output (fd#2)
                    buf0       : type=buffer, 0 dropped, in-memory ring buffer
                    r1         : type=buffer, 0 dropped, my ring
                    r2         : type=buffer, 0 dropped, r2


                """)
    }

    @Test(arguments: [
        ("show events nope", "No such event sink\n\n"), ("show events buf0 -x", "unknown option\n\n"),
        ("show events stdout", "Nothing to report for this sink\n\n"),
    ])
    func refusals(command: String, answer: String) async throws {
        let (process, _) = try await Self.start("", log: "")
        #expect(try await process.ask(command) == answer)
        #expect(try await process.ask("show events buf0", "user") == "Permission denied\n\n")
    }

    @Test func oldLinesMakeRoom() async throws {
        let (process, server) = try await Self.start("ring r1\nsize 2048", log: "log ring@r1 local0")
        let socket = try RawSocket(connectingTo: process.port)
        for number in 0..<60 {
            socket.send("GET /n\(number)- HTTP/1.1\r\nHost: a\r\n\r\n")
            try #require(socket.receive(through: "ok") != nil)
        }
        try await eventually("the last line") { try await process.ask("show events r1").contains("/n59-") }
        let kept = try await process.ask("show events r1")
        #expect(!kept.contains("/n0-") && kept.utf8.count < 2048)
        #expect(server.connections > 0)
    }

    @Test func waitingShowsNewLinesUntilAKey() async throws {
        let (process, _) = try await Self.start("ring r1", log: "log ring@r1 local0")
        let socket = try process.connect()
        socket.send("show events r1 -nw\n")
        let port = process.port
        try await eventually("a line that comes later") {
            _ = try RawSocket(connectingTo: port).exchange("/later")
            return await socket.blocking { $0.receive(through: "/later HTTP/1.1\"\n") } != nil
        }
        socket.send("x\n")
        #expect(await socket.blocking { $0.receiveAll().bytes }.last == 0x0a)
    }

    @Test(arguments: ["legacy", "octet-count"])
    func linesAreSentOn(framing: String) async throws {
        let collector = try ScriptedServer { connection, _, server in
            while case .bytes(let bytes) = connection.receive() { server.note(String(decoding: bytes, as: UTF8.self)) }
        }
        let (process, _) = try await Self.start(
            "ring r1\nformat priority\nserver log 127.0.0.1:\(collector.port) log-proto \(framing)",
            log: "log ring@r1 local0")
        for path in ["/a", "/b"] { _ = try RawSocket(connectingTo: process.port).exchange(path) }
        try await eventually("both lines") { collector.received.joined().contains("/b HTTP/1.1") }
        let text = collector.received.joined()
        let pattern =
            framing == "legacy"
            ? #"<134>127[^\n]*"GET /a HTTP/1.1"\n<134>127[^\n]*"GET /b HTTP/1.1"\n"#
            : #"\d+ <134>127[^\n]*"GET /a HTTP/1.1"\d+ <134>127[^\n]*"GET /b HTTP/1.1""#
        #expect(try Regex(pattern).wholeMatch(in: text) != nil, "\(text)")
        if framing != "legacy" {
            let length = Int(text.prefix { $0 != " " }) ?? 0
            let line = text.drop { $0 != " " }.dropFirst()
            #expect(line.prefix(length).hasSuffix("\"GET /a HTTP/1.1\""))
        }
    }

    @Test func targetsOverStreamsHaveRings() async throws {
        let collector = try ScriptedServer { connection, _, server in
            while case .bytes(let bytes) = connection.receive() { server.note(String(decoding: bytes, as: UTF8.self)) }
        }
        let (process, _) = try await Self.start("", log: "log tcp@127.0.0.1:\(collector.port) format rfc5424 local2")
        _ = try RawSocket(connectingTo: process.port).exchange("/stream")
        try await eventually("the line") { collector.received.joined().hasSuffix("\"GET /stream HTTP/1.1\"\n") }
        #expect(collector.received.joined().hasPrefix("<150>1 "))
        let list = try await process.ask("show events")
        #expect(list.contains("tcp@127.0.0.1:\(collector.port)"), "\(list)")
    }

    @Test func aBackingFileOutlivesTheProcess() async throws {
        let folder = try ListenerFolder()
        try folder.write("ring", "old")
        let (process, _) = try await Self.start(
            "ring r1\nsize 8192\nbacking-file FOLDER/ring", log: "log ring@r1 local0", in: folder)
        _ = try RawSocket(connectingTo: process.port).exchange("/kept")
        try await eventually("the line") {
            FileManager.default.contents(atPath: "\(folder.path)/ring")?.range(of: Data("/kept".utf8)) != nil
        }
        #expect(FileManager.default.contents(atPath: "\(folder.path)/ring.bak") == Data("old".utf8))
        #expect(FileManager.default.contents(atPath: "\(folder.path)/ring")?.count == 8192)
    }
}
