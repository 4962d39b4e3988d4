import Bytes
import Connections
import Glibc
import QUICTransport
import Runtime
import TestSupport
import Testing

/// Sockets of several processes at one address, and the kernel's choice among them.
@Suite("Steered groups") struct SteeredGroupTests {
    private static let key = QUICServiceKey(secret: [UInt8](repeating: 7, count: 32))!
    private let codec = ConnectionIDCodec(key: Self.key)

    /// Real sockets of one address beside the group that describes them.
    private final class Address {
        var group: SteeredGroup
        let address: SocketAddress

        init() throws {
            let first = try DatagramSocket.bind(
                to: SocketAddress(ipv4: 127, 0, 0, 1, port: 0), reusesPort: true)
            address = Socket.localAddress(first.number)
            group = SteeredGroup(of: first.number)!
            group.append(.init(generation: 0, worker: 0, descriptor: first.release()))
        }

        deinit { for place in group.places { close(place.descriptor) } }

        func add(_ generation: Int, _ workers: Range<Int>) throws {
            for worker in workers {
                let socket = try DatagramSocket.bind(to: address, reusesPort: true)
                group.append(.init(generation: generation, worker: worker, descriptor: socket.release()))
            }
        }

        func attach(_ codec: ConnectionIDCodec, newest: Int) throws {
            try SteeredGroup.attach(group.program(codec, newest: newest), by: group.places[0].descriptor)
        }

        /// Where a datagram comes out, sent from a port of its own.
        func place(of packet: [UInt8]) throws -> SteeredGroup.Place? {
            let sender = try DatagramSocket.connect(to: address)
            guard Socket.send(sender.number, packet[...]) == .bytes(packet.count) else { return nil }
            var buffer = [UInt8](repeating: 0, count: 100)
            let found = group.places.filter { unsafe recv($0.descriptor, &buffer, buffer.count, 0x40) > 0 }
            return found.count == 1 ? found[0] : nil
        }
    }

    private func packet(_ generation: Int, _ worker: Int) -> [UInt8] {
        let id = codec.connectionID(to: .init(worker: worker, generation: generation), random: .random(in: 0 ... .max))
        return unsafe [0x41] + id.withBytes { unsafe Array($0) } + [UInt8](repeating: 9, count: 30)
    }

    @Test(
        "Each worker gets its own while sockets of processes close, whatever their numbers and the order",
        arguments: [[3, 3, 3], [1, 4, 2], [4, 1, 3], [2, 5, 1], [1, 1, 1]], [[0, 1], [1, 0]])
    func places(counts: [Int], ending: [Int]) throws {
        let address = try Address()
        try address.add(0, 1..<counts[0])
        for generation in 1...2 { try address.add(generation, 0..<counts[generation]) }
        var living: Set<Int> = [0, 1, 2]
        func check() throws {
            try address.attach(codec, newest: 2)
            for generation in living {
                for worker in 0..<counts[generation] {
                    let place = try address.place(of: packet(generation, worker))
                    #expect(place?.generation == generation && place?.worker == worker)
                }
            }
            // New connections, and those of processes that are gone.
            for _ in 0..<8 {
                let bytes = (0..<14).map { _ in UInt8.random(in: 0...255) }
                let first = [0xc0, 0, 0, 0, 1, 14] + bytes + [UInt8](repeating: 0, count: 30)
                #expect(try address.place(of: first)?.generation == 2)
                #expect(try address.place(of: packet(40, 0))?.generation == 2)
            }
        }
        try check()
        for generation in ending {
            address.group.end(generation)
            living.remove(generation)
            while let index = address.group.nextToClose {
                close(address.group.remove(at: index).descriptor)
                try check()
            }
        }
        #expect(address.group.places.allSatisfy { $0.generation == 2 })
        #expect(address.group.places.count == counts[2])
    }

