import Bytes
import CLinux
import Configuration
import Control
import Glibc
import Language
import Runtime
import Synchronization

/// The master of `-W`: forks a worker process, which reads the configuration and serves, and minds it with
/// ``MasterControl``. When it is to reload it replaces its program by itself, so a new binary is taken, and forks anew
/// (management.txt, section 4).
struct Master: Sendable {
    private let options: CommandLineOptions
    private let launch: Launch
    private let discovery: Discovery
    private let global: GlobalSettings
    private let startedAt = SystemClock.now()

    init(_ options: CommandLineOptions, _ launch: Launch, _ discovery: Discovery) {
        self.options = options
        self.launch = launch
        self.discovery = discovery
        var global = discovery.global
        options.apply(to: &global)
        self.global = global
    }

    /// Whether this start is one of a master.
    var isWanted: Bool { global.masterWorker && !options.checksOnly && (discovery.alerts.isEmpty || isReload) }

    private var isReload: Bool { launch.processes != nil }

    /// Minds workers to the end, which ends the process. In the worker it runs `work` and returns its code.
    func run(_ loader: ConfigurationLoader, _ work: (MasterConnection) -> Int32) throws(StartError) -> Int32 {
        var processes = launch.processes ?? ProcessList(startedAt: Self.seconds)
        // Those before the last reload have been told.
        processes.failedReloads = 0
        for descriptor in processes.descriptors + launch.listeners { SocketPair.setClosedByExec(descriptor, true) }
        Terminal.share()
        let launcher = !isReload && global.daemon ? try Privileges.daemonizeMaster() : -1
        let sockets = try openSockets(loader)
        // Blocked from here on: no signal is lost, and the worker inherits it.
        let signals = try SignalSource()
        do throws(Runtime.SystemError) {
            if processes.waitingIn < 0 { (processes.waitingIn, processes.waitingOut) = try SocketPair.open() }
            if discovery.alerts.isEmpty {
                let (mine, theirs) = try SocketPair.open()
                let child = portico_fork()
                guard child >= 0 else { throw Runtime.SystemError("fork") }
                if child == 0 {
                    var others = processes.descriptors + sockets.descriptors + [signals.descriptor]
                    if launcher >= 0 { others.append(launcher) }
                    let connection = MasterConnection(link: theirs, others: others)
                    connection.awaitStart(closing: mine)
                    return work(connection)
                }
                close(theirs)
                say(.notice, "Initializing new worker (\(child))")
                MasterConnection.start(mine)
                var worker = WorkerProcess(
                    pid: child, link: mine, startedAt: Self.seconds, version: "\(Release.spoken)")
                worker.isLoading = true
                processes.workers.insert(worker, at: 0)
            } else {
                recover(&processes)
            }
            try mind(processes, signals, sockets, launcher)
        } catch { throw StartError("master: \(error)") }
        return 1
    }

    private static var seconds: Int { Int(SystemClock.wall() / 1_000_000_000) }

    private func openSockets(_ loader: ConfigurationLoader) throws(StartError) -> RuntimeSockets {
        var settings = RuntimeAPISettings()
        do throws(CommandLineError) {
            for argument in options.masterSockets { settings.sockets += try loader.masterSockets(argument) }
        } catch { throw StartError(error.message ?? "") }
        do throws(RuntimeSockets.OpenError) {
            return try RuntimeSockets(settings, kept: launch.listeners)
        } catch { throw StartError(error.description) }
    }

    /// The new configuration says nothing that a master could start a worker by.
    private func recover(_ processes: inout ProcessList) {
        for alert in discovery.alerts { Terminal.error(alert.rendered(pid: getpid()) + "\n") }
        Terminal.alert("Fatal errors found in configuration.")
        say(
            .warning,
            "Master failed to parse new configuration and can't start a new worker. Already running worker will be kept. "
                + "Please, check global section settings and memory limits and reload portico.")
        processes.failedReloads += 1
        for index in processes.workers.indices { processes.workers[index].failedReloads += 1 }
        if options.notifiesSystemd {
            SystemdNotifier.notify(
                "READY=1\nSTATUS=Reload failed (master failed to load or to parse new configuration)!\n")
        }
    }

