import Bytes
package import Configuration
package import Connections
import Messages
import MuxHTTP1
import MuxHTTP2
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
    var serverTraffic: [ServerTraffic?] = []
    private unowned let worker: Worker
    private let connectionSettings: ConnectionSettings
    private let muxes: MuxSettings

    package var settings: BackendSettings { shared.servers.settings }

    init(_ shared: SharedProxyBackend, worker: Worker) throws(TLSError) {
        self.shared = shared
        self.worker = worker
        muxes = MuxSettings(
            worker.blueprint.configuration.global.tune, mode: shared.servers.settings.options.connectionMode,
            abortOnClose: shared.servers.settings.options.abortOnClose)
        let buffers = worker.blueprint.configuration.global.tune.socketBuffers
        var connections = ConnectionSettings(
            handshakeTimeout: shared.servers.settings.timeouts.connect,
            sendTimeout: shared.servers.settings.timeouts.server)
        connections.receiveBuffer = buffers.serverReceive
        connections.sendBuffer = buffers.serverSend
        connectionSettings = connections
        backend = Backend(
            shared.servers, connector: self, loop: worker.loop, worker: worker.index, seed: worker.random.next(),
            announceFreePlace: { [unowned worker] in worker.announceFreePlace(shared.servers) })
        for server in backend.servers {
            if let failure = (server.context as? ServerSide)?.failure { throw failure }
        }
    }

    // MARK: Exchanges

    func dispatch(_ record: ProxyExchange) {
        let (_, current) = shared.servers.current.wrappingAdd(1, ordering: .relaxed)
        traffic.maxSessions = max(traffic.maxSessions, current)
        let source = record.session.source
        var hash: UInt32 = 0
        for index in 0..<16 { hash = hash &* 31 &+ UInt32(source.octets[index]) }
        hash ^= hash >> 16
        backend.dispatch(
            record.exchange, session: record.session, isFirst: record.number <= 1, sourceHash: hash,
            clientPort: record.session.destination.port, owner: record, remember: { record.dispatch = $0 })
        traffic.maxQueue = max(traffic.maxQueue, shared.servers.queued.load(ordering: .relaxed))
    }

    /// Closes every idle connection: the worker ends.
    func closeIdle() {
        for server in backend.servers { server.closeAll() }
    }

    func leave() { shared.servers.leave() }

    // MARK: Connections to servers

    package func prepare(_ server: PoolServer) { server.context = ServerSide(server) }

    package func key(for dispatch: Dispatch, _ server: PoolServer) -> UInt64 {
        guard let side = server.context as? ServerSide else { return 0 }
        return side.key(for: dispatch, server)
    }

    package func connect(for dispatch: Dispatch, to server: PoolServer) throws(DispatchFailure) {
        guard let side = server.context as? ServerSide, side.failure == nil else {
            throw DispatchFailure(reason: "the server's TLS settings can not be used")
        }
        let link = ServerLink(server, dispatch, key: side.key(for: dispatch, server))
        dispatch.attempt = link
        do throws(ConnectionFailure) {
            link.connection = try worker.connections.connect(
                to: server.facts.target(forClientPort: dispatch.clientPort), owner: self,
                settings: connectionSettings, ownerContext: link
            ) { descriptor throws(TLSError) in
                guard let context = side.tls else { return nil }
                return try context.makeEngine(
                    descriptor: descriptor, serverName: side.settings?.serverName(for: dispatch.exchange))
            }
            server.begin(link)
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
        // The exchange may be gone: then the connection waits for another.
        link.server.settle(link)
    }

    package func streamsChanged(on connection: StreamConnection) {
        guard let link = connection.ownerContext as? ServerLink else { return }
        link.server.settle(link)
    }

    package func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        guard let link = connection.ownerContext as? ServerLink else { return }
        connection.ownerContext = nil
        link.connection = nil
        link.server.end(link)
        guard let dispatch = link.dispatch else { return }
        link.dispatch = nil
        dispatch.attempt = nil
        var timedOut = false
        if case .timeout = failure { timedOut = true }
        if let failure { worker.noteServerFailure(shared, link.server.shared, failure) }
        dispatch.connectFailed(timedOut: timedOut)
    }
}

/// What one worker keeps for connections to one server.
final class ServerSide {
    /// Nil while the server is spoken to in clear.
    let settings: SharedServerTLS?
    let tls: TLSClientContext?
    /// Why ``tls`` could not be made.
    let failure: TLSError?

    init(_ server: PoolServer) {
        let transport = server.shared.transport as? SharedServerTransport
        settings = server.facts.usesTLS ? transport?.tls : nil
        do throws(TLSError) {
            tls = try settings?.makeContext()
            failure = nil
        } catch {
            tls = nil
            failure = error
        }
    }

    /// What an exchange needs of its connection beside the server: the name in SNI, and the port when it is the client's.
    func key(for dispatch: Dispatch, _ server: PoolServer) -> UInt64 {
        var key: UInt64 = 0
        if let settings, settings.dependsOnRequest, let name = settings.serverName(for: dispatch.exchange) {
            key = FNV.hash(name.utf8)
        }
        if case .ofClient = server.facts.port { key = key &* 31 &+ UInt64(dispatch.clientPort) &+ 1 }
        return key
    }
}

/// Fowler-Noll-Vo's hash, version 1a with 64 bits.
enum FNV {
    static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}

/// A connection to a server, as the pool sees it.
final class ServerLink: PooledConnection {
    let server: PoolServer
    /// The dispatch that waits for the connection.
    var dispatch: Dispatch?
    /// Nil once it is closed.
    var connection: StreamConnection?
    let key: UInt64
    var place = PoolPlace.none
    var poolIndex = -1
    var privateTo: AnyObject?
    var uses = 0

    init(_ server: PoolServer, _ dispatch: Dispatch, key: UInt64) {
        self.server = server
        self.dispatch = dispatch
        self.key = key
    }

    var availableStreams: Int { connection?.availableStreams ?? 0 }
    var isBusy: Bool { connection?.isBusy ?? false }
    var isMultiplexed: Bool { connection?.mux is HTTP2Mux }
    var hasHeadOfLineRisk: Bool { isMultiplexed }
    var isSafeAtOnce: Bool { isMultiplexed }
    func open(_ exchange: Exchange) -> Bool { connection?.open(exchange) ?? false }
    func checkAlive() -> Bool { connection?.checkAlive() ?? false }
    func retire() { connection?.retire() }
}
