import Foundation
import TestSupport
import Testing

/// What actions make of requests and responses; the expected values are HAProxy's.
@Suite("Actions of rules on the wire") struct ActionTests {
    /// Rules of a `listen` section, what is sent to it, and what has to come of it.
    struct Row: Sendable, CustomTestStringConvertible {
        var rules: String
        var target = "/a/b?x=1&y=2"
        /// Lines that the server sees, or does not.
        var server: [String] = []
        var serverLacks: [String] = []
        /// What the client gets; nil: the server's answer.
        var client: [String] = ["HTTP/1.1 200 OK"]
        var clientLacks: [String] = []

        var testDescription: String { rules }
    }

    private static let rewrites: [Row] = [
        Row(
            rules: "http-request set-header X-B c\nhttp-request add-header X-B d",
            server: ["x-b: c\r\n", "x-b: d\r\n"], serverLacks: ["x-b: b\r\n"]),
        Row(
            rules: "http-request del-header x-b\nhttp-request del-header coo -m beg",
            server: ["x-a: one, two ,three\r\n"], serverLacks: ["x-b:", "cookie:"]),
        Row(rules: "http-request del-header ^x-. -m reg", server: ["cookie: k=v\r\n"], serverLacks: ["x-a:", "x-b:"]),
        Row(
            rules: "http-request del-header okie -m end\nhttp-request del-header -a -m sub", server: ["x-b: b\r\n"],
            serverLacks: ["cookie:", "x-a:"]),
        Row(
            rules: #"http-request replace-header X-A (.*),(.*) \2+\1\x41\0"#,
            server: ["x-a: three+one, two Aone, two ,three\r\n"]),
        Row(rules: #"http-request replace-value X-A ^t(.*) T\1"#, server: ["x-a: one, Two,Three\r\n"]),
        Row(
            rules: #"http-response replace-value x-old [ac] <\0>"#, client: ["x-old: <a>, b,<c>\r\n"],
            clientLacks: ["x-old: a"]),
        Row(rules: #"http-request replace-path (.*) /new\1"#, server: ["GET /new/a/b?x=1&y=2 HTTP/1.1\r\n"]),
        Row(
            rules: #"http-request replace-pathq ([^?]*)\?(.*) /\2\1"#, server: ["GET /x=1&y=2/a/b HTTP/1.1\r\n"]),
        Row(rules: #"http-request replace-uri ^/(.*) /u/\1"#, server: ["GET /u/a/b?x=1&y=2 HTTP/1.1\r\n"]),
        Row(rules: "http-request set-path /q/%[str(z)]", server: ["GET /q/z?x=1&y=2 HTTP/1.1\r\n"]),
        Row(rules: "http-request set-pathq /q?%[str(z)]", server: ["GET /q?z HTTP/1.1\r\n"]),
        Row(rules: "http-request set-query b=2", server: ["GET /a/b?b=2 HTTP/1.1\r\n"]),
        Row(rules: "http-request set-query b=2", target: "/p", server: ["GET /p?b=2 HTTP/1.1\r\n"]),
        Row(
            rules: "http-request set-uri http://other.com:81/u?v",
            server: ["/u?v HTTP/1.1\r\n", "host: other.com:81\r\n"]),
        Row(rules: "http-request set-method DELETE", server: ["DELETE /a/b?x=1&y=2 HTTP/1.1\r\n"]),
        Row(rules: "http-response set-status 404", client: ["HTTP/1.1 404 Not Found\r\n"]),
        Row(rules: #"http-response set-status 503 reason "Slow Down""#, client: ["HTTP/1.1 503 Slow Down\r\n"]),
        Row(rules: "http-after-response set-status 299", client: ["HTTP/1.1 299 Success\r\n"]),
        Row(
            rules: """
                http-request early-hint Link "</a>; rel=preload"
                http-request early-hint Link </b>
                http-request early-hint X-C c if TRUE
                """,
            client: [
                "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\nlink: </b>\r\n\r\n",
                "HTTP/1.1 103 Early Hints\r\nx-c: c\r\n\r\n", "HTTP/1.1 200 OK\r\n",
            ]),
        Row(
            rules: """
                http-request set-var(txn.a) int(5)
                http-request set-var(txn.a,ifgt) int(7)
                http-request set-var-fmt(txn.b) <%[var(txn.a)]>
                http-request set-var-fmt(txn.b,ifnotset) no
                http-request unset-var(txn.a)
                http-request set-header X-V %[var(txn.a)]%[var(txn.b)]
                """, server: ["x-v: <5>\r\n"]),
    ]

    private static let normalForms: [Row] = [
        ("path-merge-slashes", "/foo//../bar/./.?c=3//", "/foo/../bar/./.?c=3//"),
        ("path-strip-dot", "/./bar/./a/.?./", "/bar/a/?./"),
        ("path-strip-dot", "/.well-known/", "/.well-known/"),
        ("path-strip-dotdot", "/foo/bar/../?/../", "/foo/?/../"),
        ("path-strip-dotdot", "/bar/../../", "/../"),
        ("path-strip-dotdot", "/foo//../", "/foo/"),
        ("path-strip-dotdot", "/a/b/../..", "/"),
        ("path-strip-dotdot full", "/../bar/", "/bar/"),
        ("percent-decode-unreserved", "/%61dmin%3Fbar?%%36%36", "/admin%3Fbar?%66"),
        ("percent-to-uppercase", "/%6f%zz", "/%6F%zz"),
        ("query-sort-by-name", "/?aaa=3&a=1&aa=2&", "/?a=1&aa=2&aaa=3"),
        ("query-sort-by-name", "/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5"),
    ].map { name, target, result in
        Row(rules: "http-request normalize-uri \(name)", target: target, server: ["GET \(result) HTTP/1.1\r\n"])
    }

    private static let forbidden =
        "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"

    private static let answers: [Row] = [
        Row(
            rules: "http-request deny",
            client: ["HTTP/1.1 403 Forbidden\r\n", "content-type: text/html\r\n", forbidden]),
        Row(rules: "http-request deny deny_status 429", client: ["HTTP/1.1 429 Too Many Requests\r\n"]),
        Row(
            rules: #"http-request deny status 404 content-type text/plain string nope hdr X-R "%[str(r)]""#,
            client: ["HTTP/1.1 404 Not Found\r\n", "x-r: r\r\n", "content-type: text/plain\r\n", "\r\n\r\nnope"]),
        Row(rules: "http-response deny", client: ["HTTP/1.1 502 Bad Gateway\r\n"]),
        Row(rules: "http-response deny deny_status 500", client: ["HTTP/1.1 500 Internal Server Error\r\n"]),
        Row(rules: "http-request return", client: ["HTTP/1.1 200 OK\r\n", "content-length: 0\r\n"]),
        Row(
            rules: "http-request return status 418 content-type a/b lf-string %[str(x)]y",
            client: ["HTTP/1.1 418 I'm a teapot\r\n", "content-type: a/b\r\n", "\r\n\r\nxy"]),
        Row(rules: "http-response return status 201 content-type a/b file FOLDER/404.http", client: ["X-F: file\r\n"]),
        Row(
            rules: "http-request return status 404 errorfiles mine",
            client: ["HTTP/1.1 404 Nope Here\r\n", "x-f: file\r\n", "\r\n\r\nbody"]),
        Row(rules: "http-request return errorfile FOLDER/404.http", client: ["HTTP/1.1 404 Nope Here\r\n"]),
        Row(
            rules: "http-request return status 503 default-errorfiles", client: ["HTTP/1.1 503 Service Unavailable\r\n"]
        ),
        Row(
            rules: "http-request auth realm my",
            client: ["HTTP/1.1 401 Unauthorized\r\n", "www-authenticate: Basic realm=\"my\"\r\n"]),
        Row(
            rules: "http-error status 403 content-type text/x lf-string <%[str(z)]> hdr X-E e\nhttp-request deny",
            client: ["HTTP/1.1 403 Forbidden\r\n", "x-e: e\r\n", "\r\n\r\n<z>"]),
        Row(
            rules: "errorloc 403 http://a/b\nhttp-request deny",
            client: ["HTTP/1.1 302 Found\r\n", "location: http://a/b\r\n"]),
        Row(
            rules: "errorloc303 403 /b\nhttp-request deny", client: ["HTTP/1.1 303 See Other\r\n", "location: /b\r\n"]),
        Row(
            rules: "http-request redirect location /x code 301",
            client: ["HTTP/1.1 301 Moved Permanently\r\n", "location: /x\r\n"]),
        Row(
            rules: "redirect location /x?a keep-query code 307",
            client: [
                "HTTP/1.1 307 Temporary Redirect\r\n", "location: /x?a&x=1&y=2\r\n", "cache-control: no-cache\r\n",
            ]),
        Row(
            rules: "http-request redirect prefix http://n.com drop-query append-slash set-cookie A=1",
            client: ["HTTP/1.1 302 Found\r\n", "location: http://n.com/a/b/\r\n", "set-cookie: A=1; path=/;\r\n"]),
        Row(
            rules: "redirect scheme https clear-cookie B",
            client: ["location: https://a.test/a/b?x=1&y=2\r\n", "set-cookie: B; path=/; Max-Age=0;\r\n"]),
        Row(
            rules: "http-response redirect location /%[str(a)]", client: ["HTTP/1.1 302 Found\r\n", "location: /a\r\n"]),
        Row(rules: "timeout tarpit 100ms\nhttp-request tarpit", client: ["HTTP/1.1 500 Internal Server Error\r\n"]),
        Row(rules: "http-request pause 50ms\nhttp-request return status 202", client: ["HTTP/1.1 202 Accepted\r\n"]),
        Row(
            rules: "http-request normalize-uri percent-to-uppercase strict", target: "/%zz",
            client: ["HTTP/1.1 400 Bad request\r\n"]),
        Row(
            rules: "http-request deny\nhttp-after-response set-header X-AF 1",
            client: ["HTTP/1.1 403 Forbidden\r\n", "x-af: 1\r\n", forbidden]),
        Row(
            rules: "monitor-uri /up\nhttp-request deny", target: "/up",
            client: ["HTTP/1.1 200 OK\r\n", "Service ready."]),
        Row(
            rules: "monitor-uri /up\nmonitor fail if TRUE", target: "/up",
            client: ["HTTP/1.1 503 Service Unavailable\r\n"]),
        // A rewrite that cannot be written: an error, or nothing.
        Row(
            rules: "http-request set-path \"/a b\"",
            client: ["HTTP/1.1 500 Internal Server Error\r\n"]),
        Row(
            rules: "http-request strict-mode off\nhttp-request set-path \"/a b\"",
            server: ["GET /a/b?x=1&y=2 HTTP/1.1\r\n"]),
    ]

    @Test func rulesDoWhatHAProxyDoes() async throws {
        let rows = Self.rewrites + Self.normalForms + Self.answers
        let server = try ScriptedServer.answering(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Old: a, b,c\r\nSet-Cookie: s=1\r\n\r\nok")
        let folder = try ListenerFolder()
        try folder.write(
            "404.http", "HTTP/1.1 404 Nope Here\r\nX-F: file\r\nContent-Type: text/x\r\nContent-Length: 4\r\n\r\nbody")
        var text = ""
        var ports: [Int] = []
        for (index, row) in rows.enumerated() {
            let port = try Ports.free()
            ports.append(port)
            text += """
                listen e\(index)
                bind 127.0.0.1:\(port)
                \(row.rules)
                http-request set-header x-row r\(index)-
                server s 127.0.0.1:\(server.port)

                """
        }
        let edge = try await ListenerProcess(
            ListenerProcess.sections(global: "nbthread 1\nexpose-experimental-directives", text)
                + "http-errors mine\nerrorfile 404 FOLDER/404.http\n", in: folder)
        for (index, row) in rows.enumerated() {
            let connection = try RawSocket(connectingTo: ports[index])
            connection.send(
                "GET \(row.target) HTTP/1.1\r\nHost: a.test\r\nX-A: one, two ,three\r\nX-B: b\r\nCookie: k=v\r\n"
                    + "Connection: close\r\n\r\n")
            let answer = String(decoding: connection.receiveAll().bytes, as: UTF8.self)
            for part in row.client { #expect(answer.contains(part), "\(row.rules): \(answer)") }
            for part in row.clientLacks { #expect(!answer.contains(part), "\(row.rules): \(answer)") }
            let seen = server.received.first { $0.contains("x-row: r\(index)-\r\n") } ?? ""
            for part in row.server { #expect(seen.contains(part), "\(row.rules): \(seen)") }
            for part in row.serverLacks { #expect(!seen.contains(part), "\(row.rules): \(seen)") }
        }
        #expect(edge.process.exitStatus == nil)
    }

    @Test(
        "The log tells how rules ended exchanges",
        arguments: [
            ("http-request deny", " 403 ", "PR--"), ("http-request return status 204", " 204 ", "LR--"),
            ("http-request redirect location /", " 302 ", "LR--"), ("http-response deny", " 502 ", "PH--"),
            ("timeout tarpit 50ms\nhttp-request tarpit", " 500 ", "PT--"), ("http-request reject", " 0 ", "PR--"),
            ("errorloc 403 /x\nhttp-request deny", " 403 ", "PR--"),
        ])
    func logs(rules: String, status: String, letters: String) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(servers: ["s 127.0.0.1:\(server.port)"], frontend: rules)
        _ = try RawSocket(connectingTo: edge.port).exchange("/logged")
        let line = try await edge.logLine("/logged")
        #expect(line.contains(status) && line.contains(" \(letters) "), "\(line)")
    }

    @Test func waitForBodyWaitsAndTimesOut() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(server.port)"], frontend: "http-request wait-for-body time 300ms at-least 4")
        let slow = try RawSocket(connectingTo: edge.port)
        slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\nabc")
        let answer = String(decoding: slow.receiveAll().bytes, as: UTF8.self)
        #expect(answer.contains("HTTP/1.1 408 Request Time-out\r\n"), "\(answer)")
        #expect(try await edge.logLine("/slow").contains(" 408 "))
        #expect(server.received.isEmpty)
        let enough = try RawSocket(connectingTo: edge.port)
        enough.send("POST /enough HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd")
        #expect(String(decoding: enough.receiveAll().bytes, as: UTF8.self).hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
}
