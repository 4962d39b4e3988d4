import Bytes
import Configuration
import Connections
import Messages
import Proxying
import QUICTransport
import Rules
import Runtime
import Samples
import Servers
import Streams

/// One check under way: its steps, its connection, and the client's end of the exchange that it has with the server.
/// Events only mark what has changed; the steps go on at the end of the loop's turn.
final class CheckRun: LoopMember {
    /// Its checker, which keeps it until it is over.
    let checker: Checker
    let scheduler: CheckScheduler
    let server: SharedServer
    let ruleset: CheckRuleset
    /// Variables of the scope `check`.
    let variables = VariableStore()
    private let startedAt: Instant
    /// The step that is next or under way, as an index into the rules.
    var position = 0
    /// The last step that did something: what messages speak of.
    private(set) var current: Int?
    /// What the server answered with, by its protocol.
    var code = 0
    private(set) var isOver = false
    /// What `unique-id` gives, once it was asked for.
    private var uniqueID: [UInt8]?

    // The connection of now.

    var stream: StreamConnection?
    var link: QUICLink?
    var exchange: Exchange?
    /// The step that opened it.
    var connectStep: Int?
    var isReady = false
    var usesTLS = false
    var lingers = false
    /// Why it could not be made.
    var connectFailure: ConnectionFailure?
    /// It failed without having begun.
    var failedAtOnce = false
    /// The program that tells (`external-check`).
    var program: ExternalProgram?
    /// It is a worker's: the number of the errand on it, once there is one.
    var isPooled = false
    var errand: UInt64?
    /// No worker had a connection for this check.
    var poolIsEmpty = false
    /// Why the exchange broke off before a response.
    var exchangeFailure: CloseReason?

    init(_ checker: Checker) {
        self.checker = checker
        scheduler = checker.scheduler
        server = checker.server
        ruleset = checker.ruleset
        startedAt = checker.scheduler.loop.clock.now
        super.init()
        for variable in ruleset.variables { variables.set(variable.name.number, variable.value) }
    }

    var now: Instant { scheduler.loop.clock.now }
    var backend: BackendSettings { server.backend.settings }
    var isHTTP: Bool { ruleset.kind == .http }

    /// The first steps.
    func begin() { scheduler.loop.schedule(self) }

    override func flush() { advance() }

    /// What has changed is looked at once, at the end of the turn.
    func changed() {
        if !isOver { scheduler.loop.schedule(self) }
    }

    // MARK: Steps

    /// Goes as far as the steps go now.
    private func advance() {
        while !isOver, position < ruleset.rules.count {
            let rule = ruleset.rules[position]
            if rule.isStep {
                current = position
                code = 0
            }
            switch rule.action {
            case .comment: position += 1
            case .run(let action):
                prepareEvaluation()
                _ = action.run(scheduler.rules)
                scheduler.rules.evaluation.scratch.release()
                position += 1
            case .program(let program): return run(program)
            case .connect(let connect):
                guard stand(connect) else { return }
                position += 1
            case .send(let payload):
                guard send(payload) else { return }
                position += 1
            case .request(let request):
                guard send(request) else { return }
                position += 1
            case .expect(let expect):
                guard evaluate(expect, rule) else { return }
                position += 1
            }
        }
        if !isOver { succeed() }
    }

    /// True once the connection of a `connect` stands.
    private func stand(_ connect: CheckConnect) -> Bool {
        if connectStep != position {
            closeConnection()
            connectStep = position
            open(connect)
        }
        if connectFailure != nil {
            reportConnectionError(isExpired: false)
            return false
        }
        guard isReady else { return false }
        if let limit = backend.timeouts.check { checker.limit(now.advanced(milliseconds: limit)) }
        return true
    }

    /// All steps are done.
    private func succeed() {
        guard let current else { return finish(.l7ok, words: "(tcp-check)") }
        let rule = ruleset.rules[current]
        switch rule.action {
        case .expect(let expect):
            if isHTTP, ruleset.disablesOn404, server.state != .stopped, code == 404 {
                return finish(.l7okConditional, words: "")
            }
            var words = ""
            if let format = expect.onSuccess {
                words = text(format)
            } else if ruleset.kind == .tcp {
                words = "(tcp-check)"
            }
            takeStatusCode(expect)
            finish(expect.okStatus ?? .l7ok, words: words)
        case .connect(let connect):
            finish(usesTLS ? .l6ok : .l4ok, words: connect.isImplicit ? "" : "(tcp-check)")
        case .send, .request, .run, .comment, .program: finish(.l7ok, words: "(tcp-check)")
        }
    }

