/// One address of a `bind` line, with the line's settings. A line with several addresses gives one value for each.
public struct BindSettings: Sendable, Equatable {
    /// Where to listen.
    public var address: BindAddress
    /// What runs over the sockets.
    public var transport: BindTransport
    /// TLS settings; nil for a clear listener. Always set for QUIC.
    public var tls: BindTLSSettings?
    /// Whether each connection starts with a PROXY protocol header, version 1 or 2 (`accept-proxy`).
    public var acceptsProxyHeader: Bool
    /// The magic number of the NetScaler Client IP header that comes first (`accept-netscaler-cip`); nil: none does.
    public var addressMagic: UInt32?
    /// What is spoken whatever ALPN and the first bytes say (`proto`); nil: what they say.
    public var forcedProtocol: ForcedProtocol?
    /// The number of its first socket in statistics (`id`); nil: the next free one.
    public var id: Int?
    /// What its TCP sockets are told.
    public var sockets = BindSocketSettings()
    /// The name that statistics show (`name`).
    public var name: String?
    /// What the identifiers of its listening sockets begin with (`guid-prefix`): behind it stands `-` and the socket's
    /// place on the line.
    public var guidPrefix: String?
    /// The place of its first socket among those of its line, from 0.
    public var firstPlace = 0
    /// Connections at once on each port of this address (`maxconn`); nil: the frontend's limit only.
    public var maxconn: Int?
    /// The listen queue (`backlog`); nil: the frontend's `backlog`, and then its `maxconn`.
    public var backlog: Int?
    /// Whether TCP Fast Open is offered (`tfo`).
    public var fastOpen: Bool
    /// Whether an IPv6 socket takes IPv4 too (`v4v6`), IPv6 only (`v6only`), or what the system says (nil).
    public var isIPv6Only: Bool?
    /// Owner and permissions of the socket's file; for Unix sockets only.
    public var permissions: SocketPermissions
    /// Milliseconds after which an idle connection of reverse HTTP is asked whether it lives (`idle-ping`); nil: never.
    public var idlePing: Int?
    /// Connections that a listener of reverse HTTP keeps open, of all workers together (`nbconn`).
    public var connections = 1
    /// Settings of QUIC connections; used when `transport` is `.quic`.
    public var quic: BindQUICSettings
    /// The line that declares it.
    public var location: SourceLocation

    /// Its listening sockets, as the configuration counts them: one for each port.
    public var socketCount: Int {
        if case .ip(_, let ports) = address { ports.count } else { 1 }
    }

    public init(address: BindAddress, transport: BindTransport, location: SourceLocation) {
        self.address = address
        self.transport = transport
        self.tls = nil
        self.acceptsProxyHeader = false
        addressMagic = nil
        forcedProtocol = nil
        self.name = nil
        self.maxconn = nil
        self.backlog = nil
        self.fastOpen = false
        self.isIPv6Only = nil
        self.permissions = SocketPermissions()
        self.quic = BindQUICSettings()
        self.location = location
    }
}

/// Where a listener listens.
public enum BindAddress: Sendable, Hashable {
    /// An IP address and each port of a range.
    case ip(IPAddress, ports: ClosedRange<UInt16>)
    /// The path of a Unix socket, with the prefix of `unix-bind` in front.
    case unix(path: String)
    /// A name in Linux's abstract namespace, without its leading zero byte: padded with zero bytes to its full length
    /// (`abns@`), or not, as most other programs have it (`abnsz@`).
    case abstract(name: String, isPadded: Bool = true)
    /// A bound file descriptor that the process inherits (`fd@`).
    case inherited(fd: Int32)
    /// No socket: connections to a server are opened, and requests are taken from it on them (`rhttp@`).
    case reversed(ReverseTarget)
}

/// The server that a listener of reverse HTTP connects to.
public struct ReverseTarget: Sendable, Hashable {
    /// As the line names it, `backend/server`.
    public var name: String
    /// The backend's place among all, and the server's in it.
    public var backend = 0
    public var server = 0

    public init(name: String) { self.name = name }
}

extension BindAddress: CustomStringConvertible {
    /// The address as a configuration file would write it, with its prefix.
    public var description: String {
        switch self {
        case .ip(let address, let ports):
            (address.isV4 ? "ipv4@" : "ipv6@") + "\(address):"
                + (ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)")
        case .unix(let path): "unix@\(path)"
        case .abstract(let name, let isPadded): (isPadded ? "abns@" : "abnsz@") + name
        case .inherited(let fd): "fd@\(fd)"
        case .reversed(let target): "rhttp@\(target.name)"
        }
    }
}

/// What runs over a listener's sockets.
public enum BindTransport: Sendable {
    /// A stream socket: TCP, or a Unix stream.
    case stream
    /// QUIC over a UDP socket.
    case quic
}

/// Owner and permissions of a Unix socket's file. Names are looked up at start.
public struct SocketPermissions: Sendable, Equatable {
    /// Permission bits (`mode`); nil: as the umask says.
    public var mode: UInt32?
    public var user: PrincipalName?
    public var group: PrincipalName?

    public init(mode: UInt32? = nil, user: PrincipalName? = nil, group: PrincipalName? = nil) {
        self.mode = mode
        self.user = user
        self.group = group
    }
}

/// A user or a group of the system, by name or by number.
public enum PrincipalName: Sendable, Hashable {
    case name(String)
    case id(UInt32)
}

/// Settings of the QUIC connections of one listener.
public struct BindQUICSettings: Sendable, Equatable {
    /// The congestion controller (`quic-cc-algo`); HAProxy's default is CUBIC.
    public var congestionControl: CongestionControl
    /// Whether each new address has to prove itself by a Retry (`quic-force-retry`; RFC 9000 section 8.1.2).
    public var forcesRetry: Bool
    /// Whether early data is taken (`allow-0rtt`; RFC 9001 section 4.6).
    public var takesEarlyData: Bool

    public init(
        congestionControl: CongestionControl = .cubic, forcesRetry: Bool = false, takesEarlyData: Bool = false
    ) {
        self.congestionControl = congestionControl
        self.forcesRetry = forcesRetry
        self.takesEarlyData = takesEarlyData
    }
}

/// A congestion controller of QUIC.
public enum CongestionControl: String, Sendable {
    case cubic
    case newreno
    case bbr
}

/// What `proto` makes a listener speak.
public enum ForcedProtocol: String, Sendable, Equatable {
    case http1 = "h1"
    case http2 = "h2"
    /// TCP passed through, which no rule can make HTTP of.
    case none
    case quic
}
