/// Hashes of 32 bits for spreading load and for checksums: those that HAProxy's `hash-type` and converters name. None of
/// them is for secrets.
public enum ByteHash {
    /// DJB2: times 33, plus the byte.
    public static func djb2(_ bytes: borrowing Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 5381
        for index in bytes.indices { hash = hash &* 33 &+ UInt32(bytes[index]) }
        return hash
    }

    /// SDBM: times 65599, plus the byte.
    public static func sdbm(_ bytes: borrowing Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 0
        for index in bytes.indices { hash = hash &* 65_599 &+ UInt32(bytes[index]) }
        return hash
    }

    /// WT6, HAProxy's own: two words turned by each other's bits.
    public static func wt6(_ bytes: borrowing Span<UInt8>) -> UInt32 {
        var first: UInt32 = 0xa53c_965a
        var second: UInt32 = 0x5ca6_953a
        var firstTurn: UInt32 = 6
        var secondTurn: UInt32 = 18
        for index in bytes.indices {
            let mixed = ~(first ^ UInt32(bytes[index]))
            let added = ~(second &+ UInt32(bytes[index]))
            first = rotated(added, firstTurn)
            second = rotated(mixed, secondTurn)
            let turns = (first >> 16 ^ second) & 0xffff
            firstTurn = turns & 31
            secondTurn = turns >> 11
        }
        return first ^ second
    }

    private static func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 {
        value << count | value >> (32 - count)
    }

    /// CRC-32 as in Ethernet, gzip and PNG (reflected polynomial 0xEDB88320).
    public static func crc32(_ bytes: borrowing Span<UInt8>) -> UInt32 { checksum(bytes, ethernetTable) }

    /// CRC-32C (RFC 9260 appendix A, reflected polynomial 0x82F63B78).
    public static func crc32c(_ bytes: borrowing Span<UInt8>) -> UInt32 { checksum(bytes, castagnoliTable) }

    private static let ethernetTable = table(0xedb8_8320)
    private static let castagnoliTable = table(0x82f6_3b78)

    private static func table(_ polynomial: UInt32) -> [UInt32] {
        (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 0 ? 0 : polynomial) }
        }
    }

    private static func checksum(_ bytes: borrowing Span<UInt8>, _ table: [UInt32]) -> UInt32 {
        var value = ~UInt32(0)
        for index in bytes.indices { value = value >> 8 ^ table[Int((value ^ UInt32(bytes[index])) & 0xff)] }
        return ~value
    }

    /// Spreads a hash over all 32 bits: Bob Jenkins' full avalanche, then a multiplication by a prime.
    public static func avalanche(_ hash: UInt32) -> UInt32 {
        var value = (hash &+ 0x7ed5_5d16) &+ hash << 12
        value = value ^ 0xc761_c23c ^ value >> 19
        value = (value &+ 0x1656_67b1) &+ value << 5
        value = (value &+ 0xd3a2_646c) ^ value << 9
        value = (value &+ 0xfd70_46c5) &+ value << 3
        value = value ^ 0xb55a_4f09 ^ value >> 16
        return value &* 3_221_225_473
    }
}
