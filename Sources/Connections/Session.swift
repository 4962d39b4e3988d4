package import Bytes
package import TLSTransport

/// What TLS has told about a connection.
package struct TLSFacts: Sendable {
    /// As HAProxy's `%sslv` writes it: `TLSv1.3`.
    package var version: String
    /// The cipher suite's name.
    package var cipher: String
    /// The name that the client asked for; empty when none.
    package var serverName: String
    package var alpn: ApplicationProtocol
    package var isResumed: Bool

    package init(version: String, cipher: String, serverName: String, alpn: ApplicationProtocol, isResumed: Bool) {
        self.version = version
        self.cipher = cipher
        self.serverName = serverName
        self.alpn = alpn
        self.isResumed = isResumed
    }
}

/// A client's connection as rules and logs see it, whatever transport carries it: addresses, TLS, times.
package final class Session {
    /// When the connection was accepted, on the worker's clock.
    package let acceptedAt: Instant
    /// The same on the wall clock: nanoseconds since 1970-01-01 UTC.
    package let acceptedWall: UInt64
    /// The client's address; with `accept-proxy` the one that the header names, and what rules have put in its place.
    package var source: SocketAddress { didSet { heldText = nil } }
    /// The address that the client connected to; with `accept-proxy` the one that the header names, and what rules have
    /// put in its place.
    package var destination: SocketAddress
    private var heldText: [UInt8]?
    /// What rules of `tcp-request connection` have put in place of the socket's addresses.
    package var changedSocketSource: SocketAddress?
    package var changedSocketDestination: SocketAddress?
    /// The header that comes before everything else, when a bind line or a rule expects one.
    package var expectedHeader: ConnectionHeader?
    /// What the packets to the client carry.
    package var marks = PacketMarks() { didSet { connection?.apply(marks) } }
    /// Rules have made an HTTP connection of a TCP one (`switch-mode`).
    package var isUpgradedToHTTP = false
    /// What the owner hands on from the TCP exchange to the first one of HTTP.
    package var upgradedFrom: AnyObject?
    /// When the transport was ready for the first request: after PROXY header and TLS. Zero before.
    package internal(set) var handshakenAt = Instant.zero
    package var tls: TLSFacts?
    /// True when QUIC carries the connection.
    package let isQUIC: Bool
    /// Exchanges opened on the connection so far.
    package internal(set) var exchanges: UInt64 = 0
    /// When the last exchange ended; zero before the first has.
    package var lastExchangeEndedAt = Instant.zero
    /// HAProxy's number of the error that ended the connection; 0 without one.
    package internal(set) var errorCode = 0
    /// What rules keep for as long as the connection lives: its variables. Nil until there are some.
    package var ruleState: AnyObject?
    /// The connection itself, for rare facts; nil before it is there and once it is closed.
    package var connection: (any ConnectionFacts)? { unsafe held }
    private unowned(unsafe) var held: (any ConnectionFacts)?
    /// What the owner keeps about the listener: its frontend and bind line.
    package let listener: ListenerContext

    package init(
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
    package var sourceText: [UInt8] {
        if let heldText { return heldText }
        let text = Array(source.host.utf8)
        heldText = text
        return text
    }

    /// Names the connection; whoever does so calls ``detach()`` before it goes.
    package func attach(_ connection: any ConnectionFacts) { unsafe held = connection }

    /// The connection is gone.
    package func detach() { unsafe held = nil }
}

/// What a listener's connections share: set once at start.
package final class ListenerContext: Sendable {
    /// The frontend's place in the configuration.
    package let frontend: Int
    /// The bind line's place in the frontend.
    package let bind: Int
    /// The name that `%b`-like log fields and statistics show.
    package let name: String
    /// The name that the bind line gives; nil when it gives none.
    package let givenName: String?
    /// The bind line's number in its frontend, from 1.
    package let identifier: Int
    /// Connections of the bind line.
    package let admission: Admission
    /// The magic number of NetScaler Client IP headers (`accept-netscaler-cip`).
    package let addressMagic: UInt32

    package init(
        frontend: Int, bind: Int, name: String, givenName: String? = nil, identifier: Int? = nil,
        admission: Admission = Admission(limit: .max), addressMagic: UInt32 = 0
    ) {
        self.frontend = frontend
        self.bind = bind
        self.name = name
        self.givenName = givenName
        self.identifier = identifier ?? bind + 1
        self.admission = admission
        self.addressMagic = addressMagic
    }
}
