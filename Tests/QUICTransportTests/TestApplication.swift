import QUICTransport

/// An application on a QUIC connection: sends what a test gives it, keeps what arrives.
@safe
final class TestApplication: QUICApplication {
    /// What is to be sent on one stream, in memory that stays in place.
    @safe
    final class Outgoing {
        let memory: UnsafeMutableBufferPointer<UInt8>
        var sent = 0
        var finSent = false
        var acknowledged: UInt64 = 0
        var isBlocked = false
        var isShut = false
        var fin: Bool

        init(_ bytes: [UInt8], fin: Bool) {
            unsafe memory = .allocate(capacity: bytes.count)
            _ = unsafe memory.initialize(from: bytes)
            self.fin = fin
        }

        deinit { unsafe memory.deallocate() }

        var count: Int { unsafe memory.count }
        var isDone: Bool { isShut || sent == count && (!fin || finSent) }
    }

    struct Incoming {
        var bytes: [UInt8] = []
        var isComplete = false
        var resetCode: UInt64?
        var resetSize: UInt64?
    }

    let connection: QUICConnection
    var outgoing: [QUICStreamID: Outgoing] = [:]
    private var order: [QUICStreamID] = []
    var incoming: [QUICStreamID: Incoming] = [:]
    var closed: [QUICStreamID: UInt64?] = [:]
    var opened: [QUICStreamID] = []
    var shutWrites: [QUICStreamID] = []
    var datagrams: [[UInt8]] = []
    var close: QUICClose?
    var alpn: [UInt8]?
    var isComplete = false
    var closeCalls = 0
    var sawEarlyData = false
    var wasRejected = false
    var bidirectionalLimit: UInt64 = 0
    /// Sends back on a bidirectional stream what came on it, once it is complete.
    var echoes = false
    /// Returns credit at once.
    var credits = true
    /// Credit not returned yet, by stream.
    var withheld: [QUICStreamID: UInt64] = [:]
    /// Called by name from inside events.
    var onReady: ((TestApplication) -> Void)?
    var onStreamData: ((TestApplication, QUICStreamID) -> Void)?

    init(_ connection: QUICConnection) {
        self.connection = connection
        unsafe connection.application = self
    }

    func send(_ bytes: [UInt8], on id: QUICStreamID, fin: Bool = true) {
        outgoing[id] = Outgoing(bytes, fin: fin)
        order.append(id)
    }

    func sendDatagram(_ bytes: [UInt8]) throws(QUICError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { unsafe copy.deallocate() }
        unsafe copy.copyBytes(from: bytes)
        try unsafe connection.sendDatagram(UnsafeRawBufferPointer(copy))
    }

    /// Returns all credit that was withheld.
    func releaseCredit() {
        for (id, count) in withheld {
            connection.extendStreamCredit(id, count)
            connection.extendConnectionCredit(count)
        }
        withheld = [:]
    }

    // MARK: Events

    func readyToSend(alpn: [UInt8]) {
        self.alpn = alpn
        onReady?(self)
    }

    func handshakeCompleted() { isComplete = true }

    func streamOpened(_ id: QUICStreamID) {
        opened.append(id)
        incoming[id] = Incoming()
    }

    func streamDataReceived(
        _ id: QUICStreamID, offset: UInt64, bytes: UnsafeRawBufferPointer, fin: Bool, isEarlyData: Bool
    ) {
        var stream = incoming[id] ?? Incoming()
        precondition(offset == UInt64(stream.bytes.count), "stream data with a gap or overlap")
        unsafe stream.bytes.append(contentsOf: bytes)
        stream.isComplete = fin
        incoming[id] = stream
        if isEarlyData { sawEarlyData = true }
        if credits {
            connection.extendStreamCredit(id, UInt64(bytes.count))
            connection.extendConnectionCredit(UInt64(bytes.count))
        } else {
            withheld[id, default: 0] += UInt64(bytes.count)
        }
        if echoes, fin, id & 2 == 0 { send(stream.bytes, on: id) }
        onStreamData?(self, id)
    }

    func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64) {
        guard let stream = outgoing[id] else { return }
        stream.acknowledged += count
        precondition(stream.acknowledged <= UInt64(stream.sent), "acknowledged more than was sent")
    }

    func streamClosed(_ id: QUICStreamID, applicationError: UInt64?) {
        precondition(closed[id] == nil, "stream closed twice")
        closed[id] = .some(applicationError)
        outgoing[id] = nil
        order.removeAll { $0 == id }
    }

    func streamReset(_ id: QUICStreamID, applicationError: UInt64, finalSize: UInt64) {
        incoming[id, default: Incoming()].resetCode = applicationError
        incoming[id]?.resetSize = finalSize
    }

    func streamUnblocked(_ id: QUICStreamID) { outgoing[id]?.isBlocked = false }

    func bidirectionalStreamLimitRaised(to total: UInt64) { bidirectionalLimit = total }

    func unidirectionalStreamLimitRaised(to total: UInt64) {}

    func datagramReceived(_ bytes: UnsafeRawBufferPointer, isEarlyData: Bool) {
        datagrams.append(unsafe Array(bytes))
    }

    func earlyDataRejected() {
        wasRejected = true
        outgoing = [:]
        order = []
        onReady?(self)
    }

    func connectionClosed(_ close: QUICClose) {
        self.close = close
        closeCalls += 1
        order = []
    }

    // MARK: Sending

    func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend? {
        for (index, id) in order.enumerated() {
            guard let stream = outgoing[id], !stream.isDone, !stream.isBlocked else { continue }
            order.remove(at: index)
            order.append(id)
            guard let base = unsafe stream.memory.baseAddress else {
                return QUICStreamToSend(id: id, vectorCount: 0, fin: stream.fin)
            }
            // In two pieces, as a mux would give a header and a body.
            let left = stream.count - stream.sent
            let first = min(left, 100)
            unsafe vectors[0] = QUICVector(base: base + stream.sent, count: first)
            unsafe vectors[1] = QUICVector(base: base + stream.sent + first, count: left - first)
            return QUICStreamToSend(id: id, vectorCount: 2, fin: stream.fin)
        }
        return nil
    }

    func didSend(_ id: QUICStreamID, count: Int) {
        guard let stream = outgoing[id] else { return }
        stream.sent += count
        if stream.sent == stream.count, stream.fin { stream.finSent = true }
    }

    func streamBlocked(_ id: QUICStreamID) { outgoing[id]?.isBlocked = true }

    func streamShutWrite(_ id: QUICStreamID) {
        outgoing[id]?.isShut = true
        shutWrites.append(id)
    }
}

/// Keeps what a connection logs.
final class CollectedLog: QUICLogSink {
    private var text: [UInt8] = []
    private(set) var ends = 0

    var string: String { String(decoding: text, as: UTF8.self) }

    func write(_ bytes: UnsafeRawBufferPointer, isLast: Bool) {
        unsafe text.append(contentsOf: bytes)
        if isLast { ends += 1 }
    }
}
