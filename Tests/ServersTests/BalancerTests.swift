import Bytes
import Configuration
import Runtime
import Servers
import Synchronization
import Testing

private func backend(
    _ algorithm: BalanceAlgorithm, weights: [Int], maxconn: [Int?] = [], backup: Set<Int> = [], disabled: Set<Int> = []
) -> SharedBackend {
    let place = SourceLocation(file: "test.cfg", line: 1)
    var settings = BackendSettings(name: "back", mode: .http, location: place)
    settings.balance = algorithm
    let backend = SharedBackend(settings: settings, index: 0)
    for (index, weight) in weights.enumerated() {
        var server = ServerSettings(
            name: "s\(index)", address: .host(.ip(.v4(0x7f00_0001)), .fixed(UInt16(8000 + index))), location: place)
        server.weight = weight
        server.isBackup = backup.contains(index)
        server.isDisabled = disabled.contains(index)
        if index < maxconn.count { server.maxconn = maxconn[index] }
        let address = SocketAddress(ipv4: 127, 0, 0, 1, port: UInt16(8000 + index))
        backend.add { index, id in
            SharedServer(settings: server, backend: backend, index: index, id: id, address: .ip(address))
        }
    }
    return backend
}

private func counts(_ backend: SharedBackend, _ rounds: Int, hash: (Int) -> UInt32 = { _ in 0 }) -> [Int] {
    var counts = [Int](repeating: 0, count: backend.servers.count)
    var random: UInt64 = 42
    for round in 0..<rounds {
        random = random &* 6_364_136_223_846_793_005 &+ 1
        if let server = backend.choose(hash: hash(round), random: random) { counts[server.index] += 1 }
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
        let order = (0..<4).compactMap { _ in backend.choose(hash: 0, random: 0)?.index }
        #expect(order.filter { $0 == 1 }.count == 1)
        #expect(order.first == 0 && order.last == 0)
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
            let server = backend.choose(hash: 0, random: 0)
            _ = server?.enter()
            order.append(server?.index ?? -1)
        }
        #expect(order.filter { $0 == 0 }.count == 2)
        #expect(order.filter { $0 == 1 }.count == 4)
    }

    @Test("first fills a server before it goes to the next") func first() {
        let backend = backend(.first, weights: [1, 1], maxconn: [2, 2])
        var order: [Int] = []
        for _ in 0..<4 {
            let server = backend.choose(hash: 0, random: 0)
            #expect(server?.enter() == true)
            order.append(server?.index ?? -1)
        }
        #expect(order == [0, 0, 1, 1])
        #expect(backend.choose(hash: 0, random: 0)?.enter() == false)
        #expect(!backend.hasRoom)
        backend.servers[1].leave()
        #expect(backend.choose(hash: 0, random: 0)?.index == 1)
    }

    @Test("source keeps a client on its server") func source() {
        let backend = backend(.source, weights: [1, 1, 1])
        for hash in [7, 8, 9] as [UInt32] {
            let server = backend.choose(hash: hash, random: 1)
            #expect(backend.choose(hash: hash, random: 99) === server)
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
        let failed = backend.servers[0]
        #expect(backend.choose(hash: 0, random: 0, excluding: failed)?.index == 1)
        let alone = Self.single()
        #expect(alone.choose(hash: 0, random: 0, excluding: alone.servers[0]) === alone.servers[0])
    }

    private static func single() -> SharedBackend { backend(.roundrobin, weights: [1]) }
}
