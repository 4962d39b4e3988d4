// What can go wrong on a TLS connection or while a TLS context is built.

/// A TLS alert description (RFC 8446, section 6).
public struct TLSAlert: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number on the wire.
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let closeNotify = TLSAlert(rawValue: 0)
    public static let handshakeFailure = TLSAlert(rawValue: 40)
    public static let badCertificate = TLSAlert(rawValue: 42)
    public static let unsupportedCertificate = TLSAlert(rawValue: 43)
    public static let certificateRevoked = TLSAlert(rawValue: 44)
    public static let certificateExpired = TLSAlert(rawValue: 45)
    public static let unknownCA = TLSAlert(rawValue: 48)
    public static let decryptError = TLSAlert(rawValue: 51)
    public static let protocolVersion = TLSAlert(rawValue: 70)
    public static let internalError = TLSAlert(rawValue: 80)
    public static let unrecognizedName = TLSAlert(rawValue: 112)
    public static let noApplicationProtocol = TLSAlert(rawValue: 120)

    /// The field's name for the alert where it has one, else its number.
    public var description: String {
        switch rawValue {
        case 0: "close_notify"
        case 10: "unexpected_message"
        case 20: "bad_record_mac"
        case 22: "record_overflow"
        case 40: "handshake_failure"
        case 42: "bad_certificate"
        case 43: "unsupported_certificate"
        case 44: "certificate_revoked"
        case 45: "certificate_expired"
        case 46: "certificate_unknown"
        case 47: "illegal_parameter"
        case 48: "unknown_ca"
        case 49: "access_denied"
        case 50: "decode_error"
        case 51: "decrypt_error"
        case 70: "protocol_version"
        case 71: "insufficient_security"
        case 80: "internal_error"
        case 86: "inappropriate_fallback"
        case 90: "user_canceled"
        case 109: "missing_extension"
        case 110: "unsupported_extension"
        case 112: "unrecognized_name"
        case 113: "bad_certificate_status_response"
        case 115: "unknown_psk_identity"
        case 116: "certificate_required"
        case 120: "no_application_protocol"
        default: "alert \(rawValue)"
        }
    }
}

/// Why a TLS connection or context failed. Holds no secret: the texts are the libraries' own reason strings, names
/// that the operator configured, and alert names.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kind of failure, for decisions and counters.
    public enum Code: Hashable, Sendable {
        /// A setting that the library refuses (cipher list, curve, version range).
        case configuration
        /// The peers agree on no version, cipher, group or signature algorithm; or a handshake message is bad.
        case handshake
        /// The peer ended the connection with a fatal alert.
        case alertReceived
        /// The peer's certificate did not verify.
        case certificateVerification
        /// A client's own certificate did not verify.
        case clientCertificate
        /// A certificate above a client's own did not verify, or its issuer is unknown.
        case clientAuthority
        /// `strict-sni`: no certificate for the name that the client asked for.
        case unrecognizedName
        /// ALPN is mandatory and the peers share no protocol (RFC 7301, section 3.2).
        case noApplicationProtocol
        /// A record could not be read or decrypted after the handshake.
        case record
        /// The transport ended without close_notify in the middle of the handshake.
        case truncated
        /// A system call on the descriptor failed.
        case system
        /// The library ran out of memory or broke a promise.
        case `internal`
    }

    public let code: Code
    /// What happened, in the library's words.
    public let reason: String
    /// The alert that was received (`alertReceived`) or sent, where there was one.
    public let alert: TLSAlert?
    /// The `errno` of a `system` failure, else 0.
    public let errno: Int32

    public init(_ code: Code, _ reason: String, alert: TLSAlert? = nil, errno: Int32 = 0) {
        self.code = code
        self.reason = reason
        self.alert = alert
        self.errno = errno
    }

    public var description: String {
        if let alert {
            return code == .alertReceived ? "\(reason) (received \(alert))" : "\(reason) (alert \(alert))"
        }
        return reason
    }
}
