import Bytes
package import Configuration
package import Connections
import Messages
import MuxHTTP1
import MuxHTTP2
import MuxPassThrough
import Runtime
package import Servers
package import Streams
import Synchronization
package import TLSTransport

/// One worker's side of a backend: it makes connections to servers and gives them their muxes.
package final class BackendWorker: ServerConnector, ConnectionOwner {
    package let shared: SharedProxyBackend
    package private(set) var backend: Backend!
    private unowned let worker: Worker
    private let tlsContexts: [TLSClientContext?]
    private let connectionSettings: ConnectionSettings
    private let muxes: MuxSettings

    package var settings: BackendSettings { shared.servers.settings }

    init(_ shared: SharedProxyBackend, worker: Worker) throws(TLSError) {
        self.shared = shared
        self.worker = worker
        muxes = MuxSettings(
            worker.blueprint.configuration.global.tune, mode: shared.servers.settings.options.connectionMode,
            abortOnClose: shared.servers.settings.options.abortOnClose)
        var contexts: [TLSClientContext?] = []
        for server in shared.tls { contexts.append(try server?.makeContext()) }
        tlsContexts = contexts
        let buffers = worker.blueprint.configuration.global.tune.socketBuffers
        var connections = ConnectionSettings(
            handshakeTimeout: shared.servers.settings.timeouts.connect,
            sendTimeout: shared.servers.settings.timeouts.server)
        connections.receiveBuffer = buffers.serverReceive
        connections.sendBuffer = buffers.serverSend
        connectionSettings = connections
        backend = Backend(
            shared.servers, connector: self, timers: worker.loop.timers, clock: worker.loop.clock,
            seed: worker.random.next(),
            announceFreePlace: { [unowned worker] in worker.announceFreePlace(shared.servers.index) })
    }

    // MARK: Exchanges

    func dispatch(_ record: ProxyExchange) {
        shared.servers.current.wrappingAdd(1, ordering: .relaxed)
        let source = record.session.source
        var hash: UInt32 = 0
        for index in 0..<16 { hash = hash &* 31 &+ UInt32(source.octets[index]) }
        hash ^= hash >> 16
        backend.dispatch(
            record.exchange, session: record.session, isFirst: record.number <= 1, sourceHash: hash,
            clientPort: record.session.destination.port, owner: record, remember: { record.dispatch = $0 })
    }

    /// Closes every idle connection: the worker ends.
    func closeIdle() {
        for server in backend.servers { server.closeAll() }
    }

    func leave() { shared.servers.current.wrappingSubtract(1, ordering: .relaxed) }

    // MARK: Connections to servers

    package func connect(for dispatch: Dispatch, to server: PoolServer) throws(DispatchFailure) {
        let link = ServerLink(server, dispatch)
        dispatch.attempt = link
        do throws(ConnectionFailure) {
            link.connection = try worker.connections.connect(
                to: server.shared.target(forClientPort: dispatch.clientPort), owner: self,
                settings: connectionSettings, ownerContext: link
            ) { descriptor throws(TLSError) in
                guard let context = tlsContexts[server.shared.index] else { return nil }
                return try context.makeEngine(
                    descriptor: descriptor,
                    serverName: shared.tls[server.shared.index]?.serverName(for: dispatch.exchange))
            }
            server.shared.connections.wrappingAdd(1, ordering: .relaxed)
        } catch {
            throw DispatchFailure(reason: error.description)
        }
    }

    package func abandon(_ dispatch: Dispatch) {
        guard let link = dispatch.attempt as? ServerLink else { return }
        dispatch.attempt = nil
        link.dispatch = nil
        link.connection?.stop()
    }

    package func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        if settings.mode == .tcp { return PassThroughMux(role: .back, host: connection) }
        switch alpn {
        case .h2: return try? HTTP2Mux(side: .back, settings: muxes.http2, host: connection)
        default: return HTTP1BackMux(host: connection, settings: muxes.http1Back, seed: worker.random.next())
        }
    }

    package func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? { nil }

    package func connectionReady(_ connection: StreamConnection) {
        guard let link = connection.ownerContext as? ServerLink, let dispatch = link.dispatch else { return }
        link.dispatch = nil
        dispatch.attempt = nil
        dispatch.connected(link)
    }

    package func streamsChanged(on connection: StreamConnection) {
        guard let link = connection.ownerContext as? ServerLink else { return }
        if connection.availableStreams > 0 {
            link.server.put(link)
        } else {
            link.server.remove(link)
        }
    }

    package func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        guard let link = connection.ownerContext as? ServerLink else { return }
        link.server.shared.connections.wrappingSubtract(1, ordering: .relaxed)
        link.server.remove(link)
        connection.ownerContext = nil
        link.connection = nil
        guard let dispatch = link.dispatch else { return }
        link.dispatch = nil
        dispatch.attempt = nil
        var timedOut = false
        if case .timeout = failure { timedOut = true }
        if let failure { worker.noteServerFailure(shared, link.server.shared, failure) }
        dispatch.connectFailed(timedOut: timedOut)
    }
}

/// A connection to a server, as the pool sees it.
final class ServerLink: PooledConnection {
    let server: PoolServer
    /// The dispatch that waits for the connection.
    var dispatch: Dispatch?
    /// Nil once it is closed.
    var connection: StreamConnection?
    var poolIndex = -1
    var privateTo: AnyObject?
    var uses = 0

    init(_ server: PoolServer, _ dispatch: Dispatch) {
        self.server = server
        self.dispatch = dispatch
    }

    var availableStreams: Int { connection?.availableStreams ?? 0 }
    func open(_ exchange: Exchange) -> Bool { connection?.open(exchange) ?? false }
    func retire() { connection?.retire() }
}
