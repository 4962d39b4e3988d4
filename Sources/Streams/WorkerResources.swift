public import Bytes
public import Messages

/// What everything on one worker shares: buffers, heads and the time. Not Sendable.
public final class WorkerResources {
    public let buffers: BufferPool
    public let heads: HeadPool
    public let clock: TurnClock
    public let pipes: KernelPipePool

    public init(
        buffers: BufferPool = BufferPool(), heads: HeadPool = HeadPool(), clock: TurnClock = TurnClock(),
        pipes: KernelPipePool = KernelPipePool()
    ) {
        self.buffers = buffers
        self.heads = heads
        self.clock = clock
        self.pipes = pipes
    }
}
