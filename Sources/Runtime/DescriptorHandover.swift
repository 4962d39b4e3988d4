import Bytes
import CLinux
import Glibc

/// Descriptors that one process gives another over a Unix socket, as HAProxy's `_getsocks` does it: a number first, then
/// messages of at most 252 descriptors with a few bytes about each, and after each message a word of thanks.
public enum DescriptorHandover {
    /// Most descriptors of one message.
    public static let batch = Int(PORTICO_MAX_DESCRIPTORS)
    /// Most descriptors that are taken.
    private static let limit = 65_536
    /// Bytes about one descriptor at most: the names of a namespace and an interface with their lengths, and a number.
    private static let detailLimit = 1 + 4096 + 1 + 16 + 4

    /// The bytes about a descriptor without namespace and interface.
    private static let detail: [UInt8] = [0, 0, 0, 0, 0, 0]

    /// Sends one message. False when the receiver does not take it.
    public static func send(_ descriptors: ArraySlice<Int32>, to socket: Int32) -> Bool {
        let bytes = Array(repeatElement(detail, count: descriptors.count).joined())
        let numbers = Array(descriptors)
        return unsafe portico_send_descriptors(socket, bytes, bytes.count, numbers, Int32(numbers.count)) == bytes.count
    }

    /// Asks the process that listens on the Unix socket `path` for its listening sockets. It blocks, at most for a second
    /// in a row; used at start only. The caller owns the descriptors.
    public static func fetch(from path: String) throws(SystemError) -> [Int32] {
        let socket = try connect(path)
        defer { close(socket) }
        let request = Array("_getsocks\n".utf8)
        guard unsafe Glibc.send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw SystemError("send")
        }
        var count: Int32 = 0
        guard unsafe recv(socket, &count, 4, Int32(MSG_WAITALL)) == 4 else { throw SystemError("recv") }
        guard count >= 0, count <= limit else { throw SystemError("recv", EPROTO) }
        return try receive(Int(count), from: socket)
    }

    /// What came of asking for descriptors with a description.
    public enum Described: Sendable {
        /// The other side does not know the command.
        case unknown
        /// A negative number came instead.
        case refused(Int)
        /// The caller owns the descriptors.
        case given([UInt8], [Int32])
    }

    /// Most bytes of a description.
    private static let wordLimit = 1 << 20

    /// Asks for descriptors with a description, by a command of ours: the answer is a number of bytes, these, and the
    /// descriptors as ``fetch(from:)`` takes them. It blocks, at most for a second in a row.
    ///
    /// - Parameter count: how many descriptors belong to a description.
    public static func fetchDescribed(
        _ command: String, from path: String, count: ([UInt8]) -> Int
    ) throws(SystemError) -> Described {
        let socket = try connect(path)
        defer { close(socket) }
        let request = Array("\(command)\n".utf8)
        guard unsafe Glibc.send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw SystemError("send")
        }
        var length: Int32 = 0
        let received = unsafe recv(socket, &length, 4, Int32(MSG_WAITALL))
        // No answer in time may be one of a process that is busy: its sockets must not be passed over.
        guard received >= 0 else { throw SystemError("recv") }
        guard received == 4, length <= wordLimit else { return .unknown }
        guard length >= 0 else { return .refused(Int(length)) }
        var words = [UInt8](repeating: 0, count: Int(length))
        guard unsafe recv(socket, &words, words.count, Int32(MSG_WAITALL)) == words.count else {
            throw SystemError("recv", EPROTO)
        }
        let expected = count(words)
        guard expected <= limit else { throw SystemError("recv", EPROTO) }
        return .given(words, try receive(expected, from: socket))
    }

    private static func receive(_ count: Int, from socket: Int32) throws(SystemError) -> [Int32] {
        var found: [Int32] = []
        var bytes = [UInt8](repeating: 0, count: batch * detailLimit)
        var numbers = [Int32](repeating: -1, count: batch)
        while found.count < count {
            var some: Int32 = 0
            let length = unsafe portico_receive_descriptors(socket, &bytes, bytes.count, &numbers, &some)
            guard length > 0 else {
                for number in found { close(number) }
                throw SystemError("recvmsg", length == 0 ? EPROTO : errno)
            }
            found += numbers.prefix(Int(some))
            var thanks = Int32(found.count)
            _ = unsafe Glibc.send(socket, &thanks, 4, Int32(MSG_NOSIGNAL))
        }
        return found
    }

    /// - Parameter path: of a Unix socket, or `sockpair@` and the number of a descriptor (``SocketPair``).
    private static func connect(_ path: String) throws(SystemError) -> Int32 {
        guard let end = SocketPair.number(in: path) else { return try connect(toUnix: path) }
        let number = try SocketPair.connect(over: end)
        limitWaiting(number)
        return number
    }

    private static func limitWaiting(_ number: Int32) {
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        _ = unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func connect(toUnix path: String) throws(SystemError) -> Int32 {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw SystemError("socket") }
        limitWaiting(number)
        let result = unsafe Socket.Target.unix(path: path).withSockaddr { unsafe Glibc.connect(number, $0, $1) }
        guard result == 0 else {
            let error = result == nil ? SystemError("connect", ENAMETOOLONG) : SystemError("connect")
            close(number)
            throw error
        }
        return number
    }
}

extension Socket {
    /// What a socket is bound to, in the words that it can be opened with; nil when it is bound to nothing, or is of
    /// another family.
    public static func localTarget(_ descriptor: Int32) -> Target? {
        let address = localAddress(descriptor)
        switch address.family {
        case .ipv4, .ipv6: return .ip(address)
        case .unspecified: return nil
        case .unix: break
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        guard unsafe portico_socket_name(descriptor, &storage, &length, 0) == 0 else { return nil }
        // The path stands behind the family.
        let name = unsafe withUnsafeBytes(of: &storage) { bytes in
            unsafe Array(bytes.dropFirst(2).prefix(max(0, Int(length) - 2)))
        }
        guard let first = name.first else { return nil }
        if first != 0 { return .unix(path: String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)) }
        let isPadded = name.count == MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        return .abstract(
            name: String(decoding: name.dropFirst().prefix { $0 != 0 }, as: UTF8.self), isPadded: isPadded)
    }
}
