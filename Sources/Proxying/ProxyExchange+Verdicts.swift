package import Bytes
import Configuration
import Connections
import Messages
import MuxHTTP1
package import Rules
package import Samples
import Streams
import TLSTransport

// What rules decide about an exchange beside answers: that its connection vanishes or goes on as one of HTTP, that a
// service answers, that lists of patterns change.
extension ProxyExchange {
    package func ruleEnded(_ rule: Rule) { ending = rule }

    /// The rule that ended its set is the last one from here on.
    func settleLastRule() {
        guard let rule = ending else { return }
        lastEnded = rule
        ending = nil
    }

    package func ruleWaits(_ rule: Rule?) { waiting = rule }

    package var lastRule: RuleLocation? { lastEnded.map { RuleLocation($0.location) } }
    package var waitingRule: RuleLocation? { waiting.map { RuleLocation($0.location) } }

    /// `silent-drop`.
    func vanish(_ hops: UInt8?) {
        exchange.note(.denied)
        session.connection?.vanish(hops: hops)
        exchange.kill(.denied)
    }

    // MARK: From TCP to HTTP

    /// The connection goes on as one of HTTP: this exchange ends, and another begins with what the client has sent.
    ///
    /// - Parameter version: what is to be spoken; nil: what the first bytes tell.
    func upgrade(version: HTTPVersion?) {
        guard let connection = session.connection as? StreamConnection,
            frontend.forcedProtocol(bind: session.listener.bind) != ForcedProtocol.none
        else { return exchange.kill(.internalError) }
        var bytes: [UInt8] = []
        while let chunk = exchange.request.take() {
            unsafe bytes.append(contentsOf: chunk.rawBytes)
        }
        isUpgraded = true
        session.upgradedFrom = self
        connection.upgradeToHTTP(after: bytes, alpn: version.map { $0 == .http2 ? .h2 : .http11 })
        exchange.kill(.notNeeded)
    }

    // MARK: Requests in TCP mode

    package var rawRequest: RawRequest {
        guard !isHTTP, let half = exchange?.request else { return .none }
        if let probe, probe.bytes == half.bytesIn { return probe.request }
        // What a server got is gone.
        guard half.bytesOut == 0 else { return probe?.request ?? .invalid }
        forgetProbe()
        let request = readRequest(half)
        probe = (half.bytesIn, request)
        return request
    }

    private func readRequest(_ half: Half) -> RawRequest {
        var bytes: [UInt8] = []
        let limit = frontend.worker.bufferSize
        for index in 0..<half.pieceCount where bytes.count < limit {
            let piece = unsafe half.piece(index)
            unsafe bytes.append(contentsOf: piece.prefix(limit - bytes.count))
        }
        let heads = exchange.resources.heads
        let head = heads.obtain(.request)
        let result = RequestProbe.read(bytes.span, into: head)
        switch result {
        case .found: return .head(head)
        case .incomplete where half.phase < .ended && bytes.count < limit:
            heads.giveBack(head)
            return .incomplete
        case .incomplete, .invalid:
            heads.giveBack(head)
            return .invalid
        }
    }

    func forgetProbe() {
        if case .head(let head)? = probe?.request { exchange?.resources.heads.giveBack(head) }
        probe = nil
    }

    // MARK: Services

    /// `use-service`.
    func ask(_ name: String) {
        guard let service = frontend.worker.group.services[name], let head = exchange.request.head else {
            return send(errorMessage(503))
        }
        frontend.traffic.intercepted &+= 1
        serviceName = service.logName
        exchange.note(.answered)
        let request = ServiceRequest(
            proxy: (backend?.settings.name ?? frontend.settings.name), method: Array(copying: head.methodText),
            target: Array(copying: head.path))
        frontend.worker.ask(for: self) { service.answer(request, reply: $0) }
    }

    // MARK: Lists of patterns

    package func change(_ patterns: PatternChange) -> Bool {
        let worker = frontend.worker
        guard let writer = worker.group.patternWriter else { return false }
        let ticket = worker.serviceWaits.insert(self)
        let group = worker.group
        let index = worker.index
        let isTaken = writer.write(patterns) {
            group.ask(index) {
                $0.patternsChanged(ticket)
            } answer: { _ in
            }
        }
        guard isTaken else {
            _ = worker.serviceWaits.remove(ticket)
            rewriteFailed()
            return false
        }
        awaitsPatterns = true
        return true
    }
}

extension ProxyExchange {
    package func findAddress(_ question: AddressQuestion) -> Bool {
        let worker = frontend.worker
        guard let finder = worker.group.addressFinder else { return false }
        let ticket = worker.serviceWaits.insert(self)
        let group = worker.group
        let index = worker.index
        awaitsAddress = true
        foundAddress = nil
        finder.find(question) { address in
            group.ask(index) {
                $0.addressFound(address, ticket)
            } answer: { _ in
            }
        }
        return true
    }
}

extension Worker {
    fileprivate func addressFound(_ address: SocketAddress?, _ ticket: UInt64) {
        guard let record = serviceWaits.remove(ticket), record.exchange?.isOver == false else { return }
        record.awaitsAddress = false
        record.foundAddress = address
        record.resumeRules()
    }
}

/// Finds addresses of names for workers: the control thread, which asks name servers.
package protocol AddressFinder: AnyObject, Sendable {
    /// `done` is called once, from any thread, with the address, or nil when there is none.
    func find(_ question: AddressQuestion, done: @escaping @Sendable (SocketAddress?) -> Void)
}

/// Changes lists of patterns for workers: the control thread, in the order in which they ask.
package protocol PatternWriter: AnyObject, Sendable {
    /// Takes a change; `done` is called once, from any thread, when it is made. False: too many wait already.
    func write(_ change: PatternChange, done: @escaping @Sendable () -> Void) -> Bool
}

extension Verdict {
    /// Whether the proxy answers by a rule's reply.
    var isAnswer: Bool {
        switch self {
        case .answer, .tarpit: true
        default: false
        }
    }
}

extension Worker {
    fileprivate func patternsChanged(_ ticket: UInt64) {
        guard let record = serviceWaits.remove(ticket), record.exchange?.isOver == false else { return }
        record.awaitsPatterns = false
        record.resumeRules()
    }
}

extension RuleLocation {
    /// Reads `file:line`.
    init(_ location: String) {
        let colon = location.lastIndex(of: ":") ?? location.endIndex
        self.init(
            file: String(location[..<colon]), line: Int(location[colon...].dropFirst().prefix { $0.isNumber }) ?? 0)
    }
}
