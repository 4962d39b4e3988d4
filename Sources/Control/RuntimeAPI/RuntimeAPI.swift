package import Bytes
package import Configuration
import Glibc
package import Language
package import Proxying
import Resolution
import Runtime
import Servers

/// The runtime API of a process (management.txt, section 9.3): sockets on which operators and their scripts look at the
/// process and change it. It runs on the control thread; what it needs of the workers it asks them by message.
@ControlActor
package final class RuntimeAPI {
    /// What the process tells about itself.
    package struct ProcessFacts: Sendable {
        /// The release of HAProxy whose words are spoken.
        package let version: String
        /// This program's own version.
        package let build: String
        /// When the process started, on the monotonic clock, and on the wall clock in nanoseconds since 1970.
        package let startedAt: Instant
        package let startedWall: UInt64
        /// Milliseconds that the start took.
        package let bootMilliseconds: Int
        /// `-m`, in megabytes; 0: no limit.
        package let memoryLimit: Int
        /// What was said on standard error until the workers served.
        package let startupLog: [String]

        /// How servers and backends are described that are added at run time.
        package let language: RuntimeLanguage

        package init(
            version: String, build: String, startedAt: Instant, startedWall: UInt64, bootMilliseconds: Int,
            memoryLimit: Int, startupLog: [String], language: RuntimeLanguage
        ) {
            self.version = version
            self.build = build
            self.startedAt = startedAt
            self.startedWall = startedWall
            self.bootMilliseconds = bootMilliseconds
            self.memoryLimit = memoryLimit
            self.startupLog = startupLog
            self.language = language
        }
    }

    package let workers: WorkerGroup
    package let facts: ProcessFacts
    package let loop: ControlLoop
    let table: CommandTable
    let sockets: RuntimeSockets
    package private(set) var statistics: StatisticsCollector!
    /// Older and newer processes on the same UDP addresses; nil before the start.
    var succession: QUICSuccession?
    /// Names that are followed; nil before ``startResolution()``.
    private(set) var resolution: ResolutionService?
    /// The process drains.
    private(set) var isStopping = false
    private var listeners: [CommandListener] = []
    /// Where a master process's clients come from; open to the end.
    private var masterLink: MasterLink?
    /// What only the master process's own commands need; nil in a process that serves.
    var master: MasterControl?
    private var sessions = 0
    /// What ``WorkerGroup/postCount`` was when workers had last done all that they were told.
    private var settledPosts: UInt64 = 0

    package var configuration: Configuration { workers.blueprint.configuration }
    /// Certificates and authorities in memory, and what operators are changing about them.
    package var tlsFiles: TLSFiles { workers.blueprint.tlsFiles }
    let transactions = TLSTransactions()
    package var settings: RuntimeAPISettings { configuration.global.runtimeAPI }
    /// Bytes that a line of commands may have.
    var lineLimit: Int { configuration.global.tune.bufsize }

    /// Tells the operator something, on standard error.
    package let report: @Sendable (String) -> Void

    init(
        _ workers: WorkerGroup, sockets: RuntimeSockets, facts: ProcessFacts, table: CommandTable, loop: ControlLoop,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.report = report
        self.workers = workers
        self.sockets = sockets
        self.facts = facts
        self.table = table
        self.loop = loop
        statistics = StatisticsCollector(self)
    }

    /// Begins to follow the names of servers.
    func startResolution() throws(Runtime.SystemError) {
        let service = try ResolutionService(configuration, loop: loop.loop)
        resolution = service
        workers.blueprint.events.subscribe { [weak self] event in
            switch event {
            case .serverAdded(let server): controlTask { self?.resolution?.add(server) }
            case .serverRemoved(let server): controlTask { self?.resolution?.remove(server) }
            default: break
            }
        }
        for backend in backends.all {
            for server in backend.servers.servers { service.add(server) }
        }
    }

    /// Seconds since the start.
    package var uptime: Int { Int(loop.now.nanoseconds(since: facts.startedAt) / 1_000_000_000) }

    /// The uptime as the timed prompt shows it: days, hours, minutes, seconds.
    var uptimeText: String { Self.uptimeText(uptime) }

    /// A number of seconds as timed prompts show it.
    static func uptimeText(_ uptime: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(uptime / 86_400):\(two(uptime / 3600 % 24)):\(two(uptime / 60 % 60)):\(two(uptime % 60))"
    }

    // MARK: Workers

    /// Asks every worker, and returns the answers in the workers' order once all have come. `question` runs on each
    /// worker's thread between two of its turns: it has to be short, since traffic waits meanwhile. A worker that has
    /// ended gives no answer.
    package func askWorkers<Answer: Sendable>(
        _ question: @escaping @Sendable (Worker) -> Answer
    ) async -> [Answer] {
        let count = workers.mailboxes.count
        guard count > 0 else { return [] }
        return await withCheckedContinuation { continuation in
            let gathered = GatheredAnswers<Answer>(count) { continuation.resume(returning: $0) }
            for index in 0..<count { workers.ask(index, question) { gathered.put($0, at: index) } }
        }
    }

    /// Waits until every worker has done what it was told before: a client that has its answer finds the change made.
    func settle() async {
        let count = workers.postCount
        guard count != settledPosts else { return }
        _ = await askWorkers { _ in }
        settledPosts = max(settledPosts, count)
    }

    /// Asks one worker, by its index; nil when it has ended.
    package func askWorker<Answer: Sendable>(
        _ index: Int, _ question: @escaping @Sendable (Worker) -> Answer
    ) async -> Answer? {
        await withCheckedContinuation { continuation in
            workers.ask(index, question) { continuation.resume(returning: $0) }
        }
    }

    // MARK: Clients

    func listen() throws(Runtime.SystemError) {
        statistics.start()
        for socket in sockets.entries {
            if socket.isMasterLink {
                masterLink = try MasterLink(socket.descriptor, loop: loop) { [weak self] descriptor in
                    self?.accepted(descriptor, on: socket.settings, isCounted: false)
                }
                continue
            }
            listeners.append(
                try CommandListener(socket.descriptor, loop: loop) { [weak self] descriptor in
                    self?.accepted(descriptor, on: socket.settings)
                })
        }
    }

    /// Takes no more clients: the process drains. Those that are here stay.
    package func stopListening() {
        isStopping = true
        for listener in listeners { listener.close() }
        listeners = []
    }

    private func accepted(_ descriptor: Int32, on socket: RuntimeSocketSettings, isCounted: Bool = true) {
        let connection: CommandConnection
        do throws(Runtime.SystemError) {
            connection = try CommandConnection(
                OwnedDescriptor(adopting: descriptor), loop: loop, inputLimit: lineLimit, timeout: settings.timeout)
        } catch { return }
        let session = CommandSession(connection, on: socket, api: self)
        guard isCounted else {
            controlTask { await session.run() }
            return
        }
        sessions += 1
        if sessions >= settings.maxconn { for listener in listeners { listener.pause() } }
        controlTask { [self] in
            await session.run()
            sessions -= 1
            for listener in listeners { listener.resume() }
        }
    }
}

