public import Bytes
import CLinux
import Glibc

/// What a descriptor is ready for.
public struct PollEvents: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let readable = PollEvents(rawValue: 0x001)
    public static let writable = PollEvents(rawValue: 0x004)
    /// An error waits on the descriptor.
    public static let failed = PollEvents(rawValue: 0x008)
    /// Both directions are shut.
    public static let hungUp = PollEvents(rawValue: 0x010)
    /// The peer has shut its sending direction.
    public static let peerClosed = PollEvents(rawValue: 0x2000)
}

/// Something that works at the end of a loop's turn. Subclasses override ``flush()``.
open class LoopMember {
    fileprivate final var isFlushScheduled = false
    public init() {}

    /// Called once at the end of the turn in which ``EventLoop/schedule(_:)`` was called.
    open func flush() {}
}

/// Something with a descriptor that the loop polls, edge-triggered. Subclasses override ``ready(_:)``.
open class Pollable: LoopMember {
    fileprivate final var isRegistered = false

    /// The descriptor has turned ready. It does not come again for what is not used up: remember it.
    open func ready(_ events: PollEvents) {}
}

/// A worker's loop: epoll, timers, flushes. One turn: wait, dispatch events, fire timers, flush what asked for it.
/// Not Sendable: everything on it runs on its thread.
@safe public final class EventLoop {
    public let clock: TurnClock
    public let timers: TimerWheel

    private let epoll: OwnedDescriptor
    private var events: UnsafeMutableBufferPointer<epoll_event>
    private var flushes: [LoopMember] = []
    private var flushing: [LoopMember] = []
    private var retired = unsafe [Unmanaged<Pollable>]()
    private var isStopped = false
    /// Pollables that are registered.
    public private(set) var registered = 0
    /// Turns so far, and events of descriptors that came in them.
    public private(set) var turns: UInt64 = 0
    public private(set) var eventCount: UInt64 = 0
    /// How long a turn works without its waiting, nanoseconds: a mean over the last thousand or so.
    public var averageTurn: UInt64 { turnSum >> 10 }
    private var turnSum: UInt64 = 0

