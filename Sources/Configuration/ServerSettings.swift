/// One `server` line, with what `default-server` adds to it.
package struct ServerSettings: Sendable, Equatable {
    /// The name in logs and statistics; unique in its backend.
    package var name: String
    /// The number in statistics and server-state files (`id`); nil: the first free one.
    package var id: Int?
    package var address: ServerAddress
    /// How connections to it are made.
    package var connection: ServerConnectionSettings
    /// TLS towards the server (`ssl`), or only for its checks; nil: clear.
    package var tls: ServerTLSSettings?
    /// False when only checks speak TLS (`check-ssl`), or traffic does not before `set server … ssl on`: `default-server
    /// ssl`, and `no-ssl` on the line.
    package var usesTLSForTraffic = true
    /// Whether the line says `no-ssl`.
    package var refusesTLS = false
    /// The share of the load, 0 to 256 (`weight`); 0: none.
    package var weight: Int
    /// Connections, or in HTTP mode running requests, at once (`maxconn`); nil: no limit.
    package var maxconn: Int?
    /// The limit while the backend is not full (`minconn`); nil: always ``maxconn``.
    package var minconn: Int?
    /// The value of the backend's cookie that belongs to it (`cookie`).
    package var cookie: String?
    /// What its places on a consistent hash's ring come from (`hash-key`).
    package var hashKey: ServerHashKey
    /// Its identifier in the whole process (`guid`).
    package var guid: String?
    /// Requests that may wait for this server (`maxqueue`); nil: no limit.
    package var maxqueue: Int?
    /// Whether it serves only when no other server does (`backup`).
    package var isBackup: Bool
    /// Whether it starts in maintenance (`disabled`).
    package var isDisabled: Bool
    /// Milliseconds in which the weight grows to the whole after the server came up (`slowstart`); 0: at once.
    package var slowStart: Int
    /// Whether its exchanges end when it goes down (`on-marked-down shutdown-sessions`).
    package var shutsSessionsWhenDown: Bool
    /// Whether those of backup servers end when it comes up (`on-marked-up shutdown-backup-sessions`).
    package var shutsBackupsWhenUp: Bool
    /// Idle connections to keep (`pool-max-conn`); nil: no limit, 0: none.
    package var poolMaxConnections: Int?
    /// Idle connections to keep beside those that were needed lately (`pool-low-conn`).
    package var poolLowConnections: Int
    /// Milliseconds between two rounds, each of which closes half of the idle connections (`pool-purge-delay`).
    package var poolPurgeDelay: Int
    /// Requests after its first that a connection may carry (`max-reuse`); nil: no limit.
    package var maxReuse: Int?
    /// How its name is resolved.
    package var resolution = ServerResolutionSettings()
    /// Health checks, and agent checks.
    package var check = CheckSettings()
    package var agent = AgentSettings()
    /// What of traffic tells about the server's health (`observe`), after how many errors in a row something follows
    /// (`error-limit`), and what (`on-error`).
    package var observedLayer = ObservedLayer.none
    package var errorLimit = 10
    package var errorReaction = ErrorReaction.failCheck
    /// How it starts (`init-state`).
    package var initialState = InitialServerState.none
    /// The server whose state it follows, `backend/server` (`track`).
    package var tracked: String?
    /// The line that declares it.
    package var location: SourceLocation

    /// The name of SRV records that give name, port and weight (`server s1 _http._tcp.example.com`); nil: none.
    package var serviceName: String? {
        guard case .host(.name(let name, _), _) = address, name.hasPrefix("_") else { return nil }
        return name
    }

    package init(name: String, address: ServerAddress, location: SourceLocation) {
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
package enum ServerAddress: Sendable, Hashable {
    /// An IP address or a name, and a port.
    case host(HostAddress, ServerPort)
    /// The path of a Unix socket.
    case unix(path: String)
    /// A name in Linux's abstract namespace, without its leading zero byte (`abns@`), padded with zero bytes.
    case abstract(name: String)
}

/// An IP address, or a name that is looked up at start.
package enum HostAddress: Sendable, Hashable {
    case ip(IPAddress)
    /// A name, and the only family wanted of it (`ipv4@`, `ipv6@`), if one is.
    case name(String, family: AddressFamily?)
}

/// A family of IP addresses.
package enum AddressFamily: Sendable {
    case ipv4
    case ipv6
}

/// The port to connect to.
package enum ServerPort: Sendable, Hashable {
    /// This one.
    case fixed(UInt16)
    /// The port that the client connected to, plus an offset (`server a 10.0.0.1`, `server a 10.0.0.1:+1000`).
    case ofClient(offset: Int)
}
