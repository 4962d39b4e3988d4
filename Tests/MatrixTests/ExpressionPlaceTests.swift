import TestSupport
import Testing

/// What expressions see that only a whole process has. The values are HAProxy 3.5-dev5's.
@Suite("Expressions in a process") struct ExpressionPlaceTests {
    @Test func whatIsReadLaterCountsToo() async throws {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            #"""
            defaults
                mode http
                timeout client 5s
            frontend f
                bind 127.0.0.1:\#(port)
                option http-use-proxy-header
                acl a always_true
                acl b acl(a)
                acl c acl(!b)
                acl d acl(b,!c)
                http-request return status 200 hdr x-acl "%[acl(a)]%[acl(b)]%[acl(c)]%[acl(d)]%[acl(TRUE)]" hdr x-env "%[env(LATE)]" hdr x-user "%[http_auth_user]" hdr x-json "%[str(-\xE0-),json(utf8s)]"
                http-after-response set-header x-blank "a "
            global
                setenv LATE here

            """#, in: ListenerFolder())
        // Whoever knows of the proxy shows it other credentials.
        let rows = [("/", "own"), ("http://a/", "proxy")]
        for (target, user) in rows {
            let socket = try RawSocket(connectingTo: port)
            socket.send(
                "GET \(target) HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic b3duOng=\r\n"
                    + "Proxy-Authorization: Basic cHJveHk6eA==\r\n\r\n")
            let answer = String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            #expect(answer.contains("\r\nx-acl: 11011\r\n") && answer.contains("\r\nx-env: here\r\n"), "\(answer)")
            #expect(answer.contains("\r\nx-user: \(user)\r\n") && answer.contains("\r\nx-json: --\r\n"), "\(answer)")
            #expect(answer.contains("\r\nx-blank: a \r\n"), "\(answer)")
        }
        #expect(process.process.exitStatus == nil)
    }

    @Test(
        "What an option lets pass",
        arguments: [
            ("GET /a#b HTTP/1.1\r\nHost: a\r\n", "/a#b"), ("GET /é HTTP/1.1\r\nHost: a\r\n", "/é"),
            ("GET / HTTP/1.1\r\nHost: a\r\nX(y: z\r\n", "/"), ("GET http://a/ HTTP/1.1\r\nHost: b\r\n", "http://a/"),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", "/"),
        ])
    func violations(request: String, url: String) async throws {
        for isAllowed in [false, true] {
            let port = try Ports.free()
            let process = try await ListenerProcess(
                ListenerProcess.sections(
                    """
                    frontend f
                    bind 127.0.0.1:\(port)
                    \(isAllowed ? "option accept-unsafe-violations-in-http-request" : "")
                    http-request return status 200 content-type text/plain lf-string %[url]
                    """), in: ListenerFolder())
            let socket = try RawSocket(connectingTo: port)
            socket.send(request + "Connection: close\r\n\r\n")
            let answer = String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            #expect(answer.hasPrefix(isAllowed ? "HTTP/1.1 200 " : "HTTP/1.1 400 "), "\(answer)")
            if isAllowed { #expect(answer.hasSuffix("\r\n\r\n\(url)"), "\(answer)") }
            #expect(process.process.exitStatus == nil)
        }
    }
}
