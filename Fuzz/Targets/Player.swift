import Bytes
import Messages
import Streams

/// The other side of one exchange: the server behind a fuzzed client, or the client before a fuzzed server. It reads
/// all it gets and writes it down.
final class Player: ExchangeHandler, StreamEnd {
    enum Role { case server, client }

    /// What it read, to be compared with another run.
    struct Record: Equatable {
        /// The head as text, or the status with which a request was refused.
        var head: [String] = []
        var interim: [Int] = []
        var body: [UInt8] = []
        var trailers: [String] = []
        /// The message came to its end.
        var isComplete = false
    }

    private(set) var record = Record()
    private(set) var isOver = false
    var exchange: Exchange?
    /// Client: where the request goes.
    weak var mux: (any ServerMux)?
    private let role: Role
    private let accepts: Bool
    private var isAttached = false
    private var hasAnswered = false
    private var hasLeft = false
    private var isTunnel = false

    init(_ role: Role, accepts: Bool) {
        self.role = role
        self.accepts = accepts
    }

    /// A client whose request goes over a back mux; nil when that takes no more.
    static func sending(
        _ request: ClientRequest, over mux: any ServerMux, _ resources: WorkerResources
    ) -> Player? {
        guard mux.availableStreams > 0 else { return nil }
        let player = Player(.client, accepts: false)
        player.mux = mux
        let exchange = Exchange(front: player, handler: player, resources: resources)
        player.exchange = exchange
        let head = resources.heads.obtain(.request)
        guard (try? request.fill(head)) != nil else { fatalError("broken promise: our own request is refused") }
        exchange.request.put(head)
        if request.bodyCount > 0 {
            let body = [UInt8](repeating: 0x2e, count: request.bodyCount)
            exchange.request.put(Chunk(copying: body.span, pool: resources.buffers))
        }
        exchange.request.end()
        return player
    }

    /// Reads what is there and answers what is complete; true when something happened.
    func play() -> Bool {
        guard let exchange, !isOver, isAttached, !hasLeft else { return false }
        let half = role == .server ? exchange.request : exchange.response
        var acted = false
        while let interim = half.takeInterim() {
            record.interim.append(interim.status)
            exchange.resources.heads.giveBack(interim)
            acted = true
        }
        if half.takeHead() != nil { acted = true }
        while let chunk = half.take() {
            for index in chunk.bytes.indices { record.body.append(chunk.bytes[index]) }
            acted = true
        }
        if half.isDrained, !record.isComplete {
            record.isComplete = true
            if let trailers = half.trailers { record.trailers = text(of: trailers) }
            half.delivered()
            acted = true
        }
        switch role {
        case .server:
            if !hasAnswered, record.isComplete || exchange.request.head?.bodyLength == .tunnel {
                answer(exchange)
                acted = true
            }
            // In a tunnel the client's direction goes on after the answer.
            if hasAnswered, !hasLeft, record.isComplete || half.isBroken || !isTunnel {
                hasLeft = true
                exchange.backFinished()
                acted = true
            }
        case .client:
            if record.isComplete || half.isBroken {
                exchange.frontFinished()
                acted = true
            }
        }
        return acted
    }

    /// The client goes away in the middle.
    func leave() {
        guard role == .client, let exchange, !isOver else { return }
        exchange.frontAborted(.clientAborted)
    }

    func letGo() { exchange = nil }

    private func answer(_ exchange: Exchange) {
        hasAnswered = true
        let asksForTunnel = exchange.request.head?.bodyLength == .tunnel
        isTunnel = asksForTunnel && accepts
        let head = exchange.resources.heads.obtain(.response)
        if isTunnel {
            head.status = exchange.request.head?.method == .connect ? 200 : 101
            head.bodyLength = .tunnel
        } else {
            head.status = asksForTunnel ? 404 : 200
            head.bodyLength = .known(5)
        }
        exchange.response.put(head)
        exchange.response.put(Chunk(copying: Span("hello"), pool: exchange.resources.buffers))
        exchange.response.end()
    }

    private func text(of head: MessageHead) -> [String] {
        (0..<head.fieldCount).map { "\(head.nameText(at: $0).string): \(head.value(at: $0).string)" }
    }

    // MARK: What the exchange says

    func requestReceived(_ exchange: Exchange) {
        isAttached = true
        guard let head = exchange.request.head else { return }
        switch role {
        case .server:
            let line = "\(head.methodText.string) \(head.scheme.string) \(head.authority.string) \(head.path.string)"
            record.head = ["\(line) \(head.bodyLength)"] + text(of: head)
            exchange.attach(back: self)
        case .client:
            if mux?.open(exchange) != true { exchange.frontAborted(.noServer) }
        }
    }

    func requestRejected(_ exchange: Exchange, status: Int) {
        record.head = ["rejected with \(status)"]
        let head = exchange.resources.heads.obtain(.response)
        head.status = status
        head.bodyLength = .none
        exchange.response.put(head)
        exchange.response.end()
    }

    func responseReceived(_ exchange: Exchange) {
        guard role == .client, let head = exchange.response.head else { return }
        record.head = ["\(head.status) \(head.bodyLength)"] + text(of: head)
    }

    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        // The reason may differ: the end of the connection is seen before or after what was wrong in it.
        record.head = ["failed"]
        if role == .client { exchange.frontAborted(reason) }
    }

    func exchangeEnded(_ exchange: Exchange) {
        promise(!isOver, "an exchange ends twice")
        isOver = true
    }

    // MARK: What the exchange wants of its end

    func outgoingReady() {}
    func incomingDrained() {}
    func reset(_ reason: CloseReason) {
        if role == .client { isOver = true }
        isAttached = false
    }
}

/// Feeds the same bytes whole and one by one. What is understood must not depend on how the network cut them: two
/// readings of one byte stream are what request smuggling is made of.
func promiseSameReading(_ whole: [Player], _ cut: [Player]) {
    promise(whole.count == cut.count, "\(whole.count) messages in one piece, \(cut.count) byte by byte")
    for (one, other) in zip(whole, cut) {
        promise(one.record.head == other.record.head, "\(one.record.head) in one piece, \(other.record.head) in many")
        guard one.record.isComplete, other.record.isComplete else { continue }
        promise(one.record == other.record, "\(one.record) in one piece, \(other.record) in many")
    }
}
