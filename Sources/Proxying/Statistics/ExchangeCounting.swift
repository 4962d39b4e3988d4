import Bytes
import Configuration
import Connections
import Messages
import Runtime
import Samples
import Servers
import Streams
import Synchronization

// What is counted when connections become sessions and when exchanges begin and end. All of it is the worker's own.
extension FrontendWorker {
    /// A client's connection was taken.
    func countConnection(at listener: ListenerContext) {
        worker.process.connections &+= 1
        let now = worker.loop.clock.now
        worker.blueprint.rates.count(.connections, worker.index, at: now)
        if shared.binds[listener.bind].settings.tls != nil { worker.blueprint.rates.count(.tls, worker.index, at: now) }
        traffic.connections &+= 1
        traffic.maxSessions = max(traffic.maxSessions, shared.admission.count)
        countListener(listener) {
            $0.connections &+= 1
            $0.maxSessions = max($0.maxSessions, listener.admission.count)
        }
    }

    /// A client's connection is ready for requests.
    ///
    /// - Parameter version: 1, 2 or 3 for HTTP; 0 in TCP mode.
    func countSession(_ session: Session, version: Int) {
        worker.process.sessions &+= 1
        traffic.sessions &+= 1
        shared.sessionRate.count(worker.index, at: worker.loop.clock.now)
        worker.blueprint.rates.count(.sessions, worker.index, at: worker.loop.clock.now)
        traffic.sessionsByVersion[version] &+= 1
        countListener(session.listener) { $0.sessions &+= 1 }
        countTLS(session)
    }

    /// A client's TLS handshake is complete; over QUIC that may come after the first requests.
    func countTLS(_ session: Session) {
        guard let tls = session.tls, !session.isTLSCounted else { return }
        session.isTLSCounted = true
        worker.process.clientTLS &+= 1
        worker.process.currentTLS += 1
        traffic.tlsSessions &+= 1
        if tls.isResumed { traffic.tlsResumed &+= 1 } else { worker.process.clientTLSFull &+= 1 }
        countListener(session.listener) {
            $0.tlsSessions &+= 1
            if tls.isResumed { $0.tlsResumed &+= 1 }
        }
    }

    /// A session is over.
    func countEnd(_ session: Session) {
        if session.isTLSCounted { worker.process.currentTLS -= 1 }
    }

    /// An exchange has its request's head, or its connection in TCP mode.
    func countRequest(_ exchange: Exchange) {
        worker.process.requests &+= 1
        guard exchange.request.head != nil else { return }
        shared.requestRate.count(worker.index, at: worker.loop.clock.now)
        traffic.requestsByVersion[Self.version(exchange)] &+= 1
    }

    /// A client has left without a request: that counts as a bad one, unless such clients are expected.
    ///
    /// - Parameter hasMux: it counts as a session already.
    func countMissingRequest(_ session: Session, hasMux: Bool) {
        guard settings.mode == .http else { return }
        if !hasMux { countSession(session, version: 1) }
        guard !settings.options.ignoresProbes else { return }
        worker.process.requests &+= 1
        shared.requestRate.count(worker.index, at: worker.loop.clock.now)
        func add(to counters: inout TrafficCounters) {
            counters.requestErrors &+= 1
            counters.responses[4] &+= 1
            counters.requestsByVersion[1] &+= 1
        }
        add(to: &traffic)
        countListener(session.listener) { add(to: &$0) }
    }

    private static func version(_ exchange: Exchange) -> Int {
        switch exchange.request.head?.version {
        case .http10, .http11: 1
        case .http2: 2
        case .http3: 3
        case nil: 0
        }
    }

    /// An exchange is over. Called before the record leaves its backend, so that the counts of now hold it.
    func count(_ record: ProxyExchange, _ exchange: Exchange) {
        worker.process.currentStreams -= 1
        if record.isUpgraded { return }
        let isHTTP = record.isHTTP
        let version = isHTTP ? Self.version(exchange) : 0
        let now = worker.loop.clock.now
        worker.process.bytesOut &+= exchange.bytesToClient
        let status = isHTTP ? (exchange.response.head?.status ?? record.ownStatus) : 0
        let backend = record.backend
        let dispatch = record.dispatch
        var outcome = Outcome(record, exchange, status: status)
        outcome.add(to: &traffic)
        if isHTTP, exchange.request.head == nil {
            // A request that never was one counts as one of HTTP/1: others have no name for it.
            worker.process.requests &+= 1
            shared.requestRate.count(worker.index, at: now)
            traffic.requestsByVersion[max(1, version)] &+= 1
            if exchange.failure == .clientAborted {
                traffic.requestErrors &+= 1
                countListener(record.session.listener) { $0.requestErrors &+= 1 }
            }
        }
        countListener(record.session.listener) { outcome.add(to: &$0) }
        guard let backend else { return }
        outcome.add(to: &backend.traffic)
        if isHTTP { backend.traffic.requestsByVersion[version] &+= 1 }
        guard let dispatch else { return }
        let times = Times(dispatch, exchange, isHTTP: isHTTP)
        count(dispatch, times, in: &backend.traffic)
        backend.traffic.lastSession = now
        backend.traffic.sessions &+= 1
        guard let server = dispatch.server else { return }
        let counted = backend.traffic(of: server.shared)
        // Of a server count what it has answered, whatever its client got.
        let answered = outcome.serverStatus
        outcome.status = answered
        outcome.add(to: &counted.counters)
        if isHTTP, answered != 0 { counted.counters.requestsByVersion[version] &+= 1 }
        count(dispatch, times, in: &counted.counters)
        counted.counters.lastSession = now
        counted.counters.sessions &+= 1
        counted.counters.maxSessions = max(
            counted.counters.maxSessions, server.shared.served.load(ordering: .relaxed))
    }

