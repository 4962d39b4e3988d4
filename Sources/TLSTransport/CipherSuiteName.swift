import COpenSSL

/// OpenSSL's names of cipher suites by their numbers in TLS.
@safe public enum CipherSuiteName {
    /// Made once; OpenSSL reads it from all threads.
    private nonisolated(unsafe) static let session: OpaquePointer? = unsafe make()

    private static func make() -> OpaquePointer? {
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { return nil }
        defer { unsafe SSL_CTX_free(context) }
        return unsafe SSL_new(context)
    }

    /// Nil: OpenSSL has no such suite.
    public static func find(_ first: UInt8, _ second: UInt8) -> String? {
        guard let session = unsafe session else { return nil }
        let number = [first, second]
        guard let cipher = unsafe SSL_CIPHER_find(session, number), let name = unsafe SSL_CIPHER_get_name(cipher)
        else { return nil }
        let text = unsafe String(cString: name)
        return text == "(NONE)" ? nil : text
    }
}
