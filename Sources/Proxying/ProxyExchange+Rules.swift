import Bytes
import Configuration
import Connections
import Messages
import Rules
package import Samples
import Servers
import Streams

/// How far the rules of an exchange have come.
struct RuleProgress {
    /// The rule sets of an exchange in their order.
    enum Step: UInt8 {
        case frontendRequestContent, frontendRequest, setBackend, backendRequestContent, backendRequest, dispatch
        case backendResponseContent, backendResponse, frontendResponse, backendAfterResponse, frontendAfterResponse
        case done
    }

    var step = Step.frontendRequestContent
    var cursor = RuleCursor()
    /// When the current set began.
    var startedAt = Instant.zero
    /// Rules wait: until when at the latest. Nil when none does.
    var waitsUntil: Instant?
    /// The wait has come to its end: what is missing now is missing for good.
    var waitIsOver = false
}

// Rules of an exchange: each set in its turn, from the request's head to the response's.
extension ProxyExchange: RuleHost {
    /// The request's head is here: rules, the choice of a backend, and the way to a server.
    func startRequest() {
        progress.startedAt = frontend.now
        runRules()
    }

    /// The response's head is here: rules, then the client gets it.
    func startResponse() {
        progress.step = ownStatus == 0 ? .backendResponseContent : .backendAfterResponse
        progress.cursor = RuleCursor()
        progress.startedAt = frontend.now
        runRules()
    }

    /// More is here, or a wait is over: rules that wait go on.
    func resumeRules() {
        guard progress.waitsUntil != nil else { return }
        progress.waitsUntil = nil
        runRules()
        if exchange?.isOver == false { armTimer() }
    }

    private func runRules() {
        while progress.step != .done {
            guard exchange?.isOver == false else { return }
            switch progress.step {
            case .frontendRequestContent:
                guard run(frontend.shared.rules, .tcpRequestContent, isBackend: false) else { return }
                advance(to: isHTTP ? .frontendRequest : .setBackend)
            case .frontendRequest:
                guard run(frontend.shared.rules, .httpRequest, isBackend: false) else { return }
                advance(to: .setBackend)
            case .setBackend:
                guard chooseBackend() else { return }
                advance(to: .backendRequestContent)
            case .backendRequestContent:
                guard run(backend?.shared.rules, .tcpRequestContent, isBackend: true) else { return }
                advance(to: isHTTP ? .backendRequest : .dispatch)
            case .backendRequest:
                guard run(backend?.shared.rules, .httpRequest, isBackend: true) else { return }
                advance(to: .dispatch)
            case .dispatch:
                advance(to: .done)
                return dispatchToServer()
            case .backendResponseContent:
                guard run(backend?.shared.rules, .tcpResponseContent, isBackend: true) else { return }
                advance(to: isHTTP ? .backendResponse : .done)
            case .backendResponse:
                guard run(backend?.shared.rules, .httpResponse, isBackend: true) else { return }
                advance(to: .frontendResponse)
            case .frontendResponse:
                guard run(frontend.shared.rules, .httpResponse, isBackend: false) else { return }
                advance(to: .backendAfterResponse)
            case .backendAfterResponse:
                guard run(backend?.shared.rules, .httpAfterResponse, isBackend: true) else { return }
                advance(to: .frontendAfterResponse)
            case .frontendAfterResponse:
                guard run(frontend.shared.rules, .httpAfterResponse, isBackend: false) else { return }
                advance(to: .done)
            case .done: break
            }
        }
        finishResponse()
    }

    private var isHTTP: Bool { frontend.settings.mode == .http }

    private func advance(to step: RuleProgress.Step) {
        progress.step = step
        progress.cursor = RuleCursor()
        progress.startedAt = frontend.now
        progress.waitIsOver = false
    }

