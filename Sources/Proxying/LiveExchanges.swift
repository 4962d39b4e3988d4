import Bytes
import Configuration
import Connections
import Messages
import Runtime
import Samples
import Servers
import Streams

/// The open exchanges of one worker, so that `show sess` and `shutdown session` find them.
struct LiveExchanges {
    private(set) var all: [ProxyExchange] = []

    mutating func insert(_ record: ProxyExchange) {
        record.liveIndex = all.count
        all.append(record)
    }

    mutating func remove(_ record: ProxyExchange) {
        let index = record.liveIndex
        guard index >= 0, index < all.count, all[index] === record else { return }
        let last = all.removeLast()
        if last !== record {
            all[index] = last
            last.liveIndex = index
        }
        record.liveIndex = -1
    }
}

/// One open exchange as `show sess` tells of it.
package struct ExchangeFacts: Sendable {
    /// Identifies it while it is open.
    package var id: UInt
    package var worker: Int
    /// `tcpv4`, `tcpv6`, `unix_stream`, `quic4` or `quic6`.
    package var transport: String
    package var source: String
    package var frontend: String
    package var frontendID: Int
    package var isHTTP: Bool
    package var listener: String
    package var backend: String?
    package var backendID: Int?
    package var server: String?
    package var serverID: Int?
    package var retries: Int
    package var number: UInt64
    /// Seconds since it was opened, and nanoseconds of the wall clock when the client connected.
    package var age: Int
    package var acceptedWall: UInt64
    /// Milliseconds to its next deadline; nil: there is none.
    package var expires: Int?
    /// Bytes that wait in each half, and that came through it.
    package var requestWaiting: Int
    package var responseWaiting: Int
    package var bytesIn: UInt64
    package var bytesOut: UInt64
    /// What it does: the stage's name.
    package var stage: String
    package var method: String?
    package var uri: String?
}

extension Worker {
    /// The open exchanges, at most `limit` of them from `start` on. On the worker's thread.
    package func exchanges(from start: Int, limit: Int) -> [ExchangeFacts] {
        live.all.dropFirst(start).prefix(limit).map { facts($0) }
    }

    /// Ends the exchange of that identity. False: this worker has none.
    package func endExchange(_ id: UInt) -> Bool {
        guard let record = live.all.first(where: { Self.id($0) == id }), let exchange = record.exchange else {
            return false
        }
        record.noteStage()
        exchange.kill(.killed)
        return true
    }

    /// Makes a frontend's listeners follow its state. False: one of them could not.
    package func applyState(ofFrontend index: Int) -> Bool { frontends[index].applyState() }

    private static func id(_ record: ProxyExchange) -> UInt { UInt(bitPattern: ObjectIdentifier(record)) }

    private func facts(_ record: ProxyExchange) -> ExchangeFacts {
        let exchange = record.exchange!
        let session = record.session
        let now = loop.clock.now
        let isUnix = session.source.family == .unix
        let isIPv6 = session.source.family == .ipv6
        let transport = isUnix ? "unix_stream" : (session.isQUIC ? "quic" : "tcpv") + (isIPv6 ? "6" : "4")
        let backend = record.backend?.shared.servers
        let server = record.dispatch?.server
        let head = exchange.request.head
        return ExchangeFacts(
            id: Self.id(record), worker: index, transport: transport,
            source: isUnix ? "unix:\(session.listener.identifier)" : "\(session.source.host):\(session.source.port)",
            frontend: record.frontend.settings.name, frontendID: record.frontend.settings.id,
            isHTTP: record.isHTTP, listener: session.listener.name,
            backend: backend?.settings.name, backendID: backend?.settings.id, server: server?.facts.name,
            serverID: server?.shared.id, retries: record.dispatch?.retries ?? 0, number: record.number,
            age: Int(now.nanoseconds(since: exchange.openedAt) / 1_000_000_000), acceptedWall: session.acceptedWall,
            expires: record.deadline.map { max(0, $0.milliseconds(since: now)) },
            requestWaiting: exchange.request.count, responseWaiting: exchange.response.count,
            bytesIn: exchange.bytesFromClient, bytesOut: exchange.bytesToClient, stage: "\(record.stage)",
            method: head.map { $0.methodText.string }, uri: head.map { $0.path.string })
    }
}
