import Bytes
import Configuration
package import Connections
import Messages
import MuxHTTP3
import Patterns
import QUICTransport
package import Rules
package import Runtime
import Samples
package import Servers
package import Streams
import Synchronization
import TLSTransport

/// What other threads tell a worker.
package enum WorkerMessage: Sendable {
    /// Stop listening, finish what is open, then end: SIGUSR1.
    case drain
    /// Stop listening, go on with what is open.
    case stopListening
    /// End at once: SIGTERM, or a soft stop that took too long.
    case stop
    /// Something has happened to a server or a backend.
    case server(ServerEvent)
    /// The backend's log gets a line about a server.
    case serverMessage(SharedBackend, ServerMessageLevel, String)
    /// Do this on the worker's thread: how another thread asks a worker something; see ``WorkerGroup/ask(_:_:)``. Nil
    /// comes in when the worker has ended.
    case perform(@Sendable (Worker?) -> Void)
}

/// One worker: a thread with its own loop, listeners, connections, pools and timers. Everything on it stays on its
/// thread; other threads post to its mailbox.
package final class Worker {
    package let index: Int
    package let blueprint: Blueprint
    package let loop: EventLoop
    package let resources: WorkerResources
    package let connections: ConnectionManager
    package let quic: QUICConnectionManager
    /// Connections to servers that no server counts any more.
    let closing: ClosingQueue
    let http3: HTTP3Resources
    package internal(set) var frontends: [FrontendWorker] = []
    /// The backends of now by their index.
    package private(set) var backends: [BackendWorker?] = []
    /// Where exchanges are logged; nil: nowhere.
    package var log: (any AccessLog)?
    var random: RandomNumbers
    /// Numbers for exchanges that this worker has taken from the process's count: the next one, and how many are left.
    private var numbers: (next: UInt64, left: Int) = (0, 0)
    /// Where rules run.
    let rules: RuleRun
    /// Exchanges that wait for the control thread.
    var serviceWaits = ServiceWaits()
    /// The exchanges that are open.
    var live = LiveExchanges()
    /// What exchanges have cost while that was measured.
    var profile = TaskProfile()
    /// What the worker and the process have used of CPU time lately.
    let usage = UsageMeter()
    /// What this worker has counted for the whole process.
    var process = ProcessTraffic()
    /// Where unique identifiers are made, in the middle of rules and log lines.
    let identifiers: Evaluation
    /// The machine's name, for `%H`.
    let hostname: [UInt8]
    /// Bytes that may wait in one half of an exchange.
    let halfLimit: Int
    /// `tune.bufsize`: bytes of a request's body that are kept for a retry.
    let bufferSize: Int

    let group: WorkerGroup
    /// Who makes statistics pages; nil: nobody.
    var statisticsService: (any StatisticsService)? { group.statisticsService }
    private var mailbox: MailboxPoller!
    /// The worker takes nothing new and ends.
    package private(set) var isDraining = false

    package init(index: Int, group: WorkerGroup, seed: UInt64) throws(WorkerError) {
        self.index = index
        self.group = group
        blueprint = group.blueprint
        random = RandomNumbers(seed: seed)
        let tune = blueprint.configuration.global.tune
        halfLimit = max(64 * 1024, tune.bufsize * 2)
        bufferSize = tune.bufsize
        do throws(SystemError) {
            loop = try EventLoop(maxEvents: tune.maxPollEvents)
        } catch { throw WorkerError("worker \(index + 1): \(error)") }
        resources = WorkerResources(
            buffers: BufferPool(slabSize: max(32 * 1024, tune.bufsize)),
            heads: HeadPool(byteLimit: max(tune.bufsize, tune.maxHeadSize), fieldLimit: tune.httpMaxHeaders + 16),
            clock: loop.clock, pipes: KernelPipePool(limit: blueprint.pipeLimit(of: index), size: tune.pipeSize))
        let patterns = blueprint.configuration.patterns
        if !patterns.references.isEmpty { loop.epochs = patterns.epochs.makeReader() }
        rules = RuleRun(
            Evaluation(
                resources, textLimit: tune.bufsize, processVariables: blueprint.processVariables,
                variableLimits: tune.variables, seed: random.next()))
        identifiers = Evaluation(
            resources, textLimit: 1024, processVariables: blueprint.processVariables,
            variableLimits: tune.variables, seed: random.next())
        hostname = Socket.hostname
        connections = ConnectionManager(loop: loop, resources: resources)
        closing = ClosingQueue(loop: loop)
        http3 = HTTP3Resources(resources)
        do throws(SystemError) {
            quic = try QUICConnectionManager(loop: loop, resources: resources, service: group.quic, worker: index)
        } catch { throw WorkerError("worker \(index + 1): QUIC: \(error)") }
        do throws(TLSError) {
            for backend in blueprint.backendTable.all { try add(backend) }
            var backHalves: [SourceLocation: BackendWorker] = [:]
            for case let backend? in backends where backend.settings.isListen {
                backHalves[backend.settings.location] = backend
            }
            for frontend in blueprint.frontends {
                let backend = frontend.settings.defaultBackend.flatMap { backends[$0] }
                let own = backHalves[frontend.settings.location]
                frontends.append(
                    try FrontendWorker(frontend, worker: self, backend: backend, ownBackend: own))
            }
        } catch { throw WorkerError("worker \(index + 1): TLS: \(error)") }
        rules.evaluation.process = self
        identifiers.process = self
        unsafe rules.logger = self
        connections.ranDry = { [unowned self] in endIfDrained() }
        quic.ranDry = { [unowned self] in endIfDrained() }
        mailbox = MailboxPoller(group.mailboxes[index]) { [unowned self] in take($0) }
        do throws(SystemError) {
            try loop.register(mailbox, descriptor: mailbox.descriptor, writing: false, levelTriggered: true)
        } catch { throw WorkerError("worker \(index + 1): \(error)") }
        try listen()
    }

    /// A number for an exchange that no other one of the process has (`%rt`).
    func nextNumber() -> UInt32 {
        if numbers.left == 0 {
            let block = 64
            numbers = (blueprint.requests.wrappingAdd(UInt64(block), ordering: .relaxed).oldValue, block)
        }
        defer { numbers = (numbers.next + 1, numbers.left - 1) }
        return UInt32(truncatingIfNeeded: numbers.next)
    }

    /// The backend of a name; nil when there is none.
    func backendWorker(named name: Span<UInt8>) -> BackendWorker? {
        for case let backend? in backends where backend.shared.isNamed(name) { return backend }
        return nil
    }

    private func listen() throws(WorkerError) {
        for entry in group.sockets.byWorker[index] {
            let descriptor = OwnedDescriptor(adopting: entry.descriptor)
            let frontend = frontends[entry.frontend]
            switch entry.transport {
            case .stream: try frontend.listen(descriptor, bind: entry.bind)
            case .quic:
                try frontend.listenQUIC(descriptor, bind: entry.bind, isShared: entry.isShared, manager: quic)
            }
        }
        for frontend in frontends {
            for bind in frontend.shared.binds {
                if case .reversed(let target) = bind.settings.address { frontend.preconnect(bind: bind, to: target) }
            }
        }
    }

    /// Turns until told to stop, on this thread.
    package func run() {
        do throws(SystemError) {
            try loop.run()
        } catch {
            report("worker \(index + 1): \(error)")
        }
        // What the process's end closes would not tell the servers that it was us, and would keep ports in TIME_WAIT.
        closing.closeAll()
        log?.flush()
        quic.closeSockets()
        group.workerEnded(index)
        // They hold the worker.
        frontends = []
        backends = []
    }

    private func take(_ message: WorkerMessage) {
        switch message {
        case .drain: drain()
        case .stopListening: stopListening()
        case .stop:
            stopListening()
            quic.stop()
            connections.stop()
            loop.stop()
        case .server(let event): take(event)
        case .serverMessage(let backend, let level, let text): log?.serverChanged(backend, level, text)
        case .perform(let work): work(self)
        }
    }

    // MARK: Servers come and go

    private func add(_ backend: SharedProxyBackend) throws(TLSError) {
        let index = backend.servers.index
        while backends.count <= index { backends.append(nil) }
        guard backends[index]?.shared !== backend else { return }
        backends[index] = try BackendWorker(backend, worker: self)
    }

    /// This worker's side of a backend; nil when it is not in the table (any more).
    package func find(_ backend: SharedBackend) -> BackendWorker? {
        guard backend.index < backends.count, let found = backends[backend.index], found.shared.servers === backend
        else {
            return nil
        }
        return found
    }

    private func take(_ event: ServerEvent) {
        switch event {
        case .backendAdded(let backend):
            guard let backend = backend as? SharedProxyBackend else { return }
            do throws(TLSError) { try add(backend) } catch {
                report("worker \(index + 1): backend '\(backend.servers.settings.name)': \(error)")
            }
        case .backendRemoved(let backend):
            guard let backend = backend as? SharedProxyBackend, let found = find(backend.servers) else { return }
            found.end()
            backends[backend.servers.index] = nil
        case .serverAdded(let server): find(server.backend)?.backend.add(server)
        case .serverRemoved(let server): find(server.backend)?.backend.remove(server)
        case .balancerChanged(let backend, let balancer): find(backend)?.backend.take(balancer)
        case .factsChanged(let server, let facts): find(server.backend)?.backend.take(facts, of: server)
        case .purge(let server): find(server.backend)?.backend.find(server)?.purge()
        case .shutdownSessions(let server, let cause): find(server.backend)?.backend.shutDown(server, cause)
        case .placesFreed(let backend): find(backend)?.backend.serveQueue()
        case .placeGranted(let server, let ticket, _): find(server.backend)?.backend.granted(server, ticket)
        case .requeue(let server): find(server.backend)?.backend.requeue(server)
        case .noServerLeft(let backend): find(backend)?.backend.noServerLeft()
        case .stateChanged, .checksChanged, .message: break
        }
    }

    private func stopListening() {
        for frontend in frontends { frontend.closeListeners() }
    }

    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        stopListening()
        connections.drain()
        quic.drain()
        for backend in backends { backend?.releaseIdle() }
        endIfDrained()
    }

    /// Ends the worker when it drains and nothing is open any more.
    func endIfDrained() {
        guard isDraining, connections.clientCount == 0, quic.clientCount == 0 else { return }
        loop.stop()
    }

    /// Tells the operator about trouble that belongs to no exchange.
    func report(_ text: String) { group.report(text) }

    func noteServerFailure(_ backend: SharedProxyBackend, _ server: SharedServer, _ failure: ConnectionFailure) {
        log?.serverFailed(backend, server, failure)
    }
}

