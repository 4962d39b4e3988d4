public import Bytes
internal import CNgtcp2

/// The two ends of a datagram's way (RFC 9000 section 9): our socket address and the peer's.
public struct QUICPath: Hashable, Sendable {
    /// The address the datagram arrived at or leaves from. A wildcard listener that does not know it may give its own
    /// bound address, always the same one.
    public var local: SocketAddress
    public var remote: SocketAddress

    public init(local: SocketAddress, remote: SocketAddress) {
        self.local = local
        self.remote = remote
    }

    /// No path: both ends unspecified.
    static let none = QUICPath(local: .unspecified, remote: .unspecified)

    /// Whether both ends are IP addresses.
    var isInternet: Bool { Self.isInternet(local.family) && Self.isInternet(remote.family) }

    private static func isInternet(_ family: SocketAddress.Family) -> Bool {
        switch family {
        case .ipv4, .ipv6: true
        case .unix, .unspecified: false
        }
    }

    /// Reads a path that ngtcp2 gave.
    init(_ path: borrowing ngtcp2_path) {
        local = unsafe Self.address(path.local)
        remote = unsafe Self.address(path.remote)
    }

    private static func address(_ from: ngtcp2_addr) -> SocketAddress {
        guard let start = unsafe from.addr else { return .unspecified }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Int(from.addrlen))
        return unsafe SocketAddress(raw: bytes, length: bytes.count)
    }
}

/// Memory for one path in ngtcp2's form, with the addresses behind it. Owned; lives as long as its holder.
@safe
struct PathStorage: ~Copyable {
    /// Where the path stands; its address pointers lead into the same allocation.
    let pointer: UnsafeMutablePointer<ngtcp2_path_storage>
    /// The value that `pointer` holds now, so that an unchanged path is not written again.
    private var value = QUICPath.none

    init() {
        unsafe pointer = .allocate(capacity: 1)
        unsafe ngtcp2_path_storage_zero(pointer)
    }

    deinit {
        unsafe pointer.deallocate()
    }

    /// ngtcp2's view of the path.
    var path: UnsafeMutablePointer<ngtcp2_path> {
        unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: ngtcp2_path.self)
    }

    /// Puts `new` into the storage. False, and nothing is changed, when an end is no IP address: the library knows no other.
    mutating func set(_ new: QUICPath) -> Bool {
        if new == value { return value.isInternet }
        guard new.isInternet else { return false }
        value = new
        let storage = unsafe pointer
        unsafe ngtcp2_path_storage_zero(storage)
        unsafe new.local.withSockaddr { address, length in
            guard let address = unsafe address else { return }
            unsafe ngtcp2_addr_copy_byte(&storage.pointee.path.local, address, length)
        }
        unsafe new.remote.withSockaddr { address, length in
            guard let address = unsafe address else { return }
            unsafe ngtcp2_addr_copy_byte(&storage.pointee.path.remote, address, length)
        }
        return true
    }
}
