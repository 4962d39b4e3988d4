import Bytes
import Connections
import MuxHTTP2
import MuxHTTP3
import QUICTransport
import Runtime
import Streams
import Synchronization
import TLSTransport

/// One worker: its loop, its share of the connections and of the requests.
final class LoadWorker: TimerTarget {
    /// Milliseconds between two looks at what takes too long.
    private static let tick = 100

    let plan: LoadPlan
    let loop: EventLoop
    let resources: WorkerResources
    let connections: ConnectionManager
    let request: LoadRequest
    let body: LoadBody
    let tls: TLSClientContext?
    /// Nil without HTTP/3.
    let connector: QUICConnector?
    let settings: ConnectionSettings
    let http2: HTTP2Settings
    let http3: HTTP3Settings
    let http3Resources: HTTP3Resources
    private let quic: QUICConnectionManager?
    var random = SystemRandomNumberGenerator()

    var counts = LoadCounts()
    private(set) var isRunning = true
    private var all: [LoadConnection] = []
    private var pace: Pace
    /// Requests given out and not over.
    private var outstanding = 0
    /// A connection has taken requests: the load has begun.
    private var hasBegun = false
    private var addressIndex = 0
    private var failure: LoadError?
    /// Which connection is asked first for a free stream.
    private var cursor = 0
    private var lastProgress = Instant.zero

    private let progress: LoadProgress
    private var shownCompleted: UInt64 = 0
    private var shownFailed: UInt64 = 0

    private var paceTimer: Timer!
    private var endTimer: Timer!
    private var tickTimer: Timer!

    init(_ plan: LoadPlan, index: Int, loop: EventLoop, service: QUICService?, progress: LoadProgress) throws {
        self.plan = plan
        request = plan.request
        self.loop = loop
        self.progress = progress
        resources = WorkerResources(clock: loop.clock)
        connections = ConnectionManager(loop: loop, resources: resources)
        body = LoadBody(resources.buffers)
        pace = plan.pace(of: index)
        settings = ConnectionSettings(handshakeTimeout: plan.timeout, sendTimeout: plan.timeout)

        var http2 = HTTP2Settings()
        http2.isSecure = plan.target.isSecure
        http2.maxConcurrentStreams = plan.streams
        http2.initialWindowSize = 1 << 20
        http2.receiveBuffer = 16 << 20
        self.http2 = http2
        var http3 = HTTP3Settings()
        // Streams whose last acknowledgement has not come count too.
        http3.maxConcurrentStreams = plan.streams * 2 + 16
        self.http3 = http3
        http3Resources = HTTP3Resources(resources)

        var options = TLSClientContext.Options()
        options.trust = plan.trust
        options.alpn = plan.version == .http2 ? "h2" : "http/1.1"
        options.reusesSessions = false
        tls = plan.target.isSecure && plan.version != .http3 ? try TLSClientContext(options) : nil
        if let service {
            let versions = QUICSettings.Version.all
            let manager = try QUICConnectionManager(
                loop: loop, resources: resources, service: service, worker: index,
                clientVersions: plan.prefersQUIC2 ? versions.reversed() : versions)
            var transport = QUICSettings()
            transport.handshakeTimeout = UInt64(plan.timeout) * 1_000_000
            transport.idleTimeout = max(transport.idleTimeout, UInt64(plan.timeout) * 2_000_000)
            var context = QUICTLSContext.ClientOptions(trust: plan.trust)
            context.offersEarlyData = plan.sendsEarlyData
            let connector = QUICConnector(
                tls: try QUICTLSContext(client: context), quic: transport,
                settings: ConnectionSettings(handshakeTimeout: plan.timeout), manager: manager)
            connector.resumes = plan.resumes
            self.connector = connector
            quic = manager
        } else {
            connector = nil
            quic = nil
        }
        paceTimer = Timer(on: loop.timers, target: self)
        endTimer = Timer(on: loop.timers, target: self)
        tickTimer = Timer(on: loop.timers, target: self)
        for _ in 0..<plan.connections(of: index) { all.append(LoadConnection(self)) }
    }

    /// The server's address that is used now.
    var address: SocketAddress { plan.addresses[addressIndex] }

