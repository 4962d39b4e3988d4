import Glibc
import QUICTransport
import TestSupport
import Testing

/// Runs a classic BPF program as the kernel would, on a datagram's payload.
struct FilterInterpreter {
    var program: [FilterInstruction]

    /// What the program returns; nil when it is not well-formed.
    func run(_ packet: [UInt8]) -> UInt32? {
        var steps = 0
        return run(packet, &steps)
    }

    /// The same, and how many instructions it took.
    func run(_ packet: [UInt8], _ steps: inout Int) -> UInt32? {
        var a: UInt32 = 0
        var x: UInt32 = 0
        var counter = 0
        func load(_ offset: UInt32, _ count: Int) -> UInt32? {
            guard Int(offset) + count <= packet.count else { return nil }
            return packet[Int(offset)..<Int(offset) + count].reduce(0) { $0 << 8 | UInt32($1) }
        }
        while program.indices.contains(counter) {
            let i = program[counter]
            counter += 1
            steps += 1
            switch i.code {
            // A load beyond the packet ends the program with 0.
            case 0x20: if let value = load(i.operand, 4) { a = value } else { return 0 }
            case 0x28: if let value = load(i.operand, 2) { a = value } else { return 0 }
            case 0x30: if let value = load(i.operand, 1) { a = value } else { return 0 }
            case 0x80: a = UInt32(packet.count)
            case 0x04: a = a &+ i.operand
            case 0x0c: a = a &+ x
            case 0x24: a = a &* i.operand
            case 0x54: a &= i.operand
            case 0x94: a %= i.operand
            case 0x05: counter += Int(i.operand)
            case 0x74: a >>= i.operand
            case 0xa4: a ^= i.operand
            case 0xac: a ^= x
            case 0x07: x = a
            case 0x15: counter += Int(a == i.operand ? i.jumpTrue : i.jumpFalse)
            case 0x35: counter += Int(a >= i.operand ? i.jumpTrue : i.jumpFalse)
            case 0x45: counter += Int(a & i.operand != 0 ? i.jumpTrue : i.jumpFalse)
            case 0x06: return i.operand
            case 0x16: return a
            default: return nil
            }
        }
        return nil
    }
}

/// The kernel's `sock_fprog`.
@unsafe
struct FilterDescriptor {
    var count: UInt16
    var program: UnsafeMutablePointer<FilterInstruction>?
}

@Suite("Connection IDs")
struct ConnectionIDTests {
    let codec = ConnectionIDCodec(key: QUICServiceKey(secret: [UInt8](repeating: 3, count: 32))!)

    func bytes(_ id: ConnectionID) -> [UInt8] { unsafe id.withBytes { unsafe Array($0) } }

    @Test("An ID keeps its bytes, whatever its length")
    func roundTrip() {
        for count in 0...20 {
            let source = (0..<count).map { UInt8($0 * 11 + 1) }
            let id = unsafe source.withUnsafeBytes { unsafe ConnectionID($0) }
            #expect(id.map(bytes) == source)
            #expect(id?.description.count == 2 * count)
        }
        let long = [UInt8](repeating: 0, count: 21)
        #expect(unsafe long.withUnsafeBytes { unsafe ConnectionID($0) } == nil)
    }

    @Test("IDs that differ only in length are different")
    func lengths() {
        let ids = (0...20).map { count in
            unsafe [UInt8](repeating: 0, count: count).withUnsafeBytes { unsafe ConnectionID($0) }
        }
        #expect(Set(ids).count == 21)
    }

    @Test("Worker and generation come back out of an ID")
    func routes() {
        var random = SplitMix64(state: 5)
        for _ in 0..<2000 {
            let route = ConnectionIDCodec.Route(
                worker: Int.random(in: 0..<ConnectionIDCodec.maxWorkers, using: &random),
                generation: Int.random(in: 0..<ConnectionIDCodec.maxGenerations, using: &random))
            #expect(codec.route(of: codec.connectionID(to: route, random: random.next())) == route)
        }
    }

    @Test("Another key reads something else, and the same route looks different each time")
    func hidden() {
        let other = ConnectionIDCodec(key: QUICServiceKey(secret: [UInt8](repeating: 4, count: 32))!)
        let route = ConnectionIDCodec.Route(worker: 3, generation: 1)
        var random = SplitMix64(state: 6)
        let ids = (0..<1000).map { _ in codec.connectionID(to: route, random: random.next()) }
        #expect(ids.filter { other.route(of: $0) == route }.count < 5)
        // The two bytes that carry the route take many values.
        #expect(Set(ids.map { bytes($0).suffix(2) }).count > 900)
    }

