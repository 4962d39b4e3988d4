import Configuration
import Synchronization

/// What balancing comes to.
public enum BalanceChoice {
    case server(SharedServer)
    /// Every server has all that it can take: the exchange waits for any of them.
    case full
    /// No server is usable.
    case none

    /// The server, if there is one.
    public var server: SharedServer? {
        if case .server(let server) = self { server } else { nil }
    }
}

/// Chooses servers: an immutable picture of those that serve now and of their weights. A change of a server makes a new
/// one, which is brought to the workers. What the algorithms count is shared by all workers, as atomics, so the
/// distribution is right over the whole process; a choice takes no lock, and about as long for thousands of servers as
/// for one.
public final class Balancer: Sendable {
    /// The servers of now: those that are no backups and usable; else the usable backups, or the first of them.
    public let servers: [SharedServer]
    /// Whose the values of the backend's cookie are.
    public let cookies: CookieDirectory
    private let picker: Picker
    private let hashing: HashSettings
    private let backend: BackendLoad
    /// Each server's place in ``servers`` by its place in the backend's table; -1 when it is not there.
    private let places: [Int32]
    private let weights: [Int]
    /// The sum of the weights before each server's.
    private let weightsBefore: [Int]
    private let totalWeight: Int
    private let shared: Shared
    private let room: RoomMap
    /// Places in the table whose servers came, went, or have another weight than in the balancer before.
    private let changed: [Int]

    /// What goes on when a balancer follows another.
    private final class Shared: Sendable {
        /// Whose turn it is.
        let turn = Atomic<UInt>(0)
        let loads: LoadTree?

        init(_ loads: LoadTree?) { self.loads = loads }
    }

    private enum Picker: Sendable {
        case turns(TurnTable)
        case leastLoaded
        case first
        case map([UInt32])
        case ring(HashRing)
        case random(WeightedDraw, draws: Int)
        /// One backup serves alone, or the one that lines stick to.
        case alone
    }

    /// The turns that are looked at before any free server will do.
    private static let turnLimit = 32

    /// - Parameter last: the balancer of the same backend before this one.
    init(_ settings: BackendSettings, servers all: [SharedServer], load: BackendLoad, following last: Balancer? = nil) {
        hashing = settings.hashing
        backend = load
        cookies = CookieDirectory(settings.cookie == nil ? [] : all)
        let group = Self.group(all, settings)
        let isLoneBackup = !settings.usesAllBackups && group.first?.settings.isBackup == true
        let servers =
            switch settings.balance {
            case .first: group.sorted { $0.id < $1.id }
            case .sticky: Self.stickingTo(last?.servers.first, group)
            default: group
            }
        self.servers = servers
        let capacity = Self.capacity(for: all)
        var places = [Int32](repeating: -1, count: (all.map(\.index).max() ?? -1) + 1)
        for (place, server) in servers.enumerated() { places[server.index] = Int32(place) }
        self.places = places
        let weights =
            settings.hasDynamicWeights ? servers.map(\.effectiveWeight) : Self.fixedWeights(servers, of: all)
        self.weights = weights
        var sum = 0
        weightsBefore = weights.map { weight in
            defer { sum += weight }
            return sum
        }
        totalWeight = sum
        picker = isLoneBackup ? .alone : Self.picker(settings, servers, weights)
        let isSame = last.map { $0.servers.elementsEqual(servers, by: ===) } ?? false
        room = isSame ? last?.room ?? RoomMap(count: servers.count) : RoomMap(count: servers.count)
        guard case .leastconn = settings.balance else {
            shared = last?.shared ?? Shared(nil)
            changed = []
            return
        }
        if let last, let loads = last.shared.loads, loads.capacity >= capacity {
            shared = last.shared
            changed = (0..<max(places.count, last.places.count)).filter { index in
                let (before, now) = (last.weight(at: index), Self.weight(at: index, places, weights))
                return before != now || last.server(at: index) !== Self.server(at: index, places, servers)
            }
        } else {
            shared = Shared(LoadTree(capacity: capacity))
            changed = Array(0..<places.count)
        }
        refreshLoads()
    }

