import Bytes
import Messages
package import Streams

/// A proxy in memory: one client's connection, and servers' connections as they are needed. It routes every request to
/// a server, and writes down what happens.
package final class MemoryProxy: ExchangeHandler {
    package let resources: WorkerResources
    package private(set) var client: MemoryConnection!
    /// Connections to servers, in the order in which they were made.
    package private(set) var servers: [MemoryConnection] = []
    /// What happened, in words.
    package private(set) var events: [String] = []
    /// The exchanges so far.
    package private(set) var exchanges: [Exchange] = []
    /// Bytes that wait in a half at most.
    package var halfLimit = 65_536
    /// Does something else with a request; true when it is dealt with.
    package var onRequest: (Exchange) -> Bool = { _ in false }
    /// Does something with a response's head.
    package var onResponse: (Exchange) -> Void = { _ in }
    /// False refuses to open exchanges.
    package var takesExchanges = true
    /// Used connections serve again when they can.
    package var reuses = true

    private let makeBack: (MemoryConnection) -> any ByteStreamMux & ServerMux

    package init(
        resources: WorkerResources = WorkerResources(),
        front: (MemoryConnection) -> any ByteStreamMux,
        back: @escaping (MemoryConnection) -> any ByteStreamMux & ServerMux
    ) {
        self.resources = resources
        makeBack = back
        let connection = MemoryConnection(resources: resources)
        client = connection
        connection.mux = front(connection)
        connection.opensExchange = { [unowned self] end in open(end) }
    }

    /// The last connection to a server.
    package var server: MemoryConnection { servers.last ?? connect() }

    private func open(_ end: any StreamEnd) -> Exchange? {
        guard takesExchanges else { return nil }
        let exchange = Exchange(front: end, handler: self, resources: resources, halfLimit: halfLimit)
        exchanges.append(exchange)
        return exchange
    }

    private func connect() -> MemoryConnection {
        let connection = MemoryConnection(resources: resources)
        connection.mux = makeBack(connection)
        servers.append(connection)
        return connection
    }

    /// Gives the exchange a server's connection.
    package func route(_ exchange: Exchange) {
        for server in servers where reuses && !server.isClosed {
            if let mux = server.mux as? any ServerMux, mux.availableStreams > 0, mux.open(exchange) { return }
        }
        guard let mux = connect().mux as? any ServerMux, mux.open(exchange) else {
            return exchange.kill(.internalError)
        }
    }

    /// Answers by itself.
    package func answer(_ exchange: Exchange, _ status: Int, _ body: String) {
        let head = resources.heads.obtain(.response)
        head.status = status
        head.bodyLength = .known(UInt64(body.utf8.count))
        exchange.response.put(head)
        exchange.response.put(Chunk(copying: Array(body.utf8).span, pool: resources.buffers))
        exchange.response.end()
    }

    /// Runs all connections until nothing is left to do.
    package func run() {
        var turns = 0
        while turns < 1_000_000 {
            turns += 1
            var worked = client.turn()
            for server in servers where server.turn() { worked = true }
            if !worked { return }
        }
        events.append("endless")
    }

    /// Closes everything, as a proxy that stops does.
    package func stop() {
        client.fail(.stopping)
        for server in servers { server.fail(.stopping) }
    }

    // MARK: ExchangeHandler

    package func requestReceived(_ exchange: Exchange) {
        if let head = exchange.request.head {
            events.append("request \(head.methodText.string) \(head.authority.string) \(head.path.string)")
        } else {
            events.append("connection")
        }
        if !onRequest(exchange) { route(exchange) }
    }

    package func requestRejected(_ exchange: Exchange, status: Int) {
        events.append("rejected \(status)")
        answer(exchange, status, "no")
    }

    package func responseReceived(_ exchange: Exchange) {
        events.append("response \(exchange.response.head?.status ?? 0)")
        onResponse(exchange)
    }

    package func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        let attempt = exchange.attempt
        events.append(
            "back failed \(reason)\(isUnsent ? " unsent" : "")\(attempt.connectionReused ? " reused" : "")"
                + "\(attempt.responseStarted ? " started" : "")")
        if exchange.request.head == nil {
            exchange.kill(reason)
        } else {
            exchange.note(reason)
            answer(exchange, 502, "bad")
        }
    }

    package func exchangeEnded(_ exchange: Exchange) {
        events.append(exchange.failure.map { "ended \($0)" } ?? "ended")
    }

    /// What happened since the last call.
    package func takeEvents() -> [String] {
        defer { events.removeAll() }
        return events
    }
}
