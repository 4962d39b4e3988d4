/// What a listener wants of its clients' certificates.
public struct ClientCertificateSettings: Sendable, Hashable {
    /// Whether clients are asked for a certificate (`verify`).
    public enum Mode: String, Sendable {
        case none
        /// They are asked, and go on without one.
        case optional
        case required
    }

    public var mode = Mode.none
    /// Authorities to trust, whose names clients are told (`ca-file`).
    public var authorities: TrustSource?
    /// Further authorities to trust, whose names they are not told (`ca-verify-file`).
    public var unnamedAuthorities: TrustSource?
    /// A PEM file of revoked certificates (`crl-file`).
    public var revocations: String?
    /// OpenSSL's numbers of errors that are ignored in the client's own certificate (`crt-ignore-err`).
    public var ignoredErrors: Set<Int> = []
    /// The same for the certificates above it (`ca-ignore-err`).
    public var ignoredAuthorityErrors: Set<Int> = []
    /// Whether clients are told the authorities' names (`no-ca-names`).
    public var tellsNames = true

    public init() {}
}