    private func weight(at index: Int) -> Int { Self.weight(at: index, places, weights) }
    private func server(at index: Int) -> SharedServer? { Self.server(at: index, places, servers) }

    private static func weight(at index: Int, _ places: [Int32], _ weights: [Int]) -> Int {
        index < places.count && places[index] >= 0 ? weights[Int(places[index])] : 0
    }

    private static func server(at index: Int, _ places: [Int32], _ servers: [SharedServer]) -> SharedServer? {
        index < places.count && places[index] >= 0 ? servers[Int(places[index])] : nil
    }

    /// Those that serve now.
    private static func group(_ all: [SharedServer], _ settings: BackendSettings) -> [SharedServer] {
        let active = all.filter { $0.isUsable && !$0.settings.isBackup }
        if !active.isEmpty { return active }
        let backups = all.filter { $0.isUsable && $0.settings.isBackup }
        return settings.usesAllBackups ? backups : Array(backups.prefix(1))
    }

    /// `group` with the server that served before in front, if it still serves.
    private static func stickingTo(_ server: SharedServer?, _ group: [SharedServer]) -> [SharedServer] {
        guard let server, let place = group.firstIndex(where: { $0 === server }) else { return group }
        return [server] + group[..<place] + group[(place + 1)...]
    }

    private static func capacity(for all: [SharedServer]) -> Int {
        var capacity = 1
        while capacity <= all.map(\.index).max() ?? 0 { capacity *= 2 }
        return capacity
    }

    /// Weights that do not change while a server is up: those of operators, divided by what the configured ones of all
    /// servers have in common.
    private static func fixedWeights(_ servers: [SharedServer], of all: [SharedServer]) -> [Int] {
        let divisor = max(1, all.map(\.settings.weight).reduce(0, TurnTable.commonDivisor))
        return servers.map { ($0.weight + divisor - 1) / divisor }
    }

    private static func picker(_ settings: BackendSettings, _ servers: [SharedServer], _ weights: [Int]) -> Picker {
        switch settings.balance {
        case .roundrobin: .turns(TurnTable(weights))
        case .staticRR: .map(ServerMap.make(weights))
        case .leastconn: .leastLoaded
        case .first: .first
        case .random(let draws): .random(WeightedDraw(weights), draws: draws)
        case .sticky: .alone
        case .source, .uri, .urlParameter, .header, .rdpCookie, .hash, .logHash:
            switch settings.hashing.method {
            case .map: .map(ServerMap.make(weights))
            case .consistent: .ring(HashRing(zip(servers, weights).map { (key: $0.ringKey, count: $1) }))
            }
        }
    }

    /// Whether the hash of a key makes a difference.
    public var needsKey: Bool { servers.count > 1 }

    // MARK: Choosing

    /// Chooses a server.
    ///
    /// - Parameters:
    ///   - key: the hash of the request's key; nil when it has none, or the algorithm asks for none.
    ///   - random: any random number.
    ///   - failed: the server that just failed; it is chosen only when there is no other.
    public func choose(key: UInt32?, random: UInt64, excluding failed: SharedServer? = nil) -> BalanceChoice {
        guard let first = servers.first else { return .none }
        let choice: BalanceChoice
        switch picker {
        case .alone: return .server(first)
        case .turns(let turns): choice = nextTurn(turns.length, failed) { turns.server(at: $0) }
        case .leastLoaded: choice = leastLoaded(failed)
        case .first: choice = firstWithRoom(failed)
        case .map(let map):
            if let key { return .server(byMap(map, key, failed)) }
            choice = nextTurn(map.count, failed) { Int(map[Int($0 % UInt(map.count))]) }
        case .ring(let ring):
            if let key { return .server(byRing(ring, key, failed)) }
            choice = nextTurn(ring.count, failed) { Int(ring.servers[Int($0 % UInt(ring.count))]) }
        case .random(let draw, let draws): choice = drawBest(draw, draws, random, failed)
        }
        if case .full = choice, let failed, failed.isUsable, failed.hasRoom { return .server(failed) }
        return choice
    }

