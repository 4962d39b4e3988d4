/// Probes of silent TCP connections (`option clitcpka`, `option srvtcpka`; tcp(7)). Nil: as the system has it.
public struct KeepAliveProbes: Sendable, Equatable {
    /// Whether connections are probed at all.
    public var isOn = false
    /// Probes without an answer after which a connection is dead (`clitcpka-cnt`, `srvtcpka-cnt`).
    public var count: Int?
    /// Seconds of silence before the first probe (`clitcpka-idle`, `srvtcpka-idle`).
    public var idle: Int?
    /// Seconds between two probes (`clitcpka-intvl`, `srvtcpka-intvl`).
    public var interval: Int?

    public init() {}
}

/// What the TCP sockets of a `bind` line are told. Nil: as the system has it.
public struct BindSocketSettings: Sendable, Equatable {
    /// The only network interface that is listened on (`interface`).
    public var interface: String?
    /// Most bytes of a segment (`mss`); below 0: so many fewer than the system finds.
    public var maxSegment: Int?
    /// Milliseconds that sent data may stay without acknowledgement (`tcp-ut`, RFC 5482).
    public var userTimeout: Int?
    /// The congestion controller, by the kernel's name (`cc`).
    public var congestionControl: String?
    /// Whether connections are taken only once they have brought data (`defer-accept`).
    public var defersAccept = false
    /// Whether it may listen on addresses of other machines (`transparent`). It needs the capability CAP_NET_ADMIN.
    public var isTransparent = false
    /// Whether the kernel keeps clients' SYN packets: 0 not, 1 with the TCP header, 2 with the link's too (`tcp-ss`).
    public var keepsSYN = 0

    public init() {}
}

/// Limits of new connections in a second, and of TLS, for the whole process. Nil: no limit.
public struct ProcessRateLimits: Sendable, Equatable {
    /// Connections taken per second (`maxconnrate`).
    public var connections: Int?
    /// Sessions per second (`maxsessrate`).
    public var sessions: Int?
    /// Connections with TLS taken per second (`maxsslrate`).
    public var tls: Int?
    /// Connections with TLS at once (`maxsslconn`).
    public var tlsAtOnce: Int?

    public init() {}
}
