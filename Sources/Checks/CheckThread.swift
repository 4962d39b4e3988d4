import Bytes
import Configuration
import Glibc
package import Proxying
package import Runtime
import Servers

/// What other threads tell the thread of checks.
enum CheckMessage: Sendable {
    /// Something has happened to a server.
    case server(ServerEvent)
    /// What a worker tells of a check's request, by its number.
    case errand(UInt64, Errand.News)
    /// The process ends: no more checks.
    case stop
}

/// The thread on which all health checks and agents run, beside the workers: a slow check stalls no request and no
/// command. It speaks to servers through the same connections and muxes as the workers do.
package final class CheckThread: Sendable {
    let blueprint: Blueprint
    let messages: Mailbox<CheckMessage>
    let report: @Sendable (String) -> Void

    /// - Parameter report: takes what goes wrong, for the operator.
    package init(
        _ blueprint: Blueprint, report: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        self.blueprint = blueprint
        self.report = report
        messages = try Mailbox()
        blueprint.events.subscribe { [messages] event in
            switch event {
            case .serverAdded, .serverRemoved, .checksChanged, .stateChanged: messages.post(.server(event))
            default: break
            }
        }
    }

    /// Starts the thread; `group` are the workers that have connections to servers.
    package func start(_ group: WorkerGroup) {
        do throws(SystemError) {
            try SystemThread.detach { [self] in run(group) }
        } catch { report("health checks: cannot start their thread: \(error)") }
    }

    /// Ends all checks. From any thread.
    package func stop() { messages.post(.stop) }

    private func run(_ group: WorkerGroup) {
        do throws(SystemError) {
            let scheduler = try CheckScheduler(self, group)
            try scheduler.loop.run()
        } catch { report("health checks: \(error)") }
    }
}