    /// Whether an exchange that waits for any server may go to this one.
    func contains(_ server: SharedServer) -> Bool {
        server.index < places.count && places[server.index] >= 0 && servers[Int(places[server.index])] === server
    }

    private func nextTurn(_ length: Int, _ failed: SharedServer?, _ server: (UInt) -> Int) -> BalanceChoice {
        guard length > 0 else { return .none }
        var place = 0
        for _ in 0..<min(length, Self.turnLimit) {
            place = server(shared.turn.wrappingAdd(1, ordering: .relaxed).oldValue)
            if servers[place] !== failed, isFree(place) { return .server(servers[place]) }
        }
        return anyFree(from: place, failed)
    }

    private func firstWithRoom(_ failed: SharedServer?) -> BalanceChoice {
        var start = 0
        while let place = room.firstFree(from: start) {
            if servers[place] !== failed, isFree(place) { return .server(servers[place]) }
            start = place + 1
        }
        return .full
    }

    private func anyFree(from place: Int, _ failed: SharedServer?) -> BalanceChoice {
        var start = place
        while let place = room.firstFree(from: start) {
            if servers[place] !== failed, isFree(place) { return .server(servers[place]) }
            start = place + 1
        }
        return firstWithRoom(failed)
    }

    /// Looks whether a server has room, and notes when it has none.
    private func isFree(_ place: Int) -> Bool {
        let server = servers[place]
        guard server.isUsable, !room.isFull(place) else { return false }
        if server.hasRoom { return true }
        room.markFull(place)
        // A place may have become free before the mark was there.
        guard server.hasRoom else { return false }
        room.markFree(place)
        return true
    }

    // MARK: By load

    private func leastLoaded(_ failed: SharedServer?) -> BalanceChoice {
        var best: SharedServer?
        if let loads = shared.loads, failed == nil {
            best = server(at: loads.winner)
        }
        if best == nil {
            for server in servers where server !== failed && server.isUsable {
                if best.map({ Self.isBefore(server, $0) }) ?? true { best = server }
            }
        }
        guard let best, best.isUsable, !best.isOverfull else { return .full }
        // The next one of the same load comes first next time.
        best.lastTurn.store(
            shared.turn.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .sequentiallyConsistent)
        shared.loads?.refresh(best.index, throughout: true) { isBetter($0, $1) }
        return .server(best)
    }

    /// Whether the server at the left place of the table is to be chosen before the one at the right.
    private func isBetter(_ left: Int, _ right: Int) -> Bool {
        guard let left = server(at: left) else { return false }
        guard let right = server(at: right) else { return true }
        return Self.isBefore(left, right)
    }

    private static func isBefore(_ left: SharedServer, _ right: SharedServer) -> Bool {
        let (leftIsOut, rightIsOut) = (left.isOverfull || !left.isUsable, right.isOverfull || !right.isUsable)
        if leftIsOut != rightIsOut { return rightIsOut }
        let (leftLoad, rightLoad) = (left.weightedLoad, right.weightedLoad)
        if leftLoad != rightLoad { return leftLoad < rightLoad }
        return left.lastTurn.load(ordering: .relaxed) < right.lastTurn.load(ordering: .relaxed)
    }

    /// The load of a server has changed: places taken, given back, or exchanges that wait for it.
    public func loadChanged(_ server: SharedServer) {
        if let loads = shared.loads {
            loads.refresh(server.index) { isBetter($0, $1) }
        } else if server.index < places.count, places[server.index] >= 0 {
            let place = Int(places[server.index])
            if room.isFull(place) { room.markFree(place) }
        }
    }

    /// A worker chooses by this balancer from now on: what it has told the one before counts again.
    func adopt() {
        room.markAllFree()
        refreshLoads()
    }

