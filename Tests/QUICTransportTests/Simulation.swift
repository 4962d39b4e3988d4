import Bytes
import QUICTransport
import TLSTransport
import TestSupport

/// One host of a simulation: an endpoint with its connections, as a worker would drive them.
final class SimulatedHost {
    let endpoint: QUICEndpoint
    let tls: QUICTLSContext
    var settings: QUICSettings
    var address: SocketAddress
    unowned let network: SimulatedNetwork
    var connections: [QUICConnection] = []
    var applications: [ObjectIdentifier: TestApplication] = [:]
    /// Answers the first Initial of each client with Retry.
    var demandsRetry = false
    /// Called with each application that a server makes.
    var onAccept: ((TestApplication) -> Void)?
    var routes: [String] = []
    /// Addresses of which a NAT still knows whose they are, though it gives its host others by now.
    var formerAddresses: [SocketAddress: SocketAddress] = [:]
    /// Sizes of the datagrams of each run that left.
    private(set) var runs: [[Int]] = []
    private var flushes = 0
    private var batch = DatagramBatch(capacity: 128 << 10, runs: 64)

    init(
        _ network: SimulatedNetwork, address: SocketAddress, tls: QUICTLSContext, settings: QUICSettings,
        configuration: QUICEndpoint.Configuration = .init(), key: QUICServiceKey, seed: UInt64
    ) {
        self.network = network
        self.address = address
        self.tls = tls
        self.settings = settings
        endpoint = QUICEndpoint(configuration: configuration, key: key, random: QUICRandom(seed: seed))
        endpoint.arenas = ArenaPool(arenaSize: 128 * 1024)
    }

    func connect(
        to server: SocketAddress, version: UInt32 = QUICSettings.Version.v1, token: [UInt8] = [],
        originalVersion: UInt32 = 0, session: QUICTLSSession? = nil, qlog: (any QUICLogSink)? = nil
    ) throws -> TestApplication {
        let session = try session ?? tls.makeClientSession(serverName: "quic.test")
        let connection = try endpoint.connect(
            path: QUICPath(local: address, remote: server), tls: session, settings: settings, version: version,
            token: token, originalVersion: originalVersion, qlog: qlog, now: network.now)
        return adopt(connection)
    }

    private func adopt(_ connection: QUICConnection) -> TestApplication {
        let application = TestApplication(connection)
        connections.append(connection)
        applications[ObjectIdentifier(connection)] = application
        return application
    }

    func application(of connection: QUICConnection) -> TestApplication? { applications[ObjectIdentifier(connection)] }

    /// The application of the latest connection.
    var application: TestApplication? { connections.last.flatMap { application(of: $0) } }

    /// The application of any connection, also of one that is over.
    var anyApplication: TestApplication? { applications.values.first }

    /// Drops all connections without a word.
    func forgetAll() {
        connections = []
        applications = [:]
    }

    func receive(_ datagram: FlyingDatagram) {
        let path = QUICPath(local: address, remote: datagram.from)
        unsafe datagram.bytes.withUnsafeBytes { bytes in
            let route = unsafe endpoint.route(
                bytes, path: path, into: &batch, now: network.now, wall: network.now.nanoseconds)
            switch route {
            case .connection(let connection):
                unsafe connection.receive(bytes, path: path, ecn: datagram.ecn, now: network.now)
            case .initial(let initial):
                if demandsRetry, initial.addressValidation == .none {
                    routes.append("retry")
                    _ = endpoint.writeRetry(to: initial, path: path, into: &batch, wall: network.now.nanoseconds)
                } else if initial.addressValidation == .invalid {
                    routes.append("refusal")
                    _ = endpoint.writeRefusal(of: initial, transportError: 0x0b, path: path, into: &batch)
                } else {
                    unsafe accept(initial, bytes, path: path, ecn: datagram.ecn)
                }
            case .answered: routes.append("answered")
            case .elsewhere: routes.append("elsewhere")
            case .dropped(let reason): routes.append("dropped \(reason)")
            }
        }
        sendBatch()
    }

    private func accept(_ initial: QUICInitial, _ bytes: UnsafeRawBufferPointer, path: QUICPath, ecn: UInt8) {
        guard let session = try? tls.makeServerSession(ticketVersion: nil),
            let connection = try? endpoint.accept(
                initial, path: path, tls: session, settings: settings, now: network.now)
        else { return }
        routes.append("accept \(initial.addressValidation)")
        let application = adopt(connection)
        onAccept?(application)
        unsafe connection.receive(bytes, path: path, ecn: ecn, now: network.now)
        if connection.closeReason?.reason == .retryRequired {
            routes.append("retry")
            _ = endpoint.writeRetry(to: initial, path: path, into: &batch, wall: network.now.nanoseconds)
        }
    }

