import Foundation
import TestSupport
import Testing

/// Requests that come before the handshake is complete (`allow-0rtt`, RFC 8470), on both sides of the proxy.
@Suite("allow-0rtt: early data from clients and to servers", .serialized) struct EarlyDataTests {
    /// A proxy whose second QUIC listener takes early data, and the port of that.
    private static func edge(
        _ rules: String = "", servers: [String], backend: String = "", global: String = "nbthread 2"
    ) async throws -> (Edge, port: Int) {
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let edge = try await Edge(
            servers: servers, frontend: "bind quic4@127.0.0.1:\(port) ssl crt \(certificates) allow-0rtt\n\(rules)",
            backend: backend, global: global)
        return (edge, port)
    }

    /// A second connection that resumes a first one, and sends its request early.
    private static func get(_ port: Int, _ path: String, _ more: [String] = []) async throws -> Aioquic.Report {
        try await Aioquic.get(
            "https://localhost:\(port)\(path)",
            ["--ca", try await TestCertificates.authority(), "--resume", "--show-body"] + more)
    }

    /// What a server sees of requests, in HTTP/1.1.
    private static func echo() async throws -> (OriginProcess, line: String) {
        let origin = try await OriginProcess()
        return (origin, "s1 127.0.0.1:\(origin.port)")
    }

    @Test("A safe request goes on at once and says so; rules see it; listeners without the word take none")
    func safe() async throws {
        let (origin, line) = try await Self.echo()
        let (edge, port) = try await Self.edge(
            "http-request add-header x-early %[ssl_fc_has_early]", servers: [line])
        let report = try await Self.get(port, "/echo")
        #expect(report.handshake?.resumed == true && report.handshake?.earlyDataAccepted == true)
        let body = try #require(report.responses?.first?.body)
        #expect(body.contains("early-data: 1\n") && body.contains("x-early: 1\n"), "\(body)")
        // The field of a client that is a proxy itself is left alone.
        let marked = try await Self.get(port, "/echo", ["--header", "early-data: 1"])
        let text = try #require(marked.responses?.first?.body)
        #expect(text.components(separatedBy: "early-data: 1").count == 2, "\(text)")
        let other = try await Self.get(edge.securePort, "/echo")
        #expect(other.handshake?.resumed == true && other.handshake?.earlyDataAccepted == false)
        let late = try #require(other.responses?.first?.body)
        #expect(!late.contains("early-data") && late.contains("x-early: 0\n"), "\(late)")
        withExtendedLifetime((origin, edge)) {}
    }

    @Test(
        "Requests that are not safe, and those that wait-for-handshake holds, go on when it is complete",
        arguments: [
            ("", ["--method", "POST", "--body", "1000"]), ("", ["--method", "DELETE"]),
            ("http-request wait-for-handshake", []),
            ("http-request wait-for-handshake if { ssl_fc_has_early }", ["--also", "/echo?2"]),
        ])
    func waiting(rules: String, options: [String]) async throws {
        let (origin, line) = try await Self.echo()
        let (edge, port) = try await Self.edge(rules, servers: [line])
        let report = try await Self.get(port, "/echo", options)
        #expect(report.handshake?.earlyDataAccepted == true)
        for response in report.responses ?? [] {
            let body = try #require(response.body)
            #expect(response.status == 200 && !body.contains("early-data"), "\(body)")
        }
        #expect(report.responses?.isEmpty == false)
        withExtendedLifetime((origin, edge)) {}
    }

    @Test("Rules can refuse what comes early") func refused() async throws {
        let (origin, line) = try await Self.echo()
        let (edge, port) = try await Self.edge(
            "http-request return status 425 if { ssl_fc_has_early }", servers: [line])
        #expect(try await Self.get(port, "/echo").responses?.first?.status == 425)
        #expect(try await Self.get(port, "/echo", ["--no-early-data"]).responses?.first?.status == 200)
        withExtendedLifetime((origin, edge)) {}
    }

    @Test("A server's 425 is sent again once the handshake is complete, and passed on where the client said early-data")
    func tooEarly() async throws {
        let inner = try await Edge(
            servers: ["s 127.0.0.1:1"],
            frontend: """
                http-request pause 400 if { req.hdr(early-data) 1 }
                http-request return status 425 if { req.hdr(early-data) 1 }
                http-request return status 200 hdr x-served late
                """)
        let (edge, port) = try await Self.edge(servers: ["s1 127.0.0.1:\(inner.port)"])
        let report = try await Self.get(port, "/first")
        #expect(report.handshake?.earlyDataAccepted == true)
        #expect(report.responses?.first?.status == 200)
        #expect(try await inner.logLine("/first").contains(" 425 "))
        try await eventually("the second request") {
            inner.log.contains { $0.contains("/first") && $0.contains(" 200 ") }
        }
        let marked = try await Self.get(port, "/second", ["--header", "early-data: 1"])
        #expect(marked.responses?.first?.status == 425)
        #expect(edge.process.exitStatus == nil)
    }

