import Bytes
import Runtime

/// Goes round a worker's connections for ever and lets those rest that have been idle for a while (``ConnectionArena``):
/// few at a time, since each takes some microseconds.
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

    init(on loop: EventLoop) {
        self.loop = loop
        timer = Timer(on: loop.timers)
        timer.wakes(self)
    }

    /// There is a connection: starts when it does not go round yet.
    func start() {
        if !timer.isArmed { timer.arm(at: loop.clock.now.advanced(milliseconds: Self.roundTime)) }
    }

    func timerFired(_ timer: Timer) {
        guard let rest else { return }
        let end = next + Self.lookLimit
        var rested = 0
        while next < end, rested < Self.restLimit {
            guard let tookWork = rest(next) else {
                let wasFirst = next == 0
                next = 0
                // Without connections there is nothing to go round.
                if !wasFirst { start() }
                return
            }
            if tookWork { rested += 1 }
            next += 1
        }
        timer.arm(at: loop.clock.now.advanced(milliseconds: Self.stepTime))
    }
}
