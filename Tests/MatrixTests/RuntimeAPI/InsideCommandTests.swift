import Foundation
import TestSupport
import Testing

/// Commands that look inside. Refusals are HAProxy 3.5-dev5's; outputs have its shape and Portico's figures.
@Suite("Runtime API: inside") struct InsideCommandTests {
    private static let table: [(command: String, answer: String)] = [
        ("show activity 9", "Thread ID number must be between -1 and nbthread"),
        ("show activity x", "Thread ID number must be between -1 and nbthread"),
        ("show fd -1", "Invalid FD type"),
        ("show fd foo", "Invalid FD type"),
        ("show fd l x", "Invalid FD type"),
        ("show quic foo", "Invalid argument, use 'help' for more options."),
        ("show quic full foo", "Invalid argument, use 'help' for more options."),
        ("show quic cc,foo", "Invalid field, use 'help' for more options."),
        ("show quic 0xzz", "Invalid quic_conn pointer."),
        ("show quic full", ""),
        ("show quic stream", ""),
        ("show quic 0xabc", ""),
        (
            "show pools nonsense",
            "Expects either 'byname', 'bysize', 'byusage', 'match <pfx>', 'detailed', or a max number of output lines."
        ),
        ("set profiling", "Expects either 'tasks' or 'memory'."),
        ("set profiling foo", "Expects either 'tasks' or 'memory'."),
        (
            "set profiling tasks foo",
            "Expects a combination of either 'on', 'auto', 'off', 'lock', 'no-lock', 'memory' or 'no-memory'."
        ),
        ("set profiling memory on", "Memory profiling not compiled in."),
        (
            "set profiling tasks",
            "Expects a combination of either 'on', 'auto', 'off', 'lock', 'no-lock', 'memory' or 'no-memory'."
        ),
        ("set profiling tasks on lock", ""),
        ("set profiling tasks off", ""),
    ]

    @Test func refusals() async throws {
        let process = try await RuntimeProcess()
        for (command, answer) in Self.table {
            let text = try await process.ask(command)
            #expect(text == (answer.isEmpty ? "\n" : answer + "\n\n"), "\(command)")
        }
        for command in [
            "show activity", "show errors", "show fd", "show quic", "show tasks", "show profiling", "show libs",
        ] {
            #expect(try await process.ask(command, "user") == "Permission denied\n\n", "\(command)")
        }
    }

