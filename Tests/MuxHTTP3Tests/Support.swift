import Bytes
import Messages
import MuxHTTP3
import QUICTransport
import Streams
import TLSTransport
import TestSupport

/// The test's end of an exchange: it remembers what it was told.
final class ManualEnd: StreamEnd {
    private(set) var readyCalls = 0
    private(set) var drainedCalls = 0
    private(set) var resetReason: CloseReason?

    func outgoingReady() { readyCalls += 1 }
    func incomingDrained() { drainedCalls += 1 }
    func reset(_ reason: CloseReason) { resetReason = reason }
}

/// What a handler was told about an exchange.
final class Record: ExchangeHandler {
    var exchange: Exchange?
    /// The end that the test plays: the server of a front's exchange, the client of a back's.
    let end = ManualEnd()
    private(set) var failure: CloseReason?
    private(set) var isUnsent = false
    private(set) var rejectedStatus: Int?
    private(set) var isOver = false
    private(set) var bytesToClient: UInt64 = 0
    private(set) var bytesFromClient: UInt64 = 0
    private(set) var loggedFailure: CloseReason?
    var attachesEnd = true
    var onRequest: ((Exchange) -> Void)?
    var onResponse: ((Exchange) -> Void)?

    func requestReceived(_ exchange: Exchange) {
        if attachesEnd { exchange.attach(back: end) }
        onRequest?(exchange)
    }
    func requestRejected(_ exchange: Exchange, status: Int) {
        rejectedStatus = status
        let head = exchange.resources.heads.obtain(.response)
        head.status = status
        exchange.response.put(head)
        exchange.response.end()
    }
    func responseReceived(_ exchange: Exchange) { onResponse?(exchange) }
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) {
        failure = reason
        self.isUnsent = isUnsent
        // The client's end is the test's: it goes away with the failure.
        if !attachesEnd { exchange.frontAborted(reason) }
    }
    func exchangeEnded(_ exchange: Exchange) {
        isOver = true
        loggedFailure = exchange.failure
        bytesToClient = exchange.bytesToClient
        bytesFromClient = exchange.bytesFromClient
        self.exchange = nil
    }
}

/// One host on the simulated network, with one QUIC connection and its HTTP/3 mux, as a worker would drive them.
final class TestHost: MuxHost {
    let endpoint: QUICEndpoint
    let tls: QUICTLSContext
    let address: SocketAddress
    let resources: WorkerResources
    let shared: HTTP3Resources
    var quic: QUICSettings
    var http: HTTP3Settings
    unowned let network: SimulatedNetwork
    private(set) var connection: QUICConnection?
    private(set) var mux: HTTP3Mux?
    private var batch = DatagramBatch(capacity: 64 << 10, runs: 64)
    /// Records of the exchanges that the mux opened, in order: front side.
    private(set) var records: [Record] = []
    private(set) var streamsChangedCalls = 0
    private(set) var flushCalls = 0
    var refusesExchanges = false
    /// Called with the record of each exchange before its request arrives.
    var prepare: ((Record) -> Void)?
    var peakSlabs = 0
    /// Takes the place of the mux: a peer that writes what a test wants.
    var raw: RawPeer?

    init(
        _ network: SimulatedNetwork, address: SocketAddress, tls: QUICTLSContext, quic: QUICSettings,
        http: HTTP3Settings, seed: UInt64
    ) {
        self.network = network
        self.address = address
        self.tls = tls
        self.quic = quic
        self.http = http
        let key = QUICServiceKey(secret: [UInt8](repeating: 9, count: 32))!
        endpoint = QUICEndpoint(configuration: .init(), key: key, random: QUICRandom(seed: seed))
        resources = WorkerResources(buffers: BufferPool(slabSize: 32 * 1024))
        shared = HTTP3Resources(resources)
    }

    // MARK: MuxHost

    func muxNeedsFlush() { flushCalls += 1 }
    func muxStreamsChanged() { streamsChangedCalls += 1 }

    func openExchange(for end: any StreamEnd) -> Exchange? {
        guard !refusesExchanges else { return nil }
        let record = Record()
        prepare?(record)
        records.append(record)
        let exchange = Exchange(front: end, handler: record, resources: resources)
        record.exchange = exchange
        return exchange
    }

    // MARK: The connection

    func connect(to server: SocketAddress) throws {
        let connection = try endpoint.connect(
            path: QUICPath(local: address, remote: server), tls: tls.makeClientSession(serverName: "localhost"),
            settings: quic, now: network.now)
        try adopt(connection)
    }

    private func adopt(_ connection: QUICConnection) throws {
        self.connection = connection
        if let raw {
            unsafe raw.connection = connection
            unsafe connection.application = raw
            return
        }
        let mux = try HTTP3Mux(settings: http, connection: connection, host: self, resources: shared)
        self.mux = mux
        unsafe connection.application = mux
    }

