import Configuration
import Synchronization

/// Chooses servers: an immutable picture of a backend's servers and weights. A change of a server makes a new one, which
/// is brought to the workers. What the algorithms count is shared by all workers, so the distribution is right over the
/// whole process.
package final class Balancer: Sendable {
    private let algorithm: BalanceAlgorithm
    private let primary: Group
    private let backup: Group
    /// Whose turn it is; goes on when a balancer follows another.
    private let turn: Turn

    private final class Turn: Sendable {
        let count = Atomic<UInt>(0)
    }

    /// The servers of one kind and the order in which weights let them take turns.
    private struct Group: Sendable {
        let servers: [SharedServer]
        /// Indices into `servers`, each as often as its weight says, spread evenly.
        let turns: [UInt32]

        init(_ servers: [SharedServer]) {
            self.servers = servers
            turns = Self.spread(servers.map(\.effectiveWeight))
        }

        /// Weights divided by their greatest divisor, dealt so that equal shares keep equal distance.
        static func spread(_ weights: [Int]) -> [UInt32] {
            let divisor = weights.reduce(0, gcd)
            guard divisor > 0 else { return [] }
            let shares = weights.map { $0 / divisor }
            let total = shares.reduce(0, +)
            if shares.allSatisfy({ $0 == 1 }) { return (0..<UInt32(shares.count)).map { $0 } }
            // Each turn's ideal time is (k + 1/2) / share: sort all turns by it.
            var turns: [(time: Double, server: UInt32)] = []
            turns.reserveCapacity(total)
            for (server, share) in shares.enumerated() {
                for turn in 0..<share { turns.append(((Double(turn) + 0.5) / Double(share), UInt32(server))) }
            }
            turns.sort { ($0.time, $0.server) < ($1.time, $1.server) }
            return turns.map(\.server)
        }

        private static func gcd(_ a: Int, _ b: Int) -> Int { b == 0 ? a : gcd(b, a % b) }
    }

    /// - Parameter last: the balancer of the same backend before this one.
    init(_ settings: BackendSettings, servers: [SharedServer], following last: Balancer? = nil) {
        algorithm = settings.balance
        turn = last?.turn ?? Turn()
        primary = Group(servers.filter { !$0.settings.isBackup })
        backup = Group(servers.filter(\.settings.isBackup))
    }

    /// True when some usable server has a free place.
    package var hasRoom: Bool {
        primary.servers.contains { $0.isUsable && $0.hasRoom } || backup.servers.contains { $0.isUsable && $0.hasRoom }
    }

    /// Chooses a server. `hash` is that of the client's address; `random` is any random number. `excluding` is the
    /// server that just failed; it is chosen only when there is no other. Nil when no server is usable.
    package func choose(hash: UInt32, random: UInt64, excluding failed: SharedServer?) -> SharedServer? {
        if let server = choose(primary, hash, random, failed) { return server }
        // Without `option allbackups` the first usable backup serves alone.
        if let server = backup.servers.first(where: { $0.isUsable && $0 !== failed }) { return server }
        if let failed, failed.isUsable { return failed }
        return nil
    }

    private func choose(_ group: Group, _ hash: UInt32, _ random: UInt64, _ failed: SharedServer?)
        -> SharedServer?
    {
        switch algorithm {
        case .roundrobin, .staticRR: roundRobin(group, failed)
        case .leastconn: leastLoaded(group, failed)
        case .first: first(group, failed)
        case .source: byHash(group, hash, failed)
        case .random(let draws): draw(group, draws, random, failed)
        }
    }

    private func roundRobin(_ group: Group, _ failed: SharedServer?) -> SharedServer? {
        guard !group.turns.isEmpty else { return nil }
        var full: SharedServer?
        for _ in 0..<group.turns.count {
            let place = turn.count.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(group.turns.count)
            let server = group.servers[Int(group.turns[Int(place)])]
            guard server.isUsable, server !== failed else { continue }
            if server.hasRoom { return server }
            if full == nil { full = server }
        }
        if let full { return full }
        // Other workers took the turns of those that can be used.
        return group.servers.first { $0.isUsable && $0 !== failed }
    }

    private func leastLoaded(_ group: Group, _ failed: SharedServer?) -> SharedServer? {
        var best: SharedServer?
        var bestLoad = Double.infinity
        // Ties go round: start somewhere else each time.
        let count = group.servers.count
        guard count > 0 else { return nil }
        let start = Int(turn.count.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(count))
        for offset in 0..<count {
            let server = group.servers[(start + offset) % count]
            guard server.isUsable, server !== failed else { continue }
            let load = Double(server.served.load(ordering: .relaxed) + server.queued.load(ordering: .relaxed))
            let weighted = load / Double(max(1, server.effectiveWeight))
            if weighted < bestLoad {
                bestLoad = weighted
                best = server
            }
        }
        return best
    }

    private func first(_ group: Group, _ failed: SharedServer?) -> SharedServer? {
        var fallback: SharedServer?
        for server in group.servers where server.isUsable && server !== failed {
            if server.hasRoom { return server }
            if fallback == nil { fallback = server }
        }
        return fallback
    }

    private func byHash(_ group: Group, _ hash: UInt32, _ failed: SharedServer?) -> SharedServer? {
        guard !group.turns.isEmpty else { return nil }
        for offset in 0..<group.turns.count {
            let place = (Int(hash) + offset) % group.turns.count
            let server = group.servers[Int(group.turns[place])]
            if server.isUsable, server !== failed { return server }
        }
        return nil
    }

    private func draw(_ group: Group, _ draws: Int, _ random: UInt64, _ failed: SharedServer?)
        -> SharedServer?
    {
        guard !group.turns.isEmpty else { return nil }
        var state = random
        var best: SharedServer?
        var bestLoad = Double.infinity
        for _ in 0..<max(1, draws) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let place = Int((state >> 33) % UInt64(group.turns.count))
            let server = group.servers[Int(group.turns[place])]
            guard server.isUsable, server !== failed else { continue }
            let load = Double(server.served.load(ordering: .relaxed) + server.queued.load(ordering: .relaxed))
            let weighted = load / Double(max(1, server.effectiveWeight))
            if weighted < bestLoad {
                bestLoad = weighted
                best = server
            }
        }
        // All draws hit servers that cannot be used: take turns among the others.
        return best ?? roundRobin(group, failed)
    }
}