/// A listening socket of the runtime API.
@ControlActor
final class CommandListener {
    private let loop: ControlLoop
    private let descriptor: Int32
    private var poller: ControlPoller!
    private var isPaused = false
    private let accepted: (Int32) -> Void

    init(_ descriptor: Int32, loop: ControlLoop, accepted: @escaping (Int32) -> Void) throws(Runtime.SystemError) {
        self.descriptor = descriptor
        self.loop = loop
        self.accepted = accepted
        poller = ControlPoller { [weak self] _ in self?.accept() }
        try loop.watch(poller, descriptor: descriptor, writing: false, levelTriggered: true)
    }

    private func accept() {
        while !isPaused {
            do throws(Runtime.SystemError) {
                guard let (client, _) = try Socket.accept(descriptor) else { return }
                accepted(client)
            } catch {
                // Out of descriptors: those that wait are taken when a session ends.
                return pause()
            }
        }
    }

    /// The rest waits in the kernel's queue.
    func pause() {
        guard !isPaused else { return }
        isPaused = true
        loop.forget(poller, descriptor: descriptor)
    }

    func resume() {
        guard isPaused else { return }
        do throws(Runtime.SystemError) {
            try loop.watch(poller, descriptor: descriptor, writing: false, levelTriggered: true)
            isPaused = false
        } catch {}
    }

    func close() {
        pause()
        _ = Glibc.close(descriptor)
    }
}
