import CLinux
import Configuration
import Control
import Glibc
import Proxying
import Runtime
import Synchronization

/// The threads of the workers.
final class WorkerThreads {
    private let group: WorkerGroup
    private let endings: Mailbox<Int>
    private(set) var running: Int
    /// Turns readable when a worker has ended.
    var descriptor: Int32 { endings.descriptor }

    /// What a thread needs to start, and where it says that it has, or why it could not.
    private final class Launch: Sendable {
        let index: Int
        let group: WorkerGroup
        let configuration: Configuration
        let started: Mailbox<String?>
        let ended: Mailbox<Int>

        init(
            index: Int, group: WorkerGroup, configuration: Configuration, started: Mailbox<String?>, ended: Mailbox<Int>
        ) {
            self.index = index
            self.group = group
            self.configuration = configuration
            self.started = started
            self.ended = ended
        }

        func run() {
            if let cores = configuration.global.cpuMap[index], !cores.isEmpty { Self.pin(cores) }
            do throws(WorkerError) {
                let worker = try Worker(index: index, group: group, seed: UInt64.random(in: 1 ... .max))
                let log = WorkerLog(configuration, worker)
                worker.log = log
                for failure in log.failures where index == 0 { Terminal.warning(failure) }
                started.post(nil)
                worker.run()
            } catch {
                started.post(error.description)
            }
            ended.post(index)
        }

        private static func pin(_ cores: [Int]) {
            let numbers = cores.map { Int32(clamping: $0) }
            _ = unsafe numbers.withUnsafeBufferPointer { unsafe portico_pin_thread($0.baseAddress, Int32($0.count)) }
        }
    }

    /// Starts every worker and waits until all of them serve.
    init(_ group: WorkerGroup, _ configuration: Configuration) throws(StartError) {
        self.group = group
        running = group.blueprint.workerCount
        let started: Mailbox<String?>
        do throws(Runtime.SystemError) {
            endings = try Mailbox()
            started = try Mailbox()
        } catch { throw StartError("\(error)") }
        for index in 0..<running {
            let launch = Launch(
                index: index, group: group, configuration: configuration, started: started, ended: endings)
            do throws(Runtime.SystemError) {
                try SystemThread.detach { launch.run() }
            } catch { throw StartError("cannot start worker \(index + 1): \(error)") }
        }
        var waiting = running
        while waiting > 0 {
            var poller = pollfd(fd: started.descriptor, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&poller, 1, -1)
            for failure in started.take() {
                if let failure { throw StartError(failure) }
                waiting -= 1
            }
        }
    }

    /// Takes note of workers that have ended.
    func collect() { running -= endings.take().count }
}