    @Test("With as many workers as before, the program is that of a process alone") func simplest() {
        var group = SteeredGroup(address: SocketAddress(ipv4: 127, 0, 0, 1, port: 1), isIPv6Only: false)
        for generation in 0...1 { for worker in 0..<4 { group.append(.init(generation: generation, worker: worker)) } }
        let both = group.program(codec, newest: 1)
        group.end(0)
        while let index = group.nextToClose { group.remove(at: index) }
        let alone = codec.steeringFilter([.init(generation: 1, firstSocket: 0, workers: 4)])
        #expect(group.program(codec, newest: 1) == alone)
        #expect(both.count > alone.count)
        // Another process is about to come: nothing is left to the kernel.
        #expect(group.program(codec, newest: 1, isClosed: true).count > alone.count)
    }

    @Test("One worker that has ended gives its place up, the others stay") func worker() throws {
        let address = try Address()
        try address.add(0, 1..<3)
        try address.add(1, 0..<2)
        address.group.end(0, worker: 1)
        close(address.group.remove(at: try #require(address.group.nextToClose)).descriptor)
        #expect(address.group.nextToClose == nil)
        try address.attach(codec, newest: 1)
        for (generation, worker) in [(0, 0), (0, 2), (1, 0), (1, 1)] {
            let place = try address.place(of: packet(generation, worker))
            #expect(place?.generation == generation && place?.worker == worker)
        }
        #expect(try address.place(of: packet(0, 1))?.generation == 1)
    }
}

/// What one process tells another when it gives its sockets.
@Suite("QUIC inheritance") struct QUICInheritanceTests {
    private let key = QUICServiceKey(secret: (0..<32).map { UInt8($0 * 7) })!

    @Test("Words and descriptors come back as they went") func roundTrip() throws {
        let sockets = try DatagramGroup.open(SocketAddress(ipv4: 127, 0, 0, 1, port: 0), count: 2)
        let other = try DatagramGroup.open(SocketAddress(ipv4: 127, 0, 0, 1, port: 0), count: 1)
        let (near, far) = try MessagePair.open()
        defer { for number in sockets + other + [near, far] { close(number) } }
        var groups = [SteeredGroup(of: sockets[0])!, SteeredGroup(of: other[0])!]
        groups[0].append(.init(generation: 5, worker: 0, descriptor: sockets[0]))
        groups[0].append(.init(generation: 6, worker: 0, descriptor: sockets[1]))
        groups[1].append(.init(generation: 6, worker: 0, descriptor: other[0]))
        let given = QUICInheritance(
            key: key, steeringKey: QUICServiceKey(clusterSecret: [1]), generation: 7,
            processes: [.init(generation: 6, channel: near)], groups: groups)
        #expect(given.descriptors == sockets + other + [near])
        let read = try #require(QUICInheritance(words: given.words, descriptors: given.descriptors))
        #expect(read.generation == 7 && read.key.secret == key.secret)
        #expect(read.steeringKey.secret == given.steeringKey.secret)
        #expect(read.groups.map(\.places) == groups.map(\.places))
        #expect(read.groups.map(\.address) == groups.map(\.address))
        #expect(read.processes.map(\.generation) == [6] && read.processes.map(\.channel) == [near])
    }

    @Test(
        "Words that do not hold together are refused",
        arguments: [
            "", "portico-quic 2\n", "portico-quic 1\nkey 00\n", "portico-quic 1\nKEYS\ngeneration 64\nprocess 0\n",
            "portico-quic 1\nKEYS\ngeneration 1\n", "portico-quic 1\nKEYS\nprocess 0\n",
            "portico-quic 1\nKEYS\ngeneration 1\nprocess 0\nprocess 1\n",
            "portico-quic 1\nKEYS\ngeneration 1\nprocess -1\n", "portico-quic 1\nKEYS\ngeneration 1\nplace 0\n",
            "portico-quic 1\nKEYS\ngeneration 1\nplace 0 0\n", "portico-quic 1\nKEYS\ngeneration 1\nhello\n",
        ])
    func refusals(text: String) throws {
        let (near, far) = try MessagePair.open()
        defer { for number in [near, far] { close(number) } }
        let zeros = String(repeating: "0", count: 64)
        let words = Array(text.replacing("KEYS", with: "key \(zeros)\nsteering \(zeros)").utf8)
        #expect(QUICInheritance(words: words, descriptors: [near]) == nil)
    }
}
