import Connections
import QUICTransport
import Streams

/// A protocol for tests on QUIC streams. The server's side sends back what came on a stream, after one byte that names
/// it; the client's side sends requests and keeps the answers.
@safe final class QUICEchoMux: QUICMux, ServerMux {
    /// What is to be sent on one stream, in memory that stays in place until the mux goes.
    @safe private final class Outgoing {
        let memory: UnsafeMutableBufferPointer<UInt8>
        var sent = 0
        var isDone = false
        var isBlocked = false

        init(_ bytes: [UInt8]) {
            unsafe memory = .allocate(capacity: bytes.count)
            _ = unsafe memory.initialize(from: bytes)
        }
        deinit { unsafe memory.deallocate() }
    }

    private unowned let link: QUICLink
    private var connection: QUICConnection { link.connection }
    private let name: UInt8
    private var outgoing: [(id: QUICStreamID, data: Outgoing)] = []
    private var incoming: [QUICStreamID: [UInt8]] = [:]
    private var open = 0
    private var waiting: [[UInt8]] = []
    private var isDraining = false
    private var hasReceived = false

    /// Answers that are complete, in the order of their ends. Client.
    var answers: [[UInt8]] = []
    var close: QUICClose?
    var wasReady = false

    init(on link: QUICLink, name: UInt8 = 0) {
        self.link = link
        self.name = name
    }

    /// Sends a request, as soon as a stream can be opened.
    func request(_ bytes: [UInt8]) {
        waiting.append(bytes)
        openWaiting()
        link.muxNeedsFlush()
    }

    private func openWaiting() {
        while let next = waiting.first, let id = try? connection.openBidirectionalStream() {
            waiting.removeFirst()
            open += 1
            outgoing.append((id, Outgoing(next)))
        }
    }

    // MARK: What the link says

    var activity: MuxActivity { open > 0 ? .busy : hasReceived ? .idle : .fresh }
    func drain() {
        isDraining = true
        closeWhenDrained()
    }
    func idleTimeout() { connection.close(applicationError: 7, text: "idle") }
    func transportFailed(_ failure: TransportFailure) { connection.close(applicationError: 8, text: "\(failure)") }
    private func closeWhenDrained() {
        if isDraining, open == 0 { connection.close(applicationError: 9, text: "drained") }
    }

    var availableStreams: Int { Int(connection.bidirectionalStreamsLeft) }
    func open(_ exchange: Exchange) -> Bool { false }

    // MARK: What the connection says

    func readyToSend(alpn: [UInt8]) {
        wasReady = true
        openWaiting()
    }
    func handshakeCompleted() {}
    func streamOpened(_ id: QUICStreamID) { open += 1 }
    func streamDataReceived(
        _ id: QUICStreamID, offset: UInt64, bytes: UnsafeRawBufferPointer, fin: Bool, isEarlyData: Bool
    ) {
        hasReceived = true
        unsafe incoming[id, default: []].append(contentsOf: bytes)
        connection.extendStreamCredit(id, UInt64(bytes.count))
        connection.extendConnectionCredit(UInt64(bytes.count))
        guard fin, let whole = incoming.removeValue(forKey: id) else { return }
        if connection.role == .server {
            outgoing.append((id, Outgoing([name] + whole)))
            link.muxNeedsFlush()
        } else {
            answers.append(whole)
        }
    }
    func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64) {}
    func streamClosed(_ id: QUICStreamID, applicationError: UInt64?) {
        open -= 1
        outgoing.removeAll { $0.id == id }
        closeWhenDrained()
    }
    func streamReset(_ id: QUICStreamID, applicationError: UInt64, finalSize: UInt64) {}
    func streamUnblocked(_ id: QUICStreamID) { outgoing.first { $0.id == id }?.data.isBlocked = false }
    func bidirectionalStreamLimitRaised(to total: UInt64) { openWaiting() }
    func unidirectionalStreamLimitRaised(to total: UInt64) {}
    func datagramReceived(_ bytes: UnsafeRawBufferPointer, isEarlyData: Bool) {}
    func earlyDataRejected() {}
    func connectionClosed(_ close: QUICClose) { self.close = close }

    func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend? {
        guard let next = outgoing.first(where: { !$0.data.isDone && !$0.data.isBlocked }) else { return nil }
        let data = next.data
        guard let base = unsafe data.memory.baseAddress else { return nil }
        unsafe vectors[0] = QUICVector(base: base + data.sent, count: data.memory.count - data.sent)
        return QUICStreamToSend(id: next.id, vectorCount: 1, fin: true)
    }
    func didSend(_ id: QUICStreamID, count: Int) {
        guard let data = outgoing.first(where: { $0.id == id })?.data else { return }
        data.sent += count
        data.isDone = unsafe data.sent == data.memory.count
    }
    func streamBlocked(_ id: QUICStreamID) { outgoing.first { $0.id == id }?.data.isBlocked = true }
    func streamShutWrite(_ id: QUICStreamID) { outgoing.first { $0.id == id }?.data.isDone = true }
}
