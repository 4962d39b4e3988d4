import Bytes
import QUICTransport
import Streams

// QUIC flow control (RFC 9000 section 4): a peer gets credit back for what the other side of the exchange has taken,
// so that a slow reader slows the writer down and what waits in between is bounded by the windows.
extension HTTP3Mux {
    /// Returns what a stream's bytes no longer take: framing at once, body bytes when the half has passed them on.
    func returnCredit(_ stream: HTTP3Stream) {
        var held = stream.blocked.count
        if let half = unsafe stream.incoming, half.count > 0 {
            held += half.count
            half.tellWhenDrained()
        }
        let free = stream.received &- min(stream.received, UInt64(held))
        guard free > stream.credited else { return }
        let due = free - stream.credited
        stream.credited = free
        owedCredit += due
        // A stream that has ended, or that nobody reads, needs no window.
        guard stream.reading != .nothing, !stream.isGone else { return }
        stream.creditDue += due
        guard stream.creditDue >= settings.creditStep else { return }
        connection.extendStreamCredit(stream.id, stream.creditDue)
        stream.creditDue = 0
    }

    /// Returns the connection's credit for all that a stream still holds: it is over.
    func returnAllCredit(_ stream: HTTP3Stream) {
        owedCredit += stream.received - stream.credited
        stream.credited = stream.received
    }

    func oweCredit(_ count: Int) { owedCredit += UInt64(count) }

    /// Gives the connection's window what is owed to it.
    func payCredit() {
        guard owedCredit > 0 else { return }
        connection.extendConnectionCredit(owedCredit)
        owedCredit = 0
    }
}
