import Bytes
import Checks
import Configuration
import Control
import Glibc
import Proxying
import Runtime

/// From the first signal to the end: SIGUSR1 drains (after `grace`), SIGTERM and SIGINT stop, a second signal hurries
/// (not in a worker process), `hard-stop-after` bounds a drain.
struct StopSequence {
    private let global: GlobalSettings
    private let group: WorkerGroup
    private let threads: WorkerThreads
    private let runtime: RuntimeThread
    private let checks: CheckThread
    private var graceEnds: UInt64?
    private var hardStopAt: UInt64?
    private var isDraining = false
    /// The signal that ended it at once; nil: none did.
    private(set) var endingSignal: Int32?

    init(
        _ global: GlobalSettings, group: WorkerGroup, threads: WorkerThreads, runtime: RuntimeThread,
        checks: CheckThread
    ) {
        self.global = global
        self.group = group
        self.threads = threads
        self.runtime = runtime
        self.checks = checks
    }

    /// Minds signals until every worker has ended.
    mutating func run(_ signals: SignalSource) {
        while threads.running > 0 {
            let deadline = [graceEnds, hardStopAt].compactMap(\.self).min()
            let wait = deadline.map { Int(clamping: ($0 > now ? $0 - now : 0)) / 1_000_000 + 1 }
            if let signal = signals.wait(milliseconds: wait, other: threads.descriptor) { handle(signal) }
            threads.collect()
            if let graceEnds, now >= graceEnds { drain() }
            if let hardStopAt, now >= hardStopAt {
                Terminal.warning("soft-stop running for too long, performing a hard-stop.")
                stop()
            }
        }
    }

    private var now: UInt64 { SystemClock.now().nanoseconds }

    private mutating func handle(_ signal: Int32) {
        switch signal {
        case SIGUSR1 where isDraining || graceEnds != nil:
            // A master tells all its old processes again at each reload.
            if !global.masterWorker { stop() }
        case SIGUSR1:
            if let limit = global.hardStopAfter { hardStopAt = now + UInt64(limit) * 1_000_000 }
            if global.grace > 0 { graceEnds = now + UInt64(global.grace) * 1_000_000 } else { drain() }
        case SIGTERM, SIGINT:
            endingSignal = signal
            stop()
        default: break
        }
    }

    private mutating func drain() {
        graceEnds = nil
        guard !isDraining else { return }
        isDraining = true
        if !global.masterWorker { SystemdNotifier.notify("STOPPING=1") }
        runtime.stopListening()
        checks.stop()
        group.post(.drain)
    }

    private mutating func stop() {
        graceEnds = nil
        hardStopAt = nil
        isDraining = true
        checks.stop()
        group.post(.stop)
    }
}