    @Test("An ID of another length leads nowhere")
    func foreignLength() {
        let id = unsafe [UInt8](repeating: 1, count: 9).withUnsafeBytes { unsafe ConnectionID($0) }
        #expect(id.flatMap(codec.route(of:)) == nil)
    }

    // MARK: The program for the kernel

    func shortPacket(_ id: ConnectionID) -> [UInt8] { [0x41] + bytes(id) + [UInt8](repeating: 9, count: 30) }

    func longPacket(_ id: ConnectionID) -> [UInt8] {
        [0xe0, 0, 0, 0, 1, UInt8(id.count)] + bytes(id) + [0] + [UInt8](repeating: 9, count: 30)
    }

    @Test("The filter program finds the socket that the codec means")
    func filter() {
        let ranges = [
            ConnectionIDCodec.SocketRange(generation: 6, firstSocket: 4, workers: 3),
            ConnectionIDCodec.SocketRange(generation: 5, firstSocket: 0, workers: 4),
        ]
        let interpreter = FilterInterpreter(program: codec.steeringFilter(ranges))
        #expect(interpreter.program.count < 128)
        var random = SplitMix64(state: 7)
        for generation in 4...7 {
            for worker in 0..<6 {
                let id = codec.connectionID(to: .init(worker: worker, generation: generation), random: random.next())
                let expected: UInt32 =
                    switch (generation, worker) {
                    case (6, 0..<3): UInt32(4 + worker)
                    case (5, 0..<4): UInt32(worker)
                    default: .max
                    }
                #expect(interpreter.run(shortPacket(id)) == expected)
                #expect(interpreter.run(longPacket(id)) == expected)
            }
        }
    }

    @Test("The filter program leaves short and foreign packets to the kernel's own choice")
    func filterEdges() {
        let range = ConnectionIDCodec.SocketRange(generation: 0, firstSocket: 0, workers: 1024)
        let interpreter = FilterInterpreter(program: codec.steeringFilter([range]))
        let id = codec.connectionID(to: .init(worker: 1, generation: 0), random: 99)
        #expect(interpreter.run(Array(shortPacket(id).prefix(9))) == 1)
        #expect(interpreter.run(Array(shortPacket(id).prefix(8))) == .max)
        #expect(interpreter.run(Array(longPacket(id).prefix(14))) == 1)
        #expect(interpreter.run(Array(longPacket(id).prefix(13))) == .max)
        // An ID of 9 bytes is not ours.
        #expect(interpreter.run([0xe0, 0, 0, 0, 1, 9] + [UInt8](repeating: 1, count: 40)) == .max)
        #expect(FilterInterpreter(program: codec.steeringFilter([])).run(shortPacket(id)) == .max)
        #expect(interpreter.run([0x41]) == .max)
    }

    @Test("One process: a datagram costs as many instructions as without any thought of others")
    func filterCost() {
        let range = ConnectionIDCodec.SocketRange(generation: 0, firstSocket: 0, workers: 4)
        let interpreter = FilterInterpreter(program: codec.steeringFilter([range]))
        let id = codec.connectionID(to: .init(worker: 2, generation: 0), random: 5)
        // Four to find the ID, 17 to read it, four to choose; two more for a long header's ID.
        var steps = 0
        #expect(interpreter.run(shortPacket(id), &steps) == 2)
        #expect(steps == 25)
        steps = 0
        #expect(interpreter.run(longPacket(id), &steps) == 2)
        #expect(steps == 27)
    }

