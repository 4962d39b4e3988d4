package import Bytes
import Configuration
import Connections
package import Messages
import MuxHTTP1
import Runtime
import Samples
package import Servers
package import Streams
import Synchronization

/// A request of another thread that goes over a connection which a worker has to a server already: that of a health
/// check (`check-reuse-pool`, and servers of reverse HTTP). It takes no place at its server, and is in no statistics.
package struct Errand: Sendable {
    /// A field of a head.
    package struct Field: Sendable {
        package var name: [UInt8]
        package var value: [UInt8]
    }

    /// The head of a request or a response.
    package struct Head: Sendable {
        /// Whether it is of HTTP/1.0.
        package var isOld: Bool
        /// Of a request.
        package var method: [UInt8] = []
        package var path: [UInt8] = []
        /// Of a response.
        package var status = 0
        package var reason: [UInt8] = []
        package var fields: [Field]
    }

    /// What comes of it.
    package enum News: Sendable {
        /// No worker has a connection for it.
        case noConnection
        /// The response's head is here.
        case head(Head)
        /// The response's body, whole or as much of it as one buffer takes: the last news.
        case body([UInt8], isComplete: Bool)
        /// The connection was lost, or the server broke the rules: the last news.
        case failed(CloseReason)
    }

    let server: SharedServer
    /// What the connection has to be named, where connections of the server have names.
    let name: [UInt8]?
    let head: Head
    let body: [UInt8]
    /// When nobody wants the response any more.
    let deadline: Instant
    /// Hears the news, on a worker's thread.
    let tell: @Sendable (News) -> Void

    /// - Parameters:
    ///   - head: a request's; it is copied.
    package init(
        to server: SharedServer, named name: [UInt8]?, head: MessageHead, body: [UInt8], deadline: Instant,
        tell: @escaping @Sendable (News) -> Void
    ) {
        self.server = server
        self.name = name
        self.head = Head(copying: head)
        self.body = body
        self.deadline = deadline
        self.tell = tell
    }

    /// Brings it to a worker that has a connection for it, those with idle ones first.
    package func send(to group: WorkerGroup) {
        let counts = server.workerIdle
        let order = counts.indices.sorted { left, right in
            counts[left].count.load(ordering: .relaxed) > counts[right].count.load(ordering: .relaxed)
        }
        send(to: order[...], of: group)
    }

    private func send(to workers: ArraySlice<Int>, of group: WorkerGroup) {
        guard let next = workers.first else { return tell(.noConnection) }
        let rest = workers.dropFirst()
        group.ask(next, { $0.run(self) }, answer: { isTaken in if isTaken != true { send(to: rest, of: group) } })
    }
}

extension Errand.Head {
    init(copying head: MessageHead) {
        isOld = head.version == .http10
        fields = []
        for index in 0..<head.fieldCount {
            fields.append(
                Errand.Field(
                    name: Array(copying: head.nameText(at: index)), value: Array(copying: head.value(at: index))))
        }
        if head.kind == .request {
            method = Array(copying: head.methodText)
            path = Array(copying: head.path)
        } else {
            status = head.status
            reason = Array(copying: head.reason)
        }
    }

    /// Writes it into an empty head of its kind.
    package func fill(_ head: MessageHead) throws(MessageError) {
        head.version = isOld ? .http10 : .http11
        if head.kind == .request {
            try head.setMethod(method.span)
            try head.setPath(path.span)
        } else {
            head.status = status
            try head.setReason(reason.span)
        }
        for field in fields {
            if head.kind == .request, field.name == Array("host".utf8) {
                try head.setAuthorityAndHost(field.value.span)
            } else {
                try head.append(name: field.name.span, field.value.span)
            }
        }
    }
}

