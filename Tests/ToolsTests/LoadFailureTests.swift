import Foundation
import TestSupport
import Testing

/// portico-load when things go wrong.
@Suite struct LoadFailureTests {
    /// A server that writes out each connection's first line, answers it with `answer` and closes.
    private func server(_ answer: String) async throws -> (ChildProcess, url: String) {
        let port = try Ports.free()
        let program = """
            import socket, sys
            listener = socket.create_server(("127.0.0.1", \(port)))
            while True:
                connection, _ = listener.accept()
                request = connection.recv(65536)
                if request:
                    print(request.decode("latin-1").split("\\r")[0], flush=True)
                    connection.sendall(sys.argv[1].encode().decode("unicode_escape").encode("latin-1"))
                connection.close()
            """
        let child = try ChildProcess("python3", ["-c", program, answer])
        try await child.ready("the port") { Ports.listens(port) }
        return (child, "http://127.0.0.1:\(port)/")
    }

    @Test(
        arguments: [
            ("HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nabc", "truncated"),
            ("", "reset"),
            ("HTTP/1.1 200 OK\\r\\nContent-Length: x\\r\\n\\r\\nabc", "invalid"),
        ])
    func brokenResponses(answer: String, kind: String) async throws {
        let (process, url) = try await server(answer)
        let (result, exit) = try await Load.result(["-n", "3"], url: url)
        #expect(exit == 1)
        #expect(result.failed == 3)
        #expect(result.requests == 3)
        #expect(result.completed == 0)
        #expect(result.errors[kind] == 3)
        try await process.stop()
    }

    /// In HTTP/1.1 a server, other than a proxy, is asked for the path alone (RFC 9112 section 3.2.1).
    @Test func originForm() async throws {
        let (process, url) = try await server(
            "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        let (result, exit) = try await Load.result(["-n", "1"], url: url + "a?b=c")
        #expect(exit == 0 && result.completed == 1)
        #expect(process.output == "GET /a?b=c HTTP/1.1\n")
        try await process.stop()
    }

    @Test(arguments: Way.allCases) func timeouts(way: Way) async throws {
        let (result, exit) = try await Load.result(
            way, "/?s=1&t=20000", ["-n", "4", "-m", way.isHTTP1 ? "1" : "2", "--timeout", "2"])
        #expect(exit == 1)
        #expect(result.errors["timeout"] == 4)
        #expect(result.failed == 4)
        #expect(result.completed == 0)
    }

    @Test func unreachableServer() async throws {
        let port = try Ports.free()
        let run = try await Load.run(["-n", "3", "http://127.0.0.1:\(port)/"])
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errors == "portico-load: cannot connect to 127.0.0.1:\(port): connect: Connection refused\n")
    }

    @Test func unreachableQUICServer() async throws {
        let port = try Ports.free()
        let run = try await Load.run(["--http3", "--insecure", "-n", "3", "https://127.0.0.1:\(port)/"])
        #expect(run.status == 1)
        #expect(run.errors.hasPrefix("portico-load: cannot connect to 127.0.0.1:\(port): "))
        #expect(run.errors.contains("Connection refused"))
    }

    /// Something listens there, and never answers.
    @Test func silentQUICServer() async throws {
        let port = try Ports.free()
        let program = """
            import socket
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener.bind(("127.0.0.1", \(port)))
            while True: listener.recv(65536)
            """
        let process = try ChildProcess("python3", ["-c", program])
        try await process.ready("the port") { Ports.listensUDP(port) }
        let run = try await Load.run(
            ["--http3", "--insecure", "--timeout", "0.5", "-n", "3", "https://127.0.0.1:\(port)/"])
        #expect(run.status == 1)
        #expect(run.errors == "portico-load: cannot connect to 127.0.0.1:\(port): no answer in time\n")
        try await process.stop()
    }

    @Test func unknownHost() async throws {
        let run = try await Load.run(["-n", "3", "http://nowhere.invalid/"])
        #expect(run.status == 1)
        #expect(run.errors.hasPrefix("portico-load: cannot find nowhere.invalid: "))
    }

