public import Rules

/// How connections to a server are made: what carries them, which HTTP they speak, and what comes before it.
public struct ServerConnectionSettings: Sendable, Equatable {
    /// TCP and Unix sockets, or QUIC (`quic4@`, `quic6@`).
    public var transport: BindTransport = .stream
    /// The version of HTTP to speak whatever ALPN says (`proto`); nil: as ALPN says, HTTP/1 without.
    public var version: ServerHTTPVersion?
    /// The SOCKS4 proxy through which connections over TCP go (`socks4`); nil: none.
    public var socks: SOCKSProxy?
    /// The version that WebSocket exchanges use (`ws`); nil: like the others.
    public var webSocketVersion: ServerHTTPVersion?
    /// Whether a QUIC server is tried over TCP when UDP does not get through (`quic-fallback`, of Portico).
    public var fallsBackToTCP = false
    /// Whether safe requests may go to a QUIC server before the handshake is complete (`allow-0rtt`).
    public var allowsEarlyData = false
    /// The PROXY header to send first (`send-proxy` and its siblings); nil: none.
    public var proxyHeader: ServerProxyHeader?
    /// Milliseconds after which an idle HTTP/2 connection is asked whether it lives (`idle-ping`); nil: never.
    public var idlePing: Int?
    /// Milliseconds that sent data may stay without acknowledgement (`tcp-ut`, RFC 5482); nil: as the system has it.
    public var userTimeout: Int?
    /// The kernel's congestion controller (`cc`); nil: the system's.
    public var congestionControl: String?
    /// Whether the first data goes with the SYN where the server has allowed it before (`tfo`, RFC 7413).
    public var usesFastOpen = false
    /// The congestion controller towards a QUIC server (`quic-cc-algo`).
    public var quicCongestionControl = CongestionControl.cubic
    /// What to connect from (`source`); nil: as the backend says.
    public var source: SourceSettings?
    /// What exchanges must have in common, beside the server, to share a connection (`pool-conn-name`); nil: the name in
    /// SNI.
    public var poolName: HashExpression?

    public init() {}
}

/// Where a SOCKS4 proxy listens.
public struct SOCKSProxy: Sendable, Equatable {
    public var address: IPAddress
    public var port: UInt16

    public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }
}

/// The versions of HTTP that servers can be told to speak.
public enum ServerHTTPVersion: String, Sendable {
    case h1
    case h2
    /// HTTP/3; its name in the configuration is that of its transport.
    case h3 = "quic"
}

/// What connections are made from (`source`).
public struct SourceSettings: Sendable, Equatable {
    /// What the server is shown in its place (`usesrc`). It needs the capability CAP_NET_ADMIN.
    public enum Shown: Sendable, Equatable {
        case own
        /// This address and port; port 0: any.
        case address(IPAddress, port: UInt16)
        /// The client's address and port.
        case client
        /// The client's address.
        case clientAddress
        /// The address in a header field: which of its values is counted from 1, or from -1 back.
        case header(name: String, occurrence: Int)
    }

    /// Nil: the kernel's choice.
    public var address: IPAddress?
    /// Nil: the kernel's choice.
    public var ports: ClosedRange<UInt16>?
    /// The network interface; nil: the kernel's choice.
    public var interface: String?
    public var shown = Shown.own

    public init() {}
}

/// The PROXY header in front of a connection to a server (haproxy.org's proxy-protocol.txt).
public struct ServerProxyHeader: Sendable, Equatable {
    /// A field of version 2 whose value a format gives (`set-proxy-v2-tlv-fmt`).
    public struct Field: Sendable, Equatable {
        public var type: UInt8
        public var format: Format

        public init(type: UInt8, format: Format) {
            self.type = type
            self.format = format
        }
    }

    /// 1 (text) or 2 (binary); 0 before that is known.
    public var version: Int
    public var options: ProxyHeaderOptions
    public var fields: [Field] = []

    public init(version: Int, options: ProxyHeaderOptions = []) {
        self.version = version
        self.options = options
    }
}

/// What a PROXY header of version 2 tells beside addresses (`proxy-v2-options`).
public struct ProxyHeaderOptions: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Whether the client used TLS, and its version.
    public static let tls = ProxyHeaderOptions(rawValue: 1)
    /// The cipher of the client's TLS connection.
    public static let cipher = ProxyHeaderOptions(rawValue: 2)
    /// The name that the client gave in SNI.
    public static let authority = ProxyHeaderOptions(rawValue: 4)
    /// A checksum over the header.
    public static let crc32c = ProxyHeaderOptions(rawValue: 8)
    /// The exchange's unique identifier (`unique-id-format`).
    public static let uniqueID = ProxyHeaderOptions(rawValue: 16)
    /// The common name of the client's certificate.
    public static let commonName = ProxyHeaderOptions(rawValue: 32)
    /// The algorithms of the key and the signature of the certificate that clients see.
    public static let keyAlgorithm = ProxyHeaderOptions(rawValue: 64)
    public static let signatureAlgorithm = ProxyHeaderOptions(rawValue: 128)
}

/// Which failures let a request be sent again (`retry-on`).
public struct RetryCauses: Sendable, Equatable {
    /// No connection came about, or nothing was sent on it.
    public var connectionFailure = true
    /// The server closed without an answer.
    public var emptyResponse = false
    /// What came was no whole response head.
    public var junkResponse = false
    /// `timeout server` ran out before an answer.
    public var responseTimeout = false
    /// Early data was refused.
    public var earlyDataRejected = false
    /// The server answered with one of these.
    public var statuses: Set<Int> = []

    public init() {}

    /// Whether a request has to be kept until its answer is there.
    public var needsRequest: Bool {
        emptyResponse || junkResponse || responseTimeout || earlyDataRejected || !statuses.isEmpty
    }
}
