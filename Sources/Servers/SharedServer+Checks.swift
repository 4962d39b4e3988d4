public import Configuration
import Synchronization

// What checks, agents and observed traffic do to a server, and what is said of it (configuration.txt section 5.2).
extension SharedServer {
    /// Which of a server's two checks is meant.
    public enum CheckKind: Sendable {
        case health, agent
    }

    /// A check begins.
    public func checkBegan(_ kind: CheckKind) {
        control.withLock { control in
            control.change(kind) { check in
                check.isRunning = true
                check.isHastened = false
                check.result = .unknown
                check.words = ""
            }
        }
    }

    /// A check has come to an end, and the server follows where that matters.
    ///
    /// - Parameters:
    ///   - milliseconds: how long it took; nil: it was no check.
    ///   - health: the health that an agent has set; nil: it counts as one more check.
    public func checkEnded(
        _ kind: CheckKind, _ status: CheckStatus, code: Int, words: String, milliseconds: Int?, health: Int? = nil
    ) {
        control.withLock { control in
            control.change(kind) { $0.isRunning = false }
            note(kind, status, code: code, words: words, milliseconds: milliseconds, health: health, &control)
            follow(kind, &control)
        }
    }

    /// The words of an agent that changed nothing.
    public func agentSaid(_ words: String, milliseconds: Int) {
        control.withLock { control in
            control.agent.isRunning = false
            control.agent.words = Self.cut(words)
            control.agent.duration = milliseconds
        }
    }

    /// Milliseconds until the next check.
    public func checkDelay(_ kind: CheckKind) -> Int {
        control.withLock { control in
            (kind == .agent ? control.agent : control.check).delay(isStopped: state == .stopped)
        }
    }

    /// `enable health`, `disable agent` and their like; false when the server's line has no such check.
    public func enableChecks(_ kind: CheckKind, _ isEnabled: Bool) -> Bool {
        let isDone = control.withLock { control in
            guard (kind == .agent ? control.agent : control.check).isConfigured else { return false }
            control.change(kind) { $0.isEnabled = isEnabled }
            if isEnabled, kind == .health, !admin.isMaintenance { _ = control.check.start(settings.initialState) }
            return true
        }
        if isDone { backend.events.tell(.checksChanged(self)) }
        return isDone
    }

    /// Bytes of words that are kept.
    private static let wordLimit = 127

    private static func cut(_ words: String) -> String {
        words.utf8.count <= wordLimit ? words : String(decoding: words.utf8.prefix(wordLimit), as: UTF8.self)
    }

    /// Counts a result, and says what is new about it.
    private func note(
        _ kind: CheckKind, _ status: CheckStatus, code: Int, words: String, milliseconds: Int?, health: Int? = nil,
        _ control: inout Control
    ) {
        var check = kind == .agent ? control.agent : control.check
        var isNews = status != check.status
        check.words = Self.cut(words)
        check.status = status
        check.code = code
        if status.result != .unknown { check.result = status.result }
        check.duration = milliseconds
        if let health { check.health = health }
        switch check.result {
        case .failed where kind == .health || status.bearsCode:
            guard check.health > 0 else { break }
            failedChecks.wrappingAdd(1, ordering: .relaxed)
            isNews = true
            check.health -= 1
            if check.health < check.rise { check.health = 0 }
        case .passed, .conditionallyPassed:
            if check.health < check.rise + check.fall - 1 {
                isNews = true
                check.health += 1
                if check.health >= check.rise { check.health = check.rise + check.fall - 1 }
            }
            consecutiveErrors.store(0, ordering: .relaxed)
        case .failed, .unknown, .neutral: break
        }
        control.change(kind) { $0 = check }
        guard isNews, backend.settings.options.logsHealthChecks, check.result != .neutral else { return }
        let isGood = check.result == .passed || check.result == .conditionallyPassed
        say(
            "\(kind == .agent ? "Agent" : "Health") check for \(settings.isBackup ? "backup " : "")server"
                + " \(backend.settings.name)/\(control.facts.name)"
                + " \(check.result == .conditionallyPassed ? "conditionally " : "")\(isGood ? "succeeded" : "failed")"
                + ", \(check.reason), status: \(check.progress(isDraining: weight == 0))", .notice)
    }

