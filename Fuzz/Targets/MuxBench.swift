import Bytes
import Messages
import Streams

/// A connection without a socket: one mux, and the other side of its exchanges played here. It feeds a peer's bytes in
/// pieces of a given size, as a network may cut them, and writes down what comes of them.
final class MuxBench: MuxHost {
    let resources = WorkerResources(buffers: BufferPool(slabSize: 16 * 1024, spareLimit: 4))
    /// What became of each exchange, in the order in which they were opened.
    private(set) var players: [Player] = []
    private var mux: (any ByteStreamMux)!
    private var input: InputBuffer
    private var output: OutputQueue
    private var needsFlush = false
    private let accepts: Bool
    private let answersLate: Bool

    /// - Parameters:
    ///   - accepts: whether requests for a tunnel are accepted; otherwise they are answered 404.
    ///   - answersLate: nothing is answered before all bytes are read. In HTTP/2 a frame for a stream means one thing
    ///     before the stream's answer and another after it.
    init(accepts: Bool = false, answersLate: Bool = false) {
        self.accepts = accepts
        self.answersLate = answersLate
        input = InputBuffer(pool: resources.buffers)
        output = OutputQueue(pool: resources.buffers)
    }

    func muxNeedsFlush() { needsFlush = true }
    func muxStreamsChanged() {}

    func openExchange(for end: any StreamEnd) -> Exchange? {
        let player = Player(.server, accepts: accepts)
        players.append(player)
        let exchange = Exchange(front: end, handler: player, resources: resources)
        player.exchange = exchange
        return exchange
    }

    /// Runs a mux on `bytes`, `piece` of them at a time, to the end of the connection. All that was opened must be
    /// closed then, and all memory back in the pool.
    func run<Mux: ByteStreamMux>(
        _ bytes: [UInt8], piece: Int, requests: [ClientRequest] = [], _ make: (MuxBench) -> Mux
    ) {
        do {
            let made = make(self)
            mux = made
            if let back = made as? any ServerMux {
                for one in requests {
                    if let player = Player.sending(one, over: back, resources) { players.append(player) }
                }
            }
            flush()
            feed(bytes, piece)
            if mux.closeIntent < .close {
                mux.receiveEnd(&input)
                while play() || flush() {}
            }
            mux.transportFailed(.reset)
            for player in players where !player.isOver { player.leave() }
            promise(players.allSatisfy { $0.isOver }, "an exchange outlives its connection")
            mux = nil
        }
        input.consume(input.count)
        input.releaseWhenIdle()
        output.removeAll()
        for player in players { player.letGo() }
        promise(resources.buffers.used == 0, "\(resources.buffers.used) slabs are never given back")
    }

    private func feed(_ bytes: [UInt8], _ piece: Int) {
        var offset = 0
        var turns = 0
        while mux.closeIntent < .close {
            turns += 1
            promise(turns < 100_000, "the mux never comes to rest")
            var acted = false
            if mux.wantsInput {
                let before = (offset, input.count)
                let end = offset + min(piece, bytes.count - offset)
                offset += input.append(bytes.span.extracting(offset..<end))
                mux.receive(&input)
                acted = before != (offset, input.count)
            }
            if answersLate, acted { continue }
            if play() { acted = true }
            if flush() { acted = true }
            if !acted { break }
        }
    }

    /// Lets all players act; true when one did.
    private func play() -> Bool {
        var acted = false
        for player in players where player.play() { acted = true }
        return acted
    }

    /// Sends what the mux has; true when there was something.
    @discardableResult private func flush() -> Bool {
        guard needsFlush else { return false }
        needsFlush = false
        mux.produce(into: &output, limit: 64 * 1024)
        output.removeAll()
        return true
    }
}

/// What a fuzzed server answers to.
struct ClientRequest {
    var method: StaticString = "GET"
    var bodyCount = 0
    var isUpgrade = false

    func fill(_ head: MessageHead) throws(MessageError) {
        try head.setMethod(Span(method))
        try head.setScheme(Span("https"))
        try head.setAuthorityAndHost(Span("example.test"))
        try head.setPath(Span("/"))
        head.bodyLength = bodyCount > 0 ? .known(UInt64(bodyCount)) : .none
        if bodyCount > 0 {
            let text = Array("\(bodyCount)".utf8)
            try head.append(.contentLength, text.span)
        }
        if isUpgrade {
            try head.append(.connection, Span("upgrade"))
            try head.append(.upgrade, Span("websocket"))
            try head.setUpgradeProtocol(Span("websocket"))
            head.bodyLength = .tunnel
        }
    }
}
