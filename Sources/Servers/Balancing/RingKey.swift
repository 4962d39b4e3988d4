import Bytes
import CXXHash
import Configuration
import Runtime

extension SharedServer {
    /// What the server's points on a consistent hash's ring are made of (configuration.txt, "hash-key"). A server
    /// without an IP address, or without a `guid`, falls back on its number.
    func makeRingKey(_ facts: ServerFacts) -> UInt32 {
        let number = UInt32(truncatingIfNeeded: id)
        switch settings.hashKey {
        case .id: return number &* 4096
        case .id32: return ByteHash.avalanche(number.bigEndian)
        case .guid:
            guard let guid = settings.guid else { return number &* 4096 }
            return Self.xxHash(Array(guid.utf8), seed: 0)
        case .addr, .addressAndPort:
            guard case .ip(let address) = facts.address else { return number &* 4096 }
            var port = address.port
            if case .ofClient(let offset) = facts.port { port = UInt16(clamping: offset) }
            let seed = settings.hashKey == .addr ? 0 : ByteHash.avalanche(UInt32(port))
            switch address.family {
            case .ipv4:
                var word: UInt32 = 0
                for index in 0..<4 { word |= UInt32(address.octets[index]) << UInt32(8 * index) }
                return ByteHash.avalanche(seed &+ word)
            case .ipv6: return Self.xxHash((0..<16).map { address.octets[$0] }, seed: seed)
            case .unix, .unspecified: return number &* 4096
            }
        }
    }

    private static func xxHash(_ bytes: [UInt8], seed: UInt32) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer { unsafe XXH32($0.baseAddress, $0.count, seed) }
    }
}
