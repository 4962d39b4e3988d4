import Bytes
import CLinux
import Checks
import Configuration
import Connections
import Control
import Glibc
import Language
import Proxying
import Runtime

/// One serving process: opens the sockets, gives up privileges, starts the workers and minds the signals.
final class Process {
    private let configuration: Configuration
    private let language: RuntimeLanguage
    private let options: CommandLineOptions
    /// To the master that has forked this process; nil: it is its own.
    private let master: MasterConnection?
    /// Listening sockets of an older process that no line has asked for yet.
    private var taken = TakenSockets()
    /// What an earlier process counted.
    private var earlierStatistics = EarlierStatistics()
    /// When the configuration was there.
    private let loadedAt = SystemClock.now()

    init(
        _ configuration: Configuration, _ language: RuntimeLanguage, _ options: CommandLineOptions,
        master: MasterConnection? = nil
    ) {
        self.master = master
        self.configuration = configuration
        self.language = language
        self.options = options
    }

    /// Serves until told to stop. Returns the exit code.
    func run() -> Int32 {
        GlobalSettings.apply(configuration.global.environment)
        signal(SIGPIPE, SIG_IGN)
        let limits = Limits(configuration)
        do throws(StartError) {
            try limits.apply(memoryLimit: options.memoryLimit)
            let workers = Limits.workers(configuration.global)
            let blueprint = try makeBlueprint(workers, limits)
            try takeSockets()
            let sockets = try openSockets(workers)
            for address in sockets.strangeAddresses where !configuration.global.quiet {
                Terminal.warning(
                    "other processes have UDP sockets at \(address), and gave none (-x): QUIC connections that reach them "
                        + "fail until they have ended.")
            }
            let runtimeSockets = try openRuntimeSockets()
            let logSockets = try openLogSockets()
            taken.closeRest()
            master?.closeOthers()
            if master == nil {
                try Privileges.writePidfileIfForeground(configuration.global)
                if configuration.global.daemon { try Privileges.daemonize(configuration.global) }
            }
            return work(blueprint, sockets, runtimeSockets, logSockets)
        } catch {
            Terminal.alert(error.description)
            return 1
        }
    }

    private func makeBlueprint(_ workers: Int, _ limits: Limits) throws(StartError) -> Blueprint {
        do throws(BlueprintError) {
            let blueprint = try Blueprint(configuration, workerCount: workers, processMaxconn: limits.maxconn)
            if !configuration.global.quiet {
                for notice in blueprint.backends.flatMap(\.startNotices) { Terminal.notice(notice) }
            }
            for warning in ServerStateFiles(blueprint).warnings { Terminal.warning(warning) }
            if let path = configuration.global.statisticsFile {
                earlierStatistics = EarlierStatistics(file: path)
                for warning in earlierStatistics.warnings { Terminal.warning(warning) }
            }
            return blueprint
        } catch { throw StartError(error.description) }
    }

    private func openSockets(_ workers: Int) throws(StartError) -> ListenerSockets {
        do throws(ListenerSockets.OpenError) {
            return try ListenerSockets(configuration, workers: workers, taken: &taken)
        } catch { throw StartError(error.description) }
    }

    private func openLogSockets() throws(StartError) -> LogForwardSockets {
        do throws(LogForwardSockets.OpenError) { return try LogForwardSockets(configuration) } catch {
            throw StartError(error.description)
        }
    }

    /// Asks the older process of `-x` for its sockets.
    private func takeSockets() throws(StartError) {
        guard let path = options.socketSource, path != "/dev/null" else { return }
        do throws(Runtime.SystemError) {
            taken = TakenSockets(try DescriptorHandover.fetch(from: path))
        } catch {
            // The worker has died meanwhile: nobody has its sockets.
            if master != nil, error.code == EPIPE { return }
            throw StartError("Failed to get the sockets from the old process at \(path): \(error)")
        }
        do throws(Runtime.SystemError) {
            taken.quic = try QUICInheritance.fetch(from: path)
        } catch {
            throw StartError("Failed to get the QUIC sockets from the old process at \(path): \(error)")
        }
    }

