/// An IPv4 or IPv6 address.
public enum IPAddress: Sendable, Hashable {
    /// The four bytes as one number, the first byte the most significant.
    case v4(UInt32)
    /// The sixteen bytes as two numbers, the first byte the most significant of `high`.
    case v6(high: UInt64, low: UInt64)

    /// `0.0.0.0`: all of the machine's IPv4 addresses.
    public static let anyV4 = IPAddress.v4(0)
    /// `::`: all of the machine's IPv6 addresses.
    public static let anyV6 = IPAddress.v6(high: 0, low: 0)

    /// Whether this is an IPv4 address.
    public var isV4: Bool {
        if case .v4 = self { true } else { false }
    }

    /// Whether this is `0.0.0.0` or `::`.
    public var isAny: Bool { self == .anyV4 || self == .anyV6 }

    /// The bytes in network order: 4 or 16 of them.
    public var bytes: [UInt8] {
        switch self {
        case .v4(let value): Self.bytes(of: UInt64(value), count: 4)
        case .v6(let high, let low): Self.bytes(of: high, count: 8) + Self.bytes(of: low, count: 8)
        }
    }

    /// The address whose network-order bytes these are; nil unless there are 4 or 16.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self = .v4(UInt32(truncatingIfNeeded: Self.number(bytes.prefix(4))))
        case 16: self = .v6(high: Self.number(bytes.prefix(8)), low: Self.number(bytes.dropFirst(8)))
        default: return nil
        }
    }

    /// The `length` leading bits of this address, the others cleared; the whole address when `length` exceeds it.
    public func masked(to length: Int) -> IPAddress {
        switch self {
        case .v4(let value): .v4(value & Self.mask(UInt32.self, length))
        case .v6(let high, let low):
            .v6(high: high & Self.mask(UInt64.self, length), low: low & Self.mask(UInt64.self, length - 64))
        }
    }

    private static func mask<N: FixedWidthInteger & UnsignedInteger>(_: N.Type, _ length: Int) -> N {
        if length <= 0 { return 0 }
        return length >= N.bitWidth ? N.max : ~(N.max >> N(length))
    }

    private static func bytes(of value: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }

    private static func number(_ bytes: some Collection<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// A block of addresses: `10.0.0.0/8`, `::1/128`.
public struct IPNetwork: Sendable, Hashable {
    /// The address with all bits behind the prefix cleared.
    public let address: IPAddress
    /// How many leading bits count: 0 to 32, or 0 to 128.
    public let prefixLength: Int

    /// The block of all addresses that share `prefixLength` bits with `address`.
    public init(_ address: IPAddress, prefixLength: Int) {
        let longest = address.isV4 ? 32 : 128
        self.prefixLength = min(max(prefixLength, 0), longest)
        self.address = address.masked(to: self.prefixLength)
    }

    /// Whether `other` is in the block. Addresses of the other family never are.
    public func contains(_ other: IPAddress) -> Bool {
        other.isV4 == address.isV4 && other.masked(to: prefixLength) == address
    }
}
