import CLinux
import Glibc

/// Connections over a pair of Unix sockets, of which each of two processes has one end: HAProxy's `sockpair@`. Who
/// connects makes a pair of its own and sends one end over; who accepts receives it. An end that closes is seen at the
/// other one, so it also tells that a process is gone.
public enum SocketPair {
    /// What accepting came to.
    public enum Acceptance: Equatable, Sendable {
        /// A connection; the caller owns it.
        case connection(Int32)
        /// Bytes without a connection: the other process says something.
        case bytes([UInt8])
        case wouldBlock
        /// Nobody has the other end any more.
        case end
    }

    /// Opens both ends, blocking and closed by exec; the caller owns them.
    public static func open() throws(SystemError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw SystemError("socketpair") }
        return (ends[0], ends[1])
    }

    /// Makes a connection and sends its other end over `end`. The caller owns what is returned; it blocks.
    public static func connect(over end: Int32) throws(SystemError) -> Int32 {
        let (own, other) = try open()
        defer { close(other) }
        do throws(SystemError) { try give(other, over: end) } catch {
            close(own)
            throw error
        }
        return own
    }

    /// Sends a descriptor over `end`; the caller's own stays open.
    public static func give(_ descriptor: Int32, over end: Int32) throws(SystemError) {
        let byte: [UInt8] = [0x5f]
        let numbers = [descriptor]
        let sent = retryingInterrupts { unsafe portico_send_descriptors(end, byte, 1, numbers, 1) }
        guard sent == 1 else { throw SystemError("sendmsg") }
    }

    /// Takes a connection that was sent over to `end`. It waits as the descriptor is set to.
    public static func accept(from end: Int32) -> Acceptance {
        // One byte goes with each connection: more would take those of the next one.
        var bytes: [UInt8] = [0]
        var numbers = [Int32](repeating: -1, count: Int(PORTICO_MAX_DESCRIPTORS))
        var count: Int32 = 0
        let length = retryingInterrupts { unsafe portico_receive_descriptors(end, &bytes, 1, &numbers, &count) }
        if count > 0 {
            for extra in numbers.prefix(Int(count)).dropFirst() { close(extra) }
            setNonblocking(numbers[0])
            return .connection(numbers[0])
        }
        if length > 0 { return .bytes(bytes) }
        return length < 0 && errno == EAGAIN ? .wouldBlock : .end
    }

    /// Lets operations on `end` return instead of waiting.
    public static func setNonblocking(_ end: Int32) {
        let flags = fcntl(end, F_GETFL)
        if flags >= 0 { _ = fcntl(end, F_SETFL, flags | O_NONBLOCK) }
    }

    /// Whether exec closes a descriptor.
    public static func setClosedByExec(_ descriptor: Int32, _ closes: Bool) {
        _ = fcntl(descriptor, F_SETFD, closes ? FD_CLOEXEC : 0)
    }

    /// The descriptor that `sockpair@5` names; nil when the text is something else.
    public static func number(in address: String) -> Int32? {
        address.hasPrefix("sockpair@") ? Int32(address.dropFirst("sockpair@".count)) : nil
    }
}
