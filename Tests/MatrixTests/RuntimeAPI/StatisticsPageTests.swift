import Foundation
import TestSupport
import Testing

@Suite("The statistics page") struct StatisticsPageTests {
    /// Asks for a path on a connection of its own.
    private func get(_ path: String, _ port: Int, method: String = "GET", fields: String = "") async throws -> String {
        let socket = try RawSocket(connectingTo: port)
        return await socket.blocking { socket in
            socket.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(fields)\r\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
    }

    private func body(_ answer: String) -> String {
        answer.split(separator: "\r\n\r\n", maxSplits: 1).last.map(String.init) ?? ""
    }

    @Test("page, CSV, JSON and typed data, without a stats socket") func formats() async throws {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port)
                stats uri /admin/stats
                stats refresh 3s
                stats show-desc edge <one>
                default_backend back
                backend back
                server s1 127.0.0.1:1
                server s2 127.0.0.1:1 disabled
                """), in: try ListenerFolder())
        let page = try await get("/admin/stats", port)
        #expect(page.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(page.contains("content-type: text/html; charset=utf-8\r\n"))
        #expect(page.contains("cache-control: no-cache\r\n"))
        #expect(page.contains("content-security-policy: default-src 'none'"))
        #expect(page.contains("data-refresh=\"3\"") && page.contains("edge &lt;one&gt;"))
        #expect(page.contains("<b>s2</b>") && !page.contains("<one>"))
        #expect(page.hasSuffix("</html>\n"))
        // Nothing is loaded from elsewhere.
        #expect(page.firstMatch(of: #/(src|href)="?(https?:|\/\/)/#) == nil)
        #expect(try await get("/admin/stats;norefresh", port).contains("data-refresh=\"0\""))
        let csv = body(try await get("/admin/stats;csv", port))
        #expect(csv.hasPrefix("# pxname,svname,qcur,"))
        #expect(
            csv.split(separator: "\n").map { $0.prefix { $0 != "," } } == ["# pxname", "web", "back", "back", "back"])
        #expect(body(try await get("/admin/stats;csv;no-maint", port)).contains(",s2,") == false)
        let json = try JSONSerialization.jsonObject(with: Data(body(try await get("/admin/stats;json", port)).utf8))
        #expect((json as? [[[String: Any]]])?.count == 4)
        #expect(body(try await get("/admin/stats;typed", port)).contains("S.3.1.1.svname.1:KNSV:str:s1\n"))
        // They are counted as answers of the proxy itself.
        #expect(body(try await get("/admin/stats;typed", port)).contains("80.intercepted.1:MCPP:u64:7\n"))
        // Only the head for HEAD, and no other method; other paths go to the backend.
        let head = try await get("/admin/stats", port, method: "HEAD")
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && body(head + "x") == "x")
        // Not the page's: it goes on as any other request.
        #expect(try await get("/admin/stats", port, method: "DELETE").hasPrefix("HTTP/1.1 503 "))
        #expect(try await get("/other", port).hasPrefix("HTTP/1.1 503 "))
        try await process.process.stop()
    }

    @Test("stats http-request: the first rule that holds decides; the answers are HAProxy's") func rules() async throws
    {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                userlist staff
                user ann insecure-password secret
                listen both
                bind 127.0.0.1:\(port)
                option httplog
                stats enable
                stats uri /st
                stats http-request deny if { path_end /deny }
                stats http-request allow if { path_end /allow } || { http_auth(staff) }
                stats http-request auth realm Two\\ words
                """), in: try ListenerFolder())
        #expect(try await get("/st/allow", port).hasPrefix("HTTP/1.1 200 "))
        // As HAProxy logs it, but for the bytes.
        #expect(
            try await process.logLine("/st/allow").contains(#/ both both\/<STATS> 0\/0\/0\/0\/\d+ 200 \d+ - - LR-- /#))
        let denied = try await get("/st/deny", port)
        #expect(denied.hasPrefix("HTTP/1.1 403 Forbidden\r\n") && denied.contains("content-length: 93\r\n"))
        #expect(try await process.logLine("/st/deny").contains(" PR-- "))
        let asked = try await get("/st", port)
        #expect(asked.hasPrefix("HTTP/1.1 401 Unauthorized\r\n") && asked.contains("content-length: 112\r\n"))
        #expect(asked.contains("www-authenticate: Basic realm=\"Two words\"\r\n"))
        let credentials = Data("ann:secret".utf8).base64EncodedString()
        #expect(
            try await get("/st", port, fields: "Authorization: Basic \(credentials)\r\n").hasPrefix("HTTP/1.1 200 "))
    }

    @Test("users, scope and the page of a listen section") func access() async throws {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen both
                bind 127.0.0.1:\(port)
                stats enable
                stats realm My\\ Realm
                stats auth ann:s3cret
                stats auth bob:two:parts
                stats scope .
                stats hide-version
                backend other
                server s1 127.0.0.1:1
                """), in: try ListenerFolder())
        func authorization(_ text: String) -> String {
            "Authorization: Basic \(Data(text.utf8).base64EncodedString())\r\n"
        }
        let path = "/haproxy?stats"
        let refused = try await get(path, port)
        #expect(refused.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
        #expect(refused.contains("www-authenticate: Basic realm=\"My Realm\"\r\n"))
        for (credentials, isKnown) in [
            ("ann:s3cret", true), ("bob:two:parts", true), ("ann:s3cre", false), ("ann:s3cret1", false), ("", false),
            ("ann", false), ("bob:s3cret", false),
        ] {
            let answer = try await get(path + ";csv", port, fields: authorization(credentials))
            #expect(answer.hasPrefix("HTTP/1.1 \(isKnown ? 200 : 401) "), "\(credentials)")
            #expect(answer.contains("\nother,") == false)
        }
        #expect(try await get(path, port, fields: "Authorization: Basic !!!\r\n").hasPrefix("HTTP/1.1 401 "))
        #expect(try await get(path, port, fields: authorization("ann:s3cret")).contains("speaks HAProxy") == false)
        try await process.process.stop()
    }
}
