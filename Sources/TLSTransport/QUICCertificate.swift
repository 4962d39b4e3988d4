// A certificate as GnuTLS holds it, with a key whose signatures OpenSSL makes.

import CGnuTLS
import COpenSSL

/// The GnuTLS half of a `Certificate`. GnuTLS reads it from all workers at once and never writes to it.
///
/// The private key is external to GnuTLS: its sign callbacks call OpenSSL, which signs several times faster.
@safe final class QUICCertificate: @unchecked Sendable {
    /// Leaf first.
    let chain: UnsafeMutablePointer<gnutls_pcert_st>
    let chainCount: UInt32
    let privateKey: gnutls_privkey_t
    /// What the key signs with in TLS 1.3.
    let signatureAlgorithms: [gnutls_sign_algorithm_t]
    /// Keeps the `EVP_PKEY` that the sign callbacks use.
    private let key: KeyHandle

    init(chain certificates: [X509Handle], key: KeyHandle) throws(TLSError) {
        let algorithms = unsafe Self.signatureAlgorithms(of: key.pointer)
        guard !algorithms.isEmpty else {
            throw TLSError(.configuration, "no signature algorithm of TLS 1.3 uses a key of this kind")
        }
        let chain = UnsafeMutablePointer<gnutls_pcert_st>.allocate(capacity: certificates.count)
        var count = 0
        var privateKey: gnutls_privkey_t?
        var status = unsafe gnutls_privkey_init(&privateKey)
        if status >= 0 {
            status = unsafe gnutls_privkey_import_ext4(
                privateKey, UnsafeMutableRawPointer(key.pointer), signData, signHash, nil, nil, keyInformation, 0)
        }
        for certificate in certificates where status >= 0 {
            status = unsafe Self.importCertificate(certificate, into: chain + count)
            if status >= 0 { count += 1 }
        }
        guard status >= 0, let privateKey = unsafe privateKey else {
            for index in 0..<count { unsafe gnutls_pcert_deinit(chain + index) }
            unsafe chain.deallocate()
            unsafe gnutls_privkey_deinit(privateKey)
            throw TLSError(.configuration, GnuTLSErrors.reason(status))
        }
        unsafe self.chain = chain
        self.chainCount = UInt32(count)
        unsafe self.privateKey = privateKey
        self.signatureAlgorithms = algorithms
        self.key = key
    }

    deinit {
        for index in 0..<Int(chainCount) { unsafe gnutls_pcert_deinit(chain + index) }
        unsafe chain.deallocate()
        unsafe gnutls_privkey_deinit(privateKey)
    }

    /// The signature algorithms of TLS 1.3 that a key makes (RFC 8446, section 4.2.3). RSA keys sign with PSS only, and
    /// an elliptic curve fixes its hash.
    static func signatureAlgorithms(of key: OpaquePointer) -> [gnutls_sign_algorithm_t] {
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA:
            return [
                GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512,
            ]
        case EVP_PKEY_EC:
            switch unsafe groupName(of: key) {
            case "prime256v1": return [GNUTLS_SIGN_ECDSA_SECP256R1_SHA256]
            case "secp384r1": return [GNUTLS_SIGN_ECDSA_SECP384R1_SHA384]
            case "secp521r1": return [GNUTLS_SIGN_ECDSA_SECP521R1_SHA512]
            default: return []
            }
        case EVP_PKEY_ED25519:
            return [GNUTLS_SIGN_EDDSA_ED25519]
        default:
            return []
        }
    }

    private static func groupName(of key: OpaquePointer) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { name in
            var length = 0
            guard unsafe EVP_PKEY_get_group_name(key, name.baseAddress, name.count, &length) == 1,
                let start = name.baseAddress
            else {
                ERR_clear_error()
                return ""
            }
            return unsafe String(cString: start)
        }
    }

    private static func importCertificate(
        _ certificate: X509Handle, into target: UnsafeMutablePointer<gnutls_pcert_st>
    ) -> Int32 {
        unsafe certificate.withDER { der in
            unsafe gnutls_pcert_import_x509_raw(target, &der, GNUTLS_X509_FMT_DER, 0)
        }
    }
}

