import Foundation
import TestSupport
import Testing

/// Rules that act before and at the start of QUIC connections.
@Suite("quic-initial, and rules of connections on QUIC") struct QUICRuleTests {
    private static func get(_ rules: String, timeout: Int = 3) async throws -> (Aioquic.Report, Edge) {
        let origin = try await OriginProcess()
        let edge = try await Edge(servers: ["s 127.0.0.1:\(origin.port)"], frontend: rules)
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/?s=9",
            ["--ca", try await TestCertificates.authority(), "--timeout", "\(timeout)"])
        return (report, edge)
    }

    @Test(
        "A connection comes about when rules let it",
        arguments: [
            "quic-initial accept\nquic-initial reject", "quic-initial send-retry",
            "quic-initial reject if { src 10.0.0.0/8 }", "quic-initial dgram-drop unless { dst 127.0.0.1 }",
            "tcp-request connection accept\ntcp-request session accept", "http-request wait-for-handshake",
            "quic-initial accept if { src 127.0.0.1 }\nquic-initial dgram-drop",
        ])
    func accepted(rules: String) async throws {
        let (report, _) = try await Self.get(rules)
        #expect(report.responses?.first?.status == 200, "\(report)")
    }

    @Test("reject tells the client CONNECTION_REFUSED") func rejected() async throws {
        let (report, _) = try await Self.get("quic-initial reject if { src 127.0.0.1 }")
        #expect(report.responses?.isEmpty ?? true)
        // RFC 9000 section 20.1.
        #expect(report.closed?.errorCode == 2, "\(report)")
    }

    @Test("dgram-drop says nothing") func dropped() async throws {
        let (report, _) = try await Self.get("quic-initial dgram-drop")
        #expect(report.handshake == nil && report.closed == nil, "\(report)")
    }

    @Test("Rules of connections and sessions refuse QUIC too", arguments: ["connection", "session"])
    func refused(set: String) async throws {
        let (report, edge) = try await Self.get("tcp-request \(set) reject if { src 127.0.0.1 }")
        #expect(report.responses?.contains { $0.status != nil } != true, "\(report)")
        #expect(report.closed != nil, "\(report)")
        #expect(edge.process.exitStatus == nil)
    }

    @Test("silent-drop leaves a QUIC client without a word") func vanishes() async throws {
        let (report, edge) = try await Self.get("http-request silent-drop")
        #expect(report.closed == nil, "\(report)")
        #expect(report.responses?.contains { $0.status != nil || $0.reset != nil } != true, "\(report)")
        #expect(try await edge.logLine("GET ").contains(" PR-- "))
    }

    @Test("OpenSSL and GnuTLS tell the same of a connection and its certificate") func sameFacts() async throws {
        let names = [
            "ssl_fc", "ssl_fc_protocol", "ssl_fc_cipher", "ssl_fc_sni", "ssl_fc_alg_keysize", "ssl_fc_use_keysize",
            "ssl_fc_has_crt", "ssl_fc_has_sni", "ssl_fc_has_early", "ssl_fc_is_resumed", "ssl_fc_protocol_hello_id,hex",
            "ssl_f_version", "ssl_f_serial,hex", "ssl_f_sig_alg", "ssl_f_key_alg", "ssl_f_notbefore", "ssl_f_notafter",
            "ssl_f_s_dn", "ssl_f_i_dn", "ssl_f_s_dn(CN)", "ssl_f_sha1,hex", "ssl_f_der,sha2,hex", "ssl_c_used",
            "ssl_c_verify", "ssl_c_err", "ssl_c_ca_err", "fc_http_major,mul(0)",
        ]
        let format = names.map { "\($0)=%[\($0)]" }.joined(separator: "|")
        let origin = try await OriginProcess()
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(origin.port)"],
            frontend: "http-request return status 200 content-type text/plain lf-string \"\(format)\"")
        let authority = try await TestCertificates.authority()
        let overTCP = try await ChildProcess.run(
            "curl",
            [
                "-s", "--cacert", authority, "--tls13-ciphers", "TLS_AES_128_GCM_SHA256", "--connect-to",
                "::127.0.0.1:\(edge.securePort)", "https://localhost:\(edge.securePort)/",
            ]
        ).output
        let report = try await Aioquic.get(
            "https://localhost:\(edge.securePort)/", ["--ca", authority, "--show-body"])
        let overQUIC = try #require(report.responses?.first?.body)
        let (tcp, quic) = (overTCP.split(separator: "|"), overQUIC.split(separator: "|"))
        #expect(tcp.count == names.count, "\(overTCP)")
        for (one, other) in zip(tcp, quic) where !one.hasPrefix("ssl_fc_cipher=") { #expect(one == other) }
        #expect(tcp.contains("ssl_fc_protocol=TLSv1.3"))
        #expect(tcp.contains("ssl_fc_sni=localhost"))
        #expect(quic.contains { $0.hasPrefix("ssl_fc_cipher=TLS_") })
    }
}
