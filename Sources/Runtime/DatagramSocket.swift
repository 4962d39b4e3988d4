public import Bytes
import CLinux
import Glibc

/// What the datagrams of a socket came to, since it was opened.
public struct DatagramCounters: Equatable, Sendable {
    /// Datagrams received, those of one GRO message counted one by one.
    public var received: UInt64 = 0
    public var receivedBytes: UInt64 = 0
    /// Calls that received something.
    public var receiveCalls: UInt64 = 0
    /// Datagrams longer than a receive slot, dropped.
    public var truncated: UInt64 = 0
    /// Datagrams that the kernel dropped because the receive buffer was full (SO_RXQ_OVFL).
    public var overflowed: UInt64 = 0
    /// Datagrams given to the kernel.
    public var sent: UInt64 = 0
    public var sentBytes: UInt64 = 0
    /// Calls that sent something, or tried to.
    public var sendCalls: UInt64 = 0
    /// Times that the socket's send buffer was full.
    public var sendBlocked: UInt64 = 0
    /// Datagrams dropped as larger than the path takes (EMSGSIZE): how a probe for the path's MTU fails.
    public var tooLarge: UInt64 = 0
    /// Datagrams dropped for want of kernel memory or a full interface queue (ENOBUFS, ENOMEM).
    public var noBuffers: UInt64 = 0
    /// Datagrams dropped by the packet filter (EPERM).
    public var filtered: UInt64 = 0
    /// Datagrams dropped because the peer's port was unreachable (ECONNREFUSED).
    public var refused: UInt64 = 0
    /// Datagrams dropped for any other error: no route, no such source address.
    public var unreachable: UInt64 = 0
}

/// One non-blocking UDP socket. This file opens and configures it; ``DatagramReceiver`` and ``DatagramSender`` hold the
/// batched calls. Not Sendable: opened descriptors travel to their worker, which makes the object.
@safe public final class DatagramSocket {
    /// The address that the socket is bound to: the real port when 0 was asked for.
    public let localAddress: SocketAddress
    /// The peer of a connected socket.
    public let peerAddress: SocketAddress?
    /// The socket is bound to all addresses of the machine: each datagram has a local address of its own.
    public let isWildcard: Bool
    /// Runs leave by one call each (UDP_SEGMENT). Turned off when the kernel or the device refuses.
    public internal(set) var segments: Bool
    /// Several received datagrams may come as one message (UDP_GRO).
    public let gathers: Bool
    public internal(set) var counters = DatagramCounters()
    /// The kernel's own count of lost datagrams, as last seen: it wraps.
    var lastOverflow: UInt32 = 0

    /// The open descriptor; -1 after ``close()``.
    public private(set) var descriptor: Int32

    /// How a UDP socket is set up.
    public struct Options: Sendable {
        /// Bytes asked for the receive buffer; the kernel may give less.
        public var receiveBuffer = 4 << 20
        /// Bytes asked for the send buffer; the kernel may give less.
        public var sendBuffer = 1 << 20
        /// Gather received datagrams and segment sent ones, where the kernel can.
        public var offloads = true
        /// Addresses to go by instead of the socket's own: for a connected datagram socket of another kind, such as one
        /// of a Unix pair.
        public var addresses: (local: SocketAddress, peer: SocketAddress)?

        public init() {}
    }

