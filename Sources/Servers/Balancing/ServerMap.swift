/// The table of `hash-type map-based` and `static-rr`: each server as often as its weight says, smoothly mixed, in the
/// order that HAProxy gives it.
///
/// In each place stands the first of the servers that have waited longest for a turn: every server's claim grows by its
/// weight with each place, and a place costs the sum of all weights. Only whole claims count.
enum ServerMap {
    /// - Parameter weights: of the servers, divided by what all have in common; none is 0.
    /// - Returns: indices of servers, as many as the weights' sum.
    static func make(_ weights: [Int]) -> [UInt32] {
        let total = weights.reduce(0, +)
        guard total > 0 else { return [] }
        if total == 1 { return [0] }
        // Server i has its k-th whole claim at the first place p with weight * (p + 1) >= k * total.
        var counts = [UInt32](repeating: 0, count: total + 1)
        forEachClaim(weights, total) { place, _ in counts[place + 1] += 1 }
        for place in 0..<total { counts[place + 1] += counts[place] }
        var claims = [UInt32](repeating: 0, count: total)
        var next = counts
        forEachClaim(weights, total) { place, server in
            claims[Int(next[place])] = UInt32(server)
            next[place] += 1
        }
        // Whole claims stand at 1 when nothing is owed; one place ahead of time makes 0, one owed 2.
        var levels = [UInt8](repeating: 1, count: weights.count)
        var waiting = [Heap<UInt32>](repeating: Heap(), count: 4)
        for server in weights.indices { waiting[1].push(UInt32(server)) }
        var map: [UInt32] = []
        map.reserveCapacity(total)
        for place in 0..<total {
            for claim in Int(counts[place])..<Int(counts[place + 1]) {
                let server = claims[claim]
                levels[Int(server)] = min(3, levels[Int(server)] + 1)
                waiting[Int(levels[Int(server)])].push(server)
            }
            let chosen = first(of: &waiting, levels)
            map.append(chosen)
            let level = levels[Int(chosen)]
            levels[Int(chosen)] = level == 0 ? 0 : level - 1
            waiting[Int(levels[Int(chosen)])].push(chosen)
        }
        return map
    }

    private static func forEachClaim(_ weights: [Int], _ total: Int, _ body: (_ place: Int, _ server: Int) -> Void) {
        for (server, weight) in weights.enumerated() {
            for claim in 1...weight { body((claim * total + weight - 1) / weight - 1, server) }
        }
    }

    /// The first server of the highest level that has one. Entries of servers that have changed level are dropped.
    private static func first(of waiting: inout [Heap<UInt32>], _ levels: [UInt8]) -> UInt32 {
        for level in (0..<waiting.count).reversed() {
            while let server = waiting[level].pop() {
                if levels[Int(server)] == UInt8(level) { return server }
            }
        }
        return 0
    }
}