    func receive(_ datagram: FlyingDatagram) throws {
        resources.clock.now = network.now
        let path = QUICPath(local: address, remote: datagram.from)
        try unsafe datagram.bytes.withUnsafeBytes { bytes in
            switch unsafe endpoint.route(bytes, path: path, into: &batch, now: network.now, wall: 0) {
            case .connection(let connection):
                unsafe connection.receive(bytes, path: path, ecn: datagram.ecn, now: network.now)
            case .initial(let initial):
                let connection = try endpoint.accept(
                    initial, path: path, tls: tls.makeServerSession(), settings: quic, now: network.now)
                try adopt(connection)
                unsafe connection.receive(bytes, path: path, ecn: datagram.ecn, now: network.now)
            default: break
            }
        }
        peakSlabs = max(peakSlabs, resources.buffers.used)
    }

    func flush() {
        resources.clock.now = network.now
        guard let connection else { return }
        while connection.writeDatagrams(into: &batch, now: network.now) == .more { sendBatch() }
        sendBatch()
        peakSlabs = max(peakSlabs, resources.buffers.used)
    }

    func handleExpiry() {
        resources.clock.now = network.now
        if let connection, connection.deadline <= network.now { connection.handleExpiry(now: network.now) }
    }

    var deadline: Instant { connection?.deadline ?? .distantFuture }

    private func sendBatch() {
        for index in 0..<batch.runCount {
            let run = batch[index]
            let bytes = unsafe Array(batch.bytes(of: run))
            var offset = 0
            while offset < bytes.count {
                let end = min(offset + run.segmentSize, bytes.count)
                network.send(Array(bytes[offset..<end]), from: address, to: run.path.remote, ecn: run.ecn)
                offset = end
            }
        }
        batch.removeAll()
    }

    /// Ends the connection without a word and lets go of everything that holds memory.
    func abandon() {
        connection?.abandon()
        mux = nil
        connection = nil
        records = []
        shared.releaseIdle()
    }
}

/// A back mux (the client) and a front mux (the server) on a simulated network.
final class Simulation {
    let network: SimulatedNetwork
    let client: TestHost
    let server: TestHost
    /// The streams of all requests are closed and forgotten on both sides, and nearly all of them may be opened anew.
    var hasForgottenStreams: Bool {
        guard client.mux?.streamFigures.isEmpty == true, server.mux?.streamFigures.isEmpty != false else {
            return false
        }
        return client.mux?.availableStreams ?? 0 >= 50
    }

    /// The longest step in nanoseconds, for tests that act by the time.
    var tick: UInt64 = .max

    init(
        seed: UInt64 = 1, link: Link = Link(delay: 1_000_000), client: HTTP3Settings = HTTP3Settings(),
        server: HTTP3Settings = HTTP3Settings(), quic: QUICSettings = QUICSettings(), clientQUIC: QUICSettings? = nil
    ) async throws {
        network = SimulatedNetwork(seed: seed, link: link)
        let store = try CertificateStore(loading: [try await TestCertificates.file()])
        let serverTLS = try QUICTLSContext(
            server: QUICTLSContext.ServerOptions(certificates: store, ticketKeys: try TicketKeyRing()))
        let clientTLS = try QUICTLSContext(client: QUICTLSContext.ClientOptions())
        self.client = TestHost(
            network, address: SocketAddress(ipv4: 192, 0, 2, 10, port: 40_000), tls: clientTLS,
            quic: clientQUIC ?? quic, http: client, seed: seed ^ 0xc1)
        self.server = TestHost(
            network, address: SocketAddress(ipv4: 198, 51, 100, 1, port: 443), tls: serverTLS, quic: quic, http: server,
            seed: seed ^ 0x5e)
    }

    /// Connects, and waits until requests can be sent and both ends know the other's settings.
    func connect() throws {
        try client.connect(to: server.address)
        try run {
            self.client.mux.map { $0.availableStreams > 0 && $0.peerSettings.qpackTableCapacity > 0 } == true
                && self.server.mux.map { $0.peerSettings.maxFieldSectionSize < .max } == true
        }
    }

    /// What was waited for did not come.
    struct Stalled: Error {
        var line: UInt
    }

    /// Runs until `done`, at most `seconds` of virtual time; throws when it did not come.
    func run(seconds: Double = 60, line: UInt = #line, until done: () throws -> Bool) throws {
        let end = network.now.advanced(nanoseconds: UInt64(seconds * 1e9))
        while !(try done()) {
            client.flush()
            server.flush()
            let next = min(
                network.nextArrival, client.deadline, server.deadline, network.now.advanced(nanoseconds: tick))
            guard next < end else {
                network.now = end
                if try done() { return }
                throw Stalled(line: line)
            }
            network.now = max(network.now, next)
            for datagram in network.arrivals() {
                try (datagram.to == server.address ? server : client).receive(datagram)
            }
            client.handleExpiry()
            server.handleExpiry()
        }
    }

