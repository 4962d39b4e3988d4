import TestSupport
import Testing

/// QUIC version 2 (RFC 9369), as another stack speaks it.
@Suite("QUIC version 2: the client's preference decides") struct QUICVersionTests {
    /// aioquic begins with version 1 in each case, and names both versions: with `--v2` the second one first.
    @Test(arguments: [([], "1"), (["--v2"], "1798521807")])
    func negotiates(options: [String], version: String) async throws {
        let edge = try await Edge(
            servers: [], frontend: "http-request return status 200 content-type text/plain lf-string %[quic_version]")
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/",
            ["--ca", try await TestCertificates.authority(), "--show-body"] + options)
        #expect(report.responses?.first?.body == version)
        #expect(report.closed == nil)
    }

    /// What the second connection resumes with is of the version that the first one came to.
    @Test func resumes() async throws {
        let edge = try await Edge(
            servers: [], frontend: "http-request return status 200 content-type text/plain lf-string %[quic_version]")
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/",
            ["--ca", try await TestCertificates.authority(), "--resume", "--no-early-data", "--show-body"])
        #expect(report.handshake?.resumed == true)
        #expect(report.responses?.first?.body == "1")
    }
}
