import TestSupport
import Testing

@Suite("Runtime API: what servers start from, and what may go") struct DefaultsCommandTests {
    private static let backend = """
        default-server weight 10
        default-server name small weight 5
        use-server s1 if { always_false }
        server s1 127.0.0.1:1
        server s2 127.0.0.1:1 check disabled
        server s3 127.0.0.1:1 track s2 weight 7
        server s4 127.0.0.1:1 guid four
        """

    static let table: [(String, String)] = [
        ("show default-server", "* back\n  back/small\n"),
        ("show default-server back", "* back\n  back/small\n"),
        ("show default-server plain", ""),
        ("show default-server nope", "Can't find backend.\n"),
        ("show defaults", "d1\n"),
        ("add server back/n1 127.0.0.1:1 from none", "New server registered.\n"),
        ("get weight back/n1", "1 (initial 1)\n"),
        ("add server back/n2 127.0.0.1:1 from be:", "New server registered.\n"),
        ("get weight back/n2", "10 (initial 10)\n"),
        ("add server plain/n3 127.0.0.1:1 from srv:back/small", "New server registered.\n"),
        ("get weight plain/n3", "5 (initial 5)\n"),
        ("add server plain/n4 127.0.0.1:1 from srv:nope/s3", "from: unable to find proxy 'nope'.\n"),
        ("add server plain/n5 127.0.0.1:1 from srv:back/nope", "from: unable to find server 'back/nope'.\n"),
        ("add server plain/n6 127.0.0.1:1 from be:nope", "from: unknown backend instance 'nope'.\n"),
        ("disable server back/s1", ""),
        (
            "set server back/s1 name other",
            "Cannot rename: server's name is statically referenced (use-server, track, or sample argument).\n"
        ),
        (
            "del server back/s1",
            "This server cannot be removed at runtime due to other configuration elements pointing to it.\n"
        ),
        ("show table", ""), ("show table x", "No such table\n"), ("clear table x", "No such table\n"),
        ("set table x key 1 data.gpc0 1", "No such table\n"),
        (
            "clear table",
            "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key> or <table>"
                + " ptr <ptr>\n"
        ),
    ]

    @Test("each answer and refusal") func answers() async throws {
        let process = try await RuntimeProcess(
            backend: Self.backend, rest: "backend plain\nmode http\ndefaults d1\nmode http\ntimeout connect 1s\n")
        for (command, answer) in Self.table {
            let said = try await process.ask(command)
            #expect(said == answer + "\n", "\(command)")
        }
        let tables = try await process.ask("clear table x", "user")
        #expect(tables == "Permission denied\n\n")
    }

    @Test("show schema json is the packaged HAProxy's") func schema() async throws {
        let folder = try ListenerFolder()
        let file = try folder.write(
            "haproxy.cfg", "global\nstats socket \(folder.path)/cli\ndefaults\nmode http\nbackend b\n")
        let haproxy = try ChildProcess("/usr/sbin/haproxy", ["-f", file])
        try await eventually("HAProxy's socket") { (try? RawSocket(unix: "\(folder.path)/cli")) != nil }
        let socket = try RawSocket(unix: "\(folder.path)/cli")
        let expected = await socket.blocking { socket in
            socket.send("show schema json\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        let process = try await RuntimeProcess()
        let found = try await process.ask("show schema json")
        #expect(expected.count > 1000 && found == expected)
        withExtendedLifetime(haproxy) {}
    }

    @Test("show dev, dump stats-file") func development() async throws {
        let process = try await RuntimeProcess(backend: Self.backend)
        let shown = try await process.ask("show dev")
        for part in ["Features:\n", "+PROMEX", "Platform info:\n", "  pid: \(process.listener.process.pid)\n"] {
            #expect(shown.contains(part), "\(part)")
        }
        let dumped = try await process.ask("dump stats-file")
        let lines = dumped.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.first?.hasPrefix("#fe guid,stot,bin,bout,dreq,dresp,ereq,rate,") == true)
        let back = lines.firstIndex { $0.hasPrefix("#be guid,stot,bin,bout,dreq,dresp,econ,") } ?? 0
        #expect(back == 2 && lines[1].isEmpty)
        let row = lines[back + 1].split(separator: ",")
        #expect(row.first == "four" && row.count == lines[back].split(separator: ",").count)
        #expect(row.dropFirst().allSatisfy { Int($0) != nil })
    }

    @Test("A backend that is not published gets no requests, and the next rule holds") func unpublished() async throws {
        let first = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
        let second = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")
        let process = try await RuntimeProcess(
            frontend: "force-be-switch if { path /forced }\nuse_backend one if { path_beg / }",
            backend: "server s1 127.0.0.1:\(second.port)", rest: "backend one\nserver s1 127.0.0.1:\(first.port)\n")
        func get(_ path: String) async throws -> String {
            let socket = try RawSocket(connectingTo: process.port)
            return await socket.blocking { socket in
                socket.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            }
        }
        #expect(try await get("/").hasSuffix("first"))
        #expect(try await process.ask("unpublish backend one") == "Backend unpublished.\n\n")
        #expect(try await get("/").hasSuffix("second"))
        #expect(try await get("/forced").hasSuffix("first"))
        #expect(try await process.ask("unpublish backend back") == "Backend unpublished.\n\n")
        #expect(try await get("/").hasPrefix("HTTP/1.1 503 "))
        #expect(
            try await process.ask("publish backend one;publish backend back")
                == "Backend published.\n\nBackend published.\n\n")
        #expect(try await get("/").hasSuffix("first"))
    }
}
