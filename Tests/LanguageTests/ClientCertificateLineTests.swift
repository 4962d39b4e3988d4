import Configuration
import Language
import Testing

@Suite("Lines about certificates of clients") struct ClientCertificateLineTests {
    private func clients(_ words: String) throws -> ClientCertificateSettings {
        let result = load(
            "global\nca-base /ca\nfrontend f\n timeout client 1s\n mode http\n bind :443 ssl crt a.pem \(words)\n")
        #expect(result.diagnostics == [])
        return try #require(result.configuration?.frontends[0].binds[0].tls).clients
    }

    @Test func everySetting() throws {
        var expected = ClientCertificateSettings()
        #expect(try clients("") == expected)
        expected.mode = .required
        expected.authorities = .path("/ca/a.pem")
        #expect(try clients("verify required ca-file a.pem") == expected)
        expected.mode = .optional
        expected.authorities = .system
        expected.unnamedAuthorities = .path("/b.pem")
        expected.revocations = "/ca/c.pem"
        expected.tellsNames = false
        expected.ignoredErrors = [10, 23, 94]
        expected.ignoredAuthorityErrors = Set(0...94)
        let words = "verify optional ca-file @system-ca ca-verify-file /b.pem crl-file c.pem no-ca-names"
        #expect(
            try clients(words + " crt-ignore-err X509_V_ERR_CERT_REVOKED,10 crt-ignore-err 94 ca-ignore-err all")
                == expected)
    }

    @Test(arguments: [
        ("verify required", "verify is enabled but no CA file specified"),
        ("verify maybe", "unknown verify method 'maybe', only 'none', 'optional', and 'required' are supported"),
        ("crt-ignore-err 95", "ID '95' out of range (1..94) in error IDs list '95'"),
        ("ca-ignore-err 1,0", "ID '0' out of range (1..94) in error IDs list '1,0'"),
        ("ca-ignore-err X509_V_ERR_NONE", "error constant 'X509_V_ERR_NONE' unknown in error IDs list"),
        ("ca-file", "ca-file"), ("verify", "verify"),
    ])
    func mistakes(words: String, text: String) {
        let alerts = load("frontend f\n timeout client 1s\n mode http\n bind :443 ssl crt a.pem \(words)\n").alerts
        #expect(alerts.joined(separator: "\n").contains(text))
    }
}
