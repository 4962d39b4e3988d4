public import Bytes

/// Who a timer wakes.
public protocol TimerTarget: AnyObject {
    /// The deadline of `timer` has passed. It is disarmed; it may be armed again from here.
    func timerFired(_ timer: Timer)
}

/// One timer of a worker. Its owner keeps it; arming it later than before costs a store, since the wheel looks at the
/// deadline again when the earlier one comes.
@safe public final class Timer {
    /// When it fires; ``Instant/distantFuture`` while disarmed.
    public fileprivate(set) var deadline = Instant.distantFuture
    /// True while a deadline is set.
    public var isArmed: Bool { deadline != .distantFuture }

    /// Kept: what ends may let its loop go before its timers, and these unlink themselves.
    private let wheel: TimerWheel
    unowned(unsafe) private var target: (any TimerTarget)?
    /// Its neighbours in a slot. They unlink themselves before they go, so that what is linked is alive.
    fileprivate var next: Unmanaged<Timer>?
    fileprivate var previous: Unmanaged<Timer>?
    fileprivate var slot = -1
    fileprivate var slotTick: UInt64 = 0

    /// - Parameters:
    ///   - target: is not kept alive; it owns the timer, so it outlives it.
    public init(on wheel: TimerWheel, target: any TimerTarget) {
        self.wheel = wheel
        unsafe self.target = target
    }

    /// A timer that wakes nobody before ``wakes(_:)`` says whom: its owner can keep it in a constant.
    public init(on wheel: TimerWheel) {
        self.wheel = wheel
        unsafe target = nil
    }

    deinit { disarm() }

    /// Sets who is woken. It is not kept alive; it owns the timer, so it outlives it.
    public func wakes(_ target: any TimerTarget) { unsafe self.target = target }

    fileprivate func fire() { unsafe target?.timerFired(self) }

    /// Fires at `deadline`, or soon after when that has passed.
    public func arm(at deadline: Instant) {
        guard deadline != .distantFuture else { return disarm() }
        self.deadline = deadline
        let tick = TimerWheel.tick(deadline)
        if slot >= 0, tick >= slotTick { return }
        wheel.relink(self, tick: tick)
    }

    /// Does not fire any more.
    public func disarm() {
        deadline = .distantFuture
        if slot >= 0 { wheel.unlink(self) }
    }

    /// Does not fire either, but keeps its place on the wheel until the deadline of before: for what arms again before
    /// that most often, at the cost of two stores.
    public func suspend() { deadline = .distantFuture }
}

/// The timers of a worker: a hierarchy of wheels of 64 slots with ticks of 262 µs, so arming and disarming cost the
/// same with one timer and with a million. It reads no clock.
@safe public final class TimerWheel {
    private static let tickShift: UInt64 = 18
    private static let levels = 7
    private var slots: UnsafeMutablePointer<Unmanaged<Timer>?>
    private var occupied = InlineArray<7, UInt64>(repeating: 0)
    private var current: UInt64

    public init(now: Instant) {
        unsafe slots = .allocate(capacity: Self.levels * 64)
        unsafe slots.initialize(repeating: nil, count: Self.levels * 64)
        current = now.nanoseconds >> Self.tickShift
    }

    deinit { unsafe slots.deallocate() }

    static func tick(_ deadline: Instant) -> UInt64 {
        let (sum, overflow) = deadline.nanoseconds.addingReportingOverflow((1 << tickShift) - 1)
        return (overflow ? .max : sum) >> tickShift
    }

    /// When the wheel wants to be advanced next: no later than the first deadline. Nil without timers.
    public var nextDeadline: Instant? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = UInt64(level * 6)
            let position = (current >> shift) & 63
            // Slots from the current position on, wrapping round.
            let rotated = rotateRight(occupied[level], position)
            let distance = UInt64(rotated.trailingZeroBitCount)
            let tick = ((current >> shift) + distance) << shift
            return Instant(nanoseconds: max(tick, current) << Self.tickShift)
        }
        return nil
    }

    /// Fires every timer whose deadline is at or before `now`.
    public func advance(to now: Instant) {
        let target = now.nanoseconds >> Self.tickShift
        while true {
            guard let next = nextDeadline, next.nanoseconds >> Self.tickShift <= target else { break }
            current = max(current, next.nanoseconds >> Self.tickShift)
            cascade(now)
        }
        current = max(current, target)
    }

    private func cascade(_ now: Instant) {
        for level in (0..<Self.levels).reversed() {
            let position = Int((current >> UInt64(level * 6)) & 63)
            guard occupied[level] & (1 << UInt64(position)) != 0 else { continue }
            let index = level * 64 + position
            while let timer = unsafe slots[index]?.takeUnretainedValue() {
                unlink(timer)
                guard timer.deadline != .distantFuture else { continue }
                let tick = Self.tick(timer.deadline)
                if tick <= current {
                    timer.deadline = .distantFuture
                    timer.fire()
                } else {
                    relink(timer, tick: tick)
                }
            }
        }
    }

    func relink(_ timer: Timer, tick: UInt64) {
        if timer.slot >= 0 { unlink(timer) }
        // Beyond the wheel's span (36 years) a timer waits at its end.
        let horizon = current | ((1 << UInt64(Self.levels * 6)) - 1)
        let due = min(max(tick, current + 1), horizon)
        let level = min((63 - (due ^ current).leadingZeroBitCount) / 6, Self.levels - 1)
        let shift = UInt64(level * 6)
        let index = level * 64 + Int((due >> shift) & 63)
        timer.slot = index
        timer.slotTick = due
        let this = unsafe Unmanaged.passUnretained(timer)
        let first = unsafe slots[index]
        unsafe timer.previous = nil
        unsafe timer.next = first
        unsafe first?._withUnsafeGuaranteedRef { unsafe $0.previous = this }
        unsafe slots[index] = this
        occupied[level] |= 1 << UInt64(index & 63)
    }

    func unlink(_ timer: Timer) {
        let index = timer.slot
        let after = unsafe timer.next
        let before = unsafe timer.previous
        if let before = unsafe before {
            unsafe before._withUnsafeGuaranteedRef { unsafe $0.next = after }
        } else {
            unsafe slots[index] = after
            if unsafe after == nil { occupied[index / 64] &= ~(1 << UInt64(index & 63)) }
        }
        unsafe after?._withUnsafeGuaranteedRef { unsafe $0.previous = before }
        unsafe timer.next = nil
        unsafe timer.previous = nil
        timer.slot = -1
    }

    private func rotateRight(_ value: UInt64, _ count: UInt64) -> UInt64 {
        count == 0 ? value : value >> count | value << (64 - count)
    }
}
