public import QUICTransport
public import Runtime
import Synchronization

/// What the workers of a process share for QUIC: the service key, the numbers that their connection IDs carry, the
/// mailboxes by which they hand each other datagrams, and the channels to other processes. From any thread.
public final class QUICService: Sendable {
    public let key: QUICServiceKey
    /// What connection IDs are made and read with: that of the first process in a line of processes that follow each
    /// other, since the kernel reads the IDs of all with one program.
    public let steeringKey: QUICServiceKey
    /// This process's generation, which its connection IDs carry.
    public let generation: Int
    /// How many workers the process has.
    public let workers: Int
    /// Whose connections write qlog files.
    public let logs = QUICLogService()
    /// Other processes that can be handed datagrams.
    public let others = ProcessGenerations()
    /// Datagrams handed to other processes, taken from them, and lost for want of room or of the process.
    public let traffic = QUICHandoverTraffic()
    private let boxes: [HandoverBox]
    private let codec: ConnectionIDCodec
    private let channels = Mutex(Channels())

    private struct Channels {
        /// Channels by generation.
        var descriptors: [Int: Int32] = [:]
        /// The newer process that takes new connections instead of this one.
        var heir: Int?
    }

    /// - Parameters:
    ///   - key: the key that all processes of the service share; nil makes one for this process alone.
    ///   - steeringKey: nil: the same.
    public init(
        workers: Int, key: QUICServiceKey? = nil, steeringKey: QUICServiceKey? = nil, generation: Int = 0
    ) throws(SystemError) {
        let key = key ?? QUICServiceKey(random: .system())
        self.key = key
        self.steeringKey = steeringKey ?? key
        self.generation = generation
        self.workers = workers
        codec = ConnectionIDCodec(key: self.steeringKey)
        var boxes: [HandoverBox] = []
        for _ in 0..<workers { boxes.append(try HandoverBox()) }
        self.boxes = boxes
    }

    /// Makes the kernel give each datagram to the worker whose connection ID it carries, by a program on the reuseport
    /// group of `descriptor`. The group's sockets are bound already, in the workers' order, and are of this process
    /// alone. Others than these, by hash.
    ///
    /// Without it (the kernel refuses, the socket is not shared) the workers hand datagrams over themselves.
    public func steer(_ descriptor: Int32) throws(SystemError) {
        let range = ConnectionIDCodec.SocketRange(generation: generation, firstSocket: 0, workers: workers)
        try SteeredGroup.attach(codec.steeringFilter([range]), by: descriptor)
    }

    // MARK: Other processes

    /// Datagrams of that process's connections can be handed over from now on.
    ///
    /// - Parameters:
    ///   - channel: stays the caller's, who closes it after ``forget(_:)``.
    ///   - isHeir: it takes new connections instead of this one.
    public func connect(_ generation: Int, channel: Int32, isHeir: Bool) {
        channels.withLock {
            $0.descriptors[generation] = channel
            if isHeir { $0.heir = generation }
        }
        others.insert(generation)
    }

    /// A process is gone.
    public func forget(_ generation: Int) {
        others.remove(generation)
        channels.withLock {
            $0.descriptors[generation] = nil
            if $0.heir == generation { $0.heir = nil }
        }
    }

    /// From now on datagrams of all other generations are theirs, and get no stateless reset from this process: it is not
    /// the newest any more, or ends.
    public func leaveOthersAlone() { others.insertAll() }

    /// Whether a newer process takes new connections.
    var hasHeir: Bool { channels.withLock { $0.heir != nil } }

    /// Most processes that a datagram passes through: none goes round for ever.
    static let maxHops: UInt8 = 3

    /// Hands a datagram to a process: by its generation, or with nil to the newer one that takes new connections. False:
    /// there is none, or it has no room.
    func forward(_ datagram: HandedDatagram, to generation: Int?) -> Bool {
        guard datagram.hops < Self.maxHops else { return false }
        var datagram = datagram
        datagram.hops += 1
        let message = datagram.message
        // The descriptor must not close meanwhile. Nobody waits: the socket does not block, and such datagrams are few.
        let isSent = channels.withLock { channels in
            let direct = generation.flatMap { channels.descriptors[$0] }
            guard let channel = direct ?? channels.heir.flatMap({ channels.descriptors[$0] }) else { return false }
            return MessagePair.send(message, on: channel)
        }
        traffic.count(isSent ? .given : .lost)
        return isSent
    }

    /// A worker has ended: the newer process, if there is one, takes what still comes for it.
    public func workerEnded(_ worker: Int) {
        channels.withLock { channels in
            guard let heir = channels.heir, let channel = channels.descriptors[heir] else { return }
            QUICChannel.sendEnd(of: worker, on: channel)
        }
    }

    /// Takes a datagram that another process has handed over, by what stands behind the message's first byte.
    public func take(forwarded message: UnsafeRawBufferPointer) {
        guard let datagram = unsafe HandedDatagram(message: message) else { return }
        take(datagram)
    }

    /// Takes a datagram from a socket that no worker reads (any more).
    public func take(stray bytes: UnsafeRawBufferPointer, path: QUICPath, ecn: UInt8) {
        unsafe take(HandedDatagram(bytes: Array(bytes), path: path, ecn: ecn, listener: nil, hops: 1))
    }

    private func take(_ datagram: HandedDatagram) {
        let worker = unsafe datagram.bytes.withUnsafeBytes { bytes in
            if let route = unsafe codec.route(ofDatagram: bytes), route.generation == generation, route.worker < workers
            {
                return route.worker
            }
            return unsafe ConnectionIDCodec.newcomer(for: bytes, workers: workers)
        }
        traffic.count(box(of: worker)?.post(datagram) == true ? .taken : .lost)
    }

    /// Where others leave datagrams for a worker; nil when there is no such worker.
    func box(of worker: Int) -> HandoverBox? { boxes.indices.contains(worker) ? boxes[worker] : nil }
}

/// A datagram that reached another worker than its connection's, or another process.
struct HandedDatagram: Sendable {
    /// A listener, as all workers of a process have it.
    struct Listener: Sendable {
        let frontend: Int
        let bind: Int
        let port: UInt16
    }

    let bytes: [UInt8]
    let path: QUICPath
    let ecn: UInt8
    /// The listener that it reached; nil when that was another process's.
    let listener: Listener?
    /// Processes that it has passed through.
    var hops: UInt8 = 0
}

/// What was handed over between processes.
public final class QUICHandoverTraffic: Sendable {
    public enum Kind: Int, CaseIterable, Sendable { case given, taken, lost }

    private let given = Atomic<UInt64>(0)
    private let taken = Atomic<UInt64>(0)
    private let lost = Atomic<UInt64>(0)

    func count(_ kind: Kind) {
        switch kind {
        case .given: given.wrappingAdd(1, ordering: .relaxed)
        case .taken: taken.wrappingAdd(1, ordering: .relaxed)
        case .lost: lost.wrappingAdd(1, ordering: .relaxed)
        }
    }

    /// Datagrams so far.
    public subscript(kind: Kind) -> UInt64 {
        switch kind {
        case .given: given.load(ordering: .relaxed)
        case .taken: taken.load(ordering: .relaxed)
        case .lost: lost.load(ordering: .relaxed)
        }
    }
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
