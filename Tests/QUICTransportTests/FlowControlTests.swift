import Bytes
import QUICTransport
import TestSupport
import Testing

@Suite("QUIC flow control and streams")
struct FlowControlTests {
    func connected(_ simulation: Simulation) throws -> (client: TestApplication, server: TestApplication) {
        let client = try simulation.connect()
        #expect(simulation.run { client.isComplete && simulation.server.application?.isComplete == true })
        return (client, try #require(simulation.server.application))
    }

    var small: QUICSettings {
        var settings = QUICSettings()
        settings.connectionWindow = 200_000
        settings.remoteBidirectionalWindow = 64_000
        settings.localBidirectionalWindow = 64_000
        settings.maxConnectionWindow = 0
        settings.maxStreamWindow = 0
        return settings
    }

    @Test("A reader that does not drain stops the writer at the stream's window, and lets it go on")
    func streamWindow() throws {
        let simulation = Simulation(seed: 1, settings: small)
        let (client, server) = try connected(simulation)
        server.credits = false
        let id = try client.connection.openBidirectionalStream()
        client.send([UInt8](repeating: 5, count: 300_000), on: id)
        simulation.run(seconds: 5)
        #expect(server.incoming[id]?.bytes.count == 64_000)
        #expect(client.outgoing[id]?.isBlocked == true)
        #expect(client.connection.streamCreditLeft(id) == 0)
        server.releaseCredit()
        simulation.run(seconds: 5)
        #expect(server.incoming[id]?.bytes.count == 128_000)
        server.credits = true
        server.releaseCredit()
        #expect(simulation.run(seconds: 5) { server.incoming[id]?.isComplete == true })
        #expect(server.incoming[id]?.bytes.count == 300_000)
    }

    @Test("Credit of streams alone does not open the connection's window")
    func connectionWindow() throws {
        let simulation = Simulation(seed: 2, settings: small)
        let (client, server) = try connected(simulation)
        server.credits = false
        for _ in 0..<4 {
            client.send([UInt8](repeating: 6, count: 64_000), on: try client.connection.openBidirectionalStream())
        }
        simulation.run(seconds: 5)
        var total: Int { server.incoming.values.reduce(0) { $0 + $1.bytes.count } }
        #expect(total == 200_000)
        for (id, count) in server.withheld { server.connection.extendStreamCredit(id, count) }
        simulation.run(seconds: 5)
        #expect(total == 200_000)
        #expect(client.connection.connectionCreditLeft == 0)
        server.connection.extendConnectionCredit(200_000)
        simulation.run(seconds: 5)
        #expect(total == 256_000)
    }

    @Test("Windows grow with the path, up to their limits")
    func windowTuning() throws {
        var settings = QUICSettings()
        settings.connectionWindow = 64_000
        settings.remoteBidirectionalWindow = 32_000
        settings.localBidirectionalWindow = 32_000
        settings.maxConnectionWindow = 1 << 20
        settings.maxStreamWindow = 1 << 20
        let link = Link(delay: 50_000_000)
        func seconds(_ settings: QUICSettings) throws -> Int {
            let simulation = Simulation(seed: 3, link: link, settings: settings)
            let transfer = try Transfer(simulation, size: 1_000_000)
            let start = simulation.network.now
            #expect(transfer.run())
            return simulation.network.now.milliseconds(since: start)
        }
        let tuned = try seconds(settings)
        settings.maxConnectionWindow = 0
        settings.maxStreamWindow = 0
        let fixed = try seconds(settings)
        #expect(tuned * 2 < fixed, "tuned \(tuned) ms, fixed \(fixed) ms")
    }

    @Test("RESET_STREAM carries its code, and the size so far")
    func reset() throws {
        let simulation = Simulation(seed: 4)
        let (client, server) = try connected(simulation)
        let id = try client.connection.openBidirectionalStream()
        client.send([UInt8](repeating: 1, count: 5000), on: id, fin: false)
        simulation.run(seconds: 1)
        try client.connection.shutdownStreamWrite(id, applicationError: 0x10c)
        simulation.run(seconds: 1)
        #expect(server.incoming[id]?.resetCode == 0x10c)
        #expect(server.incoming[id]?.resetSize == 5000)
        #expect(server.incoming[id]?.isComplete == false)
        // The server's own direction still stands.
        #expect(server.closed[id] == nil)
        server.send(Array("bye".utf8), on: id)
        simulation.run(seconds: 1)
        #expect(client.incoming[id]?.bytes == Array("bye".utf8))
        #expect(server.closed[id] == .some(.some(0x10c)))
        #expect(client.closed[id] == .some(.some(0x10c)))
    }

    @Test("STOP_SENDING ends what the other side sends, with its code")
    func stopSending() throws {
        var settings = small
        settings.localBidirectionalWindow = 16_000
        let simulation = Simulation(seed: 5, settings: settings)
        let (client, server) = try connected(simulation)
        client.credits = false
        let id = try client.connection.openBidirectionalStream()
        client.send(Array("get".utf8), on: id)
        simulation.run(seconds: 1)
        server.send([UInt8](repeating: 2, count: 100_000), on: id)
        simulation.run(seconds: 1)
        #expect(client.incoming[id]?.bytes.count == 16_000)
        try client.connection.shutdownStreamRead(id, applicationError: 0x10b)
        simulation.run(seconds: 1)
        #expect(server.closed[id] == .some(.some(0x10b)))
        #expect(client.closed[id] == .some(.some(0x10b)))
    }

    @Test("A writer learns at its next attempt that its stream was stopped")
    func stopSendingWhileUploading() throws {
        let simulation = Simulation(seed: 6)
        let (client, server) = try connected(simulation)
        let id = try client.connection.openBidirectionalStream()
        client.send(Array("upload".utf8), on: id, fin: false)
        simulation.run(seconds: 1)
        try client.connection.shutdownStreamRead(id, applicationError: 0x10b)
        simulation.run(seconds: 1)
        server.send([UInt8](repeating: 2, count: 100), on: id)
        simulation.run(seconds: 1)
        #expect(server.shutWrites == [id])
    }

    @Test("The peer's stream limit holds, and rises as streams close")
    func streamLimit() throws {
        var settings = QUICSettings()
        settings.bidirectionalStreams = 2
        let simulation = Simulation(seed: 7, settings: settings)
        let (client, server) = try connected(simulation)
        server.echoes = true
        #expect(client.connection.bidirectionalStreamsLeft == 2)
        let first = try client.connection.openBidirectionalStream()
        _ = try client.connection.openBidirectionalStream()
        #expect(throws: QUICError(.streamLimit, place: "open bidirectional stream", cause: -208)) {
            try client.connection.openBidirectionalStream()
        }
        client.send(Array("one".utf8), on: first)
        #expect(simulation.run(seconds: 5) { client.bidirectionalLimit == 3 })
        #expect(client.connection.bidirectionalStreamsLeft == 1)
    }

