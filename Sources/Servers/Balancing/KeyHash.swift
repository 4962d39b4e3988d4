public import Configuration

/// The hashes by which `hash-type` brings keys to servers. Other proxies with the same servers have to find the same
/// ones, so each gives HAProxy's numbers (configuration.txt, "hash-type").
public enum KeyHash {
    /// The hash of a key as the settings ask for it.
    public static func hash(_ key: Span<UInt8>, _ settings: HashSettings) -> UInt32 {
        let hash =
            switch settings.function {
            case .sdbm: sdbm(key)
            case .djb2: djb2(key)
            case .wt6: wt6(key)
            case .crc32: crc32(key)
            case .none: number(key)
            }
        return settings.avalanches ? stir(hash) : hash
    }

    /// The hash of an address: its words in network order, one on the other, whatever the function.
    public static func address(_ octets: Span<UInt8>, _ settings: HashSettings) -> UInt32 {
        var hash: UInt32 = 0
        var index = 0
        while index + 4 <= octets.count {
            var word: UInt32 = 0
            for offset in 0..<4 { word = word << 8 | UInt32(octets[index + offset]) }
            hash ^= word
            index += 4
        }
        return settings.avalanches ? stir(hash) : hash
    }

    static func sdbm(_ key: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 0
        for index in key.indices { hash = UInt32(key[index]) &+ (hash << 6) &+ (hash << 16) &- hash }
        return hash
    }

    static func djb2(_ key: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 5381
        for index in key.indices { hash = (hash << 5) &+ hash &+ UInt32(key[index]) }
        return hash
    }

    static func wt6(_ key: Span<UInt8>) -> UInt32 {
        var low: UInt32 = 0xa53c_965a
        var high: UInt32 = 0x5ca6_953a
        var (first, second): (UInt32, UInt32) = (6, 18)
        for index in key.indices {
            let byte = UInt32(key[index])
            low = ~(low ^ byte)
            high = ~(high &+ byte)
            let turned = rotate(high, first)
            high = rotate(low, second)
            low = turned
            let mixed = ((low >> 16) ^ high) & 0xffff
            first = mixed & 0x1f
            second = mixed >> 11
        }
        return low ^ high
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        count == 0 ? word : word << count | word >> (32 - count)
    }

    static func crc32(_ key: Span<UInt8>) -> UInt32 {
        var hash = UInt32.max
        for index in key.indices {
            hash ^= UInt32(key[index])
            for _ in 0..<8 { hash = (hash >> 1) ^ (hash & 1 == 0 ? 0 : 0xedb8_8320) }
        }
        return ~hash
    }

    /// The decimal number at the start of the key, as 64 bits that do not overflow, of which the low 32 count.
    static func number(_ key: Span<UInt8>) -> UInt32 {
        var index = 0
        var isNegative = false
        if let first = key.indices.first, key[first] == 0x2d || key[first] == 0x2b {
            isNegative = key[first] == 0x2d
            index = 1
        }
        var value: UInt64 = 0
        while index < key.count, key[index] &- 0x30 < 10 {
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = product.addingReportingOverflow(UInt64(key[index] &- 0x30))
            if overflows || carries {
                value = .max
                break
            }
            value = sum
            index += 1
        }
        let limited = isNegative ? min(value, 1 << 63) : min(value, UInt64(Int64.max))
        return UInt32(truncatingIfNeeded: isNegative ? 0 &- limited : limited)
    }

    /// Spreads small differences over all bits: Bob Jenkins' integer hash and a multiplication by a prime.
    static func stir(_ hash: UInt32) -> UInt32 {
        var hash = hash
        hash = (hash &+ 0x7ed5_5d16) &+ (hash << 12)
        hash = (hash ^ 0xc761_c23c) ^ (hash >> 19)
        hash = (hash &+ 0x1656_67b1) &+ (hash << 5)
        hash = (hash &+ 0xd3a2_646c) ^ (hash << 9)
        hash = (hash &+ 0xfd70_46c5) &+ (hash << 3)
        hash = (hash ^ 0xb55a_4f09) ^ (hash >> 16)
        return hash &* 3_221_225_473
    }
}
