import Bytes
import Configuration
import Connections
import Messages
package import Rules
import Samples
import Servers
import Streams

/// How far the rules of an exchange have come.
struct RuleProgress {
    var step = RuleStep.frontendRequestContent
    var cursor = RuleCursor()
    /// When the current set began.
    var startedAt = Instant.zero
    /// Rules wait: until when at the latest. Nil when none does.
    var waitsUntil: Instant?
    /// The wait has come to its end: what is missing now is missing for good.
    var waitIsOver = false
    /// An error message is being made.
    var seeksMessage = false
    /// It goes on from an exchange of TCP, whose rules are done.
    var isUpgrade = false
    /// Rules of `http-after-response` failed: the answer about that goes out without them.
    var skipsAfterRules = false
}

// Rules of an exchange: each set in its turn, from the request's head to the response's.
extension ProxyExchange: RuleHost {
    /// The request's head is here: rules, the choice of a backend, and the way to a server.
    func startRequest() {
        progress.startedAt = frontend.now
        if progress.isUpgrade { progress.step = backend == nil ? .frontendBody : .setBackend }
        if isHTTP, answerMonitor() { return }
        runRules()
    }

    /// The response's head is here: rules, then the client gets it.
    func startResponse() {
        if ownStatus == 0, let status = exchange.response.head?.status,
            retries(after: .status(status)) || retriesTooEarly()
        {
            return
        }
        progress.step =
            progress.skipsAfterRules ? .done : ownStatus == 0 ? .backendResponseContent : .backendAfterResponse
        progress.cursor = RuleCursor()
        progress.startedAt = frontend.now
        if progress.step == .done { finishResponse() } else { runRules() }
    }

    /// Goes on where an exchange of TCP has come to (`switch-mode`, or a backend of HTTP): with its variables, and behind
    /// the rules that it has done.
    func goOn(from earlier: ProxyExchange) {
        takeOver(earlier)
        progress.isUpgrade = true
        backend = earlier.backend
    }

    /// More is here, or a wait is over: rules that wait go on.
    func resumeRules() {
        guard progress.waitsUntil != nil else { return }
        progress.waitsUntil = nil
        runRules()
        if exchange?.isOver == false { armTimer() }
    }

    /// The steps at which there is something to do for this exchange, as far as its way is known.
    private var steps: RuleSteps {
        var steps = frontend.steps
        if let backend { steps.formUnion(backend.steps) }
        if !isHTTP { steps.formIntersection(.ofTCP) }
        return steps
    }

    private func runRules() {
        progress.step = steps.first(from: progress.step)
        while progress.step != .done {
            guard exchange?.isOver == false else { return }
            switch progress.step {
            case .frontendRequestContent:
                guard run(frontend.shared.rules, .tcpRequestContent, isBackend: false) else { return }
            case .frontendBody:
                guard hasBody(frontend.settings.options.buffersRequest) else { return }
            case .frontendRequest:
                guard run(frontend.shared.rules, .httpRequest, isBackend: false),
                    restrictNames(frontend.settings.options.fieldNames)
                else { return }
            case .earlyData:
                guard settleEarlyData() else { return }
            case .frontendRedirect:
                guard run(frontend.shared.rules.redirects, .httpRequest, isBackend: false) else { return }
                if startStatistics(frontend.settings.statisticsPage, of: frontend.settings.name) { return }
            case .setBackend:
                guard (progress.isUpgrade && backend != nil) || chooseBackend() else { return }
                if !isHTTP, backend?.settings.mode == .http { return upgrade(version: nil) }
            case .backendRequestContent:
                guard run(backend?.shared.rules, .tcpRequestContent, isBackend: true) else { return }
            case .backendBody:
                guard hasBody(backend?.settings.options.buffersRequest == true || balancesByBody) else { return }
            case .backendRequest:
                guard run(backend?.shared.rules, .httpRequest, isBackend: true),
                    isSameSection || restrictNames(backend?.settings.options.fieldNames ?? .preserve)
                else { return }
            case .backendRedirect:
                let redirects = backend?.shared.rules.redirects
                guard isSameSection || run(redirects, .httpRequest, isBackend: true) else { return }
                if let backend, startStatistics(backend.settings.statisticsPage, of: backend.settings.name) { return }
            case .dispatch:
                progress.step = .done
                return dispatchToServer()
            case .backendResponseContent:
                guard run(backend?.shared.rules, .tcpResponseContent, isBackend: true) else { return }
            case .backendResponse:
                guard run(backend?.shared.rules, .httpResponse, isBackend: true) else { return }
            case .frontendResponse:
                guard run(frontend.shared.rules, .httpResponse, isBackend: false), putsCookie() else { return }
            case .backendAfterResponse:
                guard run(backend?.shared.rules, .httpAfterResponse, isBackend: true) else { return }
            case .frontendAfterResponse:
                guard run(frontend.shared.rules, .httpAfterResponse, isBackend: false) else { return }
            case .done: break
            }
            advance()
        }
        finishResponse()
    }

