import Bytes
import Messages
import MuxHTTP2
import Streams

/// The test's end of an exchange: it remembers what it was told.
final class ManualEnd: StreamEnd {
    private(set) var readyCalls = 0
    private(set) var drainedCalls = 0
    private(set) var resetReason: CloseReason?

    func outgoingReady() { readyCalls += 1 }
    func incomingDrained() { drainedCalls += 1 }
    func reset(_ reason: CloseReason) { resetReason = reason }
}

/// What a handler was told about an exchange.
final class Record: ExchangeHandler {
    var exchange: Exchange?
    /// The end that the test plays: the server of a front's exchange, the client of a back's.
    let end = ManualEnd()
    private(set) var failure: CloseReason?
    private(set) var isUnsent = false
    private(set) var rejectedStatus: Int?
    private(set) var isOver = false
    private(set) var bytesToClient: UInt64 = 0
    private(set) var bytesFromClient: UInt64 = 0
    private(set) var loggedFailure: CloseReason?
    var attachesEnd = true
    var onRequest: ((Exchange) -> Void)?
    var onBackFailed: ((Exchange) -> Void)?

    func requestReceived(_ exchange: Exchange) {
        if attachesEnd { exchange.attach(back: end) }
        onRequest?(exchange)
    }
    func requestRejected(_ exchange: Exchange, status: Int) {
        rejectedStatus = status
        let head = exchange.resources.heads.obtain(.response)
        head.status = status
        exchange.response.put(head)
        exchange.response.end()
    }
    func responseReceived(_ exchange: Exchange) {}
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        failure = reason
        self.isUnsent = isUnsent
        onBackFailed?(exchange)
    }
    func exchangeEnded(_ exchange: Exchange) {
        isOver = true
        loggedFailure = exchange.failure
        bytesToClient = exchange.bytesToClient
        bytesFromClient = exchange.bytesFromClient
        self.exchange = nil
    }
}

/// A connection without a socket around one mux.
final class TestConnection: MuxHost {
    let resources: WorkerResources
    private(set) var mux: HTTP2Mux!
    var input: InputBuffer
    var output: OutputQueue
    var needsFlush = false
    var outputLimit = 65_536
    /// Records of the exchanges that the mux opened, in order: front side.
    private(set) var records: [Record] = []
    private(set) var streamsChangedCalls = 0
    var refusesExchanges = false
    var prepare: ((Record) -> Void)?

    init(
        _ side: HTTP2Mux.Side, _ settings: HTTP2Settings = HTTP2Settings(),
        _ resources: WorkerResources = WorkerResources()
    ) throws {
        self.resources = resources
        input = InputBuffer(pool: resources.buffers)
        output = OutputQueue(pool: resources.buffers)
        mux = try HTTP2Mux(side: side, settings: settings, host: self)
    }

    func muxNeedsFlush() { needsFlush = true }
    func muxStreamsChanged() { streamsChangedCalls += 1 }

    func openExchange(for end: any StreamEnd) -> Exchange? {
        guard !refusesExchanges else { return nil }
        let record = Record()
        prepare?(record)
        records.append(record)
        let exchange = Exchange(front: end, handler: record, resources: resources)
        record.exchange = exchange
        return exchange
    }

    /// Lets the mux produce once.
    func flush() {
        needsFlush = false
        mux.produce(into: &output, limit: outputLimit)
        // So that every test finds the session packed, whatever comes next.
        _ = mux.rest()
    }

    /// Gives bytes to the mux as reads of the slab's size.
    func receive(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            offset += input.append(bytes.span.extracting(offset..<bytes.count))
            mux.receive(&input)
        }
        input.releaseWhenIdle()
    }

    /// Takes all output, flushing until there is none.
    func takeOutput() -> [UInt8] {
        var all: [UInt8] = []
        repeat {
            flush()
            while let chunk = output.takeFirst() {
                for index in chunk.bytes.indices { all.append(chunk.bytes[index]) }
            }
            output.consume(0)
        } while needsFlush
        return all
    }

    /// Ends the transport and lets go of everything that holds memory.
    func close(_ failure: TransportFailure = .stopping) {
        mux.transportFailed(failure)
        output.removeAll()
        input.consume(input.count)
        input.releaseWhenIdle()
    }
}

/// A back mux and a front mux joined by a wire.
final class Link {
    let client: TestConnection
    let server: TestConnection
    let pool: BufferPool
    let clock: TurnClock
    /// Bytes that one move carries at most.
    var moveLimit = Int.max

