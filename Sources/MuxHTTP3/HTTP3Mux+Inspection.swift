public import Bytes
public import QUICTransport
import Streams

/// One request stream as operators see it (`show quic stream`). Numbers are bytes.
public struct HTTP3StreamFigures: Sendable {
    public var id: QUICStreamID
    /// When its exchange was opened; nil without one.
    public var openedAt: Instant?
    /// What came on it, and what of that waits for the other side.
    public var received: UInt64
    public var waiting: Int
    /// What left in packets, what of it is not acknowledged or not sent yet.
    public var sent: UInt64
    public var buffered: Int
    /// What the peer's window and our buffer allow no more of.
    public var isBlocked: Bool
    /// The stream carries an exchange.
    public var hasExchange: Bool
    /// Packets with its data that were lost.
    public var packetsLost: Int
}

extension HTTP3Mux {
    /// The request streams of now, by their numbers.
    public var streamFigures: [HTTP3StreamFigures] {
        var figures: [HTTP3StreamFigures] = []
        for stream in table.all() {
            figures.append(
                HTTP3StreamFigures(
                    id: stream.id, openedAt: stream.exchange?.openedAt, received: stream.received,
                    waiting: stream.blocked.count + (unsafe stream.incoming?.count ?? 0), sent: stream.sent,
                    buffered: stream.buffer.count, isBlocked: stream.isFlowBlocked || stream.isBufferFull,
                    hasExchange: stream.exchange != nil, packetsLost: connection.lostPackets(of: stream.id)))
        }
        return figures.sorted { $0.id < $1.id }
    }
}
