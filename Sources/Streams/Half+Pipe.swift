public import Bytes

// Bytes that stay in the kernel on their way through a half: a tunnel's, once rules have seen what they want to see.
extension Half {
    // MARK: The producer's side

    /// The pipe that the producer fills next; nil when it is to put in chunks. It is followed by ``pipeFilled(_:)``.
    ///
    /// - Parameter isBulk: the producer's peer brings more than it is asked for.
    public func pipeToFill(isBulk: Bool) -> KernelPipe? {
        if let pipe { return pipe }
        // Another consumer could not begin anew with bytes that are in a pipe: the first ones go the other way.
        guard splicing == .always || splicing == .bulk && isBulk, phase == .body, !isHeld, bytesOut > 0,
            consumer?.takesPipe == true, let pipe = exchange.resources.pipes.take()
        else { return nil }
        adopt(pipe)
        return pipe
    }

    /// So many bytes have come into the pipe.
    public func pipeFilled(_ count: Int) {
        guard let pipe else { return }
        guard count > 0 else { return releaseEmptyPipe() }
        pipe.count += count
        countPut(count)
        consumer?.outgoingReady()
    }

    /// True while a pipe holds bytes and could take more.
    public var hasPipeRoom: Bool {
        guard let pipe else { return false }
        if pipe.isFull || pipe.count >= pipe.capacity {
            tellWhenDrained()
            return false
        }
        return true
    }

    // MARK: The consumer's side

    /// The pipe whose bytes come next.
    public var pipeToDrain: KernelPipe? { count == 0 ? pipe : nil }

    /// The consumer has taken so many bytes out of the pipe.
    public func pipeDrained(_ count: Int) {
        guard let pipe else { return }
        pipe.count -= count
        pipe.isFull = false
        countTaken(count)
        releaseEmptyPipe()
        tellProducer()
    }

    private func releaseEmptyPipe() {
        if pipe?.count == 0 { releasePipe() }
    }
}