    @Test("A server that lets its connection run dry raises no limit")
    func noRenewal() throws {
        var settings = QUICSettings()
        settings.bidirectionalStreams = 1
        let simulation = Simulation(seed: 8, settings: settings)
        let (client, server) = try connected(simulation)
        server.echoes = true
        server.connection.renewsStreamLimits = false
        let id = try client.connection.openBidirectionalStream()
        client.send(Array("last".utf8), on: id)
        simulation.run(seconds: 5)
        #expect(client.closed[id] == .some(nil))
        #expect(client.connection.bidirectionalStreamsLeft == 0)
    }

    @Test("A hundred streams at once, each whole")
    func manyStreams() throws {
        let simulation = Simulation(seed: 9, link: Link(loss: 3))
        let (client, server) = try connected(simulation)
        server.echoes = true
        for index in 0..<100 {
            let id = try client.connection.openBidirectionalStream()
            client.send([UInt8](repeating: UInt8(index), count: 2000 + index), on: id)
        }
        #expect(simulation.run { client.closed.count == 100 })
        for index in 0..<100 {
            let stream = try #require(client.incoming[Int64(index * 4)])
            #expect(stream.isComplete && stream.bytes == [UInt8](repeating: UInt8(index), count: 2000 + index))
        }
    }

    @Test("Everything sent is acknowledged before the stream closes")
    func acknowledged() throws {
        let simulation = Simulation(seed: 10, link: Link(loss: 5))
        let (client, _) = try connected(simulation)
        let id = try client.connection.openUnidirectionalStream()
        client.send([UInt8](repeating: 9, count: 50_000), on: id)
        let outgoing = try #require(client.outgoing[id])
        #expect(simulation.run { client.closed[id] != nil })
        #expect(outgoing.acknowledged == 50_000)
    }

    @Test("DATAGRAM frames arrive whole; too large ones, and too many, are refused")
    func datagrams() throws {
        var settings = QUICSettings()
        settings.maxDatagramFrameSize = 1000
        settings.maxQueuedDatagrams = 3
        let simulation = Simulation(seed: 11, settings: settings)
        let (client, server) = try connected(simulation)
        #expect(throws: QUICError(.datagramRefused, place: "send datagram")) {
            try client.sendDatagram([UInt8](repeating: 0, count: 1000))
        }
        for index in 1...3 { try client.sendDatagram([UInt8](repeating: UInt8(index), count: 300 * index)) }
        #expect(throws: QUICError(.datagramRefused, place: "send datagram")) { try client.sendDatagram([1]) }
        simulation.run(seconds: 1)
        #expect(server.datagrams.map(\.count) == [300, 600, 900])
        try client.sendDatagram([4])
        simulation.run(seconds: 1)
        #expect(server.datagrams.last == [4])
    }

    @Test("A peer that takes no DATAGRAM frames gets none")
    func noDatagrams() throws {
        let simulation = Simulation(seed: 12)
        let (client, _) = try connected(simulation)
        #expect(client.connection.maxDatagramPayload == 0)
        #expect(throws: QUICError.self) {
            try client.sendDatagram([UInt8](repeating: 0, count: 10))
        }
    }
}
