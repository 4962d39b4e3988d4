public import Bytes
import Runtime
public import TLSTransport

/// What a connection tells on demand: rare facts that ``Session`` does not keep; and what rules do to it. Good while the
/// connection is open.
public protocol ConnectionFacts: AnyObject {
    /// The addresses of the socket, whatever a PROXY header says.
    var socketSource: SocketAddress { get }
    var socketDestination: SocketAddress { get }
    /// What the kernel says of the TCP connection (`TCP_INFO`); nil for others.
    var tcpStatistics: TCPStatistics? { get }
    /// The SYN as it came (`TCP_SAVED_SYN`); nil when it was not kept.
    var savedSYN: [UInt8]? { get }
    /// What the PROXY header carries besides addresses; nil without a header.
    var proxyHeader: ProxyHeader? { get }
    /// The TLS session; nil on clear connections.
    var tlsSession: (any TLSSessionFacts)? { get }
    /// The QUIC connection; nil on others.
    var quicStatistics: QUICStatistics? { get }
    /// HTTP's major version: 1, 2 or 3; nil without HTTP.
    var httpMajor: Int? { get }
    /// Exchanges that are open now; nil when the version has one at a time.
    var openStreams: Int? { get }
    /// Exchanges that the settings allow at once.
    var streamLimit: Int? { get }
    /// Oddities of the protocol so far; nil without HTTP.
    var glitches: Int? { get }
    /// The number of the error that ended the connection before it was ready, as HAProxy counts them; 0 without one.
    var errorCode: Int { get }
    /// What comes now may be a replay: the handshake is not complete (RFC 8446 section 8).
    var isHandshaking: Bool { get }
    /// Marks the packets to the peer from now on. Sockets that connections share (QUIC) stay as they are.
    func apply(_ marks: PacketMarks)
    /// Gives the connection a smaller (above 0) or larger (below 0) share of the turns, -1024 to 1024.
    func setNice(_ nice: Int)
    /// Ends the connection at the end of this turn without telling the peer (`silent-drop`).
    ///
    /// - Parameter hops: how far a reset may travel; nil: none is sent if the system can do without.
    func vanish(hops: UInt8?)
}

/// What packets carry beside their payload; nil: what the system gives them.
public struct PacketMarks: Sendable, Equatable {
    /// The firewall mark (`set-fc-mark`, `set-bc-mark`).
    public var mark: UInt32?
    /// The type of service, the whole octet (`set-fc-tos`, `set-bc-tos`).
    public var typeOfService: UInt8?

    public init(mark: UInt32? = nil, typeOfService: UInt8? = nil) {
        self.mark = mark
        self.typeOfService = typeOfService
    }

    public var isEmpty: Bool { mark == nil && typeOfService == nil }

    /// Sets them on a socket.
    public func apply(to descriptor: Int32) {
        // Without the privilege for it the mark stays out, as in HAProxy.
        if let mark { Socket.setMark(descriptor, mark) }
        if let typeOfService { Socket.setTypeOfService(descriptor, typeOfService) }
    }
}

extension ConnectionFacts {
    public var isHandshaking: Bool { false }
    public func apply(_ marks: PacketMarks) {}
    public func setNice(_ nice: Int) {}
    public func vanish(hops: UInt8?) {}
    public var proxyHeader: ProxyHeader? { nil }
    public var savedSYN: [UInt8]? { nil }
    public var glitches: Int? { nil }
    public var errorCode: Int { 0 }
}

/// What the kernel knows of a TCP connection. Times are in microseconds, the others are packets.
public struct TCPStatistics: Sendable, Equatable {
    public var rtt = 0
    public var rttVariation = 0
    public var unacknowledged = 0
    public var selectivelyAcknowledged = 0
    public var lost = 0
    public var retransmitted = 0
    public var forwardAcknowledged = 0
    public var reordering = 0

    public init() {}
}

/// What QUIC knows of a connection.
public struct QUICStatistics: Sendable, Equatable {
    /// The smoothed round-trip time and its variation, microseconds.
    public var rtt: Int
    public var rttVariation: Int
    /// The QUIC version in use: 1, or 0x6b3343cf for version 2.
    public var version: UInt32
    /// The server took early data (0-RTT) on the connection.
    public var hasEarlyData: Bool

    public init(rtt: Int, rttVariation: Int, version: UInt32, hasEarlyData: Bool) {
        self.rtt = rtt
        self.rttVariation = rttVariation
        self.version = version
        self.hasEarlyData = hasEarlyData
    }
}
