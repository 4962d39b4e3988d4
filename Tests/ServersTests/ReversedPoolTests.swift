import Bytes
import Configuration
import Runtime
import Servers
import Streams
import Synchronization
import Testing

/// The pool of a server that opens its connections to us: what goes to other workers, and what is kept for them.
@Suite("Reversed servers' pools") struct ReversedPoolTests {
    private final class Connection: PooledConnection {
        let key: UInt64
        var streams = 0
        var limit = 10
        var isRetired = false
        var place = PoolPlace.none
        var poolIndex = -1
        var privateTo: AnyObject?
        var uses = 1

        init(key: UInt64 = 0) { self.key = key }

        var load: (free: Int, isBusy: Bool) { (limit - streams, streams > 0) }
        var hasHeadOfLineRisk: Bool { true }
        var isSafeAtOnce: Bool { true }
        func open(_ exchange: Exchange) -> Bool { false }
        func checkAlive() -> Bool { true }
        func retire() { isRetired = true }
        func closeIdle() { isRetired = true }
    }

    private final class Connector: ServerConnector {
        func prepare(_ server: PoolServer) {}
        func connect(for dispatch: Dispatch, to server: PoolServer) throws(DispatchFailure) {}
        func abandon(_ dispatch: Dispatch) {}
        func key(for dispatch: Dispatch, _ server: PoolServer) -> UInt64 { 0 }
    }

    private let watched: WatchedBackend
    private let backend: Backend
    private let pool: PoolServer
    private let loop: EventLoop
    private let closing: ClosingQueue

    init() throws {
        watched = WatchedBackend(["dev"]) { $0.address = .reversed }
        loop = try EventLoop()
        closing = ClosingQueue(loop: loop)
        backend = Backend(
            watched.backend, connector: Connector(), loop: loop, closing: closing, worker: 0, seed: 1)
        pool = try #require(backend.find(watched["dev"]))
    }

    private func counts() -> [Int] {
        let counts = watched["dev"].connections
        return [counts.used.load(ordering: .relaxed), counts.idle.load(ordering: .relaxed)]
    }

    private func idle(_ key: UInt64 = 0) -> Connection {
        let connection = Connection(key: key)
        pool.begin(connection)
        pool.settle(connection)
        return connection
    }

    @Test("Connections are kept, however many and for however long") func keeps() {
        #expect(pool.isReversed)
        let all = (0..<20).map { _ in idle() }
        #expect(all.allSatisfy { $0.place == .safe && !$0.isRetired } && counts() == [0, 20])
        pool.timerFired(Timer(on: loop.timers))
    }

    @Test("One with the key is handed over, and counted all the way") func handsOver() throws {
        let (one, two) = (idle(1), idle(2))
        #expect(pool.handOver(key: 3) == nil)
        let gone = try #require(pool.handOver(key: 2))
        #expect(gone === two && two.place == .none && one.place == .safe)
        #expect(counts() == [1, 1] && pool.idleCount == 1)
        #expect(pool.takeFree(key: 2) == nil)
        // The other worker's pool would do this.
        pool.receive(two)
        pool.settle(two)
        #expect(counts() == [0, 2] && pool.takeFree(key: 2) === two)
    }

    @Test("One that is lost on the way is counted no more") func loses() {
        _ = idle()
        #expect(pool.handOver(key: 0) != nil && counts() == [1, 0])
        watched["dev"].loseConnection()
        #expect(counts() == [0, 0])
    }

    @Test("A busy one is kept for others: it takes nothing new, and tells when it is idle") func reserves() {
        var told = 0
        let connection = idle()
        connection.streams = 2
        pool.settle(connection)
        #expect(pool.takeFree(key: 0) === connection)
        pool.becameIdle = { told += 1 }
        pool.reserve(key: 0)
        pool.reserve(key: 0)
        #expect(pool.takeFree(key: 0) == nil && pool.handOver(key: 0) == nil && connection.place == .busy)
        connection.streams = 1
        pool.settle(connection)
        #expect(told == 0)
        connection.streams = 0
        pool.settle(connection)
        #expect(told == 1 && pool.takeFree(key: 0) == nil, "it is for the others alone")
        #expect(pool.handOver(key: 0) === connection && connection.privateTo == nil)
        // It could not leave yet.
        pool.putBack(connection)
        #expect(pool.takeFree(key: 0) == nil && counts() == [1, 0])
        #expect(pool.handOver(key: 0) === connection)
        pool.putBack(connection)
        pool.endReservations()
        #expect(connection.place == .safe && counts() == [0, 1] && pool.takeFree(key: 0) === connection)
    }

    @Test("One that closes while it is kept is not handed over") func ends() {
        let connection = idle()
        connection.streams = 1
        pool.settle(connection)
        pool.reserve(key: 0)
        connection.streams = 0
        pool.end(connection)
        #expect(pool.handOver(key: 0) == nil && counts() == [0, 0])
        pool.endReservations()
        #expect(counts() == [0, 0] && connection.place == .none)
    }
}
