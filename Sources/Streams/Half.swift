public import Bytes
public import Messages

/// One direction of an exchange: a bounded queue from the end that receives a message (the producer) to the end that
/// sends it on (the consumer). Order: interim heads (responses only), head, body, trailers, end. When the queue is
/// full the producer stops reading from its peer; when the consumer takes bytes the producer is told.
public final class Half {
    /// How far the producer has come.
    public enum Phase: UInt8, Sendable, Comparable {
        /// Nothing final has come yet.
        case idle
        /// The head is here; body bytes may follow.
        case body
        /// The message is complete as received.
        case ended
        /// The producer stopped before the end; ``Half/failure`` says why.
        case aborted

        public static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    public enum Direction: Sendable { case request, response }

    public let direction: Direction
    /// Bytes that may wait in the queue.
    public var limit: Int
    public private(set) var phase = Phase.idle
    public private(set) var failure: CloseReason?
    /// The message's head; it stays for logs and rules until the exchange is over. Nil in TCP mode.
    public private(set) var head: MessageHead?
    /// Trailer fields, once the message has ended with some.
    public private(set) var trailers: MessageHead?
    /// True once the consumer has seen the head.
    public private(set) var headTaken = false
    /// True once the consumer has sent everything, the end included.
    public private(set) var isDelivered = false
    /// Body bytes that the producer put in so far.
    public private(set) var bytesIn: UInt64 = 0
    /// Body bytes that the consumer took so far.
    public private(set) var bytesOut: UInt64 = 0
    /// When the producer last put something in.
    public private(set) var lastPut = Instant.zero
    /// When the consumer last took something.
    public private(set) var lastTake = Instant.zero

    /// Whether bytes may go through a pipe.
    public var splicing = Splicing.never
    /// Bytes behind those of the queue that stay in the kernel. While there are some, nothing is put in the queue.
    public private(set) var pipe: KernelPipe?
    private var body = ChunkQueue(gathers: true)
    private var interim: [MessageHead] = []
    /// What the consumer took, as far as it is kept: see ``keepForReplay(upTo:)``.
    private var kept = ChunkQueue(gathers: false)
    private var replayLimit = 0
    private var producerWaits = false
    private var dropsTrailers = false
    private let clock: TurnClock
    private unowned(unsafe) var joined: Exchange!
    /// The exchange, which keeps its halves.
    var exchange: Exchange { unsafe joined }
    /// The end that receives this message from its peer.
    public internal(set) var producer: (any StreamEnd)?
    /// The end that sends this message to its peer.
    public internal(set) var consumer: (any StreamEnd)?

    init(_ direction: Direction, limit: Int, clock: TurnClock) {
        self.direction = direction
        unsafe joined = nil
        self.limit = limit
        self.clock = clock
    }

    /// Makes the half one of `exchange`, before anything else.
    func join(_ exchange: Exchange) { unsafe joined = exchange }

    // MARK: The producer's side

    /// Bytes that the producer may still put in. At 0 it stops reading until ``StreamEnd/incomingDrained()``.
    public var room: Int {
        let left = pipe == nil ? limit - body.count : 0
        if left <= 0 { producerWaits = true }
        return max(0, left)
    }

    /// How many bytes of `input` the producer may put in now: as many as there is ``room`` for, but a large read whole
    /// when its consumer takes bytes as they come.
    public func room(for input: borrowing InputBuffer) -> Int {
        let left = room
        return left > 0 && input.isLarge && consumer != nil && !isHeld ? input.count : min(left, input.count)
    }

    /// Asks for ``StreamEnd/incomingDrained()`` once half of ``limit`` or less waits, even when the queue was never
    /// full: for ends that give credit to their peer (HTTP/2 and QUIC windows) for what the consumer took.
    public func tellWhenDrained() { producerWaits = true }

    /// Puts in an interim response (1xx other than 101). At most 16 may wait; more are dropped.
    public func putInterim(_ head: MessageHead) {
        guard phase == .idle, interim.count < 16 else {
            return exchange.resources.heads.giveBack(head)
        }
        lastPut = clock.now
        interim.append(head)
        consumer?.outgoingReady()
    }

    /// Puts in the head. The exchange's handler sees it first (routing, rules), then the consumer.
    public func put(_ head: MessageHead) {
        guard phase == .idle else { return exchange.resources.heads.giveBack(head) }
        self.head = head
        phase = .body
        lastPut = clock.now
        exchange.headArrived(self)
    }

    /// Starts a message without a head: TCP mode.
    public func putTunnel() {
        guard phase == .idle else { return }
        phase = .body
        headTaken = true
        lastPut = clock.now
        exchange.headArrived(self)
    }

    /// Puts in body bytes. The queue takes them even when they pass ``limit``: the producer asks for ``room`` before it
    /// reads more.
    public func put(_ chunk: consuming Chunk) {
        guard phase == .body, !chunk.isEmpty else { return }
        bytesIn += UInt64(chunk.count)
        body.append(chunk)
        lastPut = clock.now
        if consumer == nil || isHeld { exchange.bodyWaits(self) }
        consumer?.outgoingReady()
    }

    /// The message goes on without trailers, those that are here included.
    public func dropTrailers() {
        dropsTrailers = true
        if let trailers { exchange.resources.heads.giveBack(trailers) }
        trailers = nil
    }