extension Worker {
    /// Takes an errand when this worker has a connection for it; false when it has none.
    fileprivate func run(_ errand: Errand) -> Bool {
        guard let backend = find(errand.server.backend), let pool = backend.backend.find(errand.server),
            let side = pool.context as? ServerSide, let key = side.key(ofErrandNamed: errand.name, pool)
        else { return false }
        while let connection = pool.takeFree(key: key) {
            // A request of HTTP/1.0 would be the connection's last one.
            if errand.head.isOld, (connection as? ServerLink)?.stream?.mux is HTTP1BackMux { return false }
            if ErrandRun(errand, self, pool).begin(on: connection) { return true }
        }
        return false
    }
}

/// An errand under way on a worker: the client's end of its exchange. Events only mark what has changed; it looks at the
/// exchange at the end of the loop's turn.
private final class ErrandRun: LoopMember, StreamEnd, ExchangeHandler, TimerTarget {
    private let errand: Errand
    private let worker: Worker
    private let pool: PoolServer
    private var exchange: Exchange?
    private var failure: CloseReason?
    private var hasToldHead = false
    private let timer: Timer

    init(_ errand: Errand, _ worker: Worker, _ pool: PoolServer) {
        self.errand = errand
        self.worker = worker
        self.pool = pool
        timer = Timer(on: worker.loop.timers)
        super.init()
        timer.wakes(self)
    }

    /// False when the connection did not take it after all.
    func begin(on connection: any PooledConnection) -> Bool {
        let head = worker.resources.heads.obtain(.request)
        do throws(MessageError) { try errand.head.fill(head) } catch {
            worker.resources.heads.giveBack(head)
            errand.tell(.failed(.internalError))
            return true
        }
        head.bodyLength = errand.body.isEmpty ? .none : .known(UInt64(errand.body.count))
        let exchange = Exchange(
            front: self, handler: self, resources: worker.resources,
            halfLimit: worker.blueprint.configuration.global.tune.bufsize)
        self.exchange = exchange
        exchange.request.put(head)
        if !errand.body.isEmpty {
            let body = errand.body
            exchange.request.put(Chunk(copying: body.span, pool: worker.resources.buffers))
        }
        exchange.request.end()
        connection.uses += 1
        guard connection.open(exchange) else {
            connection.retire()
            self.exchange = nil
            exchange.kill(.notNeeded)
            return false
        }
        pool.settle(connection)
        timer.arm(at: errand.deadline)
        return true
    }

    override func flush() {
        guard let exchange else { return }
        let response = exchange.response
        if !hasToldHead, let head = response.head {
            hasToldHead = true
            errand.tell(.head(Errand.Head(copying: head)))
        }
        if let failure { return end(.failed(failure)) }
        switch response.phase {
        case .idle: break
        case .aborted: end(.failed(response.failure ?? .serverAborted))
        case .ended: end(.body(bytes(response), isComplete: true))
        case .body: if response.room == 0 { end(.body(bytes(response), isComplete: false)) }
        }
    }

    private func bytes(_ half: Half) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(half.count)
        for index in 0..<half.pieceCount { unsafe result.append(contentsOf: half.piece(index)) }
        return result
    }

    private func end(_ news: Errand.News?) {
        guard let exchange else { return }
        self.exchange = nil
        timer.disarm()
        if let news { errand.tell(news) }
        if exchange.response.phase == .ended { exchange.frontFinished() } else { exchange.frontAborted(.notNeeded) }
    }

    /// Who sent it waits no longer.
    func timerFired(_ timer: Timer) { end(nil) }

    private func changed() { worker.loop.schedule(self) }

    func outgoingReady() { changed() }
    func incomingDrained() {}
    func reset(_ reason: CloseReason) {}
    func requestReceived(_ exchange: Exchange) {}
    func requestRejected(_ exchange: Exchange, status: Int) {
        failure = .internalError
        changed()
    }
    func responseReceived(_ exchange: Exchange) { changed() }
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        failure = reason
        changed()
    }
    func messageEnded(_ exchange: Exchange) { changed() }
    func exchangeEnded(_ exchange: Exchange) {}
}
