import Bytes
import Messages
import MuxHTTP3
import QUICTransport
import Streams
import TestSupport
import Testing

@Suite("Ends of streams and connections") struct ClosingTests {
    // MARK: The client gives up

    @Test("A client that resets its request is seen as gone by the server") func clientResets() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request("POST", length: .unknown, ends: false)
        record.exchange?.request.put(text: "half a body", simulation.client.resources.buffers)
        let served = try simulation.serverRecord()
        try simulation.run { served.exchange?.request.count == 11 }
        // The proxy's client is gone: its front end says so.
        record.exchange?.frontAborted(.clientAborted)
        #expect(record.isOver)
        try simulation.run { served.isOver }
        #expect(served.loggedFailure == .clientAborted)
        #expect(served.end.resetReason == .clientAborted)
        try simulation.run { simulation.hasForgottenStreams }
        #expect(simulation.server.mux?.statistics.resetsReceived == 1)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A client that wants no more of a complete request's answer") func clientStops() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request()
        let served = try simulation.serverRecord()
        try served.respond(length: .unknown, ends: false)
        served.exchange?.response.put(text: "first part", simulation.server.resources.buffers)
        try simulation.run { record.exchange?.response.count == 10 }
        record.exchange?.frontAborted(.clientTimeout)
        try simulation.run { served.isOver }
        #expect(served.loggedFailure == .clientAborted)
        try simulation.run { simulation.hasForgottenStreams }
        let used = simulation.close()
        #expect(used == 0)
    }

    // MARK: The server gives up

    @Test("A response that breaks off does not look complete") func serverBreaksOff() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request()
        let served = try simulation.serverRecord()
        try served.respond(length: .known(100), ends: false)
        served.exchange?.response.put(text: "part", simulation.server.resources.buffers)
        try simulation.run { record.exchange?.response.count == 4 }
        served.exchange?.backAborted(.serverAborted)
        try simulation.run { record.exchange?.response.phase == .aborted }
        #expect(record.exchange?.response.failure == .serverAborted)
        #expect(record.exchange?.response.count == 4)
        try simulation.run { served.isOver }
        #expect(served.loggedFailure == .serverAborted)
        record.exchange?.frontAborted(.serverAborted)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A request that is killed before its response has a head fails over") func killed() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request()
        let served = try simulation.serverRecord()
        served.exchange?.kill(.killed)
        #expect(served.isOver)
        try simulation.run { record.failure != nil }
        #expect(record.failure == .serverAborted)
        #expect(!record.isUnsent)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A request without an exchange is rejected, and may be sent again") func rejected() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        simulation.server.refusesExchanges = true
        let record = try simulation.request("POST", length: .unknown, ends: false)
        try simulation.run { record.failure != nil }
        #expect(record.failure == .serverAborted)
        #expect(record.isUnsent)
        #expect(simulation.server.mux?.statistics.streamsRefused == 1)
        // The connection goes on.
        simulation.server.refusesExchanges = false
        let next = try simulation.request()
        let served = try simulation.serverRecord()
        try served.respond(204)
        try simulation.run { next.isAnswered }
        next.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("An early response stops the request without an error") func earlyResponse() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request("POST", length: .unknown, ends: false)
        var source = PatternSource(2_000_000)
        let served = try simulation.serverRecord()
        try simulation.run {
            if let half = record.exchange?.request { source.fill(half, simulation.client.resources.buffers) }
            return (served.exchange?.request.count ?? 0) > 50_000
        }
        try served.respond(413, body: "too much")
        try simulation.run { record.isAnswered && served.isOver }
        #expect(served.loggedFailure == nil)
        #expect(served.end.resetReason == .notNeeded)
        let text = record.exchange?.response.takeText()
        #expect(text == "too much")
        // The server asked to stop; our end has left without a failure.
        try simulation.run { record.exchange?.back == nil }
        #expect(record.failure == nil)
        #expect(source.put < 2_000_000)
        record.exchange?.frontFinished()
        try simulation.run { simulation.hasForgottenStreams }
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Many broken uploads leave the connection's window whole") func creditComesBack() async throws {
        var quic = QUICSettings()
        quic.connectionWindow = 64 << 10
        quic.maxConnectionWindow = 0
        let simulation = try await Simulation(quic: quic)
        try simulation.connect()
        for number in 0..<40 {
            let record = try simulation.request("POST", length: .unknown, ends: false)
            var source = PatternSource(30_000)
            if let half = record.exchange?.request { source.fill(half, simulation.client.resources.buffers) }
            let served = try simulation.serverRecord(number)
            switch number % 4 {
            case 0: record.exchange?.frontAborted(.clientAborted)
            case 1: served.exchange?.kill(.killed)
            case 2:
                try simulation.run { (served.exchange?.request.count ?? 0) == 30_000 }
                record.exchange?.frontAborted(.clientAborted)
            default:
                try simulation.run { (served.exchange?.request.count ?? 0) > 10_000 }
                try served.respond(200)
                try simulation.run { record.isAnswered }
                record.exchange?.frontFinished()
            }
            try simulation.run { served.isOver }
        }
        try simulation.run { simulation.hasForgottenStreams }
        let record = try simulation.request("POST", length: .unknown, ends: false)
        var source = PatternSource(500_000)
        let served = try simulation.serverRecord(40)
        var taken = 0
        try simulation.run {
            if let half = record.exchange?.request { source.fill(half, simulation.client.resources.buffers) }
            guard let half = served.exchange?.request else { return false }
            taken += try #require(half.takePattern(from: taken))
            return half.phase == .ended
        }
        #expect(taken == 500_000)
        let used = simulation.close()
        #expect(used == 0)
    }

    // MARK: The connection ends

    @Test("The end of a connection ends its exchanges on both sides") func connectionGoes() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let records = try (0..<5).map { _ in try simulation.request() }
        _ = try simulation.serverRecord(4)
        try simulation.server.records[0].respond(length: .unknown, ends: false)
        try simulation.run { records[0].exchange?.response.head != nil }
        simulation.server.mux?.transportFailed(.stopping)
        #expect(simulation.server.records.allSatisfy { $0.loggedFailure == .killed })
        try simulation.run { records[1].failure != nil }
        for record in records[1...] {
            #expect(record.failure == .serverAborted)
            #expect(!record.isUnsent)
        }
        #expect(records[0].failure == nil)
        #expect(records[0].exchange?.response.phase == .aborted)
        #expect(simulation.client.mux?.availableStreams == 0)
        records[0].exchange?.frontAborted(.serverAborted)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A request that never left is unsent when the connection goes") func unsentRequest() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request()
        // No flush has happened yet.
        simulation.client.mux?.transportFailed(.failed)
        #expect(record.failure == .serverAborted)
        #expect(record.isUnsent)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Requests in early data that the server refused are unsent") func earlyDataRefused() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let records = try (0..<3).map { _ in try simulation.request() }
        _ = try simulation.serverRecord(2)
        simulation.client.mux?.earlyDataRejected()
        #expect(records.allSatisfy { $0.failure == .serverAborted && $0.isUnsent })
        #expect(simulation.client.mux?.availableStreams == 0)
        try simulation.run { simulation.server.connection?.closeReason != nil }
        #expect(simulation.server.connection?.closeReason?.code == HTTP3ErrorCode.noError.rawValue)
        #expect(simulation.server.records.allSatisfy { $0.loggedFailure == .clientAborted })
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A silent peer is a timeout on both sides") func silence() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let record = try simulation.request()
        let served = try simulation.serverRecord()
        simulation.network.link.loss = 100
        try served.respond(length: .unknown, ends: false)
        try simulation.run(seconds: 200) { served.isOver && record.failure != nil }
        #expect(served.loggedFailure == .clientTimeout)
        #expect(record.failure == .serverTimeout)
        let used = simulation.close()
        #expect(used == 0)
    }

    // MARK: Draining

    @Test("Drain: open requests finish, later ones go elsewhere, the end is without error") func drain() async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let records = try (0..<3).map { _ in try simulation.request() }
        _ = try simulation.serverRecord(2)
        simulation.server.mux?.drain()
        #expect(simulation.server.mux?.isEnding == true)
        // On its way when the notice comes: still served.
        let late = try simulation.request()
        try simulation.run { simulation.server.records.count == 4 }
        try simulation.run { simulation.client.mux?.availableStreams == 0 }
        let refused = try simulation.request()
        #expect(refused.isOver)
        for served in simulation.server.records { try served.respond(body: "done") }
        try simulation.run { (records + [late]).allSatisfy(\.isAnswered) }
        #expect(simulation.server.records.allSatisfy { $0.loggedFailure == nil })
        for record in records + [late] { record.exchange?.frontFinished() }
        try simulation.run { simulation.client.connection?.closeReason != nil }
        let reason = simulation.client.connection?.closeReason
        #expect(reason?.code == HTTP3ErrorCode.noError.rawValue)
        #expect(reason?.reason == .application)
        #expect(reason?.initiator == .peer)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Drain of an idle connection closes it; also from the client's side", arguments: [true, false])
    func drainIdle(_ onServer: Bool) async throws {
        let simulation = try await Simulation()
        try simulation.connect()
        let host = onServer ? simulation.server : simulation.client
        #expect(host.mux?.activity == .fresh || !onServer)
        host.mux?.idleTimeout()
        try simulation.run(seconds: 5) {
            simulation.client.connection?.closeReason != nil && simulation.server.connection?.closeReason != nil
        }
        #expect(simulation.client.connection?.closeReason?.code == HTTP3ErrorCode.noError.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Drain during the handshake takes effect after it") func drainEarly() async throws {
        let simulation = try await Simulation()
        try simulation.client.connect(to: simulation.server.address)
        simulation.client.flush()
        try simulation.run { simulation.server.mux != nil }
        simulation.server.mux?.drain()
        try simulation.run(seconds: 5) { simulation.client.connection?.closeReason != nil }
        #expect(simulation.client.connection?.closeReason?.code == HTTP3ErrorCode.noError.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("After so many requests the connection drains itself") func maxTotal() async throws {
        var settings = HTTP3Settings()
        settings.maxTotalStreams = 3
        let simulation = try await Simulation(server: settings)
        try simulation.connect()
        for number in 0..<3 {
            let record = try simulation.request()
            let served = try simulation.serverRecord(number)
            try served.respond(204)
            try simulation.run { record.isAnswered }
            record.exchange?.frontFinished()
        }
        try simulation.run(seconds: 5) { simulation.client.connection?.closeReason != nil }
        #expect(simulation.client.connection?.closeReason?.code == HTTP3ErrorCode.noError.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Requests that the last GOAWAY does not cover are unsent") func goaway() async throws {
        let simulation = try await Simulation()
        simulation.server.raw = RawPeer()
        let peer = try #require(simulation.server.raw)
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.client.mux.map { $0.availableStreams > 0 } == true && peer.isReady }
        let control = try peer.unidirectional(controlPreface)
        let records = try (0..<3).map { _ in try simulation.request() }
        try simulation.run { peer.incoming[8] != nil }
        peer.send(frame(FrameType.goaway, varint(4)), on: control)
        try simulation.run { records[1].failure != nil }
        #expect(records[0].failure == nil)
        #expect(records[1].isUnsent && records[2].isUnsent)
        #expect(records[1].failure == .serverAborted)
        #expect(simulation.client.mux?.availableStreams == 0)
        peer.send(headers([(":status", "204")]), on: 0, fin: true)
        try simulation.run { records[0].isAnswered }
        #expect(records[0].exchange?.response.head?.status == 204)
        records[0].exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test(
        "What a server's reset says about the request",
        arguments: [
            (HTTP3ErrorCode.requestRejected, true), (.internalError, false), (.requestCancelled, false),
            (.noError, false),
        ])
    func serverResets(_ code: HTTP3ErrorCode, _ isUnsent: Bool) async throws {
        let simulation = try await Simulation()
        simulation.server.raw = RawPeer()
        let peer = try #require(simulation.server.raw)
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.client.mux.map { $0.availableStreams > 0 } == true && peer.isReady }
        try peer.unidirectional(controlPreface)
        let record = try simulation.request()
        try simulation.run { peer.incoming[0] != nil }
        try simulation.server.connection?.shutdownStream(0, applicationError: code.rawValue)
        try simulation.run { record.failure != nil }
        #expect(record.failure == .serverAborted)
        #expect(record.isUnsent == isUnsent)
        try simulation.run { simulation.hasForgottenStreams }
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("STOP_SENDING with H3_NO_ERROR leaves the response alone") func stopSendingNoError() async throws {
        let simulation = try await Simulation()
        simulation.server.raw = RawPeer()
        let peer = try #require(simulation.server.raw)
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.client.mux.map { $0.availableStreams > 0 } == true && peer.isReady }
        try peer.unidirectional(controlPreface)
        let record = try simulation.request("POST", length: .unknown, ends: false)
        var source = PatternSource(1_000_000)
        try simulation.run {
            if let half = record.exchange?.request { source.fill(half, simulation.client.resources.buffers) }
            return (peer.incoming[0]?.bytes.count ?? 0) > 20_000
        }
        try simulation.server.connection?.shutdownStreamRead(0, applicationError: HTTP3ErrorCode.noError.rawValue)
        try simulation.run {
            if let half = record.exchange?.request { source.fill(half, simulation.client.resources.buffers) }
            return simulation.client.mux?.statistics.stopsReceived == 1
        }
        peer.send(headers([(":status", "200")]) + data("early"), on: 0, fin: true)
        try simulation.run { record.isAnswered }
        #expect(record.failure == nil)
        let text = record.exchange?.response.takeText()
        #expect(text == "early")
        #expect(record.exchange?.back == nil)
        record.exchange?.frontFinished()
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("Timers see what the connection is doing; a late head gets 408") func lateHead() async throws {
        let simulation = try await Simulation()
        simulation.client.raw = RawPeer()
        let peer = try #require(simulation.client.raw)
        try simulation.client.connect(to: simulation.server.address)
        try simulation.run { simulation.server.mux != nil && peer.isReady }
        #expect(simulation.server.mux?.activity == .fresh)
        try peer.unidirectional(controlPreface)
        let whole = getHeaders()
        let id = try peer.request(Array(whole[..<20]), fin: false)
        try simulation.run { simulation.server.mux?.activity == .receivingHead }
        simulation.server.mux?.idleTimeout()
        try simulation.run { peer.incoming[id]?.isComplete == true }
        #expect(simulation.server.records.count == 1)
        #expect(simulation.server.records[0].rejectedStatus == 408)
        #expect(simulation.server.records[0].loggedFailure == .clientTimeout)
        let first = peer.frames(on: id).first
        #expect(first?.type == FrameType.headers)
        try simulation.run(seconds: 5) { peer.close != nil }
        #expect(peer.close?.code == HTTP3ErrorCode.noError.rawValue)
        let used = simulation.close()
        #expect(used == 0)
    }

    @Test("A mux that goes after everything else of its connection ends its exchanges") func muxLast() async throws {
        var simulation: Simulation? = try await Simulation()
        weak let host = simulation?.server
        try simulation?.connect()
        let pool = try #require(simulation?.client.resources.buffers)
        let record = try #require(try simulation?.request("POST", length: .unknown, ends: false))
        record.exchange?.request.putPattern(40_000, from: 0, pool)
        let served = try #require(try simulation?.serverRecord())
        try simulation?.run { served.exchange.map { $0.request.count >= 20_000 } == true }
        // Credit for these is due when the exchange ends.
        #expect(served.exchange?.request.takePattern(from: 0, upTo: 20_000) == 20_000)
        record.exchange?.frontAborted(.clientAborted)
        simulation = nil
        #expect(host == nil)
        #expect(served.isOver)
        #expect(served.loggedFailure == .internalError)
    }
}