    /// Ends the message, with trailers or without.
    public func end(trailers: MessageHead? = nil) {
        if dropsTrailers, let trailers {
            exchange.resources.heads.giveBack(trailers)
            return end()
        }
        guard phase == .body else {
            if let trailers { exchange.resources.heads.giveBack(trailers) }
            return
        }
        self.trailers = trailers
        phase = .ended
        lastPut = clock.now
        exchange.messageEnded(self)
        consumer?.outgoingReady()
    }

    /// Stops the message before its end. What waits in the queue may still be sent, but the consumer must not make the
    /// message look complete.
    public func abort(_ reason: CloseReason) {
        guard phase < .ended else { return }
        phase = .aborted
        failure = reason
        consumer?.outgoingReady()
    }

    // MARK: The consumer's side

    /// Bytes that wait in the queue.
    public var count: Int { body.count }

    /// True while the handler keeps the head back from the consumer: its rules wait for something.
    public var isHeld = false

    /// Pieces in which the bytes lie that wait.
    public var pieceCount: Int { body.chunks }

    /// Piece `index` of the bytes that wait, 0 the first; good until it is taken or dropped.
    @unsafe public func piece(_ index: Int) -> UnsafeRawBufferPointer { unsafe body.rawBytes(at: index) }

    /// True when a head waits that the consumer has not taken.
    public var hasHead: Bool { head != nil && !headTaken && !isHeld }

    /// True when the message has ended and all its bytes are taken: trailers (if any) and the end come next.
    public var isDrained: Bool { phase == .ended && body.isEmpty && pipe == nil && (headTaken || head == nil) }

    /// True when the producer stopped before the end and all bytes that came are taken.
    public var isBroken: Bool { phase == .aborted && body.isEmpty && pipe == nil }

    /// Takes the next interim response, to be sent before the head.
    public func takeInterim() -> MessageHead? {
        guard !interim.isEmpty else { return nil }
        return interim.removeFirst()
    }

    /// Takes the head, once.
    public func takeHead() -> MessageHead? {
        guard let head, !headTaken, !isHeld else { return nil }
        headTaken = true
        lastTake = clock.now
        return head
    }

    /// Keeps body bytes that are taken from now on, so that another consumer can have them again, until they are more than
    /// `limit`.
    public func keepForReplay(upTo limit: Int) { replayLimit = limit }

    /// True when another consumer can start over: no body byte is gone, or all that are were kept.
    public var isRewindable: Bool { bytesOut == 0 || bytesOut <= UInt64(replayLimit) }

    /// Lets another consumer start over with the head: the last one failed. False when body bytes are gone already.
    public func rewind() -> Bool {
        guard isRewindable else { return false }
        if bytesOut > 0 {
            while let chunk = body.takeFirst() { kept.append(chunk) }
            swap(&body, &kept)
            bytesOut = 0
        }
        headTaken = head == nil
        isDelivered = false
        return true
    }

    func adopt(_ pipe: KernelPipe) { self.pipe = pipe }

    /// Gives the pipe back, and what is in it up.
    func releasePipe() {
        guard let pipe else { return }
        self.pipe = nil
        exchange.resources.pipes.giveBack(pipe)
    }

    func countPut(_ count: Int) {
        bytesIn += UInt64(count)
        lastPut = clock.now
    }

    func countTaken(_ count: Int) {
        bytesOut += UInt64(count)
        lastTake = clock.now
    }

    /// Lets a producer go on that waits for room.
    func tellProducer() {
        guard producerWaits, body.count <= limit / 2 else { return }
        producerWaits = false
        producer?.incomingDrained()
    }

    /// Takes the first bytes, at most `length`, as a chunk; nil when none wait.
    public func take(upTo length: Int = .max) -> Chunk? {
        guard let chunk = body.takeFirst(upTo: length) else { return nil }
        bytesOut += UInt64(chunk.count)
        lastTake = clock.now
        if replayLimit > 0 {
            if isRewindable { kept.append(chunk.share()) } else { kept.removeAll() }
        }
        tellProducer()
        return chunk
    }

    /// The consumer has sent the end of the message to its peer, or its share of the message is over.
    public func delivered() {
        guard !isDelivered else { return }
        isDelivered = true
        lastTake = clock.now
    }

    /// Drops what waits and lets the producer go on: nobody wants the rest.
    public func discard() {
        body.removeAll()
        releasePipe()
        if producerWaits {
            producerWaits = false
            producer?.incomingDrained()
        }
    }

    /// Forgets a message of which the consumer has taken nothing, so that the proxy can answer by itself.
    func restart(_ heads: HeadPool) {
        guard !headTaken else { return }
        if let head { heads.giveBack(head) }
        if let trailers { heads.giveBack(trailers) }
        head = nil
        trailers = nil
        body.removeAll()
        releasePipe()
        phase = .idle
        failure = nil
        isHeld = false
    }

    /// Gives the heads back to the worker.
    func recycle(_ heads: HeadPool) {
        if let head { heads.giveBack(head) }
        if let trailers { heads.giveBack(trailers) }
        for head in interim { heads.giveBack(head) }
        head = nil
        trailers = nil
        interim = []
        body.removeAll()
        releasePipe()
        kept.removeAll()
        producer = nil
        consumer = nil
    }
}