    /// Runs for so long.
    func run(seconds: Double) throws {
        do {
            try run(seconds: seconds) { false }
        } catch is Stalled {}
    }

    /// Opens a request from the client's side. The test plays the client on the record's exchange.
    @discardableResult
    func request(
        _ method: String = "GET", _ path: String = "/", fields: [(String, String)] = [],
        length: BodyLength = .none, ends: Bool = true, setUp: (MessageHead) throws -> Void = { _ in }
    ) throws -> Record {
        let record = Record()
        record.attachesEnd = false
        let exchange = Exchange(front: record.end, handler: record, resources: client.resources)
        record.exchange = exchange
        let mux = client.mux
        var isOpen = false
        record.onRequest = { isOpen = mux?.open($0) == true }
        let head = client.resources.heads.obtain(.request)
        let methodText = Array(method.utf8)
        try head.setMethod(methodText.span)
        try head.setScheme(Span("https"))
        try head.setAuthorityAndHost(method == "CONNECT" ? Span("a.test:443") : Span("a.test"))
        let pathText = Array(path.utf8)
        if method != "CONNECT" { try head.setPath(pathText.span) }
        for (name, value) in fields { try head.append(name, value) }
        head.bodyLength = length
        try setUp(head)
        exchange.request.put(head)
        if ends { exchange.request.end() }
        if !isOpen { exchange.frontAborted(.resource) }
        return record
    }

    /// The server's record of request `number`, once it is there.
    func serverRecord(_ number: Int = 0, line: UInt = #line) throws -> Record {
        try run(line: line) { self.server.records.count > number }
        return server.records[number]
    }

    /// Ends both connections; then no slab may be in use.
    func close() -> Int {
        client.abandon()
        server.abandon()
        return client.resources.buffers.used + server.resources.buffers.used
    }
}

extension Record {
    /// Plays the server: answers with a head, a body and the end.
    func respond(
        _ status: Int = 200, fields: [(String, String)] = [], body: String? = nil, length: BodyLength? = nil,
        ends: Bool = true
    ) throws {
        guard let exchange else { return }
        let head = exchange.resources.heads.obtain(.response)
        head.status = status
        for (name, value) in fields { try head.append(name, value) }
        head.bodyLength = length ?? body.map { .known(UInt64($0.utf8.count)) } ?? .none
        if (100..<200).contains(status), status != 101 { return exchange.response.putInterim(head) }
        exchange.response.put(head)
        if let body { exchange.response.put(text: body, exchange.resources.buffers) }
        if ends { exchange.response.end() }
    }

    /// Plays the client: has it all?
    var isAnswered: Bool { exchange.map { $0.response.phase == .ended } ?? true }
}

extension Half {
    /// Puts in a text as one chunk.
    func put(text: String, _ pool: BufferPool) {
        let bytes = Array(text.utf8)
        put(Chunk(copying: bytes.span, pool: pool))
    }

    /// Puts in `count` bytes of a pattern that starts at `offset`.
    func putPattern(_ count: Int, from offset: Int, _ pool: BufferPool) {
        let piece = (0..<count).map { pattern(offset + $0) }
        put(Chunk(copying: piece.span, pool: pool))
    }

    /// Takes up to `limit` bytes and checks them against the pattern from `offset` on; returns how many there were, or
    /// nil when one was wrong.
    func takePattern(from offset: Int, upTo limit: Int = .max) -> Int? {
        var taken = 0
        while taken < limit, let chunk = take(upTo: limit - taken) {
            for index in chunk.bytes.indices where chunk.bytes[index] != pattern(offset + taken + index) { return nil }
            taken += chunk.count
        }
        return taken
    }

    /// Takes all that waits as text.
    func takeText() -> String {
        var all: [UInt8] = []
        while let chunk = take() {
            for index in chunk.bytes.indices { all.append(chunk.bytes[index]) }
        }
        return String(decoding: all, as: UTF8.self)
    }
}

func pattern(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 31 &+ place >> 8) }

extension MessageHead {
    // As text: a span can not leave an optional chain.
    var pathText: String { path.string }
    var authorityText: String { authority.string }
    var upgradeText: String { upgradeProtocol.string }

    func append(_ name: String, _ value: String) throws {
        let name = Array(name.utf8)
        let value = Array(value.utf8)
        try append(name: name.span, value.span)
    }

    /// The value of a field, as text.
    func field(_ name: String) -> String? {
        for index in 0..<fieldCount where nameText(at: index).string == name { return value(at: index).string }
        return nil
    }
}
