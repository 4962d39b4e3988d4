package import Bytes
import Configuration
import Connections
import Messages
import Rules
package import Runtime
package import Samples
package import Servers
package import Streams

/// What the proxy knows of one exchange beyond its two halves: where it came from, where it goes, its timers and what
/// the log will say.
package final class ProxyExchange: Transaction, DispatchOwner, TimerTarget {
    /// How far the exchange was when it ended early; the second of the log's termination letters.
    package enum Stage: Sendable {
        case request, queue, connect, headers, data, last
        /// A rule kept the client waiting before it refused the request.
        case tarpit
    }

    package let frontend: FrontendWorker
    /// Whether it is a request and its response; otherwise a TCP connection pair.
    package let isHTTP: Bool
    package internal(set) var backend: BackendWorker?
    /// The exchange's way to its server; nil when the proxy answered by itself.
    package internal(set) var dispatch: Dispatch?
    /// How far the exchange was when the first reason for an early end came; nil when it ended in order.
    package private(set) var failureStage: Stage?
    /// The status of an answer that the proxy gave by itself; 0 when a server answered.
    package internal(set) var ownStatus = 0
    /// When the session's last exchange before this one ended, or its handshake; for `%Ti`.
    package let idleSince: Instant
    /// The number of the exchange in the process; it wraps around.
    package let processNumber: UInt32
    /// The request line as it came, when rules may change it.
    package internal(set) var requestLine: [UInt8]?
    /// Whether the exchange's one line is written.
    package var isLogged = false
    /// The number of the exchange on its session, from 1.
    package let number: UInt64
    /// What its heads count for `%U` and `%B`; 0 before they came.
    var requestHeadSize: UInt64 = 0
    var responseHeadSize: UInt64 = 0
    /// Our address on the connection to the server.
    var serverSource: SocketAddress?
    /// What rules have decided about its server.
    var assignment = ServerAssignment()
    /// The final status that a server has given; 0: none has.
    var answeredStatus = 0
    /// The service of the process that answers it, as logs name it; nil: none does.
    var serviceName: String?
    package var isServedHere: Bool { serviceName != nil }
    /// The request carries our word that it came in early data.
    var marksEarlyData = false
    /// Whether it is a monitor's request, which the log leaves out.
    var isMonitor = false
    /// The cookie that brings the client back to its server.
    var persistence = PersistenceCookie()
    /// How far the rules have come.
    var progress = RuleProgress()
    /// The rule that ended its set last, and the one that waits.
    var lastEnded: Rule?
    var ending: Rule?
    var waiting: Rule?
    /// A change of a list of patterns that rules asked for is still to be done.
    package var awaitsPatterns = false
    /// The same for the address of a name, and what was found.
    package var awaitsAddress = false
    package var foundAddress: SocketAddress?
    /// It goes on as an exchange of HTTP, and is neither counted nor logged (`switch-mode`).
    var isUpgraded = false
    /// The client's bytes as a request, in TCP mode, and how many there were of them.
    var probe: (bytes: UInt64, request: RawRequest)?
    /// The calls that it has cost, whether one is under way, and when that began if it is measured.
    var callFigures = CallFigures()
    var isInCall = false
    /// Whether calls are measured, as it was when the exchange began.
    let isMeasured: Bool
    var callBegan = Instant.zero
    /// Where it stands among the worker's open exchanges.
    var liveIndex = -1
    private let timer: Timer

    init(frontend: FrontendWorker, session: Session) {
        self.frontend = frontend
        isHTTP = frontend.settings.mode == .http || session.isUpgradedToHTTP
        number = session.exchanges &+ 1
        idleSince = session.lastExchangeEndedAt == .zero ? session.handshakenAt : session.lastExchangeEndedAt
        processNumber = frontend.worker.nextNumber()
        isMeasured = frontend.worker.measuresTasks
        timer = Timer(on: frontend.worker.loop.timers)
        super.init(session: session)
        requestCaptureLengths = frontend.shared.requestCaptureLengths
        responseCaptureLengths = frontend.shared.responseCaptureLengths
        unsafe facts = self
        timer.wakes(self)
    }

    func begin(_ exchange: Exchange) {
        self.exchange = exchange
        // Nothing has come yet: only the client can keep the exchange waiting.
        if let limit = frontend.settings.timeouts.client {
            timer.arm(at: exchange.openedAt.advanced(milliseconds: limit))
        }
    }

    func end() {
        timer.disarm()
        dispatch?.release()
        forgetProbe()
    }

    /// Keeps the stage of the first failure.
    ///
    /// - Parameter isServerSide: the server gave the reason: before its response that is the headers' stage, even while
    ///   the request's body is under way.
    func noteStage(_ stage: Stage? = nil, isServerSide: Bool = false) {
        guard failureStage == nil else { return }
        if let stage {
            failureStage = stage
            return
        }
        let now = self.stage
        failureStage = isServerSide && now == .data && exchange.response.phase == .idle ? .headers : now
    }

    /// How far the exchange is now.
    package var stage: Stage {
        if exchange.requestHeadAt == .zero { return .request }
        if exchange.response.phase != .idle {
            let isLast = exchange.response.phase == .ended && exchange.response.count == 0 && !exchange.isTunnel
            return isLast ? .last : .data
        }
        switch dispatch?.state {
        case nil: return .request
        case .queued: return .queue
        case .idle, .connecting, .retrying: return .connect
        case .attached: return exchange.request.phase == .body ? .data : .headers
        case .over: return .headers
        }
    }

    // MARK: Dispatch

    package func dispatchRetries(_ dispatch: Dispatch, isRedispatch: Bool) {
        if let backend { frontend.countRetry(dispatch, isRedispatch: isRedispatch, of: backend) }
    }

    package func dispatchAttaches(_ dispatch: Dispatch) { nameServer(dispatch) }

    package func dispatched(_ dispatch: Dispatch) {
        keepTimer(backend?.settings.timeouts.server, from: exchange.attachedAt)
        if frontend.settings.lines.format != nil { serverSource = serverConnection?.socketSource }
        frontend.worker.log?.serverReached(self)
    }

    package func dispatchFailed(_ dispatch: Dispatch, _ reason: CloseReason) {
        if failureStage == nil {
            failureStage = reason == .queueTimeout || dispatch.foundQueueFull ? .queue : .connect
        }
        frontend.answer(self, 503, reason)
    }

    package func dispatchShutDown(_ dispatch: Dispatch, _ cause: ShutdownCause) {
        noteStage(isServerSide: cause != .operatorAsked)
        switch cause {
        case .serverDown: exchange.kill(.serverDown)
        case .serverUp: exchange.kill(.serverUp)
        case .operatorAsked: exchange.kill(.killed)
        }
    }

    // MARK: Timers

    /// The earliest of the deadlines that hold now; nil: none.
    var deadline: Instant? {
        let deadline = min(nextDeadline().0, progress.waitsUntil ?? .distantFuture)
        return deadline == .distantFuture ? nil : deadline
    }

    /// Sets the timer to the earliest of the deadlines that hold now. Activity only moves deadlines later, so the timer
    /// looks again when it fires.
    func armTimer() {
        if let deadline { timer.arm(at: deadline) } else { timer.disarm() }
    }

    /// The same after a step of an exchange of HTTP that can have brought one deadline closer, `limit` milliseconds after
    /// `start`: most often the timer is set to an earlier one already, and looks again when that has come.
    func keepTimer(_ limit: Int?, from start: Instant) {
        guard isHTTP, overrides == nil, progress.waitsUntil == nil, timer.isArmed, !exchange.isTunnel else {
            return armTimer()
        }
        if let limit, timer.deadline > start.advanced(milliseconds: limit) { armTimer() }
    }

    package func timerFired(_ timer: Timer) {
        guard !exchange.isOver else { return }
        measured(.timerFired) { deadlineCame() }
    }

    private func deadlineCame() {
        if let until = progress.waitsUntil, until <= frontend.worker.loop.clock.now {
            progress.waitIsOver = true
            return resumeRules()
        }
        let (deadline, reason) = nextDeadline()
        if deadline > frontend.worker.loop.clock.now { return armTimer() }
        if reason == .serverTimeout, exchange.response.phase == .idle { observeFailure(reason) }
        noteStage(isServerSide: reason == .serverTimeout)
        if exchange.response.phase == .idle, isHTTP {
            if reason == .serverTimeout, retries(after: .timeout) { return armTimer() }
            exchange.dropBack(reason)
            frontend.answer(self, reason == .clientTimeout ? 408 : 504, reason)
            armTimer()
        } else {
            exchange.kill(reason)
        }
    }

    private func nextDeadline() -> (Instant, CloseReason) {
        let exchange: Exchange = exchange
        let request = exchange.request
        let response = exchange.response
        let backend = backend
        let overrides = overrides
        let isTunnel = exchange.isTunnel
        if isTunnel, request.phase == .body, response.phase == .body,
            let limit = overrides?.tunnelTimeout ?? backend?.settings.timeouts.tunnel
        {
            let last = max(max(request.lastPut, request.lastTake), max(response.lastPut, response.lastTake))
            return (last.advanced(milliseconds: limit), last == response.lastPut ? .clientTimeout : .serverTimeout)
        }
        var best = (Instant.distantFuture, CloseReason.clientTimeout)
        func consider(_ since: Instant, _ milliseconds: Int?, _ reason: CloseReason) {
            guard let milliseconds else { return }
            let deadline = since.advanced(milliseconds: milliseconds)
            if deadline < best.0 { best = (deadline, reason) }
        }
        let isHalfClosed = isTunnel && (request.phase == .ended || response.phase == .ended)
        let usualClient = overrides?.clientTimeout ?? frontend.settings.timeouts.client
        let usualServer = overrides?.serverTimeout ?? backend?.settings.timeouts.server
        let clientLimit = isHalfClosed ? frontend.settings.timeouts.clientFin ?? usualClient : usualClient
        let serverLimit = isHalfClosed ? backend?.settings.timeouts.serverFin ?? usualServer : usualServer
        // The client is waited for when it still sends and there is room, or when bytes wait for it.
        if request.phase < .ended, request.count < request.limit, response.phase == .idle || isTunnel {
            // A direction that has ended starts the time of the other.
            let since = isHalfClosed ? max(request.lastPut, response.lastPut) : request.lastPut
            consider(max(since, exchange.openedAt), clientLimit, .clientTimeout)
        }
        if response.count > 0 { consider(max(response.lastTake, exchange.responseHeadAt), clientLimit, .clientTimeout) }
        // The server is waited for when it owes an answer, or when bytes wait for it.
        if exchange.back != nil {
            let start = max(exchange.attachedAt, max(request.lastTake, response.lastPut))
            if response.phase < .ended, response.count < response.limit,
                request.phase == .ended || response.phase == .body
            {
                let isSeparate = backend?.settings.options.separatesTimes == true && response.phase == .body
                let since = isSeparate ? max(exchange.attachedAt, response.lastPut) : max(start, request.lastPut)
                consider(since, serverLimit, .serverTimeout)
            }
            if request.count > 0 { consider(start, serverLimit, .serverTimeout) }
        }
        return best
    }
}