    // MARK: The end

    /// The check is over: its server hears of it.
    func finish(_ status: CheckStatus, words: String, health: Int? = nil) {
        guard !isOver else { return }
        let milliseconds = now.milliseconds(since: startedAt)
        close()
        server.checkEnded(
            checker.kind, status, code: code, words: words, milliseconds: milliseconds, health: health)
        checker.ended()
    }

    /// The check is over, and said nothing about the server.
    func finishSilently(_ words: String) {
        guard !isOver else { return }
        let milliseconds = now.milliseconds(since: startedAt)
        close()
        server.agentSaid(words, milliseconds: milliseconds)
        checker.ended()
    }

    /// Nobody wants the check any more.
    func abandon() { close() }

    private func close() {
        isOver = true
        program?.terminate()
        program = nil
        closeConnection()
    }

    /// The time of the check is over.
    func timedOut() {
        if program != nil { return finish(.processTimeout, words: "") }
        // What has come in this very turn counts.
        advance()
        reportConnectionError(isExpired: true)
    }

    /// Closes what is open to the server: at once, unless the step wants an orderly end.
    func closeConnection() {
        let stream = stream
        let link = link
        self.stream = nil
        self.link = nil
        isReady = false
        connectFailure = nil
        failedAtOnce = false
        exchangeFailure = nil
        isPooled = false
        if let errand { scheduler.errands.end(errand) }
        errand = nil
        if lingers { stream?.resetsAtEnd = false }
        if let exchange {
            self.exchange = nil
            exchange.kill(.notNeeded)
        } else if lingers {
            stream?.retire()
        }
        if !lingers { stream?.stop() }
        link?.stop()
        lingers = false
    }

    // MARK: Expressions

    /// Turns the evaluation to this check.
    func prepareEvaluation() {
        scheduler.rules.evaluation.begin(check: exchange, variables, facts: self)
    }

    /// The text that a format makes now.
    func bytes(_ format: Format) -> [UInt8] {
        prepareEvaluation()
        var sample = Sample()
        format.text(scheduler.rules.evaluation, &sample)
        let text = Array(copying: sample.bytes)
        scheduler.rules.evaluation.scratch.release()
        return text
    }

    func bytes(_ text: CheckRequest.Text) -> [UInt8] {
        switch text {
        case .fixed(let bytes): bytes
        case .format(let format): bytes(format)
        }
    }

    func text(_ format: Format) -> String { String(decoding: bytes(format), as: UTF8.self) }

    /// The integer that an expression gives; nil when it gives none.
    func number(_ expression: Expression) -> Int? {
        prepareEvaluation()
        defer { scheduler.rules.evaluation.scratch.release() }
        var sample = Sample()
        guard expression.evaluate(scheduler.rules.evaluation, &sample, as: .str),
            Cast.apply(&sample, to: .sint, scheduler.rules.evaluation.scratch)
        else { return nil }
        return Int(clamping: sample.number)
    }

    func takeStatusCode(_ expect: CheckExpect) {
        if let expression = expect.statusCode, let number = number(expression) { code = number }
    }
}

// What expressions read of a check.
extension CheckRun: TransactionFacts {
    var frontendFacts: (any ProxyFacts)? { nil }
    var backendFacts: (any ProxyFacts)? { scheduler.facts(of: server.backend) }
    var serverFacts: (any ServerFigures)? { server }
    var serverConnection: (any ConnectionFacts)? { stream ?? link }

    /// One identifier for the whole check, by the backend's `unique-id-format`.
    func makeUniqueID() -> [UInt8]? {
        if let uniqueID { return uniqueID }
        guard let format = backend.uniqueID else { return nil }
        // A format that speaks of the identifier finds it empty.
        uniqueID = []
        let evaluation = scheduler.identifiers
        evaluation.begin(check: exchange, variables, facts: self)
        let made = UniqueIDSettings.identifier(format, evaluation)
        uniqueID = made
        return made
    }
}

// The client's end of the exchange.
extension CheckRun: StreamEnd, ExchangeHandler {
    func outgoingReady() { changed() }
    func incomingDrained() { changed() }
    func reset(_ reason: CloseReason) {}
    func requestReceived(_ exchange: Exchange) {}
    func requestRejected(_ exchange: Exchange, status: Int) {
        exchangeFailure = .internalError
        changed()
    }
    func responseReceived(_ exchange: Exchange) { changed() }
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        exchangeFailure = reason
        changed()
    }
    func messageEnded(_ exchange: Exchange) { changed() }
    func exchangeEnded(_ exchange: Exchange) {}
}
