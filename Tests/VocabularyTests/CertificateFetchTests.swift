import Bytes
import Connections
import TLSTransport
import Testing

/// Fetches of TLS sessions and certificates against what HAProxy 3.5-dev5 gives for the same certificate.
struct CertificateFetchTests {
    @Test(
        arguments: [
            ("ssl_fc", "1"), ("ssl_fc_sni", "www.example.com"), ("ssl_fc_has_sni", "1"), ("ssl_fc_protocol", "TLSv1.3"),
            ("ssl_fc_cipher", "TLS_AES_256_GCM_SHA384"), ("ssl_fc_alg_keysize", "256"), ("ssl_fc_use_keysize", "256"),
            ("ssl_fc_alpn", "http/1.1"), ("ssl_fc_npn", nil), ("ssl_fc_curve", "X25519"), ("ssl_fc_is_resumed", "0"),
            ("ssl_fc_has_early", "0"), ("ssl_fc_early_rcvd", "0"), ("ssl_fc_has_crt", "0"), ("ssl_fc_err", "0"),
            ("ssl_fc_err_str", nil), ("ssl_fc_crtname", "site.pem"), ("ssl_c_used", "0"), ("ssl_c_verify", "0"),
            ("ssl_c_err", "0"), ("ssl_c_ca_err", "0"), ("ssl_c_ca_err_depth", "0"), ("ssl_c_s_dn", nil),
            ("ssl_c_serial", nil), ("ssl_c_san", nil), ("ssl_c_policies", nil), ("ssl_c_version", nil),
            ("ssl_c_r_dn", nil), ("ssl_c_chain_der", nil), ("ssl_fc_cipherlist_bin", nil),
            ("ssl_fc_cipherlist_xxh", nil),
            (
                "ssl_f_s_dn",
                "/C=FR/O=Portico Tests/OU=One/OU=Two/CN=www.example.com/emailAddress=a@example.com"
            ), ("ssl_f_s_dn(CN)", "www.example.com"), ("ssl_f_s_dn(cn)", "www.example.com"), ("ssl_f_s_dn(OU)", "One"),
            ("ssl_f_s_dn(OU,2)", "Two"), ("ssl_f_s_dn(OU,3)", nil), ("ssl_f_s_dn(OU,-1)", "Two"),
            ("ssl_f_s_dn(OU,-2)", "One"),
            (
                "ssl_f_s_dn(,0,rfc2253)",
                "emailAddress=a@example.com,CN=www.example.com,OU=Two,OU=One,O=Portico Tests,C=FR"
            ), ("ssl_f_i_dn(O)", "Portico Tests"), ("ssl_f_key_alg", "id-ecPublicKey"),
            ("ssl_f_sig_alg", "ecdsa-with-SHA256"), ("ssl_f_notbefore", "261121115454Z"),
            ("ssl_f_notafter", "361118115454Z"), ("ssl_f_serial", "0123456789ABCDEF"),
            ("ssl_f_sha1", "28DF57110306603D20D103F121B403015C04A485"), ("ssl_f_version", "3"),
        ] as [(String, String?)])
    func server(_ expression: String, _ value: String?) throws {
        let found = try TLSConversation(peer: []).text(expression)
        #expect(found == value)
    }

    /// The same certificate, shown by the client.
    @Test(
        arguments: [
            ("ssl_c_used", "1"), ("ssl_c_verify", "0"), ("ssl_c_err", "0"), ("ssl_c_ca_err", "0"),
            ("ssl_c_s_dn(CN)", "www.example.com"), ("ssl_c_serial", "0123456789ABCDEF"),
            ("ssl_c_san", "DNS:www.example.com, IP Address:192.0.2.1, URI:https://example.com/x"),
            ("ssl_c_policies", "1.2.3.4, 2.5.29.32.0"), ("ssl_c_policies(1.2.3.4)", "1.2.3.4"),
            ("ssl_c_policies(9.9)", nil), ("ssl_c_version", "3"), ("ssl_c_r_dn(CN)", "www.example.com"),
            ("ssl_c_chain_der", nil), ("ssl_fc_has_crt", "1"),
        ] as [(String, String?)])
    func client(_ expression: String, _ value: String?) throws {
        let found = try TLSConversation(peer: [TestTLSSession.der]).text(expression)
        #expect(found == value)
    }
}

