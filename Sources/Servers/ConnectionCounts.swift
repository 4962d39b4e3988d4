public import Synchronization

/// The connections to one server, on all workers: what `show servers conn` prints. Every connection is in exactly one of
/// ``used``, ``idle`` (which ``unsafe`` and ``safe`` divide) and ``sessionIdle``.
public final class ConnectionCounts: Sendable {
    /// Carry exchanges, or are being made (`used_cur`).
    public let used = Atomic<Int>(0)
    /// The most that were used at once since the last purge round (`used_max`).
    public let maxUsed = Atomic<Int>(0)
    /// How many are expected to be needed (`need_est`): the maximum, fading by half each purge round.
    public let needed = Atomic<Int>(0)
    /// Idle, and belong to one client's session (`idle_sess`).
    public let sessionIdle = Atomic<Int>(0)
    /// Idle and open to all (`idle_cur`).
    public let idle = Atomic<Int>(0)
    /// Idle ones that have carried one exchange only (`unsafe_nb`): a first request risks more there.
    public let unsafe = Atomic<Int>(0)
    /// Idle ones that were reused before (`safe_nb`).
    public let safe = Atomic<Int>(0)

    init() {}

    /// Connections of any kind.
    public var total: Int {
        used.load(ordering: .acquiring) + idle.load(ordering: .acquiring) + sessionIdle.load(ordering: .acquiring)
    }

    /// One more is used.
    func use() {
        let (_, now) = used.wrappingAdd(1, ordering: .relaxed)
        if maxUsed.load(ordering: .relaxed) < now { maxUsed.store(now, ordering: .relaxed) }
        if needed.load(ordering: .relaxed) < now { needed.store(now, ordering: .relaxed) }
    }

    /// Begins a new round of ``maxUsed`` and lets ``needed`` fade. Returns how many connections are more than the last
    /// round needed, halved: those to close.
    func surplus() -> Int {
        let now = used.load(ordering: .relaxed)
        let most = maxUsed.load(ordering: .relaxed)
        let estimate = needed.load(ordering: .relaxed)
        let surplus = now + idle.load(ordering: .relaxed) - max(most, estimate)
        needed.store(max((estimate + most) / 2, most), ordering: .relaxed)
        maxUsed.store(now, ordering: .relaxed)
        return surplus > 0 ? (surplus + 1) / 2 : 0
    }
}

/// Idle connections of one worker to one server.
public final class WorkerIdleCount: Sendable {
    public let count = Atomic<Int>(0)
}