/// A worker that could not be set up.
package struct WorkerError: Error, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// What the workers of a process have in common: the blueprint, their sockets and mailboxes.
package final class WorkerGroup: Sendable {
    package let blueprint: Blueprint
    package let sockets: ListenerSockets
    package let mailboxes: [Mailbox<WorkerMessage>]
    /// What the workers share for QUIC.
    package let quic: QUICService
    /// Whose QUIC connections write qlog files.
    package var quicLogs: QUICLogService { quic.logs }
    /// Takes lines for the operator, from any thread.
    let report: @Sendable (String) -> Void
    /// Who makes statistics pages; nil: nobody.
    let statisticsService: (any StatisticsService)?
    /// Who changes lists of patterns at the request of rules; nil: nobody.
    let patternWriter: (any PatternWriter)?
    /// Who finds addresses of names; nil: nobody.
    let addressFinder: (any AddressFinder)?
    /// What `use-service` can name.
    let services: [String: any HTTPService]
    /// By worker: whether its loop has ended.
    private let ended: [EndedFlag]
    private let posts = Atomic<UInt64>(0)

    package init(
        _ blueprint: Blueprint, sockets: ListenerSockets, statistics: (any StatisticsService)? = nil,
        patterns: (any PatternWriter)? = nil, addresses: (any AddressFinder)? = nil,
        services: [String: any HTTPService] = [:], inheritance: QUICInheritance? = nil,
        report: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        statisticsService = statistics
        patternWriter = patterns
        addressFinder = addresses
        self.services = services
        self.blueprint = blueprint
        self.sockets = sockets
        self.report = report
        let secret = blueprint.configuration.global.clusterSecret
        quic = try QUICService(
            workers: blueprint.workerCount,
            key: secret.map { QUICServiceKey(clusterSecret: Array($0.utf8)) } ?? inheritance?.key,
            steeringKey: inheritance?.steeringKey, generation: sockets.generation)
        var mailboxes: [Mailbox<WorkerMessage>] = []
        for _ in 0..<blueprint.workerCount { mailboxes.append(try Mailbox()) }
        self.mailboxes = mailboxes
        ended = mailboxes.map { _ in EndedFlag() }
        blueprint.events.subscribe { [unowned self] in tell($0) }
    }

    /// Brings an event to the workers; words go to one of them, who writes the log, and to the operator.
    private func tell(_ event: ServerEvent) {
        switch event {
        case .stateChanged, .checksChanged: break
        case .placeGranted(_, _, let worker):
            if mailboxes.indices.contains(worker) { mailboxes[worker].post(.server(event)) }
        case .message(let backend, let level, let text):
            report(text)
            mailboxes.first?.post(.serverMessage(backend, level, text))
        default: post(.server(event))
        }
    }

    /// Messages posted to every worker so far.
    package var postCount: UInt64 { posts.load(ordering: .relaxed) }

    /// Posts a message to every worker.
    package func post(_ message: WorkerMessage) {
        posts.wrappingAdd(1, ordering: .relaxed)
        for mailbox in mailboxes { mailbox.post(message) }
    }

    /// Asks one worker: `question` runs on its thread, between two turns, and has to be short. `answer` is called once,
    /// on the worker's thread, or on any with nil when the worker has ended. Nothing waits meanwhile.
    package func ask<Answer: Sendable>(
        _ index: Int, _ question: @escaping @Sendable (Worker) -> Answer,
        answer: @escaping @Sendable (Answer?) -> Void
    ) {
        mailboxes[index].post(.perform { worker in answer(worker.map(question)) })
        // It may have ended before the message came.
        if ended[index].isSet { refuseMessages(index) }
    }

    /// The worker's loop has ended: what waits, and what comes, is answered with nil.
    func workerEnded(_ index: Int) {
        ended[index].set()
        quic.workerEnded(index)
        refuseMessages(index)
    }

    private func refuseMessages(_ index: Int) {
        for message in mailboxes[index].take() {
            if case .perform(let work) = message { work(nil) }
        }
    }
}

/// A flag that is set once, by any thread.
private final class EndedFlag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .sequentiallyConsistent) }
    func set() { value.store(true, ordering: .sequentiallyConsistent) }
}

/// Polls a worker's mailbox.
package final class MailboxPoller: Pollable {
    private let mailbox: Mailbox<WorkerMessage>
    private let handle: (WorkerMessage) -> Void
    var descriptor: Int32 { mailbox.descriptor }

    init(_ mailbox: Mailbox<WorkerMessage>, handle: @escaping (WorkerMessage) -> Void) {
        self.mailbox = mailbox
        self.handle = handle
    }

    public override func ready(_ events: PollEvents) {
        for message in mailbox.take() { handle(message) }
    }
}