    /// - Parameters:
    ///   - maxEvents: events taken from one call of the poller: `tune.maxpollevents`.
    public init(clock: TurnClock = TurnClock(), maxEvents: Int = 200) throws(SystemError) {
        let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError("epoll_create1") }
        epoll = OwnedDescriptor(adopting: descriptor)
        unsafe events = .allocate(capacity: max(1, maxEvents))
        self.clock = clock
        clock.now = SystemClock.now()
        clock.wall = SystemClock.wall()
        timers = TimerWheel(now: clock.now)
    }

    deinit { unsafe events.deallocate() }

    /// Polls `descriptor` for `pollable`, edge-triggered in both directions, and keeps `pollable` alive until
    /// ``deregister(_:descriptor:)``. `levelTriggered` is for listeners, which may leave connections waiting.
    public func register(
        _ pollable: Pollable, descriptor: Int32, writing: Bool = true, levelTriggered: Bool = false
    ) throws(SystemError) {
        var mask = PollEvents.readable.rawValue | PollEvents.peerClosed.rawValue
        if writing { mask |= PollEvents.writable.rawValue }
        if !levelTriggered { mask |= 1 << 31 }
        let pointer = unsafe Unmanaged.passUnretained(pollable).toOpaque()
        guard unsafe portico_epoll_set(epoll.number, EPOLL_CTL_ADD, descriptor, mask, pointer) == 0 else {
            throw SystemError("epoll_ctl")
        }
        unsafe _ = Unmanaged.passRetained(pollable)
        pollable.isRegistered = true
        registered += 1
    }

    /// Stops polling. The loop lets go of `pollable` at the end of this turn, so events of this turn that name it are
    /// harmless. The caller closes the descriptor after this.
    public func deregister(_ pollable: Pollable, descriptor: Int32) {
        guard pollable.isRegistered else { return }
        pollable.isRegistered = false
        registered -= 1
        _ = portico_epoll_set(epoll.number, EPOLL_CTL_DEL, descriptor, 0, nil)
        unsafe retired.append(Unmanaged.passUnretained(pollable))
    }

    /// Like ``deregister(_:descriptor:)``, for a descriptor that no other number shares and that the caller closes right
    /// after this: its closing ends the polling, so a system call is saved, unless a child may have it too.
    public func deregisterClosing(_ pollable: Pollable, descriptor: Int32) {
        guard pollable.isRegistered else { return }
        if ChildPrograms.areExpected { return deregister(pollable, descriptor: descriptor) }
        pollable.isRegistered = false
        registered -= 1
        unsafe retired.append(Unmanaged.passUnretained(pollable))
    }

    /// Changes which directions a registered, level-triggered descriptor is polled in: a datagram socket waits for room
    /// to send only after a full buffer.
    public func update(_ pollable: Pollable, descriptor: Int32, writing: Bool) throws(SystemError) {
        guard pollable.isRegistered else { return }
        var mask = PollEvents.readable.rawValue
        if writing { mask |= PollEvents.writable.rawValue }
        let pointer = unsafe Unmanaged.passUnretained(pollable).toOpaque()
        guard unsafe portico_epoll_set(epoll.number, EPOLL_CTL_MOD, descriptor, mask, pointer) == 0 else {
            throw SystemError("epoll_ctl")
        }
    }

    /// Calls ``LoopMember/flush()`` at the end of this turn; more calls before that change nothing.
    @inline(__always)
    public func schedule(_ member: LoopMember) {
        guard !member.isFlushScheduled else { return }
        member.isFlushScheduled = true
        flushes.append(member)
    }

    /// This thread's word to writers of memory that it reads without a lock; nil when it reads none.
    public var epochs: EpochReader?

    /// Turns until ``stop()``.
    public func run() throws(SystemError) {
        epochs?.goOnline()
        defer { epochs?.goOffline() }
        while !isStopped { try turn() }
    }

    /// Ends ``run()`` after this turn. On the loop's thread.
    public func stop() { isStopped = true }

    /// One turn. `limit` bounds the wait for events.
    public func turn(waitingAtMost limit: Instant = .distantFuture) throws(SystemError) {
        let ready = try wait(limit)
        turns &+= 1
        eventCount &+= UInt64(ready)
        clock.now = SystemClock.now()
        clock.wall = SystemClock.wall()
        for index in 0..<ready {
            let (pointer, mask) = unsafe withUnsafePointer(to: &events[index]) {
                unsafe (portico_event_pointer($0), portico_event_mask($0))
            }
            guard let pointer = unsafe pointer else { continue }
            unsafe Unmanaged<Pollable>.fromOpaque(pointer)._withUnsafeGuaranteedRef { pollable in
                if pollable.isRegistered { pollable.ready(PollEvents(rawValue: mask)) }
            }
        }
        timers.advance(to: clock.now)
        flushScheduled()
        for index in unsafe retired.indices { unsafe retired[index].release() }
        unsafe retired.removeAll(keepingCapacity: true)
    }

    private func wait(_ limit: Instant) throws(SystemError) -> Int {
        var span: Int64 = -1
        if !flushes.isEmpty || isStopped {
            span = 0
        } else {
            let deadline = min(timers.nextDeadline ?? .distantFuture, limit)
            let now = SystemClock.now()
            // An exponential mean, kept times 1024.
            turnSum = turnSum &- turnSum >> 10 &+ now.nanoseconds(since: clock.now)
            if deadline != .distantFuture { span = Int64(clamping: deadline.nanoseconds(since: now)) }
        }
        if span == 0 { epochs?.announceQuiescence() } else { epochs?.goOffline() }
        let count = unsafe portico_epoll_wait(epoll.number, events.baseAddress, Int32(events.count), span)
        if span != 0 { epochs?.goOnline() }
        guard count >= 0 else {
            if errno == EINTR { return 0 }
            throw SystemError("epoll_wait")
        }
        return Int(count)
    }

    private func flushScheduled() {
        // A flush may ask for more flushes (one connection drains what another waits for). After some rounds the rest
        // waits for the next turn, so that new events get their share.
        var rounds = 0
        while !flushes.isEmpty, rounds < 8 {
            swap(&flushes, &flushing)
            for member in flushing {
                member.isFlushScheduled = false
                member.flush()
            }
            flushing.removeAll(keepingCapacity: true)
            rounds += 1
        }
    }
}
