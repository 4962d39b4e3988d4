public import Bytes
import CLinux
import Glibc

/// The sockets of one UDP address, one for each worker (SO_REUSEPORT). The kernel numbers them in the order in which
/// they were bound, so one thread opens them all before the workers start.
public enum DatagramGroup {
    /// One instruction of a classic BPF program, with the fields of the kernel's `sock_filter`.
    public struct Instruction: Equatable, Sendable {
        public var code: UInt16
        public var jumpTrue: UInt8
        public var jumpFalse: UInt8
        public var operand: UInt32

        public init(code: UInt16, jumpTrue: UInt8, jumpFalse: UInt8, operand: UInt32) {
            self.code = code
            self.jumpTrue = jumpTrue
            self.jumpFalse = jumpFalse
            self.operand = operand
        }
    }

    /// Opens `count` sockets on `address`; socket `index` in the group is element `index`. With port 0 all share the
    /// port that the first one got. With one socket the port is not shared.
    public static func open(
        _ address: SocketAddress, count: Int, ipv6Only: Bool? = nil
    ) throws(SystemError) -> [Int32] {
        if count > 1 { return try open(address, workers: count, ipv6Only: ipv6Only) }
        return [try DatagramSocket.bind(to: address, reusesPort: false, ipv6Only: ipv6Only).release()]
    }

    /// Opens `workers` sockets on `address` that share it (SO_REUSEPORT), also with those of other processes.
    public static func open(
        _ address: SocketAddress, workers: Int, ipv6Only: Bool? = nil
    ) throws(SystemError) -> [Int32] {
        var address = address
        var opened: [Int32] = []
        do throws(SystemError) {
            for _ in 0..<workers {
                let socket = try DatagramSocket.bind(to: address, reusesPort: true, ipv6Only: ipv6Only)
                address.port = Socket.localAddress(socket.number).port
                opened.append(socket.release())
            }
        } catch {
            for number in opened { _ = close(number) }
            throw error
        }
        return opened
    }

    /// Opens sockets beside an inherited one, so that `count` workers have one each; the inherited one is element 0.
    /// When it was not opened with SO_REUSEPORT nothing can stand beside it: it is the only element then.
    public static func join(_ inherited: consuming OwnedDescriptor, count: Int) -> [Int32] {
        let first = inherited.release()
        let address = Socket.localAddress(first)
        guard Socket.get(first, level: SOL_SOCKET, option: SO_REUSEPORT) == 1 else { return [first] }
        let ipv6Only = Socket.get(first, level: Int32(IPPROTO_IPV6), option: IPV6_V6ONLY).map { $0 != 0 }
        var sockets = [first]
        while sockets.count < count {
            guard let next = try? DatagramSocket.bind(to: address, reusesPort: true, ipv6Only: ipv6Only) else { break }
            sockets.append(next.release())
        }
        return sockets
    }

    /// Gives the group that `descriptor` belongs to a program that chooses the socket of each datagram by returning its
    /// index; a number beyond all of them leaves the choice to the hash of the addresses. The program sees the
    /// datagram's payload.
    public static func steer(_ descriptor: Int32, by program: [Instruction]) throws(SystemError) {
        var filter = program.map {
            sock_filter(code: $0.code, jt: $0.jumpTrue, jf: $0.jumpFalse, k: $0.operand)
        }
        let result = unsafe portico_attach_reuseport_filter(descriptor, &filter, UInt16(clamping: filter.count))
        guard result == 0 else { throw SystemError("setsockopt") }
    }
}

extension Socket {
    /// Whether an IPv6 socket takes no IPv4.
    public static func isIPv6Only(_ descriptor: Int32) -> Bool {
        get(descriptor, level: Int32(IPPROTO_IPV6), option: IPV6_V6ONLY) == 1
    }
}
