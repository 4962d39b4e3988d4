import Bytes
import Configuration
import Proxying
import Runtime
import Samples
import Servers

/// The senders of one thread. Targets that differ only in what is decided before a line is sent share one.
final class LogSenders {
    private let configuration: Configuration
    private let blueprint: Blueprint
    private let hostname: String
    private var senders: [LogTarget: LogSender] = [:]

    init(_ blueprint: Blueprint) {
        self.blueprint = blueprint
        configuration = blueprint.configuration
        hostname =
            switch configuration.global.logHostname {
            case .fixed(let name): name
            case .system, nil: String(decoding: Socket.hostname, as: UTF8.self)
            }
    }

    /// The way to a target.
    func route(to target: LogTarget) throws(SystemError) -> LogRoute {
        guard case .backend(let number) = target.destination else {
            return LogRoute(target, sender: try sender(for: target))
        }
        let backend = blueprint.backends[configuration.logBackends[number]].servers
        return LogRoute(target, spread: LogSpread(over: backend, target, self))
    }

    /// The sender for a target, opened when there is none yet.
    func sender(for target: LogTarget) throws(SystemError) -> LogSender {
        var key = target
        key.sampling = nil
        key.profile = nil
        key.level = .debug
        if let known = senders[key] { return known }
        let sender = try LogSender(key, hostname: hostname, configuration: configuration)
        senders[key] = sender
        return sender
    }

    /// Sends what was gathered.
    func send() {
        for sender in senders.values { sender.send() }
    }
}

/// A `log` line: its sender, or the servers that its lines are spread over.
final class LogRoute {
    let target: LogTarget
    private let sender: LogSender?
    private let spread: LogSpread?

    init(_ target: LogTarget, sender: LogSender) {
        self.target = target
        self.sender = sender
        spread = nil
    }

    init(_ target: LogTarget, spread: LogSpread) {
        self.target = target
        sender = nil
        self.spread = spread
    }

    /// Who sends a line; nil: nobody can.
    func sender(for text: Span<UInt8>, _ evaluation: Evaluation) -> LogSender? {
        sender ?? spread?.sender(for: text, evaluation)
    }
}

/// Spreads the lines of a target over the servers of a backend in `mode log`.
final class LogSpread {
    private let backend: SharedBackend
    private let target: LogTarget
    private unowned let senders: LogSenders
    /// The port of syslog, for servers without one.
    private static let port: UInt16 = 514

    init(over backend: SharedBackend, _ target: LogTarget, _ senders: LogSenders) {
        self.backend = backend
        self.target = target
        self.senders = senders
    }

    /// The sender for the server that a line goes to. Without one the line is dropped, and counted.
    func sender(for text: Span<UInt8>, _ evaluation: Evaluation) -> LogSender? {
        guard let server = server(for: text, evaluation), let destination = destination(of: server) else {
            droppedLogLines.add(1)
            return nil
        }
        var target = target
        target.destination = destination
        do throws(SystemError) { return try senders.sender(for: target) } catch {
            droppedLogLines.add(1)
            return nil
        }
    }

    private func server(for text: Span<UInt8>, _ evaluation: Evaluation) -> SharedServer? {
        var key: UInt32?
        if case .logHash(let converters) = backend.settings.balance {
            var sample = Sample()
            sample.setText(text)
            guard converters.expression.convert(evaluation, &sample, as: .bin) else { return nil }
            key = KeyHash.hash(sample.bytes, backend.settings.hashing)
        }
        return backend.balancer.choose(key: key, random: evaluation.random.next()).server
    }

    private func destination(of server: SharedServer) -> LogDestination? {
        let settings = server.settings
        if let ring = settings.ring { return .ring(ring) }
        switch settings.address {
        case .unix(let path): return .unix(path: path)
        case .abstract, .reversed: return nil
        case .host(let host, let port):
            if case .fixed(let number) = port { return .udp(host, port: number) }
            return .udp(host, port: Self.port)
        }
    }
}
