// The versions of TLS that OpenSSL still speaks.

import COpenSSL

/// A version of TLS on TCP, oldest first. SSLv3 is gone from the library.
public enum TLSProtocolVersion: String, CaseIterable, Comparable, Sendable {
    case tls10 = "TLSv1.0"
    case tls11 = "TLSv1.1"
    case tls12 = "TLSv1.2"
    case tls13 = "TLSv1.3"

    /// The number on the wire (RFC 8446, section 4.2.1).
    var number: Int32 {
        switch self {
        case .tls10: TLS1_VERSION
        case .tls11: TLS1_1_VERSION
        case .tls12: TLS1_2_VERSION
        case .tls13: TLS1_3_VERSION
        }
    }

    public static func < (left: TLSProtocolVersion, right: TLSProtocolVersion) -> Bool {
        left.number < right.number
    }
}

/// What both sides of TLS on TCP can be told; nil is the library's default.
public struct TLSSettings: Sendable, Equatable {
    public var minVersion = TLSProtocolVersion.tls12
    public var maxVersion = TLSProtocolVersion.tls13
    /// Cipher list up to TLS 1.2, in OpenSSL's notation.
    public var ciphers: String?
    /// Cipher suites of TLS 1.3, between colons; nil: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305.
    public var ciphersuites: String?
    /// Key exchange groups, between colons.
    public var curves: String?
    /// Signature algorithms, between colons.
    public var signatureAlgorithms: String?

    public init() {}
}