    /// Takes over a bound, and perhaps connected, UDP socket and sets it up for QUIC: local addresses and ECN marks of
    /// received datagrams, no fragmentation (RFC 9000 section 14), large buffers, counted losses.
    ///
    /// Throws ENOTSOCK or EPROTOTYPE when the descriptor is not a datagram socket on IPv4 or IPv6.
    public init(adopting descriptor: consuming OwnedDescriptor, options: Options = Options()) throws(SystemError) {
        let number = descriptor.number
        guard let type = Socket.get(number, level: SOL_SOCKET, option: SO_TYPE) else { throw SystemError("getsockopt") }
        let local = Socket.localAddress(number)
        let peer = Socket.peerAddress(number)
        localAddress = options.addresses?.local ?? local
        peerAddress = options.addresses?.peer ?? (peer.family == .unspecified ? nil : peer)
        guard type == Int32(SOCK_DGRAM.rawValue), local.family != .unspecified else {
            throw SystemError("socket type", EPROTOTYPE)
        }
        isWildcard = localAddress.isWildcard
        let isInternet = local.family != .unix
        segments = options.offloads && isInternet && Self.canSegment
        gathers =
            options.offloads && isInternet && Socket.set(number, level: Int32(IPPROTO_UDP), option: UDP_GRO, 1)
        self.descriptor = descriptor.release()
        let flags = fcntl(number, F_GETFL)
        guard flags >= 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) == 0 else { throw SystemError("fcntl") }
        Socket.set(number, level: SOL_SOCKET, option: SO_RXQ_OVFL, 1)
        Self.raise(number, to: options.receiveBuffer, force: SO_RCVBUFFORCE, plain: SO_RCVBUF)
        Self.raise(number, to: options.sendBuffer, force: SO_SNDBUFFORCE, plain: SO_SNDBUF)
        if isInternet { configureInternet() }
    }

    deinit { close() }

    /// Closes the socket. Nothing may be received or sent after it.
    public func close() {
        guard descriptor >= 0 else { return }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    private func configureInternet() {
        let number = descriptor
        let ipv4 = Int32(IPPROTO_IP)
        let ipv6 = Int32(IPPROTO_IPV6)
        if localAddress.family == .ipv6 {
            Socket.set(number, level: ipv6, option: IPV6_RECVTCLASS, 1)
            if isWildcard { Socket.set(number, level: ipv6, option: IPV6_RECVPKTINFO, 1) }
            Socket.set(number, level: ipv6, option: IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
            // A socket for both families takes IPv4's options beside its own.
            guard Socket.get(number, level: ipv6, option: IPV6_V6ONLY) == 0 else { return }
        }
        Socket.set(number, level: ipv4, option: IP_RECVTOS, 1)
        if isWildcard, localAddress.family == .ipv4 { Socket.set(number, level: ipv4, option: IP_PKTINFO, 1) }
        // PROBE: "don't fragment" is set, and what the kernel believes about the path's MTU does not bind us.
        Socket.set(number, level: ipv4, option: IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    }

    /// Whether the kernel knows UDP_SEGMENT (Linux 4.18).
    private static let canSegment: Bool = {
        let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return false }
        defer { _ = Glibc.close(number) }
        return Socket.get(number, level: Int32(IPPROTO_UDP), option: UDP_SEGMENT) != nil
    }()

    /// Raises a buffer to `size` bytes: past the system's limit when we may, else as far as the limit goes.
    private static func raise(_ descriptor: Int32, to size: Int, force: Int32, plain: Int32) {
        // The kernel doubles what is set, for its own bookkeeping, and tells the doubled value.
        let wanted = Int32(clamping: size)
        if let present = Socket.get(descriptor, level: SOL_SOCKET, option: plain), present / 2 >= wanted { return }
        if !Socket.set(descriptor, level: SOL_SOCKET, option: force, wanted) {
            Socket.set(descriptor, level: SOL_SOCKET, option: plain, wanted)
        }
    }

    /// Bytes that the kernel reserves for received datagrams, its own bookkeeping included.
    public var receiveBufferSize: Int { Int(Socket.get(descriptor, level: SOL_SOCKET, option: SO_RCVBUF) ?? 0) }

    // MARK: Opening

    /// A socket bound to `address`. `reusesPort` lets several of them share it (SO_REUSEPORT). `ipv6Only` decides
    /// whether an IPv6 socket takes IPv4 too; nil leaves the system's default.
    public static func bind(
        to address: SocketAddress, reusesPort: Bool, ipv6Only: Bool? = nil
    ) throws(SystemError) -> OwnedDescriptor {
        let socket = try Socket.datagram(for: .ip(address))
        Socket.setReusable(socket.number, address: false, port: reusesPort)
        if address.family == .ipv6, let ipv6Only {
            Socket.set(socket.number, level: Int32(IPPROTO_IPV6), option: IPV6_V6ONLY, ipv6Only ? 1 : 0)
        }
        try Socket.bind(socket.number, to: .ip(address))
        return socket
    }

    /// A socket connected to `peer`, from an address and port that the kernel chooses, or from `source`.
    public static func connect(
        to peer: SocketAddress, from source: SocketAddress? = nil
    ) throws(SystemError) -> OwnedDescriptor {
        let socket = try Socket.datagram(for: .ip(peer))
        if let source { try Socket.bind(socket.number, to: .ip(source)) }
        _ = try Socket.connect(socket.number, to: .ip(peer))
        return socket
    }
}

extension SocketAddress {
    /// True for `0.0.0.0` and `::`.
    public var isWildcard: Bool {
        guard family == .ipv4 || family == .ipv6 else { return false }
        for index in 0..<16 where octets[index] != 0 { return false }
        return true
    }
}
