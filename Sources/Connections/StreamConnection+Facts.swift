public import Bytes
import CLinux
import MuxHTTP2
import MuxPassThrough
import Runtime
import Streams
public import TLSTransport

// Rare facts of a TCP or Unix connection, for sample fetches.
extension StreamConnection: ConnectionFacts {
    public var socketSource: SocketAddress {
        role == .client ? Socket.peerAddress(descriptor) : Socket.localAddress(descriptor)
    }

    public var socketDestination: SocketAddress {
        role == .client ? Socket.localAddress(descriptor) : Socket.peerAddress(descriptor)
    }

    public var tcpStatistics: TCPStatistics? {
        var figures: InlineArray<8, UInt32> = .init(repeating: 0)
        var span = figures.mutableSpan
        let isRead = unsafe span.withUnsafeMutableBufferPointer {
            unsafe portico_tcp_statistics(descriptor, $0.baseAddress)
        }
        guard isRead == 1 else { return nil }
        var statistics = TCPStatistics()
        statistics.rtt = Int(figures[0])
        statistics.rttVariation = Int(figures[1])
        statistics.unacknowledged = Int(figures[2])
        statistics.selectivelyAcknowledged = Int(figures[3])
        statistics.lost = Int(figures[4])
        statistics.retransmitted = Int(figures[5])
        statistics.forwardAcknowledged = Int(figures[6])
        statistics.reordering = Int(figures[7])
        return statistics
    }

    public var tlsSession: (any TLSSessionFacts)? { tls }
    public var quicStatistics: QUICStatistics? { nil }

    public func apply(_ marks: PacketMarks) { marks.apply(to: descriptor) }

    public func setNice(_ nice: Int) {
        readsPerTurn = nice > 0 ? max(1, 4 - nice / 256) : 4 + min(12, -nice / 64)
    }

    public func vanish(hops: UInt8?) {
        guard phase != .closed, !isVanishing else { return }
        isVanishing = true
        Socket.closeSilently(descriptor, hops: hops)
        loop.schedule(self)
    }

    public var httpMajor: Int? {
        switch mux {
        case nil, is PassThroughMux: nil
        case is HTTP2Mux: 2
        default: 1
        }
    }

    public var openStreams: Int? {
        switch mux {
        case nil, is PassThroughMux: nil
        case let http2 as HTTP2Mux: http2.openStreamCount
        case let other?: other.activity == .busy ? 1 : 0
        }
    }

    public var glitches: Int? {
        switch mux {
        case nil, is PassThroughMux: nil
        case let http2 as HTTP2Mux: http2.glitches
        // What is odd in HTTP/1 ends the connection.
        default: 0
        }
    }

    public var streamLimit: Int? {
        switch mux {
        case nil, is PassThroughMux: nil
        case let http2 as HTTP2Mux: http2.streamLimit
        default: 1
        }
    }
}

extension ConnectionFailure {
    /// HAProxy's number of the error, as `fc_err` gives it.
    public var code: Int {
        switch self {
        case .proxyHeader(.closed): 11
        case .proxyHeader(.timeout): 13
        case .proxyHeader(.truncated): 14
        case .proxyHeader(.noSignature), .proxyHeader(.badLine): 15
        case .proxyHeader: 16
        case .addressHeader(.closed): 18
        case .addressHeader(.timeout): 20
        case .addressHeader(.truncated): 21
        case .addressHeader(.badMagic): 22
        case .addressHeader(.badProtocol): 23
        case .closedEarly: 24
        case .handshakeTimeout: 26
        case .handshake(let error) where error.code == .clientAuthority: 30
        case .handshake(let error) where error.code == .clientCertificate: 31
        case .handshake: 34
        case .reversal: 45
        case .connect, .timeout: 6
        case .noRequest, .transport, .stopping: 0
        }
    }
}
