import Bytes
package import Configuration
package import Connections
import Glibc
package import Proxying
import Rules
package import Runtime
package import Samples
package import Servers
import Streams

/// One worker's access log: makes lines and hands them to the senders of each proxy's `log` lines.
package final class WorkerLog: LoopMember, AccessLog {
    /// The `log` lines of a proxy, and its tag.
    private struct Proxy {
        var routes: [LogRoute] = []
        var tag: [UInt8] = []
    }

    private let loop: EventLoop
    private let senders: LogSenders
    private var frontends: [Proxy] = []
    private var backends: [Proxy] = []
    /// The `log` lines of the `global` section, once they are needed.
    private lazy var process = open(configuration.global.logs, nil, configuration)
    private let configuration: Configuration
    private let profiles: [LogProfile]
    private let profileTags: [[UInt8]?]
    private var text = LogText()
    private var date = LogDate()
    private let evaluation: Evaluation
    /// Targets that could not be opened: for the operator.
    package private(set) var failures: [String] = []

    package init(_ configuration: Configuration, _ worker: Worker) {
        loop = worker.loop
        self.configuration = configuration
        senders = LogSenders(worker.blueprint)
        profiles = configuration.logProfiles
        profileTags = profiles.map { $0.tag.map { Array($0.utf8) } }
        let targets = configuration.frontends.flatMap(\.logs) + configuration.backends.flatMap(\.logs)
        let longest = targets.map(\.maxLength).max() ?? 1024
        evaluation = Evaluation(
            worker.resources, textLimit: max(longest, configuration.global.tune.bufsize),
            processVariables: worker.blueprint.processVariables, seed: 1)
        super.init()
        frontends = configuration.frontends.map { open($0.logs, $0.logTag, configuration) }
        backends = configuration.backends.map { open($0.logs, $0.logTag, configuration) }
    }

    private func open(_ targets: [LogTarget], _ tag: String?, _ configuration: Configuration) -> Proxy {
        var proxy = Proxy()
        proxy.tag = Array((tag ?? configuration.global.logTag ?? "haproxy").utf8)
        for target in targets {
            do throws(SystemError) { proxy.routes.append(try senders.route(to: target)) } catch {
                failures.append("log target \(target.destination): \(error)")
            }
        }
        return proxy
    }

    // MARK: Steps of an exchange

    package func requestReceived(_ record: ProxyExchange) {
        let frontend = record.frontend
        guard !frontends[frontend.shared.index].routes.isEmpty else { return }
        let lines = frontend.settings.lines
        // The standard line needs nothing that comes later.
        guard let format = lines.format else {
            text.clear()
            LogLine.appendStandard(record.session, frontend, to: &text)
            return send(frontends[frontend.shared.index], .info)
        }
        step(record, .accept, isDue: false)
        guard record.isHTTP else { return }
        step(record, .request, isDue: Self.needs(format, lines) == .request)
    }

    package func serverReached(_ record: ProxyExchange) {
        let settings = record.frontend.settings
        guard let format = settings.lines.format else { return }
        let isDue = !record.isHTTP && !Self.needs(format, settings.lines).contains(.end)
        step(record, .connect, isDue: isDue)
    }

    package func responseReceived(_ record: ProxyExchange) {
        let settings = record.frontend.settings
        guard let format = settings.lines.format, record.ownStatus == 0, record.isHTTP else { return }
        step(record, .response, isDue: !Self.needs(format, settings.lines).contains(.end))
    }

    /// What is waited for before the line of an exchange is written, as HAProxy does: the request's head when nothing
    /// else matters, and the response's head (in TCP mode the connection to the server) when the end does not. With
    /// `option logasap` it never does.
    private static func needs(_ format: Format, _ lines: LineSettings) -> Alias.Needs {
        lines.isEarly ? format.needs.subtracting(.end) : format.needs
    }

    /// A step is reached: the exchange's line is written if it is due, or one for this step if `log-steps` asks for it.
    private func step(_ record: ProxyExchange, _ origin: LogOrigin, isDue: Bool) {
        if let steps = record.frontend.settings.lines.steps {
            if steps.contains(origin) { log(record, origin) }
            return
        }
        guard isDue, !record.isLogged else { return }
        record.isLogged = true
        log(record, origin)
    }

    package func exchangeEnded(_ record: ProxyExchange) {
        guard !frontends[record.frontend.shared.index].routes.isEmpty, let exchange = record.exchange else { return }
        let settings = record.frontend.settings
        guard settings.lines.format != nil else { return }
        if let steps = settings.lines.steps, !steps.contains(.close) { return }
        if record.isLogged { return }
        if settings.options.dontLogNull, Self.isEmpty(record, exchange) { return }
        log(record, .close)
    }

    /// Whether the client sent nothing. In HTTP mode an exchange opens with its first byte, but for the 408 to a client
    /// that sent none: that one opens and ends in the same turn.
    private static func isEmpty(_ record: ProxyExchange, _ exchange: Exchange) -> Bool {
        if !record.isHTTP { return exchange.bytesFromClient == 0 }
        return exchange.request.head == nil && record.ownStatus == 408
            && exchange.openedAt == exchange.resources.clock.now
    }

    /// Writes a line about an exchange.
    private func log(_ record: ProxyExchange, _ origin: LogOrigin, profile: Int? = nil) {
        let frontend = record.frontend
        let lines = frontend.settings.lines
        let isRule = origin.isRule
        let isAbnormal = isRule ? false : record.isAbnormal
        if lines.omitsNormal, !isAbnormal, !isRule { return }
        var level = isAbnormal && lines.separatesErrors ? LogLevel.error : .info
        switch record.logLevel {
        case .standard: break
        case .silent: return
        case .level(let number): level = LogLevel(rawValue: number) ?? level
        }
        evaluation.begin(record, .response)
        var figures = record.logFigures(evaluation)
        figures.origin = origin
        if !isRule { _ = frontend.shared.countLine() }
        evaluation.figures = figures
        send(frontends[frontend.shared.index], level, lines.format, lines.structuredData, origin, profile)
        evaluation.figures = nil
    }

    package func ruleAsked(
        _ record: ProxyExchange?, _ session: Session, _ frontend: FrontendWorker, _ origin: LogOrigin, profile: Int?
    ) {
        guard !frontends[frontend.shared.index].routes.isEmpty else { return }
        if let record { return log(record, origin, profile: profile) }
        let lines = frontend.settings.lines
        evaluation.begin(session)
        var figures = frontend.figures(of: session)
        figures.origin = origin
        figures.cause = UInt8(ascii: "P")
        figures.stage = UInt8(ascii: "R")
        evaluation.figures = figures
        send(frontends[frontend.shared.index], .info, lines.format, lines.structuredData, origin, profile)
        evaluation.figures = nil
    }

    package func connectionFailed(_ session: Session, _ frontend: FrontendWorker, _ failure: ConnectionFailure) {
        let proxy = frontends[frontend.shared.index]
        guard !proxy.routes.isEmpty else { return }
        let settings = frontend.settings
        let lines = settings.lines
        let isRequest: Bool
        if case .noRequest = failure { isRequest = true } else { isRequest = false }
        if settings.options.dontLogNull, isRequest || failure.isEmpty { return }
        if settings.options.ignoresProbes, isRequest { return }
        let format = lines.errorFormat ?? (isRequest ? lines.format : nil)
        let level = lines.separatesErrors ? LogLevel.error : .info
        let origin = isRequest ? LogOrigin.sessionError : .sessionKilled
        evaluation.begin(session)
        var figures = frontend.figures(of: session)
        figures.origin = origin
        figures.stage = UInt8(ascii: "R")
        figures.cause = UInt8(ascii: isRequest ? "C" : "P")
        if isRequest { figures.status = 400 }
        evaluation.figures = figures
        text.clear()
        if format == nil {
            // A frontend without a format says nothing of connections without a request.
            if isRequest {
                evaluation.figures = nil
                return
            }
            LogLine.appendFailure(session, frontend, failure, &date, to: &text)
        }
        _ = frontend.shared.countLine()
        send(proxy, level, format, lines.structuredData, origin, nil)
        evaluation.figures = nil
    }

    // MARK: Servers

    package func serverFailed(_ backend: SharedProxyBackend, _ server: SharedServer, _ failure: ConnectionFailure) {
        let index = backend.servers.index
        guard backends.indices.contains(index), !backends[index].routes.isEmpty else { return }
        text.clear()
        text.append("Connection to server ")
        text.append(backend.servers.settings.name)
        text.append("/")
        text.append(server.settings.name)
        text.append(" failed: ")
        text.append(failure.description)
        send(backends[index], .warning)
    }

    package func serverChanged(_ backend: SharedBackend, _ level: ServerMessageLevel, _ words: String) {
        guard backends.indices.contains(backend.index) else { return }
        text.clear()
        text.append(words)
        let level: LogLevel =
            switch level {
            case .notice: .notice
            case .alert: .alert
            case .emergency: .emergency
            }
        send(backends[backend.index], level)
    }

    package func frontendChanged(_ frontend: SharedFrontend, _ level: LogLevel, _ words: String) {
        text.clear()
        text.append(words)
        send(frontends[frontend.index], level)
    }

    /// Sends words to the targets of the `global` section.
    func processSaid(_ words: String) {
        text.clear()
        text.append(words)
        send(process, .info)
    }

    // MARK: Sending

    /// Sends ``text`` to all targets of a proxy.
    private func send(_ proxy: Proxy, _ level: LogLevel) { send(proxy, level, nil, nil, .none, nil) }

    /// Sends a line to all targets of a proxy.
    ///
    /// - Parameters:
    ///   - format: what makes the line; nil: it is in ``text``.
    ///   - profile: the profile to use for all targets; nil: each target's own.
    private func send(
        _ proxy: Proxy, _ level: LogLevel, _ format: Format?, _ data: Format?, _ origin: LogOrigin, _ profile: Int?
    ) {
        let words = text.bytes
        var line = Sample()
        var structured = Sample()
        var isMade = false
        for route in proxy.routes {
            guard level <= route.target.level, route.target.sampling?.takesNext() != false else { continue }
            if !isMade {
                isMade = true
                if let format { format.text(evaluation, &line) } else { line.setText(words.span) }
                data?.text(evaluation, &structured)
            }
            var chosen = line
            var chosenData = structured
            var tag = proxy.tag
            if let number = profile ?? route.target.profile, origin != .none {
                let profile = profiles[number]
                tag = profileTags[number] ?? tag
                if let step = profile.step(origin) {
                    if step.isDropped { continue }
                    if let format = step.format { format.text(evaluation, &chosen) }
                    if let data = step.structuredData { data.text(evaluation, &chosenData) }
                }
            }
            route.sender(for: chosen.bytes, evaluation)?.add(
                chosen.bytes, data: chosenData.bytes, level: level, tag: tag, wall: loop.clock.wall)
        }
        evaluation.scratch.release()
        loop.schedule(self)
    }

    public override func flush() {
        senders.send()
    }
}

extension LogOrigin {
    /// Whether a rule has asked for the line.
    fileprivate var isRule: Bool { rawValue >= LogOrigin.quicInitial.rawValue && self != .none }
}

extension ConnectionFailure {
    /// Whether the client sent nothing: what `option dontlognull` leaves out.
    fileprivate var isEmpty: Bool {
        switch self {
        case .closedEarly, .proxyHeader(.closed): true
        default: false
        }
    }
}
