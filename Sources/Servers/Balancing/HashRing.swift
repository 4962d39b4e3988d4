import Bytes

/// The ring of `hash-type consistent`: each server has as many points on it as its weight says, and a hash belongs to the
/// server whose point is nearest.
struct HashRing: Sendable {
    /// The points in their order.
    let points: [UInt32]
    /// The server of each, as an index.
    let servers: [UInt32]

    /// - Parameter shares: each server's key and number of points.
    init(_ shares: [(key: UInt32, count: Int)]) {
        var all: [UInt64] = []
        all.reserveCapacity(shares.reduce(0) { $0 + $1.count })
        for (server, share) in shares.enumerated() {
            for number in 0..<share.count {
                let point = ByteHash.avalanche(share.key &+ UInt32(truncatingIfNeeded: number))
                all.append(UInt64(point) << 32 | UInt64(server))
            }
        }
        all.sort()
        points = all.map { UInt32(truncatingIfNeeded: $0 >> 32) }
        servers = all.map { UInt32(truncatingIfNeeded: $0) }
    }

    var count: Int { points.count }

    /// The place of the point that is nearest to `hash`; of two at the same distance the one before it. The ring has
    /// points.
    func nearest(_ hash: UInt32) -> Int {
        var (low, high) = (0, points.count)
        while low < high {
            let middle = (low + high) / 2
            if points[middle] < hash { low = middle + 1 } else { high = middle }
        }
        let next = low == points.count ? 0 : low
        let previous = next == 0 ? points.count - 1 : next - 1
        return hash &- points[previous] <= points[next] &- hash ? previous : next
    }
}