    /// Goes on to the next step at which there is something to do.
    private func advance() {
        guard let next = RuleStep(rawValue: progress.step.rawValue + 1) else { return }
        progress.step = steps.first(from: next)
        progress.cursor = RuleCursor()
        progress.startedAt = frontend.now
        progress.waitIsOver = false
    }

    /// Runs one set; false when the rules wait, or have ended the exchange.
    private func run(_ rules: RuleTable?, _ kind: RuleSetKind, isBackend: Bool) -> Bool {
        // The rules of a `listen` section that keeps its requests are done once. Sets of the response stand before
        // those of its front half.
        if isSameSection, isBackend != (kind == .tcpResponseContent) { return true }
        return run(rules?[kind], kind, isBackend: isBackend)
    }

    /// Whether the exchange stays within its `listen` section.
    private var isSameSection: Bool { backend != nil && backend === frontend.ownBackend }

    private func run(_ list: RuleList?, _ kind: RuleSetKind, isBackend: Bool) -> Bool {
        guard let list else { return true }
        let run = frontend.worker.rules
        run.evaluation.begin(self, kind.direction)
        run.begin(kind, isBackend: isBackend, host: self, startedAt: progress.startedAt)
        switch run.run(list, &progress.cursor, waitsForData: dataDeadline(kind, isBackend: isBackend)) {
        case .done:
            settleLastRule()
            return true
        case .finish(let verdict):
            end(verdict, kind)
            return false
        case .wait(let until):
            progress.waitsUntil = until
            if until == .distantFuture { frontend.awaitHandshake(self) }
            if kind.direction == .response { exchange.response.isHeld = true }
            armTimer()
            return false
        }
    }

    /// Until when conditions of a content set may wait for data (`inspect-delay`); nil when what is here has to do.
    private func dataDeadline(_ kind: RuleSetKind, isBackend: Bool) -> Instant? {
        let delay: Int?
        let half: Half
        switch kind {
        case .tcpRequestContent:
            delay = isBackend ? backend?.settings.requestInspectDelay : frontend.settings.requestInspectDelay
            half = exchange.request
        case .tcpResponseContent:
            delay = backend?.settings.responseInspectDelay
            half = exchange.response
        default: return nil
        }
        guard let delay, !progress.waitIsOver, half.phase < .ended, half.count < half.limit else { return nil }
        let end = progress.startedAt.advanced(milliseconds: delay)
        return end > frontend.now ? end : nil
    }

    /// Waits for the whole request, or a full buffer of it (`option http-buffer-request`). False while it waits.
    func hasBody(_ isWanted: Bool) -> Bool {
        let request = exchange.request
        guard isWanted, request.phase < .ended, request.count < request.limit else { return true }
        let limit = (backend?.settings.timeouts ?? frontend.settings.timeouts).requestHead
        let end = limit.map { progress.startedAt.advanced(milliseconds: $0) } ?? .distantFuture
        if end <= frontend.now {
            noteStage(.request)
            self.end(.timeout, .httpRequest)
            return false
        }
        exchange.expectBody()
        progress.waitsUntil = end
        armTimer()
        return false
    }

    /// Answers a request for the monitored URI; false when it is another. Such requests are not logged.
    private func answerMonitor() -> Bool {
        guard let uri = frontend.settings.monitorURI, let head = exchange.request.head,
            head.isFor(uri.span)
        else { return false }
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        defer { evaluation.scratch.release() }
        let fails = frontend.settings.rules.monitorFailures.contains { $0.holds(evaluation) }
        isMonitor = true
        progress.step = .done
        frontend.traffic.intercepted &+= 1
        frontend.answer(self, fails ? 503 : 200, .answered)
        return true
    }

    // MARK: What actions ask for

    package func rewriteFailed() {
        frontend.traffic.rewriteErrors &+= 1
        frontend.countListener(session.listener) { $0.rewriteErrors &+= 1 }
        backend?.traffic.rewriteErrors &+= 1
    }