    /// The server goes up, down or stopping as its checks have it.
    private func follow(_ kind: CheckKind, _ control: inout Control) {
        let check = kind == .agent ? control.agent : control.check
        let isLogged = backend.settings.options.logsHealthChecks || control.tracked != nil
        let cause = isLogged ? "" : check.reason
        switch check.result {
        case .failed:
            // An agent that can not be asked says nothing about the server.
            if kind == .agent, check.status != .l7status { return }
            if check.health == 0 { become(.stopped, &control, because: cause) }
        case .passed where mayRise(control):
            if kind == .agent, state == .stopping { return }
            become(.running, &control, because: cause)
        case .conditionallyPassed where kind == .health && mayRise(control):
            become(.stopping, &control, because: cause)
        case .passed, .conditionallyPassed, .unknown, .neutral: break
        }
    }

    /// Whether nothing else holds the server down.
    private func mayRise(_ control: Control) -> Bool {
        !admin.isMaintenance && control.tracked?.state != .stopped
            && (!control.check.isEnabled || control.check.health >= control.check.rise)
            && (!control.agent.isEnabled || control.agent.health >= control.agent.rise)
    }

    // MARK: Observed traffic

    /// What workers see of a server's exchanges (`observe`). Costs one look at the settings where nothing is observed.
    @inline(__always)
    public func observe(_ event: ObservedEvent) {
        if settings.observedLayer != .none { count(event) }
    }

    private func count(_ event: ObservedEvent) {
        switch event.verdict(settings.observedLayer) {
        case .good: consecutiveErrors.store(0, ordering: .relaxed)
        case .bad:
            let (_, errors) = consecutiveErrors.wrappingAdd(1, ordering: .relaxed)
            if errors >= settings.errorLimit { react(errors, event) }
        case .none: break
        }
    }

    /// Too many errors in a row.
    private func react(_ errors: Int, _ event: ObservedEvent) {
        let words = "Detected \(errors) consecutive errors, last one was: \(event.words)"
        control.withLock { control in
            control.check.isHastened = true
            let rise = control.check.rise
            switch settings.errorReaction {
            case .fastInterval: break
            case .failCheck, .suddenDeath, .markDown:
                if settings.errorReaction == .suddenDeath, control.check.health > rise {
                    control.check.health = rise + 1
                }
                if settings.errorReaction == .markDown { control.check.health = rise }
                note(.health, .observed, code: 0, words: words, milliseconds: nil, &control)
                follow(.health, &control)
            }
        }
        consecutiveErrors.store(0, ordering: .relaxed)
        observedFailures.wrappingAdd(1, ordering: .relaxed)
        backend.events.tell(.checksChanged(self))
    }
}

extension SharedServer.Control {
    mutating func change(_ kind: SharedServer.CheckKind, _ change: (inout CheckHealth) -> Void) {
        if kind == .agent { change(&agent) } else { change(&check) }
    }
}

/// Something that traffic tells about a server's health.
public enum ObservedEvent: Sendable {
    case connected
    case connectFailed
    /// A response whose status blames nobody, or the client.
    case goodResponse
    /// A status of 500 and above, 501 and 505 apart.
    case badStatus
    /// No valid head came.
    case badHead
    case badResponse
    case readError
    case readTimeout
    case closed

    enum Verdict { case none, good, bad }

    /// What the event means at a layer.
    func verdict(_ layer: ObservedLayer) -> Verdict {
        switch (self, layer) {
        case (_, .none): .none
        case (.connected, .layer4): .good
        case (.connectFailed, _): .bad
        case (_, .layer4), (.connected, _): .none
        case (.goodResponse, .layer7): .good
        case (_, .layer7): .bad
        }
    }

    /// As logs name it.
    var words: String {
        switch self {
        case .connected: "L4 successful connection"
        case .connectFailed: "L4 unsuccessful connection"
        case .goodResponse: "Correct http response"
        case .badStatus: "Wrong http response"
        case .badHead: "Invalid http response (headers)"
        case .badResponse: "Invalid http response"
        case .readError: "Read error (http)"
        case .readTimeout: "Read timeout (http)"
        case .closed: "Close from server (http)"
        }
    }
}
