import Bytes
import Configuration
import Connections
import QUICTransport
import Runtime
import Samples
package import Servers
import Streams

/// A server's counters on one worker. They belong to the server and not to its place in a table, which another gets
/// when it is deleted.
final class ServerTraffic {
    let server: SharedServer
    var counters = TrafficCounters()

    init(_ server: SharedServer) { self.server = server }
}

/// What one worker has counted so far, as it gives it away.
package struct WorkerTraffic: Sendable {
    /// By the frontends' places in the configuration.
    package var frontends: [TrafficCounters] = []
    /// By frontend and listening address; empty without `option socket-stats`.
    package var listeners: [[ListenerTraffic]] = []
    package var backends: [ObjectIdentifier: TrafficCounters] = [:]
    package var servers: [ObjectIdentifier: TrafficCounters] = [:]
    /// Connections, requests and the like of the whole worker; `clear counters` leaves them.
    package var process = ProcessTraffic()
}

/// What one worker counts for the whole process.
package struct ProcessTraffic: Sendable {
    /// Connections of clients.
    package var connections: UInt64 = 0
    /// Sessions of clients: connections whose transport came to be ready.
    package var sessions: UInt64 = 0
    package var requests: UInt64 = 0
    /// Exchanges.
    package var streams: UInt64 = 0
    package var currentStreams = 0
    /// TLS handshakes of clients, and those that had no session to resume.
    package var clientTLS: UInt64 = 0
    package var clientTLSFull: UInt64 = 0
    /// The same towards servers.
    package var serverTLS: UInt64 = 0
    package var serverTLSFull: UInt64 = 0
    /// Connections with TLS now, of both sides.
    package var currentTLS = 0
    /// QUIC connections of clients now, and all QUIC connections, those that are closing included.
    package var quicClients = 0
    package var quicConnections = 0
    /// Datagrams of clients that led to nothing, by ``QUICEndpoint/DropReason``.
    package var quicDrops: [UInt64] = []
    /// Datagrams of clients that the kernel dropped because a socket's receive buffer was full.
    package var quicOverflows: UInt64 = 0
    /// Bytes sent to clients.
    package var bytesOut: UInt64 = 0
    /// Bytes of buffers, and of those that are in use, now.
    package var buffersAllocated = 0
    package var buffersUsed = 0
    /// Listening sockets, and connections of both sides, now.
    package var listeners = 0
    package var jobs = 0

    package init() {}

    /// Adds what another worker has counted.
    package mutating func add(_ other: ProcessTraffic) {
        connections &+= other.connections
        sessions &+= other.sessions
        requests &+= other.requests
        streams &+= other.streams
        currentStreams += other.currentStreams
        clientTLS &+= other.clientTLS
        clientTLSFull &+= other.clientTLSFull
        serverTLS &+= other.serverTLS
        serverTLSFull &+= other.serverTLSFull
        currentTLS += other.currentTLS
        quicClients += other.quicClients
        quicConnections += other.quicConnections
        if quicDrops.isEmpty {
            quicDrops = other.quicDrops
        } else {
            quicDrops = zip(quicDrops, other.quicDrops).map(&+)
        }
        quicOverflows &+= other.quicOverflows
        bytesOut &+= other.bytesOut
        buffersAllocated += other.buffersAllocated
        buffersUsed += other.buffersUsed
        listeners += other.listeners
        jobs += other.jobs
    }
}

extension Worker {
    /// The worker's counters now. On its thread.
    package func traffic() -> WorkerTraffic {
        var result = WorkerTraffic()
        result.frontends = frontends.map { frontend in
            var traffic = frontend.traffic
            traffic.quic = frontend.quicTraffic()
            return traffic
        }
        result.listeners = frontends.map(\.listenerTraffic)
        result.process = process
        for backend in backends {
            guard let backend else { continue }
            result.backends[ObjectIdentifier(backend.shared)] = backend.traffic
            for server in backend.serverTraffic {
                if let server { result.servers[ObjectIdentifier(server.server)] = server.counters }
            }
        }
        let open = openMuxTraffic()
        for index in frontends.indices {
            result.frontends[index].muxes.add(open.frontends[index])
            result.frontends[index].muxes.subtract(frontends[index].clearedMuxes)
        }
        for case let backend? in backends {
            let key = ObjectIdentifier(backend.shared)
            if let now = open.backends[ObjectIdentifier(backend.shared.servers)] {
                result.backends[key]?.muxes.add(now)
            }
            result.backends[key]?.muxes.subtract(backend.clearedMuxes)
        }
        if frontends.contains(where: \.settings.options.countsContinuously) { addLiveExchanges(to: &result) }
        return result
    }

