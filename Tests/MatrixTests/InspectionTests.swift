import Foundation
import Glibc
import TestSupport
import Testing

/// What rules read of bytes that nobody has taken for a message yet, and what they make of the connection.
@Suite("tcp-request content: HTTP in TCP mode, untouched TLS, switch-mode") struct InspectionTests {
    @Test("Fetches of HTTP read the bytes of a TCP connection") func rawHTTP() async throws {
        let one = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
        let two = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo")
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(one.port)\nbackend two\nserver s 127.0.0.1:\(two.port)"],
            frontend: """
                tcp-request inspect-delay 5s
                tcp-request content reject if !{ req.proto_http }
                tcp-request content reject if { path_beg /no } or { method PUT }
                use_backend two if { req.hdr(host) b.test } { req.ver 1.1 }
                """, defaults: "mode tcp\noption tcplog")
        /// What the client gets, or nil when the connection is closed without an answer.
        func answer(_ pieces: [String]) async throws -> String? {
            let client = try RawSocket(connectingTo: edge.port)
            return await client.blocking { client in
                for piece in pieces {
                    client.send(piece)
                    // The rules look at each piece by itself.
                    if pieces.count > 1 { usleep(50_000) }
                }
                return client.receive(through: "\r\n\r\n")?.contains("200 OK") == true ? "answer" : nil
            }
        }
        #expect(try await answer(["GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"]) == "answer")
        #expect(try await answer(["GET / HT", "TP/1.1\r\nHost: b.t", "est\r\n\r\n"]) == "answer")
        #expect(try await answer(["GET /no HTTP/1.1\r\nHost: a.test\r\n\r\n"]) == nil)
        #expect(try await answer(["PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"]) == nil)
        #expect(try await answer(["no request\r\n\r\n"]) == nil)
        #expect(try await answer(["GET / FTP/1.1\r\n"]) == nil)
        #expect(one.received.count == 1 && two.received.count == 1)
        // The bytes go on as they came.
        #expect(two.received.first == "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
    }

    @Test("Untouched TLS is routed by its server name") func serverName() async throws {
        let origins = [try await OriginProcess(), try await OriginProcess()]
        let edge = try await Edge(
            servers: [
                "s 127.0.0.1:\(origins[0].securePort)\nbackend two\nserver s 127.0.0.1:\(origins[1].securePort)\nbackend none"
            ],
            frontend: """
                tcp-request inspect-delay 5s
                tcp-request content set-var(sess.sni) req.ssl_sni if { req.ssl_hello_type 1 }
                tcp-request content accept if { req.ssl_hello_type 1 }
                tcp-request content reject
                use_backend two if { req.ssl_sni -i TWO.test }
                use_backend none if { req.ssl_sni -m end .none }
                log-format "sni=%[var(sess.sni)] %b %ts"
                """, defaults: "mode tcp")
        func get(_ name: String) async throws -> ChildProcess.Result {
            try await ChildProcess.run(
                "curl",
                [
                    "-sk", "--max-time", "5", "--connect-to", "::127.0.0.1:\(edge.port)", "-w", "%{http_code}",
                    "-o", "/dev/null", "https://\(name)/",
                ])
        }
        #expect(try await get("one.test").output == "200")
        #expect(try await edge.logLine("sni=one.test") == "sni=one.test back --")
        #expect(try await get("two.test").output == "200")
        #expect(try await edge.logLine("sni=two.test").hasSuffix(" two --"))
        #expect(try await get("x.none").output == "000")
        // A client that speaks no TLS does not wait for the end of the inspection.
        let clear = try RawSocket(connectingTo: edge.port)
        clear.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let end = await clear.blocking { $0.receiveAll() }
        #expect(end.bytes.isEmpty && end.end != .timeout)
    }

    @Test("switch-mode makes HTTP of TCP, and so does a backend of HTTP") func upgrade() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let ports = [try Ports.free(), try Ports.free(), try Ports.free()]
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend asked
                mode tcp
                bind 127.0.0.1:\(ports[0])
                tcp-request inspect-delay 5s
                tcp-request content set-var(txn.a) str(kept)
                tcp-request content set-var(txn.mode) internal.strm.is_htx,iif(http,tcp)
                tcp-request content switch-mode http if HTTP
                tcp-request content reject
                http-request set-header x-name %[fe_name]-%[var(txn.a)]-%[var(txn.mode)]
                http-request deny if { path /deny }
                default_backend b
                frontend implied
                mode tcp
                bind 127.0.0.1:\(ports[1])
                default_backend b
                frontend first
                mode tcp
                bind 127.0.0.1:\(ports[2])
                tcp-request inspect-delay 5s
                tcp-request content switch-mode http proto h1 if HTTP
                tcp-request content reject
                default_backend b
                backend b
                http-request set-header x-backend %[be_name]
                server s 127.0.0.1:\(server.port)
                """), in: try ListenerFolder())
        let one = try RawSocket(connectingTo: ports[0])
        for path in ["/a", "/b"] {
            one.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await one.blocking { $0.receive(through: "ok") }?.hasPrefix("HTTP/1.1 200 OK\r\n") == true)
        }
        try await eventually("two requests") { server.received.count == 2 }
        for (index, path) in ["/a", "/b"].enumerated() {
            #expect(server.received[index].hasPrefix("GET \(path) HTTP/1.1\r\n"))
            // The first exchange goes on from the one of TCP; later ones begin the rules anew.
            let mode = index == 0 ? "tcp" : "http"
            #expect(server.received[index].contains("x-name: asked-kept-\(mode)\r\n"), "\(server.received[index])")
        }
        #expect(try RawSocket(connectingTo: ports[0]).exchange("/deny").hasPrefix("HTTP/1.1 403 "))
        let h2 = try await ChildProcess.run(
            "curl", ["-s", "--http2-prior-knowledge", "-w", " %{http_version}", "http://127.0.0.1:\(ports[0])/h2"])
        #expect(h2.output == "ok 2")
        // No stream of HTTP/2 is the one that TCP's rules saw.
        #expect(server.received.last?.contains("x-name: asked-kept-http\r\n") == true)
        let noHTTP = try RawSocket(connectingTo: ports[0])
        noHTTP.send("\u{16}\u{3}\u{1}junk")
        #expect(await noHTTP.blocking { $0.receiveAll() }.bytes.isEmpty)
        let implied = try RawSocket(connectingTo: ports[1]).exchange("/implied")
        #expect(implied.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(implied)")
        #expect(server.received.last?.contains("x-backend: b\r\n") == true)
        let bad = try RawSocket(connectingTo: ports[1])
        bad.send("GET / BAD-VERSION\r\n\r\n")
        #expect(
            String(decoding: await bad.blocking { $0.receiveAll() }.bytes, as: UTF8.self).hasPrefix("HTTP/1.1 400 "))
        // With `proto h1` HTTP/2 is not spoken.
        let preface = try RawSocket(connectingTo: ports[2])
        preface.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        let refused = String(decoding: await preface.blocking { $0.receiveAll() }.bytes, as: UTF8.self)
        #expect(refused.hasPrefix("HTTP/1.1 405 "), "\(refused)")
        #expect(edge.process.exitStatus == nil)
    }
}
