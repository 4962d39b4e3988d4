import Bytes
public import QUICTransport
public import Runtime
public import Streams
public import TLSTransport

/// A worker's QUIC connections: what their sockets share, all links, draining and stopping. Its TCP counterpart is
/// ``ConnectionManager``.
public final class QUICConnectionManager {
    public let loop: EventLoop
    public let resources: WorkerResources
    public let service: QUICService
    /// This worker's number, which its connection IDs carry.
    public let worker: Int
    /// True once ``drain()`` was called.
    public private(set) var isDraining = false
    /// Called when the last client connection carries nothing any more.
    public var ranDry: (() -> Void)?
    public private(set) var listeners: [QUICListener] = []

    /// Clients' connections at all listeners: a client may move from one to another (RFC 9000 section 9).
    let clientTable = ConnectionIDTable()
    let receiver = DatagramReceiver()
    let outbox: QUICOutbox
    let random: QUICRandom
    /// Table and stateless answers of connections to servers.
    let clientEndpoint: QUICEndpoint
    /// All links, those in their closing period included.
    private var links: [QUICLink] = []
    /// Client connections that carry data or may yet.
    public private(set) var clientCount = 0
    private let handover: HandoverPoller
    private let idleRound: IdleRound

    /// - Parameters:
    ///   - random: unpredictable, but for simulations.
    ///   - clientVersions: what connections to servers may speak, most preferred first.
    public init(
        loop: EventLoop, resources: WorkerResources, service: QUICService, worker: Int,
        random: QUICRandom = .system(), clientVersions: [UInt32] = QUICSettings.Version.all
    ) throws(SystemError) {
        guard let box = service.box(of: worker) else { throw SystemError("QUIC worker", 22) }
        self.loop = loop
        self.resources = resources
        self.service = service
        self.worker = worker
        self.random = random
        outbox = QUICOutbox(loop: loop)
        var configuration = QUICEndpoint.Configuration(
            route: .init(worker: worker, generation: service.generation), workers: service.workers)
        configuration.acceptsConnections = false
        configuration.versions = clientVersions
        configuration.steeringKey = service.steeringKey
        clientEndpoint = QUICEndpoint(configuration: configuration, key: service.key, random: random)
        handover = HandoverPoller(box)
        idleRound = IdleRound(on: loop)
        idleRound.rest = { [unowned self] index in index < links.count ? links[index].rest() : nil }
        handover.manager = self
        try loop.register(handover, descriptor: box.descriptor, writing: false, levelTriggered: true)
    }

    deinit { loop.deregister(handover, descriptor: handover.box.descriptor) }

    /// Calls `body` for every link, those in their closing period included.
    public func forEachLink(_ body: (QUICLink) -> Void) {
        for link in links { body(link) }
    }

    /// Links of all kinds, those in their closing period included.
    public var linkCount: Int { links.count }

    /// Datagrams that led to nothing for that reason, at the listeners of now.
    public func dropCount(_ reason: QUICEndpoint.DropReason) -> UInt64 {
        listeners.reduce(0) { $0 &+ $1.endpoint.dropCount(reason) }
    }

    /// Datagrams that the kernel dropped because a listener's receive buffer was full, at the listeners of now.
    public var overflowCount: UInt64 { listeners.reduce(0) { $0 &+ $1.socket.counters.overflowed } }

    // MARK: The table

    func insert(_ link: QUICLink) {
        link.tableIndex = links.count
        links.append(link)
        if link.role == .client { clientCount += 1 }
        idleRound.noteNewcomer()
    }

    /// A link carries nothing any more; its closing period goes on.
    func ended(_ link: QUICLink) {
        guard link.role == .client else { return }
        clientCount -= 1
        if clientCount == 0 { ranDry?() }
    }

    func remove(_ link: QUICLink) {
        let index = link.tableIndex
        guard index >= 0, index < links.count, links[index] === link else { return }
        let last = links.removeLast()
        if last !== link {
            links[index] = last
            last.tableIndex = index
        }
        link.tableIndex = -1
    }

    // MARK: Listeners

    func insert(_ listener: QUICListener) { listeners.append(listener) }

    /// The listener that answers from a local address; nil when there is none (any more).
    func listener(at local: SocketAddress) -> QUICListener? { listeners.first { $0.sends(from: local) } }

    /// Gives the listeners of a bind line other TLS settings, for connections from now on.
    public func renewTLS(frontend: Int, bind: Int, _ tls: QUICTLSContext) {
        for listener in listeners where listener.context.frontend == frontend && listener.context.bind == bind {
            listener.use(tls)
        }
    }

    func remove(_ listener: QUICListener) { listeners.removeAll { $0 === listener } }

    /// Takes a datagram that another worker or process has received.
    fileprivate func take(_ datagram: HandedDatagram) {
        let found =
            if let listener = datagram.listener {
                listeners.first {
                    $0.context.frontend == listener.frontend && $0.context.bind == listener.bind
                        && $0.localAddress.port == listener.port
                }
            } else {
                listener(at: datagram.path.local)
                    ?? listeners.first { $0.localAddress.port == datagram.path.local.port }
            }
        guard let found else { return }
        unsafe datagram.bytes.withUnsafeBytes {
            unsafe found.takeOver($0, datagram.path, datagram.ecn, hops: datagram.hops)
        }
    }

    // MARK: Life

    /// Ends every client connection gracefully, and takes no new ones.
    public func drain() {
        isDraining = true
        service.leaveOthersAlone()
        for listener in listeners { listener.stopAccepting() }
        for link in links where link.role == .client { link.drain() }
    }

    /// Closes the listeners' sockets, whatever is on them: the worker has ended, and reads them no more. A newer process
    /// counts on that before it hears of the end.
    public func closeSockets() {
        for listener in listeners { listener.closeSocket() }
        listeners = []
    }

    /// Ends every connection at once and sends what tells the peers so.
    public func stop() {
        isDraining = true
        for listener in listeners { listener.stopAccepting() }
        for link in links where link.isOpen {
            link.stop()
            link.flush()
        }
        outbox.send()
    }
}

/// Polls the mailbox by which other workers hand datagrams over.
private final class HandoverPoller: Pollable {
    let box: HandoverBox
    unowned var manager: QUICConnectionManager!

    init(_ box: HandoverBox) { self.box = box }

    override func ready(_ events: PollEvents) {
        for datagram in box.take() { manager.take(datagram) }
    }
}