    private func refreshLoads() {
        guard let loads = shared.loads else { return }
        for place in changed { loads.refresh(place) { isBetter($0, $1) } }
    }

    // MARK: By hash

    private func byMap(_ map: [UInt32], _ key: UInt32, _ failed: SharedServer?) -> SharedServer {
        let start = Int(key % UInt32(map.count))
        for offset in 0..<map.count {
            let server = servers[Int(map[(start + offset) % map.count])]
            if server.isUsable, server !== failed { return server }
        }
        return servers[Int(map[start])]
    }

    private func byRing(_ ring: HashRing, _ key: UInt32, _ failed: SharedServer?) -> SharedServer {
        var point = ring.nearest(key)
        var place = Int(ring.servers[point])
        // Once round, as HAProxy does it: a request whose servers are all full goes to the last one that was looked at.
        for _ in 0..<ring.count {
            let server = servers[place]
            if server.isUsable, server !== failed, isWithinShare(place), keepsAffinity(server) { return server }
            point = point + 1 == ring.count ? 0 : point + 1
            place = Int(ring.servers[point])
        }
        return servers[place]
    }

    /// `hash-preserve-affinity`.
    private func keepsAffinity(_ server: SharedServer) -> Bool {
        switch hashing.affinity {
        case .always: return true
        case .maxconn: return server.hasFreePlace
        case .maxqueue:
            let limit = server.maxqueue.load(ordering: .relaxed)
            guard server.limit > 0, limit > 0 else { return true }
            return server.inflight < server.limit + limit
        }
    }

    /// `hash-balance-factor`: consistent hashing with bounded loads (arXiv:1608.01350). The places are the exchanges of
    /// now, this one included, times the factor, dealt out by weights.
    private func isWithinShare(_ place: Int) -> Bool {
        guard hashing.balanceFactor > 0, totalWeight > 0 else { return true }
        let all = ((backend.served.load(ordering: .relaxed) + 1) * hashing.balanceFactor + 99) / 100
        let (each, rest) = all.quotientAndRemainder(dividingBy: totalWeight)
        let before = weightsBefore[place]
        let extra = (before + weights[place]) * rest / totalWeight - before * rest / totalWeight
        return servers[place].served.load(ordering: .relaxed) < max(1, weights[place] * each + extra)
    }

    // MARK: At random

    private func drawBest(
        _ draw: WeightedDraw, _ draws: Int, _ random: UInt64, _ failed: SharedServer?
    ) -> BalanceChoice {
        guard totalWeight > 0 else { return .none }
        var state = random
        var best: SharedServer?
        for _ in 0..<draws {
            guard let server = drawOne(draw, &state, failed) else { break }
            if let other = best, !Self.isBeforeAtRandom(server, other) { continue }
            best = server
        }
        guard let best else { return nextTurn(servers.count, failed) { Int($0 % UInt(servers.count)) } }
        best.lastTurn.store(shared.turn.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
        return best.hasRoom ? .server(best) : .full
    }

    /// One that can be used and has not more than its share.
    private func drawOne(_ draw: WeightedDraw, _ state: inout UInt64, _ failed: SharedServer?) -> SharedServer? {
        for _ in 0..<Self.turnLimit {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let place = draw.server((state ^ (state >> 29)) &* 0x94d0_49bb_1331_11eb)
            let server = servers[place]
            if server.isUsable, server !== failed, isWithinShare(place) { return server }
        }
        return nil
    }

    /// Less load for its weight; among equals the one that was chosen longer ago.
    private static func isBeforeAtRandom(_ left: SharedServer, _ right: SharedServer) -> Bool {
        let leftLoad = left.served.load(ordering: .relaxed) * right.effectiveWeight
        let rightLoad = right.served.load(ordering: .relaxed) * left.effectiveWeight
        if leftLoad != rightLoad { return leftLoad < rightLoad }
        return left.lastTurn.load(ordering: .relaxed) < right.lastTurn.load(ordering: .relaxed)
    }
}
