import Foundation
import TestSupport
import Testing

@Suite("TLS of a bind line") struct ListenerTLSTests {
    /// A process with one TLS port; `options` follow `ssl`.
    private static func edge(_ options: String) async throws -> (ListenerProcess, Int) {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen edge
                bind 127.0.0.1:\(port) ssl \(options)
                server s1 127.0.0.1:1
                """), in: ListenerFolder())
        return (process, port)
    }

    /// What `openssl s_client` reports of a handshake.
    private static func client(_ port: Int, _ arguments: [String] = []) async throws -> String {
        let result = try await ChildProcess.run(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(port)"] + arguments)
        return result.output + result.errors
    }

    @Test(
        "SNI chooses the certificate: exact, wildcard, default",
        arguments: [
            (["-servername", "localhost"], "localhost"), (["-servername", "EXAMPLE.test"], "example.test"),
            (["-servername", "www.example.test"], "example.test"), (["-servername", "a.b.example.test"], "localhost"),
            (["-servername", "unknown.test"], "localhost"), (["-noservername"], "localhost"),
        ])
    func serverNames(arguments: [String], name: String) async throws {
        let files = try await [
            TestCertificates.file("localhost", "ecdsa"), TestCertificates.file("example.test", "rsa"),
        ]
        let (edge, port) = try await Self.edge("crt \(files[0]) crt \(files[1])")
        #expect(try await Self.client(port, arguments).contains("subject=O = Portico, CN = \(name)"))
        #expect(edge.process.exitStatus == nil)
    }

    @Test("default-crt answers unknown names, wherever it stands") func defaultCertificate() async throws {
        let files = try await [TestCertificates.file("localhost"), TestCertificates.file("example.test")]
        let (edge, port) = try await Self.edge("crt \(files[0]) default-crt \(files[1])")
        #expect(try await Self.client(port, ["-servername", "unknown.test"]).contains("CN = example.test"))
        #expect(try await Self.client(port, ["-servername", "localhost"]).contains("CN = localhost"))
        #expect(edge.process.exitStatus == nil)
    }

    @Test(
        "A client gets the key type that it can verify",
        arguments: [
            ("RSA-PSS+SHA256:RSA+SHA256", "-tls1_3", "RSA-PSS"), ("ECDSA+SHA256", "-tls1_3", "ECDSA"),
            ("RSA+SHA256", "-tls1_2", "RSA"), ("ECDSA+SHA256", "-tls1_2", "ECDSA"),
            ("ECDSA+SHA256:RSA-PSS+SHA256", "-tls1_3", "ECDSA"),
        ])
    func keyTypes(algorithms: String, version: String, kind: String) async throws {
        let (edge, port) = try await Self.edge("crt \(try await TestCertificates.directory())")
        let report = try await Self.client(
            port, ["-servername", "localhost", "-sigalgs", algorithms, version])
        #expect(report.contains("Peer signature type: \(kind)\n"), "\(report)")
        #expect(edge.process.exitStatus == nil)
    }

    @Test(
        "ssl-min-ver and ssl-max-ver",
        arguments: [
            ("ssl-min-ver TLSv1.3", "-tls1_2", false), ("ssl-min-ver TLSv1.3", "-tls1_3", true),
            ("ssl-max-ver TLSv1.2", "-tls1_3", false), ("ssl-max-ver TLSv1.2", "-tls1_2", true),
            ("", "-tls1_2", true), ("", "-tls1_3", true),
        ])
    func versions(options: String, version: String, isAccepted: Bool) async throws {
        let (edge, port) = try await Self.edge("crt \(try await TestCertificates.file()) \(options)")
        let report = try await Self.client(port, [version])
        #expect(report.contains("Peer signature type") == isAccepted, "\(report)")
        if !isAccepted {
            #expect(report.contains("alert protocol version"))
            #expect(try await edge.logLine("edge/1: SSL handshake failure (").contains("protocol"))
        }
    }

    @Test(
        "alpn: given, by default, and none",
        arguments: [
            ("", "h2,http/1.1", "ALPN protocol: h2"), ("", "http/1.1", "ALPN protocol: http/1.1"),
            ("alpn http/1.1", "h2,http/1.1", "ALPN protocol: http/1.1"),
            ("alpn h2", "http/1.1,h2", "ALPN protocol: h2"), ("no-alpn", "h2,http/1.1", "No ALPN negotiated"),
        ])
    func protocols(options: String, offer: String, report: String) async throws {
        let (edge, port) = try await Self.edge("crt \(try await TestCertificates.file()) \(options)")
        #expect(try await Self.client(port, ["-alpn", offer]).contains(report))
        #expect(edge.process.exitStatus == nil)
    }

    @Test("strict-sni refuses unknown names and none") func strictSNI() async throws {
        let (edge, port) = try await Self.edge("crt \(try await TestCertificates.file()) strict-sni")
        #expect(try await Self.client(port, ["-servername", "localhost"]).contains("CN = localhost"))
        for arguments in [["-servername", "unknown.test"], ["-noservername"]] {
            let report = try await Self.client(port, arguments)
            #expect(report.contains("no peer certificate available"), "\(report)")
        }
        #expect(try await edge.logLine("SSL handshake failure").contains(" edge/1: "))
    }
}
