import Configuration

/// A `bind` line as it is written.
struct BindDraft: Sendable {
    /// The addresses of the line.
    var addresses: [(address: BindAddress, transport: BindTransport)] = []
    var usesTLS = false
    var tls: TLSDraft
    var certificates: [CertificateSource] = []
    var clients: ClientCertificateDraft
    /// Nil: no line says; empty: `no-alpn`.
    var alpn: [String]?
    var alpnMark: Mark?
    var acceptsProxyHeader = false
    var addressMagic: UInt32?
    var forcedProtocol: ForcedProtocol?
    var id: Int?
    var sockets = BindSocketSettings()
    var name: String?
    var guidPrefix: String?
    var maxconn: Int?
    /// `idle-ping`, milliseconds.
    var idlePing: Int?
    /// `nbconn`.
    var connections = 1
    var backlog: Int?
    var fastOpen = false
    var isIPv6Only: Bool?
    var permissions: SocketPermissions
    var quic = BindQUICSettings()
    /// The address argument, for messages.
    var text: String
    /// The line, with the address marked.
    var mark: Mark
    /// `crt-base`.
    let certificateBase: String
    /// Where lists of certificates are read from.
    let system: any LanguageSystem

    init(text: String, mark: Mark, surroundings: Surroundings) {
        self.text = text
        self.mark = mark
        tls = surroundings.bindTLS
        permissions = surroundings.unixPermissions
        certificateBase = surroundings.certificateRoot
        clients = ClientCertificateDraft(authorityBase: surroundings.authorityRoot)
        system = surroundings.system
    }

    /// Whether its addresses are servers to connect to (`rhttp@`).
    var isReversed: Bool {
        if case .reversed = addresses.first?.address { true } else { false }
    }

    /// Whether one of the addresses is a QUIC listener.
    var hasQUIC: Bool { addresses.contains { $0.transport == .quic } }
}
