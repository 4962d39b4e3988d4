// What listeners want of their clients' certificates. Both TLS libraries leave the judgement to OpenSSL, so that errors
// and their numbers are the same over TCP and QUIC.

import COpenSSL

/// What a listener wants of its clients' certificates (`verify optional`, `verify required`). Immutable; shared by all
/// workers.
public struct ClientVerification: Sendable {
    /// Whether a client without a certificate is refused.
    public var isRequired: Bool
    /// Whom to trust: the authorities of `ca-file` and `ca-verify-file`, with the lists of `crl-file`.
    public var trust: TrustStore
    /// The authorities whose names clients are told, to choose their certificate by; nil: none (`no-ca-names`).
    public var named: TrustStore?
    /// Errors of the client's own certificate that are ignored (`crt-ignore-err`).
    public var ignoredErrors = VerificationErrors()
    /// Errors of the certificates above it that are ignored (`ca-ignore-err`).
    public var ignoredAuthorityErrors = VerificationErrors()

    public init(isRequired: Bool, trust: TrustStore, named: TrustStore? = nil) {
        self.isRequired = isRequired
        self.trust = trust
        self.named = named
    }

    /// Tells these demands from others: a session is resumed only where the same demands hold, or a client that was
    /// verified for one listener, or for none, would pass as verified for another. 32 bytes.
    var digest: [UInt8] {
        var text: [UInt8] = [isRequired ? 1 : 0]
        for errors in [ignoredErrors, ignoredAuthorityErrors] {
            for shift in 0..<16 { text.append(UInt8(truncatingIfNeeded: errors.bits >> UInt128(8 * shift))) }
        }
        for certificate in trust.certificates { text += unsafe TLSEngine.der(certificate.pointer) ?? [] }
        text += trust.revocations
        var digest = [UInt8](repeating: 0, count: 32)
        // SHA-256 is always there: only a want of memory can fail here.
        let status = unsafe EVP_Digest(text, text.count, &digest, nil, EVP_sha256(), nil)
        precondition(status == 1, "SHA-256 can not be set up")
        return digest
    }

    // MARK: QUIC: GnuTLS asks us

    /// What verifying came to.
    struct Result {
        var isAccepted = false
        /// OpenSSL's number of the last error; 0 when there was none.
        var error = 0
        /// The last certificate of the chain, in DER.
        var root: [UInt8]?
    }

    /// Verifies a client's certificates, in DER, its own first.
    func verify(_ chain: [[UInt8]], _ verdict: inout ClientVerdict) -> Result {
        let certificates = chain.compactMap { X509Handle(der: $0) }
        guard let leaf = certificates.first, certificates.count == chain.count,
            let store = unsafe X509_STORE_CTX_new()
        else { return Result(error: Int(X509_V_ERR_UNSPECIFIED)) }
        defer {
            unsafe X509_STORE_CTX_free(store)
            ERR_clear_error()
        }
        guard let stack = unsafe portico_x509_stack_new() else { return Result(error: Int(X509_V_ERR_OUT_OF_MEM)) }
        defer { unsafe portico_x509_stack_free(stack) }
        for certificate in certificates where unsafe portico_x509_stack_push(stack, certificate.pointer) == 0 {
            return Result(error: Int(X509_V_ERR_OUT_OF_MEM))
        }
        let judge = Judge(self, verdict)
        guard unsafe X509_STORE_CTX_init(store, trust.store, leaf.pointer, stack) == 1,
            unsafe X509_STORE_CTX_set_default(store, "ssl_client") == 1,
            unsafe X509_STORE_CTX_set_ex_data(store, 0, Unmanaged.passUnretained(judge).toOpaque()) == 1
        else { return Result(error: Int(X509_V_ERR_UNSPECIFIED)) }
        unsafe X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(store), Self.securityLevel)
        unsafe X509_STORE_CTX_set_verify_cb(store, askJudge)
        let status = unsafe X509_verify_cert(store)
        verdict = withExtendedLifetime(judge) { judge.verdict }
        var result = Result(isAccepted: status == 1, error: unsafe Int(X509_STORE_CTX_get_error(store)))
        if let verified = unsafe X509_STORE_CTX_get0_chain(store) {
            let count = unsafe portico_x509_stack_count(verified)
            if count > 0, let last = unsafe portico_x509_stack_get(verified, count - 1) {
                result.root = unsafe TLSEngine.der(last)
            }
        }
        return result
    }

    /// What reaches the callback of one verification.
    fileprivate final class Judge {
        let verification: ClientVerification
        var verdict: ClientVerdict

        init(_ verification: ClientVerification, _ verdict: ClientVerdict) {
            self.verification = verification
            self.verdict = verdict
        }
    }

    /// The level of OpenSSL's own contexts, which says what keys and digests are too weak.
    private static let securityLevel: Int32 = {
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { return 1 }
        defer { unsafe SSL_CTX_free(context) }
        return unsafe SSL_CTX_get_security_level(context)
    }()
}

/// OpenSSL's callback for QUIC's certificates.
private func askJudge(isGood: Int32, store: OpaquePointer?) -> Int32 {
    guard let store = unsafe store, let pointer = unsafe X509_STORE_CTX_get_ex_data(store, 0) else { return 0 }
    let judge = unsafe Unmanaged<ClientVerification.Judge>.fromOpaque(pointer).takeUnretainedValue()
    return unsafe judge.verdict.judge(isGood, store, judge.verification)
}

extension X509Handle {
    /// Nil when the bytes are no certificate.
    convenience init?(der: [UInt8]) {
        let parsed: OpaquePointer? = unsafe der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return unsafe d2i_X509(nil, &start, bytes.count)
        }
        guard let parsed = unsafe parsed else {
            ERR_clear_error()
            return nil
        }
        unsafe self.init(owning: parsed)
    }
}
