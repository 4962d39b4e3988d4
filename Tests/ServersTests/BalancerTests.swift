import Bytes
import Configuration
import Runtime
import Servers
import Synchronization
import Testing

private func backend(
    _ algorithm: BalanceAlgorithm, weights: [Int], maxconn: [Int?] = [], backup: Set<Int> = [], disabled: Set<Int> = [],
    change: (inout BackendSettings) -> Void = { _ in }, server changeServer: (inout ServerSettings) -> Void = { _ in }
) -> SharedBackend {
    let place = SourceLocation(file: "test.cfg", line: 1)
    var settings = BackendSettings(name: "back", mode: .http, location: place)
    settings.balance = algorithm
    change(&settings)
    let backend = SharedBackend(settings: settings, index: 0)
    for (index, weight) in weights.enumerated() {
        var server = ServerSettings(
            name: "s\(index)", address: .host(.ip(.v4(0x7f00_0001)), .fixed(UInt16(8000 + index))), location: place)
        server.weight = weight
        server.isBackup = backup.contains(index)
        server.isDisabled = disabled.contains(index)
        if index < maxconn.count { server.maxconn = maxconn[index] }
        changeServer(&server)
        let address = SocketAddress(ipv4: 127, 0, 0, 1, port: UInt16(8000 + index))
        let made = server
        backend.add(isLast: index == weights.count - 1) { index, id in
            SharedServer(settings: made, backend: backend, index: index, id: id, address: .ip(address))
        }
    }
    return backend
}

private func counts(_ backend: SharedBackend, _ rounds: Int, hash: (Int) -> UInt32? = { _ in nil }) -> [Int] {
    var counts = [Int](repeating: 0, count: backend.servers.count)
    var random: UInt64 = 42
    for round in 0..<rounds {
        random = random &* 6_364_136_223_846_793_005 &+ 1
        if let server = backend.choose(key: hash(round), random: random).server { counts[server.index] += 1 }
    }
    return counts
}

@Suite("Balancing") struct BalancerTests {
    @Test("Turns follow the weights exactly", arguments: [BalanceAlgorithm.roundrobin, .staticRR])
    func roundRobin(algorithm: BalanceAlgorithm) {
        #expect(counts(backend(algorithm, weights: [1, 1, 1]), 300) == [100, 100, 100])
        #expect(counts(backend(algorithm, weights: [10, 20, 70]), 1000) == [100, 200, 700])
        #expect(counts(backend(algorithm, weights: [0, 5]), 10) == [0, 10])
    }

    @Test("Turns of one server are spread, not in a row") func spread() {
        let backend = backend(.roundrobin, weights: [3, 1])
        let order = (0..<4).compactMap { _ in backend.choose().server?.index }
        #expect(order.filter { $0 == 1 }.count == 1)
        #expect(order.first == 0)
    }

