import Foundation
import TestSupport
import Testing

@Suite("Health checks of each kind over real sockets") struct CheckKindTests {
    /// What a server says on each connection, and how its connection ends.
    enum Manner: Sendable {
        /// Sends the text behind so many requests, and closes.
        case says([String])
        /// Says the first text at once, each next one behind what comes.
        case greets([String])
        case hangs
        case resets
        case closes
    }

    static func server(_ manner: Manner) throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            switch manner {
            case .says(let texts):
                for text in texts {
                    guard let got = connection.receiveSome() else { return }
                    server.note(got)
                    guard connection.send(text) else { return }
                }
            case .greets(let texts):
                for (place, text) in texts.enumerated() {
                    if place > 0 {
                        guard let got = connection.receiveSome() else { return }
                        server.note(got)
                    }
                    guard connection.send(text) else { return }
                }
                _ = connection.receiveSome()
            case .hangs: _ = connection.receiveAll()
            case .resets:
                _ = connection.receiveSome()
                connection.reset()
            case .closes: _ = connection.receiveSome()
            }
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var mode = "http"
        var lines: String
        var manner: Manner
        /// The line about the check, from `reason` to before its duration.
        var reason: String
        var isGood: Bool
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "tcp", lines: "", manner: .closes, reason: "Layer4 check passed", isGood: true),
        Case(
            name: "httpchk", lines: "option httpchk", manner: .says(["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"]),
            reason: "Layer7 check passed, code: 200", isGood: true),
        Case(
            name: "httpchk 500", lines: "option httpchk GET /x",
            manner: .says(["HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"]),
            reason: "Layer7 wrong status, code: 500, info: \"Oops\"", isGood: false),
        Case(
            name: "httpchk reset", lines: "option httpchk", manner: .resets,
            reason: "Socket error, info: \"ECONNRESET returned by OS (Connection reset by peer)\"", isGood: false),
        Case(name: "httpchk closed", lines: "option httpchk", manner: .closes, reason: "Socket error", isGood: false),
        Case(name: "httpchk hang", lines: "option httpchk", manner: .hangs, reason: "Layer7 timeout", isGood: false),
        Case(
            name: "httpchk garbage", lines: "option httpchk", manner: .says(["what is this\r\n\r\n"]),
            reason: "Socket error", isGood: false),
        Case(
            name: "expect string", lines: "option httpchk\nhttp-check expect string wanted",
            manner: .says(["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"]),
            reason: "Layer7 invalid response, info: \"HTTP content check did not match\"", isGood: false),
        Case(
            name: "expect header", lines: "option httpchk\nhttp-check expect hdr name x-a value two",
            manner: .says(["HTTP/1.1 200 OK\r\nX-A: one, two\r\ncontent-length: 0\r\n\r\n"]),
            reason: "Layer7 check passed, code: 200", isGood: true),
        Case(
            name: "expect not status", lines: "option httpchk\nhttp-check expect ! rstatus ^2",
            manner: .says(["HTTP/1.1 204 Fine\r\n\r\n"]),
            reason: "Layer7 wrong status, code: 204, info: \"Fine\"", isGood: false),
        Case(
            name: "tcp-check", mode: "tcp",
            lines: """
                option tcp-check
                tcp-check connect
                tcp-check expect string +OK comment banner
                tcp-check send PING\\r\\n
                tcp-check expect rstring ^\\+PONG
                """, manner: .greets(["+OK hello\r\n", "+PONG\r\n"]),
            reason: "Layer7 check passed, code: 0, info: \"(tcp-check)\"", isGood: true),
        Case(
            name: "tcp-check mismatch", mode: "tcp",
            lines: "option tcp-check\ntcp-check connect\ntcp-check expect string +OK comment banner",
            manner: .greets(["-ERR\r\n"]),
            reason: "Layer7 timeout, info: \" at step 2 of tcp-check (expect string '+OK') comment: 'banner'\"",
            isGood: false),
        Case(
            name: "tcp-check binary", mode: "tcp",
            lines: "option tcp-check\ntcp-check send-binary 50494e47\ntcp-check expect binary 504f4e47",
            manner: .says(["PONG"]), reason: "Layer7 check passed, code: 0, info: \"(tcp-check)\"", isGood: true),
        Case(
            name: "tcp-check variables", mode: "tcp",
            lines: """
                option tcp-check
                tcp-check set-var(check.word) str(PING)
                tcp-check send-lf %[var(check.word),lower]-%[be_name]-%[srv_name]
                tcp-check expect string-lf %[var(check.word)]
                """, manner: .says(["it was PING"]), reason: "Layer7 check passed, code: 0, info: \"(tcp-check)\"",
            isGood: true),
        Case(
            name: "redis", mode: "tcp", lines: "option redis-check", manner: .says(["+PONG\r\n"]),
            reason: "Layer7 check passed, code: 0, info: \"Redis server is ok\"", isGood: true),
        Case(
            name: "redis error", mode: "tcp", lines: "option redis-check", manner: .says(["-ERR no\r\n"]),
            reason: "Layer7 wrong status, code: 0, info: \"-ERR no\"", isGood: false),
        Case(
            name: "smtp", mode: "tcp", lines: "option smtpchk EHLO me",
            manner: .greets(["220 hi\r\n", "250-a\r\n250 b\r\n", "221 bye\r\n"]),
            reason: "Layer7 check passed, code: 221, info: \"bye\"", isGood: true),
        Case(
            name: "smtp refusing", mode: "tcp", lines: "option smtpchk", manner: .greets(["554 no way\r\n"]),
            reason: "Layer7 wrong status, code: 554, info: \"no way\"", isGood: false),
        Case(
            name: "mysql", mode: "tcp", lines: "option mysql-check",
            manner: .greets(["\u{8}\0\0\0\u{a}8.0.19\0"]), reason: "Layer7 check passed, code: 0, info: \"8.0.19\"",
            isGood: true),
        Case(
            name: "pgsql", mode: "tcp", lines: "option pgsql-check user postgres",
            manner: .says(["R\0\0\0\u{c}\0\0\0\u{5}"]),
            reason: "Layer7 check passed, code: 0, info: \"PostgreSQL server is ok\"", isGood: true),
        Case(
            name: "ldap", mode: "tcp", lines: "option ldap-check",
            manner: .says(["0\u{c}\u{2}\u{1}\u{1}a\u{7}\u{a}\u{1}\0\u{4}\0\u{4}\0"]),
            reason: "Layer7 check passed, code: 0, info: \"Success\"", isGood: true),
        Case(
            name: "ssl hello", mode: "tcp", lines: "option ssl-hello-chk", manner: .says(["\u{15}\u{3}\0\0\u{2}"]),
            reason: "Layer6 check passed", isGood: true),
        Case(
            name: "ssl hello to others", mode: "tcp", lines: "option ssl-hello-chk",
            manner: .says(["HTTP/1.1 400 \r\n"]),
            reason: "Layer6 invalid response", isGood: false),
    ]

    @Test("Success and failure", arguments: cases) func kinds(test: Case) async throws {
        let server = try Self.server(test.manner)
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                defaults: "option log-health-checks",
                """
                listen l
                mode \(test.mode)
                bind 127.0.0.1:\(port)
                \(test.lines)
                server s1 127.0.0.1:\(server.port) check inter 1s rise 1 fall 1
                """), in: ListenerFolder())
        let line = try await process.logLine("Health check for server l/s1")
        let words =
            "Health check for server l/s1 \(test.isGood ? "succeeded" : "failed"), reason: \(test.reason), check duration: "
        #expect(line.contains(words), "\(line)")
        #expect(line.hasSuffix(test.isGood ? "ms, status: 1/1 UP." : "ms, status: 0/1 DOWN."), "\(line)")
        if !test.isGood { _ = try await process.logLine("Server l/s1 is DOWN. 0 active and 0 backup servers left.") }
        if test.name == "tcp-check variables" { #expect(server.received.first == "ping-l-s1") }
        let status = try await process.process.stop()
        #expect(status == 0, "\(process.process.output + process.process.errors)")
    }

    @Test("A port that nobody listens on") func refused() async throws {
        let dead = try Ports.free()
        let process = try await RuntimeProcess(
            backend: "server s1 127.0.0.1:\(dead) check inter 100ms rise 1 fall 1")
        let line = try await process.listener.logLine("Server back/s1 is DOWN")
        #expect(
            line.contains(
                "Server back/s1 is DOWN, reason: Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection"
                    + " refused)\", check duration: 0ms. 0 active and 0 backup servers left."), "\(line)")
        let stat = try await process.ask("show stat")
        let row = stat.split(separator: "\n").first { $0.hasPrefix("back,s1,") }.map(String.init) ?? ""
        #expect(row.contains(",DOWN,"))
        #expect(row.contains(",L4CON,,"))
        #expect(row.contains(",ECONNREFUSED returned by OS (Connection refused),"))
    }

    @Test("The request of option httpchk and of http-check send") func request() async throws {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        let plain = try Self.server(.says([answer]))
        let rich = try Self.server(.says([answer]))
        let behind = try Self.server(.says([answer]))
        let process = try await RuntimeProcess(
            backend: "option httpchk\nserver s1 127.0.0.1:\(plain.port) check",
            rest: """
                backend rich
                option httpchk
                http-check send-state
                http-check send meth POST uri-lf /%[str(a)] ver HTTP/1.1 hdr Host www.test hdr x-y "b %[srv_name]" body hi
                server s2 127.0.0.1:\(rich.port) check
                backend behind
                option httpchk
                server s3 127.0.0.1:\(behind.port) check check-send-proxy
                """)
        try await eventually("the checks") { ![plain, rich, behind].contains { $0.received.isEmpty } }
        // Its own address is what a check has to name.
        #expect(
            behind.received[0].contains(#/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nOPTIONS \/ HTTP\/1\.0\r\n/#)
                && behind.received[0].contains(" \(behind.port)\r\n"), "\(behind.received[0])")
        #expect(plain.received[0] == "OPTIONS / HTTP/1.0\r\n\r\n")
        let lines = rich.received[0].split(separator: "\r\n").map(String.init)
        #expect(lines.first == "POST /a HTTP/1.1")
        for wanted in ["host: www.test", "x-y: b s2", "content-length: 2", "connection: close"] {
            #expect(lines.contains(wanted), "\(lines)")
        }
        let state = lines.first { $0.hasPrefix("x-haproxy-server-state: ") } ?? ""
        #expect(
            state.contains(": UP 1/3; address=127.0.0.1; port=\(rich.port); name=rich/s2; node=")
                && state.contains("; weight=1/1; scur=0/0"))
        #expect(!state.contains("node=;"))
        _ = process
    }
}

extension RawSocket {
    /// Waits for the next bytes; nil at the end.
    func receiveSome() -> String? {
        guard case .bytes(let bytes) = receive() else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