    package func errorMessage(_ status: Int) -> ReplyContent {
        // The message for a status may be declared as the proxy's message for it: that is the built-in one then.
        if progress.seeksMessage { return BuiltInErrors.message(status) }
        progress.seeksMessage = true
        defer { progress.seeksMessage = false }
        let run = frontend.worker.rules
        return backend?.shared.errors.answer(status, run) ?? frontend.shared.errors.answer(status, run)
            ?? BuiltInErrors.message(status)
    }

    /// The proxy's message for a status, outside of a rule set.
    func ownMessage(_ status: Int) -> ReplyContent {
        let run = frontend.worker.rules
        run.evaluation.begin(self, .request)
        run.begin(.httpRequest, isBackend: backend != nil, host: self, startedAt: progress.startedAt)
        defer { run.evaluation.scratch.release() }
        return errorMessage(status)
    }

    package var isProxyRequest: Bool {
        guard frontend.settings.options.usesProxyHeader, let head = exchange.request.head else { return false }
        return head.method == .connect || !head.scheme.isEmpty
    }

    package var tarpitTime: Int {
        if let changed = overrides?.tarpitTimeout { return changed }
        let times = backend?.settings.timeouts ?? frontend.settings.timeouts
        return times.tarpit ?? times.connect ?? 0
    }

    // MARK: The request's way

    /// Chooses the backend: the first `use_backend` whose condition holds, then `default_backend`. False when there is
    /// none and the exchange was answered.
    private func chooseBackend() -> Bool {
        let evaluation = frontend.worker.rules.evaluation
        defer { evaluation.scratch.release() }
        backend = nil
        if !frontend.settings.useBackendRules.isEmpty { evaluation.begin(self, .request) }
        for rule in frontend.settings.useBackendRules {
            if let condition = rule.condition, !condition.holds(evaluation) { continue }
            let chosen = target(of: rule, evaluation)
            if let chosen, !mayTake(chosen, evaluation) { continue }
            // A name that is no backend's leads to the default one.
            backend = chosen
            break
        }
        if backend == nil, let standard = frontend.defaultBackend, mayTake(standard, evaluation) { backend = standard }
        if let backend {
            // What was set for the own back half says nothing of another one.
            if backend !== frontend.ownBackend { overrides?.forgetBackend() }
            if backend !== frontend.defaultBackend { exchange?.abortsOnClose = backend.settings.options.abortOnClose }
            applyPersistenceRules(evaluation)
            return true
        }
        noteStage()
        frontend.answer(self, 503, .noServer)
        return false
    }

    /// Whether a backend may be chosen: it is published, or `force-be-switch` says so.
    private func mayTake(_ backend: BackendWorker, _ evaluation: Evaluation) -> Bool {
        if backend.settings.isDisabled { return false }
        if backend.isPublished { return true }
        guard !frontend.settings.forcedSwitches.isEmpty else { return false }
        evaluation.begin(self, .request)
        return frontend.settings.forcedSwitches.contains { $0.holds(evaluation) }
    }

    private func target(of rule: UseBackendRule, _ evaluation: Evaluation) -> BackendWorker? {
        switch rule.target {
        case .fixed(let index): return index < frontend.worker.backends.count ? frontend.worker.backends[index] : nil
        case .named(let format):
            var name = Sample()
            format.text(evaluation, &name)
            return frontend.worker.backendWorker(named: name.bytes)
        }
    }

    private func dispatchToServer() {
        guard let backend else { return }
        let exchange: Exchange = exchange
        assignServer()
        if let head = exchange.request.head {
            guard readCookie(), addUniqueID(to: head), addForwarded(backend, head) else {
                rewriteFailed()
                noteStage()
                return frontend.answer(self, 500, .internalError)
            }
        }
        if backend.settings.options.dropsTrailers { exchange.request.dropTrailers() }
        if frontend.settings.options.dropsTrailers { exchange.response.dropTrailers() }
        if backend.settings.retryOn.needsRequest { exchange.request.keepForReplay(upTo: frontend.worker.bufferSize) }
        backend.dispatch(self)
        // On a connection that was there, the timer is set already.
        if !exchange.isOver, dispatch?.state != .attached { armTimer() }
    }

    // MARK: The response's way

    /// Reads the persistence cookie; false when the head has no room for what is left of it.
    private func readCookie() -> Bool {
        do throws(MessageError) {
            try readPersistenceCookie(
                isAssigned: assignment.server != nil, isIgnored: assignment.ignoresPersistence,
                isForced: assignment.forcesPersistence)
            return true
        } catch {
            return false
        }
    }

