/// One `server` line, with what `default-server` adds to it.
public struct ServerSettings: Sendable, Equatable {
    /// The name in logs and statistics; unique in its backend.
    public var name: String
    /// The number in statistics and server-state files (`id`); nil: the first free one.
    public var id: Int?
    public var address: ServerAddress
    /// How connections to it are made.
    public var connection: ServerConnectionSettings
    /// TLS towards the server (`ssl`), or only for its checks; nil: clear.
    public var tls: ServerTLSSettings?
    /// False when only checks speak TLS (`check-ssl`), or traffic does not before `set server … ssl on`: `default-server
    /// ssl`, and `no-ssl` on the line.
    public var usesTLSForTraffic = true
    /// Whether the line says `no-ssl`.
    public var refusesTLS = false
    /// The share of the load, 0 to 256 (`weight`); 0: none.
    public var weight: Int
    /// Connections, or in HTTP mode running requests, at once (`maxconn`); nil: no limit.
    public var maxconn: Int?
    /// The limit while the backend is not full (`minconn`); nil: always ``maxconn``.
    public var minconn: Int?
    /// The value of the backend's cookie that belongs to it (`cookie`).
    public var cookie: String?
    /// What its places on a consistent hash's ring come from (`hash-key`).
    public var hashKey: ServerHashKey
    /// Its identifier in the whole process (`guid`).
    public var guid: String?
    /// Requests that may wait for this server (`maxqueue`); nil: no limit.
    public var maxqueue: Int?
    /// Whether it serves only when no other server does (`backup`).
    public var isBackup: Bool
    /// In `mode log`: whether it takes datagrams.
    public var takesDatagrams = false
    /// In `mode log`: the ring that lines wait in for a server that takes connections, a place in `Configuration.rings`.
    public var ring: Int?
    /// Whether it starts in maintenance (`disabled`).
    public var isDisabled: Bool
    /// Milliseconds in which the weight grows to the whole after the server came up (`slowstart`); 0: at once.
    public var slowStart: Int
    /// Whether its exchanges end when it goes down (`on-marked-down shutdown-sessions`).
    public var shutsSessionsWhenDown: Bool
    /// Whether those of backup servers end when it comes up (`on-marked-up shutdown-backup-sessions`).
    public var shutsBackupsWhenUp: Bool
    /// Idle connections to keep (`pool-max-conn`); nil: no limit, 0: none.
    public var poolMaxConnections: Int?
    /// Idle connections to keep beside those that were needed lately (`pool-low-conn`).
    public var poolLowConnections: Int
    /// Milliseconds between two rounds, each of which closes half of the idle connections (`pool-purge-delay`).
    public var poolPurgeDelay: Int
    /// Requests after its first that a connection may carry (`max-reuse`); nil: no limit.
    public var maxReuse: Int?
    /// How its name is resolved.
    public var resolution = ServerResolutionSettings()
    /// Where GET and HEAD requests are sent that it would get (`redir`): their path is put behind; nil: it gets them.
    public var redirectPrefix: [UInt8]?
    /// Health checks, and agent checks.
    public var check = CheckSettings()
    public var agent = AgentSettings()
    /// What of traffic tells about the server's health (`observe`), after how many errors in a row something follows
    /// (`error-limit`), and what (`on-error`).
    public var observedLayer = ObservedLayer.none
    public var errorLimit = 10
    public var errorReaction = ErrorReaction.failCheck
    /// How it starts (`init-state`).
    public var initialState = InitialServerState.none
    /// The server whose state it follows, `backend/server` (`track`).
    public var tracked: String?
    /// The line that declares it.
    public var location: SourceLocation

    /// The name of SRV records that give name, port and weight (`server s1 _http._tcp.example.com`); nil: none.
    public var serviceName: String? {
        guard case .host(.name(let name, _), _) = address, name.hasPrefix("_") else { return nil }
        return name
    }

    /// Whether the server opens its connections to us (`rhttp@`).
    public var isReversed: Bool { address == .reversed }

    public init(name: String, address: ServerAddress, location: SourceLocation) {
        self.name = name
        self.id = nil
        self.address = address
        self.connection = ServerConnectionSettings()
        self.tls = nil
        self.weight = 1
        self.maxconn = nil
        self.minconn = nil
        self.cookie = nil
        self.hashKey = .id
        self.guid = nil
        self.maxqueue = nil
        self.isBackup = false
        self.isDisabled = false
        self.slowStart = 0
        self.shutsSessionsWhenDown = false
        self.shutsBackupsWhenUp = false
        self.poolMaxConnections = nil
        self.poolLowConnections = 0
        self.poolPurgeDelay = 5000
        self.maxReuse = nil
        self.location = location
    }
}

/// Where a server is.
public enum ServerAddress: Sendable, Hashable {
    /// An IP address or a name, and a port.
    case host(HostAddress, ServerPort)
    /// The path of a Unix socket.
    case unix(path: String)
    /// A name in Linux's abstract namespace, without its leading zero byte: padded with zero bytes (`abns@`), or not
    /// (`abnsz@`).
    case abstract(name: String, isPadded: Bool = true)
    /// The server opens its connections to us (`rhttp@`): `tcp-request session attach-srv` brings them.
    case reversed
}

/// An IP address, or a name that is looked up at start.
public enum HostAddress: Sendable, Hashable {
    case ip(IPAddress)
    /// A name, and the only family wanted of it (`ipv4@`, `ipv6@`), if one is.
    case name(String, family: AddressFamily?)
}

/// A family of IP addresses.
public enum AddressFamily: Sendable {
    case ipv4
    case ipv6
}

/// The port to connect to.
public enum ServerPort: Sendable, Hashable {
    /// This one.
    case fixed(UInt16)
    /// The port that the client connected to, plus an offset (`server a 10.0.0.1`, `server a 10.0.0.1:+1000`).
    case ofClient(offset: Int)
}
