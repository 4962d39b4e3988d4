public import Runtime
public import Streams
public import TLSTransport

/// Why a connection ended before its work was done.
public enum ConnectionFailure: Error, Sendable {
    /// The connection to a server could not be made: the kernel's words.
    case connect(SystemError)
    /// No connection, or no handshake, within its time.
    case timeout
    /// The TLS handshake failed.
    case handshake(TLSError)
    /// A client's TLS handshake was not done within its time.
    case handshakeTimeout
    /// The PROXY header was missing or malformed.
    case proxyHeader(ProxyHeaderError)
    /// The NetScaler Client IP header was missing or malformed.
    case addressHeader(AddressHeaderError)
    /// The peer ended during the TLS handshake.
    case closedEarly
    /// The client ended before it had sent a byte of a request.
    case noRequest
    /// The connection was to become one to a server and does not speak HTTP/2.
    case reversal
    /// The transport failed while in use.
    case transport(TransportFailure)
    /// The proxy ended it.
    case stopping

    /// As logs write it.
    public var description: String {
        switch self {
        case .connect(let error): error.description
        case .timeout: "timeout"
        case .handshake(let error) where error.code == .clientAuthority: "SSL client CA chain cannot be verified"
        case .handshake(let error) where error.code == .clientCertificate: "SSL client certificate not trusted"
        case .handshake(let error): "SSL handshake failure (\(error))"
        case .handshakeTimeout: "Timeout during SSL handshake"
        case .proxyHeader(.closed): "Connection closed while waiting for PROXY protocol header"
        case .proxyHeader(.timeout): "Timeout while waiting for PROXY protocol header"
        case .proxyHeader(.truncated): "Truncated PROXY protocol header received"
        case .proxyHeader: "Received something which does not look like a PROXY protocol header"
        case .addressHeader(.closed): "Connection closed while waiting for NetScaler Client IP header"
        case .addressHeader(.timeout): "Timeout while waiting for a NetScaler Client IP header"
        case .addressHeader(.truncated): "Truncated NetScaler Client IP header received"
        case .addressHeader(.badMagic): "Received an invalid NetScaler Client IP magic number"
        case .addressHeader(.badProtocol): "Received an unhandled protocol in the NetScaler Client IP header"
        case .closedEarly: "Connection closed during SSL handshake"
        case .reversal: "Reverse connect failure"
        case .noRequest: "Connection closed before the first request"
        case .transport(let failure): "\(failure)"
        case .stopping: "stopping"
        }
    }
}

/// The limits and times of a connection. Times are in milliseconds; nil waits for ever.
public struct ConnectionSettings: Sendable {
    /// From accept (or connect) to the end of TCP connect, PROXY header and TLS handshake.
    public var handshakeTimeout: Int?
    /// From the first byte of a request head to its end, and for the first request from its connection's start.
    public var requestHeadTimeout: Int?
    /// Between requests.
    public var keepAliveTimeout: Int?
    /// Longest time in which no byte of waiting output leaves.
    public var sendTimeout: Int?
    /// Whether a clear client connection may start with the HTTP/2 preface.
    public var detectsHTTP2 = false
    /// Bytes of output produced ahead of the socket.
    public var outputLimit = 128 * 1024
    /// Sizes of the socket's buffers in the kernel, bytes; nil: as the system sizes them.
    public var receiveBuffer: Int?
    public var sendBuffer: Int?
    /// What else a TCP socket is told; nil: nothing.
    public var traits: SocketTraits?

    public init(
        handshakeTimeout: Int? = nil, requestHeadTimeout: Int? = nil, keepAliveTimeout: Int? = nil,
        sendTimeout: Int? = nil
    ) {
        self.handshakeTimeout = handshakeTimeout
        self.requestHeadTimeout = requestHeadTimeout
        self.keepAliveTimeout = keepAliveTimeout
        self.sendTimeout = sendTimeout
    }
}

/// Who owns stream connections on one worker: a frontend, a server's pool, the origin, the load generator.
public protocol ConnectionOwner: AnyObject {
    /// The transport is ready and `alpn` (or the first bytes: `h2` for the HTTP/2 preface on a clear connection) names
    /// the protocol. The owner makes the mux, or answers nil to close.
    func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)?

    /// The mux of a client's connection opens an exchange.
    func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange?

    /// A server's connection has its mux and may be used.
    func connectionReady(_ connection: StreamConnection)

    /// A server's connection takes more or fewer exchanges than before; see ``ServerMux/availableStreams``.
    func streamsChanged(on connection: StreamConnection)

    /// The connection is closed; nothing follows. `failure` is nil for an orderly end.
    func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?)
}
