import Bytes
import QUICTransport
public import Runtime
import Streams
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
    /// Processes that the datagram of now has passed through.
    private var hops: UInt8 = 0

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
        configuration.otherGenerations = service.others
        configuration.steeringKey = service.steeringKey
        let endpoint = QUICEndpoint(
            configuration: configuration, key: service.key, random: manager.random, table: manager.clientTable)
        endpoint.arenas = manager.resources.connectionArenas
        // Each worker sets the same program: who comes first does not matter.
        if service.workers == 1 {
            isSteered = true
        } else {
            isSteered = settings.steers && (try? service.steer(descriptor.number)) != nil
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
            // A newer process takes it, if there is one.
            if unsafe manager.service.forward(handed(datagram, path, ecn), to: nil) {
                counters.forwarded &+= 1
            } else {
                counters.limited &+= 1
            }
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
        guard let session = try? tls.makeServerSession(ticketVersion: nil) else { return nil }
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

    // MARK: Other workers and processes

    private func handed(_ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8) -> HandedDatagram {
        unsafe HandedDatagram(
            bytes: Array(datagram), path: path, ecn: ecn,
            listener: .init(frontend: context.frontend, bind: context.bind, port: localAddress.port), hops: hops)
    }

    override func strayed(
        _ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8, to route: ConnectionIDCodec.Route
    ) {
        let handed = unsafe handed(datagram, path, ecn)
        let service = manager.service
        guard route.generation == service.generation else {
            if service.forward(handed, to: route.generation) {
                counters.forwarded &+= 1
            } else {
                counters.handoverDropped &+= 1
            }
            return
        }
        if let box = service.box(of: route.worker), route.worker != manager.worker, box.post(handed) {
            counters.handedOver &+= 1
        } else {
            counters.handoverDropped &+= 1
        }
    }

    override func carrier(of local: SocketAddress) -> QUICSocket {
        sends(from: local) ? self : manager.listener(at: local) ?? self
    }

    /// A datagram that another worker, or with `hops` another process has received.
    func takeOver(_ datagram: UnsafeRawBufferPointer, _ path: QUICPath, _ ecn: UInt8, hops: UInt8) {
        guard !isClosed else { return }
        counters.takenOver &+= 1
        self.hops = hops
        unsafe take(datagram, path, ecn)
        self.hops = 0
    }

    // MARK: Life

    /// Takes no more connections; those there are go on. Once the last is gone the socket closes.
    public func stopAccepting() {
        guard isAccepting else { return }
        isAccepting = false
        // First packets that wait in the socket are for the newer process. A full buffer has some thousands.
        if manager.service.hasHeir { receive(calls: 256) }
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
