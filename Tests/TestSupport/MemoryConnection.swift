import Bytes
import Messages
package import Streams

/// A connection without a socket: a mux on one end, a test on the other. It treats its mux as a real connection does:
/// reads while the mux wants input, flushes at the end of a turn, and follows the mux's intent to close.
package final class MemoryConnection: MuxHost {
    package let resources: WorkerResources
    /// The mux under test; set right after the connection is made.
    package var mux: (any ByteStreamMux)!
    /// Opens exchanges for a front mux.
    package var opensExchange: (any StreamEnd) -> Exchange? = { _ in nil }
    /// Called when a back mux says that its streams changed.
    package var onStreamsChanged: () -> Void = {}

    /// Bytes given to the mux at once.
    package var readSize = Int.max
    /// False when the peer reads nothing.
    package var isPeerReading = true
    /// What the peer got.
    package private(set) var received: [UInt8] = []
    /// The peer sees the end of our direction.
    package private(set) var sawEnd = false
    /// The peer sees a reset.
    package private(set) var sawReset = false
    /// The connection is gone.
    package private(set) var isClosed = false
    /// How often the mux said that its streams changed.
    package private(set) var streamChanges = 0

    private var coming: [UInt8] = []
    private var taken = 0
    private var peerEnded = false
    private var endDelivered = false
    private var needsFlush = true
    private var input: InputBuffer
    private var output: OutputQueue

    package init(resources: WorkerResources) {
        self.resources = resources
        input = InputBuffer(pool: resources.buffers)
        output = OutputQueue(pool: resources.buffers)
    }

    // MARK: The mux's view

    package func muxNeedsFlush() { needsFlush = true }

    package func openExchange(for end: any StreamEnd) -> Exchange? { opensExchange(end) }

    package func muxStreamsChanged() {
        needsFlush = true
        streamChanges += 1
        onStreamsChanged()
    }

    // MARK: The peer's view

    /// The peer sends bytes.
    package func send(_ bytes: [UInt8]) {
        coming.append(contentsOf: bytes)
        needsFlush = true
    }

    /// The peer sends text.
    package func send(_ text: String) { send(Array(text.utf8)) }

    /// The peer ends its sending direction.
    package func end() {
        peerEnded = true
        needsFlush = true
    }

    /// The peer resets the connection, or the transport fails in another way.
    package func fail(_ failure: TransportFailure = .reset) {
        guard !isClosed else { return }
        output.removeAll()
        mux.transportFailed(failure)
        shut()
    }

    /// What the peer got since the last call.
    package func takeText() -> String {
        defer { received.removeAll() }
        return String(decoding: received, as: UTF8.self)
    }

    /// What the peer got so far.
    package var text: String { String(decoding: received, as: UTF8.self) }

    /// Bytes that the peer sent and the mux has not consumed, or not been given.
    package var unread: Int { coming.count - taken + input.count }

    /// Bytes that wait because the peer does not read.
    package var unsent: Int { output.count }

    // MARK: A turn

    /// One turn of a loop; false when there was nothing to do.
    package func turn() -> Bool {
        guard !isClosed else { return false }
        let worked = needsFlush || taken < coming.count && mux.wantsInput
        needsFlush = false
        if mux.wantsInput, !input.isEmpty { mux.receive(&input) }
        read()
        write()
        if output.isEmpty || mux.closeIntent == .abort { follow(mux.closeIntent) }
        return worked
    }

    /// Reads without writing, as a connection does when its events come before its flush.
    package func readOnly() {
        guard !isClosed else { return }
        read()
    }

    private func read() {
        while taken < coming.count, mux.wantsInput, !input.isFull {
            let size = min(readSize, coming.count - taken)
            taken += input.append(coming[taken..<(taken + size)].span)
            mux.receive(&input)
        }
        if taken == coming.count {
            coming.removeAll()
            taken = 0
        }
        if peerEnded, taken == coming.count, !endDelivered, mux.wantsInput {
            endDelivered = true
            mux.receiveEnd(&input)
        }
        input.releaseWhenIdle()
    }

    private func write() {
        mux.produce(into: &output, limit: 16_384)
        while isPeerReading, !output.isEmpty {
            while let chunk = output.takeFirst() {
                let bytes = chunk.bytes
                for index in bytes.indices { received.append(bytes[index]) }
            }
            output.consume(0)
            mux.produce(into: &output, limit: 16_384)
        }
    }

    private func follow(_ intent: CloseIntent) {
        switch intent {
        case .open: break
        case .shutdownWrite: sawEnd = true
        case .close:
            sawEnd = true
            shut()
        case .abort:
            sawReset = true
            shut()
        }
    }

    private func shut() {
        guard !isClosed else { return }
        isClosed = true
        mux.transportFailed(.stopping)
        output.removeAll()
        input.consume(input.count)
        input.releaseWhenIdle()
        onStreamsChanged()
    }
}
