public import Bytes
import CLinux
import Glibc

/// The system's resolver, for names in the configuration: it blocks, so it is asked at start only.
public enum HostNames {
    /// The first address of a name; nil when it has none.
    ///
    /// - Parameter isIPv4: the family that is wanted; nil takes any.
    public static func firstAddress(of name: String, isIPv4: Bool?, port: UInt16) -> SocketAddress? {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_family = isIPv4.map { $0 ? AF_INET : AF_INET6 } ?? AF_UNSPEC
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(name, nil, &hints, &list) == 0, let first = unsafe list else { return nil }
        defer { unsafe freeaddrinfo(first) }
        let bytes = unsafe UnsafeRawBufferPointer(start: first.pointee.ai_addr, count: Int(first.pointee.ai_addrlen))
        var address = unsafe SocketAddress(raw: bytes, length: bytes.count)
        address.port = port
        return address.isIP ? address : nil
    }
}
