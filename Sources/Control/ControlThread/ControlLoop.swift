package import Bytes
package import Runtime

/// The event loop of the control thread, and what its actor's code needs of it: descriptors to watch, times to wait for.
@ControlActor
package final class ControlLoop {
    /// The loop itself, for what is no code of the actor and runs on its thread all the same.
    let loop: EventLoop
    private let jobs: ControlPoller

    /// Makes the calling thread the control thread, and turns its loop until the process ends.
    ///
    /// - Parameter start: is called once, on the thread, before the first turn.
    package nonisolated static func run(
        _ start: @escaping @ControlActor @Sendable (ControlLoop) -> Void
    ) throws(SystemError) {
        let executor = ControlActor.shared.executor
        executor.adoptThread()
        guard let mailbox = executor.jobs else { throw SystemError("eventfd", 24) }
        let loop = try EventLoop()
        let jobs = ControlPoller { _ in ControlActor.shared.executor.runJobs() }
        try loop.register(jobs, descriptor: mailbox.descriptor, writing: false, levelTriggered: true)
        try turn(loop, jobs, start)
    }

    private nonisolated static func turn(
        _ loop: EventLoop, _ jobs: ControlPoller, _ start: @escaping @ControlActor @Sendable (ControlLoop) -> Void
    ) throws(SystemError) {
        // This is the actor's own thread: what it makes for itself here crosses no border.
        nonisolated(unsafe) let own = (loop: loop, jobs: jobs)
        ControlActor.assumeIsolated { unsafe start(ControlLoop(own.loop, own.jobs)) }
        try loop.run()
    }

    private init(_ loop: EventLoop, _ jobs: ControlPoller) {
        self.loop = loop
        self.jobs = jobs
    }

    /// The time of this turn.
    package var now: Instant { loop.clock.now }
    /// Nanoseconds of the wall clock since 1970, of this turn.
    package var wall: UInt64 { loop.clock.wall }

    /// Calls `poller` when the descriptor turns ready, until ``forget(_:descriptor:)``.
    func watch(
        _ poller: ControlPoller, descriptor: Int32, writing: Bool = true, levelTriggered: Bool = false
    ) throws(SystemError) {
        try loop.register(poller, descriptor: descriptor, writing: writing, levelTriggered: levelTriggered)
    }

    /// Watches no more. The caller closes the descriptor after this.
    func forget(_ poller: ControlPoller, descriptor: Int32) { loop.deregister(poller, descriptor: descriptor) }

    /// A timer that is not armed yet.
    func makeTimer(_ fire: @escaping @ControlActor () -> Void) -> ControlTimer { ControlTimer(loop.timers, fire) }
}

/// Hands a descriptor's events to code of the control thread.
package final class ControlPoller: Pollable {
    private let handle: @ControlActor (PollEvents) -> Void

    init(_ handle: @escaping @ControlActor (PollEvents) -> Void) { self.handle = handle }

    public override func ready(_ events: PollEvents) {
        let handle = handle
        ControlActor.assumeIsolated { handle(events) }
    }
}

/// A timer of the control thread.
final class ControlTimer: TimerTarget {
    private var timer: Timer!
    private let fire: @ControlActor () -> Void

    init(_ wheel: TimerWheel, _ fire: @escaping @ControlActor () -> Void) {
        self.fire = fire
        timer = Timer(on: wheel, target: self)
    }

    /// Fires at `deadline` instead of any time before.
    func arm(at deadline: Instant) { timer.arm(at: deadline) }
    func disarm() { timer.disarm() }

    package func timerFired(_ timer: Timer) {
        let fire = fire
        ControlActor.assumeIsolated { fire() }
    }
}
