import CLinux
import Glibc

/// What a TCP socket is told beside its addresses (tcp(7), socket(7)). Nil: as the system has it.
public struct SocketTraits: Sendable, Equatable {
    /// Probes of a silent connection.
    public struct Probes: Sendable, Equatable {
        /// Probes without an answer after which the connection is dead.
        public var count: Int?
        /// Seconds of silence before the first probe.
        public var idle: Int?
        /// Seconds between two probes.
        public var interval: Int?

        public init(count: Int? = nil, idle: Int? = nil, interval: Int? = nil) {
            self.count = count
            self.idle = idle
            self.interval = interval
        }
    }

    /// Nil: the connection is not probed.
    public var probes: Probes?
    /// A close sends a reset, and drops what waits.
    public var resetsOnClose = false
    /// Milliseconds that sent data may stay without acknowledgement (RFC 5482).
    public var userTimeout: Int?
    /// The congestion controller, by the kernel's name.
    public var congestionControl: String?
    /// Bytes that may wait in the kernel unsent.
    public var unsentLimit: Int?
    /// Most bytes of a segment; below 0: so many fewer than the kernel has found.
    public var maxSegment: Int?
    /// The first data goes with the SYN where the peer has allowed it before (RFC 7413); for sockets that connect.
    public var usesFastOpen = false

    public init() {}

    /// The traits, or nil when nothing is to be told.
    public var ifAny: SocketTraits? { self == SocketTraits() ? nil : self }

    /// Tells a TCP socket. What the kernel refuses is passed over, as HAProxy does.
    public func apply(to descriptor: Int32) {
        let tcp = Int32(IPPROTO_TCP)
        if let probes {
            Socket.set(descriptor, level: SOL_SOCKET, option: SO_KEEPALIVE, 1)
            if let count = probes.count {
                Socket.set(descriptor, level: tcp, option: TCP_KEEPCNT, Int32(clamping: count))
            }
            if let idle = probes.idle {
                Socket.set(descriptor, level: tcp, option: TCP_KEEPIDLE, Int32(clamping: idle))
            }
            if let interval = probes.interval {
                Socket.set(descriptor, level: tcp, option: TCP_KEEPINTVL, Int32(clamping: interval))
            }
        }
        if resetsOnClose { Socket.resetOnClose(descriptor) }
        if let userTimeout {
            Socket.set(descriptor, level: tcp, option: TCP_USER_TIMEOUT, Int32(clamping: userTimeout))
        }
        if let congestionControl { Socket.setCongestionControl(descriptor, congestionControl) }
        if let unsentLimit {
            Socket.set(descriptor, level: tcp, option: TCP_NOTSENT_LOWAT, Int32(clamping: unsentLimit))
        }
        if let maxSegment {
            let found = maxSegment < 0 ? Int(Socket.get(descriptor, level: tcp, option: TCP_MAXSEG) ?? 0) : 0
            Socket.set(descriptor, level: tcp, option: TCP_MAXSEG, Int32(clamping: found + maxSegment))
        }
        if usesFastOpen { Socket.set(descriptor, level: tcp, option: TCP_FASTOPEN_CONNECT, 1) }
    }
}

/// What a listening TCP socket is told beside its address.
public struct ListenerTraits: Sendable, Equatable {
    /// What its connections inherit.
    public var connections = SocketTraits()
    /// The only network interface to listen on; nil: all.
    public var interface: String?
    /// Connections are taken only once they have brought data.
    public var defersAccept = false
    /// The address may be another machine's (CAP_NET_ADMIN).
    public var isTransparent = false
    /// Clients' SYN packets are kept: 0 not, 1 from the IP header on, 2 from the link's header on.
    public var keepsSYN = 0

    public init() {}

    /// Tells a TCP socket before it is bound.
    public func prepare(_ descriptor: Int32, isIPv6: Bool) throws(SystemError) {
        if isTransparent { try Socket.setTransparent(descriptor, isIPv6: isIPv6) }
        if let interface { try Socket.bind(descriptor, toInterface: interface) }
        apply(to: descriptor)
    }

    /// Tells a TCP socket that is bound: of an older process, which may have had other settings.
    public func apply(to descriptor: Int32) {
        let tcp = Int32(IPPROTO_TCP)
        connections.apply(to: descriptor)
        // For up to a second, as HAProxy has it.
        if defersAccept { Socket.set(descriptor, level: tcp, option: TCP_DEFER_ACCEPT, 1) }
        if keepsSYN > 0 { Socket.set(descriptor, level: tcp, option: TCP_SAVE_SYN, Int32(clamping: keepsSYN)) }
    }
}

extension Socket {
    /// Chooses the congestion controller (`TCP_CONGESTION`); false when the kernel has none of that name.
    @discardableResult
    public static func setCongestionControl(_ descriptor: Int32, _ name: String) -> Bool {
        unsafe name.withCString { text in
            unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, text, socklen_t(name.utf8.count)) == 0
        }
    }

    /// The name of the socket's congestion controller; nil when it has none.
    public static func congestionControl(_ descriptor: Int32) -> String? {
        var name = [CChar](repeating: 0, count: 17)
        var length = socklen_t(name.count - 1)
        guard unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, &name, &length) == 0 else { return nil }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