    /// Lets every connection send, as a worker does at the end of its turn.
    func flush() {
        for connection in connections where connection.phase != .closed {
            while connection.writeDatagrams(into: &batch, now: network.now) == .more { sendBatch() }
            sendBatch()
            // So that tests find the library's state packed, whatever comes next; not each time, it takes its time.
            flushes &+= 1
            if flushes % 7 == 0 { _ = connection.rest(now: network.now, quiet: 0) }
        }
        connections.removeAll { connection in
            guard connection.phase == .closed else { return false }
            return true
        }
    }

    func handleExpiry() {
        for connection in connections where connection.deadline <= network.now {
            connection.handleExpiry(now: network.now)
        }
    }

    var deadline: Instant { connections.map(\.deadline).min() ?? .distantFuture }

    private func sendBatch() {
        for index in 0..<batch.runCount {
            let run = batch[index]
            let bytes = unsafe Array(batch.bytes(of: run))
            var offset = 0
            precondition(run.datagramCount <= DatagramBatch.maxSegments && run.count <= DatagramBatch.maxRunSize)
            runs.append((0..<run.datagramCount).map { min(run.segmentSize, run.count - $0 * run.segmentSize) })
            while offset < bytes.count {
                let end = min(offset + run.segmentSize, bytes.count)
                let receiver = formerAddresses[run.path.remote] ?? network.inside(run.path.remote)
                network.send(Array(bytes[offset..<end]), from: address, to: receiver, ecn: run.ecn)
                offset = end
            }
        }
        batch.removeAll()
    }
}

/// A client and a server on a simulated network.
final class Simulation {
    let seed: UInt64
    let network: SimulatedNetwork
    let client: SimulatedHost
    var server: SimulatedHost

    static let clientAddress = SocketAddress(ipv4: 192, 0, 2, 10, port: 40_000)
    static let serverAddress = SocketAddress(ipv4: 198, 51, 100, 1, port: 443)
    static let key = QUICServiceKey(secret: [UInt8](repeating: 7, count: 32))!

    init(
        seed: UInt64, link: Link = Link(), settings: QUICSettings = QUICSettings(), clientSettings: QUICSettings? = nil,
        clientTLS: QUICTLSContext = TestTLS.client(), serverTLS: QUICTLSContext = TestTLS.server(),
        configuration: QUICEndpoint.Configuration = .init(), clientConfiguration: QUICEndpoint.Configuration = .init()
    ) {
        self.seed = seed
        var clientConfiguration = clientConfiguration
        clientConfiguration.acceptsConnections = false
        network = SimulatedNetwork(seed: seed, link: link)
        client = SimulatedHost(
            network, address: Self.clientAddress, tls: clientTLS, settings: clientSettings ?? settings,
            configuration: clientConfiguration, key: Self.key, seed: seed ^ 0xc11e)
        server = SimulatedHost(
            network, address: Self.serverAddress, tls: serverTLS, settings: settings, configuration: configuration,
            key: Self.key, seed: seed ^ 0x5e4e)
    }

    /// Connects, and gives the client's application.
    func connect(version: UInt32 = QUICSettings.Version.v1) throws -> TestApplication {
        try client.connect(to: Self.serverAddress, version: version)
    }

    /// Puts a new server in the place of the old one, which has forgotten everything.
    func restartServer(key: QUICServiceKey = key) {
        server = SimulatedHost(
            network, address: Self.serverAddress, tls: server.tls, settings: server.settings, key: key,
            seed: seed ^ 0x4e57)
    }

    /// One step: to the next datagram or timer. False when nothing is left to happen before `end`.
    private func step(until end: Instant) -> Bool {
        client.flush()
        server.flush()
        let next = min(network.nextArrival, client.deadline, server.deadline)
        guard next < end else { return false }
        network.now = max(network.now, next)
        for datagram in network.arrivals() {
            if datagram.to == server.address {
                server.receive(datagram)
            } else if datagram.to == client.address {
                client.receive(datagram)
            }
        }
        client.handleExpiry()
        server.handleExpiry()
        return true
    }

    /// Runs until `done`, at most `seconds` of virtual time. Tells whether `done` came.
    @discardableResult
    func run(seconds: Double = 60, until done: () -> Bool = { false }) -> Bool {
        let end = network.now.advanced(nanoseconds: UInt64(seconds * 1e9))
        var steps = 0
        while !done() {
            steps += 1
            precondition(steps < 1_000_000, "seed \(seed): the simulation does not end")
            if !step(until: end) {
                client.flush()
                server.flush()
                network.now = end
                return done()
            }
        }
        return true
    }
}
