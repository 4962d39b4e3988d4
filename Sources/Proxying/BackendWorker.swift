import Bytes
package import Configuration
package import Connections
import Messages
import MuxHTTP1
import MuxHTTP2
import MuxHTTP3
import MuxPassThrough
import Runtime
import Samples
package import Servers
package import Streams
import Synchronization
package import TLSTransport

/// One worker's side of a backend: it makes connections to servers and gives them their muxes.
package final class BackendWorker: ServerConnector, ConnectionOwner {
    package let shared: SharedProxyBackend
    package private(set) var backend: Backend!
    /// What this worker has counted for the backend, and for its servers by their places.
    var traffic = TrafficCounters()
    /// The last response that was malformed.
    var invalidResponse: ErrorCapture?
    var serverTraffic: [ServerTraffic?] = []
    /// What `clear counters` has taken away of connections that were open then.
    var clearedMuxes = MuxTraffic()
    /// By frontend: what it and this backend do together.
    private var forwardings: [Forwarding?] = []
    /// The worker, which lets the backend go at its end: a constant costs no reference count where it is used.
    let worker: Worker
    package let settings: BackendSettings
    /// At which steps it has something to do for an exchange.
    let steps: RuleSteps
    let connectionSettings: ConnectionSettings

    /// Whether rules may choose the backend (`unpublish backend`).
    var isPublished: Bool { shared.servers.isPublished.load(ordering: .relaxed) }

    init(_ shared: SharedProxyBackend, worker: Worker) throws(TLSError) {
        self.shared = shared
        self.worker = worker
        settings = shared.servers.settings
        steps = RuleSteps(shared.servers.settings, shared.rules)
        let buffers = worker.blueprint.configuration.global.tune.socketBuffers
        var connections = ConnectionSettings(
            handshakeTimeout: shared.servers.settings.timeouts.connect,
            sendTimeout: shared.servers.settings.timeouts.server)
        connections.receiveBuffer = buffers.serverReceive
        connections.sendBuffer = buffers.serverSend
        connectionSettings = connections
        backend = Backend(
            shared.servers, connector: self, loop: worker.loop, closing: worker.closing, worker: worker.index,
            seed: worker.random.next())
        for server in backend.servers {
            if let failure = (server.context as? ServerSide)?.failure { throw failure }
        }
    }

    // MARK: Exchanges

    /// What `option forwardfor` and `option originalto` of a frontend and this backend do together.
    func forwarding(of frontend: FrontendWorker) -> Forwarding {
        let index = frontend.shared.index
        while forwardings.count <= index { forwardings.append(nil) }
        if let known = forwardings[index] { return known }
        let made = Forwarding(frontend: frontend.settings.options, backend: settings.options)
        forwardings[index] = made
        return made
    }

    func dispatch(_ record: ProxyExchange) {
        let (_, current) = shared.servers.current.wrappingAdd(1, ordering: .relaxed)
        traffic.maxSessions = max(traffic.maxSessions, current)
        shared.sessionRate.count(worker.index, at: now)
        var request = DispatchRequest(
            exchange: record.exchange, session: record.session, isFirst: record.number <= 1,
            clientPort: record.destination.port)
        let ignoresPersistence = record.assignment.ignoresPersistence
        request.server = record.assignment.server ?? (ignoresPersistence ? nil : record.persistence.server)
        request.forcesPersistence = record.assignment.forcesPersistence
        request.ignoresPersistence = ignoresPersistence
        if let overrides = record.overrides {
            request.priorityClass = overrides.priorityClass
            request.priorityOffset = overrides.priorityOffset
            request.limits = DispatchLimits(
                retries: overrides.retries, connectTimeout: overrides.connectTimeout,
                queueTimeout: overrides.queueTimeout)
        }
        backend.dispatch(request, owner: record, remember: { record.dispatch = $0 })
        traffic.maxQueue = max(traffic.maxQueue, shared.servers.queueLength)
    }

    /// Gives up every idle connection: the backend is gone, or the worker ends.
    func releaseIdle() {
        for server in backend.servers { server.releaseAll() }
    }

    /// The backend is gone, and no exchange is on its way to it.
    func end() {
        releaseIdle()
        // It holds this, as its connector.
        backend = nil
    }

    func leave() { shared.servers.leave() }

    // MARK: Connections to servers

    var now: Instant { worker.loop.clock.now }
    var timers: TimerWheel { worker.loop.timers }
    var http3Resources: HTTP3Resources { worker.http3 }

    package func prepare(_ server: PoolServer) {
        let reversed = server.isReversed ? (server.context as? ServerSide)?.reversed : nil
        let side = ServerSide(server, worker, backend: settings, times: connectionSettings)
        if server.isReversed { side.reversed = reversed ?? ReversedServer(server, self) }
        server.context = side
    }

    package func key(for dispatch: Dispatch, _ server: PoolServer) -> UInt64 {
        guard let side = server.context as? ServerSide else { return 0 }
        return side.key(for: dispatch, server)
    }

    package func connect(for dispatch: Dispatch, to server: PoolServer) throws(DispatchFailure) {
        guard let side = server.context as? ServerSide, side.failure == nil else {
            throw DispatchFailure(reason: "the server's TLS settings can not be used")
        }
        if let reversed = side.reversed {
            return try reversed.seek(for: dispatch, key: side.key(for: dispatch, server))
        }
        if let connector = side.quic, !side.settings.fallsBackToTCP || side.avoidsQUICUntil <= now {
            return try connectQUIC(connector, for: dispatch, to: server, side)
        }
        try connectStream(for: dispatch, to: server, side)
    }

    func connectStream(
        for dispatch: Dispatch, to server: PoolServer, _ side: ServerSide
    ) throws(DispatchFailure) {
        let isWebSocket = side.isSpecialWebSocket(dispatch.exchange)
        let link = ServerLink(server, dispatch, key: side.key(for: dispatch, server), isWebSocket: isWebSocket)
        var route = side.route(for: dispatch)
        // A port that is in use is passed over.
        var attempts = min(10, side.source?.ports?.count ?? 1)
        while link.stream == nil {
            attempts -= 1
            if let port = side.nextPort() { route?.source?.port = port }
            do throws(ConnectionFailure) {
                link.stream = try worker.connections.connect(
                    to: dispatch.record?.target(of: server) ?? server.facts.address, from: route,
                    preamble: side.preamble(for: dispatch), owner: self, settings: side.connections,
                    ownerContext: link
                ) { descriptor throws(TLSError) in
                    guard let context = isWebSocket ? side.webSocketTLS : side.tls else { return nil }
                    return try context.makeEngine(
                        descriptor: descriptor, serverName: side.tlsSettings?.serverName(for: dispatch))
                }
            } catch {
                if case .connect(let problem) = error, problem.isAboutSource, attempts > 0 { continue }
                noteFailure(server, error)
                throw DispatchFailure(reason: error.description)
            }
        }
        dispatch.attempt = link
        server.begin(link)
    }

    package func abandon(_ dispatch: Dispatch) {
        if let wish = dispatch.attempt as? ConnectionWish, let side = dispatch.server?.context as? ServerSide {
            side.reversed?.abandon(wish)
            dispatch.attempt = nil
        }
        guard let link = dispatch.attempt as? ServerLink else { return }
        dispatch.attempt = nil
        link.dispatch = nil
        link.stop()
    }

    package func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        if settings.mode == .tcp {
            return PassThroughMux(role: .back, host: connection, splicing: settings.options.splicing.directions)
        }
        guard let link = connection.ownerContext as? ServerLink, let side = link.server.context as? ServerSide else {
            return nil
        }
        switch side.version(alpn, isWebSocket: link.isWebSocket) {
        case .h2: return try? HTTP2Mux(side: .back, settings: side.muxes.http2, host: connection)
        case .h1, .h3:
            return HTTP1BackMux(host: connection, settings: side.muxes.http1Back, seed: worker.random.next())
        }
    }

    package func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? { nil }

    package func connectionReady(_ connection: StreamConnection) {
        guard let link = connection.ownerContext as? ServerLink else { return }
        if let tls = connection.tlsSession { countHandshake(link.server, isResumed: tls.isResumed) }
        ready(link)
    }

    /// A connection may be used: by the dispatch that waits for it, or by others when that is gone.
    func ready(_ link: ServerLink) {
        link.server.shared.observe(.connected)
        if let dispatch = link.dispatch {
            link.dispatch = nil
            dispatch.attempt = nil
            dispatch.connected(link)
        }
        link.server.settle(link)
    }

    package func streamsChanged(on connection: StreamConnection) {
        guard let link = connection.ownerContext as? ServerLink else { return }
        link.server.settle(link)
    }

    package func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        guard let link = connection.ownerContext as? ServerLink else { return }
        traffic.muxes.add(connection, streams: UInt64(link.uses), isOpen: false)
        connection.ownerContext = nil
        link.stream = nil
        link.server.end(link)
        if link.server.isReversed { (link.server.context as? ServerSide)?.reversed?.remove(link) }
        failed(link, failure)
    }

    /// A connection could not even be started: the operator hears of it, but not of every one.
    private func noteFailure(_ server: PoolServer, _ failure: ConnectionFailure) {
        guard case .connect(let problem) = failure, problem.call != "connect" else { return }
        worker.noteServerFailure(shared, server.shared, failure)
    }

    /// A connection is gone; the dispatch that waited for it, if any, is told.
    func failed(_ link: ServerLink, _ failure: ConnectionFailure?) {
        guard let dispatch = link.dispatch else { return }
        link.dispatch = nil
        dispatch.attempt = nil
        var timedOut = false
        if case .timeout = failure { timedOut = true }
        link.server.shared.observe(.connectFailed)
        if let failure { worker.noteServerFailure(shared, link.server.shared, failure) }
        dispatch.connectFailed(timedOut: timedOut)
    }
}
