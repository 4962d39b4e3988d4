import Glibc
import Synchronization

/// Ports for servers under test.
package enum Ports {
    /// Below the range from which the kernel serves outgoing connections, so that none of those takes a port between
    /// the look and the server's own bind.
    private static let range = 20_000...32_000
    private static let given = Mutex<Set<Int>>([])

    /// A port that nobody uses, neither with TCP nor with UDP, on the loopback addresses; never the same one twice in a
    /// test run.
    package static func free() throws -> Int {
        for _ in 0..<10_000 {
            let port = Int.random(in: range)
            let isNew = given.withLock { $0.insert(port).inserted }
            if isNew, isFree(port, SOCK_STREAM), isFree(port, SOCK_DGRAM) { return port }
        }
        throw SupportError.noPort
    }

    /// True when something listens on the TCP port of 127.0.0.1.
    package static func listens(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return unsafe address(port) { unsafe connect(descriptor, $0, $1) } == 0
    }

    /// True when a UDP socket is bound to the port, on 127.0.0.1 or on all addresses.
    package static func listensUDP(_ port: Int) -> Bool { !isFree(port, SOCK_DGRAM) }

    private static func isFree(_ port: Int, _ type: __socket_type) -> Bool {
        let descriptor = socket(AF_INET, Int32(type.rawValue), 0)
        defer { close(descriptor) }
        return unsafe address(port) { unsafe bind(descriptor, $0, $1) } == 0
    }

    private static func address(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        return unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
