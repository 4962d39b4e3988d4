import Bytes
import Runtime
import Streams

/// The body of an answer of the proxy's own that does not fit the response's queue: it stands where a server's end would,
/// and goes on as the client takes what was there.
final class LargeReply: LoopMember, StreamEnd {
    private let body: [UInt8]
    private var offset = 0
    private let loop: EventLoop
    private weak var exchange: Exchange?

    init(_ body: [UInt8], _ loop: EventLoop) {
        self.body = body
        self.loop = loop
    }

    /// Begins to answer. The response's head is in its half.
    func attach(to exchange: Exchange) {
        self.exchange = exchange
        exchange.attach(back: self)
        loop.schedule(self)
    }

    override func flush() {
        guard let exchange, !exchange.isOver else { return }
        let body = self.body
        while offset < body.count {
            let room = exchange.response.room
            guard room > 0 else { return }
            let end = min(body.count, offset + room)
            let chunk = Chunk(copying: body.span.extracting(offset..<end), pool: exchange.resources.buffers)
            offset += chunk.count
            exchange.response.put(chunk)
        }
        self.exchange = nil
        exchange.response.end()
        exchange.backFinished()
    }

    /// The request's body has no reader here.
    func outgoingReady() {}

    func incomingDrained() { loop.schedule(self) }

    func reset(_ reason: CloseReason) { exchange = nil }
}
