import Bytes
import QUICTransport
public import Runtime
public import TLSTransport

/// One worker's socket of a QUIC bind line: takes new connections, within limits, and hands datagrams of other workers'
/// connections over to them.
public final class QUICListener: QUICSocket {
    public let context: ListenerContext
    public let settings: QUICListenerSettings
    public private(set) var counters = QUICListenerCounters()
    /// The kernel gives each datagram to its connection's worker by itself.
    public let isSteered: Bool
    private var tls: QUICTLSContext
    private let quic: QUICSettings
    private unowned let owner: any QUICListenerOwner
    private var isAccepting = true

    /// - Parameters:
    ///   - descriptor: a bound UDP socket. When several workers share the address, all their sockets are bound, in the
    ///     workers' order, before the first listener is made: see ``QUICService/steer(_:)``.
    ///   - tls: makes the sessions; it is this worker's own.
    public init(
        _ descriptor: consuming OwnedDescriptor, context: ListenerContext, settings: QUICListenerSettings,
        tls: QUICTLSContext, manager: QUICConnectionManager, owner: any QUICListenerOwner
    ) throws(SystemError) {
        self.context = context
        self.settings = settings
        self.tls = tls
        var quic = settings.quic
        if let limit = settings.connection.handshakeTimeout {
            quic.handshakeTimeout = Instant.zero.advanced(milliseconds: limit).nanoseconds
        }
        self.quic = quic
        self.owner = owner
        let service = manager.service
        var configuration = QUICEndpoint.Configuration(
            route: .init(worker: manager.worker, generation: service.generation), workers: service.workers)
        configuration.versions = settings.versions
        let endpoint = QUICEndpoint(
            configuration: configuration, key: service.key, random: manager.random, table: manager.clientTable)
        // Each worker sets the same program: who comes first does not matter.
        if service.workers > 1 {
            isSteered = settings.steers && (try? service.steer(descriptor.number)) != nil
        } else {
            isSteered = true
        }
        try super.init(descriptor, options: settings.socket, endpoint: endpoint, manager: manager)
        manager.insert(self)
    }

    /// Takes connections with other TLS settings from now on.
    func use(_ tls: QUICTLSContext) { self.tls = tls }

    // MARK: First packets

    override func started(
        _ initial: QUICInitial, _ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8
    ) {
        guard isAccepting else {
            counters.limited &+= 1
            return
        }
        var asksRetry = settings.forcesRetry
        if owner.decidesInitials {
            switch owner.decide(makeSession(on: path)) {
            case .accept: break
            case .drop:
                counters.refused &+= 1
                return
            case .reject:
                counters.refused &+= 1
                outbox.claim(for: self)
                // RFC 9000 section 20.1: CONNECTION_REFUSED.
                _ = endpoint.writeRefusal(of: initial, transportError: 0x02, path: path, into: &outbox.batch)
                return
            case .retry: asksRetry = true
            }
        }
        if initial.addressValidation == .invalid {
            counters.invalidTokens &+= 1
            // RFC 9000 section 20.1: INVALID_TOKEN.
            _ = endpoint.writeRefusal(of: initial, transportError: 0x0b, path: path, into: &outbox.batch)
            return
        }
        if initial.addressValidation == .none,
            asksRetry || settings.handshakes.count >= settings.retryThreshold
        {
            return retry(initial, path)
        }
        guard owner.takePlace(for: self) else {
            counters.limited &+= 1
            return
        }
        guard settings.handshakes.enter() else {
            counters.limited &+= 1
            return owner.returnPlace(for: self)
        }
        guard let link = accept(initial, path) else {
            counters.unusable &+= 1
            owner.returnPlace(for: self)
            settings.handshakes.leave()
            return
        }
        counters.accepted &+= 1
        switch initial.addressValidation {
        case .retry: counters.retriesValidated &+= 1
        case .earlierConnection: counters.tokensAccepted &+= 1
        case .none, .invalid: break
        }
        owner.accepted(link, on: self)
        unsafe link.receive(datagram, path, ecn)
    }

    private func accept(_ initial: QUICInitial, _ path: QUICPath) -> QUICLink? {
        guard let session = try? tls.makeServerSession(version: initial.version) else { return nil }
        let log = manager.service.logs.sink(
            frontend: context.frontend, remote: path.remote, name: "\(initial.originalDestination)_server")
        let connection = try? endpoint.accept(
            initial, path: path, tls: session, settings: quic, qlog: log, now: loop.clock.now)
        guard let connection else { return nil }
        return QUICLink(
            role: .client, connection: connection, socket: self, manager: manager, owner: owner,
            settings: settings.connection, session: makeSession(on: path), initial: initial)
    }

    private func makeSession(on path: QUICPath) -> Session {
        Session(source: path.remote, destination: path.local, clock: loop.clock, isQUIC: true, listener: context)
    }

    override func retry(_ initial: QUICInitial, _ path: QUICPath) {
        counters.retries &+= 1
        outbox.claim(for: self)
        // A full batch loses the answer, as the network may: the client asks again.
        _ = endpoint.writeRetry(to: initial, path: path, into: &outbox.batch, wall: loop.clock.wall)
    }

    override func handshakeEnded(_ link: QUICLink, isComplete: Bool) {
        settings.handshakes.leave()
        if isComplete { counters.handshakes &+= 1 } else { counters.failedHandshakes &+= 1 }
    }

    // MARK: Other workers

    override func strayed(_ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8, to worker: Int) {
        let handed = unsafe HandedDatagram(
            bytes: Array(datagram), path: path, ecn: ecn, frontend: context.frontend, bind: context.bind,
            port: localAddress.port)
        if let box = manager.service.box(of: worker), worker != manager.worker, box.post(handed) {
            counters.handedOver &+= 1
        } else {
            counters.handoverDropped &+= 1
        }
    }

    override func carrier(of local: SocketAddress) -> QUICSocket {
        sends(from: local) ? self : manager.listener(at: local) ?? self
    }

    /// A datagram that another worker has received.
    func takeOver(_ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8) {
        guard !isClosed else { return }
        counters.takenOver &+= 1
        unsafe take(datagram, path, ecn)
    }

    // MARK: Life

    /// Takes no more connections; those there are go on. Once the last is gone the socket closes.
    public func stopAccepting() {
        isAccepting = false
        closeIfUnused()
    }

    override func remove(_ link: QUICLink) {
        super.remove(link)
        closeIfUnused()
    }

    private func closeIfUnused() {
        guard !isAccepting, linkCount == 0, !isClosed else { return }
        closeSocket()
        manager.remove(self)
    }
}
