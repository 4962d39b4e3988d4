import Bytes
import Connections
import Foundation
import QUICTransport
import Runtime
import Streams
import Synchronization
import TLSTransport
import TestSupport

/// How the servers of a test behave.
struct QUICTestSettings: Sendable {
    var quic = QUICSettings()
    var versions = QUICSettings.Version.all
    var connection = ConnectionSettings()
    var handshakeLimit = 1000
    var forcesRetry = false
    var retryThreshold: Int?
    var steers = true
    var acceptLimit = Int.max
    var takesEarlyData = false
    var socket = DatagramSocket.Options()
}

/// What lives on a worker's thread: loop, manager and owner in one. The client's side of a test has one as well.
final class QUICTestHost: QUICListenerOwner {
    let loop: EventLoop
    let manager: QUICConnectionManager
    private(set) var listener: QUICListener!
    private let acceptLimit: Int
    /// What happened, by link.
    var accepted: [QUICLink] = []
    var ready: [QUICLink] = []
    var early: [QUICLink] = []
    var closed: [(link: QUICLink, close: QUICClose)] = []
    /// Makes the mux; nil: an echo.
    var makeMux: ((QUICLink) -> (any QUICMux)?)?
    /// What lives as long as the worker.
    var keeps: AnyObject?
    var makeExchange: ((QUICLink, any StreamEnd) -> Exchange?)?

    init(service: QUICService, worker: Int, settings: QUICTestSettings = .init()) throws {
        loop = try EventLoop()
        manager = try QUICConnectionManager(
            loop: loop, resources: WorkerResources(clock: loop.clock), service: service, worker: worker,
            clientVersions: settings.versions)
        acceptLimit = settings.acceptLimit
    }

    func listen(_ descriptor: consuming OwnedDescriptor, _ settings: QUICTestSettings, _ tls: QUICTLSContext) throws {
        var options = QUICListenerSettings(
            quic: settings.quic, connection: settings.connection,
            handshakes: Admission(limit: settings.handshakeLimit))
        options.forcesRetry = settings.forcesRetry
        if let threshold = settings.retryThreshold { options.retryThreshold = threshold }
        options.versions = settings.versions
        options.steers = settings.steers
        options.socket = settings.socket
        listener = try QUICListener(
            descriptor, context: ListenerContext(frontend: 0, bind: 0, name: "test"), settings: options, tls: tls,
            manager: manager, owner: self)
    }

    /// Turns the loop until `condition` holds; throws when it does not in time.
    func turn(until what: String, within seconds: Int = 30, _ condition: () -> Bool) throws {
        let end = SystemClock.now().advanced(milliseconds: seconds * 1000)
        while !condition() {
            guard SystemClock.now() < end else { throw SupportError.timeout(what) }
            try loop.turn(waitingAtMost: end)
        }
    }

    func takePlace(for listener: QUICListener) -> Bool { accepted.count < acceptLimit }
    func returnPlace(for listener: QUICListener) {}
    func accepted(_ link: QUICLink, on listener: QUICListener) { accepted.append(link) }
    func makeMux(for link: QUICLink, _ alpn: ApplicationProtocol) -> (any QUICMux)? {
        if let makeMux { return makeMux(link) }
        return QUICEchoMux(on: link, name: UInt8(manager.worker))
    }
    func openExchange(on link: QUICLink, for end: any StreamEnd) -> Exchange? { makeExchange?(link, end) }
    func earlyDataPossible(_ link: QUICLink) { early.append(link) }
    func connectionReady(_ link: QUICLink) { ready.append(link) }
    func streamsChanged(on link: QUICLink) {}
    func connectionClosed(_ link: QUICLink, _ close: QUICClose) { closed.append((link, close)) }
}

/// Workers on threads of their own that listen on one address, one socket each.
final class QUICTestServer: Sendable {
    typealias Command = @Sendable (QUICTestHost) -> Void
    let address: SocketAddress
    let service: QUICService
    private let mailboxes: [Mailbox<Command>]

