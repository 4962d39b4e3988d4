import Foundation
import Glibc
import TestSupport

/// A blocking TCP connection, for clients and servers that do what no library would. Calls return after at most ten
/// seconds.
final class RawSocket: @unchecked Sendable {
    private let descriptor: Int32

    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Connects to a port of 127.0.0.1.
    convenience init(connectingTo port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw SupportError.timeout("a connection to port \(port)")
        }
        self.init(adopting: descriptor)
    }

    deinit { close(descriptor) }

    /// Sends all of `text`; false when the peer is gone.
    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// What one read came to.
    /// The port on this side.
    var localPort: Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = descriptor
        _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(socket, $0, &length) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    enum Piece: Equatable, Sendable {
        case bytes([UInt8])
        case end, reset, timeout
    }

    func receive(limit: Int = 65_536) -> Piece {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = unsafe recv(descriptor, &buffer, limit, 0)
        if count > 0 { return .bytes(Array(buffer[..<count])) }
        if count == 0 { return .end }
        return errno == EAGAIN ? .timeout : .reset
    }

    /// Reads until the peer ends, resets or is silent for ten seconds.
    func receiveAll() -> (bytes: [UInt8], end: Piece) {
        var all: [UInt8] = []
        while true {
            let piece = receive()
            guard case .bytes(let bytes) = piece else { return (all, piece) }
            all += bytes
        }
    }

    /// Reads until `marker` has come, and returns all that came; nil when the peer ended before.
    func receive(through marker: String) -> String? {
        var all: [UInt8] = []
        while true {
            if String(decoding: all, as: UTF8.self).contains(marker) { return String(decoding: all, as: UTF8.self) }
            guard case .bytes(let bytes) = receive() else { return nil }
            all += bytes
        }
    }

    /// Runs blocking calls on a thread of their own, so that no test holds up the pool that runs all of them.
    func blocking<Result: Sendable>(_ body: @escaping @Sendable (RawSocket) -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: body(self)) }.start()
        }
    }

    /// Ends the sending direction.
    func shutdownWrite() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        _ = shutdown(descriptor, Int32(SHUT_RD))
        _ = dup2(Self.null, descriptor)
    }

    private static let null = unsafe open("/dev/null", O_RDWR)
}

/// A listener on 127.0.0.1 that accepts nobody and whose queue is full: connecting to it takes for ever.
final class FullListener: Sendable {
    let port: Int
    private let descriptor: Int32
    private let waiting: [Int32]

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var waiting: [Int32] = []
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard unsafe bind(listener, address, length) == 0, listen(listener, 0) == 0,
                    unsafe getsockname(listener, address, &length) == 0
                else { return false }
                for _ in 0..<4 {
                    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
                    _ = unsafe connect(client, address, length)
                    waiting.append(client)
                }
                return true
            }
        }
        guard bound else { throw SupportError.noPort }
        port = Int(UInt16(bigEndian: address.sin_port))
        descriptor = listener
        self.waiting = waiting
    }

    deinit {
        for client in waiting { close(client) }
        close(descriptor)
    }
}
