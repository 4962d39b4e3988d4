import CLinux
import Glibc

/// The signals that steer the process, read as data: they are blocked in every thread.
struct SignalSource {
    let descriptor: Int32

    /// Blocks the signals in the calling thread, so that threads started later have them blocked too.
    init() throws(StartError) {
        descriptor = portico_signal_descriptor()
        guard descriptor >= 0 else { throw StartError("signalfd: \(Terminal.systemError())") }
    }

    /// The next signal that has come; nil: none waits.
    func next() -> Int32? {
        let number = portico_next_signal(descriptor)
        return number > 0 ? number : nil
    }

    /// Waits for a signal at most `milliseconds` (nil: for ever), or until `other` turns readable. Returns the signal,
    /// or nil.
    func wait(milliseconds: Int?, other: Int32) -> Int32? {
        var pollers = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        let limit = milliseconds.map { Int32(clamping: max(0, $0)) } ?? -1
        guard unsafe poll(&pollers, 2, limit) > 0, pollers[0].revents != 0 else { return nil }
        let number = portico_next_signal(descriptor)
        return number > 0 ? number : nil
    }
}
