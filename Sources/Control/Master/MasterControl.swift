package import Configuration
import Glibc
import Proxying
package import Runtime

/// The master process: it minds its worker processes, brings signals to them, replaces its program when it is to reload,
/// and listens for commands (management.txt, sections 3, 4 and 9.4). It runs on the control thread, the only one that a
/// master has.
@ControlActor
package final class MasterControl {
    /// What the program does for it.
    package struct Program: Sendable {
        package enum Weight: Sendable { case notice, warning, alert }

        /// Tells the operator.
        package let say: @Sendable (Weight, String) -> Void
        /// Tells systemd, when it wants to know.
        package let notify: @Sendable (String) -> Void
        /// What was said since the start or the reload, by the master and the worker that it loads.
        package let startupLog: @Sendable () -> [String]
        /// The next signal of the descriptor; nil: none waits.
        package let nextSignal: @Sendable () -> Int32?
        /// A worker serves for the first time since the start or the reload: pidfile, older processes, the launcher of a
        /// daemon. Throws what the master ends of.
        package let loaded: @Sendable () throws(Failure) -> Void
        /// The operator has been told so: a daemon leaves the terminal.
        package let told: @Sendable () -> Void
        /// A process has ended that may be one that was to be told so.
        package let ended: @Sendable (Int32) -> Void
        /// Replaces the program by itself, anew. Returns only when that fails: why.
        package let replace: @Sendable (ProcessList, _ isHard: Bool, _ listeners: [Int32]) -> String

        package struct Failure: Error, Sendable {
            package let reason: String
            package init(_ reason: String) { self.reason = reason }
        }

        package init(
            say: @escaping @Sendable (Weight, String) -> Void, notify: @escaping @Sendable (String) -> Void,
            startupLog: @escaping @Sendable () -> [String], nextSignal: @escaping @Sendable () -> Int32?,
            loaded: @escaping @Sendable () throws(Failure) -> Void, told: @escaping @Sendable () -> Void,
            ended: @escaping @Sendable (Int32) -> Void,
            replace: @escaping @Sendable (ProcessList, _ isHard: Bool, _ listeners: [Int32]) -> String
        ) {
            self.say = say
            self.notify = notify
            self.startupLog = startupLog
            self.nextSignal = nextSignal
            self.loaded = loaded
            self.told = told
            self.ended = ended
            self.replace = replace
        }
    }

    package private(set) var processes: ProcessList
    private let settings: GlobalSettings
    private let program: Program
    private let loop: ControlLoop
    let api: RuntimeAPI
    private let signals: Int32
    private var signalPoller: ControlPoller!
    /// Watches the link of the worker that loads.
    private var loadPoller: ControlPoller?
    private var listeners: [CommandListener] = []
    private let sockets: [RuntimeSockets.Entry]
    private var clients = 0
    /// Whether the last load went well.
    private var hasLoaded = false
    /// The code of the first worker whose end was no good one.
    private var exitCode: Int32?
    /// Signals that wait for the end of a load.
    private var waitingSignals: [Int32] = []
    /// Clients that wait for it.
    private var waitingClients: [Int32] = []
    /// Clients of the master CLI at once, as in HAProxy.
    private static let clientLimit = 10

    /// Makes the calling thread the control thread of a master, and minds its workers until the last has ended, which
    /// ends the process.
    ///
    /// - Parameters:
    ///   - processes: the workers; the last one may be loading.
    ///   - signals: turns readable with a signal.
    ///   - sockets: of the master CLI.
    package nonisolated static func run(
        _ processes: ProcessList, _ settings: GlobalSettings, facts: RuntimeAPI.ProcessFacts, signals: Int32,
        sockets: RuntimeSockets, program: Program
    ) throws(Runtime.SystemError) {
        let blueprint: Blueprint
        var global = settings
        global.runtimeAPI = RuntimeAPISettings()
        do throws(BlueprintError) {
            blueprint = try Blueprint(Configuration(global: global), workerCount: 0, processMaxconn: 100)
        } catch { throw Runtime.SystemError("blueprint of the master: \(error)", 0) }
        let group = try WorkerGroup(blueprint, sockets: .none) { program.say(.warning, $0) }
        try ControlLoop.run { loop in
            let api = RuntimeAPI(group, sockets: RuntimeSockets(), facts: facts, table: .master, loop: loop) {
                program.say(.warning, $0)
            }
            let master = MasterControl(
                processes, global, api: api, signals: signals, sockets: sockets, program: program)
            api.master = master
            master.start()
        }
    }

    private init(
        _ processes: ProcessList, _ settings: GlobalSettings, api: RuntimeAPI, signals: Int32, sockets: RuntimeSockets,
        program: Program
    ) {
        self.processes = processes
        self.settings = settings
        self.program = program
        self.api = api
        self.signals = signals
        self.sockets = sockets.entries
        loop = api.loop
    }

    private func start() {
        do throws(Runtime.SystemError) {
            let poller = ControlPoller { [weak self] _ in self?.takeSignals() }
            signalPoller = poller
            try loop.watch(poller, descriptor: signals, writing: false, levelTriggered: true)
            if let worker = processes.workers.first(where: \.isLoading) { try watch(worker) }
            for socket in sockets {
                listeners.append(
                    try CommandListener(socket.descriptor, loop: loop) { [weak self] in
                        self?.accepted($0, on: socket.settings)
                    })
            }
        } catch {
            program.say(.alert, "master: \(error)")
            exit(1)
        }
        takeWaitingClients()
        if !isLoading { answerWaitingClients() }
        // Some may have ended while the program was replaced.
        collect()
    }

    /// A worker does not serve yet.
    var isLoading: Bool { processes.workers.contains(where: \.isLoading) }

    /// What `show startup-logs` shows.
    func startupLog() -> [String] { program.startupLog() }

    /// `0d00h02m07s` since a second since 1970.
    func uptime(_ start: Int) -> String {
        let seconds = secondsSince(start)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(seconds / 86400)d\(two(seconds % 86400 / 3600))h\(two(seconds % 3600 / 60))m\(two(seconds % 60))s"
    }

    func secondsSince(_ start: Int) -> Int { max(0, Int(loop.wall / 1_000_000_000) - start) }

    // MARK: The worker that loads

    private func watch(_ worker: WorkerProcess) throws(Runtime.SystemError) {
        SocketPair.setNonblocking(worker.link)
        let poller = ControlPoller { [weak self] _ in self?.heard(from: worker) }
        loadPoller = poller
        try loop.watch(poller, descriptor: worker.link, writing: false, levelTriggered: true)
    }

    /// The worker says that it serves; or it has closed its end, and its end is told by a signal.
    private func heard(from worker: WorkerProcess) {
        switch SocketPair.accept(from: worker.link) {
        case .wouldBlock: return
        case .connection(let descriptor): close(descriptor)
        case .end: watchNoMore(worker)
        case .bytes:
            watchNoMore(worker)
            loaded(worker.pid)
        }
    }

    private func watchNoMore(_ worker: WorkerProcess) {
        if let poller = loadPoller { loop.forget(poller, descriptor: worker.link) }
        loadPoller = nil
    }

    private func loaded(_ pid: Int32) {
        guard let index = processes.workers.firstIndex(where: { $0.pid == pid }) else { return }
        processes.workers[index].isLoading = false
        for worker in processes.workers where worker.isLeaving && worker.reloads > settings.maxReloads {
            kill(worker.pid, SIGTERM)
        }
        do throws(Program.Failure) { try program.loaded() } catch {
            program.say(.alert, error.reason)
            exit(1)
        }
        hasLoaded = true
        program.say(.notice, "Loading success.")
        program.told()
        program.notify("READY=1\nMAINPID=\(getpid())\nSTATUS=Ready.\n")
        loadEnded()
    }

    private func failedToLoad(_ worker: WorkerProcess, _ code: Int32) {
        processes.failedReloads += 1
        for index in processes.workers.indices { processes.workers[index].failedReloads += 1 }
        hasLoaded = false
        let words = Self.words(code)
        program.say(.warning, "Failed to load worker (\(worker.pid)) exited with code \(code) (\(words))")
        program.notify("READY=1\nSTATUS=Reload failed!\n")
        if processes.reloads == 0 { exit(code) }
        loadEnded()
    }

    private func loadEnded() {
        answerWaitingClients()
        let signals = waitingSignals
        waitingSignals = []
        for signal in signals { handle(signal) }
    }

    // MARK: Clients that wait

    private func takeWaitingClients() {
        guard processes.waitingOut >= 0 else { return }
        SocketPair.setNonblocking(processes.waitingOut)
        while case .connection(let client) = SocketPair.accept(from: processes.waitingOut) {
            waitingClients.append(client)
        }
    }

    private func answerWaitingClients() {
        let log = program.startupLog().joined()
        let text = "Success=\(hasLoaded ? 1 : 0)\n" + (log.isEmpty ? "" : "--\n" + log) + "\n"
        for client in waitingClients {
            guard let connection = try? makeConnection(client, timeout: 60_000) else { continue }
            controlTask {
                try? await connection.write(Array(text.utf8))
                await connection.finish()
            }
        }
        waitingClients = []
    }

    // MARK: Signals

    private func takeSignals() {
        while let signal = program.nextSignal() { handle(signal) }
    }

    private func handle(_ signal: Int32) {
        switch signal {
        case SIGCHLD: collect()
        case SIGUSR2, SIGHUP, SIGUSR1:
            if isLoading {
                if !waitingSignals.contains(signal) { waitingSignals.append(signal) }
            } else if signal == SIGUSR1 {
                stop(signal)
            } else {
                _ = reload(isHard: false, client: nil)
            }
        case SIGTERM, SIGINT: stop(signal)
        default: break
        }
    }

    private func stop(_ signal: Int32) {
        program.notify("STOPPING=1")
        program.say(.warning, "Exiting Master process...")
        tellWorkers(signal)
        // There may be none.
        collect()
    }

    private func tellWorkers(_ signal: Int32) {
        for worker in processes.workers { kill(worker.pid, signal) }
    }

    // MARK: Reload

    /// Replaces the program, which reads the configuration and starts a worker. Returns only when that fails: what was
    /// said about it.
    func reload(isHard: Bool, client: CommandConnection?) -> String {
        program.say(.notice, "Reloading HAProxy\(isHard ? " (hard-reload)" : "")")
        program.notify(
            "RELOADING=1\nSTATUS=Reloading Configuration.\nMONOTONIC_USEC=\(Self.monotonicMicroseconds)\n")
        var next = processes
        next.reloads += 1
        for index in next.workers.indices { next.workers[index].reloads += 1 }
        if let client { client.give(over: processes.waitingIn) }
        let reason = program.replace(next, isHard, sockets.map(\.descriptor))
        let text = "Failed to reexecute the master process [\(getpid())]: \(reason)"
        program.say(.warning, text)
        processes.failedReloads += 1
        program.notify("READY=1\nSTATUS=Reload failed!\n")
        // The client that was given away is still here.
        takeWaitingClients()
        for client in waitingClients { close(client) }
        waitingClients = []
        return text + "\n"
    }

    private static var monotonicMicroseconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }

    // MARK: Ends of workers

    private func collect() {
        while true {
            var status: Int32 = 0
            let pid = unsafe waitpid(-1, &status, WNOHANG)
            if pid > 0 {
                let signal = status & 0x7f
                ended(pid, signal == 0 ? (status >> 8) & 0xff : 128 + signal)
            } else if pid < 0, errno == ECHILD {
                let code = exitCode ?? 0
                program.say(.warning, "All workers exited. Exiting... (\(code))")
                exit(code)
            } else {
                return
            }
        }
    }

    private static func words(_ code: Int32) -> String {
        code >= 128 ? unsafe String(cString: strsignal(code - 128)) : "Exit"
    }

    private func ended(_ pid: Int32, _ code: Int32) {
        let words = Self.words(code)
        guard let index = processes.workers.firstIndex(where: { $0.pid == pid }) else {
            return program.say(.warning, "Process \(pid) exited with code \(code) (\(words))")
        }
        let worker = processes.workers.remove(at: index)
        if worker.isLoading { watchNoMore(worker) }
        close(worker.link)
        program.ended(pid)
        if worker.isLoading { return failedToLoad(worker, code) }
        if worker.isLeaving {
            let why = worker.reloads > settings.maxReloads ? ", as it exceeds max reloads (\(settings.maxReloads))" : ""
            return program.say(.warning, "Former worker (\(pid)) exited with code \(code) (\(words))\(why)")
        }
        program.say(code < 128 ? .warning : .alert, "Current worker (\(pid)) exited with code \(code) (\(words))")
        if ![0, 130, 143].contains(code) {
            program.say(
                .warning,
                "A worker process unexpectedly died and this can only be explained by a bug in Portico or its "
                    + "dependencies.\nPlease check that you are running an up to date and maintained version of Portico "
                    + "and open a bug report.")
            if settings.exitsOnWorkerFailure {
                program.say(.alert, "exit-on-failure: killing every processes with SIGTERM")
                tellWorkers(SIGTERM)
            }
        }
        if code != 0, code != 143 { exitCode = exitCode ?? code }
    }

    private func exit(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    // MARK: Clients

    private func accepted(_ descriptor: Int32, on socket: RuntimeSocketSettings) {
        guard let connection = try? makeConnection(descriptor, timeout: Self.patience) else { return }
        clients += 1
        if clients >= Self.clientLimit { for listener in listeners { listener.pause() } }
        let session = MasterSession(connection, on: socket, master: self)
        controlTask { [self] in
            await session.run()
            clients -= 1
            for listener in listeners { listener.resume() }
        }
    }

    /// Clients of the master CLI, and commands that run for them, may be silent for long: a year.
    static let patience = 31_536_000_000

    func makeConnection(_ descriptor: Int32, timeout: Int) throws(Runtime.SystemError) -> CommandConnection {
        SocketPair.setNonblocking(descriptor)
        return try CommandConnection(
            OwnedDescriptor(adopting: descriptor), loop: loop, inputLimit: api.lineLimit, timeout: timeout)
    }

    /// Connects to a worker, or for the number 0 to the master's own commands. Nil: there is no such process.
    func connect(_ pid: Int32, for client: MasterSession) -> CommandConnection? {
        guard pid == 0 else {
            guard let worker = processes.workers.first(where: { $0.pid == pid }),
                let descriptor = try? SocketPair.connect(over: worker.link)
            else { return nil }
            let channel = try? makeConnection(descriptor, timeout: Self.patience)
            channel?.readsToEnd = true
            return channel
        }
        guard let (near, far) = try? SocketPair.open(),
            let own = try? makeConnection(near, timeout: Self.patience),
            let other = try? makeConnection(far, timeout: Self.patience)
        else { return nil }
        own.readsToEnd = true
        var settings = RuntimeSocketSettings(
            address: .inherited(fd: far), location: SourceLocation(file: "master-socket", line: 0))
        settings.level = .admin
        let session = CommandSession(other, on: settings, api: api)
        session.masterClient = client
        controlTask { await session.run() }
        return own
    }
}
