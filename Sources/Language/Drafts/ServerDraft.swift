import Configuration

/// A `server` or `default-server` line as it is written.
struct ServerDraft: Sendable {
    var name = ""
    var address = ServerAddress.unix(path: "")
    /// The number that the line gives (`id`).
    var id: Int?
    var connection = ServerConnectionSettings()
    /// `proto`, with its value marked.
    var protocolMark: Mark?
    var certificate: String?
    var revocations: String?
    var poolLowConnections = 0
    var usesTLS = false
    /// `no-ssl` came last.
    var refusesTLS = false
    /// `ssl` was said, on the line or in its defaults: TLS can be turned on later even when `no-ssl` came after.
    var preparesTLS = false
    var tls: TLSDraft
    /// `verify`; nil: as `ssl-server-verify` says.
    var verifiesCertificate: Bool?
    var trust: TrustSource?
    /// `sni`; nil: not given.
    var serverName: ServerNameSource?
    /// `sni-auto`.
    var automaticSNI = true
    var verifiedHost: String?
    /// `alpn`; nil: not given.
    var alpn: [String]?
    var reusesSessions = true
    var resolution = ServerResolutionSettings()
    /// `resolvers`, marked.
    var resolversMark: Mark?
    var weight = 1
    var maxconn: Int?
    var minconn: Int?
    var cookie: String?
    var hashKey = ServerHashKey.id
    var guid: String?
    var maxqueue: Int?
    /// In `mode log`: whether it takes datagrams.
    var takesDatagrams = false
    var isBackup = false
    var isDisabled = false
    /// `redir`.
    var redirectPrefix: String?
    var poolMaxConnections: Int?
    var poolPurgeDelay = 5000
    var maxReuse: Int?
    var check = CheckSettings()
    /// The section that `healthcheck` names.
    var healthcheck: String?
    var agent = AgentSettings()
    var observedLayer = ObservedLayer.none
    var errorLimit = 10
    var errorReaction = ErrorReaction.failCheck
    var initialState = InitialServerState.none
    /// `track`, as written.
    var tracked: String?
    var slowStart = 0
    var shutsSessionsWhenDown = false
    var shutsBackupsWhenUp = false
    /// The line, with the server's name marked.
    var mark: Mark?
    /// `ca-base`.
    var authorityBase: String
    /// `crt-base`.
    var certificateBase: String

    init(surroundings: Surroundings) {
        tls = surroundings.serverTLS
        authorityBase = surroundings.authorityRoot
        certificateBase = surroundings.certificateRoot
    }
}
