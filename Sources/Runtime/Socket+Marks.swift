import CLinux
import Glibc

// What marks a socket's packets, and how a connection goes without a word.
extension Socket {
    /// Gives all packets of the socket a firewall mark (`SO_MARK`); false without the privilege (CAP_NET_ADMIN).
    @discardableResult
    public static func setMark(_ descriptor: Int32, _ mark: UInt32) -> Bool {
        set(descriptor, level: SOL_SOCKET, option: SO_MARK, Int32(bitPattern: mark))
    }

    /// Sets the type of service of all packets: the whole octet, of which the network reads the upper six bits (RFC 2474).
    @discardableResult
    public static func setTypeOfService(_ descriptor: Int32, _ value: UInt8) -> Bool {
        let octet = Int32(value)
        if get(descriptor, level: SOL_SOCKET, option: SO_DOMAIN) == AF_INET6 {
            // What an IPv6 socket sends to an IPv4 peer has the octet of IPv4.
            set(descriptor, level: Int32(IPPROTO_IP), option: IP_TOS, octet)
            return set(descriptor, level: Int32(IPPROTO_IPV6), option: IPV6_TCLASS, octet)
        }
        return set(descriptor, level: Int32(IPPROTO_IP), option: IP_TOS, octet)
    }

    /// Makes the next close leave the peer with a connection that it takes for open: nothing is sent (`TCP_REPAIR`), or,
    /// without the privilege for that or with `hops`, a reset that does not live longer than `hops` hops.
    public static func closeSilently(_ descriptor: Int32, hops: UInt8?) {
        acknowledge(descriptor)
        resetOnClose(descriptor)
        if hops == nil, set(descriptor, level: Int32(IPPROTO_TCP), option: TCP_REPAIR, 1) { return }
        let limit = Int32(hops ?? 1)
        if get(descriptor, level: SOL_SOCKET, option: SO_DOMAIN) == AF_INET6 {
            set(descriptor, level: Int32(IPPROTO_IPV6), option: IPV6_UNICAST_HOPS, limit)
        }
        set(descriptor, level: Int32(IPPROTO_IP), option: IP_TTL, limit)
    }

    /// Takes what waits and acknowledges it, so that the peer sends nothing again that would be answered with a reset.
    private static func acknowledge(_ descriptor: Int32) {
        for _ in 0..<16 {
            let flags = Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC)
            let count = retryingInterrupts { recv(descriptor, nil, 1 << 20, flags) }
            if count <= 0 { break }
        }
        set(descriptor, level: Int32(IPPROTO_TCP), option: TCP_QUICKACK, 1)
    }
}
