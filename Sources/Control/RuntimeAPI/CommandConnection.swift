import Bytes
import Glibc
import Runtime

/// The socket of one client of the runtime API: lines in, text out, both bounded.
@ControlActor
final class CommandConnection {
    /// What reading a line came to.
    enum Line {
        /// Without its line feed.
        case line(ArraySlice<UInt8>)
        /// It does not end within the limit.
        case tooLong
        /// The client sends no more, or was silent for too long.
        case end
    }

    /// Milliseconds without progress after which the connection ends.
    var timeout: Int
    /// What the other side has sent before it went is still read.
    var readsToEnd = false
    /// The client is gone: nothing can be sent.
    private(set) var isBroken = false

    /// Bytes of output that may wait before a writer has to.
    private static let outputLimit = 64 * 1024

    private let loop: ControlLoop
    private var descriptor: Int32
    private var poller: ControlPoller!
    private var timer: ControlTimer!
    private var input: [UInt8] = []
    private var consumed = 0
    /// Bytes of input that may wait.
    private var inputLimit: Int
    private var inputEnded = false
    private var output: [UInt8] = []
    private var sent = 0
    private var inputWaiter: ControlSignal?
    private var outputWaiter: ControlSignal?
    /// Set when the client goes.
    private var waiters: [ObjectIdentifier: ControlSignal] = [:]

    /// Takes over a connected socket.
    init(_ descriptor: consuming OwnedDescriptor, loop: ControlLoop, inputLimit: Int, timeout: Int) throws(SystemError)
    {
        self.loop = loop
        self.inputLimit = inputLimit
        self.timeout = timeout
        self.descriptor = descriptor.number
        poller = ControlPoller { [weak self] events in self?.ready(events) }
        timer = loop.makeTimer { [weak self] in self?.timedOut() }
        try loop.watch(poller, descriptor: descriptor.number)
        _ = descriptor.release()
    }

    private func ready(_ events: PollEvents) {
        if !events.isDisjoint(with: [.readable, .peerClosed, .hungUp]) { fill() }
        if events.contains(.writable) { flush() }
        if !events.isDisjoint(with: [.failed, .hungUp]) { broke() }
    }

    private func timedOut() {
        inputEnded = true
        inputWaiter?.set()
        if outputWaiter != nil { broke() }
    }

    private func broke() {
        isBroken = true
        if !readsToEnd { inputEnded = true }
        inputWaiter?.set()
        outputWaiter?.set()
        for waiter in waiters.values { waiter.set() }
    }

    /// Waits for a signal, for progress of at most ``timeout``.
    private func pause(_ path: ReferenceWritableKeyPath<CommandConnection, ControlSignal?>) async {
        let signal = ControlSignal()
        self[keyPath: path] = signal
        timer.arm(at: loop.now.advanced(milliseconds: timeout))
        await signal.wait()
        timer.disarm()
        self[keyPath: path] = nil
    }

    /// Waits until `signal` is set or `deadline` has come; throws when the client goes.
    func wait(for signal: ControlSignal, until deadline: Instant) async throws(CommandFailure) -> Bool {
        if isBroken { throw .disconnected }
        if signal.isSet { return true }
        let wake = ControlSignal()
        let alarm = loop.makeTimer { wake.set() }
        alarm.arm(at: deadline)
        waiters[ObjectIdentifier(wake)] = wake
        signal.also(wake)
        await wake.wait()
        alarm.disarm()
        waiters[ObjectIdentifier(wake)] = nil
        if isBroken { throw .disconnected }
        return signal.isSet
    }

    /// Waits until `signal` is set, or until the client sends something or ends its side. True: it was the client; what
    /// it sent is dropped.
    func waitForInput(or signal: ControlSignal) async throws(CommandFailure) -> Bool {
        fill()
        let wake = ControlSignal()
        if pending == 0, !inputEnded, !isBroken, !signal.isSet {
            waiters[ObjectIdentifier(wake)] = wake
            inputWaiter = wake
            signal.also(wake)
            await wake.wait()
            inputWaiter = nil
            waiters[ObjectIdentifier(wake)] = nil
        }
        if isBroken { throw .disconnected }
        guard pending > 0 || inputEnded else { return false }
        consumed = input.count
        return true
    }

    // MARK: Bytes

    /// Everything that came has been taken, and no more will come; or the connection is closed.
    var hasEnded: Bool { descriptor < 0 || (inputEnded && pending == 0) }

    /// Waits for bytes, and takes all that have come; nil when no more will come, or `isOver` says so.
    func chunk(until isOver: () -> Bool = { false }) async -> [UInt8]? {
        while !isOver() {
            if pending == 0 {
                _ = compact()
                fill()
            }
            if pending > 0 { return takeInput() }
            if hasEnded { return nil }
            await pause(\.inputWaiter)
        }
        return nil
    }

    /// Takes what has come, without waiting.
    func takeInput() -> [UInt8] {
        let bytes = Array(input[consumed...])
        consumed = 0
        input.removeAll(keepingCapacity: true)
        return bytes
    }

    /// Drops what has come.
    func dropInput() {
        fill()
        _ = takeInput()
    }

    /// Lets who waits for input look again.
    func stopWaiting() { inputWaiter?.set() }

