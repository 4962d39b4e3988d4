import Foundation
import TestSupport
import Testing

/// Files of our own with the statements that published ones of well-known projects have. The expected values are what
/// HAProxy 3.5-dev5 made of the same requests.
@Suite("Statements of published files") struct PublishedFileTests {
    /// A home server behind TLS, as Matrix's documents have it: a host and paths choose the backend.
    @Test func aHomeServerBehindTLS() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 1",
                """
                frontend https
                bind 127.0.0.1:\(port) ssl crt \(certificates) alpn h2,http/1.1
                http-request set-header X-Forwarded-Proto https if { ssl_fc }
                http-request set-header X-Forwarded-Proto http if !{ ssl_fc }
                http-request set-header X-Forwarded-For %[src]
                acl home-host hdr(host) -i home.example.com
                acl home-path path_beg /_home
                acl home-path path_beg /_client/api
                use_backend home if home-host home-path
                backend home
                server home 127.0.0.1:\(server.port)
                """), in: ListenerFolder())
        let rows = [
            ("/_home/x", "home.example.com", "200"), ("/_client/api", "HOME.example.com", "200"),
            ("/_home/%41%2f", "home.example.com", "200"), ("/other", "home.example.com", "503"),
            ("/_home/x", "home.example.com:\(port)", "503"), ("/_home/x", "other.example.com", "503"),
        ]
        for (path, host, status) in rows {
            let result = try await ChildProcess.run(
                "curl",
                [
                    "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: \(host)", "-H",
                    "X-Forwarded-For: 6.6.6.6",
                    "https://127.0.0.1:\(port)\(path)",
                ])
            #expect(result.output == status, "\(host)\(path)")
        }
        let seen = server.received.joined()
        #expect(seen.contains("GET /_home/%41%2f HTTP/1.1\r\n"))
        #expect(seen.contains("x-forwarded-proto: https\r\n") && seen.contains("x-forwarded-for: 127.0.0.1\r\n"))
        #expect(!seen.contains("6.6.6.6"))
        #expect(edge.process.exitStatus == nil)
    }
}