    private func say(_ weight: MasterControl.Program.Weight, _ text: String) {
        switch weight {
        case .alert: Terminal.alert(text)
        case _ where global.quiet: break
        case .warning: Terminal.warning(text)
        case .notice: Terminal.notice(text)
        }
    }

    private func mind(
        _ processes: ProcessList, _ signals: SignalSource, _ sockets: RuntimeSockets, _ launcher: Int32
    ) throws(Runtime.SystemError) {
        signal(SIGPIPE, SIG_IGN)
        GlobalSettings.apply(global.environment)
        unsafe setenv("HAPROXY_MWORKER", "1", 1)
        let addresses = sockets.environmentValue
        if !addresses.isEmpty { unsafe setenv("HAPROXY_MASTER_CLI", addresses, 1) }
        let now = SystemClock.now()
        let facts = RuntimeAPI.ProcessFacts(
            version: "\(Release.spoken)", build: VersionText.own, startedAt: now, startedWall: SystemClock.wall(),
            bootMilliseconds: now.milliseconds(since: startedAt), memoryLimit: options.memoryLimit ?? 0,
            startupLog: [], language: discovery.runtime)
        try MasterControl.run(
            processes, global, facts: facts, signals: signals.descriptor, sockets: sockets,
            program: program(signals, launcher))
    }

    private func program(_ signals: SignalSource, _ launcher: Int32) -> MasterControl.Program {
        let waiting = OldProcesses(options.oldProcesses, launcher: launcher)
        return MasterControl.Program(
            say: { say($0, $1) },
            notify: { if options.notifiesSystemd { SystemdNotifier.notify($0) } },
            startupLog: { Terminal.log },
            nextSignal: { signals.next() },
            loaded: { () throws(MasterControl.Program.Failure) in
                do throws(StartError) {
                    if let path = global.pidfile {
                        unsafe unlink(path)
                        try Privileges.writePidfile(path, getpid())
                    }
                } catch { throw MasterControl.Program.Failure(error.description) }
                waiting.tell(options.oldProcessSignal == .terminate ? SIGTERM : SIGUSR1)
            },
            told: { if global.daemon, !isReload { Privileges.leaveTerminal(global) } },
            ended: { waiting.forget($0) },
            replace: { processes, isHard, listeners in
                launch.repeated(
                    processes, listeners, arguments: options.lasting, isHard: isHard,
                    takesSockets: options.socketSource != "/dev/null")
            })
    }
}

/// Processes that are told to go when a new worker serves, and the one that has started a daemon and waits for that.
private final class OldProcesses: Sendable {
    private let pids: Mutex<[Int32]>
    private let launcher: Mutex<Int32>

    init(_ pids: [Int32], launcher: Int32) {
        self.pids = Mutex(pids)
        self.launcher = Mutex(launcher)
    }

    func tell(_ signal: Int32) {
        let told = pids.withLock { pids in
            defer { pids = [] }
            return pids
        }
        for pid in told { kill(pid, signal) }
        launcher.withLock { end in
            guard end >= 0 else { return }
            let word = Array("READY\n".utf8)
            _ = unsafe write(end, word, word.count)
            close(end)
            end = -1
        }
    }

    /// Its number may soon be another process's.
    func forget(_ pid: Int32) { pids.withLock { $0.removeAll { $0 == pid } } }
}

extension GlobalSettings {
    /// Makes changes in the process's own environment.
    static func apply(_ changes: [EnvironmentChange]) {
        for change in changes {
            switch change {
            case .set(let name, let value): unsafe setenv(name, value, 1)
            case .unset(let name): unsafe unsetenv(name)
            }
        }
    }
}
