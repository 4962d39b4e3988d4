public import QUICTransport
public import Runtime
import Synchronization

/// What the workers of a process share for QUIC: the service key, the numbers that their connection IDs carry, and the
/// mailboxes by which they hand each other datagrams. From any thread.
public final class QUICService: Sendable {
    public let key: QUICServiceKey
    /// This process's generation, which its connection IDs carry.
    public let generation: Int
    /// How many workers the process has.
    public let workers: Int
    /// Whose connections write qlog files.
    public let logs = QUICLogService()
    private let boxes: [HandoverBox]

    /// - Parameters:
    ///   - key: the key that all processes of the service share; nil makes one for this process alone.
    public init(workers: Int, key: QUICServiceKey? = nil, generation: Int = 0) throws(SystemError) {
        self.key = key ?? QUICServiceKey(random: .system())
        self.generation = generation
        self.workers = workers
        var boxes: [HandoverBox] = []
        for _ in 0..<workers { boxes.append(try HandoverBox()) }
        self.boxes = boxes
    }

    /// Makes the kernel give each datagram to the worker whose connection ID it carries, by a program on the reuseport
    /// group of `descriptor`. The group's sockets are bound already, in the workers' order. Others than these, by hash.
    ///
    /// Without it (the kernel refuses, the socket is not shared) the workers hand datagrams over themselves.
    public func steer(_ descriptor: Int32) throws(SystemError) {
        let range = ConnectionIDCodec.SocketRange(generation: generation, firstSocket: 0, workers: workers)
        let program = ConnectionIDCodec(key: key).steeringFilter([range])
        try DatagramGroup.steer(
            descriptor,
            by: program.map {
                .init(code: $0.code, jumpTrue: $0.jumpTrue, jumpFalse: $0.jumpFalse, operand: $0.operand)
            })
    }

    /// Where others leave datagrams for a worker; nil when there is no such worker.
    func box(of worker: Int) -> HandoverBox? { boxes.indices.contains(worker) ? boxes[worker] : nil }
}

/// A datagram that reached another worker than its connection's.
struct HandedDatagram: Sendable {
    let bytes: [UInt8]
    let path: QUICPath
    let ecn: UInt8
    /// The listener that it reached.
    let frontend: Int
    let bind: Int
    let port: UInt16
}

/// A worker's mailbox for datagrams, with a limit.
final class HandoverBox: Sendable {
    /// Datagrams that may wait. More are dropped, as a full receive buffer would.
    static let limit = 2048

    private let mailbox: Mailbox<HandedDatagram>
    private let waiting = Atomic<Int>(0)

    init() throws(SystemError) { mailbox = try Mailbox() }

    /// Turns readable when datagrams wait.
    var descriptor: Int32 { mailbox.descriptor }

    /// Leaves a datagram; false when too many wait. From any thread.
    func post(_ datagram: HandedDatagram) -> Bool {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.limit else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        mailbox.post(datagram)
        return true
    }

    /// Takes all that wait, oldest first. On the owner's thread.
    func take() -> [HandedDatagram] {
        let datagrams = mailbox.take()
        waiting.wrappingSubtract(datagrams.count, ordering: .relaxed)
        return datagrams
    }
}
