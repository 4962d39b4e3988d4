/// A line of a list of certificates (`crt-list`).
public struct CertificateListLine: Sendable, Hashable {
    /// The certificate's path, with `crt-base` in front of a relative one.
    public var path: String
    /// The names that it serves: `name`, `*.name`, `!name` (not among those of a wildcard), `*` (unknown ones). Empty: the
    /// certificate's own.
    public var filters: [String]
    /// Settings for these names; nil: the bind line's.
    public var options: CertificateLineOptions?
    /// The settings as they are written, between brackets; empty: none.
    public var optionText: String
    /// Its number in the file, from 1; 0 for what came from no file.
    public var number: Int

    public init(
        path: String, filters: [String] = [], options: CertificateLineOptions? = nil,
        optionText: String = "",
        number: Int = 0
    ) {
        self.path = path
        self.filters = filters
        self.options = options
        self.optionText = optionText
        self.number = number
    }
}

/// What a line of a list says of TLS: what is nil is as the bind line has it.
public struct CertificateLineOptions: Sendable, Hashable {
    public var minVersion: TLSVersion?
    public var maxVersion: TLSVersion?
    public var ciphers: String?
    public var ciphersuites: String?
    public var curves: String?
    public var signatureAlgorithms: String?
    /// Empty: `no-alpn`.
    public var alpn: [String]?
    public var clientMode: ClientCertificateSettings.Mode?
    public var authorities: TrustSource?
    public var unnamedAuthorities: TrustSource?
    public var revocations: String?
    /// `no-ca-names`.
    public var hidesNames = false

    public init() {}

    /// The settings of the bind line with these in their places.
    public func parameters(over base: TLSParameters) -> TLSParameters {
        var result = base
        result.minVersion = minVersion ?? base.minVersion
        result.maxVersion = maxVersion ?? base.maxVersion
        result.ciphers = ciphers ?? base.ciphers
        result.ciphersuites = ciphersuites ?? base.ciphersuites
        result.curves = curves ?? base.curves
        result.signatureAlgorithms = signatureAlgorithms ?? base.signatureAlgorithms
        return result
    }

    /// The same for clients' certificates.
    public func clients(over base: ClientCertificateSettings) -> ClientCertificateSettings {
        var result = base
        result.mode = clientMode ?? base.mode
        result.authorities = authorities ?? base.authorities
        result.unnamedAuthorities = unnamedAuthorities ?? base.unnamedAuthorities
        result.revocations = revocations ?? base.revocations
        result.tellsNames = base.tellsNames && !hidesNames
        return result
    }
}
