package import Bytes
package import Configuration
package import Connections
import Messages
import MuxHTTP1
import MuxHTTP2
import MuxPassThrough
package import Runtime
import Servers
package import Streams
package import TLSTransport

/// One worker's side of a frontend: it takes connections, makes their muxes, and decides about exchanges.
package final class FrontendWorker: ListenerOwner, ConnectionOwner, ExchangeHandler {
    package let shared: SharedFrontend
    unowned let worker: Worker
    let backend: BackendWorker?
    /// TLS contexts by bind line; nil for clear ones.
    private let tlsContexts: [TLSServerContext?]
    let connectionSettings: ConnectionSettings
    let muxes: MuxSettings
    private let forwardFor: ForwardFor?
    private(set) var listeners: [StreamListener] = []

    package var settings: FrontendSettings { shared.settings }
    /// The time of this turn.
    package var now: Instant { worker.loop.clock.now }
    /// Connections of the whole process.
    package var processAdmission: Admission { worker.blueprint.admission }

    init(_ shared: SharedFrontend, worker: Worker, backend: BackendWorker?) throws(TLSError) {
        self.shared = shared
        self.worker = worker
        self.backend = backend
        let settings = shared.settings
        let backMode = backend?.settings.options.connectionMode ?? .keepAlive
        muxes = MuxSettings(
            worker.blueprint.configuration.global.tune, mode: max(settings.options.connectionMode, backMode),
            abortOnClose: backend?.settings.options.abortOnClose ?? false)
        let tune = worker.blueprint.configuration.global.tune
        var contexts: [TLSServerContext?] = []
        for bind in shared.binds { contexts.append(try bind.makeTLSContext(clock: worker.loop.clock, tune.tls)) }
        tlsContexts = contexts
        let times = settings.timeouts
        var connections = ConnectionSettings(
            handshakeTimeout: times.client, requestHeadTimeout: times.requestHead, keepAliveTimeout: times.keepAlive,
            sendTimeout: times.client)
        connections.detectsHTTP2 = settings.mode == .http
        connections.receiveBuffer = tune.socketBuffers.clientReceive
        connections.sendBuffer = tune.socketBuffers.clientSend
        connectionSettings = connections
        forwardFor = ForwardFor(frontend: settings.options.forwardFor, backend: backend?.settings.options.forwardFor)
    }

    // MARK: Listeners

    func listen(_ descriptor: consuming OwnedDescriptor, bind: Int) throws(WorkerError) {
        do throws(SystemError) {
            let listener = try StreamListener(
                descriptor: descriptor, context: shared.binds[bind].context, loop: worker.loop, owner: self,
                maxAccept: worker.blueprint.configuration.global.tune.maxAccept ?? .max)
            listeners.append(listener)
        } catch {
            throw WorkerError("\(shared.binds[bind].settings.location): \(error)")
        }
    }

    func closeListeners() {
        for listener in listeners { listener.close() }
        listeners = []
    }

    package func takePlace(for listener: StreamListener) -> Bool { takePlace(bind: listener.context.bind) }
    package func returnPlace(for listener: StreamListener) { returnPlace(bind: listener.context.bind) }

    /// Takes a place for a connection of a bind line at every level that has a limit; all or none.
    func takePlace(bind index: Int) -> Bool {
        guard worker.blueprint.admission.enter() else { return false }
        if shared.admission.enter() {
            if shared.binds[index].admission.enter() { return true }
            shared.admission.leave()
        }
        worker.blueprint.admission.leave()
        return false
    }

    /// Gives a place back.
    func returnPlace(bind index: Int) {
        worker.blueprint.admission.leave()
        shared.admission.leave()
        shared.binds[index].admission.leave()
    }

    package func accepted(_ descriptor: Int32, peer: SocketAddress, on listener: StreamListener) {
        let bind = shared.binds[listener.context.bind]
        shared.countConnection()
        let isIP = peer.family == .ipv4 || peer.family == .ipv6
        let session = Session(
            source: peer, destination: isIP ? Socket.localAddress(descriptor) : peer, clock: worker.loop.clock,
            isQUIC: false, listener: listener.context)
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
            descriptor, session: session, owner: self, settings: connectionSettings,
            expectsProxyHeader: bind.settings.acceptsProxyHeader, tls: engine)
    }

    package func acceptFailed(_ error: SystemError, on listener: StreamListener) {
        worker.report("accept on \(listener.context.name) of frontend '\(settings.name)': \(error)")
    }

    /// Counts a connection out.
    func leave(_ session: Session) {
        returnPlace(bind: session.listener.bind)
        for listener in listeners { listener.resume() }
        backend?.backend.forget(session)
    }

    // MARK: Connections

    package func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        if settings.mode == .tcp {
            let mux = PassThroughMux(role: .front, host: connection)
            mux.start()
            return mux
        }
        switch alpn {
        case .h2: return try? HTTP2Mux(side: .front, settings: muxes.http2, host: connection)
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
        let exchange = Exchange(
            front: end, handler: self, resources: worker.resources, halfLimit: worker.halfLimit)
        exchange.context = record
        record.begin(exchange)
        return exchange
    }

    package func connectionReady(_ connection: StreamConnection) {}
    package func streamsChanged(on connection: StreamConnection) {}

    package func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        guard let session = connection.session else { return }
        if let failure, session.exchanges == 0 { worker.log?.connectionFailed(session, self, failure) }
        leave(session)
    }

    // MARK: Exchanges

    private func record(_ exchange: Exchange) -> ProxyExchange? { exchange.context as? ProxyExchange }

    package func requestReceived(_ exchange: Exchange) {
        guard let record = record(exchange) else { return }
        shared.countRequest()
        worker.log?.requestReceived(record)
        guard let backend else {
            record.noteStage()
            return answer(record, 503, .noServer)
        }
        record.backend = backend
        if let head = exchange.request.head {
            do throws(MessageError) {
                try forwardFor?.apply(to: head, record.session)
            } catch {
                record.noteStage()
                return answer(record, 431, .resource)
            }
        }
        backend.dispatch(record)
        if !exchange.isOver { record.armTimer() }
    }

    package func requestRejected(_ exchange: Exchange, status: Int) {
        guard let record = record(exchange) else { return }
        record.noteStage()
        shared.countRejected()
        answer(record, status, status == 408 ? .clientTimeout : .clientProtocolError)
    }

    package func responseReceived(_ exchange: Exchange) {
        guard let record = record(exchange) else { return }
        if let head = exchange.response.head, !record.session.isQUIC, record.session.tls != nil,
            let value = shared.alternativeService, head.first(.altSvc) == nil
        {
            // A head that has no room left goes without.
            _ = try? head.append(.altSvc, value.span)
        }
        record.armTimer()
    }

    package func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        guard let record = record(exchange) else { return }
        let isRepeatable =
            exchange.request.phase == .ended && exchange.request.bytesIn == 0
            && (exchange.request.head?.method.isIdempotent ?? false)
        // A connection that was reused may have ended while the request was on its way: no fault of this request.
        let isStale = exchange.attempt.connectionReused && !exchange.attempt.responseStarted && isRepeatable
        if reason == .serverAborted || reason == .connectFailed, let dispatch = record.dispatch, isUnsent || isStale,
            exchange.request.rewind(), dispatch.reattach()
        {
            return
        }
        record.noteStage(isServerSide: true)
        if settings.mode == .tcp { return exchange.kill(reason) }
        answer(record, reason == .serverTimeout ? 504 : 502, reason)
    }

    package func messageEnded(_ exchange: Exchange) {
        // The half-closed times are shorter than those that the timer was set for.
        if exchange.isTunnel { record(exchange)?.armTimer() }
    }

    package func exchangeEnded(_ exchange: Exchange) {
        guard let record = record(exchange) else { return }
        if exchange.failure != nil { record.noteStage() }
        // The line's counts are those that remain without this exchange, as HAProxy has them.
        record.end()
        record.backend?.leave()
        worker.log?.exchangeEnded(record)
        record.session.lastExchangeEndedAt = worker.loop.clock.now
    }

    /// Answers with the proxy's own message for `status`, or ends the exchange where no message can be sent.
    func answer(_ record: ProxyExchange, _ status: Int, _ reason: CloseReason) {
        guard let exchange = record.exchange, !exchange.isOver else { return }
        exchange.note(reason)
        record.ownStatus = status
        if settings.mode == .tcp || exchange.response.phase != .idle { return exchange.kill(reason) }
        let answer = record.backend?.shared.errors[status] ?? shared.errors[status] ?? ErrorAnswer(status: status)
        answer.send(exchange)
    }
}
