import Synchronization

/// Whether this process may start programs (`external-check`). A child has all descriptors of this process until it
/// closes them, a moment after its birth. One that is closed here in that moment goes on being polled, so whoever
/// closes has to end the polling itself: ``EventLoop/deregisterClosing(_:descriptor:)``.
public enum ChildPrograms {
    private static let mayStart = Atomic<Bool>(false)

    /// True once programs may be started.
    @inline(__always)
    static var areExpected: Bool { mayStart.load(ordering: .relaxed) }

    /// Says that programs may be started from now on. Well before the first one, from any thread.
    public static func expect() { mayStart.store(true, ordering: .sequentiallyConsistent) }
}