    @Test(arguments: [Way.http1TLS, .http2TLS, .http3]) func strangersCertificate(way: Way) async throws {
        let other = FileManager.default.temporaryDirectory.appending(path: "portico-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: other) }
        let authority = other.appending(path: "ca.pem").path()
        let made = try await ChildProcess.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other",
                "-days", "2", "-keyout", other.appending(path: "key.pem").path(), "-out", authority,
            ])
        #expect(made.status == 0)
        let url = way.url(try await Origin.shared(), "/")
        let version = way == .http3 ? "--http3" : way == .http2TLS ? "--http2" : "--http1"
        let run = try await Load.run([version, "-n", "3", "--ca", authority, url])
        #expect(run.status == 1)
        #expect(run.errors.hasPrefix("portico-load: cannot connect to localhost:"))
    }

    /// A server of HTTP/1 only.
    @Test func serverWithoutHTTP2() async throws {
        let port = try Ports.free()
        let certificate = try await TestCertificates.file()
        let process = try ChildProcess(
            "openssl",
            ["s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", certificate, "-www", "-quiet"])
        try await process.ready("the port") { Ports.listens(port) }
        let run = try await Load.run(["--http2", "--insecure", "-n", "3", "https://127.0.0.1:\(port)/"])
        #expect(run.status == 1)
        #expect(run.errors.contains("the server does not speak HTTP/2 here (ALPN)"))
        try await process.stop()
    }

    /// The server goes away in the middle of the load: no request is lost from the counts, and the load goes on trying.
    @Test func serverThatEnds() async throws {
        let origin = try await Origin()
        let load = try ChildProcess(
            Repository.program("portico-load"),
            ["-d", "60", "-c", "2", "--json", "-", "http://127.0.0.1:\(origin.clear)/?s=1"])
        try await running(load, connections: 2)
        try await origin.stop()
        try await Task.sleep(for: .seconds(1))
        load.signal(SIGINT)
        let run = try await load.result(within: .seconds(30))
        #expect(run.status == 1)
        let result = try Load.decode(run)
        #expect((result.errors["connect"] ?? 0) > 0)
        #expect(result.requests == result.completed + result.failed)
    }

    /// Waits until a load has its connections.
    private func running(_ load: ChildProcess, connections: Int) async throws {
        try await load.ready("the connections", within: .seconds(30)) {
            let folder = "/proc/\(load.pid)/fd"
            let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            let links = files.compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
            }
            return links.count { $0.hasPrefix("socket:") } >= connections
        }
        // They may be on their way yet.
        try await Task.sleep(for: .milliseconds(500))
    }

    @Test func interruptionShowsTheResult() async throws {
        let origin = try await Origin.shared()
        let load = try ChildProcess(
            Repository.program("portico-load"), ["-d", "60", "--json", "-", Way.http1.url(origin, "/?s=1")])
        try await running(load, connections: 1)
        load.signal(SIGINT)
        let run = try await load.result(within: .seconds(20))
        #expect(run.status == 0)
        #expect(try Load.decode(run).completed > 0)
    }

    @Test(
        arguments: [
            ["-m", "2", "http://127.0.0.1/"], ["-n", "1", "-d", "1", "http://127.0.0.1/"], ["-c", "0", "http://a/"],
            ["ftp://127.0.0.1/"], ["http://"], ["http://a b/"], ["--http3", "http://127.0.0.1/"],
            ["-H", "no colon", "http://127.0.0.1/"], ["-H", "a: b\r\nc: d", "http://127.0.0.1/"],
            ["-H", "Transfer-Encoding: chunked", "http://127.0.0.1/"], ["-X", "A B", "http://127.0.0.1/"],
            ["--body", "5x", "http://127.0.0.1/"], ["-r", "0", "http://127.0.0.1/"], [],
        ])
    func usage(arguments: [String]) async throws {
        let run = try await Load.run(arguments)
        #expect(run.status == 64)
        #expect((run.output + run.errors).lowercased().contains("usage: portico-load"))
    }
}
