package import Bytes
package import TLSTransport

/// What a connection tells on demand: rare facts that ``Session`` does not keep. Good while the connection is open.
package protocol ConnectionFacts: AnyObject {
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
    /// The number of the error that ended the connection before it was ready, as HAProxy counts them; 0 without one.
    var errorCode: Int { get }
}

extension ConnectionFacts {
    package var proxyHeader: ProxyHeader? { nil }
    package var savedSYN: [UInt8]? { nil }
    package var errorCode: Int { 0 }
}

/// What the kernel knows of a TCP connection. Times are in microseconds, the others are packets.
package struct TCPStatistics: Sendable, Equatable {
    package var rtt = 0
    package var rttVariation = 0
    package var unacknowledged = 0
    package var selectivelyAcknowledged = 0
    package var lost = 0
    package var retransmitted = 0
    package var forwardAcknowledged = 0
    package var reordering = 0

    package init() {}
}

/// What QUIC knows of a connection.
package struct QUICStatistics: Sendable, Equatable {
    /// The smoothed round-trip time and its variation, microseconds.
    package var rtt: Int
    package var rttVariation: Int
    /// The QUIC version in use: 1, or 0x6b3343cf for version 2.
    package var version: UInt32
    /// The server took early data (0-RTT) on the connection.
    package var hasEarlyData: Bool

    package init(rtt: Int, rttVariation: Int, version: UInt32, hasEarlyData: Bool) {
        self.rtt = rtt
        self.rttVariation = rttVariation
        self.version = version
        self.hasEarlyData = hasEarlyData
    }
}