    @Test("What leads to none goes to the newcomers, all packets of one ID to the same worker")
    func filterNewcomers() {
        // The places of worker 2 and of the others are apart, as when an older process's sockets have closed.
        let ranges = [
            ConnectionIDCodec.SocketRange(generation: 1, firstSocket: 0, workers: 1, firstWorker: 2),
            ConnectionIDCodec.SocketRange(generation: 0, firstSocket: 1, workers: 4),
            ConnectionIDCodec.SocketRange(generation: 1, firstSocket: 5, workers: 2),
        ]
        let interpreter = FilterInterpreter(
            program: codec.steeringFilter(ranges, newcomers: .init(generation: 1, workers: 3)))
        let places: [Int: UInt32] = [0: 5, 1: 6, 2: 0]
        var random = SplitMix64(state: 9)
        for worker in 0..<3 {
            let id = codec.connectionID(to: .init(worker: worker, generation: 1), random: random.next())
            #expect(interpreter.run(shortPacket(id)) == places[worker])
        }
        let old = codec.connectionID(to: .init(worker: 3, generation: 0), random: random.next())
        #expect(interpreter.run(longPacket(old)) == 4)
        var seen: Set<UInt32> = []
        for count in [9, 12, 20] {
            for _ in 0..<40 {
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                let id = unsafe bytes.withUnsafeBytes { unsafe ConnectionID($0) }!
                let first = longPacket(id)
                let worker = unsafe first.withUnsafeBytes {
                    unsafe ConnectionIDCodec.newcomer(for: $0, workers: 3)
                }
                #expect(interpreter.run(first) == places[worker])
                // A longer packet of the same ID.
                #expect(interpreter.run(first + [1, 2, 3]) == places[worker])
                seen.insert(interpreter.run(first) ?? .max)
            }
        }
        #expect(seen == [0, 5, 6])
        // An ID of a generation that is gone, and datagrams without any.
        let gone = codec.connectionID(to: .init(worker: 0, generation: 7), random: 3)
        #expect([0, 5, 6].contains(interpreter.run(shortPacket(gone))))
        for count in 1...9 { #expect([0, 5, 6].contains(interpreter.run([UInt8](repeating: 0x41, count: count)))) }
    }

    @Test("Programs stay well-formed at the most ranges that they look at") func filterLimit() {
        let ranges = (0..<200).map {
            ConnectionIDCodec.SocketRange(generation: 1, firstSocket: $0, workers: 1, firstWorker: 2 * $0)
        }
        let program = codec.steeringFilter(ranges, newcomers: .init(generation: 1, workers: 400))
        // The kernel's limit is 4096, and by default 20 kB for what it makes of the program.
        #expect(program.count < 1200)
        let interpreter = FilterInterpreter(program: program)
        func place(_ worker: Int) -> UInt32? {
            interpreter.run(shortPacket(codec.connectionID(to: .init(worker: worker, generation: 1), random: 77)))
        }
        #expect(place(0) == 0 && place(254) == 127)
        // One beyond the ranges counts as unknown.
        #expect(place(256).map { $0 == .max || $0 < 128 } == true)
    }

    @Test("A datagram's route is what the program reads") func routeOfDatagram() {
        let id = codec.connectionID(to: .init(worker: 5, generation: 9), random: 1234)
        func route(_ packet: [UInt8]) -> ConnectionIDCodec.Route? {
            unsafe packet.withUnsafeBytes { unsafe codec.route(ofDatagram: $0) }
        }
        #expect(route(shortPacket(id)) == .init(worker: 5, generation: 9))
        #expect(route(longPacket(id)) == .init(worker: 5, generation: 9))
        #expect(route([]) == nil && route([0x41, 1, 2]) == nil && route([0xe0, 0, 0, 0, 1, 8, 1]) == nil)
        #expect(route([0xe0, 0, 0, 0, 1, 9] + [UInt8](repeating: 1, count: 40)) == nil)
    }

    @Test("The kernel takes the program, and steers datagrams by it")
    func kernel() throws {
        let workers = 4
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        func withAddress<R>(_ body: (UnsafeMutablePointer<sockaddr>) -> R) -> R {
            unsafe withUnsafeMutablePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
            }
        }
        for _ in 0..<workers {
            let fd = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            try #require(fd >= 0)
            sockets.append(fd)
            var one: Int32 = 1
            try #require(unsafe setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, 4) == 0)
            try #require(unsafe withAddress { unsafe bind(fd, $0, length) } == 0)
            // The first one's port is everyone's.
            try #require(unsafe withAddress { unsafe getsockname(fd, $0, &length) } == 0)
        }
        var program = codec.steeringFilter([.init(generation: 2, firstSocket: 0, workers: workers)])
        let attached = unsafe program.withUnsafeMutableBufferPointer { buffer in
            var descriptor = unsafe FilterDescriptor(count: UInt16(buffer.count), program: buffer.baseAddress)
            let attachReusePortFilter: Int32 = 51
            return unsafe setsockopt(
                sockets[0], SOL_SOCKET, attachReusePortFilter, &descriptor,
                socklen_t(MemoryLayout<FilterDescriptor>.size))
        }
        try #require(attached == 0)

        var random = SplitMix64(state: 8)
        // Different source ports, which the address hash would spread.
        for round in 0..<12 {
            let sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            try #require(sender >= 0)
            defer { close(sender) }
            let worker = round % workers
            let id = codec.connectionID(to: .init(worker: worker, generation: 2), random: random.next())
            let packet = round.isMultiple(of: 2) ? shortPacket(id) : longPacket(id)
            let sent = unsafe packet.withUnsafeBytes { bytes in
                unsafe withAddress { unsafe sendto(sender, bytes.baseAddress, bytes.count, 0, $0, length) }
            }
            try #require(sent == packet.count)
            var buffer = [UInt8](repeating: 0, count: 100)
            let received = sockets.map { unsafe recv($0, &buffer, buffer.count, 0) }
            #expect(received.indices.filter { received[$0] > 0 } == [worker])
        }
    }
}