    /// Sends what waits, and then the end: the other side can go on sending.
    func endOutput() {
        flush()
        guard descriptor >= 0 else { return }
        if output.isEmpty { return Socket.shutdownWrite(descriptor) }
        controlTask { [self] in
            while !isBroken, !output.isEmpty { await pause(\.outputWaiter) }
            if descriptor >= 0 { Socket.shutdownWrite(descriptor) }
        }
    }

    /// Sends a copy of the descriptor to another process.
    func give(over end: Int32) {
        if descriptor >= 0, end >= 0 { try? SocketPair.give(descriptor, over: end) }
    }

    // MARK: Descriptors

    /// Sends a number as C has it, and nothing else.
    func send(number: Int) async throws(CommandFailure) {
        try await send(all: unsafe withUnsafeBytes(of: Int32(clamping: number)) { unsafe Array($0) })
    }

    /// Sends bytes, and waits until the socket has them all.
    func send(all bytes: [UInt8]) async throws(CommandFailure) {
        try await write(bytes)
        flush()
        while !isBroken, !output.isEmpty { await pause(\.outputWaiter) }
        if isBroken { throw .disconnected }
    }

    /// Sends descriptors in as many messages as it takes, and waits for the client's thanks after each.
    func send(all descriptors: [Int32]) async throws(CommandFailure) {
        var sent = 0
        while sent < descriptors.count {
            let end = min(descriptors.count, sent + DescriptorHandover.batch)
            try send(descriptors: descriptors[sent..<end])
            try await skip(4)
            sent = end
        }
    }

    /// Sends descriptors in one message, behind all output.
    func send(descriptors: ArraySlice<Int32>) throws(CommandFailure) {
        guard output.isEmpty, DescriptorHandover.send(descriptors, to: descriptor) else { throw .disconnected }
    }

    /// Waits until the client has sent so many bytes, and drops them.
    func skip(_ count: Int) async throws(CommandFailure) {
        inputLimit = max(inputLimit, count)
        while pending < count {
            if inputEnded { throw .disconnected }
            let before = pending
            fill()
            if pending == before { await pause(\.inputWaiter) }
        }
        consumed += count
    }

    // MARK: Input

    /// Bytes that have come and are not consumed.
    private var pending: Int { input.count - consumed }

    /// The next line. `limit` bounds its bytes; `idle` is called before each wait for the client.
    func line(limit: Int, idle: () async throws(CommandFailure) -> Void) async throws(CommandFailure) -> Line {
        inputLimit = limit
        var searched = consumed
        while true {
            if let end = input[searched...].firstIndex(of: 0x0a) {
                let line = input[consumed..<end]
                consumed = end + 1
                return .line(line)
            }
            if pending >= limit { return .tooLong }
            searched = compact()
            fill()
            if input.count > searched { continue }
            if inputEnded { return .end }
            try await idle()
            await pause(\.inputWaiter)
        }
    }

    /// Drops what is consumed. Returns where the unread bytes that are searched already end.
    private func compact() -> Int {
        input.removeFirst(consumed)
        consumed = 0
        return input.count
    }

    /// Reads what the socket has, up to the limit.
    private func fill() {
        while descriptor >= 0, !inputEnded, pending < inputLimit {
            let room = min(inputLimit - pending, 16 * 1024)
            let result = unsafe withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer in
                let result = unsafe Socket.receive(descriptor, into: buffer)
                if case .bytes(let count) = result { unsafe input.append(contentsOf: buffer[..<count]) }
                return result
            }
            switch result {
            case .bytes: continue
            case .end, .failed: inputEnded = true
            case .wouldBlock: return wakeReader()
            }
        }
        wakeReader()
    }

    private func wakeReader() {
        if pending > 0 || inputEnded { inputWaiter?.set() }
    }

    // MARK: Output

    /// Queues bytes, and waits while more than the limit waits for a slow client.
    func write(_ bytes: [UInt8]) async throws(CommandFailure) {
        if isBroken { throw .disconnected }
        output.append(contentsOf: bytes)
        if output.count - sent < Self.outputLimit { return }
        flush()
        while !isBroken, output.count - sent >= Self.outputLimit { await pause(\.outputWaiter) }
        if isBroken { throw .disconnected }
    }

    /// Sends what waits, as far as the socket takes it.
    func flush() {
        while descriptor >= 0, !isBroken, sent < output.count {
            switch Socket.send(descriptor, output, from: sent) {
            case .bytes(let count): sent += count
            case .wouldBlock:
                if sent > Self.outputLimit {
                    output.removeFirst(sent)
                    sent = 0
                }
                outputWaiter?.set()
                return
            case .end, .failed: return broke()
            }
        }
        output.removeAll(keepingCapacity: true)
        sent = 0
        outputWaiter?.set()
    }

    /// Sends the rest and closes.
    func finish() async {
        flush()
        while !isBroken, !output.isEmpty { await pause(\.outputWaiter) }
        close()
    }

    private func close() {
        guard descriptor >= 0 else { return }
        timer.disarm()
        // What was sent must not be lost to a reset: nothing may wait unread when the socket closes.
        Socket.shutdownWrite(descriptor)
        consumed = 0
        input = []
        inputLimit = 64 * 1024
        fill()
        loop.forget(poller, descriptor: descriptor)
        _ = Glibc.close(descriptor)
        descriptor = -1
    }
}
