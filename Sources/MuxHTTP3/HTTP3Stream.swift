import Bytes
import Messages
import QUICTransport
import Streams

/// One request stream as an end of an exchange. The object holds the stream's state; what happens to it is in
/// ``HTTP3Mux``. Objects are used again for other streams of the worker.
@safe final class HTTP3Stream: ReadyStream, StreamEnd {
    /// What the next bytes from the peer belong to.
    enum Reading {
        case frameHeader
        /// A DATA frame's payload.
        case content
        /// A HEADERS frame's payload.
        case fieldSection
        /// The payload of a frame that is ignored.
        case unknown
        /// A field section that waits for the QPACK encoder stream; all bytes are kept.
        case blocked
        /// Nothing any more: the end came, or the stream is given up.
        case nothing
    }

    /// How far the peer's message has come.
    enum Phase {
        /// The final head is yet to come.
        case head
        /// Body, trailers or the end follow.
        case content
        /// The trailers were there: only the end follows.
        case end
    }

    /// Why a stream stops sending while packets are built.
    enum SendFault {
        /// The half broke off.
        case brokenOff(CloseReason)
        /// The message can not be sent on this connection.
        case refused(CloseReason)
        /// The peer sent STOP_SENDING.
        case stopped
    }

    /// The mux; nil while the object is spare.
    unowned(unsafe) var mux: HTTP3Mux?
    /// The exchange; nil before it is open and after this end has left it.
    private(set) var exchange: Exchange?
    /// The half that this end fills. Good while there is an exchange.
    private(set) unowned(unsafe) var incoming: Half?
    /// The half that this end sends from. Good while there is an exchange.
    private(set) unowned(unsafe) var outgoing: Half?

    // Receiving (HTTP3Mux+Receiving)
    var reading = Reading.frameHeader
    var phase = Phase.head
    var frames = FrameHeaderReader()
    /// Bytes left of the present frame's payload.
    var frameLeft: UInt64 = 0
    let section: FieldSection
    /// The head of the field section that is under way.
    var assembler: HeadAssembler?
    /// What is wrong with it.
    var sectionError: MessageError?
    /// Its size so far, as RFC 9114 section 4.2.2 counts it.
    var sectionSize = 0
    /// What `content-length` promised and has not come; nil when nothing was promised.
    var bodyLeft: UInt64?
    /// The peer's message is a tunnel: no trailers.
    var isIncomingTunnel = false
    var trailers: MessageHead?
    /// The peer's end of stream came and was in order.
    var hasIncomingEnd = false
    /// Bytes that came while ``reading`` is ``Reading/blocked``.
    var blocked = ChunkQueue()
    /// The end came behind them.
    var blockedHasEnd = false
    /// QUIC has closed and forgotten the stream; what came on it is still to be read.
    var isGone = false
    /// The request's first bytes came in 0-RTT.
    var isEarlyData = false

    // Credit (HTTP3Mux+Credit)
    /// Bytes that came on the stream.
    var received: UInt64 = 0
    /// Those whose credit was returned to the connection's window.
    var credited: UInt64 = 0
    /// Credit that the stream's window has not got back yet.
    var creditDue: UInt64 = 0

    // Sending (HTTP3Mux+Sending)
    var buffer = SendBuffer()
    var hasOutgoingHead = false
    /// All of the message is in ``buffer``.
    var hasOutgoingEnd = false
    /// The request is a HEAD, whatever rules make of it: its response ends with the head.
    var isHead = false
    /// All of the message and the end of the stream are in packets.
    var isEndSent = false
    /// Nothing can be sent any more: reset by us, or stopped by the peer.
    var isWriteShut = false
    /// The peer's window for the stream is used up.
    var isFlowBlocked = false
    /// ``buffer`` is full until the peer acknowledges.
    var isBufferFull = false
    /// Bytes of the stream in packets.
    var sent: UInt64 = 0
    /// What ended the sending, until the exchange is told.
    var sendFault: SendFault?
    /// The stream waits to be settled after packets are built.
    var isUnsettled = false
    /// Back: what the response's head answers.
    var requestMethod = Method.get
    var opensTunnel = false

    // Order (HTTP3Mux+Streams)
    /// Front: the stream's request head is still awaited.
    var countsAsHead = false
    var hasPriorityUpdate = false
    /// The stream stands in the mux's line of streams with something to do.
    var isMarked = false
    unowned(unsafe) var nextMarked: HTTP3Stream?

    init(_ memory: QPACKMemory) {
        section = FieldSection(memory)
        unsafe mux = nil
        unsafe incoming = nil
        unsafe outgoing = nil
        unsafe nextMarked = nil
        super.init()
    }

    /// Takes the object into use.
    func begin(_ id: QUICStreamID, _ mux: HTTP3Mux) {
        self.id = id
        unsafe self.mux = mux
    }

    /// Makes the object ready for another stream.
    func end() {
        resetOrder()
        unsafe mux = nil
        reading = .frameHeader
        phase = .head
        frames = FrameHeaderReader()
        frameLeft = 0
        section.end()
        assembler = nil
        sectionError = nil
        bodyLeft = nil
        isIncomingTunnel = false
        trailers = nil
        hasIncomingEnd = false
        blocked.removeAll()
        blockedHasEnd = false
        isGone = false
        isEarlyData = false
        received = 0
        credited = 0
        creditDue = 0
        buffer.removeAll()
        hasOutgoingHead = false
        hasOutgoingEnd = false
        isHead = false
        isEndSent = false
        isWriteShut = false
        isFlowBlocked = false
        isBufferFull = false
        sent = 0
        sendFault = nil
        opensTunnel = false
        hasPriorityUpdate = false
        countsAsHead = false
    }

    /// Joins the end to an exchange.
    func attach(_ exchange: Exchange, incoming: Half, outgoing: Half) {
        self.exchange = exchange
        unsafe self.incoming = incoming
        unsafe self.outgoing = outgoing
    }

    /// Leaves the exchange and returns it.
    func detach() -> Exchange? {
        guard let exchange else { return nil }
        self.exchange = nil
        unsafe incoming = nil
        unsafe outgoing = nil
        return exchange
    }

    // MARK: What the exchange says

    func outgoingReady() { unsafe mux?.mark(self) }

    func incomingDrained() { unsafe mux?.mark(self) }

    func reset(_ reason: CloseReason) { unsafe mux?.reset(self, reason) }
}