    /// Runs one set; false when the rules wait, or have ended the exchange.
    private func run(_ rules: RuleTable?, _ kind: RuleSetKind, isBackend: Bool) -> Bool {
        guard let list = rules?[kind] else { return true }
        let run = frontend.worker.rules
        run.evaluation.begin(self, kind.direction)
        run.begin(kind, isBackend: isBackend, host: self, startedAt: progress.startedAt)
        switch run.run(list, &progress.cursor) {
        case .done: return true
        case .finish(let verdict):
            end(verdict, kind)
            return false
        case .wait(let until):
            progress.waitsUntil = until
            if kind.direction == .response { exchange.response.isHeld = true }
            armTimer()
            return false
        }
    }

    package func rewriteFailed() -> Bool { true }

    // MARK: The request's way

    /// Chooses the backend: the first `use_backend` whose condition holds, then `default_backend`. False when there is
    /// none and the exchange was answered.
    private func chooseBackend() -> Bool {
        let evaluation = frontend.worker.rules.evaluation
        defer { evaluation.scratch.release() }
        backend = frontend.defaultBackend
        if !frontend.settings.useBackendRules.isEmpty { evaluation.begin(self, .request) }
        for rule in frontend.settings.useBackendRules {
            if let condition = rule.condition, !condition.holds(evaluation) { continue }
            if let chosen = target(of: rule, evaluation) {
                backend = chosen
                break
            }
        }
        if backend != nil { return true }
        noteStage()
        frontend.answer(self, 503, .noServer)
        return false
    }

    private func target(of rule: UseBackendRule, _ evaluation: Evaluation) -> BackendWorker? {
        switch rule.target {
        case .fixed(let index): return index < frontend.worker.backends.count ? frontend.worker.backends[index] : nil
        case .named(let format):
            var name = Sample()
            format.text(evaluation, &name)
            return frontend.worker.backend(named: name.bytes)
        }
    }

    private func dispatchToServer() {
        guard let backend else { return }
        if let head = exchange.request.head {
            do throws(MessageError) {
                try frontend.forwardFor(towards: backend)?.apply(to: head, session)
            } catch {
                noteStage()
                return frontend.answer(self, 431, .resource)
            }
        }
        backend.dispatch(self)
        if !exchange.isOver { armTimer() }
    }

    // MARK: The response's way

    private func finishResponse() {
        guard exchange.response.phase != .idle else { return }
        if let head = exchange.response.head { frontend.announceHTTP3(head, session) }
        armTimer()
        if exchange.response.isHeld {
            exchange.response.isHeld = false
            exchange.front?.outgoingReady()
        }
    }

    // MARK: Verdicts

    private func end(_ verdict: Verdict, _ kind: RuleSetKind) {
        let isResponse = kind.direction == .response
        progress.step = .done
        if isResponse { _ = exchange.dropResponse(.notNeeded) }
        noteStage(isServerSide: isResponse)
        let run = frontend.worker.rules
        switch verdict {
        case .answer(let reply, let isDenial):
            if isDenial { exchange.note(.denied) }
            guard let content = reply.make(run.evaluation) else { return frontend.answer(self, 500, .internalError) }
            run.evaluation.scratch.release()
            if !isDenial, !isResponse { frontend.traffic.intercepted &+= 1 }
            send(content)
        case .deny(let status): frontend.answer(self, status, .denied)
        case .reject: exchange.kill(.denied)
        case .silentDrop: exchange.kill(.denied)
        case .internalError: frontend.answer(self, isResponse ? 502 : 500, .internalError)
        }
    }

    /// Sends an answer of the proxy's own.
    func send(_ content: ReplyContent) {
        guard let exchange, !exchange.isOver else { return }
        ownStatus = content.status
        if !isHTTP || exchange.response.phase != .idle { return exchange.kill(exchange.failure ?? .notNeeded) }
        content.send(exchange)
    }
}

extension ProxyExchange: TransactionFacts {
    package var frontendFacts: (any ProxyFacts)? { frontend }
    package var backendFacts: (any ProxyFacts)? { backend }
}

extension FrontendWorker: ProxyFacts {
    package var nameBytes: [UInt8] { shared.nameBytes }
}

extension BackendWorker: ProxyFacts {
    package var nameBytes: [UInt8] { shared.nameBytes }
}
