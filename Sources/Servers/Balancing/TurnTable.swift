/// Whose turn is it: servers by their weights, spread evenly.
struct TurnTable: Sendable {
    private enum Order: Sendable {
        case equal
        case table([UInt32])
        /// Weights too great for a table: their sums up to each server, and the step from one turn's place to the next.
        case strides([Int], step: UInt64)
    }

    private let order: Order
    /// Turns until all repeats.
    let length: Int
    /// Most entries of a table.
    private static let tableLimit = 1 << 16

    init(_ weights: [Int]) {
        let divisor = weights.reduce(0, Self.commonDivisor)
        guard divisor > 0 else {
            order = .equal
            length = 0
            return
        }
        let shares = weights.map { $0 / divisor }
        let total = shares.reduce(0, +)
        length = total
        if shares.allSatisfy({ $0 == 1 }) {
            order = .equal
        } else if total <= Self.tableLimit {
            order = .table(ServerMap.make(shares))
        } else {
            var sum = 0
            let sums = shares.map { share in
                sum += share
                return sum
            }
            // Steps of the golden section leave no gaps; without a common divisor they meet every place once.
            var step = Int(Double(total) * 0.618_033_988_749_895)
            while Self.commonDivisor(step, total) != 1 { step += 1 }
            order = .strides(sums, step: UInt64(step))
        }
    }

    /// The server whose turn it is, as an index; ``length`` is not 0.
    func server(at turn: UInt) -> Int {
        let place = Int(turn % UInt(length))
        switch order {
        case .equal: return place
        case .table(let table): return Int(table[place])
        case .strides(let sums, let step):
            let place = Int((UInt64(place) &* step) % UInt64(length))
            var (low, high) = (0, sums.count - 1)
            while low < high {
                let middle = (low + high) / 2
                if sums[middle] <= place { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    static func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }
}

/// Draws servers at random by their weights, in the same time for any number of them (Walker's and Vose's alias method).
struct WeightedDraw: Sendable {
    private let limits: [UInt32]
    private let aliases: [UInt32]

    init(_ weights: [Int]) {
        let count = weights.count
        let total = weights.reduce(0, +)
        var limits = [UInt32](repeating: .max, count: count)
        var aliases = (0..<count).map { UInt32($0) }
        guard count > 0, total > 0 else {
            (self.limits, self.aliases) = (limits, aliases)
            return
        }
        var chances = weights.map { Double($0) * Double(count) / Double(total) }
        var small: [Int] = []
        var large: [Int] = []
        for (index, chance) in chances.enumerated() {
            if chance < 1 { small.append(index) } else { large.append(index) }
        }
        while let low = small.popLast(), let high = large.last {
            limits[low] = UInt32(clamping: Int(chances[low] * 4_294_967_296))
            aliases[low] = UInt32(high)
            chances[high] -= 1 - chances[low]
            if chances[high] < 1 {
                large.removeLast()
                small.append(high)
            }
        }
        (self.limits, self.aliases) = (limits, aliases)
    }

    /// The server that `random` stands for; there is one.
    func server(_ random: UInt64) -> Int {
        let place = Int(((random >> 32) &* UInt64(limits.count)) >> 32)
        return UInt32(truncatingIfNeeded: random) <= limits[place] ? place : Int(aliases[place])
    }
}
