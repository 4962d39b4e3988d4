import Bytes
public import Runtime

/// One worker's connections that no server counts any more and that wait to be closed. Nothing finds them to use them:
/// they are in no pool. So a server in maintenance is free of its idle connections after the little time that taking
/// them out needs, and the system calls that close them, ten times as dear, come later, a few at a time.
public final class ClosingQueue: LoopMember, TimerTarget {
    private let loop: EventLoop
    private let timer: Timer
    /// Servers whose idle connections are to come here.
    private var servers: [PoolServer] = []
    private var waiting: [any PooledConnection] = []
    /// The turn that has taken its share of connections from servers.
    private var lastTurn: UInt64?
    /// The turn that has closed last.
    private var closingTurn: UInt64 = 0

    /// Connections that one look at the clock is for, as they are taken from servers.
    private static let step = 16
    /// Nanoseconds that one turn may spend on taking connections from servers.
    private static let releaseSlice: UInt64 = 100_000
    /// Nanoseconds that one turn may spend on closing: what other traffic waits for it at most.
    private static let closeSlice: UInt64 = 200_000
    /// How much longer than a slice the pause behind it is, when nothing else happened since the last one, and when there
    /// is other traffic: closing takes this part of a worker's time. The other end of the connections needs several
    /// times as much, and may be on the same machine.
    private static let pauseFactor: UInt64 = 3
    private static let busyPauseFactor: UInt64 = 15

    public init(loop: EventLoop) {
        self.loop = loop
        timer = Timer(on: loop.timers)
        super.init()
        timer.wakes(self)
    }

    /// Connections that wait to be closed.
    public var count: Int { waiting.count }

    /// Takes the idle connections of `server`, for a short while in each turn, so that other traffic's turns stay short.
    func release(_ server: PoolServer) {
        if !servers.contains(where: { $0 === server }) { servers.append(server) }
        loop.schedule(self)
    }

    /// Takes one that has left its pool.
    func append(_ connection: any PooledConnection) {
        waiting.append(connection)
        if !timer.isArmed { timer.arm(at: loop.clock.now) }
    }

    public override func flush() {
        guard !servers.isEmpty else { return }
        loop.schedule(self)
        // A turn has several rounds of flushes: what is asked for in one of them comes in the next.
        guard lastTurn != loop.turns else { return }
        lastTurn = loop.turns
        let end = SystemClock.now().advanced(nanoseconds: Self.releaseSlice)
        repeat {
            guard let server = servers.last else { return }
            if server.releaseIdle(upTo: Self.step) == 0 { servers.removeLast() }
        } while SystemClock.now() < end
    }

    public func timerFired(_ timer: Timer) {
        let start = SystemClock.now()
        let end = start.advanced(nanoseconds: Self.closeSlice)
        var now = start
        while now < end, let connection = waiting.popLast() {
            connection.closeIdle()
            now = SystemClock.now()
        }
        guard !waiting.isEmpty else {
            waiting = []
            return
        }
        let isQuiet = loop.turns &- closingTurn <= 1
        closingTurn = loop.turns
        let factor = isQuiet ? Self.pauseFactor : Self.busyPauseFactor
        timer.arm(at: now.advanced(nanoseconds: now.nanoseconds(since: start) &* factor))
    }

    /// Closes all at once: the worker ends.
    public func closeAll() {
        timer.disarm()
        while let connection = waiting.popLast() { connection.closeIdle() }
    }
}
