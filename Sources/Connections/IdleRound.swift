import Bytes
import CMalloc
import Runtime

/// Goes round a worker's connections for ever and lets those rest that have been idle for a while (``ConnectionArena``):
/// few at a time, since each takes some microseconds. Once many have come and no more do, it gives the pages back that
/// their handshakes have left in the heap.
final class IdleRound: TimerTarget {
    /// Lets the connection at an index rest: true when that took work, nil behind the last.
    var rest: ((Int) -> Bool?)?

    /// Connections that one step looks at, and lets rest.
    private static let lookLimit = 1024
    private static let restLimit = 32
    /// Milliseconds from one step to the next, and from one round to the next.
    private static let stepTime = 50
    private static let roundTime = 1000

    private let loop: EventLoop
    private let timer: Timer
    private var next = 0
    /// Connections that have come since the heap was trimmed, and in this round.
    private var newcomers = 0
    private var newcomersInRound = 0

    /// The heap is trimmed when so many have come, and in the last round fewer than those. It takes milliseconds after
    /// thousands of handshakes, and other workers wait when they want memory meanwhile.
    private static let manyNewcomers = 64
    private static let fewNewcomers = 8

    init(on loop: EventLoop) {
        self.loop = loop
        timer = Timer(on: loop.timers)
        timer.wakes(self)
    }

    /// A connection has come.
    func noteNewcomer() {
        newcomers += 1
        newcomersInRound += 1
        start()
    }

    private func start() {
        if !timer.isArmed { timer.arm(at: loop.clock.now.advanced(milliseconds: Self.roundTime)) }
    }

    func timerFired(_ timer: Timer) {
        guard let rest else { return }
        let end = next + Self.lookLimit
        var rested = 0
        while next < end, rested < Self.restLimit {
            guard let tookWork = rest(next) else {
                return endRound()
            }
            if tookWork { rested += 1 }
            next += 1
        }
        timer.arm(at: loop.clock.now.advanced(milliseconds: Self.stepTime))
    }

    private func endRound() {
        // Without connections there is nothing to go round.
        if next > 0 { start() }
        next = 0
        if newcomers >= Self.manyNewcomers, newcomersInRound < Self.fewNewcomers {
            malloc_trim(0)
            newcomers = 0
        }
        newcomersInRound = 0
    }
}
