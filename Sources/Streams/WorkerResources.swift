public import Bytes
public import Messages

/// What everything on one worker shares: buffers, heads, arenas and the time. Not Sendable.
public final class WorkerResources {
    public let buffers: BufferPool
    public let heads: HeadPool
    public let clock: TurnClock
    public let pipes: KernelPipePool
    /// For what ngtcp2 keeps of a client's connection.
    public let connectionArenas = ArenaPool(arenaSize: 128 * 1024)
    /// For what nghttp2 keeps of a client's connection.
    public let sessionArenas = ArenaPool(arenaSize: 32 * 1024)

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
