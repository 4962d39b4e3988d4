import Bytes

/// Puts the acknowledgement of a small request off for a moment: the response that comes in it takes the acknowledgement
/// along, and a packet is saved (RFC 9000 section 13.2.1 allows up to `max_ack_delay`). Much data is acknowledged at once.
struct AcknowledgementDelay {
    /// Datagrams and bytes that came since the last write.
    private var datagrams = 0
    private var bytes = 0
    /// When the first write was put off; zero: none is.
    private var since = Instant.zero

    /// What a client sends with a small request, and no more.
    private static let mostDatagrams = 3
    private static let mostBytes = 2048
    /// Nanoseconds: the time of an answer from a server nearby, and short beside the delays that peers expect.
    private static let longest: UInt64 = 2_000_000

    mutating func received(_ count: Int) {
        datagrams += 1
        bytes += count
    }

    /// Something came that wants an answer at once.
    mutating func hurry() { datagrams = Self.mostDatagrams + 1 }

    /// Until when a connection that has nothing to send but acknowledgements waits; nil: it sends them now.
    mutating func deadline(now: Instant) -> Instant? {
        guard datagrams > 0, datagrams <= Self.mostDatagrams, bytes <= Self.mostBytes else { return nil }
        if since == .zero { since = now }
        let end = since.advanced(nanoseconds: Self.longest)
        return now < end ? end : nil
    }

    /// All is written.
    mutating func written() { self = AcknowledgementDelay() }
}