    @Test("portico-load sends early data, and each request is answered") func load() async throws {
        let (edge, port) = try await Self.edge(
            "http-request return status 200 hdr x-early %[ssl_fc_early_rcvd]", servers: ["s 127.0.0.1:1"])
        let run = try await ChildProcess.run(
            try Repository.program("portico-load"),
            [
                "--http3", "--insecure", "-n", "6", "--per-connection", "1", "--early-data", "--json", "-",
                "https://localhost:\(port)/",
            ])
        #expect(run.status == 0 && run.output.contains("\"completed\": 6,"), "\(run)")
        #expect(run.output.contains("\"early_data_offered\": 5,"), "\(run)")
        #expect(run.output.contains("\"early_data_rejected\": 0,"), "\(run)")
        withExtendedLifetime(edge) {}
    }

    // MARK: Towards servers

    /// A proxy that takes early data, and one in front of it that may send some.
    private static func chain(
        _ word: String = "allow-0rtt", retries: String = "retry-on conn-failure 0rtt-rejected"
    ) async throws -> (outer: Edge, inner: Edge, statistics: Int) {
        let (inner, port) = try await Self.edge(
            "http-request return status 200 hdr x-early %[ssl_fc_early_rcvd] hdr x-resumed %[ssl_fc_is_resumed]",
            servers: ["s 127.0.0.1:1"])
        let statistics = try Ports.free()
        let outer = try await Edge(
            servers: ["s1 quic4@127.0.0.1:\(port) ssl verify none sni str(localhost) \(word)"],
            backend: "http-reuse never\n\(retries)\nhttp-response set-header x-bc %[ssl_bc_is_resumed]",
            global: "nbthread 1\nstats socket ipv4@127.0.0.1:\(statistics) level admin")
        return (outer, inner, statistics)
    }

    /// The fields that tell how a request came to the server behind.
    private static func ask(_ edge: Edge, _ options: [String] = []) async throws -> [String: String] {
        let result = try await ChildProcess.run(
            "curl", ["-sS", "-D", "-", "-o", "/dev/null"] + options + ["http://127.0.0.1:\(edge.port)/"])
        var fields: [String: String] = [:]
        for line in result.output.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { fields[parts[0].lowercased()] = parts[1] } else { fields[""] = String(line) }
        }
        return fields
    }

    @Test("The second connection resumes, and a safe request goes early; others do not") func towardsServers()
        async throws
    {
        let (outer, inner, port) = try await Self.chain()
        let first = try await Self.ask(outer)
        #expect(first["x-resumed"] == "0" && first["x-early"] == "0", "\(first)")
        let second = try await Self.ask(outer)
        #expect(second["x-resumed"] == "1" && second["x-early"] == "1", "\(second)")
        #expect(second["x-bc"] == "1", "\(second)")
        let post = try await Self.ask(outer, ["-d", "body"])
        #expect(post["x-resumed"] == "1" && post["x-early"] == "0", "\(post)")
        let rows = try await Self.statistics(port, ["ssl_sess", "ssl_reused_sess"], of: "s1")
        #expect(rows == ["3", "2"])
        withExtendedLifetime(inner) {}
    }

    @Test(
        "Nothing goes early without allow-0rtt, or without a way to send it again; sessions resume all the same",
        arguments: [("", "retry-on conn-failure 0rtt-rejected"), ("allow-0rtt", "retry-on conn-failure")])
    func notEarly(word: String, retries: String) async throws {
        let (outer, inner, _) = try await Self.chain(word, retries: retries)
        _ = try await Self.ask(outer)
        let second = try await Self.ask(outer)
        #expect(second["x-resumed"] == "1" && second["x-early"] == "0", "\(second)")
        let (full, other, _) = try await Self.chain("no-ssl-reuse")
        _ = try await Self.ask(full)
        #expect(try await Self.ask(full)["x-resumed"] == "0")
        withExtendedLifetime((inner, other)) {}
    }

    @Test("A request that the server did not take early is sent again") func rejected() async throws {
        let (outer, inner, _) = try await Self.chain()
        _ = try await Self.ask(outer)
        let again = try await inner.restarted()
        let answer = try await Self.ask(outer)
        #expect(answer[""]?.contains(" 200 ") == true, "\(answer)")
        #expect(answer["x-resumed"] == "0" && answer["x-early"] == "0", "\(answer)")
        // The ticket of the new server allows early data again.
        #expect(try await Self.ask(outer)["x-early"] == "1")
        #expect(try await again.stop() == 0)
    }

    /// Columns of `show stat` for a server.
    static func statistics(_ port: Int, _ columns: [String], of server: String) async throws -> [String] {
        let socket = try RawSocket(connectingTo: port)
        let text = await socket.blocking { socket in
            socket.send("show stat\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        let lines = text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let names = try #require(lines.first)
        let row = try #require(lines.first { $0.count > 1 && $0[1] == server })
        return columns.map { name in
            names.firstIndex { $0 == name }.map { $0 < row.count ? String(row[$0]) : "" } ?? "no column"
        }
    }
}