    /// As reg-tests/stats/clear_counters_server.vtc has it.
    @Test func clearsOneServersCounters() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        let process = try await RuntimeProcess(
            backend: "server s1 127.0.0.1:\(server.port)\nserver s2 127.0.0.1:\(server.port) backup")
        for _ in 0..<2 {
            let socket = try RawSocket(connectingTo: process.port)
            #expect(await socket.blocking { $0.exchange() }.hasPrefix("HTTP/1.1 200 "))
        }
        #expect(try await process.ask("clear counters server nope/s1") == "No such backend.\n\n")
        #expect(try await process.ask("clear counters server back/nope") == "No such server.\n\n")
        #expect(try await process.ask("clear counters server back/s1", "operator") == "Permission denied\n\n")
        func total(_ name: String) async throws -> Substring? {
            let text = try await process.ask("show stat back 4 -1")
            let line = text.split(separator: "\n").first { $0.hasPrefix("back,\(name),") }
            return line?.split(separator: ",", omittingEmptySubsequences: false)[7]
        }
        #expect(try await total("s1") == "2")
        #expect(try await process.ask("clear counters server back/s1") == "Server counters cleared.\n\n")
        #expect(try await total("s1") == "0")
        #expect(try await process.ask("clear counters server back/s2 force") == "Server counters cleared.\n\n")
        #expect(try await process.ask("help clear counters").contains("[force]"))
    }

    /// As reg-tests/server/cli_set_ssl.vtc has it.
    @Test func turnsTLSOnLater() async throws {
        let process = try await RuntimeProcess(
            global: "ssl-server-verify none",
            backend: """
                server plain 127.0.0.1:1 no-ssl
                default-server ssl
                server later 127.0.0.1:1 no-ssl
                """)
        func uses(_ name: String) async throws -> Substring? {
            let text = try await process.ask("show servers state back")
            return text.split(separator: "\n").first { $0.contains(" \(name) ") }?.split(separator: " ")[20]
        }
        #expect(try await uses("later") == "-1")
        #expect(try await process.ask("set server back/later ssl on") == "server ssl setting updated.\n\n")
        #expect(try await uses("later") == "1")
        #expect(try await process.ask("set server back/later ssl off") == "server ssl setting updated.\n\n")
        #expect(try await uses("later") == "0")
        #expect(try await uses("plain") == "-1")
        #expect(try await process.ask("set server back/plain ssl on").contains("cannot be set"))
    }

    @Test func outputs() async throws {
        let process = try await RuntimeProcess()
        let activity = try await process.ask("show activity")
        #expect(activity.hasPrefix("thread_id: 1 (1..2)\ndate_now: "))
        let loops = try #require(activity.firstMatch(of: /loops: (\d+) \[ (\d+) (\d+) \]/))
        #expect(Int(loops.1) == (Int(loops.2) ?? 0) + (Int(loops.3) ?? 0))
        #expect((Int(loops.1) ?? 0) > 0)
        #expect(try await process.ask("show activity 2").contains(/^thread_id: 2 \(1\.\.2\)\n/))
        #expect(try await process.ask("show threads").contains("  Thread 2 : act="))
        let pools = try await process.ask("show pools")
        #expect(pools.hasPrefix("Dumping pools usage.\n  - Pool buffer (32768 bytes/64) : "))
        #expect(pools.contains("Total: 3 pools, "))
        #expect(try await process.ask("show pools match x").contains("Total: 0 pools, 0 bytes allocated, 0 used."))
        #expect(try await process.ask("show pools byname 1").contains("(limited to the first 1 entries)"))
        let listeners = try await process.ask("show fd l")
        #expect(listeners.contains("type=listener fam=ipv4 lport=\(process.port)\n"))
        #expect(!listeners.contains("type=connection"))
        #expect(try await process.ask("show fd -l").contains("lport=\(process.port)\n") == false)
        #expect(try await process.ask("show fd !l").contains("type=listener") == false)
        // Whatever is chosen, less listeners: pipes and the operator's own connection.
        let others = try await process.ask("show fd -l")
        #expect(others.contains("type=connection fam=unix") && others.contains("type=anon_inode:[eventpoll]"))
        #expect(try await process.ask("show fd c!f") == "\n")
        #expect(try await process.ask("show fd -") == process.ask("show fd"))
        #expect(try await process.ask("show fd p").contains("type=anon_inode:[eventpoll]"))
        #expect(try await process.ask("show libs").contains("/portico\n"))
        #expect(try await process.ask("show tasks").hasPrefix("Running tasks: 0 (2 threads)\n"))
        #expect(try await process.ask("show quic").hasPrefix("# conn/frontend  "))
    }

    /// The lines are HAProxy's but for the state of its parser, in whose place the reason stands.
    @Test func malformedMessages() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nfoo bar\r\ncontent-length: 0\r\n\r\nxx\u{1}y")
        }
        let process = try await RuntimeProcess(backend: "server s1 127.0.0.1:\(server.port)")
        #expect(
            try await process.ask("show errors").contains(/^Total events captured on \[\d\d\/\w+\/\d{4}:.*\] : 0\n/))
        #expect(try await process.ask("show errors nope") == "No such proxy.\n\n")
        let first = try RawSocket(connectingTo: process.port)
        let long = String(repeating: "y", count: 90)
        first.send("GET /a HTTP/1.1\r\nhost: x\r\nbad header: v\r\nlong: \(long)\r\n\r\n")
        #expect(
            await first.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }.hasPrefix("HTTP/1.1 400 "))
        let second = try RawSocket(connectingTo: process.port)
        second.send("GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        #expect(
            await second.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }.hasPrefix("HTTP/1.1 502 "))
        let request = try await process.ask("show errors web request")
        #expect(request.contains("] : 2\n \n["))
        #expect(
            request.contains(
                "] frontend web (#2): invalid request\n  backend <NONE> (#-1), server <NONE> (#-1), event #0, src 127.0.0.1:"
            ))
        #expect(request.contains("  len 141, wraps at 16384, error at position 26\n"))
        #expect(
            request.contains(
                """
                  00000  GET /a HTTP/1.1\\r\\n
                  00017  host: x\\r\\n
                  00026  bad header: v\\r\\n
                  00041  long: \(String(repeating: "y", count: 64))
                  00111+ \(String(repeating: "y", count: 26))\\r\\n
                  00139  \\r\\n

                """))
        #expect(!request.contains("invalid response"))
        let response = try await process.ask("show errors back response")
        #expect(
            response.contains(
                "] backend back (#3): invalid response\n  frontend web (#2), server s1 (#1), event #1, src 127.0.0.1:"))
        #expect(response.contains("error at position 17\n"))
        #expect(response.contains("  00047  xx\\x01y\n"))
        #expect(!response.contains("invalid request"))
        let all = try await process.ask("show errors -1")
        #expect(all.contains("invalid request") && all.contains("invalid response"))
    }

    @Test func quicConnections() async throws {
        // The server answers once the test says so: the connection is open until then.
        let server = try ScriptedServer { connection, _, server in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            server.note(head)
            while !server.received.contains("answer") { usleep(5000) }
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        }
        let folder = try ListenerFolder()
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:\(server.port)"],
            global: "nbthread 1\nstats socket \(folder.path)/admin level admin")
        async let answer = Client.h3.fetch("/", edge)
        try await eventually("the request") { server.received.count == 1 }
        func ask(_ text: String) async throws -> String {
            let raw = try RawSocket(unix: "\(folder.path)/admin")
            raw.send(text + "\n")
            return await raw.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
        }
        let line = try await ask("show quic")
        let identity = try #require(line.firstMatch(of: #/(0x[0-9a-f]+)\[01\]\/edge +ESTAB /#), "\(line)").1
        #expect(try await ask("show quic all").contains(identity))
        #expect(!(try await ask("show quic clo").contains(identity)))
        #expect(!(try await ask("show quic be").contains(identity)))
        // Bytes and packets in flight, lost packets, both addresses, both connection IDs.
        let pattern =
            #/0x[0-9a-f]+\[01\]/edge +ESTAB +\d+ +\d+ +0 +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +([0-9a-f]{16}) ([0-9a-f]+)\n/#
        let ids = try #require(line.firstMatch(of: pattern), "\(line)")
        let stream = try await ask("show quic stream")
        #expect(
            stream.wholeMatch(
                of: #/0x[0-9a-f]+\.0000: 0x00 age=\d+s tx=\[\d+,\d+\] rxb=0/\d+\n\n/#) != nil, "\(stream)")
        let full = try await ask("show quic full \(identity)")
        #expect(full.hasPrefix("* \(identity)[01]: scid=\(ids.1)........................ dcid=\(ids.2)"), "\(full)")
        #expect(full.contains("  loc. TPs: odcid=") && full.contains("\n  rem. TPs: iscid=\(ids.2)\n"), "\(full)")
        #expect(full.contains("\n    midle_timeout=30000ms mudp_payload_sz=65527 ack_delay_exp=3 mack_delay=25ms "))
        #expect(full.contains(" ms_bidi=100 ms_uni=3\n    (stless_rst_tok)\n"), "\(full)")
        #expect(full.contains("\n  st=opened           mux=ready ") && full.contains("foreign_addr=127.0.0.1:"))
        #expect(full.contains(" sc=1 hreq=1 bwnd=0/") && full.contains(" id=0 flags=0x0 st=OPEN "), "\(full)")
        let congestion = try await ask("show quic cc")
        #expect(congestion.contains("  cwnd=") && congestion.contains("  lostpkts=0 "))
        #expect(!congestion.contains("foreign_addr=") && !congestion.contains("TPs"))
        #expect(try await ask("show info").contains("\nCurrSslConns: 1\n"))
        server.note("answer")
        #expect(try await answer.status == 200)
        // The client's connection is over, with its TLS session.
        try await eventually("the end") { try await ask("show info").contains("\nCurrSslConns: 0\n") }
    }

    @Test func quicColumns() async throws {
        let folder = try ListenerFolder()
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:1"],
            frontend: """
                bind quic4@127.0.0.1:\(port) ssl crt \(certificates) quic-force-retry
                http-request return status 200
                """, global: "nbthread 2\nstats socket \(folder.path)/admin level admin")
        func columns(_ names: [String], _ row: String) async throws -> [String] {
            let raw = try RawSocket(unix: "\(folder.path)/admin")
            raw.send("show stat\n")
            let text = await raw.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
            let lines = text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
            let line = try #require(lines.first { $0.count > 1 && $0[0] == "edge" && $0[1] == row })
            let places = try names.map { name in try #require(lines[0].firstIndex { $0 == name }) }
            return places.map { String(line[$0]) }
        }
        let names = [
            "quic_retry_sent", "quic_retry_validated", "quic_retry_error", "quic_hdshk_fail", "quic_half_open_conn",
            "quic_stless_rst_sent", "quic_conn_migration_done", "quic_transp_err_application_error",
            "quic_hdshk_done", "quic_token_accepted",
        ]
        #expect(try await columns(names, "FRONTEND") == [String](repeating: "0", count: 10))
        let authority = try await TestCertificates.authority()
        for _ in 0..<2 {
            let report = try await Aioquic.get("https://localhost:\(port)/", ["--ca", authority])
            #expect(report.responses?.first?.status == 200)
        }
        let moved = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/", ["--ca", authority, "--rounds", "2", "--migrate"])
        #expect(moved.responses?.count == 2)
        // A datagram that belongs to nothing is answered by a stateless reset.
        let program = """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(5)
            s.sendto(bytes([64]) + bytes(range(100)), ("127.0.0.1", \(port)))
            print(len(s.recv(2000)))
            """
        let stray = try await ChildProcess.run("python3", ["-c", program])
        #expect(stray.status == 0, "\(stray)")
        try await eventually("the connections' ends") {
            try await columns(["quic_transp_err_application_error"], "FRONTEND") == ["3"]
        }
        #expect(try await columns(names, "FRONTEND") == ["2", "2", "0", "0", "0", "1", "1", "3", "3", "0"])
        let sent = try await columns(["quic_sent_pkt"], "FRONTEND")
        #expect((Int(sent[0]) ?? 0) > 6)
        let raw = try RawSocket(unix: "\(folder.path)/admin")
        raw.send("clear counters all\n")
        _ = await raw.blocking { $0.receiveAll() }
        #expect(try await columns(names, "FRONTEND") == [String](repeating: "0", count: 10))
    }
}
