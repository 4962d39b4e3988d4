import Bytes
import QUICTransport
import TestSupport
import Testing

@Suite("QUIC demultiplexing")
final class EndpointTests {
    let path = QUICPath(local: Simulation.serverAddress, remote: Simulation.clientAddress)
    var batch = DatagramBatch(capacity: 64 << 10, runs: 64)
    let now = Instant(nanoseconds: 5_000_000_000)

    func endpoint(_ configure: (inout QUICEndpoint.Configuration) -> Void = { _ in }) -> QUICEndpoint {
        var configuration = QUICEndpoint.Configuration(route: .init(worker: 1, generation: 3), workers: 4)
        configure(&configuration)
        return QUICEndpoint(configuration: configuration, key: Simulation.key, random: QUICRandom(seed: 1))
    }

    /// The name of the route, and of what stands behind it.
    func route(_ datagram: [UInt8], _ endpoint: QUICEndpoint, now: Instant? = nil) -> String {
        let now = now ?? self.now
        return unsafe datagram.withUnsafeBytes {
            switch unsafe endpoint.route($0, path: path, into: &batch, now: now, wall: now.nanoseconds) {
            case .connection: "connection"
            case .initial(let initial): "initial \(initial.version)"
            case .elsewhere(let route): "elsewhere \(route.worker)/\(route.generation)"
            case .answered: "answered"
            case .dropped(let reason): "dropped \(reason)"
            }
        }
    }

    func id(worker: Int, generation: Int) -> [UInt8] {
        let codec = ConnectionIDCodec(key: Simulation.key)
        return unsafe codec.connectionID(to: .init(worker: worker, generation: generation), random: 77)
            .withBytes { unsafe Array($0) }
    }

    func long(type: UInt8, version: UInt32 = 1, destination: [UInt8], size: Int = 1200) -> [UInt8] {
        var packet: [UInt8] = [0xc0 | type << 4]
        packet += (0..<4).map { UInt8(truncatingIfNeeded: version >> UInt32(24 - 8 * $0)) }
        packet += [UInt8(destination.count)] + destination + [8] + [UInt8](repeating: 0xaa, count: 8)
        // Token length (Initial only), then a length of two bytes.
        if type == 0 { packet.append(0) }
        packet += [0x44, 0x00]
        return packet + [UInt8](repeating: 0, count: max(0, size - packet.count))
    }

    func short(_ id: [UInt8], size: Int = 100) -> [UInt8] {
        [0x40] + id + [UInt8](repeating: 5, count: max(0, size - 1 - id.count))
    }

    @Test("An Initial packet may start a connection, if it is large enough and its ID long enough")
    func initial() {
        let endpoint = endpoint()
        let destination = [UInt8](repeating: 1, count: 8)
        #expect(route(long(type: 0, destination: destination), endpoint) == "initial 1")
        #expect(route(long(type: 0, destination: destination, size: 1199), endpoint) == "dropped unacceptableInitial")
        #expect(route(long(type: 0, destination: [1, 2, 3, 4]), endpoint) == "dropped unacceptableInitial")
        #expect(endpoint.dropCount(.unacceptableInitial) == 2)
        #expect(batch.runCount == 0)
    }

    @Test("An endpoint that takes no connections drops their first packets")
    func notAccepting() {
        let endpoint = endpoint { $0.acceptsConnections = false }
        #expect(route(long(type: 0, destination: [UInt8](repeating: 1, count: 8)), endpoint) == "dropped notAccepting")
        #expect(route(long(type: 0, version: 0x1a1a_1a1a, destination: [1]), endpoint) == "dropped notAccepting")
    }

    @Test("0-RTT without its Initial, and packets that are none, are dropped")
    func rubbish() {
        let endpoint = endpoint()
        #expect(route(long(type: 1, destination: [UInt8](repeating: 1, count: 8)), endpoint) == "dropped earlyData")
        #expect(route([], endpoint) == "dropped malformed")
        #expect(route([0xc0], endpoint) == "dropped malformed")
        #expect(route([0x40, 1, 2], endpoint) == "dropped malformed")
        #expect(route(long(type: 0, destination: [UInt8](repeating: 1, count: 21)), endpoint) == "dropped malformed")
        // Version Negotiation is for clients only.
        #expect(route(long(type: 0, version: 0, destination: [1]), endpoint) == "dropped malformed")
        #expect(batch.runCount == 0)
    }

