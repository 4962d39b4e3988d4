import Bytes
import Messages
import Runtime
import Streams

/// The origin's end of one exchange: it swallows the request, waits if told to, and fills the response as the client
/// drains it.
final class OriginAnswer: LoopMember, StreamEnd, TimerTarget {
    private var exchange: Exchange?
    private let request: OriginRequest
    private let worker: OriginWorker
    private var timer: Timer?
    private var isDue = false
    private var isStarted = false
    private var left: UInt64 = 0
    /// A body that is not made of the pattern.
    private var text: [UInt8]?

    init(_ exchange: Exchange, _ request: OriginRequest, _ worker: OriginWorker) {
        self.exchange = exchange
        self.request = request
        self.worker = worker
        super.init()
        guard request.delay > 0 else {
            isDue = true
            return
        }
        let timer = Timer(on: worker.loop.timers, target: self)
        timer.arm(at: worker.loop.clock.now.advanced(milliseconds: request.delay))
        self.timer = timer
    }

    func outgoingReady() { worker.loop.schedule(self) }
    func incomingDrained() { worker.loop.schedule(self) }

    func reset(_ reason: CloseReason) {
        exchange = nil
        timer?.disarm()
        timer = nil
    }

    func timerFired(_ timer: Timer) {
        isDue = true
        worker.loop.schedule(self)
    }

    override func flush() {
        guard let exchange else { return }
        _ = exchange.request.takeHead()
        while exchange.request.take() != nil {}
        if exchange.request.isBroken {
            self.exchange = nil
            return exchange.backAborted(.serverAborted)
        }
        guard exchange.request.isDrained, isDue else { return }
        if !isStarted { start(exchange) }
        guard self.exchange != nil else { return }
        fill(exchange)
    }

    private func start(_ exchange: Exchange) {
        isStarted = true
        let head = exchange.resources.heads.obtain(.response)
        head.status = request.status
        var type: StaticString = "text/plain; charset=utf-8"
        switch request.page {
        case .welcome:
            type = "text/html; charset=utf-8"
            text = exchange.request.head.map(OriginPage.html)
        case .echo: text = exchange.request.head.map { OriginPage.echo($0, received: exchange.request.bytesIn) }
        case .missing: text = Array("Not here.\n".utf8)
        case .health: text = []
        case .sized:
            if request.size == nil {
                text = Array("portico-origin: \(exchange.request.bytesIn) bytes received\n".utf8)
            }
        }
        left = text.map { UInt64($0.count) } ?? request.size ?? 0
        let hasBody = request.status != 204 && request.status != 304
        if !hasBody { left = 0 }
        let isOpen = request.isChunked || !request.trailers.isEmpty
        head.bodyLength = !hasBody ? .none : isOpen ? .unknown : .known(left)
        do throws(MessageError) {
            if hasBody {
                try head.append(.contentType, Span(type))
                if !isOpen { try head.append(.contentLength, Array(String(left).utf8).span) }
            }
            try head.append(.server, Span("portico-origin"))
            for field in request.fields { try head.append(name: field.name.span, field.value.span) }
        } catch {
            self.exchange = nil
            return exchange.backAborted(.internalError)
        }
        if request.closes { worker.drainConnection(of: exchange) }
        exchange.response.put(head)
    }

    private func fill(_ exchange: Exchange) {
        guard exchange.response.phase == .body else { return }
        if request.isHead { left = 0 }
        if let text, left > 0 {
            exchange.response.put(worker.bodies.chunk(text))
            left = 0
        }
        while left > 0, exchange.response.room > 0 {
            let chunk = worker.bodies.take(left, random: request.isRandom)
            left -= UInt64(chunk.count)
            exchange.response.put(chunk)
        }
        guard left == 0 else { return }
        exchange.response.end(trailers: trailers(exchange))
        self.exchange = nil
        exchange.backFinished()
    }

    private func trailers(_ exchange: Exchange) -> MessageHead? {
        guard !request.trailers.isEmpty else { return nil }
        let section = exchange.resources.heads.obtain(.trailers)
        for field in request.trailers { _ = try? section.append(name: field.name.span, field.value.span) }
        return section
    }
}
