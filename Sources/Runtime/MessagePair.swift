import CLinux
import Glibc

/// A pair of Unix sockets that keeps messages apart and tells when the other end is gone (SOCK_SEQPACKET), for two
/// processes. Nothing blocks; the kernel bounds what waits.
public enum MessagePair {
    /// What reading came to.
    public enum Reading: Equatable, Sendable {
        /// A message of so many bytes.
        case message(Int)
        case wouldBlock
        /// Nobody has the other end any more.
        case end
    }

    /// Opens both ends; the caller owns them.
    public static func open() throws(SystemError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw SystemError("socketpair") }
        return (ends[0], ends[1])
    }

    /// Sends a message. False when there is no room, or nobody.
    @discardableResult
    public static func send(_ bytes: [UInt8], on end: Int32) -> Bool {
        retryingInterrupts { unsafe Glibc.send(end, bytes, bytes.count, Int32(MSG_NOSIGNAL)) } == bytes.count
    }

    /// Reads a message into `buffer`; of a longer one the rest is lost.
    public static func read(_ end: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Reading {
        let count = retryingInterrupts { unsafe recv(end, buffer.baseAddress, buffer.count, 0) }
        if count > 0 { return .message(count) }
        return count < 0 && errno == EAGAIN ? .wouldBlock : .end
    }

    /// Waits until a message has come or the other end is gone, so many milliseconds at most. False: neither.
    public static func wait(_ end: Int32, milliseconds: Int32) -> Bool {
        var poller = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&poller, 1, milliseconds) > 0
    }
}
