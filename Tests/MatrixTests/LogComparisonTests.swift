import Foundation
import TestSupport
import Testing

/// Portico and the packaged HAProxy get the same file and the same traffic; their log lines have to be the same, but
/// for ports, dates, times, and bytes of what each of them writes by itself.
@Suite("Log lines beside HAProxy's") struct LogComparisonTests {
    /// One connection of the traffic.
    private struct Case: Sendable {
        let name: String
        let place: Int
        let bytes: [UInt8]
        var endsWriting = false
        var resets = false

        init(_ name: String, _ place: Int, _ text: String, endsWriting: Bool = false, resets: Bool = false) {
            self.name = name
            self.place = place
            bytes = Array(text.utf8)
            self.endsWriting = endsWriting
            self.resets = resets
        }
    }

    private static func get(_ target: String, _ fields: String = "", method: String = "GET") -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\(fields)\r\n"
    }

    private static let http = 0, standard = 1, tcp = 2, dead = 3, proxied = 4, secure = 5, quiet = 6
    private static let cases = [
        Case("get", http, get("/x?y=1")), Case("not found", http, get("/404")),
        Case("head", http, get("/h", method: "HEAD")), Case("chunked", http, get("/chunked")),
        Case("absolute", http, get("http://a.test/abs")), Case("quote", http, get("/a\"b")),
        Case("old", http, "GET /old HTTP/1.0\r\n\r\n"),
        Case("long", http, get("/" + String(repeating: "l", count: 1500))),
        Case("two", http, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/2")),
        Case("post", http, get("/p", "Content-Length: 3\r\n", method: "POST") + "abc"),
        Case("server closes", http, get("/close")), Case("server hangs", http, get("/hang")),
        Case("server is wrong", http, get("/bad")), Case("server stops short", http, get("/short")),
        Case("server stalls", http, get("/stall")),
        Case("bad name", http, "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"),
        Case("bytes of TLS", http, "\u{16}\u{3}\u{1}garbage\r\n\r\n"),
        Case("part", http, "GET / HT", endsWriting: true), Case("part, silent", http, "GET / HT"),
        Case("nothing", http, "", endsWriting: true), Case("nothing, silent", http, ""),
        Case("quiet nothing", quiet, "", endsWriting: true), Case("quiet nothing, silent", quiet, ""),
        Case("quiet part", quiet, "GET / HT", endsWriting: true), Case("quiet get", quiet, get("/q")),
        Case("standard", standard, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/2")),
        Case("standard nothing", standard, "", endsWriting: true), Case("dead server", dead, get("/dead")),
        Case("tcp", tcp, "GET / HTTP/1.0\r\n\r\n", endsWriting: true), Case("tcp nothing", tcp, "", endsWriting: true),
        Case("proxy 1", proxied, "PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n" + get("/v1")),
        Case("proxy unknown", proxied, "PROXY UNKNOWN\r\n" + get("/v1")),
        Case("no proxy", proxied, get("/v1")), Case("proxy part", proxied, "PROXY TC", endsWriting: true),
        Case("proxy nothing", proxied, "", endsWriting: true), Case("tls nothing", secure, "", endsWriting: true),
    ]

    private static func server() throws -> ScriptedServer {
        try ScriptedServer { connection, _, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                let target = head.split(separator: " ").dropFirst().first ?? ""
                let answers = [
                    "/404": "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",
                    "/chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                    "/bad": "garbage\r\n\r\n", "/short": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
                    "/stall": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
                    "/h": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "/close": "", "/hang": "",
                ]
                connection.send(answers[String(target)] ?? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                if ["/bad", "/short", "/close"].contains(target) { return }
                // The proxy ends it.
                if ["/hang", "/stall"].contains(target) {
                    _ = connection.receiveAll()
                    return
                }
            }
        }
    }

    /// Runs `program` and the traffic; what it logged, by case, masked.
    private static func lines(of program: String, server: Int) async throws -> [String: [String]] {
        let ports = try (0..<7).map { _ in try Ports.free() }
        let folder = try ListenerFolder()
        let certificate = try await TestCertificates.file()
        let file = try folder.write(
            "edge.cfg",
            """
            global
            nbthread 1
            log stdout format raw local0
            defaults
            mode http
            log global
            timeout client 800ms
            timeout server 800ms
            timeout connect 800ms
            timeout http-request 500ms
            frontend http
            option httplog
            bind 127.0.0.1:\(ports[http])
            bind 127.0.0.1:\(ports[proxied]) accept-proxy
            bind 127.0.0.1:\(ports[secure]) ssl crt \(certificate)
            default_backend back
            frontend standard
            bind 127.0.0.1:\(ports[standard])
            default_backend back
            frontend quiet
            option httplog
            option dontlognull
            bind 127.0.0.1:\(ports[quiet])
            default_backend back
            listen tcp
            mode tcp
            option tcplog
            bind 127.0.0.1:\(ports[tcp])
            server s1 127.0.0.1:\(server)
            listen dead
            option httplog
            retries 0
            bind 127.0.0.1:\(ports[dead])
            server s1 127.0.0.1:1
            backend back
            server s1 127.0.0.1:\(server)

            """)
        let process = try ChildProcess(program, ["-f", file])
        // All listeners are bound before the first serves; a look at the others would leave lines.
        try await process.ready("the listeners") { Ports.listens(ports[http]) }
        // A last request tells that the lines of what came before are written.
        func fence(_ name: String) async throws -> Int {
            #expect(try RawSocket(connectingTo: ports[http]).exchange("/fence-\(name)").hasSuffix("hello"))
            try await eventually("the fence") { process.output.contains("/fence-\(name) ") }
            return process.output.utf8.count
        }
        var result: [String: [String]] = [:]
        var start = try await fence("start")
        for (number, item) in cases.enumerated() {
            let socket = try RawSocket(connectingTo: ports[item.place])
            socket.send(item.bytes)
            if item.endsWriting { socket.shutdownWrite() }
            _ = socket.receiveAll()
            let end = try await fence("\(number)")
            let text = String(decoding: Array(process.output.utf8)[start..<end], as: UTF8.self)
            result[item.name] = text.split(separator: "\n").filter { !$0.contains("/fence-") }.map { mask(String($0)) }
            start = end
        }
        return result
    }

    /// Without what may differ.
    private static func mask(_ line: String) -> String {
        var line = line.replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:PORT")
        line = line.replacing(/\[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]/, with: "[DATE]")
        // Times: -1 stays; others are short, or one of the limits.
        line = line.replacing(#/ (-?\d+(?:/-?\d+){2,4}) (?=-?\d+ )/#) { match in
            let times = match.1.split(separator: "/").map { Int($0) ?? 0 }
            return " "
                + times.map { $0 < 0 ? "-1" : $0 < 400 ? "short" : $0 < 700 ? "500" : "800" }
                .joined(separator: "/") + " "
        }
        // Bytes of heads: each proxy writes its own fields.
        return line.replacing(#/ (\d{3}) \d+ - - /#) { " \($0.1) BYTES - - " }
    }

    @Test("The same traffic leaves the same lines") func sameLines() async throws {
        let server = try Self.server()
        async let theirs = Self.lines(of: "haproxy", server: server.port)
        async let ours = Self.lines(of: Repository.program("portico"), server: server.port)
        let (expected, found) = try await (theirs, ours)
        for item in Self.cases {
            // A line of our own: HAProxy tells failed connections by termination state only.
            let lines = found[item.name]?.filter { !$0.hasPrefix("Connection to server ") }
            #expect(lines == expected[item.name], "\(item.name)")
        }
        #expect(expected["get"]?.first?.hasSuffix("200 BYTES - - ---- 1/1/0/0/0 0/0 \"GET /x?y=1 HTTP/1.1\"") == true)
    }
}