    /// New QUIC connections come to this process from now on; the older one's go on.
    private func takeOver(_ group: WorkerGroup) throws(StartError) {
        do throws(Runtime.SystemError) { try taken.quic?.commit(group) } catch {
            throw StartError("cannot steer QUIC datagrams: \(error)")
        }
    }

    private func openRuntimeSockets() throws(StartError) -> RuntimeSockets {
        do throws(RuntimeSockets.OpenError) {
            var sockets = try RuntimeSockets(configuration.global.runtimeAPI, taken: &taken)
            if let master { sockets.add(masterLink: master.link) }
            let addresses = sockets.environmentValue
            if !addresses.isEmpty { unsafe setenv("HAPROXY_CLI", addresses, 1) }
            return sockets
        } catch { throw StartError(error.description) }
    }

    /// Runs the workers in this process.
    private func work(
        _ blueprint: Blueprint, _ sockets: ListenerSockets, _ runtimeSockets: RuntimeSockets,
        _ logSockets: LogForwardSockets
    ) -> Int32 {
        do throws(StartError) {
            let signals = try SignalSource()
            try Privileges.drop(configuration.global)
            let runtime = RuntimeThread(
                sockets: runtimeSockets, earlier: earlierStatistics, inheritance: taken.quic
            ) { Terminal.warning($0) }
            let group: WorkerGroup
            let checks: CheckThread
            do throws(Runtime.SystemError) {
                checks = try CheckThread(blueprint) { Terminal.warning($0) }
                group = try WorkerGroup(
                    blueprint, sockets: sockets, statistics: runtime, patterns: runtime, addresses: runtime,
                    services: RuntimeThread.services, inheritance: taken.quic
                ) {
                    Terminal.warning($0)
                }
            } catch { throw StartError("\(error)") }
            let threads = try WorkerThreads(group, configuration)
            RingForwarder.start(configuration) { Terminal.warning($0) }
            LogForwarder.start(blueprint, logSockets) { Terminal.warning($0) }
            try takeOver(group)
            if master == nil { tellOldProcesses() }
            notifyReady()
            Terminal.stopSharing()
            runtime.start(group, facts: facts())
            checks.start(group)
            if let master {
                master.tellLoaded()
                if configuration.global.daemon { Privileges.leaveTerminal(configuration.global) }
            }
            var stopping = StopSequence(
                configuration.global, group: group, threads: threads, runtime: runtime, checks: checks)
            stopping.run(signals)
            // What connections wrote at their end.
            group.quicLogs.flush(milliseconds: 2000)
            // Threads that nobody waits for may be at work with all of this still: the process ends while it is there.
            fflush(nil)
            if master != nil, let signal = stopping.endingSignal { MasterConnection.die(of: signal) }
            return withExtendedLifetime((stopping, group, blueprint, runtime, checks)) { _exit(0) }
        } catch {
            Terminal.alert(error.description)
            return 1
        }
    }

    /// What the runtime API tells about the process.
    private func facts() -> RuntimeAPI.ProcessFacts {
        let now = SystemClock.now()
        return RuntimeAPI.ProcessFacts(
            version: "\(Release.spoken)", build: VersionText.own, startedAt: now, startedWall: SystemClock.wall(),
            bootMilliseconds: now.milliseconds(since: loadedAt), memoryLimit: options.memoryLimit ?? 0,
            startupLog: Terminal.log, language: language)
    }

    private func tellOldProcesses() {
        guard let signal = options.oldProcessSignal else { return }
        for pid in options.oldProcesses { kill(pid, signal == .finish ? SIGUSR1 : SIGTERM) }
    }

    private func notifyReady() {
        if master == nil { SystemdNotifier.notify("READY=1") }
        guard !configuration.global.quiet, master != nil || !configuration.global.daemon else { return }
        let workers = Limits.workers(configuration.global)
        Terminal.notice("Portico \(VersionText.own) serves with \(workers) worker\(workers == 1 ? "" : "s").")
    }
}

/// Why the process cannot start.
struct StartError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