    init(client: HTTP2Settings = HTTP2Settings(), server: HTTP2Settings = HTTP2Settings()) throws {
        let resources = WorkerResources(buffers: BufferPool(slabSize: 32 * 1024))
        pool = resources.buffers
        clock = resources.clock
        self.client = try TestConnection(.back, client, resources)
        self.server = try TestConnection(.front, server, resources)
    }

    /// Moves bytes both ways until neither side has more to say. `eachTurn` may take and put in between; it returns
    /// true while it did something.
    func run(_ eachTurn: () -> Bool = { false }) {
        var turns = 0
        while turns < 100_000 {
            turns += 1
            let sent = move(client, server)
            let answered = move(server, client)
            let acted = eachTurn()
            if !sent, !answered, !acted, !client.needsFlush, !server.needsFlush { return }
        }
    }

    private func move(_ from: TestConnection, _ to: TestConnection) -> Bool {
        from.flush()
        var left = moveLimit
        var moved = false
        while left > 0, let chunk = from.output.takeFirst(upTo: min(left, 16_384)) {
            left -= chunk.count
            moved = true
            var offset = 0
            while offset < chunk.count {
                offset += to.input.append(chunk.bytes.extracting(offset..<chunk.count))
                to.mux.receive(&to.input)
                _ = to.mux.rest()
            }
        }
        from.output.consume(0)
        to.input.releaseWhenIdle()
        return moved
    }

    /// Opens a request from the client's side. The test plays the client on the record's exchange.
    func request(
        _ method: String = "GET", _ path: String = "/", fields: [(String, String)] = [],
        length: BodyLength = .none, ends: Bool = true, setUp: (MessageHead) throws -> Void = { _ in }
    ) throws -> Record {
        let record = Record()
        record.attachesEnd = false
        let exchange = Exchange(front: record.end, handler: record, resources: client.resources)
        record.exchange = exchange
        let mux = client.mux!
        var isOpen = false
        record.onRequest = { isOpen = mux.open($0) }
        let head = client.resources.heads.obtain(.request)
        try head.setMethod(bytes(method).span)
        try head.setScheme(bytes("https").span)
        try head.setAuthorityAndHost(bytes("a.test").span)
        if method != "CONNECT" { try head.setPath(bytes(path).span) }
        for field in fields { try head.append(name: bytes(field.0).span, bytes(field.1).span) }
        head.bodyLength = length
        try setUp(head)
        exchange.request.put(head)
        if ends { exchange.request.end() }
        if !isOpen { record.onBackFailed?(exchange) }
        return record
    }

    /// Ends both transports.
    func close() {
        client.close()
        server.close()
    }
}

extension Record {
    /// Plays the server: answers with a head, a body and the end.
    func respond(
        _ status: Int = 200, fields: [(String, String)] = [], body: String? = nil, length: BodyLength? = nil,
        ends: Bool = true
    ) throws {
        guard let exchange else { return }
        let head = exchange.resources.heads.obtain(.response)
        head.status = status
        for field in fields { try head.append(name: bytes(field.0).span, bytes(field.1).span) }
        head.bodyLength = length ?? body.map { .known(UInt64($0.utf8.count)) } ?? .none
        if (100..<200).contains(status), status != 101 { return exchange.response.putInterim(head) }
        exchange.response.put(head)
        if let body { exchange.response.put(text: body, exchange.resources.buffers) }
        if ends { exchange.response.end() }
    }
}

extension Half {
    /// Puts in a text as one chunk.
    func put(text: String, _ pool: BufferPool) { put(Chunk(copying: bytes(text).span, pool: pool)) }

    /// Puts in `count` bytes of a pattern that starts at `offset`.
    func putPattern(_ count: Int, from offset: Int, _ pool: BufferPool) {
        let piece = (0..<count).map { pattern(offset + $0) }
        put(Chunk(copying: piece.span, pool: pool))
    }

    /// Takes all that waits as text.
    func takeText() -> String {
        var all: [UInt8] = []
        while let chunk = take() {
            for index in chunk.bytes.indices { all.append(chunk.bytes[index]) }
        }
        return String(decoding: all, as: UTF8.self)
    }
}

func pattern(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 31 &+ place >> 8) }

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension MessageHead {
    /// The value of a field, as text.
    func field(_ name: String) -> String? {
        for index in 0..<fieldCount where nameText(at: index).string == name { return value(at: index).string }
        return nil
    }
}
