import Bytes
import Configuration
import Runtime
import Servers
import Streams
import Synchronization
import Testing

/// Something that happens in every turn.
private final class Traffic: LoopMember {
    var isOver = false
    private let loop: EventLoop

    init(_ loop: EventLoop) { self.loop = loop }

    override func flush() { if !isOver { loop.schedule(self) } }
}

/// What a server gives up is counted out at once and found by nobody, and is closed a little at a time after that.
@Suite("Closing queue") struct ClosingQueueTests {
    /// An idle connection that needs some time to be closed.
    private final class Connection: PooledConnection {
        var closedInTurn: UInt64?
        let closingTime: UInt64
        var place = PoolPlace.none
        var poolIndex = -1
        var privateTo: AnyObject?
        var uses: Int
        private let loop: EventLoop

        init(_ loop: EventLoop, uses: Int = 1, closingTime: UInt64 = 0) {
            self.loop = loop
            self.uses = uses
            self.closingTime = closingTime
        }

        var load: (free: Int, isBusy: Bool) { (closedInTurn == nil ? 1 : 0, false) }
        var hasHeadOfLineRisk: Bool { false }
        var isSafeAtOnce: Bool { false }
        var key: UInt64 { 0 }
        func open(_ exchange: Exchange) -> Bool { false }
        func checkAlive() -> Bool { closedInTurn == nil }
        func retire() { Issue.record("an idle connection is closed, not retired") }
        func closeIdle() {
            #expect(closedInTurn == nil, "closed once")
            closedInTurn = loop.turns
            let end = SystemClock.now().advanced(nanoseconds: closingTime)
            while SystemClock.now() < end {}
        }
    }

    private final class Connector: ServerConnector {
        func prepare(_ server: PoolServer) {}
        func connect(for dispatch: Dispatch, to server: PoolServer) throws(DispatchFailure) {}
        func abandon(_ dispatch: Dispatch) {}
        func key(for dispatch: Dispatch, _ server: PoolServer) -> UInt64 { 0 }
    }

    private final class Session {}

    private let watched: WatchedBackend
    private let backend: Backend
    private let pool: PoolServer
    private let loop: EventLoop
    private let closing: ClosingQueue

    init() throws {
        watched = WatchedBackend(["s"]) { $0.poolLowConnections = 100_000 }
        loop = try EventLoop()
        closing = ClosingQueue(loop: loop)
        backend = Backend(
            watched.backend, connector: Connector(), loop: loop, closing: closing, worker: 0, seed: 1)
        pool = try #require(backend.find(watched["s"]))
    }

    private func idle(uses: Int = 1, closingTime: UInt64 = 0, of session: Session? = nil) -> Connection {
        let connection = Connection(loop, uses: uses, closingTime: closingTime)
        pool.begin(connection)
        connection.privateTo = session
        pool.settle(connection)
        return connection
    }

    /// Used, idle, safe, sessions' own.
    private func counts() -> [Int] {
        let counts = watched["s"].connections
        return [
            counts.used.load(ordering: .relaxed), counts.idle.load(ordering: .relaxed),
            counts.safe.load(ordering: .relaxed), counts.sessionIdle.load(ordering: .relaxed),
        ]
    }

    /// Turns until `condition` holds.
    private func turn(_ what: Comment, until condition: () -> Bool) throws {
        let end = SystemClock.now().advanced(milliseconds: 20_000)
        while !condition() {
            try #require(SystemClock.now() < end, what)
            try loop.turn(waitingAtMost: SystemClock.now().advanced(milliseconds: 100))
        }
    }

    @Test("A purge counts every idle connection out before it closes most of them; who waits is told then")
    func purge() throws {
        let all = (0..<2000).map { idle(uses: $0 % 2 + 1, closingTime: 20_000) }
        #expect(counts() == [0, 2000, 1000, 0])
        watched["s"].enterMaintenance()
        pool.purge()
        let told = Atomic<Int>(-1)
        // The closing takes 40 ms of the loop's time alone.
        watched["s"].whenUnused { told.store(0, ordering: .relaxed) }
        try turn("the last one is counted out") { told.load(ordering: .relaxed) == 0 }
        #expect(counts() == [0, 0, 0, 0])
        #expect(pool.takeFree(key: 0) == nil && all.allSatisfy { $0.place == .none && $0.poolIndex == -1 })
        #expect(closing.count > 1000)
        try turn("the last one is closed") { closing.count == 0 }
        #expect(all.allSatisfy { $0.closedInTurn != nil })
        // A slice of 200 µs is over with the tenth of 20 µs each.
        let busiest = Dictionary(grouping: all, by: { $0.closedInTurn ?? 0 }).values.map(\.count).max() ?? 0
        #expect(busiest <= 11)
    }

    @Test("Beside other traffic closing takes a smaller share of the time") func besideTraffic() throws {
        let all = (0..<500).map { _ in idle(closingTime: 20_000) }
        pool.releaseAll()
        let traffic = Traffic(loop)
        let start = SystemClock.now()
        traffic.flush()
        try turn("the last one is closed") { closing.count == 0 }
        traffic.isOver = true
        #expect(all.allSatisfy { $0.closedInTurn != nil })
        // 10 ms of closing in slices of 200 µs, and fifteen times as long between them.
        #expect(SystemClock.now().milliseconds(since: start) >= 120)
    }

    @Test("Sessions' own idle connections go as well; one that is used stays") func sessions() throws {
        let session = Session()
        let used = Connection(loop)
        pool.begin(used)
        let one = idle()
        #expect(counts() == [1, 1, 0, 0])
        pool.purge()
        try turn("the others are closed") { one.closedInTurn != nil }
        #expect(counts() == [1, 0, 0, 0] && used.closedInTurn == nil && used.place == .busy)
        pool.end(used)
        pool.forget(session)
        #expect(counts() == [0, 0, 0, 0])
    }

    @Test("A connection that ends by itself while it waits is counted once") func endsFirst() throws {
        let connection = idle()
        pool.releaseAll()
        #expect(counts() == [0, 0, 0, 0] && closing.count == 1)
        pool.end(connection)
        pool.settle(connection)
        #expect(counts() == [0, 0, 0, 0] && connection.place == .none)
    }

    @Test("The end of a worker closes what waits, at once") func ending() {
        let all = (0..<50).map { _ in idle() }
        pool.releaseAll()
        #expect(all.allSatisfy { $0.closedInTurn == nil })
        closing.closeAll()
        #expect(all.allSatisfy { $0.closedInTurn != nil } && closing.count == 0)
    }

    @Test("Who waits for a server is told when its last idle connection goes because nobody has needed it")
    func lastSurplus() {
        _ = idle()
        watched["s"].enterMaintenance()
        let told = Atomic<Int>(-1)
        watched["s"].whenUnused { told.store(0, ordering: .relaxed) }
        // What is expected to be needed fades in two rounds.
        for _ in 0..<3 { pool.timerFired(Timer(on: loop.timers)) }
        #expect(counts() == [0, 0, 0, 0])
        #expect(told.load(ordering: .relaxed) == 0)
    }

    @Test("Of connections that nobody has needed the oldest go first") func surplus() throws {
        let all = (0..<8).map { _ in idle() }
        for _ in 0..<2 { pool.timerFired(Timer(on: loop.timers)) }
        try turn("some are closed") { closing.count == 0 }
        let closed = all.map { $0.closedInTurn != nil }
        #expect(closed.contains(true) && closed.contains(false))
        #expect(closed == closed.sorted { $0 && !$1 }, "\(closed)")
    }
}