    /// `option contstats`: the bytes of exchanges that go on. Their ends count them for good.
    private func addLiveExchanges(to result: inout WorkerTraffic) {
        for record in live.all where record.frontend.settings.options.countsContinuously {
            guard let exchange = record.exchange else { continue }
            let bytes = TrafficCounters(bytesOf: record, exchange)
            let place = record.session.listener.place
            let index = record.frontend.shared.index
            if result.frontends.indices.contains(index) { result.frontends[index].add(bytes) }
            if result.listeners.indices.contains(index), result.listeners[index].indices.contains(place) {
                result.listeners[index][place].counters.add(bytes)
            }
            guard let backend = record.backend else { continue }
            result.backends[ObjectIdentifier(backend.shared), default: TrafficCounters()].add(bytes)
            guard let server = record.dispatch?.server?.shared else { continue }
            result.servers[ObjectIdentifier(server), default: TrafficCounters()].add(bytes)
        }
    }

    /// `clear counters server`. On the worker's thread.
    package func clearTraffic(of server: SharedServer) {
        guard let backend = backends.lazy.compactMap({ $0 }).first(where: { $0.shared.servers === server.backend })
        else {
            return
        }
        for entry in backend.serverTraffic where entry?.server === server { entry?.counters.clear(all: true) }
    }

    /// `clear counters`: maxima, or all of them. On the worker's thread.
    package func clearTraffic(all: Bool) {
        if all {
            // Connections that are open count from here on.
            let open = openMuxTraffic()
            for index in frontends.indices { frontends[index].clearedMuxes = open.frontends[index].withoutGauges }
            for case let backend? in backends {
                let now = open.backends[ObjectIdentifier(backend.shared.servers)] ?? MuxTraffic()
                backend.clearedMuxes = now.withoutGauges
            }
        }
        for frontend in frontends {
            if all { frontend.clearQUICTraffic() }
            frontend.traffic.clear(all: all)
            for index in frontend.listenerTraffic.indices { frontend.listenerTraffic[index].counters.clear(all: all) }
        }
        for backend in backends {
            backend?.traffic.clear(all: all)
            for server in backend?.serverTraffic ?? [] { server?.counters.clear(all: all) }
        }
    }
}

extension TrafficCounters {
    /// The bytes of an exchange so far.
    init(bytesOf record: ProxyExchange, _ exchange: Exchange) {
        self.init()
        bytesIn = exchange.bytesFromClient
        bytesOut = exchange.bytesToClient
        bytesToServer = record.bytesToServer
        bytesFromServer = record.bytesFromServer
    }
}

extension BackendWorker {
    /// The counters of a server that this worker has used.
    func traffic(of server: SharedServer) -> ServerTraffic {
        let index = server.index
        while serverTraffic.count <= index { serverTraffic.append(nil) }
        if let known = serverTraffic[index], known.server === server { return known }
        let new = ServerTraffic(server)
        serverTraffic[index] = new
        return new
    }
}

/// What rates are made from: totals of one worker, light enough to be asked for every second.
package struct WorkerTotals: Sendable {
    /// Totals of one frontend.
    package struct Front: Sendable {
        package var sessions: UInt64 = 0
        package var requests: UInt64 = 0
        package var connections: UInt64 = 0
    }

    package var frontends: [Front] = []
    /// Sessions of backends and servers.
    package var backs: [ObjectIdentifier: UInt64] = [:]
    package var process = ProcessTraffic()
}

extension Worker {
    /// The worker's totals now. On its thread.
    package func totals() -> WorkerTotals {
        var result = WorkerTotals()
        result.process = process
        let buffers = resources.buffers
        result.process.buffersUsed = buffers.usedBytes
        result.process.buffersAllocated = buffers.allocatedBytes
        result.process.listeners = frontends.reduce(0) { $0 + $1.listeners.count }
        result.process.jobs = loop.registered
        result.process.quicClients = quic.clientCount
        result.process.quicConnections = quic.linkCount
        result.process.quicOverflows = quic.overflowCount
        result.process.quicDrops = QUICEndpoint.DropReason.allCases.map { quic.dropCount($0) }
        result.frontends = frontends.map {
            .init(
                sessions: $0.traffic.sessions, requests: $0.traffic.requests, connections: $0.traffic.connections)
        }
        for backend in backends {
            guard let backend, backend.traffic.sessions > 0 else { continue }
            result.backs[ObjectIdentifier(backend.shared)] = backend.traffic.sessions
            for server in backend.serverTraffic {
                if let server { result.backs[ObjectIdentifier(server.server)] = server.counters.sessions }
            }
        }
        return result
    }
}
