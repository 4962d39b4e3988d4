package import Bytes
import MuxHTTP3
import QUICTransport
package import TLSTransport

// Rare facts of a QUIC connection, for sample fetches.
extension QUICLink: ConnectionFacts {
    package var socketSource: SocketAddress {
        guard let path = connection.path else { return session?.source ?? .unspecified }
        return role == .client ? path.remote : path.local
    }

    package var socketDestination: SocketAddress {
        guard let path = connection.path else { return session?.destination ?? .unspecified }
        return role == .client ? path.local : path.remote
    }

    package var tcpStatistics: TCPStatistics? { nil }
    package var tlsSession: (any TLSSessionFacts)? { connection.tls }

    package var quicStatistics: QUICStatistics? {
        let statistics = connection.statistics
        return QUICStatistics(
            rtt: Int(clamping: statistics.smoothedRTT / 1000),
            rttVariation: Int(clamping: statistics.rttVariation / 1000),
            version: connection.version, hasEarlyData: connection.tls?.isEarlyDataAccepted ?? false)
    }

    package var isHandshaking: Bool { isEarlyData }

    package var httpMajor: Int? { mux is HTTP3Mux ? 3 : nil }
    package var openStreams: Int? { (mux as? HTTP3Mux)?.openStreamCount }
    package var streamLimit: Int? { (mux as? HTTP3Mux)?.streamLimit }
}
