public import Bytes
public import MuxHTTP3
import QUICTransport
import Runtime
public import TLSTransport

// Rare facts of a QUIC connection, for sample fetches.
extension QUICLink: ConnectionFacts {
    public var socketSource: SocketAddress {
        guard let path = connection.path else { return session?.source ?? .unspecified }
        return role == .client ? path.remote : path.local
    }

    public var socketDestination: SocketAddress {
        guard let path = connection.path else { return session?.destination ?? .unspecified }
        return role == .client ? path.local : path.remote
    }

    public var tcpStatistics: TCPStatistics? { nil }
    public var tlsSession: (any TLSSessionFacts)? { connection.tls }

    public var quicStatistics: QUICStatistics? {
        let statistics = connection.statistics
        return QUICStatistics(
            rtt: Int(clamping: statistics.smoothedRTT / 1000),
            rttVariation: Int(clamping: statistics.rttVariation / 1000),
            version: connection.version, hasEarlyData: connection.tls?.isEarlyDataAccepted ?? false)
    }

    /// RESET_STREAM received on request streams.
    public var streamResets: UInt64 {
        guard let mux = mux as? HTTP3Mux else { return lastStreamResets }
        return UInt64(max(0, mux.statistics.resetsReceived))
    }

    /// The request streams of now; empty when they are not HTTP/3's.
    public var streamFigures: [HTTP3StreamFigures] { (mux as? HTTP3Mux)?.streamFigures ?? [] }

    /// The socket's descriptor.
    public var descriptor: Int32 { socket.socket.descriptor }

    public var isHandshaking: Bool { isEarlyData }

    public var httpMajor: Int? { mux is HTTP3Mux ? 3 : nil }
    public var openStreams: Int? { (mux as? HTTP3Mux)?.openStreamCount }
    // What is odd in HTTP/3 ends the connection.
    public var glitches: Int? { mux is HTTP3Mux ? 0 : nil }
    public var streamLimit: Int? { (mux as? HTTP3Mux)?.streamLimit }
}