    /// The name to send and to verify; RFC 6066 section 3 has no addresses in it.
    var serverName: String? {
        let host = plan.target.host
        return plan.trust == nil && SocketAddress(text: host, port: 0) != nil ? nil : host
    }

    /// Runs the load to its end. Throws when it could not begin.
    func run() throws -> LoadCounts {
        for connection in all { loop.schedule(connection) }
        lastProgress = loop.clock.now
        tickTimer.arm(at: loop.clock.now.advanced(milliseconds: Self.tick))
        try loop.run()
        if let failure { throw failure }
        if let connector { counts.note(connector.counters) }
        return counts
    }

    // MARK: Requests

    /// True while more requests will be due.
    var wantsConnections: Bool { pace.hasMore }

    /// The next request, when it is due: the time from which its latency counts.
    func nextRequest() -> Instant? {
        if let due = pace.take(loop.clock.now) {
            outstanding += 1
            return due
        }
        if pace.hasMore { paceTimer.arm(at: pace.nextDue) }
        return nil
    }

    func completed(due: Instant, status: Int) {
        counts.completed += 1
        counts.countStatus(status)
        counts.latency.record(loop.clock.now.nanoseconds(since: due))
        over()
    }

    func failed(_ kind: LoadFailure) {
        counts.fail(kind)
        over()
    }

    private func over() {
        outstanding -= 1
        counts.endedAt = loop.clock.now
        lastProgress = loop.clock.now
        stopWhenDone()
    }

    // MARK: Connections

    /// A connection takes requests.
    func connected(since start: Instant) {
        let now = loop.clock.now
        counts.handshakes.record(now.nanoseconds(since: start))
        guard !hasBegun else { return }
        hasBegun = true
        counts.begunAt = now
        counts.endedAt = now
        let end = plan.duration.map { now.advanced(milliseconds: $0) } ?? .distantFuture
        pace.begin(now, until: end)
        endTimer.arm(at: end)
    }

    /// A connection could not be made. True when the next try shall wait.
    func connectFailed(_ connection: LoadConnection, _ why: String) -> Bool {
        if hasBegun {
            connection.failWaiting()
            return true
        }
        guard addressIndex + 1 < plan.addresses.count else {
            fail("cannot connect to \(plan.place(address)): \(why)")
            return false
        }
        addressIndex += 1
        return false
    }

    // MARK: Time

    func timerFired(_ timer: Timer) {
        if timer === paceTimer {
            startDue()
        } else if timer === endTimer {
            counts.unstarted = pace.overdue
            pace.stop()
            counts.endedAt = loop.clock.now
            stopWhenDone()
        } else {
            look()
        }
    }

    /// Gives requests that are due to connections in turn.
    private func startDue() {
        for _ in all.indices where pace.hasMore && pace.nextDue <= loop.clock.now {
            cursor = (cursor + 1) % all.count
            all[cursor].pump()
        }
    }

    /// What is done from time to time.
    private func look() {
        tickTimer.arm(at: loop.clock.now.advanced(milliseconds: Self.tick))
        let now = loop.clock.now
        let limit = Instant(nanoseconds: now.nanoseconds - min(now.nanoseconds, UInt64(plan.timeout) * 1_000_000))
        for connection in all { connection.timeOut(before: limit) }
        if hasBegun, outstanding == 0, pace.hasMore, pace.nextDue < limit, lastProgress < limit {
            fail("\(plan.place(address)) lets no request through")
        }
        progress.completed.wrappingAdd(counts.completed - shownCompleted, ordering: .relaxed)
        shownCompleted = counts.completed
        let failed = counts.failed
        progress.failed.wrappingAdd(failed - shownFailed, ordering: .relaxed)
        shownFailed = failed
        if isInterrupted.load(ordering: .relaxed), pace.hasMore {
            pace.stop()
            stopWhenDone()
        }
    }

    // MARK: The end

    private func fail(_ text: String) {
        guard isRunning else { return }
        failure = LoadError(text)
        stop()
    }

    private func stopWhenDone() {
        if isRunning, outstanding == 0, !pace.hasMore { stop() }
    }

    private func stop() {
        isRunning = false
        for timer in [paceTimer, endTimer, tickTimer] { timer?.disarm() }
        for connection in all { connection.close() }
        quic?.stop()
        loop.stop()
    }
}
