import Bytes
import QUICTransport

/// What a worker remembers of its connections to one server, by address and server name: sessions to resume, tokens
/// that prove our address. Bounded, and nothing is used when it is old.
final class QUICSessionCache {
    /// Where a connection goes to.
    struct Key: Hashable {
        var server: SocketAddress
        var name: String?
    }

    private struct Entry {
        var resumption: QUICResumption
        /// When all of it is of no use any more, and when the session is.
        var until: Instant
        var sessionUntil = Instant.zero
    }

    /// Servers' names that are remembered at most; the one that goes first is the one that ends first.
    static let capacity = 64
    /// How long an entry is of use, milliseconds: a day. Tickets say themselves when they end before.
    static let lifetime = 86_400_000

    private var entries: [Key: Entry] = [:]

    var count: Int { entries.count }

    /// What is known for the next connection. The token in it is given once.
    func resumption(for key: Key, now: Instant) -> QUICResumption? {
        guard let entry = entries[key] else { return nil }
        guard entry.until > now else {
            entries[key] = nil
            return nil
        }
        entries[key]?.resumption.token = []
        var resumption = entry.resumption
        if entry.sessionUntil <= now {
            resumption.session = nil
            resumption.earlyData = nil
        }
        return resumption
    }

    /// Remembers what a connection was given. What it has not got anew stays.
    func keep(_ resumption: QUICResumption, for key: Key, now: Instant) {
        var entry = Entry(resumption: resumption, until: now.advanced(milliseconds: Self.lifetime))
        entry.sessionUntil = now.advanced(milliseconds: min(Int(resumption.sessionLifetime) * 1000, Self.lifetime))
        if let known = entries[key], known.resumption.version == resumption.version {
            if resumption.session == nil {
                entry.resumption.session = known.resumption.session
                entry.resumption.earlyData = known.resumption.earlyData
                entry.sessionUntil = known.sessionUntil
            }
            if resumption.token.isEmpty { entry.resumption.token = known.resumption.token }
        } else if entries[key] == nil, entries.count >= Self.capacity,
            let oldest = entries.min(by: { $0.value.until < $1.value.until })?.key
        {
            entries[oldest] = nil
        }
        entries[key] = entry
    }

    /// The server took no early data: the session may still be resumed.
    func forgetEarlyData(for key: Key) { entries[key]?.resumption.earlyData = nil }

    /// What was remembered did not help.
    func forget(_ key: Key) { entries[key] = nil }
}
