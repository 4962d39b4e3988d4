import CLinux
import Glibc
import Runtime

/// What a worker process has of its master.
struct MasterConnection {
    /// This worker's end of the pair that it shares with the master.
    let link: Int32
    /// The master's own descriptors that came along with the fork: links of older workers among them.
    let others: [Int32]

    /// Waits until the master has told the operator of this process: its own messages come behind that.
    ///
    /// - Parameter end: the master's end of the link, which this process got with the fork.
    func awaitStart(closing end: Int32) {
        close(end)
        var byte: UInt8 = 0
        while unsafe recv(link, &byte, 1, 0) < 0, errno == EINTR {}
    }

    /// Ends the wait of the process at the other end of a link.
    static func start(_ link: Int32) {
        let byte: [UInt8] = [0x53]
        _ = unsafe send(link, byte, 1, Int32(MSG_NOSIGNAL))
    }

    /// Lets go of what is the master's. Before this the sockets of an older worker are fetched, which takes its link.
    func closeOthers() {
        for descriptor in others { close(descriptor) }
    }

    /// Says that this worker serves.
    func tellLoaded() {
        let byte: [UInt8] = [0x52]
        _ = unsafe send(link, byte, 1, Int32(MSG_NOSIGNAL))
    }

    /// Ends the process the way a signal does, which is how its master knows why.
    static func die(of number: Int32) -> Never {
        signal(number, SIG_DFL)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, number)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        kill(getpid(), number)
        _exit(128 + number)
    }
}
