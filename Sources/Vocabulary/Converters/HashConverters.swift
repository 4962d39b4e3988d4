import Bytes
import CXXHash
import Samples

/// Converters that hash bytes into integers (configuration.txt section 7.3.1).
enum HashConverters {
    static let all: [Converter] = [
        hash("crc32", "The CRC-32 of the bytes, as in gzip.") { ByteHash.crc32($0) },
        hash("crc32c", "The CRC-32C of the bytes (RFC 9260 appendix A).") { ByteHash.crc32c($0) },
        hash("djb2", "The DJB2 hash of the bytes.") { ByteHash.djb2($0) },
        hash("sdbm", "The SDBM hash of the bytes.") { ByteHash.sdbm($0) },
        hash("wt6", "The WT6 hash of the bytes.") { ByteHash.wt6($0) },
        seeded("xxh32", "The XXH32 hash of the bytes; the argument is its seed.") { bytes, seed in
            unsafe bytes.withUnsafeBufferPointer {
                unsafe Int64(XXH32($0.baseAddress, $0.count, UInt32(truncatingIfNeeded: seed)))
            }
        },
        seeded("xxh64", "The XXH64 hash of the bytes; the argument is its seed.") { bytes, seed in
            unsafe bytes.withUnsafeBufferPointer {
                unsafe Int64(bitPattern: XXH64($0.baseAddress, $0.count, UInt64(bitPattern: seed)))
            }
        },
        seeded("xxh3", "The XXH3 hash of 64 bits of the bytes; the argument is its seed.") { bytes, seed in
            unsafe bytes.withUnsafeBufferPointer {
                unsafe Int64(bitPattern: XXH3_64bits_withSeed($0.baseAddress, $0.count, UInt64(bitPattern: seed)))
            }
        },
    ]

    /// A hash of 32 bits that can be spread by an avalanche.
    private static func hash(
        _ name: String, _ summary: String, _ function: @escaping @Sendable (borrowing Span<UInt8>) -> UInt32
    ) -> Converter {
        Converter(
            name, summary + " Spread over all bits when the argument is not 0.", example: "src,\(name)(1)",
            takes: ArgumentSignature([.integer], required: 0), from: .bin, to: .sint
        ) { _, arguments, sample in
            let hash = function(sample.bytes)
            sample.setInteger(Int64(arguments.integer(0) != 0 ? ByteHash.avalanche(hash) : hash))
            return true
        }
    }

    private static func seeded(
        _ name: String, _ summary: String,
        _ function: @escaping @Sendable (borrowing Span<UInt8>, Int64) -> Int64
    ) -> Converter {
        Converter(
            name, summary, example: "src,\(name)", takes: ArgumentSignature([.integer], required: 0), from: .bin,
            to: .sint
        ) { _, arguments, sample in
            let hash = function(sample.bytes, arguments.integer(0))
            sample.setInteger(hash)
            return true
        }
    }
}
