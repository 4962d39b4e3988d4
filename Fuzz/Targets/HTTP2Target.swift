import Bytes
import Messages
import MuxHTTP2
import Streams

extension FuzzTarget {
    /// What a client sends after its preface and SETTINGS.
    static let http2Requests = FuzzTarget("http2-requests", "HTTP/2 frames of a client") { input in
        HTTP2Session.try(.front, input)
        promiseSameHTTP2Reading(.front, input)
    }

    /// What a server sends after its SETTINGS, to three requests.
    static let http2Responses = FuzzTarget("http2-responses", "HTTP/2 frames of a server") { input in
        HTTP2Session.try(.back, input)
        promiseSameHTTP2Reading(.back, input)
    }
}

/// One HTTP/2 connection whose peer is the input.
private final class HTTP2Session: MuxHost {
    let resources = WorkerResources(buffers: BufferPool(slabSize: 4096))
    private var mux: HTTP2Mux!
    private var input: InputBuffer
    private var output: OutputQueue
    private var ends: [Peer] = []
    private let window: Int

    /// Feeds `bytes` in reads of at most `pace` bytes; what comes of them must not depend on it.
    static func `try`(_ side: HTTP2Mux.Side, _ bytes: borrowing Span<UInt8>) {
        var opened: [Int] = []
        for pace in [4096, 7] {
            let pool: BufferPool
            do {
                let session = HTTP2Session(side)
                pool = session.resources.buffers
                session.run(side, bytes, pace: pace)
                opened.append(session.mux.statistics.streamsOpened)
                session.close()
            }
            promise(pool.used == 0, "\(pool.used) slabs are left")
        }
        promise(opened[0] == opened[1], "\(opened) exchanges, by the size of reads")
    }

    private init(_ side: HTTP2Mux.Side) {
        input = InputBuffer(pool: resources.buffers)
        output = OutputQueue(pool: resources.buffers)
        var settings = HTTP2Settings()
        settings.maxHeaderListSize = 4096
        settings.receiveBuffer = 100_000
        settings.limits.glitches = 50
        window = settings.initialWindowSize + settings.receiveBuffer
        mux = try? HTTP2Mux(side: side, settings: settings, host: self)
        if side == .front {
            feed(Span("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), pace: 100)
        } else {
            for _ in 0..<3 { request() }
        }
        feed(([0, 0, 0, 4, 0, 0, 0, 0, 0] as [UInt8]).span, pace: 100)
        flush()
    }

    private func run(_ side: HTTP2Mux.Side, _ bytes: borrowing Span<UInt8>, pace: Int) {
        feed(bytes, pace: pace)
        flush()
        for end in ends { end.finish() }
        flush()
        mux.drain()
        flush()
        mux.receiveEnd(&input)
    }

    private func feed(_ bytes: borrowing Span<UInt8>, pace: Int) {
        var place = 0
        while place < bytes.count {
            let next = min(place + pace, bytes.count)
            place += input.append(bytes.extracting(place..<next))
            mux.receive(&input)
            for end in ends { end.check(window) }
        }
        input.releaseWhenIdle()
    }

    private func flush() {
        for _ in 0..<20 {
            mux.produce(into: &output, limit: 16_384)
            guard !output.isEmpty else { return }
            output.removeAll()
        }
    }

    private func close() {
        mux.transportFailed(.stopping)
        output.removeAll()
        for end in ends { end.leave() }
        input.consume(input.count)
        input.releaseWhenIdle()
    }

    private func request() {
        let end = Peer(mux)
        let exchange = Exchange(front: end, handler: end, resources: resources)
        end.exchange = exchange
        ends.append(end)
        let head = resources.heads.obtain(.request)
        try? head.setAuthorityAndHost(Span("a.test"))
        try? head.setPath(Span("/"))
        exchange.request.put(head)
        exchange.request.end()
    }

    func muxNeedsFlush() {}
    func muxStreamsChanged() {}

    func openExchange(for end: any StreamEnd) -> Exchange? {
        // Every fourth request finds no room.
        guard ends.count % 4 != 3 else {
            ends.append(Peer(nil))
            return nil
        }
        let peer = Peer(nil)
        ends.append(peer)
        let exchange = Exchange(front: end, handler: peer, resources: resources)
        peer.exchange = exchange
        return exchange
    }
}

/// The proxy's other side for one exchange: it answers, reads slowly, and leaves.
private final class Peer: StreamEnd, ExchangeHandler {
    weak var exchange: Exchange?
    /// The mux that a request goes to; nil for the front.
    private let mux: HTTP2Mux?
    private var hold: Exchange?

    init(_ mux: HTTP2Mux?) { self.mux = mux }

    func check(_ window: Int) {
        guard let exchange else { return }
        let half: Half = mux == nil ? exchange.request : exchange.response
        promise(half.count <= window, "\(half.count) bytes wait, the window is \(window)")
        _ = half.take(upTo: 100)
    }

    func finish() {
        guard mux == nil, let exchange else { return }
        while exchange.request.take() != nil {}
        if exchange.response.phase == .body { exchange.response.end() }
    }

    func leave() {
        hold?.kill(.killed)
        hold = nil
    }

    func requestReceived(_ exchange: Exchange) {
        if let mux {
            hold = exchange
            _ = mux.open(exchange)
            return
        }
        exchange.attach(back: self)
        answer(exchange, status: 200)
        exchange.response.put(Chunk(copying: Span("an answer"), pool: exchange.resources.buffers))
    }

    func requestRejected(_ exchange: Exchange, status: Int) {
        answer(exchange, status: status)
        exchange.response.end()
    }

    private func answer(_ exchange: Exchange, status: Int) {
        let head = exchange.resources.heads.obtain(.response)
        head.status = status
        head.bodyLength = .unknown
        exchange.response.put(head)
    }

    func responseReceived(_ exchange: Exchange) {}
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {}
    func exchangeEnded(_ exchange: Exchange) { self.exchange = nil }
    func outgoingReady() {}
    func incomingDrained() {}
    func reset(_ reason: CloseReason) {}
}
