// The cipher suites and groups of QUIC, by the names of both TLS libraries.

/// A cipher suite of TLS 1.3 that QUIC can use (RFC 9001, section 5.3).
public enum QUICCipherSuite: String, CaseIterable, Sendable {
    case aes128GCM = "TLS_AES_128_GCM_SHA256"
    case aes256GCM = "TLS_AES_256_GCM_SHA384"
    case chaCha20Poly1305 = "TLS_CHACHA20_POLY1305_SHA256"

    var gnutlsName: String {
        switch self {
        case .aes128GCM: "AES-128-GCM"
        case .aes256GCM: "AES-256-GCM"
        case .chaCha20Poly1305: "CHACHA20-POLY1305"
        }
    }

    /// The suites of a `ciphersuites` argument: TLS 1.3 names between colons. Throws `configuration`.
    public static func list(_ names: String) throws(TLSError) -> [QUICCipherSuite] {
        var suites: [QUICCipherSuite] = []
        for name in names.split(separator: ":", omittingEmptySubsequences: false) {
            guard let suite = QUICCipherSuite(rawValue: String(name)) else {
                throw TLSError(.configuration, "cipher suite '\(name)' does not exist in QUIC")
            }
            suites.append(suite)
        }
        return suites
    }
}

/// A key exchange group (RFC 8446, section 4.2.7) that both TLS libraries have.
public enum KeyExchangeGroup: String, CaseIterable, Sendable {
    case x25519 = "X25519"
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"
    case x448 = "X448"

    var gnutlsName: String {
        switch self {
        case .x25519: "GROUP-X25519"
        case .p256: "GROUP-SECP256R1"
        case .p384: "GROUP-SECP384R1"
        case .p521: "GROUP-SECP521R1"
        case .x448: "GROUP-X448"
        }
    }

    /// The groups of a `curves` argument: names between colons, as OpenSSL spells them. Throws `configuration`.
    public static func list(_ names: String) throws(TLSError) -> [KeyExchangeGroup] {
        var groups: [KeyExchangeGroup] = []
        for name in names.split(separator: ":", omittingEmptySubsequences: false) {
            switch name.uppercased() {
            case "X25519": groups.append(.x25519)
            case "P-256", "PRIME256V1", "SECP256R1": groups.append(.p256)
            case "P-384", "SECP384R1": groups.append(.p384)
            case "P-521", "SECP521R1": groups.append(.p521)
            case "X448": groups.append(.x448)
            default: throw TLSError(.configuration, "unknown curve '\(name)'")
            }
        }
        return groups
    }
}
