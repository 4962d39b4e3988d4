import Bytes
package import Configuration
package import Connections
import Glibc
package import Proxying
package import Runtime
import Samples
package import Servers
import Streams

/// One worker's access log: formats lines and hands them to the senders of each proxy's `log` lines.
package final class WorkerLog: LoopMember, AccessLog {
    private let loop: EventLoop
    private var senders: [LogTarget: LogSender] = [:]
    private var byFrontend: [[LogSender]] = []
    private var byBackend: [[LogSender]] = []
    private var text = LogText()
    private var line: LogLine
    /// Targets that could not be opened: for the operator.
    package private(set) var failures: [String] = []

    package init(_ configuration: Configuration, loop: EventLoop) {
        self.loop = loop
        line = LogLine(uriLimit: configuration.global.tune.httpLogURILength)
        super.init()
        let hostname =
            switch configuration.global.logHostname {
            case .fixed(let name): name
            case .system, nil: Self.systemHostname()
            }
        func open(_ targets: [LogTarget], _ tag: String?) -> [LogSender] {
            targets.compactMap { target in
                if let known = senders[target] { return known }
                do throws(SystemError) {
                    let tag = tag ?? configuration.global.logTag ?? "haproxy"
                    let sender = try LogSender(target, tag: tag, hostname: hostname)
                    senders[target] = sender
                    return sender
                } catch {
                    failures.append("log target \(target.destination): \(error)")
                    return nil
                }
            }
        }
        byFrontend = configuration.frontends.map { open($0.logs, $0.logTag) }
        byBackend = configuration.backends.map { open($0.logs, $0.logTag) }
    }

    private static func systemHostname() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package func requestReceived(_ record: ProxyExchange) {
        let targets = byFrontend[record.frontend.shared.index]
        // The standard line needs nothing that comes later.
        guard !targets.isEmpty, record.frontend.settings.logFormat == .standard else { return }
        text.clear()
        line.appendStandard(record.session, record.frontend, to: &text)
        add(targets, .info)
    }

    package func exchangeEnded(_ record: ProxyExchange) {
        let targets = byFrontend[record.frontend.shared.index]
        guard !targets.isEmpty, let exchange = record.exchange else { return }
        let settings = record.frontend.settings
        if settings.options.dontLogNull, Self.isEmpty(record, exchange, settings.mode) { return }
        text.clear()
        switch settings.logFormat {
        case .http where settings.mode == .http: line.appendHTTP(record, to: &text)
        case .http, .tcp: line.appendTCP(record, to: &text)
        case .standard: return
        }
        add(targets, .info)
    }

    /// Whether the client sent nothing. In HTTP mode an exchange opens with its first byte, but for the 408 to a client
    /// that sent none: that one opens and ends in the same turn.
    private static func isEmpty(_ record: ProxyExchange, _ exchange: Exchange, _ mode: ProxyMode) -> Bool {
        if mode == .tcp { return exchange.bytesFromClient == 0 }
        return exchange.request.head == nil && record.ownStatus == 408
            && exchange.openedAt == exchange.resources.clock.now
    }

    package func connectionFailed(_ session: Session, _ frontend: FrontendWorker, _ failure: ConnectionFailure) {
        let targets = byFrontend[frontend.shared.index]
        guard !targets.isEmpty else { return }
        let settings = frontend.settings
        text.clear()
        if case .noRequest = failure {
            guard !settings.options.dontLogNull, settings.logFormat == .http else { return }
            line.appendEmptyHTTP(session, frontend, to: &text)
        } else {
            if settings.options.dontLogNull, failure.isEmpty { return }
            line.appendFailure(session, frontend, failure, to: &text)
        }
        add(targets, .info)
    }

    package func serverFailed(_ backend: SharedProxyBackend, _ server: SharedServer, _ failure: ConnectionFailure) {
        let index = backend.servers.index
        let targets = byBackend.indices.contains(index) ? byBackend[index] : []
        guard !targets.isEmpty else { return }
        text.clear()
        text.append("Connection to server ")
        text.append(backend.servers.settings.name)
        text.append("/")
        text.append(server.settings.name)
        text.append(" failed: ")
        text.append(failure.description)
        add(targets, .warning)
    }

    package func serverChanged(_ backend: SharedBackend, _ level: ServerMessageLevel, _ words: String) {
        guard byBackend.indices.contains(backend.index) else { return }
        text.clear()
        text.append(words)
        let level: LogLevel =
            switch level {
            case .notice: .notice
            case .alert: .alert
            case .emergency: .emergency
            }
        add(byBackend[backend.index], level)
    }

    private func add(_ targets: [LogSender], _ level: LogLevel) {
        for target in targets { target.add(text, level: level, wall: loop.clock.wall) }
        loop.schedule(self)
    }

    public override func flush() {
        for sender in senders.values { sender.send() }
    }
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