    @Test("An unknown version is answered by Version Negotiation, with the IDs swapped")
    func versionNegotiation() {
        let endpoint = endpoint()
        let destination = [UInt8](repeating: 0xdd, count: 30)
        #expect(route(long(type: 0, version: 0x5a5a_5a5a, destination: destination), endpoint) == "answered")
        let reply = unsafe Array(batch.bytes(of: batch[0]))
        #expect(reply[0] & 0x80 != 0)
        #expect(reply[1...4].allSatisfy { $0 == 0 })
        #expect(reply[5] == 8 && Array(reply[6..<14]) == [UInt8](repeating: 0xaa, count: 8))
        #expect(reply[14] == 30 && Array(reply[15..<45]) == destination)
        #expect(Array(reply[45..<49]) == [0, 0, 0, 1])
        #expect(Array(reply[49..<53]) == [0x6b, 0x33, 0x43, 0xcf])
        #expect(reply.count == 57)
        #expect(batch[0].path == path)
        // A small datagram gets no answer that could be larger.
        #expect(
            route(long(type: 0, version: 0x5a5a_5a5a, destination: [1], size: 1199), endpoint) == "dropped malformed")
        // The draft versions that the library would take are not ours.
        #expect(route(long(type: 0, version: 0xff00_001d, destination: [1]), endpoint) == "answered")
    }

    @Test("A packet for a lost connection of ours is answered by a stateless reset, smaller than itself")
    func statelessReset() {
        let endpoint = endpoint()
        let own = id(worker: 1, generation: 3)
        var sizes: [Int] = []
        for size in [22, 30, 43, 44, 45, 1200] {
            batch.removeAll()
            #expect(route(short(own, size: size), endpoint) == "answered")
            sizes.append(batch[0].count)
            let first = unsafe batch.bytes(of: batch[0])[0]
            #expect(first & 0xc0 == 0x40)
        }
        #expect(sizes == [21, 29, 42, 43, 43, 43])
        #expect(route(short(own, size: 21), endpoint) == "dropped unknownConnection")
        // The token depends on the ID and the key alone.
        batch.removeAll()
        _ = route(short(own), endpoint)
        _ = route(short(own), self.endpoint())
        _ = route(short(id(worker: 1, generation: 4)), endpoint)
        let tokens = (0..<3).map { index in unsafe Array(batch.bytes(of: batch[index]).suffix(16)) }
        #expect(tokens[0] == tokens[1] && tokens[0] != tokens[2])
    }

    @Test("A packet for another worker is handed over, one for a worker that does not exist is not")
    func elsewhere() {
        let endpoint = endpoint()
        #expect(route(short(id(worker: 2, generation: 3)), endpoint) == "elsewhere 2/3")
        #expect(route(long(type: 2, destination: id(worker: 0, generation: 3)), endpoint) == "elsewhere 0/3")
        #expect(route(short(id(worker: 4, generation: 3)), endpoint) == "answered")
        #expect(
            route(long(type: 2, destination: id(worker: 1, generation: 3)), endpoint) == "dropped unknownConnection")
    }

    @Test("Packets of other process generations go elsewhere only if there are such processes")
    func generations() {
        let alone = endpoint()
        #expect(route(short(id(worker: 0, generation: 2)), alone) == "answered")
        let reloading = endpoint { $0.otherGenerations = ProcessGenerations([2]) }
        #expect(route(short(id(worker: 0, generation: 2)), reloading) == "elsewhere 0/2")
        #expect(route(short(id(worker: 0, generation: 1)), reloading) == "answered")
    }

    @Test("Answers to nobody are limited, second by second")
    func replyLimit() {
        let endpoint = endpoint { $0.statelessRepliesPerSecond = 5 }
        func answers(_ now: Instant) -> Int {
            (0..<20).filter { _ in
                batch.removeAll()
                return route(short(id(worker: 1, generation: 3)), endpoint, now: now) == "answered"
            }.count
        }
        #expect(answers(now) == 5)
        #expect(answers(now.advanced(milliseconds: 400)) == 2)
        #expect(answers(now.advanced(milliseconds: 10_000)) == 5)
        #expect(endpoint.dropCount(.unknownConnection) + endpoint.dropCount(.limited) == 48)
    }

    @Test("Each datagram of a burst finds its connection again")
    func known() throws {
        let simulation = Simulation(seed: 3)
        let client = try simulation.connect()
        #expect(simulation.run { client.isComplete && simulation.server.application?.isComplete == true })
        simulation.run(seconds: 1)
        // One connection has several IDs: the client's first one, ours, and spare ones for migration.
        #expect(simulation.server.endpoint.connectionIDCount > 2)
        #expect(simulation.server.routes == ["accept none"])
    }
}