    /// - Parameter prepare: called on each worker's thread before it turns.
    init(
        workers: Int, _ settings: QUICTestSettings = .init(), certificate: String,
        on bound: SocketAddress = SocketAddress(ipv4: 127, 0, 0, 1, port: 0), descriptors inherited: [Int32]? = nil,
        service given: QUICService? = nil,
        prepare: @escaping Command = { _ in }
    ) throws {
        let descriptors = try inherited ?? DatagramGroup.open(bound, count: workers)
        var address = settings.socket.addresses?.local ?? Socket.localAddress(descriptors[0])
        if address.isWildcard { address = SocketAddress(ipv4: 127, 0, 0, 1, port: address.port) }
        self.address = address
        let service = try given ?? QUICService(workers: workers)
        self.service = service
        let store = try CertificateStore(loading: [certificate])
        let keys = try TicketKeyRing()
        mailboxes = try (0..<workers).map { _ in try Mailbox<Command>() }
        let started = DispatchSemaphore(value: 0)
        let failure = Mutex<String?>(nil)
        for worker in 0..<workers {
            let mailbox = mailboxes[worker]
            Thread.detachNewThread {
                do {
                    let host = try QUICTestHost(service: service, worker: worker, settings: settings)
                    var options = QUICTLSContext.ServerOptions(certificates: store, ticketKeys: keys)
                    if settings.takesEarlyData { options.replayGuard = keys.replayGuard }
                    let tls = try QUICTLSContext(server: options)
                    try host.listen(OwnedDescriptor(adopting: descriptors[worker]), settings, tls)
                    let commands = Commands(mailbox, host)
                    try host.loop.register(
                        commands, descriptor: mailbox.descriptor, writing: false, levelTriggered: true)
                    prepare(host)
                    started.signal()
                    try host.loop.run()
                } catch {
                    failure.withLock { $0 = "worker \(worker): \(error)" }
                    started.signal()
                }
            }
        }
        for _ in 0..<workers { started.wait() }
        if let text = failure.withLock({ $0 }) { throw SupportError.timeout(text) }
    }

    deinit { for mailbox in mailboxes { mailbox.post { $0.loop.stop() } } }

    private final class Commands: Pollable {
        let mailbox: Mailbox<Command>
        unowned let host: QUICTestHost
        init(_ mailbox: Mailbox<Command>, _ host: QUICTestHost) {
            self.mailbox = mailbox
            self.host = host
        }
        override func ready(_ events: PollEvents) { for command in mailbox.take() { command(host) } }
    }

    /// Asks every worker, on its thread, in their order.
    func ask<Answer: Sendable>(_ question: @escaping @Sendable (QUICTestHost) -> Answer) -> [Answer] {
        mailboxes.map { mailbox in
            let answer = Mutex<Answer?>(nil)
            let done = DispatchSemaphore(value: 0)
            mailbox.post { host in
                let value = question(host)
                answer.withLock { $0 = value }
                done.signal()
            }
            done.wait()
            return answer.withLock { $0! }
        }
    }
}

/// A network address translator: what comes from the client leaves by a port of its own, which can change.
final class QUICRelay: Pollable {
    let address: SocketAddress
    private let inside: DatagramSocket
    private var outside: DatagramSocket
    private var server: SocketAddress
    private let loop: EventLoop
    private let receiver = DatagramReceiver()
    private let sender = DatagramSender()
    private var client: SocketAddress?
    private var outer: Outer!
    /// The client's address as the server sees it.
    var outsideAddress: SocketAddress { outside.localAddress }

    private final class Outer: Pollable {
        unowned let relay: QUICRelay
        init(_ relay: QUICRelay) { self.relay = relay }
        override func ready(_ events: PollEvents) { relay.fromServer() }
    }

    /// - Parameter outside: a socket that leads to the server, when it is not to be opened here.
    init(to server: SocketAddress, on loop: EventLoop, outside: DatagramSocket? = nil) throws {
        self.server = server
        self.loop = loop
        inside = try DatagramSocket(
            adopting: DatagramSocket.bind(to: SocketAddress(ipv4: 127, 0, 0, 1, port: 0), reusesPort: false))
        self.outside = try outside ?? DatagramSocket(adopting: DatagramSocket.connect(to: server))
        address = inside.localAddress
        super.init()
        outer = Outer(self)
        try loop.register(self, descriptor: inside.descriptor, writing: false, levelTriggered: true)
        try loop.register(outer, descriptor: self.outside.descriptor, writing: false, levelTriggered: true)
    }

    /// From now on datagrams leave by another port, and may go to another address.
    func rebind(to other: SocketAddress? = nil) throws {
        if let other { server = other }
        loop.deregister(outer, descriptor: outside.descriptor)
        outside.close()
        outside = try DatagramSocket(adopting: DatagramSocket.connect(to: server))
        outer = Outer(self)
        try loop.register(outer, descriptor: outside.descriptor, writing: false, levelTriggered: true)
    }

    func close() {
        loop.deregister(self, descriptor: inside.descriptor)
        loop.deregister(outer, descriptor: outside.descriptor)
    }

    override func ready(_ events: PollEvents) {
        guard case .messages(let count, _) = receiver.receive(on: inside) else { return }
        for index in 0..<count {
            client = receiver[index].remote
            pass(receiver[index], outside, server)
        }
    }

    fileprivate func fromServer() {
        guard case .messages(let count, _) = receiver.receive(on: outside), let client else { return }
        for index in 0..<count { pass(receiver[index], inside, client) }
    }

    private func pass(_ message: DatagramReceiver.Message, _ socket: DatagramSocket, _ target: SocketAddress) {
        _ = sender.send(on: socket, from: .init(run: 0), to: 1) { _ in
            unsafe DatagramRun(
                bytes: message.bytes, segmentSize: message.segmentSize, ecn: message.ecn, local: socket.localAddress,
                remote: target)
        }
    }
}
