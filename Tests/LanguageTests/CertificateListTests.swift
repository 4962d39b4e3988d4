import Configuration
import Language
import Testing

@Suite("Lists of certificates (crt-list)") struct CertificateListTests {
    private func line(_ text: String) throws -> CertificateListLine? {
        try CertificateListReader.line(text, certificateBase: "/crt", authorityBase: "/ca")
    }

    @Test func lines() throws {
        #expect(try line("  ") == nil)
        #expect(try line("a.pem") == CertificateListLine(path: "/crt/a.pem"))
        #expect(
            try line("/x/a.pem *.test !no.test *")
                == CertificateListLine(path: "/x/a.pem", filters: ["*.test", "!no.test", "*"]))
        var options = CertificateLineOptions()
        options.alpn = ["h2", "http/1.1"]
        options.minVersion = .tls13
        options.clientMode = .required
        options.authorities = .path("/ca/c.pem")
        #expect(
            try line("a.pem [alpn h2,http/1.1  ssl-min-ver TLSv1.3 verify required ca-file c.pem] b.test")
                == CertificateListLine(
                    path: "/crt/a.pem", filters: ["b.test"], options: options,
                    optionText: "alpn h2,http/1.1 ssl-min-ver TLSv1.3 verify required ca-file c.pem"))
        #expect(try line("a.pem []")?.options == nil)
    }

    @Test(arguments: [
        ("[alpn h2]", "file must start with a cert"), ("a.pem [alpn h2] [", "too many '['"),
        ("a.pem [alpn h2]]", "too many ']'"), ("a.pem alpn]", "missing '['"),
        ("a.pem [alpn h2", "missing ']'"),
        ("a.pem b.test [alpn h2]", "filters can't be between filename and options!"),
        ("a.pem [verify maybe]", "unknown verify method 'maybe'"),
        ("a.pem [strict-sni]", "unknown keyword"),
        ("a.pem [ocsp-update on]", "'ocsp-update' is a keyword of HAProxy"),
        ("a.pem [ca-file]", "ca-file"),
    ])
    func mistakes(text: String, reason: String) {
        do throws(CertificateListReader.Mistake) {
            _ = try CertificateListReader.line(text, certificateBase: "", authorityBase: "")
            Issue.record("'\(text)' is taken")
        } catch {
            #expect(error.text.contains(reason), "\(error.text)")
        }
    }

    /// A line's settings over those of the bind line.
    @Test func settings() {
        var base = ClientCertificateSettings()
        base.mode = .optional
        base.authorities = .path("a")
        base.ignoredErrors = [10]
        var options = CertificateLineOptions()
        #expect(options.clients(over: base) == base)
        options.clientMode = ClientCertificateSettings.Mode.none
        options.revocations = "r"
        options.hidesNames = true
        options.ciphers = "C"
        let merged = options.clients(over: base)
        #expect(merged.mode == .none && merged.authorities == .path("a") && merged.revocations == "r")
        #expect(!merged.tellsNames && merged.ignoredErrors == [10])
        let parameters = options.parameters(
            over: TLSParameters(minVersion: .tls13, ciphers: "A", curves: "B"))
        #expect(parameters == TLSParameters(minVersion: .tls13, ciphers: "C", curves: "B"))
    }
}