    /// Works on the persistence cookie; false when the head has no room for it and the exchange was answered.
    private func putsCookie() -> Bool {
        guard let backend, ownStatus == 0 else { return true }
        let risksCache = backend.settings.options.checksCaching && hasCacheableCookie
        do throws(MessageError) {
            if backend.settings.cookie != nil { try writePersistenceCookie() }
        } catch {
            rewriteFailed()
            end(.internalError, .httpResponse)
            return false
        }
        // What was added to the response may have forbidden it.
        guard risksCache, hasCacheableCookie else { return true }
        frontend.worker.report(
            "Blocking cacheable cookie in response from instance \(backend.settings.name), server"
                + " \(dispatch?.server?.shared.settings.name ?? "").")
        progress.step = .done
        noteStage(.headers)
        refuse(502, .denied, true)
        return false
    }

    private func finishResponse() {
        let exchange: Exchange = exchange
        guard exchange.response.phase != .idle else { return }
        if let head = exchange.response.head { frontend.announceHTTP3(head, session) }
        frontend.worker.log?.responseReceived(self)
        keepTimer(frontend.settings.timeouts.client, from: exchange.responseHeadAt)
        if exchange.response.isHeld {
            exchange.response.isHeld = false
            exchange.front?.outgoingReady()
        }
    }

    // MARK: Verdicts

    private func end(_ verdict: Verdict, _ kind: RuleSetKind) {
        let isResponse = kind.direction == .response
        progress.step = .done
        if kind == .httpAfterResponse { progress.skipsAfterRules = true }
        if case .switchToHTTP(let version) = verdict { return upgrade(version: version) }
        // An answer is made before its rule counts as the last one, as in HAProxy.
        if !verdict.isAnswer { settleLastRule() }
        noteStage(Self.stage(of: verdict) ?? (isResponse ? .headers : nil))
        switch verdict {
        case .answer(let reply, let isDenial): answer(reply, isDenial ? .denied : .answered, isResponse)
        case .tarpit(let reply): answer(reply, .denied, isResponse)
        case .reject: exchange.kill(.denied)
        case .vanish(let hops): vanish(hops)
        case .service(let name): ask(name)
        case .switchToHTTP, .drop, .retry: exchange.kill(.denied)
        case .internalError: refuse(500, .internalError, isResponse)
        case .badMessage: refuse(400, .clientProtocolError, isResponse)
        case .timeout: refuse(isResponse ? 504 : 408, isResponse ? .serverTimeout : .clientTimeout, isResponse)
        }
    }

    private static func stage(of verdict: Verdict) -> Stage? {
        switch verdict {
        case .tarpit: .tarpit
        case .timeout: .data
        case .vanish: .request
        default: nil
        }
    }

    private func answer(_ reply: any RuleReply, _ reason: CloseReason, _ isResponse: Bool) {
        let run = frontend.worker.rules
        let made = reply.make(run)
        settleLastRule()
        guard let content = made else { return refuse(500, .internalError, isResponse) }
        run.evaluation.scratch.release()
        exchange.note(reason)
        if reason == .answered, !isResponse { frontend.traffic.intercepted &+= 1 }
        if isResponse { _ = exchange.dropResponse(.notNeeded) }
        send(content)
    }

    private func refuse(_ status: Int, _ reason: CloseReason, _ isResponse: Bool) {
        if isResponse { _ = exchange.dropResponse(.notNeeded) }
        frontend.answer(self, status, reason)
    }

    /// Sends an answer of the proxy's own.
    func send(_ content: ReplyContent) {
        guard let exchange, !exchange.isOver else { return }
        ownStatus = content.loggedStatus ?? content.status
        if !isHTTP || exchange.response.phase != .idle { return exchange.kill(exchange.failure ?? .notNeeded) }
        content.send(exchange, loop: frontend.worker.loop)
    }
}

extension MessageHead {
    /// Whether the request is for `uri`: a path, whatever the host, or a whole URI when the request has one.
    fileprivate func isFor(_ uri: Span<UInt8>) -> Bool {
        if uri.count > 0, uri[0] == UInt8(ascii: "/") { return path.equals(uri) }
        let ends = (scheme.count, scheme.count + 3, scheme.count + 3 + authority.count)
        guard !scheme.isEmpty, uri.count == ends.2 + path.count else { return false }
        return uri.extracting(0..<ends.0).equals(scheme) && uri.extracting(ends.0..<ends.1).equals("://")
            && uri.extracting(ends.1..<ends.2).equals(authority) && uri.extracting(ends.2..<uri.count).equals(path)
    }
}
