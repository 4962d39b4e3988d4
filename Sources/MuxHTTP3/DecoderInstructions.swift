import Bytes

/// What waits for the QPACK decoder stream (RFC 9204 section 4.4): acknowledgements and cancellations. They are worth
/// no packet of their own, which a request would bring otherwise, nor a frame with each response: they go with the next
/// response after some time, those together that have come meanwhile.
struct DecoderInstructions {
    private var count = 0
    private var since = Instant.zero
    /// The peer waits for one: it has put entries into its table, or given up a stream.
    private var isUrgent = false
    private var lastTaken = Instant.zero

    /// More would bind the peer's table.
    private static let most = 16
    /// As many are worth a frame among others.
    private static let some = 4
    /// Milliseconds. The acknowledgement of the packets that brought the sections is sent a little later, and takes
    /// urgent ones along.
    private static let longest = 5

    /// Counts one in, or none: not every section that was read asks for one.
    mutating func add(at now: Instant, isUrgent: Bool) {
        if count == 0 { since = now }
        count += 1
        if isUrgent { self.isUrgent = true }
    }

    /// They have been taken to be sent.
    mutating func taken(at now: Instant) {
        self = DecoderInstructions()
        lastTaken = now
    }

    func areDue(sendsAnyhow: Bool, now: Instant) -> Bool {
        guard count > 0 else { return false }
        if count >= Self.most { return true }
        if isUrgent { return sendsAnyhow || now.milliseconds(since: since) >= Self.longest }
        return sendsAnyhow && (count >= Self.some || now.milliseconds(since: lastTaken) >= Self.longest)
    }
}
