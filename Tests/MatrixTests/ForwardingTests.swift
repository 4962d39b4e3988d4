import Foundation
import TestSupport
import Testing

/// A client program in one version of HTTP.
enum Client: String, CaseIterable, Sendable {
    case h1, h1tls, h2, h2c, h3

    struct Answer { var status: Int, body: String, size: Int }

    /// Fetches `path` from the edge; `upload` is the size of a POST's body.
    func fetch(_ path: String, _ edge: Edge, upload: Int? = nil, method: String? = nil) async throws -> Answer {
        if self == .h3 { return try await fetchH3(path, edge, upload: upload, method: method) }
        let isTLS = self == .h1tls || self == .h2
        let url = isTLS ? "https://localhost:\(edge.securePort)\(path)" : "http://127.0.0.1:\(edge.port)\(path)"
        var arguments = ["-s", "--max-time", "20", "-w", "\n%{http_code} %{size_download}"]
        switch self {
        case .h1, .h1tls: arguments.append("--http1.1")
        case .h2: arguments.append("--http2")
        case .h2c: arguments.append("--http2-prior-knowledge")
        case .h3: break
        }
        arguments += [
            "--cacert", try await TestCertificates.authority(), "--resolve", "localhost:\(edge.securePort):127.0.0.1",
        ]
        var input = Data()
        if let upload {
            arguments += ["--data-binary", "@-"]
            input = Data(repeating: 65, count: upload)
        }
        if method == "HEAD" { arguments.append("-I") } else if let method { arguments += ["-X", method] }
        let result = try await ChildProcess.run("curl", arguments + [url], input: input)
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        let numbers = (lines.last ?? "").split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 2 else {
            throw SupportError.failed(
                command: "curl \(url)", status: result.status, output: result.output + result.errors)
        }
        return Answer(status: numbers[0], body: lines.dropLast().joined(separator: "\n"), size: numbers[1])
    }

    /// The status of a HEAD request.
    func head(_ path: String, _ edge: Edge) async throws -> Int {
        guard self == .h3 else { return try await fetch(path, edge, method: "HEAD").status }
        // aioquic takes the content-length of an answer to HEAD for a broken message: curl's own HTTP/3 does not.
        let result = try await ChildProcess.run(
            Repository.path(".build/peers/bin/python"),
            [
                Repository.path("interop/clients/curl_h3.py"), "https://127.0.0.1:\(edge.securePort)\(path)",
                "--method", "HEAD",
            ])
        struct Report: Decodable { let status: Int? }
        return try JSONDecoder().decode(Report.self, from: Data(result.output.utf8)).status ?? 0
    }

    private func fetchH3(_ path: String, _ edge: Edge, upload: Int?, method: String?) async throws -> Answer {
        var arguments = ["--ca", try await TestCertificates.authority(), "--show-body"]
        if let upload { arguments += ["--body", "\(upload)", "--method", "POST"] }
        if let method { arguments += ["--method", method] }
        let report = try await Aioquic.get("https://localhost:\(edge.securePort)\(path)", arguments)
        let response = try #require(report.responses?.first, "\(report.error ?? "no response")")
        return Answer(status: response.status ?? 0, body: response.body ?? "", size: response.bodyBytes)
    }
}

@Suite("Every client version in front of HTTP/1.1 servers") struct ForwardingTests {
    @Test("Small and large bodies, statuses, uploads, HEAD", arguments: Client.allCases, [false, true])
    func exchanges(client: Client, secureServer: Bool) async throws {
        let origin = try await OriginProcess()
        let server = secureServer ? "s1 127.0.0.1:\(origin.securePort) ssl verify none" : "s1 127.0.0.1:\(origin.port)"
        let edge = try await Edge(servers: [server])
        let small = try await client.fetch("/?s=34", edge)
        #expect(small.status == 200)
        #expect(small.size == 34)
        let large = try await client.fetch("/?s=3m", edge)
        #expect(large.size == 3 << 20)
        let chunked = try await client.fetch("/?s=300k&k=1", edge)
        #expect(chunked.size == 300 << 10)
        #expect(try await client.fetch("/?s=5&r=404", edge).status == 404)
        #expect(try await client.fetch("/healthz", edge).status == 204)
        let upload = try await client.fetch("/", edge, upload: 2_000_000)
        #expect(upload.body.contains("2000000 bytes received"))
        #expect(try await client.head("/?s=1000", edge) == 200)
        let line = try await edge.logLine("/?s=34 ")
        #expect(line.contains(" back/s1 "))
        #expect(line.contains(" 200 "))
        #expect(line.contains(" ---- "))
        #expect(try await edge.process.stop() == 0)
    }

    @Test("HTTP/3 is offered on TLS answers and the request says where it came from") func altSvc() async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(origin.port)"], frontend: "option forwardfor")
        let result = try await ChildProcess.run(
            "curl", ["-sk", "-D", "-", "https://127.0.0.1:\(edge.securePort)/echo"])
        #expect(result.output.contains("alt-svc: h3=\":\(edge.securePort)\""))
        #expect(result.output.contains("x-forwarded-for: 127.0.0.1"))
        let clear = try await ChildProcess.run("curl", ["-s", "-D", "-", "http://127.0.0.1:\(edge.port)/echo"])
        #expect(!clear.output.contains("alt-svc"))
    }

    @Test("Trailers pass from server to client", arguments: [Client.h1, .h2, .h3])
    func trailers(client: Client) async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(origin.port)"])
        let path = "/?s=100&T=x-check:sum42"
        switch client {
        case .h3:
            let report = try await Aioquic.get(
                "https://localhost:\(edge.securePort)\(path)", ["--ca", try await TestCertificates.authority()])
            #expect(report.responses?.first?.trailers == [["x-check", "sum42"]])
        case .h2:
            let result = try await ChildProcess.run("nghttp", ["-v", "https://127.0.0.1:\(edge.securePort)\(path)"])
            #expect(result.output.contains("x-check: sum42"))
        default:
            let raw = try RawSocket(connectingTo: edge.port)
            raw.send("GET \(path) HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n")
            #expect(
                String(decoding: await raw.blocking { $0.receiveAll() }.bytes, as: UTF8.self).contains(
                    "x-check: sum42\r\n\r\n"))
        }
    }

    @Test("Hundreds of streams on few connections are all answered", arguments: ["h2", "h3"])
    func manyStreams(version: String) async throws {
        let origin = try await OriginProcess()
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(origin.port)"])
        if version == "h2" {
            let result = try await ChildProcess.run(
                "h2load", ["-n", "600", "-c", "3", "-m", "20", "https://127.0.0.1:\(edge.securePort)/?s=2000"])
            #expect(result.output.contains("600 succeeded, 0 failed"))
        } else {
            let report = try await Aioquic.get(
                "https://localhost:\(edge.securePort)/?s=2000",
                ["--ca", try await TestCertificates.authority(), "--streams", "80", "--rounds", "3"])
            #expect(report.responses?.count == 240)
            #expect(report.responses?.allSatisfy { $0.status == 200 && $0.bodyBytes == 2000 } == true)
        }
    }
}
