import Bytes
import Configuration
package import Connections
import MuxHTTP2
import Rules
package import Runtime
import Servers
package import Streams
package import TLSTransport

/// One worker's part of a `bind rhttp@` line: it opens connections to a server, one after the other, and takes that
/// server's requests on them as a listener takes those of clients. What closes is opened again.
package final class Preconnector: ConnectionOwner, TimerTarget {
    private unowned let frontend: FrontendWorker
    private let bind: SharedBind
    private let target: ReverseTarget
    /// How many connections this worker keeps.
    private let count: Int
    private let timer: Timer
    /// The connection that is being made.
    private var pending: StreamConnection?
    /// Those that take requests, and since when.
    private var open: [ObjectIdentifier: (connection: StreamConnection, since: Instant)] = [:]
    /// For `idle-ping`.
    private let pingTimer: Timer
    /// The last connection that a rule has refused.
    private weak var refused: StreamConnection?
    private var isStopped = false

    /// The pause after a failure, milliseconds: HAProxy's.
    private static let pause = 1000

    private var worker: Worker { frontend.worker }
    private var context: ListenerContext { bind.contexts[0] }

    init(_ frontend: FrontendWorker, _ bind: SharedBind, _ target: ReverseTarget, count: Int) {
        self.frontend = frontend
        self.bind = bind
        self.target = target
        self.count = count
        timer = Timer(on: frontend.worker.loop.timers)
        pingTimer = Timer(on: frontend.worker.loop.timers)
        timer.wakes(self)
        pingTimer.wakes(self)
    }

    /// How many of a line's connections one worker keeps: as even as can be, and not always more on the first worker.
    static func share(of bind: SharedBind, worker: Int, among workers: Int) -> Int {
        let first = bind.frontend &+ bind.index
        return (0..<bind.settings.connections).count { ($0 &+ first) % max(1, workers) == worker }
    }

    /// Begins once the worker turns.
    func start() { timer.arm(at: frontend.now) }

    /// Opens no more; those that take requests go on.
    func stop() {
        isStopped = true
        timer.disarm()
        pending?.stop()
    }

    package func timerFired(_ timer: Timer) {
        if timer === pingTimer { return probe() }
        // The time for a connection is over, or that between two.
        if let pending { return pending.stop(.timeout) }
        connect()
    }

    // MARK: Connecting

    private func connect() {
        guard !isStopped, pending == nil, open.count < count else { return }
        guard frontend.takePlace(at: context) else { return retry() }
        guard worker.backends.indices.contains(target.backend), let backend = worker.backends[target.backend],
            let shared = backend.backend.server(at: target.server),
            let server = backend.backend.find(shared), let side = server.context as? ServerSide, side.failure == nil
        else {
            frontend.returnPlace(at: context)
            return failed(" Error on conn allocation.")
        }
        if bind.preconnects.begin() { tell(.info, " Initiating.") }
        var route = side.fixedRoute
        if let port = side.nextPort() { route?.source?.port = port }
        do throws(ConnectionFailure) {
            pending = try worker.connections.connect(
                to: server.facts.target(forClientPort: 0), from: route, preamble: side.preamble(for: nil), owner: self,
                settings: side.connections, ownerContext: side
            ) { descriptor throws(TLSError) in
                guard let context = side.tls else { return nil }
                return try context.makeEngine(descriptor: descriptor, serverName: side.tlsSettings?.fixedServerName)
            }
        } catch {
            frontend.returnPlace(at: context)
            return failed(" Error on conn allocation.")
        }
        // It includes the peer's SETTINGS, which the connection's own time does not.
        if let limit = backend.settings.timeouts.connect {
            timer.arm(at: frontend.now.advanced(milliseconds: limit))
        }
    }

    /// The transport stands: from here on the connection is a client's, but for the preface, which is ours to send.
    package func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        guard let side = connection.ownerContext as? ServerSide, side.version(alpn, isWebSocket: false) == .h2 else {
            return nil
        }
        let session = Session(
            source: connection.socketDestination, destination: connection.socketSource, clock: worker.loop.clock,
            isQUIC: false, listener: context)
        if let tls = connection.tlsEngine {
            session.tls = TLSFacts(
                version: tls.version, cipher: tls.cipher ?? "", serverName: "", alpn: tls.alpn,
                isResumed: tls.isResumed)
        }
        connection.reverse(
            to: .client, owner: self, context: nil, settings: frontend.undetected, session: session)
        connection.sendFirst(HTTP2PrefaceMux.preface)
        var settings = frontend.muxes.http2
        settings.isReversed = true
        return try? HTTP2Mux(side: .front, settings: settings, host: connection)
    }

    package func connectionReady(_ connection: StreamConnection) {}

    /// The server's SETTINGS have come: it may send requests.
    package func streamsChanged(on connection: StreamConnection) {
        guard connection === pending, let session = connection.session else { return }
        pending = nil
        timer.disarm()
        open[ObjectIdentifier(connection)] = (connection, frontend.now)
        if !pingTimer.isArmed { probeLater() }
        frontend.countConnection(at: context)
        if bind.preconnects.enter(of: bind.settings.connections) {
            tell(.info, " Running with nbconn \(bind.settings.connections) reached.")
        }
        connect()
        if frontend.refusal(of: session, .tcpRequestConnection) != nil { return refuse(connection) }
        frontend.countSession(session, version: 2)
        if frontend.refusal(of: session, .tcpRequestSession) != nil { refuse(connection) }
    }

    package func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? {
        refused === connection ? nil : frontend.openExchange(on: connection, for: end)
    }

    /// A rule does not want the connection: it ends with this turn, and takes nothing before.
    private func refuse(_ connection: StreamConnection) {
        refused = connection
        connection.closeSoon()
    }

    package func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        if connection === pending {
            pending = nil
            frontend.returnPlace(at: context)
            return failed(" Error encountered.")
        }
        guard let since = open.removeValue(forKey: ObjectIdentifier(connection))?.since else { return }
        bind.preconnects.leave()
        frontend.connectionClosed(connection, failure)
        guard !isStopped, pending == nil else { return }
        // At once, but for a server that closes again and again.
        timer.arm(at: max(frontend.now, since.advanced(milliseconds: Self.pause)))
    }

    // MARK: Idle connections (`idle-ping`)

    private func probeLater() {
        guard let interval = bind.settings.idlePing, !open.isEmpty else { return }
        pingTimer.arm(at: frontend.now.advanced(milliseconds: interval))
    }

    /// Asks those that are idle whether they live, and closes those that have not answered since the last time. An
    /// answer counts for `timeout client`, and not for the times of requests.
    private func probe() {
        let times = frontend.settings.timeouts
        for (connection, _) in open.values {
            guard let mux = connection.mux as? HTTP2Mux, mux.activity == .idle || mux.activity == .fresh else {
                continue
            }
            if !mux.ping() {
                connection.stop(.timeout)
            } else if times.httpKeepAlive == nil, times.httpRequest == nil {
                connection.refreshIdleTime()
            }
        }
        probeLater()
    }

    // MARK: Failures

    private func failed(_ words: String) {
        guard !isStopped else { return }
        if bind.preconnects.fail() { tell(.error, words) }
        retry()
    }

    private func retry() {
        timer.arm(at: frontend.now.advanced(milliseconds: Self.pause))
    }

    private func tell(_ level: LogLevel, _ words: String) {
        worker.log?.frontendChanged(
            frontend.shared, level, "preconnect \(frontend.settings.name)::\(target.name):\(words)")
    }
}
