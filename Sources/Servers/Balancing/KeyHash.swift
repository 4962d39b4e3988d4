import Bytes
public import Configuration

/// The hashes by which `hash-type` brings keys to servers. Other proxies with the same servers have to find the same
/// ones, so each gives HAProxy's numbers (configuration.txt, "hash-type").
public enum KeyHash {
    /// The hash of a key as the settings ask for it.
    public static func hash(_ key: Span<UInt8>, _ settings: HashSettings) -> UInt32 {
        let hash =
            switch settings.function {
            case .sdbm: ByteHash.sdbm(key)
            case .djb2: ByteHash.djb2(key)
            case .wt6: ByteHash.wt6(key)
            case .crc32: ByteHash.crc32(key)
            case .none: number(key)
            }
        return settings.avalanches ? ByteHash.avalanche(hash) : hash
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
        return settings.avalanches ? ByteHash.avalanche(hash) : hash
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
}
