import Bytes
import Connections

/// Why a request failed.
enum LoadFailure: Int, CaseIterable, Sendable {
    /// No connection for it: TCP, TLS or QUIC failed.
    case connect
    /// No whole response in time.
    case timeout
    /// The connection or stream ended before the response began.
    case reset
    /// The connection or stream ended inside the response.
    case truncated
    /// The server broke the rules of its version of HTTP.
    case invalid
    /// The server refused the stream, several times.
    case refused
    /// A fault of the load generator itself.
    case fault

    var name: String { "\(self)" }
}

/// What one worker counts; merged at the end.
struct LoadCounts: Sendable {
    /// Requests with a whole response.
    var completed: UInt64 = 0
    /// Requests without, by ``LoadFailure``.
    private(set) var failures = [UInt64](repeating: 0, count: LoadFailure.allCases.count)
    /// Responses by the first digit of their status.
    private(set) var statuses = [UInt64](repeating: 0, count: 10)
    /// Body bytes of responses, partial ones included.
    var bytesReceived: UInt64 = 0
    /// Body bytes given to the connections.
    var bytesSent: UInt64 = 0
    /// Requests sent again because the server had not looked at them.
    var repeated: UInt64 = 0
    /// At a set rate: requests that were due and found no free stream until the end.
    var unstarted: UInt64 = 0
    /// Connections that ended while the load went on; each was opened again.
    var connectionsLost: UInt64 = 0
    /// QUIC handshakes that resumed a session; connections that offered early data, and those it was refused to.
    var resumed: UInt64 = 0
    var earlyOffered: UInt64 = 0
    var earlyRejected: UInt64 = 0
    /// Changes of keys and of paths on QUIC connections.
    var keyUpdates: UInt64 = 0
    var migrations: UInt64 = 0
    /// From the time a request was due to the end of its response.
    var latency = Histogram()
    /// From the start of a connection until it took requests.
    var handshakes = Histogram()
    /// When the first connection took requests, and when the last request was over.
    var begunAt = Instant.distantFuture
    var endedAt = Instant.zero

    var failed: UInt64 { failures.reduce(0, +) }

    mutating func fail(_ kind: LoadFailure) { failures[kind.rawValue] += 1 }

    func count(_ kind: LoadFailure) -> UInt64 { failures[kind.rawValue] }

    mutating func countStatus(_ status: Int) { statuses[min(max(0, status / 100), 9)] += 1 }

    /// Seconds of load.
    var seconds: Double { Double(endedAt.nanoseconds(since: begunAt)) / 1e9 }

    /// Takes in what became of QUIC connections.
    mutating func note(_ counters: QUICConnector.Counters) {
        resumed = counters.resumed
        earlyOffered = counters.earlyOffered
        earlyRejected = counters.earlyRejected
    }

    mutating func merge(_ other: LoadCounts) {
        completed += other.completed
        for index in failures.indices { failures[index] += other.failures[index] }
        for index in statuses.indices { statuses[index] += other.statuses[index] }
        bytesReceived += other.bytesReceived
        bytesSent += other.bytesSent
        repeated += other.repeated
        unstarted += other.unstarted
        connectionsLost += other.connectionsLost
        resumed += other.resumed
        earlyOffered += other.earlyOffered
        earlyRejected += other.earlyRejected
        keyUpdates += other.keyUpdates
        migrations += other.migrations
        latency.merge(other.latency)
        handshakes.merge(other.handshakes)
        begunAt = min(begunAt, other.begunAt)
        endedAt = max(endedAt, other.endedAt)
    }
}
