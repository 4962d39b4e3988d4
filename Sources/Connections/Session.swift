public import Bytes
public import TLSTransport

/// What TLS has told about a connection.
public struct TLSFacts: Sendable {
    /// As HAProxy's `%sslv` writes it: `TLSv1.3`.
    public var version: String
    /// The cipher suite's name.
    public var cipher: String
    /// The name that the client asked for; empty when none.
    public var serverName: String
    public var alpn: ApplicationProtocol
    public var isResumed: Bool

    public init(version: String, cipher: String, serverName: String, alpn: ApplicationProtocol, isResumed: Bool) {
        self.version = version
        self.cipher = cipher
        self.serverName = serverName
        self.alpn = alpn
        self.isResumed = isResumed
    }
}

/// A client's connection as rules and logs see it, whatever transport carries it: addresses, TLS, times.
public final class Session {
    /// When the connection was accepted, on the worker's clock.
    public let acceptedAt: Instant
    /// The same on the wall clock: nanoseconds since 1970-01-01 UTC.
    public let acceptedWall: UInt64
    /// The client's address; with `accept-proxy` the one that the header names, and what rules have put in its place.
    public var source: SocketAddress { didSet { heldText = nil } }
    /// The address that the client connected to; with `accept-proxy` the one that the header names, and what rules have
    /// put in its place.
    public var destination: SocketAddress
    private var heldText: [UInt8]?
    /// What rules of `tcp-request connection` have put in place of the socket's addresses.
    public var changedSocketSource: SocketAddress?
    public var changedSocketDestination: SocketAddress?
    /// The header that comes before everything else, when a bind line or a rule expects one.
    public var expectedHeader: ConnectionHeader?
    /// What the packets to the client carry.
    public var marks = PacketMarks() { didSet { connection?.apply(marks) } }
    /// Rules have made an HTTP connection of a TCP one (`switch-mode`).
    public var isUpgradedToHTTP = false
    /// What the owner hands on from the TCP exchange to the first one of HTTP.
    public var upgradedFrom: AnyObject?
    /// When the transport was ready for the first request: after PROXY header and TLS. Zero before.
    public internal(set) var handshakenAt = Instant.zero
    public var tls: TLSFacts?
    /// The owner has counted the TLS handshake.
    public var isTLSCounted = false
    /// True when QUIC carries the connection.
    public let isQUIC: Bool
    /// Exchanges opened on the connection so far.
    public internal(set) var exchanges: UInt64 = 0
    /// When the last exchange ended; zero before the first has.
    public var lastExchangeEndedAt = Instant.zero
    /// HAProxy's number of the error that ended the connection; 0 without one.
    public internal(set) var errorCode = 0
    /// The TLS session whose handshake failed, for the log; nil otherwise.
    public internal(set) var failedTLS: (any TLSSessionFacts)?
    /// The server that is to have the connection (`attach-srv`); nil: it stays a client's.
    public var attachment: Attachment?
    /// What rules keep for as long as the connection lives: its variables. Nil until there are some.
    public var ruleState: AnyObject?
    /// The connection itself, for rare facts; nil before it is there and once it is closed.
    public var connection: (any ConnectionFacts)? { unsafe held }
    private unowned(unsafe) var held: (any ConnectionFacts)?
    /// What the owner keeps about the listener: its frontend and bind line.
    public let listener: ListenerContext

    public init(
        source: SocketAddress, destination: SocketAddress, clock: TurnClock, isQUIC: Bool, listener: ListenerContext
    ) {
        self.source = source
        self.destination = destination
        self.isQUIC = isQUIC
        self.listener = listener
        acceptedAt = clock.now
        acceptedWall = clock.wall
        unsafe held = nil
    }

    /// The text of ``source`` without its port, as bytes.
    public var sourceText: [UInt8] {
        if let heldText { return heldText }
        let text = Array(source.host.utf8)
        heldText = text
        return text
    }

    /// Names the connection; whoever does so calls ``detach()`` before it goes.
    public func attach(_ connection: any ConnectionFacts) { unsafe held = connection }

    /// The connection is gone.
    public func detach() { unsafe held = nil }
}

/// What a rule says of a connection that is to become one to a server (`attach-srv`).
public final class Attachment {
    /// The places of the backend and of the server in it.
    public let backend: Int
    public let server: Int
    /// What exchanges have to ask for to use it (`name`); nil: it has no name.
    public let name: [UInt8]?
    /// The peer's preface has been read.
    public var hasPreface = false

    public init(backend: Int, server: Int, name: [UInt8]?) {
        self.backend = backend
        self.server = server
        self.name = name
    }
}

/// What a listener's connections share: set once at start.
public final class ListenerContext: Sendable {
    /// The frontend's place in the configuration.
    public let frontend: Int
    /// The bind line's place in the frontend.
    public let bind: Int
    /// The name that `%b`-like log fields and statistics show.
    public let name: String
    /// The name that the bind line gives; nil when it gives none.
    public let givenName: String?
    /// The listening address's number in its frontend (`id`, or the next free one).
    public let identifier: Int
    /// Its place among the frontend's listening addresses, from 0.
    public let place: Int
    /// Connections of the bind line.
    public let admission: Admission
    /// The magic number of NetScaler Client IP headers (`accept-netscaler-cip`).
    public let addressMagic: UInt32

    public init(
        frontend: Int, bind: Int, name: String, givenName: String? = nil, identifier: Int? = nil,
        place: Int? = nil, admission: Admission = Admission(limit: .max), addressMagic: UInt32 = 0
    ) {
        self.frontend = frontend
        self.bind = bind
        self.name = name
        self.givenName = givenName
        self.identifier = identifier ?? bind + 1
        self.place = place ?? bind
        self.admission = admission
        self.addressMagic = addressMagic
    }
}
