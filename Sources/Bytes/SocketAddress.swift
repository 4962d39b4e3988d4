public import Glibc

/// The address of a socket's end: IPv4, IPv6 or "some Unix socket". A plain value of fixed size, so that a table or a
/// packet can carry it without an allocation. Ports are in host order.
public struct SocketAddress: Hashable, Sendable {
    /// Which addresses the value holds.
    public enum Family: UInt8, Sendable {
        /// No address is known (a socket pair, an inherited descriptor of another kind).
        case unspecified
        case ipv4
        case ipv6
        /// A Unix socket. Its path belongs to the listener or server, not to this value.
        case unix
    }

    public let family: Family
    /// UDP or TCP port in host order; 0 for other families.
    public var port: UInt16
    /// IPv6 scope (interface index), 0 when none.
    public let scope: UInt32
    /// The address in network order: 16 bytes for IPv6, the first 4 for IPv4.
    public let octets: InlineArray<16, UInt8>

    /// Whether it is an IPv4 or IPv6 address.
    @inlinable public var isIP: Bool { family == .ipv4 || family == .ipv6 }

    public static let unspecified = SocketAddress(family: .unspecified, octets: InlineArray(repeating: 0), port: 0)
    public static let unix = SocketAddress(family: .unix, octets: InlineArray(repeating: 0), port: 0)

    public init(family: Family, octets: InlineArray<16, UInt8>, port: UInt16, scope: UInt32 = 0) {
        self.family = family
        self.octets = octets
        self.port = port
        self.scope = scope
    }

    /// An IPv4 address from its four octets.
    public init(ipv4 a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, port: UInt16) {
        var octets = InlineArray<16, UInt8>(repeating: 0)
        octets[0] = a
        octets[1] = b
        octets[2] = c
        octets[3] = d
        self.init(family: .ipv4, octets: octets, port: port)
    }

    /// Reads what the kernel wrote. `length` is the length that the kernel gave.
    public init(_ storage: borrowing sockaddr_storage, length: socklen_t) {
        var copy = copy storage
        self = unsafe withUnsafeBytes(of: &copy) { unsafe SocketAddress(raw: $0, length: Int(length)) }
    }

    /// Reads a `sockaddr` from its bytes; a shape that is neither IPv4, IPv6 nor Unix gives ``unspecified``.
    public init(raw bytes: UnsafeRawBufferPointer, length: Int) {
        guard length >= 2, bytes.count >= 2 else {
            self = .unspecified
            return
        }
        switch Int32(unsafe bytes.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size && bytes.count >= MemoryLayout<sockaddr_in>.size:
            let address = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
            var octets = InlineArray<16, UInt8>(repeating: 0)
            let word = UInt32(bigEndian: address.sin_addr.s_addr)
            for index in 0..<4 { octets[index] = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * index)) }
            self.init(family: .ipv4, octets: octets, port: UInt16(bigEndian: address.sin_port))
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size && bytes.count >= MemoryLayout<sockaddr_in6>.size:
            var address = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
            var octets = InlineArray<16, UInt8>(repeating: 0)
            unsafe withUnsafeBytes(of: &address.sin6_addr) { raw in
                for index in 0..<16 { octets[index] = unsafe raw[index] }
            }
            self.init(
                family: .ipv6, octets: octets, port: UInt16(bigEndian: address.sin6_port), scope: address.sin6_scope_id)
        case AF_UNIX:
            self = .unix
        default:
            self = .unspecified
        }
    }

    /// Calls `body` with the address as the kernel wants it. For ``Family/unix`` and ``Family/unspecified`` the
    /// pointer is nil and the length 0.
    public func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>?, socklen_t) -> Result) -> Result {
        switch family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            var word: UInt32 = 0
            for index in 0..<4 { word = word << 8 | UInt32(octets[index]) }
            address.sin_addr.s_addr = word.bigEndian
            return unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { raw in
                for index in 0..<16 { unsafe raw[index] = octets[index] }
            }
            return unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        case .unix, .unspecified:
            return body(nil, 0)
        }
    }

    public static func == (left: SocketAddress, right: SocketAddress) -> Bool {
        guard left.family == right.family, left.port == right.port, left.scope == right.scope else { return false }
        for index in 0..<16 where left.octets[index] != right.octets[index] { return false }
        return true
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(family)
        hasher.combine(port)
        for index in 0..<16 { hasher.combine(octets[index]) }
    }

    /// True for an IPv4 address carried in IPv6 (`::ffff:a.b.c.d`).
    public var isIPv4Mapped: Bool {
        guard family == .ipv6, octets[10] == 0xff, octets[11] == 0xff else { return false }
        for index in 0..<10 where octets[index] != 0 { return false }
        return true
    }
}
