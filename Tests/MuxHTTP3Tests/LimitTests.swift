import Bytes
import Messages
import MuxHTTP3
import QUICTransport
import Streams
import TestSupport
import Testing

@Suite("Order of sending, QPACK blocking and limits") struct LimitTests {
    private func rawClient(
        _ settings: HTTP3Settings = HTTP3Settings(), link: Link = Link(delay: 1_000_000)
    ) async throws -> (Simulation, RawPeer, QUICStreamID) {
        let simulation = try await Simulation(link: link, server: settings)
        let peer = RawPeer()
        simulation.client.raw = peer
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.server.mux != nil && peer.isReady }
        let control = try peer.unidirectional(controlPreface)
        return (simulation, peer, control)
    }

    // MARK: Priorities

    /// Answers all requests at once with bodies of 100,000 bytes; returns the streams in the order of their ends.
    private func finishOrder(_ simulation: Simulation, _ peer: RawPeer, _ ids: [QUICStreamID]) throws -> [QUICStreamID]
    {
        _ = try simulation.serverRecord(ids.count - 1)
        var sources = [PatternSource](repeating: PatternSource(100_000), count: ids.count)
        for served in simulation.server.records { try served.respond(length: .unknown, ends: false) }
        var order: [QUICStreamID] = []
        try simulation.run {
            for (index, served) in simulation.server.records.enumerated() {
                if let half = served.exchange?.response {
                    sources[index].fill(half, simulation.server.resources.buffers)
                }
            }
            for id in ids where peer.incoming[id]?.isComplete == true && !order.contains(id) { order.append(id) }
            return order.count == ids.count
        }
        return order
    }

    @Test("The priority field decides who goes first") func priorityField() async throws {
        let (simulation, peer, _) = try await rawClient(link: Link(delay: 5_000_000, rate: 2_000_000))
        let ids = try ["u=7", "u=3", "u=0", "", "u=5"].map {
            try peer.request(getHeaders($0.isEmpty ? [] : [("priority", $0)]))
        }
        let order = try finishOrder(simulation, peer, ids)
        #expect(order == [8, 4, 12, 16, 0])
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("PRIORITY_UPDATE counts more than the field, also before its stream comes") func priorityUpdate() async throws
    {
        let (simulation, peer, control) = try await rawClient(link: Link(delay: 5_000_000, rate: 2_000_000))
        peer.send(frame(FrameType.priorityUpdateRequest, varint(8) + Array("u=0".utf8)), on: control)
        try simulation.run(seconds: 0.1)
        let ids = try ["u=1", "u=2", "u=7"].map { try peer.request(getHeaders([("priority", $0)])) }
        _ = try simulation.serverRecord(2)
        peer.send(frame(FrameType.priorityUpdateRequest, varint(0) + Array("u=6".utf8)), on: control)
        try simulation.run(seconds: 0.1)
        let order = try finishOrder(simulation, peer, ids)
        #expect(order == [8, 4, 0])
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Incremental streams share, others go one after the other", arguments: [true, false])
    func incremental(_ isIncremental: Bool) async throws {
        let (simulation, peer, _) = try await rawClient(link: Link(delay: 5_000_000, rate: 2_000_000))
        let ids = try (0..<3).map { _ in try peer.request(getHeaders(isIncremental ? [("priority", "i")] : [])) }
        _ = try simulation.serverRecord(2)
        var sources = [PatternSource](repeating: PatternSource(200_000), count: 3)
        for served in simulation.server.records { try served.respond(length: .unknown, ends: false) }
        try simulation.run {
            for (index, served) in simulation.server.records.enumerated() {
                if let half = served.exchange?.response {
                    sources[index].fill(half, simulation.server.resources.buffers)
                }
            }
            return ids.reduce(0) { $0 + (peer.incoming[$1]?.bytes.count ?? 0) } > 150_000
        }
        let counts = ids.map { peer.incoming[$0]?.bytes.count ?? 0 }
        if isIncremental {
            #expect(counts.allSatisfy { $0 > 30_000 })
        } else {
            #expect(counts[0] > 140_000)
            #expect(counts[2] < 10_000)
        }
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("PRIORITY_UPDATE far beyond the streams is an error") func priorityBeyond() async throws {
        let (simulation, peer, control) = try await rawClient()
        peer.send(frame(FrameType.priorityUpdateRequest, varint(4 * 1_000)), on: control)
        try simulation.run { peer.close != nil }
        #expect(peer.close?.code == HTTP3ErrorCode.idError.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    // MARK: QPACK

    /// Two requests whose sections refer to the first entry of the dynamic table: `x-entry: value`.
    private static let blockedHeaders: [UInt8] = {
        // Required insert count 1 (encoded 2 with a table of 4,096 bytes), base 1, then a relative index of 0.
        var section: [UInt8] = [0x02, 0x00, 0x80]
        let literal = getHeaders()
        // Behind the frame header and the prefix of the literal section.
        section = [0x02, 0x00] + literal[4...] + [0x80]
        return frame(FrameType.headers, section)
    }()

    /// Sets the capacity and inserts `x-entry: value`.
    private static let insertion: [UInt8] =
        [0x3f, 0xe1, 0x1f] + [0x47] + Array("x-entry".utf8) + [5] + Array("value".utf8)

    @Test("A section that waits for the encoder stream goes on when it comes", arguments: [true, false])
    func blocked(_ hasBody: Bool) async throws {
        let (simulation, peer, _) = try await rawClient()
        let encoder = try peer.unidirectional(varint(StreamType.qpackEncoder))
        let bytes = Self.blockedHeaders + (hasBody ? data("body") : [])
        let ids = try (0..<3).map { _ in try peer.request(bytes) }
        try simulation.run { simulation.server.mux?.statistics.blockedSections == 3 }
        #expect(simulation.server.records.isEmpty)
        #expect(simulation.server.mux?.activity == .receivingHead)
        peer.send(Self.insertion, on: encoder)
        _ = try simulation.serverRecord(2)
        for served in simulation.server.records {
            #expect(served.exchange?.request.head?.field("x-entry") == "value")
            #expect(served.exchange?.request.phase == .ended)
            let text = served.exchange?.request.takeText()
            #expect(text == (hasBody ? "body" : ""))
            try served.respond(204)
        }
        try simulation.run { ids.allSatisfy { peer.incoming[$0]?.isComplete == true } }
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A blocked stream that is reset is forgotten") func blockedReset() async throws {
        let (simulation, peer, _) = try await rawClient()
        let encoder = try peer.unidirectional(varint(StreamType.qpackEncoder))
        let id = try peer.request(Self.blockedHeaders + data("body"), fin: false)
        try simulation.run { simulation.server.mux?.statistics.blockedSections == 1 }
        try simulation.client.connection?.shutdownStream(id, applicationError: HTTP3ErrorCode.requestCancelled.rawValue)
        try simulation.run { peer.closed[id] != nil }
        peer.send(Self.insertion, on: encoder)
        let next = try peer.request(getHeaders())
        let served = try simulation.serverRecord()
        try served.respond(204)
        try simulation.run { peer.incoming[next]?.isComplete == true }
        #expect(simulation.server.records.count == 1)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("More blocked streams than we allow end the connection") func tooManyBlocked() async throws {
        var settings = HTTP3Settings()
        settings.qpackBlockedStreams = 2
        let (simulation, peer, _) = try await rawClient(settings)
        for _ in 0..<3 { try peer.request(Self.blockedHeaders) }
        try simulation.run { peer.close != nil }
        #expect(peer.close?.code == HTTP3ErrorCode.qpackDecompressionFailed.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    // MARK: Floods

    @Test("Rapid resets end the connection") func rapidReset() async throws {
        var settings = HTTP3Settings()
        settings.limits.resets = PermitRate(burst: 20, perSecond: 1)
        let (simulation, peer, _) = try await rawClient(settings)
        try simulation.run {
            if peer.close == nil {
                let id = try peer.request(getHeaders(), fin: false)
                try simulation.run(seconds: 0.01)
                try? simulation.client.connection?.shutdownStream(id, applicationError: 0x10c)
            }
            return peer.close != nil
        }
        #expect(peer.close?.code == HTTP3ErrorCode.excessiveLoad.rawValue)
        #expect(simulation.server.records.count <= 22)
        #expect(simulation.server.records.allSatisfy { $0.isOver })
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Floods of frames without use end the connection", arguments: 0..<3) func frames(_ kind: Int) async throws {
        var settings = HTTP3Settings()
        settings.limits.emptyDataFrames = PermitRate(burst: 50, perSecond: 1)
        settings.limits.controlFrames = PermitRate(burst: 50, perSecond: 1)
        let (simulation, peer, control) = try await rawClient(settings)
        let unit: [UInt8]
        switch kind {
        case 0: unit = frame(FrameType.data)
        case 1: unit = frame(0x21)
        default: unit = frame(FrameType.priorityUpdateRequest, varint(0))
        }
        let flood = (0..<60).flatMap { _ in unit }
        if kind == 2 {
            peer.send(flood, on: control)
        } else {
            try peer.request(getHeaders(method: "POST") + flood, fin: false)
        }
        try simulation.run { peer.close != nil }
        #expect(peer.close?.code == HTTP3ErrorCode.excessiveLoad.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Glitches add up") func glitches() async throws {
        var settings = HTTP3Settings()
        settings.limits.glitches = 5
        let (simulation, peer, _) = try await rawClient(settings)
        for _ in 0..<6 { try peer.request(headers([(":method", "GET")])) }
        try simulation.run { peer.close != nil }
        #expect(peer.close?.code == HTTP3ErrorCode.excessiveLoad.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A peer that never acknowledges field sections is not served for ever") func unacknowledged() async throws {
        var settings = HTTP3Settings()
        settings.maxUnacknowledgedSections = 10
        let simulation = try await Simulation(server: settings)
        let peer = RawPeer()
        simulation.client.raw = peer
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.server.mux != nil && peer.isReady }
        try peer.unidirectional(
            varint(StreamType.control)
                + frame(
                    FrameType.settings,
                    varint(SettingID.qpackMaxTableCapacity) + varint(4_096) + varint(SettingID.qpackBlockedStreams)
                        + varint(100)))
        for number in 0..<40 where peer.close == nil {
            try peer.request(getHeaders())
            try simulation.run { simulation.server.records.count > number || peer.close != nil }
            guard peer.close == nil else { break }
            try simulation.server.records[number].respond(fields: [("server", "a name that is worth an entry")])
            try simulation.run(seconds: 0.05)
        }
        #expect(peer.close?.code == HTTP3ErrorCode.excessiveLoad.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A peer that takes nothing bounds what is held for it") func neverReads() async throws {
        let (simulation, peer, _) = try await rawClient()
        peer.withholdsCredit = true
        for _ in 0..<20 { try peer.request(getHeaders()) }
        _ = try simulation.serverRecord(19)
        var sources = [PatternSource](repeating: PatternSource(5_000_000), count: 20)
        for served in simulation.server.records { try served.respond(length: .unknown, ends: false) }
        simulation.tick = 10_000_000
        let start = simulation.network.now
        try simulation.run {
            for (index, served) in simulation.server.records.enumerated() {
                if let half = served.exchange?.response {
                    sources[index].fill(half, simulation.server.resources.buffers)
                }
            }
            return simulation.network.now.milliseconds(since: start) > 2_000
        }
        // The connection's window (1 MiB) and 20 halves of 64 KiB, in slabs half full, and a frame of each stream.
        #expect(simulation.server.peakSlabs <= 200)
        let used = simulation.close()
        #expect(used == 0)
    }
}
