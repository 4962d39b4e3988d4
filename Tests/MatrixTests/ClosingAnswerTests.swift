import Foundation
import TestSupport
import Testing

/// Answers that end the connection, and request targets in absolute form; the expected values are HAProxy's.
@Suite("Answers that close, targets in absolute form") struct ClosingAnswerTests {
    @Test(
        "An error that leaves the client's state unclear closes",
        arguments: [
            ("http-request deny deny_status 400", true), ("http-request deny deny_status 408", true),
            ("http-request return status 400 default-errorfiles", true), ("http-request deny", false),
            ("http-request return status 400 content-type a/b string x", false),
            ("http-request deny deny_status 500", false), ("http-response set-header connection close", true),
            ("http-request return status 404 errorfile FOLDER/close.http", true),
            ("http-error status 403 default-errorfiles\nhttp-request deny", false),
        ])
    func closes(rules: String, isClosed: Bool) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let folder = try ListenerFolder()
        try folder.write(
            "close.http", "HTTP/1.1 404 Gone\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                "listen l\nbind 127.0.0.1:\(port)\n\(rules)\nserver s 127.0.0.1:\(server.port)"), in: folder)
        let client = try RawSocket(connectingTo: port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let head = try #require(await client.blocking { $0.receive(through: "\r\n\r\n") })
        #expect(head.contains("connection: close\r\n") == isClosed, "\(head)")
        // An open connection takes another request.
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let rest = String(decoding: await client.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(rest.contains("HTTP/1.1 ") != isClosed, "\(rest)")
        #expect(edge.process.exitStatus == nil)
    }

    @Test(
        "A target in absolute form goes on as it is",
        arguments: [
            ("http://b.com/x?y", "b.com", "GET http://b.com/x?y HTTP/1.1\r\n", "host: b.com\r\n"),
            ("http://b.com:80/x", "b.com:80", "GET http://b.com/x HTTP/1.1\r\n", "host: b.com\r\n"),
            ("https://b.com:443/x", "b.com", "GET https://b.com/x HTTP/1.1\r\n", "host: b.com\r\n"),
            ("http://b.com:8080", "b.com:8080", "GET http://b.com:8080/ HTTP/1.1\r\n", "host: b.com:8080\r\n"),
            ("/x", "b.com", "GET /x HTTP/1.1\r\n", "host: b.com\r\n"),
        ])
    func absoluteForm(target: String, host: String, line: String, field: String) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(servers: ["s 127.0.0.1:\(server.port)"])
        let client = try RawSocket(connectingTo: edge.port)
        client.send("GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
        _ = await client.blocking { $0.receiveAll() }
        let seen = try #require(server.received.first)
        #expect(seen.hasPrefix(line) && seen.contains(field), "\(seen)")
        let other = try RawSocket(connectingTo: edge.port)
        other.send("GET http://b.com/x HTTP/1.1\r\nHost: c.com\r\n\r\n")
        let refused = String(decoding: await other.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(refused.hasPrefix("HTTP/1.1 400 "), "\(refused)")
    }

    @Test("Controls in what a format makes are written as %XX", arguments: ["set-header x-q", "add-header x-q"])
    func controls(action: String) async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(server.port)"],
            frontend: "http-request \(action) \"%[url_param(q),url_dec]\"\n"
                + "http-response set-header x-r \"%[capture.req.uri,regsub(.*q=,),url_dec]\"")
        for (sent, seen) in [
            ("a%0D%0AX:b", "a%0D%0AX:b"), ("a%00b", "a%00b"), ("a%01b", "a%01b"), ("a%09b", "a\tb"), ("a%7Fb", "a%7Fb"),
            ("a%20b", "a b"),
        ] {
            let answer = try RawSocket(connectingTo: edge.port).exchange("/p?q=\(sent)")
            #expect(answer.contains("\r\nx-r: \(seen)\r\n"), "\(answer)")
            #expect(server.received.last?.contains("\r\nx-q: \(seen)\r\n") == true, "\(server.received.last ?? "")")
        }
    }
}
