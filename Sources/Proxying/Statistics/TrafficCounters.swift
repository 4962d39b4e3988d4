package import Bytes

/// What one worker counts for a frontend, a backend or a server: plain numbers, since nobody else writes them. Control
/// asks every worker for its own and adds them up.
package struct TrafficCounters: Sendable {
    /// Statuses by their first digit; 0: none that HTTP knows.
    package typealias ByClass = InlineArray<6, UInt64>
    /// HTTP versions: 1, 2, 3; 0: none of them.
    package typealias ByVersion = InlineArray<4, UInt64>

    // What has come and gone.

    /// Connections of clients (frontends).
    package var connections: UInt64 = 0
    /// Sessions (frontends), or exchanges that were brought here (backends, servers).
    package var sessions: UInt64 = 0
    package var sessionsByVersion = ByVersion(repeating: 0)
    package var requestsByVersion = ByVersion(repeating: 0)
    package var responses = ByClass(repeating: 0)
    /// Bytes from clients and to them.
    package var bytesIn: UInt64 = 0
    package var bytesOut: UInt64 = 0
    /// Bytes of requests to servers and of responses from them, or from ourselves.
    package var bytesToServer: UInt64 = 0
    package var bytesFromServer: UInt64 = 0
    /// Answered by the proxy's own services.
    package var intercepted: UInt64 = 0
    /// Refused by rules.
    package var deniedRequests: UInt64 = 0
    package var deniedResponses: UInt64 = 0
    package var deniedConnections: UInt64 = 0
    package var deniedSessions: UInt64 = 0
    /// Changes of headers that found no room.
    package var rewriteErrors: UInt64 = 0
    /// Bytes that compression took and gave, bytes that it let pass, and responses that it took.
    package var compressionIn: UInt64 = 0
    package var compressionOut: UInt64 = 0
    package var compressionBypassed: UInt64 = 0
    package var compressedResponses: UInt64 = 0
    package var cacheLookups: UInt64 = 0
    package var cacheHits: UInt64 = 0
    package var cacheHintHits: UInt64 = 0
    /// Requests that were malformed or did not come in time.
    package var requestErrors: UInt64 = 0
    /// Exchanges that got no connection to a server.
    package var connectErrors: UInt64 = 0
    /// Responses that were malformed, did not come, or broke off.
    package var responseErrors: UInt64 = 0
    package var internalErrors: UInt64 = 0
    package var clientAborts: UInt64 = 0
    package var serverAborts: UInt64 = 0
    /// Connection attempts after a first one, and those at another server.
    package var retries: UInt64 = 0
    package var redispatches: UInt64 = 0
    /// New connections to servers for exchanges, and exchanges on connections that were there.
    package var connects: UInt64 = 0
    package var reuses: UInt64 = 0
    /// Chosen by balancing.
    package var balanced: UInt64 = 0
    /// TLS handshakes, those among them that resumed a session, and those that failed.
    package var tlsSessions: UInt64 = 0
    package var tlsResumed: UInt64 = 0
    package var tlsFailures: UInt64 = 0
    /// What QUIC did; for a frontend it is filled in when it is asked for.
    package var quic = QUICTraffic()
    /// What its connections of each HTTP version did that are over; those that are open are added when it is asked for.
    package var muxes = MuxTraffic()

    // The most that this worker has seen of what all workers count together.

    package var maxSessions = 0
    package var maxQueue = 0

    /// When the last exchange came here; zero: none did.
    package var lastSession = Instant.zero

    // Times of exchanges, milliseconds.

    package var queueTime = TimeSample()
    package var connectTime = TimeSample()
    package var responseTime = TimeSample()
    package var totalTime = TimeSample()

    package init() {}

    /// Requests of all versions.
    package var requests: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<4 { sum &+= requestsByVersion[index] }
        return sum
    }

    /// Adds what another worker has counted for the same thing.
    package mutating func add(_ other: TrafficCounters) {
        connections &+= other.connections
        sessions &+= other.sessions
        bytesIn &+= other.bytesIn
        bytesOut &+= other.bytesOut
        bytesToServer &+= other.bytesToServer
        bytesFromServer &+= other.bytesFromServer
        intercepted &+= other.intercepted
        deniedRequests &+= other.deniedRequests
        deniedResponses &+= other.deniedResponses
        deniedConnections &+= other.deniedConnections
        deniedSessions &+= other.deniedSessions
        rewriteErrors &+= other.rewriteErrors
        compressionIn &+= other.compressionIn
        compressionOut &+= other.compressionOut
        compressionBypassed &+= other.compressionBypassed
        compressedResponses &+= other.compressedResponses
        cacheLookups &+= other.cacheLookups
        cacheHits &+= other.cacheHits
        cacheHintHits &+= other.cacheHintHits
        requestErrors &+= other.requestErrors
        connectErrors &+= other.connectErrors
        responseErrors &+= other.responseErrors
        internalErrors &+= other.internalErrors
        clientAborts &+= other.clientAborts
        serverAborts &+= other.serverAborts
        retries &+= other.retries
        redispatches &+= other.redispatches
        connects &+= other.connects
        reuses &+= other.reuses
        balanced &+= other.balanced
        tlsSessions &+= other.tlsSessions
        tlsResumed &+= other.tlsResumed
        tlsFailures &+= other.tlsFailures
        quic.add(other.quic)
        muxes.add(other.muxes)
        for index in 0..<4 {
            sessionsByVersion[index] &+= other.sessionsByVersion[index]
            requestsByVersion[index] &+= other.requestsByVersion[index]
        }
        for index in 0..<6 { responses[index] &+= other.responses[index] }
        maxSessions = max(maxSessions, other.maxSessions)
        maxQueue = max(maxQueue, other.maxQueue)
        lastSession = max(lastSession, other.lastSession)
        queueTime.add(other.queueTime)
        connectTime.add(other.connectTime)
        responseTime.add(other.responseTime)
        totalTime.add(other.totalTime)
    }

    /// Forgets maxima, or everything.
    package mutating func clear(all: Bool) {
        if all {
            self = TrafficCounters()
        } else {
            maxSessions = 0
            maxQueue = 0
            queueTime.max = 0
            connectTime.max = 0
            responseTime.max = 0
            totalTime.max = 0
        }
    }
}

/// An average over about the last 512 values, as HAProxy's `qtime` and its like have it, and the largest one.
package struct TimeSample: Sendable {
    private static let window: UInt64 = 512
    private var sum: UInt64 = 0
    /// Values so far; from the window's size on it stays there.
    private var count: UInt64 = 0
    package fileprivate(set) var max = 0

    /// Takes a value, milliseconds.
    mutating func take(_ value: Int) {
        guard value >= 0 else { return }
        if count < Self.window {
            count += 1
            sum &+= UInt64(value)
        } else {
            sum = sum &+ UInt64(value) &- (sum &+ Self.window - 1) / Self.window
        }
        max = Swift.max(max, value)
    }

    mutating func add(_ other: TimeSample) {
        sum &+= other.sum
        count += other.count
        max = Swift.max(max, other.max)
    }

    /// The average, rounded up.
    package var average: Int { count == 0 ? 0 : Int(clamping: (sum &+ count - 1) / count) }
}
