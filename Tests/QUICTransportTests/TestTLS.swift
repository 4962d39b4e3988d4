import COpenSSL
import Glibc
import TLSTransport

/// TLS contexts for both ends: a self-signed certificate made once for the whole run, a client that trusts it.
enum TestTLS {
    private static let files = makeFiles()

    static func server(alpn: ALPNList = "test", replayGuard: ReplayGuard? = nil) -> QUICTLSContext {
        do {
            let store = try CertificateStore(loading: [files.pair])
            var options = QUICTLSContext.ServerOptions(certificates: store, ticketKeys: try TicketKeyRing())
            options.alpn = alpn
            options.replayGuard = replayGuard
            return try QUICTLSContext(server: options)
        } catch {
            preconditionFailure("server context: \(error)")
        }
    }

    static func client(
        alpn: ALPNList = "test", cipherSuites: [QUICCipherSuite] = [.aes128GCM], verifies: Bool = false,
        offersEarlyData: Bool = false
    ) -> QUICTLSContext {
        do {
            var options = QUICTLSContext.ClientOptions(trust: verifies ? try TrustStore.system() : nil)
            options.alpn = alpn
            options.cipherSuites = cipherSuites
            options.offersEarlyData = offersEarlyData
            return try QUICTLSContext(client: options)
        } catch {
            preconditionFailure("client context: \(error)")
        }
    }

    /// Writes a P-256 key and a certificate for `quic.test` in one file.
    private static func makeFiles() -> (directory: String, pair: String) {
        guard let context = unsafe EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { preconditionFailure("no key context") }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        precondition(unsafe EVP_PKEY_keygen_init(context) == 1)
        precondition(unsafe EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1)
        precondition(unsafe EVP_PKEY_keygen(context, &key) == 1)
        guard let key = unsafe key, let certificate = unsafe X509_new(), let memory = unsafe BIO_new(BIO_s_mem()) else {
            preconditionFailure("no certificate")
        }
        unsafe X509_set_version(certificate, 2)
        unsafe ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), 1)
        unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), -86_400)
        unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), 86_400)
        unsafe X509_set_pubkey(certificate, key)
        let name = unsafe X509_get_subject_name(certificate)
        unsafe X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, "quic.test", -1, -1, 0)
        unsafe X509_set_issuer_name(certificate, name)
        let names = unsafe X509V3_EXT_conf_nid(nil, nil, NID_subject_alt_name, "DNS:quic.test")
        unsafe X509_add_ext(certificate, names, -1)
        precondition(unsafe X509_sign(certificate, key, EVP_sha256()) > 0)
        precondition(unsafe PEM_write_bio_X509(memory, certificate) == 1)
        precondition(unsafe PEM_write_bio_PrivateKey(memory, key, nil, nil, 0, nil, nil) == 1)
        var start: UnsafeMutableRawPointer?
        let count = unsafe BIO_ctrl(memory, BIO_CTRL_INFO, 0, &start)

        var template = Array("/tmp/portico-quic-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { preconditionFailure("no directory") }
        let directory = unsafe String(cString: made)
        let pair = directory + "/quic.test.pem"
        guard let file = unsafe fopen(pair, "w") else { preconditionFailure("no file") }
        precondition(unsafe fwrite(start, 1, count, file) == count)
        unsafe fclose(file)
        unsafe BIO_free(memory)
        unsafe X509_free(certificate)
        unsafe EVP_PKEY_free(key)
        return (directory, pair)
    }
}
