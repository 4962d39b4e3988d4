import Bytes
import Runtime
import Testing

/// Notes which timers fired and when.
private final class Recorder: TimerTarget {
    var fired: [(timer: ObjectIdentifier, at: Instant)] = []
    var now = Instant.zero
    func timerFired(_ timer: Runtime.Timer) { fired.append((ObjectIdentifier(timer), now)) }
}

@Suite("Timers") struct TimerTests {
    @Test(
        "Against a plain list: each timer fires once, not early, at most a tick late",
        arguments: [1, 2, 3, 4] as [UInt64])
    func againstAList(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let wheel = TimerWheel(now: .zero)
        let recorder = Recorder()
        var timers: [Runtime.Timer] = []
        var deadlines: [ObjectIdentifier: Instant] = [:]
        for _ in 0..<300 {
            let timer = Timer(on: wheel, target: recorder)
            timers.append(timer)
        }
        var now = Instant(nanoseconds: 0)
        for round in 0..<3000 {
            let timer = timers[Int(random.next() % 300)]
            switch random.next() % 8 {
            case 0:
                timer.disarm()
                deadlines[ObjectIdentifier(timer)] = nil
            case 1:
                timer.suspend()
                #expect(!timer.isArmed)
                deadlines[ObjectIdentifier(timer)] = nil
            default:
                let span = 1 + random.next() % (1 << (10 + random.next() % 30))
                let deadline = now.advanced(nanoseconds: span)
                timer.arm(at: deadline)
                deadlines[ObjectIdentifier(timer)] = deadline
            }
            if let next = wheel.nextDeadline, let first = deadlines.values.min() {
                #expect(next.nanoseconds <= first.nanoseconds + 262_144, "seed \(seed), round \(round)")
            }
            now = now.advanced(nanoseconds: random.next() % 50_000_000)
            recorder.now = now
            recorder.fired = []
            wheel.advance(to: now)
            for (timer, at) in recorder.fired {
                let deadline = deadlines.removeValue(forKey: timer)
                #expect(deadline != nil && deadline! <= at, "seed \(seed), round \(round)")
            }
            for (_, deadline) in deadlines {
                #expect(deadline.nanoseconds + 262_144 > now.nanoseconds, "seed \(seed), round \(round)")
            }
        }
    }

    @Test("A timer keeps its wheel: it may go away after all else that had it") func last() {
        let recorder = Recorder()
        var wheel: TimerWheel? = TimerWheel(now: .zero)
        weak let watched = wheel
        var timer = wheel.map { Timer(on: $0, target: recorder) }
        timer?.arm(at: Instant(nanoseconds: 1_000_000_000))
        wheel = nil
        #expect(watched != nil)
        timer = nil
        #expect(watched == nil)
    }

    @Test("A timer that goes away does not fire") func gone() {
        let wheel = TimerWheel(now: .zero)
        let recorder = Recorder()
        do {
            let timer = Timer(on: wheel, target: recorder)
            timer.arm(at: Instant(nanoseconds: 1_000_000))
        }
        wheel.advance(to: Instant(nanoseconds: 10_000_000))
        #expect(recorder.fired.isEmpty)
        #expect(wheel.nextDeadline == nil)
    }
}

/// A small seeded generator.
struct SplitMix {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
