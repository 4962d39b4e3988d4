import CLinux
import Configuration
import Glibc
import Proxying
import Runtime

/// Daemon, pidfile, chroot, user and group.
enum Privileges {
    static func writePidfileIfForeground(_ global: GlobalSettings) throws(StartError) {
        guard let path = global.pidfile, !global.daemon else { return }
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
        leaveTerminal(global)
    }

    /// Goes to the background and becomes a master there. The process that was started stays until the master has said
    /// over the descriptor that is returned that all is well, or has ended.
    static func daemonizeMaster() throws(StartError) -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw StartError("cannot make a pipe: \(Terminal.systemError())") }
        for end in ends { SocketPair.setClosedByExec(end, true) }
        let child = portico_fork()
        guard child >= 0 else { throw StartError("cannot fork: \(Terminal.systemError())") }
        guard child > 0 else {
            close(ends[0])
            setsid()
            return ends[1]
        }
        close(ends[1])
        var byte: UInt8 = 0
        if unsafe read(ends[0], &byte, 1) > 0 { exit(0) }
        var status: Int32 = 0
        guard unsafe waitpid(child, &status, 0) == child else { exit(1) }
        let signal = status & 0x7f
        let code = signal == 0 ? (status >> 8) & 0xff : 128 + signal
        let words = signal == 0 ? "Exit" : unsafe String(cString: strsignal(signal))
        Terminal.alert("Process \(child) exited with code \(code) (\(words))")
        exit(code == 143 ? 0 : code)
    }

    /// Lets go of the terminal; log lines that go to it stay.
    static func leaveTerminal(_ global: GlobalSettings) {
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
        if let user { try become(user, keeping: global.capabilities) }
        if global.isDumpable, portico_set_dumpable() != 0 {
            Terminal.warning("set-dumpable: no core file can be had: \(Terminal.systemError())")
        }
    }

    /// `setuid`, and `setcap` for what is to stay of the privileges.
    private static func become(_ user: UInt32, keeping capabilities: [String]) throws(StartError) {
        // Root needs none of them.
        let set =
            user == 0 ? 0 : capabilities.reduce(UInt64(0)) { $0 | (number(ofCapability: $1).map { 1 << $0 } ?? 0) }
        if set != 0, portico_keep_capabilities() != 0 {
            throw StartError("cannot keep capabilities: \(Terminal.systemError())")
        }
        guard setuid(user) == 0 else { throw StartError("cannot set user \(user): \(Terminal.systemError())") }
        if set != 0, portico_set_capabilities(set) != 0 {
            throw StartError(
                "cannot keep the capabilities \(capabilities.joined(separator: ",")): \(Terminal.systemError())")
        }
    }

    /// The number of a capability (capabilities(7)).
    private static func number(ofCapability name: String) -> UInt64? {
        switch name {
        case "cap_net_bind_service": 10
        case "cap_net_admin": 12
        case "cap_net_raw": 13
        case "cap_sys_admin": 21
        default: nil
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
