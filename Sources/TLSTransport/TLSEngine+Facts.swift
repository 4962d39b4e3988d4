// What a TLS connection has negotiated.

import COpenSSL

extension TLSEngine {
    /// The agreed protocol; `none` when there is none, or not yet.
    public var alpn: ApplicationProtocol {
        unsafe ApplicationProtocol(alpnBytes)
    }

    /// The agreed ALPN identifier, or nil.
    public var alpnIdentifier: String? {
        let bytes = unsafe alpnBytes
        return unsafe bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    private var alpnBytes: UnsafeRawBufferPointer {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &start, &count)
        return unsafe UnsafeRawBufferPointer(start: start, count: Int(count))
    }

    /// The server name that the client sent (SNI), as it was sent; nil when there was none.
    public var serverName: String? {
        unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { unsafe String(cString: $0) }
    }

    /// The version as the field writes it: `TLSv1.3`. OpenSSL's name without the handshake's outcome: the newest.
    public var version: String {
        unsafe String(cString: SSL_get_version(ssl))
    }

    /// The cipher suite's name in OpenSSL's notation, or nil before it was agreed on.
    public var cipher: String? {
        guard let cipher = unsafe SSL_get_current_cipher(ssl) else { return nil }
        return unsafe String(cString: SSL_CIPHER_get_name(cipher))
    }

    /// True when the handshake resumed an earlier session.
    public var isResumed: Bool {
        unsafe SSL_session_reused(ssl) == 1
    }

    /// Why the peer's certificate does not verify; nil when it does, when there is none, or nobody has verified it.
    public var verificationFailure: String? {
        let result = unsafe SSL_get_verify_result(ssl)
        guard result != Int(X509_V_OK) else { return nil }
        return unsafe String(cString: X509_verify_cert_error_string(result))
    }

    /// The peer's certificate in DER, or nil when it has shown none.
    public var peerCertificate: [UInt8]? {
        guard let certificate = unsafe SSL_get0_peer_certificate(ssl) else { return nil }
        var der: UnsafeMutablePointer<UInt8>?
        let length = unsafe i2d_X509(certificate, &der)
        guard length > 0, let der = unsafe der else { return nil }
        defer { unsafe CRYPTO_free(der, #file, #line) }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: der, count: Int(length)))
    }

    /// OpenSSL's words for one of its codes: `error:0A000086:SSL routines::certificate verify failed`.
    public static func text(ofError code: UInt) -> String {
        var text = [CChar](repeating: 0, count: 256)
        unsafe ERR_error_string_n(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