    @Test("Several threads share the turns") func acrossThreads() async {
        let backend = backend(.roundrobin, weights: [1, 1])
        let totals = await withTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 { group.addTask { counts(backend, 500) } }
            return await group.reduce(into: [0, 0]) { sum, part in
                sum[0] += part[0]
                sum[1] += part[1]
            }
        }
        #expect(totals == [1000, 1000])
    }

    @Test("leastconn takes the server with the least load for its weight") func leastLoaded() {
        let backend = backend(.leastconn, weights: [1, 2])
        var order: [Int] = []
        for _ in 0..<6 {
            let server = backend.choose().server
            _ = server?.enter()
            if let server { backend.balancer.loadChanged(server) }
            order.append(server?.index ?? -1)
        }
        #expect(order.filter { $0 == 0 }.count == 2)
        #expect(order.filter { $0 == 1 }.count == 4)
    }

    @Test("first fills a server before it goes to the next") func first() {
        let backend = backend(.first, weights: [1, 1], maxconn: [2, 2])
        var order: [Int] = []
        for _ in 0..<4 {
            let server = backend.choose().server
            #expect(server?.enter() == true)
            order.append(server?.index ?? -1)
        }
        #expect(order == [0, 0, 1, 1])
        #expect(backend.choose().server == nil)
        backend.servers[1].leave()
        backend.balancer.loadChanged(backend.servers[1])
        #expect(backend.choose().server?.index == 1)
    }

    @Test("source keeps a client on its server") func source() {
        let backend = backend(.source, weights: [1, 1, 1])
        for hash in [7, 8, 9] as [UInt32] {
            let server = backend.choose(key: hash, random: 1).server
            #expect(backend.choose(key: hash, random: 99).server === server)
        }
        #expect(counts(backend, 300, hash: { UInt32($0) }) == [100, 100, 100])
    }

    @Test("random draws by weight and never a disabled server") func random() {
        let counts = counts(backend(.random(draws: 2), weights: [1, 1, 1], disabled: [1]), 1000)
        #expect(counts[1] == 0)
        #expect(counts[0] > 300 && counts[2] > 300)
    }

    @Test("Backups serve only when no other can; a failed server is chosen last") func backups() {
        let backend = backend(.roundrobin, weights: [1, 1], backup: [1])
        #expect(counts(backend, 10) == [10, 0])
        // The backup stays out of it: HAProxy takes the failed server again.
        let failed = backend.servers[0]
        #expect(backend.choose(excluding: failed).server?.index == 0)
        let alone = Self.single()
        #expect(alone.choose(excluding: alone.servers[0]).server === alone.servers[0])
    }

    @Test("All backups serve together with option allbackups") func allBackups() {
        let together = backend(.roundrobin, weights: [1, 1, 2], backup: [1, 2], disabled: [0]) {
            $0.usesAllBackups = true
        }
        #expect(counts(together, 30) == [0, 10, 20])
        #expect(counts(backend(.roundrobin, weights: [1, 1, 2], backup: [1, 2], disabled: [0]), 30) == [0, 30, 0])
    }

    @Test("A server that comes or goes is seen by every algorithm at once", arguments: Self.algorithms)
    func changes(algorithm: BalanceAlgorithm) {
        let backend = backend(algorithm, weights: [1, 1, 1])
        let servers = backend.servers
        func chosen() -> Set<Int> {
            Set(
                (0..<300).compactMap {
                    backend.choose(key: UInt32($0) &* 2_654_435_761, random: UInt64($0) &* 0x9e37_79b9_7f4a_7c15)
                        .server?.index
                })
        }
        let all: Set<Int> = algorithm == .first ? [0] : [0, 1, 2]
        #expect(chosen() == all)
        servers[0].enterMaintenance()
        #expect(chosen() == (algorithm == .first ? [1] : [1, 2]))
        servers[1].setWeight(0)
        #expect(chosen() == [2])
        servers[2].become(.stopped)
        if case .none = backend.choose(key: 1) {} else { Issue.record("a server was chosen where none is usable") }
        servers[0].becomeReady()
        servers[1].setWeight(1)
        servers[2].become(.running)
        #expect(chosen() == all)
        backend.remove(servers[0])
        #expect(chosen() == (algorithm == .first ? [1] : [1, 2]))
    }

    static let algorithms: [BalanceAlgorithm] = [
        .roundrobin, .staticRR, .leastconn, .first, .source, .random(draws: 1), .random(draws: 3),
        .header(name: "x", domainOnly: false),
    ]

    @Test("leastconn goes round among equals, and knows loads after many changes") func leastLoadedMany() {
        let backend = backend(.leastconn, weights: [Int](repeating: 1, count: 100))
        let balancer = backend.balancer
        var seen: [Int] = []
        for _ in 0..<200 {
            guard let server = backend.choose().server, server.enter() else { continue }
            seen.append(server.index)
            balancer.loadChanged(server)
        }
        #expect(seen == Array(0..<100) + Array(0..<100))
        // Those that become free are the next ones, whichever they are.
        for index in [70, 3, 41] {
            backend.servers[index].leave()
            balancer.loadChanged(backend.servers[index])
        }
        var next: Set<Int> = []
        for _ in 0..<3 {
            guard let server = backend.choose().server, server.enter() else { continue }
            next.insert(server.index)
            balancer.loadChanged(server)
        }
        #expect(next == [70, 3, 41])
    }

    @Test("Loads stay right while several threads change them") func leastLoadedThreads() async {
        let backend = backend(.leastconn, weights: [Int](repeating: 1, count: 13))
        let balancer = backend.balancer
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for round in 0..<2000 {
                        guard let server = backend.choose().server, server.enter() else { continue }
                        balancer.loadChanged(server)
                        if round % 3 > 0 {
                            server.leave()
                            balancer.loadChanged(server)
                        }
                    }
                }
            }
        }
        let loads = backend.servers.map { $0.served.load(ordering: .relaxed) }
        #expect(loads.reduce(0, +) == 4 * 667)
        // Had the tree lost a change, one server would have been left out or flooded.
        #expect((loads.max() ?? 0) - (loads.min() ?? 0) <= 8, "\(loads)")
    }

    @Test(
        "A full server is passed over until it has room again",
        arguments: [BalanceAlgorithm.roundrobin, .staticRR, .first])
    func fullServers(algorithm: BalanceAlgorithm) {
        let count = 300
        let backend = backend(
            algorithm, weights: [Int](repeating: 1, count: count), maxconn: [Int?](repeating: 1, count: count))
        let balancer = backend.balancer
        for server in backend.servers where server.index != 250 { #expect(server.enter()) }
        #expect(backend.choose().server?.index == 250)
        #expect(backend.servers[250].enter())
        if case .full = backend.choose() {} else { Issue.record("a full server was chosen") }
        backend.servers[17].leave()
        balancer.loadChanged(backend.servers[17])
        #expect(backend.choose().server?.index == 17)
    }

    @Test("minconn grows to maxconn as the backend fills") func dynamicLimit() {
        let backend = backend(.roundrobin, weights: [1], maxconn: [100]) {
            $0.fullconn = 1000
        } server: {
            $0.minconn = 10
        }
        let server = backend.servers[0]
        for (current, limit) in [(0, 10), (50, 10), (200, 20), (555, 55), (999, 99), (1000, 100), (5000, 100)] {
            backend.current.store(current, ordering: .relaxed)
            #expect(server.limit == limit, "\(current) in the backend")
        }
        server.setMaxconn(40)
        #expect(server.limit == 40)
        backend.current.store(500, ordering: .relaxed)
        #expect(server.limit == 20)
    }

    @Test("hash-balance-factor keeps every server within its share") func boundedLoads() {
        let backend = backend(.header(name: "x", domainOnly: false), weights: [1, 1, 1, 1]) {
            $0.hashing.method = .consistent
            $0.hashing.balanceFactor = 125
        }
        // One key for all: without the factor one server would have all of them.
        for _ in 0..<400 {
            guard let server = backend.choose(key: 7).server else { continue }
            #expect(server.enter())
        }
        let loads = backend.servers.map { $0.served.load(ordering: .relaxed) }
        #expect(loads.reduce(0, +) == 400)
        #expect((loads.max() ?? 0) <= 126, "\(loads)")
    }

    @Test("Great weights take turns exactly, too") func greatWeights() {
        let weights = (0..<700).map { 100 + $0 % 157 }
        #expect(weights.reduce(0, +) * 16 > 1 << 16)
        let backend = backend(.roundrobin, weights: weights)
        #expect(counts(backend, weights.reduce(0, +)) == weights)
    }

    @Test(
        "A choice among 5,000 servers takes about as long as among 5",
        arguments: [
            BalanceAlgorithm.roundrobin, .leastconn, .first, .random(draws: 2), .header(name: "x", domainOnly: false),
        ])
    func cost(algorithm: BalanceAlgorithm) {
        func time(_ count: Int) -> Duration {
            let backend = backend(algorithm, weights: [Int](repeating: 1, count: count)) {
                $0.hashing.method = .consistent
            }
            let balancer = backend.balancer
            let rounds = 2000
            return (0..<5).map { _ in
                ContinuousClock().measure {
                    for round in 0..<rounds {
                        let choice = balancer.choose(
                            key: UInt32(round) &* 2_654_435_761, random: UInt64(round) &* 0x9e37_79b9_7f4a_7c15)
                        if let server = choice.server { balancer.loadChanged(server) }
                    }
                }
            }.min()!
        }
        let few = time(5)
        let many = time(5000)
        #expect(many < few * 40, "\(few) for 5, \(many) for 5,000")
    }

    private static func single() -> SharedBackend { backend(.roundrobin, weights: [1]) }
}
