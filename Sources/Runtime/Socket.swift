public import Bytes
import CLinux
import Glibc

/// What a read or a write came to.
public enum TransferResult: Equatable, Sendable {
    /// So many bytes were moved.
    case bytes(Int)
    /// The peer has ended its sending direction.
    case end
    /// Nothing can be moved now: wait for the descriptor.
    case wouldBlock
    /// The call failed with this error number.
    case failed(Int32)
}

/// Non-blocking stream sockets: every system call on them, in one place. Functions take plain descriptor numbers;
/// owners keep them in ``OwnedDescriptor``.
public enum Socket {
    /// An address to bind or connect to: IP, or a Unix socket by path (a leading zero byte: abstract).
    public enum Target: Sendable, Hashable {
        case ip(SocketAddress)
        case unix(path: String)
        /// In Linux's abstract namespace, without the leading zero byte: padded with zeros to the full length
        /// (`abns@`), or as long as the name (`abnsz@`).
        case abstract(name: String, isPadded: Bool = true)

        /// As error messages and logs write it.
        public var description: String {
            switch self {
            case .ip(let address): address.description
            case .unix(let path): path
            case .abstract(let name, let isPadded): (isPadded ? "abns@" : "abnsz@") + name
            }
        }

        var family: Int32 {
            guard case .ip(let address) = self else { return AF_UNIX }
            return address.family == .ipv6 ? AF_INET6 : AF_INET
        }

