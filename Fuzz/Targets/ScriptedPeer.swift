import QUICTransport

/// The other end of a fuzzed connection: it sends on its streams what it is told, and hears nothing.
@safe final class ScriptedPeer: QUICApplication {
    /// Bytes that stay in place until the peer goes.
    @safe private final class Outgoing {
        let id: QUICStreamID
        let memory: UnsafeMutableBufferPointer<UInt8>
        let isLast: Bool
        var sent = 0
        var isDone = false

        init(_ id: QUICStreamID, _ bytes: [UInt8], isLast: Bool) {
            self.id = id
            self.isLast = isLast
            unsafe memory = .allocate(capacity: bytes.count)
            _ = unsafe memory.initialize(from: bytes)
        }

        deinit { unsafe memory.deallocate() }
    }

    private unowned(unsafe) var connection: QUICConnection?
    private var all: [Outgoing] = []
    /// The real stream for each that the input names.
    private var streams: [QUICStreamID: QUICStreamID] = [:]
    /// Ended or given up.
    private var over: Set<QUICStreamID> = []

    init() { unsafe connection = nil }

    func adopt(_ connection: QUICConnection) {
        unsafe self.connection = connection
        unsafe connection.application = self
    }

    /// Queues bytes for the stream that the input calls `name`: bit 1 set for a unidirectional one. A client opens
    /// what it names; a server opens its unidirectional streams, and answers on the first three requests.
    func send(_ bytes: [UInt8], on name: QUICStreamID, isLast: Bool) {
        guard let connection = unsafe connection, let id = stream(name, connection), !over.contains(id) else { return }
        all.append(Outgoing(id, bytes, isLast: isLast))
        if isLast { over.insert(id) }
    }

    private func stream(_ name: QUICStreamID, _ connection: QUICConnection) -> QUICStreamID? {
        if let known = streams[name] { return known }
        if connection.role == .server, name & 2 == 0 { return name < 12 ? name : nil }
        let id = try? name & 2 != 0 ? connection.openUnidirectionalStream() : connection.openBidirectionalStream()
        streams[name] = id
        return id
    }

    func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend? {
        guard let next = all.first(where: { !$0.isDone }) else { return nil }
        let base = unsafe next.memory.baseAddress.map { unsafe $0 + next.sent }
        let count = unsafe next.memory.count - next.sent
        unsafe vectors[0] = QUICVector(base: base, count: count)
        return QUICStreamToSend(id: next.id, vectorCount: count > 0 ? 1 : 0, fin: next.isLast)
    }

    func didSend(_ id: QUICStreamID, count: Int) {
        guard let next = all.first(where: { !$0.isDone }) else { return }
        next.sent += count
        if unsafe next.sent >= next.memory.count { next.isDone = true }
    }

    func streamBlocked(_ id: QUICStreamID) { giveUp(id) }
    func streamShutWrite(_ id: QUICStreamID) { giveUp(id) }

    private func giveUp(_ id: QUICStreamID) {
        over.insert(id)
        for one in all where one.id == id { one.isDone = true }
    }

    func readyToSend(alpn: [UInt8]) {}
    func handshakeCompleted() {}
    func streamOpened(_ id: QUICStreamID) {}
    func streamDataReceived(
        _ id: QUICStreamID, offset: UInt64, bytes: UnsafeRawBufferPointer, fin: Bool, isEarlyData: Bool
    ) {
        unsafe connection?.extendStreamCredit(id, UInt64(bytes.count))
        unsafe connection?.extendConnectionCredit(UInt64(bytes.count))
    }
    func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64) {}
    func streamClosed(_ id: QUICStreamID, applicationError: UInt64?) { giveUp(id) }
    func streamReset(_ id: QUICStreamID, applicationError: UInt64, finalSize: UInt64) {}
    func streamUnblocked(_ id: QUICStreamID) {}
    func bidirectionalStreamLimitRaised(to total: UInt64) {}
    func unidirectionalStreamLimitRaised(to total: UInt64) {}
    func datagramReceived(_ bytes: UnsafeRawBufferPointer, isEarlyData: Bool) {}
    func earlyDataRejected() {}
    func connectionClosed(_ close: QUICClose) {
        unsafe connection = nil
        for one in all { one.isDone = true }
    }
}
