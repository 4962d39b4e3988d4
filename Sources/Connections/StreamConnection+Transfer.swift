import Bytes
import Glibc
import Runtime
import Streams
import Synchronization
import TLSTransport

// Reading and writing: tried before waiting for epoll, bounded per turn, stopped by the mux's backpressure.
extension StreamConnection {
    /// Reads while the socket has bytes and the mux wants them.
    func readInput(_ mux: any ByteStreamMux) {
        guard readReady || sawEnd else { return input.releaseWhenIdle() }
        var reads = 0
        while readReady, !sawEnd, reads < readsPerTurn, !input.isFull, mux.wantsInput, phase == .open {
            reads += 1
            if pause.turn != 0 { endPause() }
            let wasEmpty = input.isEmpty
            if wasEmpty, tls == nil, let pipe = mux.inputPipe(isBulk: input.isBulk) {
                reads += fill(pipe, mux) / Self.bytesPerRead
                continue
            }
            switch receive() {
            case .bytes(let count):
                reads += count / Self.bytesPerRead
                giveInput(mux)
            case .end: sawEnd = true
            case .wouldBlock: readReady = false
            case .failed(let code):
                if wasEmpty { input.releaseWhenIdle() }
                return fail(code == ECONNRESET ? .reset : code == EBADMSG ? .truncated : .failed)
            }
        }
        if reads > 0, readReady, !sawEnd, phase == .open, !mux.wantsInput { pause = (loop.turns, loop.clock.now) }
        if sawEnd, !endDelivered, phase == .open {
            endDelivered = true
            mux.receiveEnd(&input)
            loop.schedule(self)
        }
        input.releaseWhenIdle()
    }

    /// Lets what the peer sends stay in the kernel; returns how much came.
    private func fill(_ pipe: KernelPipe, _ mux: any ByteStreamMux) -> Int {
        let room = pipe.capacity - pipe.count
        let result = Socket.receive(descriptor, into: pipe)
        switch result {
        case .bytes(let count):
            // Whether the socket is empty or the pipe has no place left can not be told: it is asked again once the
            // pipe is empty.
            pipe.isFull = count < room
            if count < Self.smallSplice { input.slowDown() }
            mux.inputPipeFilled(count)
            return count
        case .wouldBlock:
            if pipe.count > 0 { pipe.isFull = true } else { readReady = false }
            mux.inputPipeFilled(0)
        case .end:
            sawEnd = true
            mux.inputPipeFilled(0)
        case .failed(let code):
            mux.inputPipeFilled(0)
            if code == EINVAL { mux.inputPipeRefused() } else { fail(code == ECONNRESET ? .reset : .failed) }
        }
        return 0
    }

    /// Pieces that are smaller than that are read as cheaply.
    private static let smallSplice = 16 * 1024

    /// Reading goes on that the mux had stopped: how long that took tells whether large reads find a reader.
    private func endPause() {
        let isLong =
            loop.turns &- pause.turn > Self.shortPause.turns
            || loop.clock.now.milliseconds(since: pause.since) > Self.shortPause.milliseconds
        if isLong { input.slowDown() }
        pause = (0, .zero)
    }

    /// A reader that keeps up makes room within a few turns of a busy loop, or some milliseconds of another.
    private static let shortPause: (turns: UInt64, milliseconds: Int) = (4, 20)

    /// A read of more bytes counts as several of a turn's reads.
    private static let bytesPerRead = 64 * 1024

    /// Gives the mux what waits, until it takes no more. What it leaves because its exchange is full must be asked about
    /// once more: only a mux that found no room is told when there is some again.
    func giveInput(_ mux: any ByteStreamMux) {
        var before: Int
        repeat {
            before = input.count
            mux.receive(&input)
        } while !input.isEmpty && input.count < before && mux.wantsInput
    }

    /// One read. A read that did not fill its room has emptied the socket, so epoll will tell of more.
    func receive() -> TransferResult {
        var result = TransferResult.wouldBlock
        unsafe input.fill(minimum: 4096) { room in
            if let tls {
                unsafe result = receive(tls, room)
            } else {
                unsafe result = Socket.receive(descriptor, into: room)
                if case .bytes(let count) = result, count < room.count, !endIsNear { readReady = false }
            }
            if case .bytes(let count) = result {
                bytesReceived &+= UInt64(count)
                return count
            }
            return 0
        }
        return result
    }

    private func receive(_ tls: TLSEngine, _ room: UnsafeMutableRawBufferPointer) -> TransferResult {
        switch unsafe tls.read(into: room) {
        case .bytes(let count): .bytes(count)
        case .wouldBlock: .wouldBlock
        case .endOfStream: .end
        case .truncated: .failed(EBADMSG)
        case .failed(let error): .failed(error.errno == ECONNRESET ? ECONNRESET : EIO)
        }
    }

    /// Lets the mux produce and writes until the socket is full or nothing is left.
    func writeOutput(_ mux: any ByteStreamMux) {
        var isAll = false
        while true {
            if output.count < settings.outputLimit {
                if output.isEmpty { lastSend = loop.clock.now }
                mux.produce(into: &output, limit: settings.outputLimit)
                isAll = muxAnnounces && output.count < settings.outputLimit
            }
            guard writeReady, phase == .open, mux.closeIntent != .abort else { return }
            let pipe = output.isEmpty ? mux.outputPipe : nil
            guard pipe != nil || !output.isEmpty else { return }
            switch pipe.map({ Socket.send(descriptor, $0) }) ?? send() {
            case .bytes(let count):
                lastSend = loop.clock.now
                bytesSent &+= UInt64(count)
                if pipe == nil { output.consume(count) } else { drained(count, mux) }
                if isAll, output.isEmpty, mux.outputPipe == nil { return }
            case .wouldBlock: writeReady = false
            case .end: return fail(.reset)
            case .failed(let code):
                // What the peer sent before it reset may still be read (an early response).
                return fail(code == ECONNRESET || code == EPIPE ? .reset : .failed)
            }
        }
    }

    private func drained(_ count: Int, _ mux: any ByteStreamMux) {
        KernelPipePool.counts.bytesOut.wrappingAdd(UInt64(count), ordering: .relaxed)
        mux.outputPipeDrained(count)
    }

    private func send() -> TransferResult {
        guard let tls else { return Socket.send(descriptor, output) }
        return switch tls.write(output) {
        case .bytes(let count): .bytes(count)
        case .wouldBlock: .wouldBlock
        case .endOfStream, .truncated: .end
        case .failed(let error): .failed(error.errno == 0 ? EIO : error.errno)
        }
    }

    /// Drops what a peer sends after our end, at most 1 MiB of it.
    func discardInput() {
        var left = 64
        unsafe withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { room in
            while readReady, phase == .lingering {
                switch unsafe Socket.receive(descriptor, into: room) {
                case .bytes:
                    left -= 1
                    if left == 0 { return close(nil) }
                case .wouldBlock: readReady = false
                case .end, .failed: return close(nil)
                }
            }
        }
    }
}
