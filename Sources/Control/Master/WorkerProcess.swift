import Glibc

/// A worker process as its master knows it.
package struct WorkerProcess: Sendable, Equatable {
    package var pid: Int32
    /// The master's end of the pair that both share (``SocketPair``).
    package var link: Int32
    /// Reloads that it has survived.
    package var reloads = 0
    /// Reloads that have failed since it started.
    package var failedReloads = 0
    /// Seconds since 1970.
    package var startedAt: Int
    package var version: String
    /// It does not serve yet.
    package var isLoading = false
    /// A reload came after it: it finishes what it has.
    package var isLeaving: Bool { reloads > 0 && !isLoading }

    package init(pid: Int32, link: Int32, startedAt: Int, version: String) {
        self.pid = pid
        self.link = link
        self.startedAt = startedAt
        self.version = version
    }
}

/// What a master process hands to itself when it replaces its program: itself and its workers. It travels in HAProxy's
/// own variable and words (`HAPROXY_PROCESSES`), so either program can follow the other under the same number.
package struct ProcessList: Sendable, Equatable {
    /// Reloads that this master was asked for, and those that failed.
    package var reloads = 0
    package var failedReloads = 0
    /// Seconds since 1970.
    package var startedAt: Int
    /// The pair over which clients reach the next program that wait for the end of a reload: sent to `waitingIn`, taken
    /// from `waitingOut`. Below 0: there is none.
    package var waitingIn: Int32 = -1
    package var waitingOut: Int32 = -1
    /// Sorted by the reloads that they have survived.
    package var workers: [WorkerProcess] = []

    package init(startedAt: Int) { self.startedAt = startedAt }

    /// Names of the variables that carry it.
    package static let variable = "HAPROXY_PROCESSES"
    package static let reloadVariable = "HAPROXY_MWORKER_REEXEC"
    /// Listening sockets of the master CLI, in the order of its addresses: a variable of ours.
    package static let listenersVariable = "PORTICO_MASTER_LISTENERS"

    /// The variable's value.
    ///
    /// - Parameters:
    ///   - pid: of the master.
    package func text(pid: Int32, version: String) -> String {
        func entry(
            _ type: String, _ ends: (Int32, Int32), _ pid: Int32, _ reloads: Int, _ failed: Int, _ startedAt: Int,
            _ version: String
        ) -> String {
            "|type=\(type);fd=\(ends.0);cfd=\(ends.1);pid=\(pid);reloads=\(reloads);failedreloads=\(failed);"
                + "timestamp=\(startedAt);id=;version=\(version)"
        }
        let own = entry("m", (waitingIn, waitingOut), pid, reloads, failedReloads, startedAt, version)
        return workers.reduce(into: own) { text, worker in
            text += entry(
                "w", (worker.link, -1), worker.pid, worker.reloads, worker.failedReloads, worker.startedAt,
                worker.version)
        }
    }

    /// Reads a variable's value; nil when it names no master.
    package init?(text: String) {
        var list: ProcessList?
        var workers: [WorkerProcess] = []
        for entry in text.split(separator: "|") {
            let fields = Dictionary(
                entry.split(separator: ";").map { field -> (Substring, Substring) in
                    let end = field.firstIndex(of: "=") ?? field.endIndex
                    return (field[..<end], field[end...].dropFirst())
                }
            ) { _, last in last }
            func number(_ name: Substring) -> Int { fields[name].flatMap { Int($0) } ?? -1 }
            let pid = Int32(truncatingIfNeeded: number("pid"))
            let startedAt = number("timestamp")
            guard pid > 0 else { continue }
            if fields["type"] == "m" {
                var master = ProcessList(startedAt: startedAt)
                master.reloads = max(0, number("reloads"))
                master.failedReloads = max(0, number("failedreloads"))
                master.waitingIn = Int32(truncatingIfNeeded: number("fd"))
                master.waitingOut = Int32(truncatingIfNeeded: number("cfd"))
                list = master
            } else if fields["type"] == "w" {
                var worker = WorkerProcess(
                    pid: pid, link: Int32(truncatingIfNeeded: number("fd")), startedAt: startedAt,
                    version: String(fields["version"] ?? ""))
                worker.reloads = max(0, number("reloads"))
                worker.failedReloads = max(0, number("failedreloads"))
                workers.append(worker)
            }
        }
        guard let list else { return nil }
        self = list
        self.workers = workers.sorted { $0.reloads < $1.reloads }
    }

    /// The worker whose sockets the next one takes over: the one that has survived the fewest reloads.
    package var current: WorkerProcess? { workers.first { !$0.isLoading } }

    /// The number of the worker that a prefix of a command means (management.txt, section 9.4.1): 0 for the master, nil
    /// when there is none.
    func target(of prefix: String) -> Int32? {
        let name = prefix.dropFirst()
        if name.isEmpty || name == "master" { return 0 }
        if name.hasPrefix("!") {
            let pid = Int32(name.dropFirst())
            return workers.first { $0.pid == pid && !$0.isLoading }?.pid
        }
        switch Int(name) {
        case 0: return 0
        case 1: return current?.pid
        default: return nil
        }
    }

    /// Descriptors that the next program needs.
    package var descriptors: [Int32] {
        ([waitingIn, waitingOut] + workers.map(\.link)).filter { $0 >= 0 }
    }
}
