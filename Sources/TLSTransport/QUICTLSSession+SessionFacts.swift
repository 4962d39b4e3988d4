import CGnuTLS

// Rare facts of a TLS session inside QUIC, for sample fetches, by OpenSSL's names.
extension QUICTLSSession: TLSSessionFacts {
    package var versionText: String { "TLSv1.3" }
    package var cipherName: String? { cipherSuite }

    package var cipherBits: (used: Int, algorithm: Int)? {
        switch cipherSuite.flatMap(QUICCipherSuite.init(rawValue:)) {
        case .aes128GCM: (128, 128)
        case .aes256GCM, .chaCha20Poly1305: (256, 256)
        case nil: nil
        }
    }

    package var groupName: String? {
        switch unsafe gnutls_group_get(handle) {
        case GNUTLS_GROUP_X25519: "X25519"
        case GNUTLS_GROUP_X448: "X448"
        case GNUTLS_GROUP_SECP256R1: "prime256v1"
        case GNUTLS_GROUP_SECP384R1: "secp384r1"
        case GNUTLS_GROUP_SECP521R1: "secp521r1"
        default: nil
        }
    }

    package var agreedProtocol: [UInt8]? { alpn.map { Array($0.utf8) } }
    package var requestedName: [UInt8]? { serverName.map { Array($0.utf8) } }
    package var hasEarlyData: Bool { isEarlyDataAccepted }

    package var sessionIdentifier: [UInt8] {
        var datum = unsafe gnutls_datum_t()
        guard unsafe gnutls_session_get_id2(handle, &datum) == 0 else { return [] }
        return unsafe Self.bytes(datum)
    }

    package var clientRandom: [UInt8] {
        var client = unsafe gnutls_datum_t()
        var server = unsafe gnutls_datum_t()
        unsafe gnutls_session_get_random(handle, &client, &server)
        return unsafe Self.bytes(client)
    }

    package var serverRandom: [UInt8] {
        var client = unsafe gnutls_datum_t()
        var server = unsafe gnutls_datum_t()
        unsafe gnutls_session_get_random(handle, &client, &server)
        return unsafe Self.bytes(server)
    }

    // GnuTLS gives neither out of TLS 1.3, which is all that QUIC has.
    package var masterSecret: [UInt8] { [] }
    package var uniqueIdentifier: [UInt8] { [] }

    package var localCertificate: [UInt8]? {
        guard let datum = unsafe gnutls_certificate_get_ours(handle) else { return nil }
        return unsafe Self.bytes(datum.pointee)
    }

    package var localCertificateFile: String? { certificateFile }

    package var peerCertificates: [[UInt8]] {
        var count: UInt32 = 0
        guard let list = unsafe gnutls_certificate_get_peers(handle, &count) else { return [] }
        var found: [[UInt8]] = []
        for index in 0..<Int(count) { unsafe found.append(Self.bytes(list[index])) }
        return found
    }

    // Our listeners ask QUIC clients for no certificate.
    package var verifiedRoot: [UInt8]? { nil }
    package var peerWasAsked: Bool { !peerCertificates.isEmpty && !isResumed }
    package var verificationError: Int { 0 }
    package var authorityError: Int { 0 }
    package var authorityErrorDepth: Int { 0 }

    private static func bytes(_ datum: gnutls_datum_t) -> [UInt8] {
        guard let start = unsafe datum.data else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: start, count: Int(datum.size)))
    }
}
