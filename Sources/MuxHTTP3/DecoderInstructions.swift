import Bytes

/// What waits for the QPACK decoder stream (RFC 9204 section 4.4): acknowledgements and cancellations. They are worth
/// no packet of their own, which a request would bring otherwise; they go with the next one, but soon.
struct DecoderInstructions {
    private var count = 0
    private var since = Instant.zero

    /// More would bind the peer's table.
    private static let most = 16
    /// The acknowledgement of the packets that brought the sections is sent a little later, and takes them along.
    private static let longest = 5

    /// Counts one in, or none: not every section that was read asks for one.
    mutating func add(at now: Instant) {
        if count == 0 { since = now }
        count += 1
    }

    func areDue(sendsAnyhow: Bool, now: Instant) -> Bool {
        guard count > 0 else { return false }
        return sendsAnyhow || count >= Self.most || now.milliseconds(since: since) >= Self.longest
    }
}
