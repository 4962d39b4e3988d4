import Bytes
import Connections
import Messages
import MuxHTTP3
import QUICTransport
import Runtime
import Streams

/// A worker's HTTP/3 server for tests: `/N` is answered with N bytes, a POST with the number of bytes it brought.
final class HTTP3Origin: ExchangeHandler {
    private let resources: WorkerResources
    private let shared: HTTP3Resources
    private let filler: Chunk
    private(set) var requests = 0
    /// Bytes of all request bodies.
    private(set) var uploaded = 0
    private(set) var ended: [CloseReason?] = []
    /// Exchanges whose client was at another address at their end than at its connection's start.
    private(set) var moved = 0

    /// Bytes at `offset` of every body.
    static func byte(at offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset % 251) }

    init(on host: QUICTestHost) {
        resources = host.manager.resources
        shared = HTTP3Resources(resources)
        // A piece that can be repeated: its size is a multiple of the pattern's.
        let bytes = (0..<251 * 120).map { Self.byte(at: $0) }
        filler = Chunk(copying: bytes.span, pool: resources.buffers)
        host.makeMux = { [unowned self] link in
            try? HTTP3Mux(
                settings: HTTP3Settings(), connection: link.connection, host: link, resources: shared)
        }
        host.makeExchange = { [unowned self] link, end in
            let exchange = Exchange(front: end, handler: self, resources: resources)
            exchange.context = link
            return exchange
        }
    }

    func requestReceived(_ exchange: Exchange) {
        requests += 1
        exchange.attach(back: Content(exchange, self))
    }
    func requestRejected(_ exchange: Exchange, status: Int) { answer(exchange, status) }
    func responseReceived(_ exchange: Exchange) {}
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) { answer(exchange, 502) }
    func exchangeEnded(_ exchange: Exchange) {
        ended.append(exchange.failure)
        guard let link = exchange.context as? QUICLink, let now = link.connection.path?.remote else { return }
        if now != link.session?.source { moved += 1 }
    }

    private func answer(_ exchange: Exchange, _ status: Int) {
        let head = resources.heads.obtain(.response)
        head.status = status
        exchange.response.put(head)
        exchange.response.end()
    }

    /// The server's end of one exchange.
    private final class Content: StreamEnd {
        private let exchange: Exchange
        private let origin: HTTP3Origin
        private var left = 0
        private var offset = 0
        private var hasBegun = false

        init(_ exchange: Exchange, _ origin: HTTP3Origin) {
            self.exchange = exchange
            self.origin = origin
        }

        func outgoingReady() {
            let request = exchange.request
            if let head = request.takeHead() {
                let path = head.path.extracting(droppingFirst: min(1, head.path.count))
                left = path.withUTF8Number()
                if head.method != .post { begin() }
            }
            while request.take() != nil {}
            if request.isDrained, !hasBegun {
                left = Int(request.bytesIn)
                origin.uploaded += left
                begin()
            }
        }

        private func begin() {
            hasBegun = true
            let head = origin.resources.heads.obtain(.response)
            head.status = 200
            head.bodyLength = .known(UInt64(left))
            exchange.response.put(head)
            fill()
        }

        func incomingDrained() { fill() }

        private func fill() {
            let response = exchange.response
            guard response.phase == .body else { return }
            while left > 0, response.room > 0 {
                var piece = origin.filler.share()
                piece.removeFirst(offset % 251)
                let part = piece.split(min(left, piece.count))
                left -= part.count
                offset += part.count
                response.put(part)
            }
            if left == 0 {
                response.end()
                exchange.backFinished()
            }
        }

        func reset(_ reason: CloseReason) {}
    }
}

extension Span<UInt8> {
    /// The number that the bytes write in digits; 0 for anything else.
    fileprivate func withUTF8Number() -> Int {
        var number = 0
        for index in 0..<Swift.min(count, 15) {
            guard (0x30...0x39).contains(self[index]) else { return 0 }
            number = number * 10 + Int(self[index] - 0x30)
        }
        return number
    }
}

/// The client's end of one exchange on a connection of ours.
final class HTTP3Request: LoopMember, StreamEnd, ExchangeHandler {
    private let host: QUICTestHost
    private let link: QUICLink
    private var exchange: Exchange?
    private(set) var status = 0
    private(set) var received = 0
    private(set) var isIntact = true
    private(set) var isComplete = false
    private(set) var failure: CloseReason?
    private var uploadLeft: Int
    /// Bytes of the body that are taken from the response; more wait.
    var readLimit = Int.max

    /// Sends `GET /size`, or a POST with a body of `upload` bytes.
    init(_ size: Int, upload: Int? = nil, on link: QUICLink, _ host: QUICTestHost) throws {
        self.link = link
        self.host = host
        uploadLeft = upload ?? 0
        super.init()
        let resources = host.manager.resources
        let exchange = Exchange(front: self, handler: self, resources: resources)
        self.exchange = exchange
        let head = resources.heads.obtain(.request)
        try head.setMethod(Span(upload == nil ? "GET" : "POST"))
        try head.setScheme(Span("https"))
        try head.setAuthorityAndHost(Span("localhost"))
        let path = Array("/\(size)".utf8)
        try head.setPath(path.span)
        if let upload { head.bodyLength = .known(UInt64(upload)) }
        exchange.request.put(head)
        fill()
    }

    private func fill() {
        guard let request = exchange?.request, request.phase == .body else { return }
        while uploadLeft > 0, request.room > 0 {
            let bytes = [UInt8](repeating: 7, count: min(uploadLeft, 8192))
            uploadLeft -= bytes.count
            request.put(Chunk(copying: bytes.span, pool: host.manager.resources.buffers))
        }
        if uploadLeft == 0 { request.end() }
    }

    // As the handler
    func requestReceived(_ exchange: Exchange) {
        if !link.open(exchange) {
            failure = .resource
            exchange.frontAborted(.resource)
        }
    }
    func requestRejected(_ exchange: Exchange, status: Int) {}
    func responseReceived(_ exchange: Exchange) {}
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        failure = reason
        exchange.frontAborted(reason)
    }
    func exchangeEnded(_ exchange: Exchange) { self.exchange = nil }

    // As the front end
    func outgoingReady() { host.loop.schedule(self) }
    func incomingDrained() { fill() }
    func reset(_ reason: CloseReason) { failure = reason }

    override func flush() {
        guard let exchange else { return }
        let response = exchange.response
        if let head = response.takeHead() { status = head.status }
        while received < readLimit, let chunk = response.take() {
            let bytes = chunk.bytes
            for index in 0..<bytes.count where bytes[index] != HTTP3Origin.byte(at: received + index) {
                isIntact = false
            }
            received += bytes.count
        }
        if response.isDrained {
            isComplete = true
            exchange.frontFinished()
        } else if response.isBroken {
            failure = response.failure
            exchange.frontAborted(.clientAborted)
        }
    }

    /// Reads on after ``readLimit`` was raised.
    func readOn() { host.loop.schedule(self) }
}
