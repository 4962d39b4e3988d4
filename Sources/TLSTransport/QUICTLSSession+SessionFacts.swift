import CGnuTLS

// Rare facts of a TLS session inside QUIC, for sample fetches, by OpenSSL's names.
extension QUICTLSSession: TLSSessionFacts {
    public var versionText: String { "TLSv1.3" }
    public var cipherName: String? { cipherSuite }

    public var cipherBits: (used: Int, algorithm: Int)? {
        switch cipherSuite.flatMap(QUICCipherSuite.init(rawValue:)) {
        case .aes128GCM: (128, 128)
        case .aes256GCM, .chaCha20Poly1305: (256, 256)
        case nil: nil
        }
    }

    public var groupName: String? {
        switch unsafe gnutls_group_get(handle) {
        case GNUTLS_GROUP_X25519: "X25519"
        case GNUTLS_GROUP_X448: "X448"
        case GNUTLS_GROUP_SECP256R1: "prime256v1"
        case GNUTLS_GROUP_SECP384R1: "secp384r1"
        case GNUTLS_GROUP_SECP521R1: "secp521r1"
        default: nil
        }
    }

    public var agreedProtocol: [UInt8]? { alpn.map { Array($0.utf8) } }
    public var requestedName: [UInt8]? { serverName.map { Array($0.utf8) } }
    public var hasEarlyData: Bool { isEarlyDataAccepted }

    public var sessionIdentifier: [UInt8] {
        var datum = unsafe gnutls_datum_t()
        guard unsafe gnutls_session_get_id2(handle, &datum) == 0 else { return [] }
        return unsafe Self.bytes(datum)
    }

    public var clientRandom: [UInt8] {
        var client = unsafe gnutls_datum_t()
        var server = unsafe gnutls_datum_t()
        unsafe gnutls_session_get_random(handle, &client, &server)
        return unsafe Self.bytes(client)
    }

    public var serverRandom: [UInt8] {
        var client = unsafe gnutls_datum_t()
        var server = unsafe gnutls_datum_t()
        unsafe gnutls_session_get_random(handle, &client, &server)
        return unsafe Self.bytes(server)
    }

    // GnuTLS gives neither out of TLS 1.3, which is all that QUIC has.
    public var masterSecret: [UInt8] { [] }
    public var uniqueIdentifier: [UInt8] { [] }

    public var localCertificate: [UInt8]? {
        guard let datum = unsafe gnutls_certificate_get_ours(handle) else { return nil }
        return unsafe Self.bytes(datum.pointee)
    }

    public var localCertificateFile: String? { certificateFile }

    /// GnuTLS's tickets hold the whole chain, OpenSSL's the certificate alone: both answer as the latter.
    public var peerCertificates: [[UInt8]] { isResumed ? Array(peerChain.prefix(1)) : peerChain }

    /// All that the peer has shown, on this connection or on the one whose ticket it has.
    var peerChain: [[UInt8]] {
        var count: UInt32 = 0
        guard let list = unsafe gnutls_certificate_get_peers(handle, &count) else { return [] }
        var found: [[UInt8]] = []
        for index in 0..<Int(count) { unsafe found.append(Self.bytes(list[index])) }
        return found
    }

    public var verifiedRoot: [UInt8]? { verification.root }
    public var isPeerVerified: Bool { verdict.isDone }
    public var verificationResult: Int { isResumed ? resumedVerification.error : verification.error }
    public var certificateError: Int { verdict.error }
    public var authorityError: Int { verdict.authorityError }
    public var authorityErrorDepth: Int { verdict.authorityErrorDepth }
    // GnuTLS has other numbers; what it refuses is in `refusal`.
    public var failureCode: UInt { 0 }

    private static func bytes(_ datum: gnutls_datum_t) -> [UInt8] {
        guard let start = unsafe datum.data else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: start, count: Int(datum.size)))
    }
}
