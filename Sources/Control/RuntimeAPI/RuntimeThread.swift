package import Bytes
import Configuration
package import Connections
import Glibc
package import Proxying
import Resolution
package import Rules
import Runtime
import Synchronization

/// The thread of the runtime API, as the rest of the process sees it.
package final class RuntimeThread: Sendable {
    private let sockets: RuntimeSockets
    private let report: @Sendable (String) -> Void
    /// Changes of lists of patterns that wait.
    private let waitingChanges = Atomic<Int>(0)
    /// Most changes that may wait.
    private static let changeLimit = 65_536

    /// What an earlier process counted.
    private let earlier: EarlierStatistics
    /// What an older process gave for QUIC.
    private let inheritance: QUICInheritance?

    /// - Parameters:
    ///   - report: takes what goes wrong, for the operator.
    package init(
        sockets: RuntimeSockets, earlier: EarlierStatistics = EarlierStatistics(),
        inheritance: QUICInheritance? = nil,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.sockets = sockets
        self.earlier = earlier
        self.inheritance = inheritance
        self.report = report
    }

    /// Starts the thread. Nothing is started when nothing of the configuration needs it.
    package func start(_ workers: WorkerGroup, facts: RuntimeAPI.ProcessFacts) {
        guard !sockets.entries.isEmpty || inheritance != nil || workers.blueprint.configuration.needsControl else {
            return
        }
        do throws(SystemError) {
            try SystemThread.detach { [self] in run(workers, facts) }
        } catch { report("runtime API: cannot start its thread: \(error)") }
    }

    private func run(_ workers: WorkerGroup, _ facts: RuntimeAPI.ProcessFacts) {
        do throws(SystemError) {
            try ControlLoop.run { [self] loop in
                let api = RuntimeAPI(
                    workers, sockets: sockets, facts: facts, table: .standard, loop: loop, report: report)
                api.statistics.begin(with: earlier)
                api.succession = QUICSuccession(api, inheritance: inheritance)
                RuntimeThread.api = api
                do throws(SystemError) {
                    try api.startResolution()
                    try api.listen()
                } catch { report("runtime API: \(error)") }
            }
        } catch { report("runtime API: \(error)") }
    }

    @ControlActor private static var api: RuntimeAPI?

    /// Takes no more clients: the process drains.
    package func stopListening() {
        guard !sockets.entries.isEmpty || inheritance != nil else { return }
        controlTask { RuntimeThread.api?.stopListening() }
    }
}

extension RuntimeThread: StatisticsService {
    package func answer(_ request: StatisticsRequest, reply: @escaping @Sendable (ReplyContent) -> Void) {
        controlTask {
            guard let api = RuntimeThread.api else {
                return reply(ReplyContent(status: 503, body: Array("The statistics are not ready yet.\n".utf8)))
            }
            reply(await StatisticsAnswer.make(request, api))
        }
    }
}

extension RuntimeThread: PatternWriter {
    package func write(_ change: PatternChange, done: @escaping @Sendable () -> Void) -> Bool {
        guard waitingChanges.wrappingAdd(1, ordering: .relaxed).newValue <= Self.changeLimit else {
            waitingChanges.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        controlTask { [self] in
            change.apply()
            waitingChanges.wrappingSubtract(1, ordering: .relaxed)
            done()
        }
        return true
    }
}

extension RuntimeThread: AddressFinder {
    package func find(_ question: AddressQuestion, done: @escaping @Sendable (SocketAddress?) -> Void) {
        controlTask {
            guard let resolution = RuntimeThread.api?.resolution else { return done(nil) }
            resolution.lookUp(
                question.name, in: question.resolvers, preferred: question.prefersIPv4 ? .ipv4 : .ipv6, done: done)
        }
    }
}

extension RuntimeThread {
    /// What `use-service` can name.
    package static let services: [String: any HTTPService] = ["prometheus-exporter": PrometheusService()]

    private final class PrometheusService: HTTPService {
        let logName = "<PROMEX>"

        func answer(_ request: ServiceRequest, reply: @escaping @Sendable (ReplyContent) -> Void) {
            controlTask {
                guard let api = RuntimeThread.api else { return reply(BuiltInErrors.message(503)) }
                reply(await PrometheusExporter.answer(String(decoding: request.target, as: UTF8.self), api))
            }
        }
    }
}

extension Configuration {
    /// Whether something needs the control thread: a statistics page, a name that is followed, rules that change lists of
    /// patterns.
    fileprivate var needsControl: Bool {
        frontends.contains { $0.statisticsPage != nil || $0.rules.needsControl }
            || backends.contains { backend in
                backend.statisticsPage != nil || backend.rules.needsControl
                    || backend.servers.contains { $0.resolution.resolvers != nil }
            }
    }
}