extension X509Handle {
    /// Calls `body` with the certificate in DER, and answers its GnuTLS status.
    func withDER(_ body: (inout gnutls_datum_t) -> Int32) -> Int32 {
        var der: UnsafeMutablePointer<UInt8>?
        let length = unsafe i2d_X509(pointer, &der)
        guard length > 0, let der = unsafe der else { return GNUTLS_E_CERTIFICATE_ERROR }
        defer { unsafe CRYPTO_free(der, #file, #line) }
        var datum = unsafe gnutls_datum_t(data: der, size: UInt32(length))
        return unsafe body(&datum)
    }
}

/// GnuTLS's error numbers.
enum GnuTLSErrors {
    static func reason(_ code: Int32) -> String {
        guard let text = unsafe gnutls_strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}

// MARK: - The external key's callbacks

private func keyInformation(key: gnutls_privkey_t?, flags: UInt32, userdata: UnsafeMutableRawPointer?) -> Int32 {
    guard let pointer = unsafe userdata.map({ OpaquePointer($0) }) else { return -1 }
    if flags & UInt32(GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0 {
        switch unsafe EVP_PKEY_get_base_id(pointer) {
        case EVP_PKEY_RSA: return Int32(GNUTLS_PK_RSA.rawValue)
        case EVP_PKEY_EC: return Int32(GNUTLS_PK_ECDSA.rawValue)
        case EVP_PKEY_ED25519: return Int32(GNUTLS_PK_EDDSA_ED25519.rawValue)
        default: return -1
        }
    }
    if flags & UInt32(GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0 {
        return unsafe EVP_PKEY_get_bits(pointer)
    }
    if flags & UInt32(GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0 {
        let wanted = portico_gnutls_flags_to_sign_algorithm(flags)
        return unsafe QUICCertificate.signatureAlgorithms(of: pointer).contains(wanted) ? 1 : 0
    }
    return -1
}

/// Signs a hash: RSA-PSS with a salt as long as the hash (RFC 8446, section 4.2.3), or ECDSA.
private func signHash(
    key: gnutls_privkey_t?, algorithm: gnutls_sign_algorithm_t, userdata: UnsafeMutableRawPointer?, flags: UInt32,
    hash: UnsafePointer<gnutls_datum_t>?, signature: UnsafeMutablePointer<gnutls_datum_t>?
) -> Int32 {
    guard let pointer = unsafe userdata.map({ OpaquePointer($0) }), let hash = unsafe hash,
        let signature = unsafe signature
    else { return GNUTLS_E_INVALID_REQUEST }
    ERR_clear_error()
    guard let context = unsafe EVP_PKEY_CTX_new(pointer, nil) else { return GNUTLS_E_MEMORY_ERROR }
    defer {
        unsafe EVP_PKEY_CTX_free(context)
        ERR_clear_error()
    }
    guard unsafe EVP_PKEY_sign_init(context) == 1 else { return GNUTLS_E_PK_SIGN_FAILED }
    let digest: OpaquePointer?
    var isPSS = false
    switch algorithm {
    case GNUTLS_SIGN_ECDSA_SECP256R1_SHA256:
        unsafe digest = EVP_sha256()
    case GNUTLS_SIGN_ECDSA_SECP384R1_SHA384:
        unsafe digest = EVP_sha384()
    case GNUTLS_SIGN_ECDSA_SECP521R1_SHA512:
        unsafe digest = EVP_sha512()
    case GNUTLS_SIGN_RSA_PSS_RSAE_SHA256:
        unsafe digest = EVP_sha256()
        isPSS = true
    case GNUTLS_SIGN_RSA_PSS_RSAE_SHA384:
        unsafe digest = EVP_sha384()
        isPSS = true
    case GNUTLS_SIGN_RSA_PSS_RSAE_SHA512:
        unsafe digest = EVP_sha512()
        isPSS = true
    default:
        return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM
    }
    guard unsafe EVP_PKEY_CTX_set_signature_md(context, digest) == 1 else { return GNUTLS_E_PK_SIGN_FAILED }
    if isPSS {
        guard unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1,
            unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
        else { return GNUTLS_E_PK_SIGN_FAILED }
    }
    var length = unsafe Int(EVP_PKEY_get_size(pointer))
    guard length > 0, let output = unsafe portico_gnutls_malloc(length) else { return GNUTLS_E_MEMORY_ERROR }
    let bytes = unsafe output.assumingMemoryBound(to: UInt8.self)
    guard unsafe EVP_PKEY_sign(context, bytes, &length, hash.pointee.data, Int(hash.pointee.size)) == 1 else {
        unsafe portico_gnutls_free(output)
        return GNUTLS_E_PK_SIGN_FAILED
    }
    unsafe signature.pointee = unsafe gnutls_datum_t(data: bytes, size: UInt32(length))
    return 0
}

/// Signs a message whole: Ed25519, which takes no hash.
private func signData(
    key: gnutls_privkey_t?, algorithm: gnutls_sign_algorithm_t, userdata: UnsafeMutableRawPointer?, flags: UInt32,
    data: UnsafePointer<gnutls_datum_t>?, signature: UnsafeMutablePointer<gnutls_datum_t>?
) -> Int32 {
    guard let pointer = unsafe userdata.map({ OpaquePointer($0) }), let data = unsafe data,
        let signature = unsafe signature
    else { return GNUTLS_E_INVALID_REQUEST }
    guard algorithm == GNUTLS_SIGN_EDDSA_ED25519 else { return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM }
    ERR_clear_error()
    guard let context = unsafe EVP_MD_CTX_new() else { return GNUTLS_E_MEMORY_ERROR }
    defer {
        unsafe EVP_MD_CTX_free(context)
        ERR_clear_error()
    }
    var length = unsafe Int(EVP_PKEY_get_size(pointer))
    guard unsafe EVP_DigestSignInit(context, nil, nil, nil, pointer) == 1, length > 0 else {
        return GNUTLS_E_PK_SIGN_FAILED
    }
    guard let output = unsafe portico_gnutls_malloc(length) else { return GNUTLS_E_MEMORY_ERROR }
    let bytes = unsafe output.assumingMemoryBound(to: UInt8.self)
    guard unsafe EVP_DigestSign(context, bytes, &length, data.pointee.data, Int(data.pointee.size)) == 1 else {
        unsafe portico_gnutls_free(output)
        return GNUTLS_E_PK_SIGN_FAILED
    }
    unsafe signature.pointee = unsafe gnutls_datum_t(data: bytes, size: UInt32(length))
    return 0
}
