public import Bytes
public import QUICTransport
public import Runtime

/// One UDP socket of one worker with the QUIC connections on it. ``QUICListener`` takes new ones from clients;
/// ``QUICClientSocket`` carries one to a server.
public class QUICSocket: Pollable {
    public let socket: DatagramSocket
    /// The table of connection IDs, and stateless answers.
    public let endpoint: QUICEndpoint
    let loop: EventLoop
    let outbox: QUICOutbox
    unowned let manager: QUICConnectionManager
    /// Connections on this socket, those in their closing period included.
    private(set) var linkCount = 0
    private(set) var isClosed = false

    /// The send buffer is full: connections wait with what they have to send.
    private(set) var isBlocked = false
    private var backlog = QUICBacklog()
    private var waiting: [QUICLink] = []

    /// Receive calls in a row, so that other descriptors get their share of a turn.
    private static let callsPerTurn = 4

    /// - Parameter descriptor: a bound, or connected, UDP socket.
    init(
        _ descriptor: consuming OwnedDescriptor, options: DatagramSocket.Options, endpoint: QUICEndpoint,
        manager: QUICConnectionManager
    ) throws(SystemError) {
        socket = try DatagramSocket(adopting: descriptor, options: options)
        self.endpoint = endpoint
        self.manager = manager
        loop = manager.loop
        outbox = manager.outbox
        super.init()
        try loop.register(self, descriptor: socket.descriptor, writing: false, levelTriggered: true)
    }

    /// The address that the socket is bound to.
    public final var localAddress: SocketAddress { socket.localAddress }

    // MARK: Receiving

    public override func ready(_ events: PollEvents) {
        if isBlocked, !events.isDisjoint(with: [.writable, .failed, .hungUp]) { resume() }
        guard !events.isDisjoint(with: [.readable, .failed, .hungUp]) else { return }
        receive(calls: Self.callsPerTurn)
    }

    /// Takes what waits, by so many calls at most.
    final func receive(calls: Int) {
        let receiver = manager.receiver
        for _ in 0..<calls {
            guard !isClosed else { return }
            switch receiver.receive(on: socket) {
            case .messages(let count, let isDrained):
                for index in 0..<count {
                    let message = receiver[index]
                    let path = QUICPath(local: message.local, remote: message.remote)
                    for segment in 0..<message.count { unsafe take(message[segment], path, message.ecn) }
                }
                if isDrained { return }
            case .wouldBlock: return
            case .failed(let code): failed(code)
            }
        }
    }

    /// Gives a datagram to its connection.
    func take(_ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8) {
        outbox.claim(for: self)
        let clock = loop.clock
        switch unsafe endpoint.route(datagram, path: path, into: &outbox.batch, now: clock.now, wall: clock.wall) {
        case .connection(let connection):
            guard let holder = unsafe connection.holder else { return }
            // Whoever makes a connection on one of our endpoints sets its holder to its link.
            let link = unsafe unsafeDowncast(holder, to: QUICLink.self)
            unsafe link.receive(datagram, path, ecn)
        case .initial(let initial): unsafe started(initial, datagram, path, ecn)
        case .elsewhere(let route): unsafe strayed(datagram, path, ecn, to: route)
        case .answered, .dropped: break
        }
    }

    /// A client's first packet.
    func started(_ initial: QUICInitial, _ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8) {}

    /// A datagram of another worker's or process's connection.
    func strayed(
        _ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8, to route: ConnectionIDCodec.Route
    ) {}

    /// Receiving told of an error that waited on the socket.
    func failed(_ code: Int32) {}

    // MARK: Sending

    /// Sends some runs of the outbox's batch, each by the socket that its local address belongs to: nearly always this one.
    func send(_ runs: Range<Int>, of batch: borrowing DatagramBatch, by sender: DatagramSender) {
        var start = runs.lowerBound
        while start < runs.upperBound {
            let socket = carrier(of: batch[start].path.local)
            var end = start + 1
            while end < runs.upperBound, carrier(of: batch[end].path.local) === socket { end += 1 }
            socket.sendOwn(start..<end, of: batch, by: sender)
            start = end
        }
    }

    /// The socket that datagrams from a local address leave by.
    func carrier(of local: SocketAddress) -> QUICSocket { self }

    /// Whether datagrams with that local address are this socket's.
    final func sends(from local: SocketAddress) -> Bool {
        let own = localAddress
        guard own.port == local.port else { return false }
        return own == local || local.family == .unspecified || (own.isWildcard && own.family == local.family)
    }

    /// What finds the buffer full is kept until there is room.
    private func sendOwn(_ runs: Range<Int>, of batch: borrowing DatagramBatch, by sender: DatagramSender) {
        guard !isClosed else { return }
        if isBlocked {
            // Only stateless answers come here then: the network may lose them, and so may we.
            return
        }
        let position = sender.send(on: socket, from: .init(run: runs.lowerBound), to: runs.upperBound) { index in
            let run = batch[index]
            return unsafe DatagramRun(
                bytes: batch.bytes(of: run), segmentSize: run.segmentSize, ecn: run.ecn, local: run.path.local,
                remote: run.path.remote)
        }
        guard position.run < runs.upperBound else { return }
        backlog.append(batch, position.run..<runs.upperBound, offset: position.offset)
        block()
    }

    private func block() {
        isBlocked = true
        do throws(SystemError) {
            try loop.update(self, descriptor: socket.descriptor, writing: true)
        } catch {
            // Nobody would tell when there is room: lose what waits, as the network may.
            isBlocked = false
            backlog = QUICBacklog()
        }
    }

    /// There is room again.
    private func resume() {
        guard outbox.send(&backlog, on: socket) else { return }
        isBlocked = false
        backlog = QUICBacklog()
        // When this fails the loop tells of room that nobody waits for, and does no other harm.
        _ = try? loop.update(self, descriptor: socket.descriptor, writing: false)
        for link in waiting { loop.schedule(link) }
        waiting.removeAll(keepingCapacity: true)
    }

    /// `link` wants to write, and waits until the socket can send.
    func wait(_ link: QUICLink) {
        guard !link.waitsForSocket else { return }
        link.waitsForSocket = true
        waiting.append(link)
    }

    // MARK: Life

    func add(_ link: QUICLink) { linkCount += 1 }

    /// The handshake of a client's connection is over, well or not.
    func handshakeEnded(_ link: QUICLink, isComplete: Bool) {}

    /// The client of a first packet has to prove its address (RFC 9000 section 8.1.2).
    func retry(_ initial: QUICInitial, _ path: QUICPath) {}

    /// A connection is gone.
    func remove(_ link: QUICLink) { linkCount -= 1 }

    /// Closes the socket. What the outbox holds for it is sent first.
    func closeSocket() {
        guard !isClosed else { return }
        outbox.send()
        isClosed = true
        waiting = []
        loop.deregister(self, descriptor: socket.descriptor)
        socket.close()
    }
}
