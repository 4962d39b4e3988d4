package import Bytes
package import Configuration
package import Connections
import Messages
import MuxHTTP1
import MuxHTTP2
import MuxPassThrough
import Rules
package import Runtime
import Samples
import Servers
package import Streams
package import TLSTransport

/// One worker's side of a frontend: it takes connections, makes their muxes, and decides about exchanges.
package final class FrontendWorker: ListenerOwner, ConnectionOwner, ExchangeHandler {
    package let shared: SharedFrontend
    /// The worker, which lets the frontend go at its end: a constant costs no reference count where it is used.
    let worker: Worker
    package let settings: FrontendSettings
    /// At which steps it has something to do for an exchange.
    let steps: RuleSteps
    /// `default_backend`, or the own back half of a `listen`.
    let defaultBackend: BackendWorker?
    /// The back half of the same `listen` section.
    let ownBackend: BackendWorker?
    /// TLS contexts by bind line; nil for clear ones.
    private var tlsContexts: [TLSServerContext?]
    let connectionSettings: ConnectionSettings
    /// `harden.reject-privileged-ports.tcp` and `.quic`.
    let refusesPrivilegedPorts: Bool
    let refusesPrivilegedQUICPorts: Bool
    /// The same for listeners whose protocol does not depend on the first bytes.
    let undetected: ConnectionSettings
    let muxes: MuxSettings
    private(set) var listeners: [StreamListener] = []
    /// What opens connections to servers that send us requests.
    private var preconnectors: [Preconnector] = []
    /// Exchanges whose rules wait until their connection's handshake is complete.
    var handshakeWaiters: [ProxyExchange] = []
    /// The last request that was malformed.
    var invalidRequest: ErrorCapture?
    /// What this worker has counted for the frontend.
    var traffic = TrafficCounters()
    /// The same by listening address; empty without `option socket-stats`.
    var listenerTraffic: [ListenerTraffic] = []
    /// The same of QUIC connections that are over, and what `clear counters` has taken away.
    var endedQUIC = QUICTraffic()
    var clearedQUIC = QUICTraffic()
    /// What `clear counters` has taken away of connections that were open then.
    var clearedMuxes = MuxTraffic()

    /// Most bytes of a request line in the log.
    var requestLineLimit: Int { max(1, worker.blueprint.configuration.global.tune.httpLogURILength - 1) }
    /// The time of this turn.
    package var now: Instant { worker.loop.clock.now }
    /// Connections of the whole process.
    package var processAdmission: Admission { worker.blueprint.admission }

    /// - Parameters:
    ///   - backend: where requests go that no rule sends elsewhere.
    ///   - ownBackend: the back half of the same `listen` section.
    init(
        _ shared: SharedFrontend, worker: Worker, backend: BackendWorker?, ownBackend: BackendWorker?
    ) throws(TLSError) {
        self.shared = shared
        self.worker = worker
        defaultBackend = backend
        self.ownBackend = ownBackend
        let settings = shared.settings
        self.settings = settings
        steps = RuleSteps(settings, shared.rules)
        let backMode = backend?.settings.options.connectionMode ?? .keepAlive
        var muxes = MuxSettings(
            worker.blueprint.configuration.global.tune, mode: max(settings.options.connectionMode, backMode),
            abortOnClose: backend?.settings.options.abortOnClose
                ?? (settings.options.abortOnClose && !settings.useBackendRules.isEmpty && settings.mode == .http))
        muxes.http1Front.ignoresProbes = settings.options.ignoresProbes
        muxes.http1Front.acceptsViolations = settings.options.acceptsViolations
        muxes.http2.acceptsViolations = settings.options.acceptsViolations
        muxes.http2.hidesExtendedConnect = worker.blueprint.configuration.global.hidesExtendedConnect
        muxes.http1Front.keepsIdleConnections = settings.options.keepsIdleConnections
        if settings.options.adjustsCase { muxes.http1Front.fieldCases = worker.blueprint.fieldCases }
        self.muxes = muxes
        let global = worker.blueprint.configuration.global
        refusesPrivilegedPorts = global.refusesPrivilegedPorts
        refusesPrivilegedQUICPorts = global.refusesPrivilegedQUICPorts
        let tune = global.tune
        var contexts: [TLSServerContext?] = []
        for bind in shared.binds { contexts.append(try bind.makeTLSContext(clock: worker.loop.clock, tune.tls)) }
        tlsContexts = contexts
        let times = settings.timeouts
        var connections = ConnectionSettings(
            handshakeTimeout: times.clientHandshake ?? times.client, requestHeadTimeout: times.requestHead,
            keepAliveTimeout: times.keepAlive,
            sendTimeout: times.client)
        connections.detectsHTTP2 = settings.mode == .http && settings.options.detectsHTTP2
        connections.receiveBuffer = tune.socketBuffers.clientReceive
        connections.sendBuffer = tune.socketBuffers.clientSend
        connections.traits = SocketTraits(settings, tune.socketBuffers).ifAny
        connectionSettings = connections
        connections.detectsHTTP2 = false
        undetected = connections
        if settings.options.countsListeners {
            listenerTraffic = Array(repeating: ListenerTraffic(), count: shared.listenerCount)
        }
    }

    /// Makes the TLS of a bind line anew, for connections from now on.
    func renewTLS(bind index: Int) {
        guard shared.binds.indices.contains(index) else { return }
        let bind = shared.binds[index]
        do throws(TLSError) {
            switch bind.settings.transport {
            case .stream:
                let tune = worker.blueprint.configuration.global.tune
                tlsContexts[index] = try bind.makeTLSContext(clock: worker.loop.clock, tune.tls)
            case .quic:
                if let context = try bind.makeQUICContext(worker.blueprint.configuration.global.tune.tls) {
                    worker.quic.renewTLS(frontend: shared.index, bind: index, context)
                }
            }
        } catch {
            worker.report("frontend '\(settings.name)': \(bind.settings.location): \(error)")
        }
    }

    func forcedProtocol(bind index: Int) -> ForcedProtocol? {
        settings.binds.indices.contains(index) ? settings.binds[index].forcedProtocol : nil
    }

    // MARK: Listeners

    func listen(_ descriptor: consuming OwnedDescriptor, bind: Int) throws(WorkerError) {
        let context = shared.binds[bind].context(of: descriptor.number)
        noteListener(context, Socket.localAddress(descriptor.number))
        do throws(SystemError) {
            let listener = try StreamListener(
                descriptor: descriptor, context: context, loop: worker.loop, owner: self,
                maxAccept: worker.blueprint.configuration.global.tune.maxAccept ?? .max)
            listeners.append(listener)
        } catch {
            throw WorkerError("\(shared.binds[bind].settings.location): \(error)")
        }
    }

    /// Opens connections for a bind line of reverse HTTP, as many as this worker's share is.
    func preconnect(bind: SharedBind, to target: ReverseTarget) {
        let share = Preconnector.share(of: bind, worker: worker.index, among: worker.blueprint.workerCount)
        guard share > 0 else { return }
        let preconnector = Preconnector(self, bind, target, count: share)
        preconnectors.append(preconnector)
        preconnector.start()
    }

    /// Makes the listeners follow the frontend's state. False: one of them could not listen again.
    func applyState() -> Bool {
        var isGood = true
        switch shared.state {
        case .paused: for listener in listeners { listener.suspend() }
        case .stopped: closeListeners()
        case .open:
            for listener in listeners {
                do throws(SystemError) {
                    try listener.restore(backlog: settings.backlog ?? settings.maxconn ?? 4096)
                } catch {
                    isGood = false
                    worker.report("frontend '\(settings.name)': \(error)")
                }
            }
        }
        return isGood
    }

    func closeListeners() {
        for listener in listeners { listener.close() }
        listeners = []
        for preconnector in preconnectors { preconnector.stop() }
        preconnectors = []
    }

    package func takePlace(for listener: StreamListener) -> Bool { takePlace(at: listener.context) }
    package func returnPlace(for listener: StreamListener) { returnPlace(at: listener.context) }

    /// Takes a place for a connection of a listener at every level that has a limit; all or none.
    func takePlace(at listener: ListenerContext) -> Bool {
        guard hasRate(for: listener), worker.blueprint.admission.enter() else { return false }
        if shared.admission.enter() {
            if listener.admission.enter() { return true }
            shared.admission.leave()
        }
        worker.blueprint.admission.leave()
        return false
    }

    /// Gives a place back.
    func returnPlace(at listener: ListenerContext) {
        worker.blueprint.admission.leave()
        shared.admission.leave()
        listener.admission.leave()
    }

    package func accepted(_ descriptor: Int32, peer: SocketAddress, on listener: StreamListener) {
        let bind = shared.binds[listener.context.bind]
        if turnsAway(peer, at: listener.context) {
            _ = OwnedDescriptor(adopting: descriptor)
            return returnPlace(at: listener.context)
        }
        if let size = bind.settings.sockets.maxSegment, size < 0, peer.isIP { shrinkSegments(of: descriptor, by: size) }
        countConnection(at: listener.context)
        let session = Session(
            source: peer, destination: peer.isIP ? Socket.localAddress(descriptor) : peer, clock: worker.loop.clock,
            isQUIC: false, listener: listener.context)
        session.expectedHeader = bind.settings.expectedHeader
        if let verdict = refusal(of: session, .tcpRequestConnection) {
            if case .vanish(let hops) = verdict { Socket.closeSilently(descriptor, hops: hops) }
            _ = OwnedDescriptor(adopting: descriptor)
            return leave(session)
        }
        var engine: TLSEngine?
        if let context = tlsContexts[listener.context.bind] {
            do throws(TLSError) {
                engine = try context.makeEngine(descriptor: descriptor)
            } catch {
                _ = OwnedDescriptor(adopting: descriptor)
                worker.log?.connectionFailed(session, self, .handshake(error))
                return leave(session)
            }
        }
        worker.connections.accept(
            descriptor, session: session, owner: self,
            settings: bind.settings.forcedProtocol == nil ? connectionSettings : undetected, tls: engine)
    }

    package func acceptFailed(_ error: SystemError, on listener: StreamListener) {
        worker.report("accept on \(listener.context.name) of frontend '\(settings.name)': \(error)")
    }

    /// Counts a connection out.
    func leave(_ session: Session) {
        returnPlace(at: session.listener)
        leaveTLS(session)
        for listener in listeners { listener.resume() }
        countEnd(session)
        for backend in worker.backends { backend?.backend.forget(session) }
    }

    // MARK: Connections

    /// How the rules that act on connections refuse this one; nil: they take it.
    func refusal(of session: Session, _ kind: RuleSetKind) -> Verdict? {
        guard let rules = shared.rules[kind] else { return nil }
        let run = worker.rules
        run.evaluation.begin(session)
        run.begin(kind, isBackend: false, host: nil, startedAt: now)
        var cursor = RuleCursor()
        guard case .finish(let verdict) = run.run(rules, &cursor) else { return nil }
        switch kind {
        case .quicInitial: break
        case .tcpRequestConnection:
            traffic.deniedConnections &+= 1
            countListener(session.listener) { $0.deniedConnections &+= 1 }
        default:
            traffic.deniedSessions &+= 1
            countListener(session.listener) { $0.deniedSessions &+= 1 }
        }
        return verdict
    }

    package func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        let isUpgraded = connection.session?.isUpgradedToHTTP ?? false
        var alpn = alpn
        switch connection.session.flatMap({ forcedProtocol(bind: $0.listener.bind) }) {
        case .http1: alpn = .http11
        case .http2: alpn = .h2
        default: break
        }
        if let session = connection.session, !isUpgraded, session.attachment == nil {
            countSession(session, version: settings.mode == .tcp ? 0 : alpn == .h2 ? 2 : 1)
            if let verdict = refusal(of: session, .tcpRequestSession) {
                if case .vanish(let hops) = verdict { connection.vanish(hops: hops) }
                return nil
            }
        }
        if let session = connection.session, let attachment = session.attachment {
            return reversedMux(for: connection, session, attachment, alpn)
        }
        if settings.mode == .tcp, !isUpgraded {
            let mux = PassThroughMux(
                role: .front, host: connection, splicing: settings.options.splicing.directions)
            mux.start()
            return mux
        }
        switch alpn {
        case .h2:
            // Its streams are not the one that TCP's rules saw: each begins them anew.
            connection.session?.upgradedFrom = nil
            return try? HTTP2Mux(side: .front, settings: muxes.http2, host: connection)
        default: return HTTP1FrontMux(host: connection, settings: muxes.http1Front)
        }
    }

    package func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? {
        guard let session = connection.session else { return nil }
        return openExchange(session, end)
    }

    /// Opens an exchange for a stream of any version.
    func openExchange(_ session: Session, _ end: any StreamEnd) -> Exchange? {
        let record = ProxyExchange(frontend: self, session: session)
        worker.live.insert(record)
        let exchange = Exchange(
            front: end, handler: self, resources: worker.resources, halfLimit: worker.halfLimit)
        exchange.context = record
        worker.process.streams &+= 1
        worker.process.currentStreams += 1
        record.begin(exchange)
        if let earlier = session.upgradedFrom as? ProxyExchange {
            session.upgradedFrom = nil
            record.goOn(from: earlier)
        }
        return exchange
    }

    package func connectionReady(_ connection: StreamConnection) {}

    package func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        guard let session = connection.session else { return }
        traffic.muxes.add(connection, streams: session.exchanges, isOpen: false)
        if case .handshake? = failure {
            traffic.tlsFailures &+= 1
            countListener(session.listener) { $0.tlsFailures &+= 1 }
        }
        if let failure, session.exchanges == 0 {
            if case .noRequest = failure { countMissingRequest(session, hasMux: connection.mux != nil) }
            worker.log?.connectionFailed(session, self, failure)
        }
        leave(session)
    }

    // MARK: Exchanges

    private func record(_ exchange: Exchange) -> ProxyExchange? { exchange.context as? ProxyExchange }

    package func requestReceived(_ exchange: Exchange) {
        guard let record = record(exchange) else { return }
        countRequest(exchange)
        record.measured(.requestReceived) {
            record.captureRequest()
            worker.log?.requestReceived(record)
            record.startRequest()
        }
    }

    package func bodyWaits(_ exchange: Exchange, _ half: Half) {
        guard let record = record(exchange) else { return }
        record.measured(.bodyWaits) { record.resumeRules() }
    }

    package func requestRejected(_ exchange: Exchange, status: Int) {
        guard let record = record(exchange) else { return }
        if let message = exchange.malformed { capture(message, of: record) }
        record.noteStage()
        // As in HAProxy, whose muxes refuse such messages before its rules know of them.
        record.progress.skipsAfterRules = true
        record.measured(.requestRejected) {
            answer(record, status, status == 408 ? .clientTimeout : .clientProtocolError)
        }
    }

    package func responseReceived(_ exchange: Exchange) {
        guard let record = record(exchange) else { return }
        record.measured(.responseReceived) {
            if record.ownStatus == 0 { record.answeredStatus = exchange.response.head?.status ?? 0 }
            record.observeResponse()
            record.captureResponse()
            record.startResponse()
        }
    }

    /// Tells clients of a TLS connection over TCP that the frontend has a QUIC listener (RFC 7838).
    func announceHTTP3(_ head: MessageHead, _ session: Session) {
        guard !session.isQUIC, session.tls != nil, let value = shared.alternativeService, head.first(.altSvc) == nil
        else { return }
        // A head that has no room left goes without.
        _ = try? head.append(.altSvc, value.span)
    }

    package func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        guard let record = record(exchange) else { return }
        record.measured(.backFailed) { serverFailed(exchange, record, reason, isUnsent: isUnsent) }
    }

    private func serverFailed(_ exchange: Exchange, _ record: ProxyExchange, _ reason: CloseReason, isUnsent: Bool) {
        record.observeFailure(reason)
        if let message = exchange.malformed { captureResponse(message, of: record) }
        if record.retries(after: .failure(reason, isUnsent: isUnsent)) { return }
        record.noteStage(isServerSide: true)
        if !record.isHTTP { return exchange.kill(reason) }
        // Early data that was refused, and may not be sent again: RFC 8470 section 5.2.
        let isRefused = isUnsent && exchange.attempt.isEarlyData && reason == .serverAborted
        answer(record, isRefused ? 425 : reason == .serverTimeout ? 504 : 502, reason)
    }

    package func messageEnded(_ exchange: Exchange) {
        record(exchange)?.resumeRules()
        // The half-closed times are shorter than those that the timer was set for.
        if exchange.isTunnel { record(exchange)?.armTimer() }
    }

    package func exchangeEnded(_ exchange: Exchange) {
        guard let record = record(exchange) else { return }
        if exchange.failure != nil { record.noteStage() }
        count(record, exchange)
        // The line's counts are those that remain without this exchange, as HAProxy has them.
        record.end()
        if record.dispatch != nil { record.backend?.leave() }
        if !handshakeWaiters.isEmpty { handshakeWaiters.removeAll { $0 === record } }
        if !record.isMonitor, !record.isUpgraded { worker.log?.exchangeEnded(record) }
        worker.live.remove(record)
        record.session.lastExchangeEndedAt = worker.loop.clock.now
    }

    /// Answers with the proxy's own message for `status`, or ends the exchange where no message can be sent.
    func answer(_ record: ProxyExchange, _ status: Int, _ reason: CloseReason) {
        guard let exchange = record.exchange, !exchange.isOver else { return }
        exchange.note(reason)
        record.ownStatus = status
        if !record.isHTTP || exchange.response.phase != .idle { return exchange.kill(reason) }
        record.ownMessage(status).send(exchange)
    }
}
