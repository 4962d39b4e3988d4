import Bytes
import QUICTransport
import TestSupport
import Testing

@Suite("QUIC connections that are idle")
struct RestTests {
    @Test("The state of an idle connection takes little, and the connection goes on from there")
    func rests() throws {
        let simulation = Simulation(seed: 1)
        let transfer = try Transfer(simulation, size: 20_000)
        #expect(transfer.run())
        simulation.run(seconds: 3)
        let server = try #require(simulation.server.application)
        _ = server.connection.rest(now: simulation.network.now)
        let size = server.connection.restingSize
        #expect(size > 1000)
        #expect(size < 24_000)
        // Statistics are the library's: to ask for them ends the rest.
        #expect(server.connection.statistics.smoothedRTT > 0)
        #expect(server.connection.restingSize == 0)
        #expect(server.connection.rest(now: simulation.network.now))
        #expect(server.connection.restingSize > 1000)
        let stream = try transfer.client.connection.openBidirectionalStream()
        transfer.client.send(Array("again".utf8), on: stream)
        #expect(simulation.run { server.incoming[stream]?.isComplete == true })
        #expect(server.incoming[stream]?.bytes == Array("again".utf8))
    }

    @Test("A connection in use does not rest, nor does a client's own")
    func doesNotRest() throws {
        let simulation = Simulation(seed: 2)
        let transfer = try Transfer(simulation, size: 20_000)
        #expect(transfer.run())
        let server = try #require(simulation.server.application).connection
        _ = server.statistics
        #expect(!server.rest(now: simulation.network.now))
        #expect(server.restingSize == 0)
        let later = simulation.network.now.advanced(nanoseconds: 2_000_000_000)
        #expect(!transfer.client.connection.rest(now: later))
    }

    @Test("A connection that rests ends by its idle timeout")
    func timesOut() throws {
        var settings = QUICSettings()
        settings.idleTimeout = 5_000_000_000
        let simulation = Simulation(seed: 3, settings: settings)
        let transfer = try Transfer(simulation, size: 1000)
        #expect(transfer.run())
        simulation.run(seconds: 2)
        let server = try #require(simulation.server.application).connection
        _ = server.rest(now: simulation.network.now)
        #expect(server.restingSize > 0)
        #expect(simulation.run(seconds: 20) { server.phase == .closed })
        #expect(server.closeReason?.reason == .idleTimeout)
        #expect(server.restingSize == 0)
    }
}