    private func count(_ dispatch: Dispatch, _ times: Times, in counters: inout TrafficCounters) {
        if dispatch.server != nil {
            if !dispatch.isPersistent { counters.balanced &+= 1 }
            if dispatch.attachedAt != .zero, dispatch.isReused {
                counters.reuses &+= 1
            } else if dispatch.hasTried {
                counters.connects &+= 1
            }
        }
        counters.queueTime.take(times.queue)
        counters.connectTime.take(times.connect)
        counters.responseTime.take(times.response)
        counters.totalTime.take(times.total)
    }

    /// A try at a server has failed, and there is another one.
    func countRetry(_ dispatch: Dispatch, isRedispatch: Bool, of backend: BackendWorker) {
        guard let server = dispatch.server else { return }
        let counted = backend.traffic(of: server.shared)
        func add(to counters: inout TrafficCounters) {
            if isRedispatch {
                counters.redispatches &+= 1
                if !dispatch.isPersistent { counters.balanced &+= 1 }
            } else {
                counters.retries &+= 1
            }
            if !dispatch.isReused || dispatch.attachedAt == .zero { counters.connects &+= 1 }
        }
        add(to: &backend.traffic)
        add(to: &counted.counters)
        counted.counters.sessions &+= 1
    }

    /// How an exchange ended, in the counters' terms.
    private struct Outcome {
        let bytesIn: UInt64
        let bytesOut: UInt64
        let bytesToServer: UInt64
        let bytesFromServer: UInt64
        var status: Int
        /// What the server has answered; 0: nothing.
        let serverStatus: Int
        let failure: CloseReason?
        let isAnswered: Bool
        /// Rules may refuse the request, or the response that a server gave.
        let isResponseDenied: Bool

        init(_ record: ProxyExchange, _ exchange: Exchange, status: Int) {
            let isOwn = record.ownStatus != 0
            bytesIn = exchange.bytesFromClient
            bytesOut = exchange.bytesToClient
            // The head, and what went of the body.
            let headBytes = bytesIn - min(bytesIn, exchange.request.bytesIn)
            bytesToServer = exchange.attempt.requestStarted ? headBytes + exchange.request.bytesOut : 0
            // What the proxy makes by itself comes in as it goes out.
            bytesFromServer = isOwn ? bytesOut : record.bytesFromServer
            // A client that left within its request, or while its server was at work, was owed a 400.
            let isOwed =
                status == 0 && record.isHTTP && exchange.failure == .clientAborted
                && (exchange.request.head == nil || exchange.attachedAt != .zero)
            self.status = isOwed ? 400 : status
            serverStatus = record.answeredStatus
            failure = exchange.failure
            isResponseDenied = exchange.attempt.responseStarted
            isAnswered = status != 0 && !isOwn
        }

        func add(to counters: inout TrafficCounters) {
            counters.bytesIn &+= bytesIn
            counters.bytesOut &+= bytesOut
            counters.bytesToServer &+= bytesToServer
            counters.bytesFromServer &+= bytesFromServer
            if status != 0 { counters.responses[(1...5).contains(status / 100) ? status / 100 : 0] &+= 1 }
            switch failure {
            case .clientAborted: counters.clientAborts &+= 1
            case .clientProtocolError, .clientTimeout: counters.requestErrors &+= 1
            case .connectFailed, .connectTimeout, .queueTimeout, .noServer: counters.connectErrors &+= 1
            case .serverAborted:
                if isAnswered { counters.serverAborts &+= 1 }
                counters.responseErrors &+= 1
            case .serverProtocolError, .serverTimeout: counters.responseErrors &+= 1
            case .serverDown, .serverUp: counters.serverAborts &+= 1
            case .resource, .internalError: counters.internalErrors &+= 1
            case .denied:
                if isResponseDenied { counters.deniedResponses &+= 1 } else { counters.deniedRequests &+= 1 }
            case .killed, .answered, .notNeeded, nil: break
            }
        }
    }

    /// An exchange's times, milliseconds; below 0: did not come to that.
    private struct Times {
        var queue = -1
        var connect = -1
        var response = -1
        var total = -1

        init(_ dispatch: Dispatch, _ exchange: Exchange, isHTTP: Bool) {
            guard dispatch.dequeuedAt != .zero else { return }
            queue = dispatch.dequeuedAt.milliseconds(since: dispatch.startedAt)
            guard exchange.attachedAt != .zero else { return }
            connect = exchange.attachedAt.milliseconds(since: dispatch.dequeuedAt)
            if isHTTP {
                guard exchange.responseHeadAt != .zero else { return }
                response = exchange.responseHeadAt.milliseconds(since: exchange.attachedAt)
            }
            total = exchange.resources.clock.now.milliseconds(since: exchange.openedAt)
        }
    }
}

extension BackendWorker {
    /// A TLS handshake with a server is complete.
    func countHandshake(_ server: PoolServer, isResumed: Bool) {
        traffic.tlsSessions &+= 1
        let counts = self.traffic(of: server.shared)
        counts.counters.tlsSessions &+= 1
        worker.process.serverTLS &+= 1
        guard isResumed else {
            worker.process.serverTLSFull &+= 1
            return
        }
        traffic.tlsResumed &+= 1
        counts.counters.tlsResumed &+= 1
    }
}
