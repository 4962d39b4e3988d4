import CLinux
import Configuration
import Glibc
import Proxying

/// Daemon, pidfile, chroot, user and group.
enum Privileges {
    static func writePidfileIfForeground(_ global: GlobalSettings) throws(StartError) {
        guard let path = global.pidfile, !global.daemon, !global.masterWorker else { return }
        try writePidfile(path, getpid())
    }

    /// Writes one process number.
    static func writePidfile(_ path: String, _ pid: Int32) throws(StartError) {
        let descriptor = unsafe open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw StartError("cannot create pidfile \(path): \(Terminal.systemError())") }
        let text = Array("\(pid)\n".utf8)
        _ = unsafe text.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    /// Goes to the background: the parent ends, the child leads a session without a terminal.
    static func daemonize(_ global: GlobalSettings) throws(StartError) {
        let child = portico_fork()
        guard child >= 0 else { throw StartError("cannot fork: \(Terminal.systemError())") }
        if child > 0 {
            if let path = global.pidfile { try writePidfile(path, child) }
            exit(0)
        }
        setsid()
        let null = unsafe open("/dev/null", O_RDWR)
        guard null >= 0 else { return }
        dup2(null, 0)
        if !global.logs.contains(where: { $0.destination == .fd(1) }) { dup2(null, 1) }
        if !global.logs.contains(where: { $0.destination == .fd(2) }) { dup2(null, 2) }
        if null > 2 { close(null) }
    }

    /// chroot, then group, then user.
    static func drop(_ global: GlobalSettings) throws(StartError) {
        let group = try identity(global.group, "group", Principal.groupID)
        let user = try identity(global.user, "user", Principal.userID)
        if let path = global.chroot {
            guard unsafe chroot(path) == 0, unsafe chdir("/") == 0 else {
                throw StartError("cannot chroot to \(path): \(Terminal.systemError())")
            }
        }
        if let group {
            _ = setgroups(0, nil)
            guard setgid(group) == 0 else { throw StartError("cannot set group \(group): \(Terminal.systemError())") }
        }
        if let user {
            guard setuid(user) == 0 else { throw StartError("cannot set user \(user): \(Terminal.systemError())") }
        }
    }

    private static func identity(
        _ name: PrincipalName?, _ kind: String, _ find: (PrincipalName?) -> UInt32?
    ) throws(StartError) -> UInt32? {
        guard let name else { return nil }
        guard let number = find(name) else { throw StartError("cannot find \(kind) '\(name)' on this system") }
        return number
    }
}

/// Tells systemd how the service is.
enum SystemdNotifier {
    /// Sends a state such as `READY=1` to the socket that systemd names; does nothing without one.
    static func notify(_ state: String) {
        guard let path = unsafe getenv("NOTIFY_SOCKET").map({ unsafe String(cString: $0) }), !path.isEmpty else {
            return
        }
        unsafe state.withCString { text in unsafe path.withCString { unsafe portico_notify($0, text) } }
    }
}
