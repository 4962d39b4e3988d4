/// A version of TLS, ordered by age.
public enum TLSVersion: String, Sendable, Comparable, CaseIterable {
    case sslv3 = "SSLv3"
    case tls10 = "TLSv1.0"
    case tls11 = "TLSv1.1"
    case tls12 = "TLSv1.2"
    case tls13 = "TLSv1.3"

    public static func < (left: TLSVersion, right: TLSVersion) -> Bool { left.age < right.age }

    private var age: Int {
        switch self {
        case .sslv3: 0
        case .tls10: 1
        case .tls11: 2
        case .tls12: 3
        case .tls13: 4
        }
    }
}

/// What both sides of TLS can be told. The strings go to the TLS library as they are; nil: the library's default.
public struct TLSParameters: Sendable, Equatable {
    /// The oldest version offered (`ssl-min-ver`).
    public var minVersion: TLSVersion
    /// The newest version offered (`ssl-max-ver`); nil: the newest there is.
    public var maxVersion: TLSVersion?
    /// Cipher list up to TLS 1.2, in OpenSSL's notation (`ciphers`).
    public var ciphers: String?
    /// Cipher suites of TLS 1.3, colon-separated (`ciphersuites`).
    public var ciphersuites: String?
    /// Groups for the key exchange, colon-separated (`curves`).
    public var curves: String?
    /// Signature algorithms, colon-separated (`sigalgs`).
    public var signatureAlgorithms: String?
    /// Whether sessions are resumed by tickets (`tls-tickets`, `no-tls-tickets`).
    public var usesTickets: Bool

    public init(
        minVersion: TLSVersion = .tls12, maxVersion: TLSVersion? = nil, ciphers: String? = nil,
        ciphersuites: String? = nil, curves: String? = nil, signatureAlgorithms: String? = nil,
        usesTickets: Bool = true
    ) {
        self.minVersion = minVersion
        self.maxVersion = maxVersion
        self.ciphers = ciphers
        self.ciphersuites = ciphersuites
        self.curves = curves
        self.signatureAlgorithms = signatureAlgorithms
        self.usesTickets = usesTickets
    }
}

/// TLS of a listener.
public struct BindTLSSettings: Sendable, Equatable {
    /// Versions, ciphers and the like.
    public var parameters: TLSParameters
    /// Certificates in the order of the line. The first, and all with `isDefault`, answer where no name matches.
    public var certificates: [CertificateSource]
    /// Protocols in the order of preference (`alpn`); the default is filled in. Empty: no ALPN (`no-alpn`).
    public var alpn: [String]
    /// Whether a client that asks for an unknown name, or for none, is refused (`strict-sni`).
    public var strictSNI: Bool
    /// Whether the client's order of ciphers decides (`prefer-client-ciphers`).
    public var prefersClientCiphers: Bool
    /// What clients' certificates have to be (`verify`, `ca-file` and the like).
    public var clients: ClientCertificateSettings

    public init(
        parameters: TLSParameters = TLSParameters(), certificates: [CertificateSource] = [], alpn: [String] = [],
        strictSNI: Bool = false, prefersClientCiphers: Bool = false,
        clients: ClientCertificateSettings = ClientCertificateSettings()
    ) {
        self.parameters = parameters
        self.certificates = certificates
        self.alpn = alpn
        self.strictSNI = strictSNI
        self.prefersClientCiphers = prefersClientCiphers
        self.clients = clients
    }
}

/// A `crt` argument: a PEM file with chain and key, or a directory of such files.
public struct CertificateSource: Sendable, Hashable {
    /// The path, with `crt-base` in front of a relative one.
    public var path: String
    /// Whether it answers where no name matches (`default-crt`).
    public var isDefault: Bool
    /// The lines of a list (`crt-list`), whose path it is then; nil: it is no list.
    public var lines: [CertificateListLine]?

    public init(path: String, isDefault: Bool = false, lines: [CertificateListLine]? = nil) {
        self.path = path
        self.isDefault = isDefault
        self.lines = lines
    }
}

/// TLS towards a server.
public struct ServerTLSSettings: Sendable, Equatable {
    /// Versions, ciphers and the like.
    public var parameters: TLSParameters
    /// Whether the server's certificate has to be valid (`verify`).
    public var verifiesCertificate: Bool
    /// The file of trusted authorities (`ca-file`, with `ca-base`), or nil: none given.
    public var trust: TrustSource?
    /// The name to send in SNI (`sni`, `sni-auto`).
    public var serverName: ServerNameSource
    /// The name that the certificate has to carry when none was sent in SNI (`verifyhost`).
    public var verifiedHost: String?
    /// Protocols offered, in the order of preference (`alpn`). Empty: no ALPN.
    public var alpn: [String]
    /// Whether sessions with the server are resumed (`no-ssl-reuse` turns it off).
    public var reusesSessions: Bool
    /// The certificate to show to servers that ask for one: a PEM file with chain and key (`crt`, with `crt-base`).
    public var certificate: String?
    /// A PEM file of revoked certificates (`crl-file`, with `ca-base`); nil: none is checked.
    public var revocations: String?

    public init(
        parameters: TLSParameters = TLSParameters(), verifiesCertificate: Bool = true, trust: TrustSource? = nil,
        serverName: ServerNameSource = .none, verifiedHost: String? = nil, alpn: [String] = [],
        reusesSessions: Bool = true, certificate: String? = nil, revocations: String? = nil
    ) {
        self.parameters = parameters
        self.verifiesCertificate = verifiesCertificate
        self.trust = trust
        self.serverName = serverName
        self.verifiedHost = verifiedHost
        self.alpn = alpn
        self.reusesSessions = reusesSessions
        self.certificate = certificate
        self.revocations = revocations
    }
}

/// Where trusted authorities come from.
public enum TrustSource: Sendable, Hashable {
    /// A PEM file, or a directory of them.
    case path(String)
    /// The system's own (`@system-ca`).
    case system
}

/// Where the name that goes to a server in SNI comes from.
public enum ServerNameSource: Sendable, Hashable {
    /// No name is sent.
    case none
    /// Always this name (`sni str(NAME)`).
    case fixed(String)
    /// The host of the request, without its port (`sni req.hdr(host)`, and `sni-auto`, the default in HTTP mode).
    case requestHost
    /// What an expression gives (`sni EXPR`).
    case expression(HashExpression)
}
