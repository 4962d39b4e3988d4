import Foundation
import TestSupport
import Testing

/// gRPC's own client and server (grpcio of PyPI) through the proxy: calls of all four kinds, errors, a deadline.
@Suite("gRPC") struct GRPCTests {
    private struct Outcome: Decodable, Equatable {
        var unary: String
        var head: String
        var tail: String
        var large: Int
        var down: Int
        var up: Int
        var both: Bool
        var fail: [String]
        var missing: String
        var deadline: String
        var after: String
    }

    private static let expected = Outcome(
        unary: "olleh", head: "first", tail: "last", large: 3_000_000, down: 500, up: 1_000_000, both: true,
        fail: ["FAILED_PRECONDITION", "not ready"], missing: "UNIMPLEMENTED", deadline: "DEADLINE_EXCEEDED",
        after: "cba")

    private static let python = Repository.path(".build/peers/bin/python")
    private static let script = Repository.path("interop/clients/grpc_calls.py")

    private static func server() async throws -> (ChildProcess, port: Int) {
        let port = try Ports.free()
        let process = try ChildProcess(python, [script, "serve", "\(port)"])
        try await process.ready("the gRPC server") { process.output.contains("ready") }
        return (process, port)
    }

    /// - Parameter isSecure: over TLS with ALPN; else HTTP/2 in clear.
    @Test("Calls of every kind through HTTP/2", arguments: [false, true]) func calls(isSecure: Bool) async throws {
        let (server, port) = try await Self.server()
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(port) proto h2"])
        let target = isSecure ? "localhost:\(edge.securePort)" : "127.0.0.1:\(edge.port)"
        let authority = isSecure ? ["--ca", try await TestCertificates.authority()] : []
        let result = try await ChildProcess.run(
            Self.python, [Self.script, "call", target] + authority, within: .seconds(90))
        let outcome = try? JSONDecoder().decode(Outcome.self, from: Data(result.output.utf8))
        #expect(outcome == Self.expected, "\(result.output) \(result.errors)")
        withExtendedLifetime(server) {}
    }

    /// No gRPC client speaks HTTP/3: a message in its frame, and the status in the trailers.
    @Test("A call through HTTP/3") func http3() async throws {
        let (server, port) = try await Self.server()
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(port) proto h2"])
        // One message of three bytes, `abc`.
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/test.Echo/Unary",
            [
                "--ca", try await TestCertificates.authority(), "--method", "POST", "--body-hex", "0000000003616263",
                "-H",
                "content-type: application/grpc", "-H", "te: trailers", "--show-body",
            ])
        let response = try #require(report.responses?.first, "\(report)")
        #expect(response.status == 200)
        #expect(response.trailers.contains(["grpc-status", "0"]), "\(response)")
        #expect(response.trailers.contains(["x-tail", "last"]))
        #expect(response.bodyBytes == 8)
        withExtendedLifetime(server) {}
    }
}
