import MuxHTTP3
import QUICTransport

/// A peer without rules: it writes the bytes that a test gives it and keeps what comes.
@safe final class RawPeer: QUICApplication {
    /// Bytes to send on one stream, in memory that stays in place.
    @safe private final class Outgoing {
        let memory: UnsafeMutableBufferPointer<UInt8>
        var isAcknowledged = false

        init(_ bytes: [UInt8]) {
            unsafe memory = .allocate(capacity: bytes.count)
            _ = unsafe memory.initialize(from: bytes)
        }

        deinit { unsafe memory.deallocate() }
    }

    struct Incoming {
        var bytes: [UInt8] = []
        var isComplete = false
        var resetCode: UInt64?
    }

    unowned(unsafe) var connection: QUICConnection?
    private(set) var incoming: [QUICStreamID: Incoming] = [:]
    private(set) var closed: [QUICStreamID: UInt64?] = [:]
    private(set) var shut: [QUICStreamID] = []
    private(set) var close: QUICClose?
    private(set) var isReady = false
    /// Returns no credit: the peer has to stop.
    var withholdsCredit = false
    private var queue: [(id: QUICStreamID, data: Outgoing, sent: Int, fin: Bool)] = []
    private var kept: [Outgoing] = []

    init() { unsafe connection = nil }

    /// Queues bytes for a stream.
    func send(_ bytes: [UInt8], on id: QUICStreamID, fin: Bool = false) { queue.append((id, Outgoing(bytes), 0, fin)) }

    /// Opens a request stream and queues bytes for it.
    @discardableResult
    func request(_ bytes: [UInt8], fin: Bool = true) throws -> QUICStreamID {
        guard let connection = unsafe connection else { return -1 }
        let id = try connection.openBidirectionalStream()
        send(bytes, on: id, fin: fin)
        return id
    }

    /// Opens a unidirectional stream and queues bytes for it.
    @discardableResult
    func unidirectional(_ bytes: [UInt8], fin: Bool = false) throws -> QUICStreamID {
        guard let connection = unsafe connection else { return -1 }
        let id = try connection.openUnidirectionalStream()
        send(bytes, on: id, fin: fin)
        return id
    }

    /// The frames that came on a stream.
    func frames(on id: QUICStreamID) -> [(type: UInt64, payload: [UInt8])] {
        var frames: [(type: UInt64, payload: [UInt8])] = []
        let bytes = incoming[id]?.bytes ?? []
        var position = 0
        var reader = FrameHeaderReader()
        while let header = reader.read(bytes.span, &position) {
            let end = min(bytes.count, position + Int(header.length))
            frames.append((header.type, Array(bytes[position..<end])))
            position = end
        }
        return frames
    }

    // MARK: Events

    func readyToSend(alpn: [UInt8]) { isReady = true }
    func handshakeCompleted() {}
    func streamOpened(_ id: QUICStreamID) { incoming[id] = Incoming() }

    func streamDataReceived(
        _ id: QUICStreamID, offset: UInt64, bytes: UnsafeRawBufferPointer, fin: Bool, isEarlyData: Bool
    ) {
        unsafe incoming[id, default: Incoming()].bytes.append(contentsOf: bytes)
        if fin { incoming[id]?.isComplete = true }
        guard !withholdsCredit else { return }
        unsafe connection?.extendStreamCredit(id, UInt64(bytes.count))
        unsafe connection?.extendConnectionCredit(UInt64(bytes.count))
    }

    func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64) {}
    func streamClosed(_ id: QUICStreamID, applicationError: UInt64?) { closed[id] = .some(applicationError) }

    func streamReset(_ id: QUICStreamID, applicationError: UInt64, finalSize: UInt64) {
        incoming[id, default: Incoming()].resetCode = applicationError
    }

    func streamUnblocked(_ id: QUICStreamID) {}
    func bidirectionalStreamLimitRaised(to total: UInt64) {}
    func unidirectionalStreamLimitRaised(to total: UInt64) {}
    func datagramReceived(_ bytes: UnsafeRawBufferPointer, isEarlyData: Bool) {}
    func earlyDataRejected() {}
    func connectionClosed(_ close: QUICClose) { self.close = close }

    func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend? {
        guard let first = queue.first else { return nil }
        let count = unsafe first.data.memory.count - first.sent
        unsafe vectors[0] = QUICVector(base: first.data.memory.baseAddress.map { unsafe $0 + first.sent }, count: count)
        return QUICStreamToSend(id: first.id, vectorCount: count > 0 ? 1 : 0, fin: first.fin)
    }

    func didSend(_ id: QUICStreamID, count: Int) {
        guard !queue.isEmpty, queue[0].id == id else { return }
        queue[0].sent += count
        guard unsafe queue[0].sent >= queue[0].data.memory.count else { return }
        kept.append(queue.removeFirst().data)
    }

    func streamBlocked(_ id: QUICStreamID) {
        // Behind the others; a test that blocks a stream for good sends nothing else.
        if queue.count > 1 { queue.append(queue.removeFirst()) } else { queue.removeAll() }
    }

    func streamShutWrite(_ id: QUICStreamID) {
        shut.append(id)
        queue.removeAll { $0.id == id }
    }
}

/// A field section with literal names and values only (RFC 9204 section 4.5.6), as a HEADERS frame.
func headers(_ lines: [(String, [UInt8])]) -> [UInt8] {
    var section: [UInt8] = [0, 0]
    func integer(_ value: Int, prefix: Int, flags: UInt8) -> [UInt8] {
        let limit = (1 << prefix) - 1
        guard value >= limit else { return [flags | UInt8(value)] }
        var bytes = [flags | UInt8(limit)]
        var rest = value - limit
        while rest >= 128 {
            bytes.append(UInt8(rest & 0x7f | 0x80))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
    for (name, value) in lines {
        section += integer(name.utf8.count, prefix: 3, flags: 0x20) + Array(name.utf8)
        section += integer(value.count, prefix: 7, flags: 0) + value
    }
    return frame(FrameType.headers, section)
}

func headers(_ lines: [(String, String)]) -> [UInt8] { headers(lines.map { ($0.0, Array($0.1.utf8)) }) }

/// A GET as a HEADERS frame.
func getHeaders(_ extra: [(String, String)] = [], method: String = "GET", path: String = "/") -> [UInt8] {
    headers([(":method", method), (":scheme", "https"), (":authority", "a.test"), (":path", path)] + extra)
}

/// A control stream that begins as it should.
let controlPreface: [UInt8] = varint(StreamType.control) + frame(FrameType.settings)

func data(_ text: String) -> [UInt8] { frame(FrameType.data, Array(text.utf8)) }
