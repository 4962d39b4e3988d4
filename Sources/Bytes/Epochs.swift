import Synchronization

/// Says when memory that readers on other threads may still look at can be freed: one writer, many readers, no lock
/// and no waiting on either side (quiescent-state reclamation).
///
/// Readers own an ``EpochReader`` each and announce, once per turn of their loop, that they hold nothing any more. The
/// writer unlinks memory, hands it to ``retire(_:free:)``, and ``collect()`` frees what all readers have let go of.
@safe public final class Epochs: @unchecked Sendable {
    @unsafe private struct Retired {
        let epoch: UInt64
        let memory: UnsafeMutableRawPointer
        let free: (UnsafeMutableRawPointer) -> Void
    }

    private let clock = EpochClock()
    /// Touched when a worker starts, and by the writer: never by a reader at work.
    private let readers = Mutex<[EpochReader]>([])
    private var retired: [Retired] = unsafe []
    private var freed = 0

    public init() {}

    deinit {
        while unsafe freed < retired.count {
            unsafe retired[freed].free(retired[freed].memory)
            freed += 1
        }
    }

    /// A handle for one more reading thread; it starts offline.
    public func makeReader() -> EpochReader {
        let reader = EpochReader(clock)
        readers.withLock { $0.append(reader) }
        return reader
    }

    /// Memory that is retired and not freed yet, in pieces.
    public var pending: Int { unsafe retired.count - freed }

    /// Frees `memory` with `free` once no reader can hold it. The memory must be unlinked already: no reader may find
    /// it any more. On the writer's thread.
    @unsafe public func retire(_ memory: UnsafeMutableRawPointer, free: @escaping (UnsafeMutableRawPointer) -> Void) {
        unsafe retired.append(
            Retired(epoch: clock.current.load(ordering: .relaxed), memory: memory, free: free))
    }

    /// Frees what all readers have let go of. On the writer's thread; cheap when nothing is pending.
    public func collect() {
        guard pending > 0 else { return }
        // Everything unlinked so far belongs to epochs before the one that starts here.
        clock.current.wrappingAdd(1, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let oldest = readers.withLock { readers in
            readers.reduce(UInt64.max) { min($0, $1.seen.load(ordering: .sequentiallyConsistent)) }
        }
        while unsafe freed < retired.count && retired[freed].epoch < oldest {
            unsafe retired[freed].free(retired[freed].memory)
            freed += 1
        }
        if unsafe freed == retired.count {
            unsafe retired.removeAll(keepingCapacity: freed < 1024)
            freed = 0
        } else if freed > 4096 {
            unsafe retired.removeFirst(freed)
            freed = 0
        }
    }
}

/// One reading thread's word to the writer of what it guards with ``Epochs``. All calls are made on that thread; none
/// waits.
public final class EpochReader: Sendable {
    private let clock: EpochClock
    /// The epoch in which this thread last held nothing; `UInt64.max` while it is offline.
    fileprivate let seen = Atomic<UInt64>(.max)

    fileprivate init(_ clock: EpochClock) { self.clock = clock }

    /// Says that this thread holds nothing that it found before now. Once per turn of the loop.
    public func announceQuiescence() {
        seen.store(clock.current.load(ordering: .acquiring), ordering: .releasing)
    }

    /// Says that this thread holds nothing and looks at nothing until ``goOnline()``: before it waits for events.
    public func goOffline() { seen.store(.max, ordering: .releasing) }

    /// Says that this thread may look at guarded memory again.
    public func goOnline() {
        seen.store(clock.current.load(ordering: .acquiring), ordering: .sequentiallyConsistent)
        // The writer sees this thread before this thread can see anything the writer guards.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }
}

/// The number of the present epoch, which the writer counts up.
private final class EpochClock: Sendable {
    let current = Atomic<UInt64>(1)
}
