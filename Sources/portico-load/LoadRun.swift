import Bytes
import Connections
import Glibc
import Runtime
import Synchronization

/// How far all workers are, for the progress line.
final class LoadProgress: Sendable {
    let completed = Atomic<UInt64>(0)
    let failed = Atomic<UInt64>(0)
}

/// Starts the workers, shows how far they are, and gathers what they counted.
enum LoadRun {
    /// Runs the load. Throws what kept it from starting.
    static func run(_ plan: LoadPlan) throws -> LoadCounts {
        let mailbox = try Mailbox<Result<LoadCounts, LoadError>>()
        let progress = LoadProgress()
        let service = plan.version == .http3 ? try QUICService(workers: plan.workers) : nil
        if let folder = plan.qlog { _ = try service?.logs.start(.everything, directory: folder) }
        defer { service?.logs.flush(milliseconds: 2000) }
        for index in 0..<plan.workers {
            try SystemThread.detach { mailbox.post(work(plan, index, service, progress)) }
        }
        var total = LoadCounts()
        var running = plan.workers
        let line = ProgressLine(progress)
        defer { line.clear() }
        while running > 0 {
            var poller = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            if unsafe poll(&poller, 1, 1000) == 0 { line.show() }
            guard poller.revents != 0 else { continue }
            for result in mailbox.take() {
                total.merge(try result.get())
                running -= 1
            }
        }
        return total
    }

    /// What a worker has counted, once its load is over.
    private static func work(
        _ plan: LoadPlan, _ index: Int, _ service: QUICService?, _ progress: LoadProgress
    ) -> Result<LoadCounts, LoadError> {
        do {
            // The loop goes last: all timers are on it.
            let loop = try EventLoop()
            let counts = try LoadWorker(plan, index: index, loop: loop, service: service, progress: progress).run()
            return withExtendedLifetime(loop) { .success(counts) }
        } catch let error as LoadError {
            return .failure(error)
        } catch {
            return .failure(LoadError("\(error)"))
        }
    }
}

/// One line on a terminal, written over once a second; nothing elsewhere.
private final class ProgressLine {
    private let progress: LoadProgress
    private let start = SystemClock.now()
    private var lastTime = SystemClock.now()
    private var lastCount: UInt64 = 0
    private var isShown = false

    init(_ progress: LoadProgress) { self.progress = progress }

    func show() {
        guard StandardError.isTerminal else { return }
        let now = SystemClock.now()
        let count = progress.completed.load(ordering: .relaxed)
        let span = Double(max(1, now.nanoseconds(since: lastTime))) / 1e9
        let rate = UInt64(Double(count - min(count, lastCount)) / span)
        let failed = progress.failed.load(ordering: .relaxed)
        StandardError.write(
            "\r\u{1b}[K\(now.milliseconds(since: start) / 1000) s   \(rate) req/s   \(count) done   \(failed) failed")
        lastTime = now
        lastCount = count
        isShown = true
    }

    func clear() {
        if isShown { StandardError.write("\r\u{1b}[K") }
    }
}
