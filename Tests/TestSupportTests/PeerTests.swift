import Foundation
import TestSupport
import Testing

/// The peers work here, among themselves: when a test of Portico against one of them fails, it is not for that.
@Suite struct PeerTests {
    /// A folder with one file of 100,000 bytes.
    private func documents() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "portico-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(repeating: 0x61, count: 100_000).write(to: folder.appending(path: "file"))
        return folder
    }

    /// ngtcp2's server on a free port of 127.0.0.1.
    private func http3Server(_ folder: URL, _ arguments: [String] = []) async throws -> (ChildProcess, Int) {
        let port = try Ports.free()
        let pem = try await TestCertificates.file()
        let server = try ChildProcess(
            "gtlsserver", ["-q", "-d", folder.path()] + arguments + ["127.0.0.1", "\(port)", pem, pem])
        try await server.ready("the UDP port") { Ports.listensUDP(port) }
        return (server, port)
    }

    @Test func aioquicReadsFromNgtcp2() async throws {
        let folder = try documents()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (server, port) = try await http3Server(folder)
        let report = try await Aioquic.get(
            "https://localhost:\(port)/file", ["--ca", try await TestCertificates.authority(), "--streams", "3"])
        #expect(report.handshake?.alpn == "h3")
        #expect(report.responses?.map(\.status) == [200, 200, 200])
        #expect(report.responses?.allSatisfy { $0.ended && $0.bodyBytes == 100_000 } == true)
        #expect(report.responses?.first?["content-length"] == "100000")
        try await server.stop()
    }

    @Test func aioquicSeesAStrangersCertificate() async throws {
        let folder = try documents()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (server, port) = try await http3Server(folder)
        let report = try await Aioquic.get(
            "https://example.test:\(port)/file",
            ["--connect-to", "127.0.0.1:\(port)", "--ca", try await TestCertificates.authority()])
        #expect(report.handshake == nil)
        // 0x12a: a TLS alert 42, bad_certificate (RFC 9001 section 4.8).
        #expect(report.closed?.errorCode == 0x12a)
        try await server.stop()
    }

    @Test func curlReadsFromNgtcp2() async throws {
        let folder = try documents()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (server, port) = try await http3Server(folder)
        let result = try await ChildProcess.run(
            Repository.path(".build/peers/bin/python"),
            [
                Repository.path("interop/clients/curl_h3.py"), "https://127.0.0.1:\(port)/file", "--ca",
                try await TestCertificates.authority(),
            ])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("\"body_bytes\": 100000"))
        try await server.stop()
    }

    @Test func nghttpReadsFromNghttpd() async throws {
        let folder = try documents()
        defer { try? FileManager.default.removeItem(at: folder) }
        let port = try Ports.free()
        let pem = try await TestCertificates.file("localhost", "rsa")
        let server = try ChildProcess("nghttpd", ["-a", "127.0.0.1", "-d", folder.path(), "\(port)", pem, pem])
        try await server.ready("the port") { Ports.listens(port) }
        let result = try await ChildProcess.run("nghttp", ["-s", "-n", "https://127.0.0.1:\(port)/file"])
        #expect(result.status == 0)
        #expect(result.output.contains("200  97K /file"), "\(result.output)")
        let curl = try await ChildProcess.run(
            "curl",
            [
                "-sS", "--cacert", try await TestCertificates.authority(), "-o", "/dev/null", "-w",
                "%{http_version} %{size_download}", "https://localhost:\(port)/file",
            ])
        #expect(curl.output == "2 100000", "\(curl.errors)")
        try await server.stop()
    }
}
