package import Bytes
package import Messages

/// What everything on one worker shares: buffers, heads and the time. Not Sendable.
package final class WorkerResources {
    package let buffers: BufferPool
    package let heads: HeadPool
    package let clock: TurnClock

    package init(buffers: BufferPool = BufferPool(), heads: HeadPool = HeadPool(), clock: TurnClock = TurnClock()) {
        self.buffers = buffers
        self.heads = heads
        self.clock = clock
    }
}