/// A conversation whose client came over TLS.
struct TLSConversation {
    private let conversation = Conversation("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    private let connection: TestConnection

    init(peer: [[UInt8]]) {
        connection = TestConnection(TestTLSSession(peer: peer))
        conversation.session.attach(connection)
        conversation.session.tls = TLSFacts(
            version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: "www.example.com", alpn: .http11,
            isResumed: false)
    }

    func text(_ expression: String) throws -> String? { try conversation.text(expression) }
}

final class TestConnection: ConnectionFacts {
    let tlsSession: (any TLSSessionFacts)?
    let socketSource = SocketAddress.unspecified
    let socketDestination = SocketAddress.unspecified
    let tcpStatistics: TCPStatistics? = nil
    let quicStatistics: QUICStatistics? = nil
    let httpMajor: Int? = 1
    let openStreams: Int? = 1
    let streamLimit: Int? = 1

    init(_ session: TestTLSSession) { tlsSession = session }
}

/// A session with a certificate that OpenSSL made.
final class TestTLSSession: TLSSessionFacts {
    static let der: [UInt8] = hexadecimal(certificate)

    let peerCertificates: [[UInt8]]
    init(peer: [[UInt8]]) { peerCertificates = peer }

    let versionText = "TLSv1.3"
    let cipherName: String? = "TLS_AES_256_GCM_SHA384"
    let cipherBits: (used: Int, algorithm: Int)? = (256, 256)
    let groupName: String? = "X25519"
    let agreedProtocol: [UInt8]? = Array("http/1.1".utf8)
    let requestedName: [UInt8]? = Array("www.example.com".utf8)
    let isResumed = false
    let hasEarlyData = false
    let sessionIdentifier: [UInt8] = []
    let clientRandom: [UInt8] = []
    let serverRandom: [UInt8] = []
    let masterSecret: [UInt8] = []
    let uniqueIdentifier: [UInt8] = []
    var localCertificate: [UInt8]? { Self.der }
    let localCertificateFile: String? = "site.pem"
    var verifiedRoot: [UInt8]? { peerCertificates.first }
    var isPeerVerified: Bool { !peerCertificates.isEmpty }
    let verificationResult = 0
    let certificateError = 0
    let failureCode: UInt = 0
    let hello: ClientHelloCapture? = nil
    let authorityError = 0
    let authorityErrorDepth = 0

    private static func hexadecimal(_ text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }

    private static let certificate =
        "3082026c30820212a00302010202080123456789abcdef300a06082a8648ce3d0403023079310b3009060355040613024652"
        + "31163014060355040a0c0d506f727469636f205465737473310c300a060355040b0c034f6e65310c300a060355040b0c0354"
        + "776f3118301606035504030c0f7777772e6578616d706c652e636f6d311c301a06092a864886f70d010901160d6140657861"
        + "6d706c652e636f6d301e170d3236313132313131353435345a170d3336313131383131353435345a3079310b300906035504"
        + "061302465231163014060355040a0c0d506f727469636f205465737473310c300a060355040b0c034f6e65310c300a060355"
        + "040b0c0354776f3118301606035504030c0f7777772e6578616d706c652e636f6d311c301a06092a864886f70d010901160d"
        + "61406578616d706c652e636f6d3059301306072a8648ce3d020106082a8648ce3d03010703420004c768dab750d2f6a9a1c4"
        + "58fd1126425f4aa133ed83b09513cdb0c501f7290c1cb35e80c7927c6ea83929678e32c1fea66a36a88b561e7bb36c146b80"
        + "7891ff51a3818330818030370603551d110430302e820f7777772e6578616d706c652e636f6d8704c0000201861568747470"
        + "733a2f2f6578616d706c652e636f6d2f7830180603551d200411300f300506032a030430060604551d2000300c0603551d13"
        + "040530030101ff301d0603551d0e04160414f4c7321ddfe61ed4153dd539e2e27dee4cfbb7cb300a06082a8648ce3d040302"
        + "03480030450221008d740c220bfb1733ca817ad84ddbc059d9056fe6b7ab1944d375ddcd28d1a80602200234386b55c705a2"
        + "edafef4690affc3610e603d5b369df044d26e05ff6febb33"
}
