import Glibc
import Runtime
import Synchronization

/// The control thread as an actor: the runtime API and all that it keeps run here, beside the workers. Functions that
/// are isolated to it may wait (for a worker's answer, a slow reader, a time) without a thread waiting.
@globalActor
package actor ControlActor {
    package static let shared = ControlActor()
    nonisolated let executor = ControlExecutor()

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe executor.asUnownedSerialExecutor()
    }

    /// Runs `body` here and now; the caller is on the control thread, which its loop's callbacks are.
    nonisolated static func assumeIsolated(_ body: @ControlActor () -> Void) {
        shared.preconditionIsolated()
        typealias Plain = () -> Void
        withoutActuallyEscaping(body) { isolated in
            let plain = unsafe unsafeBitCast(isolated, to: Plain.self)
            plain()
        }
    }
}

/// Runs the actor's jobs on the thread that turns the control loop.
final class ControlExecutor: SerialExecutor, TaskExecutor {
    /// Jobs from any thread; nil only when the system gave no descriptor, which ends the start of the process.
    let jobs: Mailbox<UnownedJob>?
    private let thread = Atomic<UInt>(0)

    init() { jobs = try? Mailbox() }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs?.post(job)
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }

    func checkIsolated() { precondition(isCurrent, "not on the control thread") }

    private var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Takes the calling thread as the control thread.
    func adoptThread() { thread.store(UInt(pthread_self()), ordering: .relaxed) }

    /// Runs what waits. On the control thread.
    func runJobs() {
        guard let jobs else { return }
        for job in jobs.take() {
            unsafe job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
    }
}

/// Starts a task of the control thread. All of it runs there: without a preference the steps of the standard library
/// between two of the task's own, as the end of a continuation, run on threads of a pool. These look at `/proc`, and the
/// process ends when a `chroot` has left it none.
func controlTask(_ work: @escaping @ControlActor @Sendable () async -> Void) {
    Task(executorPreference: ControlActor.shared.executor) { await work() }
}
