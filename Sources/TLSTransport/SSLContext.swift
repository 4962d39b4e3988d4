// An SSL_CTX with what all contexts have in common.

import COpenSSL

/// Owns an `SSL_CTX`. One per context and worker: connections of different workers share no lock.
@safe final class SSLContext {
    let pointer: OpaquePointer
    /// The groups that it was given; nil: the library's.
    let curves: String?

    /// Fetched by one read: a full record (16,384 bytes of plaintext, 256 of expansion, 5 of header; RFC 8446,
    /// section 5.2), and the small record after it.
    private static let readBufferSize = 17 * 1024

    /// OpenSSL's own list, but AES-128 first as on QUIC: an eighth cheaper per byte.
    private static let defaultSuites =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

    init(server: Bool, _ settings: TLSSettings) throws(TLSError) {
        ERR_clear_error()
        guard let pointer = unsafe SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()) else {
            throw TLSError(.internal, OpenSSLErrors.drain())
        }
        unsafe self.pointer = pointer
        curves = settings.curves
        unsafe portico_ssl_ctx_set_common(pointer, Self.readBufferSize)
        unsafe SSL_CTX_set_info_callback(pointer, noteAlert)
        guard settings.minVersion <= settings.maxVersion else {
            throw TLSError(
                .configuration,
                "oldest version \(settings.minVersion.rawValue) is newer than newest \(settings.maxVersion.rawValue)")
        }
        try check(
            unsafe portico_ssl_ctx_set_versions(pointer, settings.minVersion.number, settings.maxVersion.number),
            "version range \(settings.minVersion.rawValue) to \(settings.maxVersion.rawValue)")
        if let ciphers = settings.ciphers {
            try check(unsafe SSL_CTX_set_cipher_list(pointer, ciphers), "ciphers '\(ciphers)'")
        }
        let suites = settings.ciphersuites ?? Self.defaultSuites
        try check(unsafe SSL_CTX_set_ciphersuites(pointer, suites), "ciphersuites '\(suites)'")
        if let curves = settings.curves {
            try check(unsafe portico_ssl_ctx_set_groups(pointer, curves), "curves '\(curves)'")
        }
        if let algorithms = settings.signatureAlgorithms {
            try check(
                unsafe portico_ssl_ctx_set_signature_algorithms(pointer, algorithms), "sigalgs '\(algorithms)'")
        }
    }

    deinit {
        unsafe SSL_CTX_free(pointer)
    }

    /// Throws `configuration` when OpenSSL refused `what`.
    func check(_ status: Int32, _ what: String) throws(TLSError) {
        guard status != 1 else { return }
        throw TLSError(.configuration, "\(what): \(OpenSSLErrors.drain())")
    }

    /// Asks clients for certificates.
    func verify(by verification: ClientVerification) throws(TLSError) {
        ERR_clear_error()
        let mode = SSL_VERIFY_PEER | (verification.isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0)
        unsafe SSL_CTX_set_verify(pointer, mode, judgeClient)
        try check(unsafe portico_ssl_ctx_set_store(pointer, verification.trust.store), "trusted certificates")
        for authority in verification.named?.certificates ?? [] {
            try check(unsafe SSL_CTX_add_client_CA(pointer, authority.pointer), "names of authorities")
        }
    }

    /// Sets certificate, chain and key of one certificate.
    func use(_ certificate: Certificate) throws(TLSError) {
        ERR_clear_error()
        try check(
            unsafe SSL_CTX_use_cert_and_key(
                pointer, certificate.leaf.pointer, certificate.key.pointer, certificate.chain, 1),
            "certificate '\(certificate.file)'")
    }
}

/// Keeps the alerts of a connection: OpenSSL's error queue tells of fatal ones received, nothing else tells of those
/// sent, and of whether the stream's end is a close_notify.
private func noteAlert(ssl: OpaquePointer?, place: Int32, value: Int32) {
    guard portico_ssl_info_is_alert(place) != 0, let state = unsafe DescriptorBIO.state(of: ssl) else { return }
    // The level is in the upper byte.
    let alert = TLSAlert(rawValue: UInt8(truncatingIfNeeded: value))
    if alert == .closeNotify {
        if portico_ssl_info_is_read(place) != 0 { unsafe state.pointee.sawCloseNotify = true }
    } else if value >> 8 == SSL3_AL_FATAL {
        unsafe state.pointee.alert = alert.rawValue
    }
}
