import Configuration
import Glibc

/// Commands of a master process alone (management.txt, section 9.4.1). Prefixes are in the list for `help`; the client's
/// session knows them.
enum MasterCommands {
    static let all = [
        Command(
            words: ["@<relative pid>"],
            usage: "@<relative pid>                         : send a command to the <relative pid> process",
            side: .master, run: showProcesses),
        Command(
            "@!<pid>", usage: "@!<pid>                                 : send a command to the <pid> process",
            side: .master
        ) { _ in },
        Command(
            "@master", usage: "@master                                 : send a command to the master process",
            side: .master
        ) { _ in },
        Command(
            "show proc", usage: "show proc                               : show processes status",
            level: .operator, side: .master, run: showProcesses),
        Command(
            "reload", usage: "reload                                  : achieve a soft-reload (-sf) of haproxy",
            level: .operator, side: .master
        ) { (call) async throws(CommandFailure) in try await reload(call, isHard: false) },
        Command(
            "hard-reload", usage: "hard-reload                             : achieve a hard-reload (-st) of haproxy",
            level: .operator, side: .master
        ) { (call) async throws(CommandFailure) in try await reload(call, isHard: true) },
    ]

    @ControlActor private static func reload(_ call: CommandCall, isHard: Bool) async throws(CommandFailure) {
        guard let master = call.api.master, let client = call.session.masterClient else { return }
        guard !master.isLoading else {
            return try await call.write("Success=0\n--\nAnother reload is still in progress.\n")
        }
        client.connection.flush()
        // Returns only when the program cannot be replaced.
        let reason = master.reload(isHard: isHard, client: client.connection)
        try await call.write("Success=0\n--\n" + reason)
    }

    // MARK: show proc

    @ControlActor private static func showProcesses(_ call: CommandCall) async throws(CommandFailure) {
        guard let master = call.api.master else { return }
        if !call[2].isEmpty, call[2] != "debug" { throw .refused("'show proc' only supports 'debug' as argument\n") }
        let showsLinks = call[2] == "debug"
        let list = master.processes
        var text = "#" + row(["<PID>", "<type>", "<reloads>", "<uptime>", "<version>"], first: 14)
        if showsLinks { text += "\t\t " + row(["<ipc_fd[0]>", "<ipc_fd[1]>"]) }
        text += "\n"
        text += row([
            "\(getpid())", "master", "\(list.reloads) [failed: \(list.failedReloads)]", master.uptime(list.startedAt),
            call.api.facts.version,
        ])
        if showsLinks { text += "\t\t " + row(["\(list.waitingIn)", "\(list.waitingOut)"]) }
        text += "\n# workers\n"
        for worker in list.workers where !worker.isLeaving { text += line(worker, master, showsLinks) }
        let leaving = list.workers.filter(\.isLeaving)
        if !leaving.isEmpty { text += "# old workers\n" }
        for worker in leaving { text += line(worker, master, showsLinks) }
        try await call.write(text)
    }

    @ControlActor private static func line(
        _ worker: WorkerProcess, _ master: MasterControl, _ showsLinks: Bool
    ) -> String {
        let text = row([
            "\(worker.pid)", "worker", "\(worker.reloads)", master.uptime(worker.startedAt), worker.version,
        ])
        return text + (showsLinks ? "\t\t " + row(["\(worker.link)", "-1"]) : "") + "\n"
    }

    /// Columns of 15, with a space between; `first` is the width of the first one.
    private static func row(_ cells: [String], first: Int = 15) -> String {
        cells.enumerated().map { index, cell in
            cell + String(repeating: " ", count: max(0, (index == 0 ? first : 15) - cell.utf8.count))
        }.joined(separator: " ")
    }
}
