import Bytes
import Messages
import Runtime
import Streams

/// One request after another: the client's end of its exchange, and the exchange's handler. It counts the response and
/// drops its bytes. The object serves many requests.
final class LoadStream: LoopMember, StreamEnd, ExchangeHandler {
    /// How often a request is sent when the server refuses it unseen.
    private static let tryLimit = 3

    private unowned(unsafe) let connection: LoadConnection
    private unowned(unsafe) let worker: LoadWorker
    private var exchange: Exchange?
    /// When the request was due.
    private(set) var dueAt = Instant.distantFuture
    private var tries = 0
    private var bodyLeft: UInt64 = 0
    private var status = 0
    private var outcome: Outcome?

    /// What becomes of a request without a whole response.
    private enum Outcome {
        case again
        case failed(LoadFailure)
    }

    init(_ connection: LoadConnection, _ worker: LoadWorker) {
        unsafe self.connection = connection
        unsafe self.worker = worker
    }

    /// True while the stream has a request that is not over.
    var isBusy: Bool { dueAt != .distantFuture }

    /// Takes on a request.
    func begin(_ due: Instant) {
        dueAt = due
        tries = 0
    }

    /// Sends the request on the connection, which has room for it.
    func send() {
        let worker = unsafe self.worker
        tries += 1
        status = 0
        outcome = nil
        let head = worker.resources.heads.obtain(.request)
        guard (try? worker.request.fill(head)) != nil else {
            worker.resources.heads.giveBack(head)
            return settle(.failed(.fault))
        }
        let exchange = Exchange(front: self, handler: self, resources: worker.resources)
        self.exchange = exchange
        exchange.request.put(head)
        bodyLeft = worker.request.body ?? 0
        fill(exchange.request)
        if unsafe !connection.open(exchange) { abandon(.again, .notNeeded) }
    }

    /// Puts in as much of the body as the request takes.
    private func fill(_ request: Half) {
        guard request.phase == .body else { return }
        while bodyLeft > 0, request.room > 0 {
            let chunk = unsafe worker.body.take(bodyLeft)
            bodyLeft -= UInt64(chunk.count)
            unsafe worker.counts.bytesSent += UInt64(chunk.count)
            request.put(chunk)
        }
        if bodyLeft == 0 { request.end() }
    }

    /// No response in time.
    func timeOut() {
        guard exchange != nil else { return settle(.failed(.timeout)) }
        abandon(.failed(.timeout), .serverTimeout)
    }

    // MARK: What the exchange says

    func outgoingReady() { unsafe worker.loop.schedule(self) }

    func incomingDrained() { unsafe worker.loop.schedule(self) }

    func reset(_ reason: CloseReason) { exchange = nil }

    func requestReceived(_ exchange: Exchange) {}

    func requestRejected(_ exchange: Exchange, status: Int) { abandon(.failed(.fault), .internalError) }

    func responseReceived(_ exchange: Exchange) {}

    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        abandon(isUnsent ? .again : .failed(Self.failure(reason)), reason)
    }

    func exchangeEnded(_ exchange: Exchange) {}

    // MARK: The end of a request

    override func flush() {
        guard let exchange else {
            if let outcome { finish(outcome) }
            return
        }
        let response = exchange.response
        while let interim = response.takeInterim() { unsafe worker.resources.heads.giveBack(interim) }
        if let head = response.takeHead() { status = head.status }
        while response.take() != nil {}
        if bodyLeft > 0 { fill(exchange.request) }
        if response.isDrained {
            unsafe worker.counts.bytesReceived += response.bytesOut
            self.exchange = nil
            exchange.frontFinished()
            unsafe worker.completed(due: dueAt, status: status)
            dueAt = .distantFuture
            unsafe connection.finished(self)
        } else if response.isBroken {
            let reason = response.failure ?? .internalError
            unsafe worker.counts.bytesReceived += response.bytesOut
            self.exchange = nil
            exchange.frontAborted(reason)
            finish(.failed(reason == .serverAborted ? .truncated : Self.failure(reason)))
        }
    }

    /// Ends the exchange from a place where nothing new may start: the rest follows at the turn's end.
    private func abandon(_ outcome: Outcome, _ reason: CloseReason) {
        guard let exchange else { return }
        self.exchange = nil
        unsafe worker.counts.bytesReceived += exchange.response.bytesOut
        exchange.kill(reason)
        settle(outcome)
    }

    private func settle(_ outcome: Outcome) {
        self.outcome = outcome
        unsafe worker.loop.schedule(self)
    }

    private func finish(_ outcome: Outcome) {
        self.outcome = nil
        switch outcome {
        case .again where tries < Self.tryLimit:
            unsafe worker.counts.repeated += 1
            unsafe connection.repeats(self)
        case .again: fail(.refused)
        case .failed(let failure): fail(failure)
        }
    }

    /// The request has failed; the stream is free.
    func fail(_ failure: LoadFailure) {
        dueAt = .distantFuture
        unsafe worker.failed(failure)
        unsafe connection.finished(self)
    }

    private static func failure(_ reason: CloseReason) -> LoadFailure {
        switch reason {
        case .connectFailed, .noServer: .connect
        case .connectTimeout, .queueTimeout, .serverTimeout: .timeout
        case .serverAborted, .serverDown, .serverUp, .killed, .denied: .reset
        case .serverProtocolError: .invalid
        case .clientAborted, .clientProtocolError, .clientTimeout, .resource, .internalError, .notNeeded, .answered:
            .fault
        }
    }
}
