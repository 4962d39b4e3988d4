import Bytes
public import Streams

/// What all HTTP/3 connections of one worker share, so that a warm worker allocates nothing for a request.
public final class HTTP3Resources {
    public let worker: WorkerResources
    /// Where small pieces are copied: frame headers, field sections, body bytes out of packets.
    var gather: GatherBuffer
    let memory = QPACKMemory()
    /// Lines of the field section that is being encoded.
    var lines = FieldList()
    private var spare: [HTTP3Stream] = []
    private let spareLimit: Int

    /// - Parameter spareStreams: stream objects to keep for the next requests.
    public init(_ worker: WorkerResources, spareStreams: Int = 1024) {
        self.worker = worker
        spareLimit = spareStreams
        gather = GatherBuffer(pool: worker.buffers)
    }

    /// Gives memory back that is only kept because it may be needed soon: for a worker without connections.
    public func releaseIdle() {
        gather.releaseWhenIdle()
        spare = []
    }

    func obtainStream() -> HTTP3Stream { spare.popLast() ?? HTTP3Stream(memory) }

    func giveBack(_ stream: HTTP3Stream) {
        if spare.count < spareLimit { spare.append(stream) }
    }
}
