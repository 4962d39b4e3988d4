import Bytes
import Configuration
import Glibc
package import Proxying
import Runtime

/// The thread of the runtime API, as the rest of the process sees it.
package final class RuntimeThread: Sendable {
    private let workers: WorkerGroup
    private let sockets: RuntimeSockets
    private let facts: RuntimeAPI.ProcessFacts
    private let report: @Sendable (String) -> Void

    /// Starts the thread. Nothing is started when the configuration has no `stats socket`.
    ///
    /// - Parameters:
    ///   - report: takes what goes wrong, for the operator.
    package init(
        _ workers: WorkerGroup, sockets: RuntimeSockets, facts: RuntimeAPI.ProcessFacts,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.workers = workers
        self.sockets = sockets
        self.facts = facts
        self.report = report
        guard !sockets.entries.isEmpty else { return }
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(self).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<RuntimeThread>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, box)
        if code == 0 {
            pthread_detach(thread)
        } else {
            report("runtime API: cannot start its thread: \(SystemError("pthread_create", code))")
        }
    }

    private func run() {
        do throws(SystemError) {
            try ControlLoop.run { [self] loop in
                let api = RuntimeAPI(
                    workers, sockets: sockets, facts: facts, table: .standard, loop: loop, report: report)
                RuntimeThread.api = api
                do throws(SystemError) {
                    try api.listen()
                } catch { report("runtime API: \(error)") }
            }
        } catch { report("runtime API: \(error)") }
    }

    @ControlActor private static var api: RuntimeAPI?

    /// Takes no more clients: the process drains.
    package func stopListening() {
        guard !sockets.entries.isEmpty else { return }
        Task { @ControlActor in RuntimeThread.api?.stopListening() }
    }
}
