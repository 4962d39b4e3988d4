internal import Bytes

/// What a peer may do to a connection's paths and connection IDs, which costs us more than it costs the peer (RFC 9000
/// section 21.9). Permits come back with time, more of them than any sound peer needs. What floods do beside that the
/// library bounds: CRYPTO data out of order, answers to PATH_CHALLENGE, ranges of acknowledgements.
struct PeerPermits {
    /// Changes of a client's address: NATs that rebind, and clients on the move, need one now and then.
    private var paths = TokenBucket(capacity: 64, perSecond: 4)
    /// Connection IDs of ours that the peer retires, each of which wants a new one.
    private var connectionIDs = TokenBucket(capacity: 64, perSecond: 4)
    /// The path that was changed to last.
    private var latestPath: QUICPath?

    /// Whether a datagram from a path that is not the validated one may be read. If not it is dropped, and the connection
    /// goes on where it was: anybody on the way can send copies from elsewhere.
    mutating func admits(_ path: QUICPath, now: Instant) -> Bool {
        guard path != latestPath else { return true }
        guard paths.take(now: now) else { return false }
        latestPath = path
        return true
    }

    /// Whether the peer may have one more connection ID for one that it has retired.
    mutating func admitsConnectionID(now: Instant) -> Bool { connectionIDs.take(now: now) }
}
