import CLinux
import Configuration
import Glibc

/// The master of `-W`: runs the worker process as its child, hands signals on, tells systemd, ends with its child.
struct Master {
    private let global: GlobalSettings
    private let notifiesSystemd: Bool

    init(_ global: GlobalSettings, notifiesSystemd: Bool) {
        self.global = global
        self.notifiesSystemd = notifiesSystemd
    }

    /// Forks; the child runs `work` and ends with its code, the parent calls `letGo` and watches. Returns the exit code.
    func run(_ work: () -> Int32, letGo: () -> Void) throws(StartError) -> Int32 {
        if global.daemon { try Privileges.daemonize(global) }
        if let path = global.pidfile, !global.daemon { try Privileges.writePidfile(path, getpid()) }
        let child = portico_fork()
        guard child >= 0 else { throw StartError("cannot fork: \(Terminal.systemError())") }
        if child == 0 { exit(work()) }
        letGo()
        let signals = try SignalSource()
        if notifiesSystemd { SystemdNotifier.notify("READY=1\nMAINPID=\(getpid())") }
        while true {
            var status: Int32 = 0
            if unsafe waitpid(child, &status, WNOHANG) == child {
                let signal = status & 0x7f
                return signal == 0 ? (status >> 8) & 0xff : 128 + signal
            }
            guard let signal = signals.wait(milliseconds: nil, other: -1) else { continue }
            if signal != SIGCHLD { kill(child, signal) }
        }
    }
}
