import COpenSSL

// Rare facts of a TLS session over TCP, for sample fetches.
extension TLSEngine: TLSSessionFacts {
    public var versionText: String { version }
    public var cipherName: String? { cipher }

    public var cipherBits: (used: Int, algorithm: Int)? {
        guard let cipher = unsafe SSL_get_current_cipher(ssl) else { return nil }
        var algorithm: Int32 = 0
        let used = unsafe SSL_CIPHER_get_bits(cipher, &algorithm)
        return (Int(used), Int(algorithm))
    }

    public var groupName: String? {
        let number = unsafe portico_ssl_negotiated_group(ssl)
        guard number != 0, let name = unsafe OBJ_nid2sn(number) else { return nil }
        return unsafe String(cString: name)
    }

    public var agreedProtocol: [UInt8]? { alpnIdentifier.map { Array($0.utf8) } }
    public var requestedName: [UInt8]? { serverName.map { Array($0.utf8) } }
    public var hasEarlyData: Bool { unsafe SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED }

    public var sessionIdentifier: [UInt8] {
        var count: UInt32 = 0
        guard let session = unsafe SSL_get_session(ssl), let bytes = unsafe SSL_SESSION_get_id(session, &count) else {
            return []
        }
        return unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    public var clientRandom: [UInt8] { unsafe Self.bytes { unsafe SSL_get_client_random(ssl, $0, $1) } }
    public var serverRandom: [UInt8] { unsafe Self.bytes { unsafe SSL_get_server_random(ssl, $0, $1) } }

    public var masterSecret: [UInt8] {
        guard let session = unsafe SSL_get_session(ssl) else { return [] }
        return unsafe Self.bytes { unsafe SSL_SESSION_get_master_key(session, $0, $1) }
    }

    public var uniqueIdentifier: [UInt8] {
        // The client speaks first in a full handshake, the server in a resumed one.
        isResumed
            ? unsafe Self.bytes { unsafe SSL_get_finished(ssl, $0, $1) }
            : unsafe Self.bytes { unsafe SSL_get_peer_finished(ssl, $0, $1) }
    }

    public var localCertificate: [UInt8]? {
        guard let certificate = unsafe SSL_get_certificate(ssl) else { return nil }
        return unsafe Self.der(certificate)
    }

    public var localCertificateFile: String? {
        guard let certificate = unsafe SSL_get_certificate(ssl) else { return nil }
        return unsafe (owner as? TLSServerContext)?.certificates.file(of: certificate)
    }

    public var peerCertificates: [[UInt8]] {
        var found: [[UInt8]] = []
        // OpenSSL forgets what it has refused.
        if let own = peerCertificate ?? verdict.certificate.flatMap({ unsafe Self.der($0.pointer) }) {
            found.append(own)
        }
        guard let chain = unsafe SSL_get_peer_cert_chain(ssl) else { return found }
        for index in 0..<(unsafe portico_x509_stack_count(chain)) {
            guard let certificate = unsafe portico_x509_stack_get(chain, index) else { continue }
            guard let der = unsafe Self.der(certificate), der != found.first else { continue }
            found.append(der)
        }
        return found
    }

    public var verifiedRoot: [UInt8]? {
        guard let chain = unsafe SSL_get0_verified_chain(ssl) else { return nil }
        let count = unsafe portico_x509_stack_count(chain)
        guard count > 0, let certificate = unsafe portico_x509_stack_get(chain, count - 1) else { return nil }
        return unsafe Self.der(certificate)
    }

    public var hello: ClientHelloCapture? { capturedHello }
    public var isPeerVerified: Bool { verdict.isDone }
    public var verificationResult: Int { unsafe Int(SSL_get_verify_result(ssl)) }
    public var certificateError: Int { verdict.error }
    public var authorityError: Int { verdict.authorityError }
    public var authorityErrorDepth: Int { verdict.authorityErrorDepth }

    private static func bytes(_ read: (UnsafeMutablePointer<UInt8>?, Int) -> Int) -> [UInt8] {
        unsafe Array(unsafeUninitializedCapacity: 64) { room, count in
            count = unsafe min(read(room.baseAddress, room.count), room.count)
        }
    }

    @unsafe static func der(_ certificate: OpaquePointer) -> [UInt8]? {
        var start: UnsafeMutablePointer<UInt8>?
        let length = unsafe i2d_X509(certificate, &start)
        guard length > 0, let start = unsafe start else { return nil }
        defer { unsafe CRYPTO_free(start, #file, #line) }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: Int(length)))
    }
}