        /// Calls `body` with the address as the kernel wants it; nil when a Unix path is too long.
        func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result? {
            var bytes: [CChar]
            var padded: Int32 = 0
            switch self {
            case .ip(let address):
                return unsafe address.withSockaddr { pointer, length in
                    guard let pointer = unsafe pointer else { return nil }
                    return unsafe body(pointer, length)
                }
            case .unix(let path): bytes = path.utf8.map { CChar(bitPattern: $0) }
            case .abstract(let name, let isPadded):
                bytes = [0] + name.utf8.map { CChar(bitPattern: $0) }
                padded = isPadded ? 1 : 0
            }
            var address = sockaddr_un()
            let length = unsafe portico_unix_address(&address, &bytes, bytes.count, padded)
            guard length > 0 else { return nil }
            return unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
            }
        }
    }

    /// A new non-blocking, close-on-exec stream socket for `target`'s family.
    public static func stream(for target: Target) throws(SystemError) -> OwnedDescriptor {
        try open(target, type: Int32(SOCK_STREAM.rawValue))
    }

    /// A new non-blocking, close-on-exec datagram socket for `target`'s family.
    public static func datagram(for target: Target) throws(SystemError) -> OwnedDescriptor {
        try open(target, type: Int32(SOCK_DGRAM.rawValue))
    }

    private static func open(_ target: Target, type: Int32) throws(SystemError) -> OwnedDescriptor {
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(target.family, type | flags, 0)
        guard number >= 0 else { throw SystemError("socket") }
        return OwnedDescriptor(adopting: number)
    }

    /// Sets an integer option; false when the kernel refuses.
    @discardableResult
    public static func set(_ descriptor: Int32, level: Int32, option: Int32, _ value: Int32) -> Bool {
        var value = value
        return unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// Reads an integer option; nil when the kernel refuses.
    public static func get(_ descriptor: Int32, level: Int32, option: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, level, option, &value, &length) == 0 ? value : nil
    }

    /// Sends small segments at once (TCP_NODELAY).
    public static func setNoDelay(_ descriptor: Int32) {
        set(descriptor, level: Int32(IPPROTO_TCP), option: TCP_NODELAY, 1)
    }

    /// Lets a socket be bound to addresses of other machines (ip(7), IP_TRANSPARENT). It needs CAP_NET_ADMIN.
    public static func setTransparent(_ descriptor: Int32, isIPv6: Bool) throws(SystemError) {
        // IPV6_TRANSPARENT is 75, IP_TRANSPARENT 19.
        let isSet =
            isIPv6
            ? set(descriptor, level: Int32(IPPROTO_IPV6), option: 75, 1)
            : set(descriptor, level: Int32(IPPROTO_IP), option: 19, 1)
        guard isSet else { throw SystemError("setsockopt(IP_TRANSPARENT)") }
    }

    public static func setReusable(_ descriptor: Int32, address: Bool, port: Bool) {
        if address { set(descriptor, level: SOL_SOCKET, option: SO_REUSEADDR, 1) }
        if port { set(descriptor, level: SOL_SOCKET, option: SO_REUSEPORT, 1) }
    }

    public static func bind(_ descriptor: Int32, to target: Target) throws(SystemError) {
        let result = unsafe target.withSockaddr { unsafe Glibc.bind(descriptor, $0, $1) }
        guard let result else { throw SystemError("bind", ENAMETOOLONG) }
        guard result == 0 else { throw SystemError("bind") }
    }

    /// Lets a socket use one network interface only.
    public static func bind(_ descriptor: Int32, toInterface name: String) throws(SystemError) {
        let result = unsafe name.withCString { text in
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, text, socklen_t(name.utf8.count + 1))
        }
        guard result == 0 else { throw SystemError("setsockopt(SO_BINDTODEVICE)") }
    }

    /// Writes plain bytes.
    public static func send(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) -> TransferResult {
        let count = unsafe bytes.withUnsafeBytes { room in
            retryingInterrupts { unsafe Glibc.send(descriptor, room.baseAddress, room.count, Int32(MSG_NOSIGNAL)) }
        }
        if count >= 0 { return .bytes(count) }
        return errno == EAGAIN ? .wouldBlock : .failed(errno)
    }

    public static func listen(_ descriptor: Int32, backlog: Int) throws(SystemError) {
        guard Glibc.listen(descriptor, Int32(clamping: max(1, backlog))) == 0 else { throw SystemError("listen") }
    }

    /// Refuses connections from now on; the address stays bound, and ``listen(_:backlog:)`` takes them again.
    public static func stopListening(_ descriptor: Int32) { _ = Glibc.shutdown(descriptor, Int32(SHUT_RD)) }

    /// Starts to connect; returns true when the connection is there at once.
    public static func connect(_ descriptor: Int32, to target: Target) throws(SystemError) -> Bool {
        let result = unsafe target.withSockaddr { pointer, length in
            retryingInterrupts { unsafe Glibc.connect(descriptor, pointer, length) }
        }
        guard let result else { throw SystemError("connect", ENAMETOOLONG) }
        if result == 0 { return true }
        // A Unix socket with a full listen queue says EAGAIN: that is a refusal, not progress.
        guard errno == EINPROGRESS else { throw SystemError("connect") }
        return false
    }

    /// The error that waits on a socket: how a connect ended. 0 is success.
    public static func pendingError(_ descriptor: Int32) -> Int32 {
        get(descriptor, level: SOL_SOCKET, option: SO_ERROR) ?? EBADF
    }

    /// The next connection that waits on a listener, non-blocking and close-on-exec, with its peer; nil when none waits.
    public static func accept(_ listener: Int32) throws(SystemError) -> (descriptor: Int32, peer: SocketAddress)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            retryingInterrupts { unsafe portico_accept(listener, pointer, &length, flags) }
        }
        guard number >= 0 else {
            switch errno {
            case EAGAIN, ECONNABORTED, EPROTO, EPERM: return nil
            default: throw SystemError("accept")
            }
        }
        return (number, SocketAddress(storage, length: length))
    }

    /// The machine's name; `localhost` when it has none.
    public static var hostname: [UInt8] {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return Array("localhost".utf8) }
        return name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }

    /// The local address of a socket.
    public static func localAddress(_ descriptor: Int32) -> SocketAddress { address(descriptor, ofPeer: false) }

    /// The peer's address of a connected socket.
    public static func peerAddress(_ descriptor: Int32) -> SocketAddress { address(descriptor, ofPeer: true) }

    private static func address(_ descriptor: Int32, ofPeer: Bool) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe portico_socket_name(descriptor, pointer, &length, ofPeer ? 1 : 0)
        }
        return result == 0 ? SocketAddress(storage, length: length) : .unspecified
    }

    /// True when nothing waits to be read: no byte, no end, no error.
    public static func isSilent(_ descriptor: Int32) -> Bool {
        var byte: UInt8 = 0
        let count = retryingInterrupts { unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK)) }
        return count < 0 && errno == EAGAIN
    }

    /// Reads into `buffer`.
    @unsafe public static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer)
        -> TransferResult
    {
        let count = retryingInterrupts { unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0) }
        if count > 0 { return .bytes(count) }
        if count == 0 { return .end }
        return errno == EAGAIN ? .wouldBlock : .failed(errno)
    }

    /// Writes the first pieces of `output`, in one call; does not consume them.
    public static func send(_ descriptor: Int32, _ output: borrowing OutputQueue) -> TransferResult {
        let count = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: 32) { vectors in
            let (used, bytes) = unsafe output.describe(into: vectors)
            // One piece goes without a vector: the kernel has less to look at.
            if used == 1 {
                let piece = unsafe vectors[0].iov_base
                return retryingInterrupts { unsafe Glibc.send(descriptor, piece, bytes, Int32(MSG_NOSIGNAL)) }
            }
            var message = unsafe msghdr()
            unsafe message.msg_iov = vectors.baseAddress
            unsafe message.msg_iovlen = used
            return retryingInterrupts { unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) }
        }
        if count >= 0 { return .bytes(count) }
        return errno == EAGAIN ? .wouldBlock : .failed(errno)
    }

    /// Writes bytes from `start` on, in one call.
    public static func send(_ descriptor: Int32, _ bytes: [UInt8], from start: Int) -> TransferResult {
        let count = unsafe bytes[start...].withUnsafeBytes { bytes in
            retryingInterrupts { unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
        }
        if count >= 0 { return .bytes(count) }
        return errno == EAGAIN ? .wouldBlock : .failed(errno)
    }

    /// Sends one datagram without waiting; false when it could not go.
    @unsafe public static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, to target: Target) -> Bool {
        let count = unsafe target.withSockaddr { address, length in
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            return retryingInterrupts {
                unsafe portico_send_to(descriptor, bytes.baseAddress, bytes.count, flags, address, length)
            }
        }
        return count == bytes.count
    }

    /// Ends the sending direction.
    public static func shutdownWrite(_ descriptor: Int32) { _ = Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    /// Makes the next close send a reset instead of a FIN, and drop what waits.
    public static func resetOnClose(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}
