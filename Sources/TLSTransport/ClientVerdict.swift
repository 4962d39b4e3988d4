import COpenSSL

/// What verifying a client's certificate has come to in one handshake, by OpenSSL's numbers.
struct ClientVerdict {
    /// The client has shown a certificate, and it was verified: with or without success.
    private(set) var isDone = false
    /// The first error of the client's own certificate, ignored or not; 0 without one (`ssl_c_err`).
    private(set) var error = 0
    /// The first error of the certificates above it, and how far above (`ssl_c_ca_err`, `ssl_c_ca_err_depth`).
    private(set) var authorityError = 0
    private(set) var authorityErrorDepth = 0
    /// Why the client was refused; nil when it was not.
    private(set) var refusal: TLSError.Code?
    /// The number of the error that was not ignored.
    private(set) var refusedError = 0
    /// The client's certificate, when it had an error: the library forgets it then.
    private(set) var certificate: X509Handle?

    /// OpenSSL tells of a certificate of the chain: 1 goes on, 0 refuses.
    mutating func judge(_ isGood: Int32, _ store: OpaquePointer, _ verification: ClientVerification) -> Int32 {
        isDone = true
        guard isGood == 0 else { return isGood }
        let depth = unsafe Int(X509_STORE_CTX_get_error_depth(store))
        let number = unsafe Int(X509_STORE_CTX_get_error(store))
        if let leaf = unsafe X509_STORE_CTX_get0_cert(store), unsafe X509_up_ref(leaf) == 1 {
            certificate = unsafe X509Handle(owning: leaf)
        }
        let isIgnored: Bool
        if depth > 0 {
            if authorityError == 0 {
                // As far as HAProxy counts.
                authorityError = min(number, 127)
                authorityErrorDepth = min(depth, 15)
            }
            isIgnored = verification.ignoredAuthorityErrors.contains(number)
        } else {
            if error == 0 { error = min(number, 127) }
            isIgnored = verification.ignoredErrors.contains(number)
        }
        if isIgnored {
            ERR_clear_error()
            return 1
        }
        refusal = depth > 0 ? .clientAuthority : .clientCertificate
        refusedError = number
        return 0
    }

    /// What the operator is told of a refusal.
    var reason: String {
        let text = unsafe X509_verify_cert_error_string(refusedError).map { unsafe String(cString: $0) }
        return "certificate verify failed: \(text ?? "error \(refusedError)")"
    }

    /// The alert that a client is sent for a verification error (RFC 8446, section 6.2), as OpenSSL chooses it.
    static func alert(for error: Int) -> TLSAlert {
        switch Int32(truncatingIfNeeded: error) {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CRL_HAS_EXPIRED: .certificateExpired
        case X509_V_ERR_CERT_REVOKED: .certificateRevoked
        case X509_V_ERR_INVALID_PURPOSE: .unsupportedCertificate
        case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_CRL_SIGNATURE_FAILURE: .decryptError
        case X509_V_ERR_CA_MD_TOO_WEAK, X509_V_ERR_CERT_CHAIN_TOO_LONG, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_INVALID_CA, X509_V_ERR_PATH_LENGTH_EXCEEDED, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            .unknownCA
        case X509_V_ERR_OUT_OF_MEM, X509_V_ERR_STORE_LOOKUP, X509_V_ERR_UNSPECIFIED: .internalError
        case X509_V_ERR_APPLICATION_VERIFICATION: .handshakeFailure
        default: .badCertificate
        }
    }
}

/// OpenSSL's callback for clients of listeners over TCP.
func judgeClient(isGood: Int32, store: OpaquePointer?) -> Int32 {
    guard let store = unsafe store,
        let pointer = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
    else { return 0 }
    let ssl = OpaquePointer(pointer)
    guard let state = unsafe DescriptorBIO.state(of: ssl),
        let verification = unsafe TLSServerContext.of(ssl)?.verification(of: ssl)
    else { return 0 }
    return unsafe state.pointee.verdict.judge(isGood, store, verification)
}
