import Bytes
package import Configuration
package import Connections
import Glibc
package import Proxying
package import Runtime
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

    package func exchangeEnded(_ record: ProxyExchange) {
        let targets = byFrontend[record.frontend.shared.index]
        guard !targets.isEmpty, let exchange = record.exchange else { return }
        let settings = record.frontend.settings
        if settings.options.dontLogNull, exchange.request.head == nil, exchange.bytesFromClient == 0 { return }
        text.clear()
        switch settings.logFormat {
        case .http where settings.mode == .http: line.appendHTTP(record, to: &text)
        case .http, .tcp: line.appendTCP(record, to: &text)
        case .standard:
            // One line per connection, when it brings its first exchange.
            guard record.number == 1 else { return }
            line.appendStandard(record.session, record.frontend, to: &text)
        }
        add(targets, .info)
    }

    package func connectionFailed(_ session: Session, _ frontend: FrontendWorker, _ failure: ConnectionFailure) {
        let targets = byFrontend[frontend.shared.index]
        guard !targets.isEmpty else { return }
        if frontend.settings.options.dontLogNull, case .closedEarly = failure { return }
        text.clear()
        line.appendFailure(session, frontend, failure, to: &text)
        add(targets, .info)
    }

    package func serverFailed(_ backend: SharedProxyBackend, _ server: SharedServer, _ failure: ConnectionFailure) {
        let targets = byBackend[backend.servers.index]
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

    private func add(_ targets: [LogSender], _ level: LogLevel) {
        for target in targets { target.add(text, level: level, wall: loop.clock.wall) }
        loop.schedule(self)
    }

    public override func flush() {
        for sender in senders.values { sender.send() }
    }
}
