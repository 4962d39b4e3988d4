import Bytes
import Connections
import Glibc
import QUICTransport
import Runtime
import Streams
import TLSTransport
import TestSupport
import Testing

/// A client's worker on the test's own thread, and connections from it.
final class QUICTestClient {
    let host: QUICTestHost
    let connector: QUICConnector

    init(
        quic: QUICSettings = QUICSettings(), offersEarlyData: Bool = false,
        versions: [UInt32] = QUICSettings.Version.all
    ) throws {
        var settings = QUICTestSettings()
        settings.versions = versions
        host = try QUICTestHost(service: QUICService(workers: 1), worker: 0, settings: settings)
        var options = QUICTLSContext.ClientOptions()
        options.offersEarlyData = offersEarlyData
        connector = QUICConnector(
            tls: try QUICTLSContext(client: options), quic: quic, settings: ConnectionSettings(),
            manager: host.manager)
    }

    func connect(_ address: SocketAddress, name: String = "localhost", early: Bool = false) throws -> QUICLink {
        try connector.connect(to: address, serverName: name, sendsEarlyData: early, owner: host)
    }

    /// Connects and waits for the handshake.
    func open(_ address: SocketAddress, name: String = "localhost", early: Bool = false) throws -> QUICLink {
        let link = try connect(address, name: name, early: early)
        try host.turn(until: "handshake") { host.ready.contains { $0 === link } || !link.isOpen }
        try #require(link.isOpen, "\(String(describing: link.connection.closeReason))")
        return link
    }

    func echo(_ link: QUICLink) throws -> QUICEchoMux { try #require(link.mux as? QUICEchoMux) }

    /// Sends a request and waits for its answer.
    func ask(_ link: QUICLink, _ bytes: [UInt8]) throws -> [UInt8] {
        let mux = try echo(link)
        let before = mux.answers.count
        mux.request(bytes)
        try host.turn(until: "answer") { mux.answers.count > before || !link.isOpen }
        return try #require(mux.answers.last)
    }
}

private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 253) } }

@Suite("QUIC listeners", .serialized) struct QUICListenerTests {
    @Test("A connection opens, carries data both ways, and closes; both sides learn why") func exchange() async throws {
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        let link = try client.open(server.address)
        let small = try client.ask(link, [1, 2, 3])
        #expect(small == [0, 1, 2, 3])
        let large = pattern(3_000_000)
        #expect(try client.ask(link, large) == [0] + large)

        let facts = server.ask { host in host.accepted.first?.session?.tls }
        #expect(facts[0]?.version == "TLSv1.3" && facts[0]?.serverName == "localhost" && facts[0]?.alpn == .h3)
        #expect(facts[0]?.cipher == "TLS_AES_128_GCM_SHA256" && facts[0]?.isResumed == false)
        let source = server.ask { $0.accepted.first?.session?.source }
        #expect(source[0] == link.connection.path?.local)

        link.stop()
        try client.host.turn(until: "the end of the closing period") { client.host.manager.linkCount == 0 }
        #expect(client.host.closed.map(\.close.initiator) == [.local])
        try await eventually("the server's end") { server.ask { $0.manager.linkCount }[0] == 0 }
        let closes = server.ask { $0.closed.map(\.close) }[0]
        #expect(closes.count == 1 && closes[0].initiator == .peer && closes[0].code == 8)
        let counters = server.ask { $0.listener.counters }[0]
        #expect(counters.accepted == 1 && counters.handshakes == 1 && counters.failedHandshakes == 0)
        #expect(server.ask { $0.listener.settings.handshakes.count }[0] == 0)
        #expect(server.ask { $0.listener.endpoint.connectionIDCount }[0] == 0)
    }

    @Test("A client's connection that is idle rests, and goes on when it is used again") func rests() async throws {
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        let link = try client.open(server.address)
        for byte in [1, 2] as [UInt8] {
            #expect(try client.ask(link, [byte]) == [0, byte])
            try await eventually("the connection rests") {
                // The client acknowledges what it has.
                try client.host.loop.turn(waitingAtMost: SystemClock.now().advanced(milliseconds: 20))
                return server.ask { $0.accepted.first?.connection.restingSize ?? 0 }[0] > 0
            }
        }
    }

    @Test("On a wildcard address, IPv4 and IPv6, answers leave from where the question went")
    func wildcard() async throws {
        for text in ["0.0.0.0", "::"] {
            let bound = SocketAddress(text: text, port: 0)!
            let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file(), on: bound)
            let client = try QUICTestClient()
            for host in ["127.0.0.1", "127.0.0.77", "::1"] where text == "::" || !host.contains(":") {
                let target = SocketAddress(text: host, port: server.address.port)!
                let link = try client.open(target)
                #expect(try client.ask(link, [5]) == [0, 5])
                let seen = server.ask { $0.accepted.last?.session?.destination }[0]
                #expect(seen?.host.hasSuffix(host) == true)
            }
        }
    }

    @Test(
        "Three workers: every connection stays on its worker through changes of the client's port",
        arguments: [true, false])
    func rebinding(steered: Bool) async throws {
        var settings = QUICTestSettings()
        settings.steers = steered
        let server = try await QUICTestServer(workers: 3, settings, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        var relays: [QUICRelay] = []
        var links: [QUICLink] = []
        var workers: [UInt8] = []
        for _ in 0..<6 {
            let relay = try QUICRelay(to: server.address, on: client.host.loop)
            relays.append(relay)
            let link = try client.open(relay.address)
            links.append(link)
            workers.append(try client.ask(link, [0])[0])
        }
        for round in 1...8 as ClosedRange<UInt8> {
            for (index, link) in links.enumerated() {
                try relays[index].rebind()
                #expect(try client.ask(link, [round, UInt8(index)]) == [workers[index], round, UInt8(index)])
            }
        }
        let counters = server.ask { $0.listener.counters }
        #expect(counters.reduce(0) { $0 + $1.accepted } == 6)
        let moved = counters.reduce(0) { $0 + $1.handedOver }
        let taken = counters.reduce(0) { $0 + $1.takenOver }
        #expect(server.ask { $0.listener.isSteered } == [steered, steered, steered])
        // By hash alone two of three ports lead to another worker.
        if steered { #expect(moved == 0) } else { #expect(moved > 0) }
        #expect(taken <= moved && counters.allSatisfy { $0.handoverDropped == 0 })
        for relay in relays { relay.close() }
    }

    @Test("A client may move to another listener of ours, from IPv4 to IPv6 too") func otherListener() async throws {
        let descriptors = try DatagramGroup.open(SocketAddress(text: "::1", port: 0)!, count: 1)
        let second = Socket.localAddress(descriptors[0])
        let certificate = try await TestCertificates.file()
        let server = try QUICTestServer(workers: 1, certificate: certificate) { host in
            let first = host.listener
            let options = try? QUICTLSContext.ServerOptions(
                certificates: CertificateStore(loading: [certificate]), ticketKeys: TicketKeyRing())
            if let options, let tls = try? QUICTLSContext(server: options) {
                try? host.listen(OwnedDescriptor(adopting: descriptors[0]), .init(), tls)
            }
            host.keeps = first
        }
        let client = try QUICTestClient()
        let relay = try QUICRelay(to: server.address, on: client.host.loop)
        let link = try client.open(relay.address)
        #expect(try client.ask(link, [1]) == [0, 1])
        for round in 2...5 as ClosedRange<UInt8> {
            try relay.rebind(to: round % 2 == 0 ? second : server.address)
            #expect(try client.ask(link, [round]) == [0, round])
            let seen = server.ask { $0.accepted.first?.connection.path?.local }[0]
            #expect(seen == (round % 2 == 0 ? second : server.address))
        }
        #expect(server.ask { $0.manager.listeners.reduce(0) { $0 + $1.endpoint.statelessResets } }[0] == 0)
        #expect(server.ask { $0.accepted.count }[0] == 1)
        relay.close()
    }

    @Test("With force-retry a client proves its address first; its next connection comes with a token")
    func retry() async throws {
        var settings = QUICTestSettings()
        settings.forcesRetry = true
        let server = try await QUICTestServer(workers: 1, settings, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        let link = try client.open(server.address)
        #expect(try client.ask(link, [1]) == [0, 1])
        var counters = server.ask { $0.listener.counters }[0]
        #expect(counters.retries == 1 && counters.accepted == 1)
        try client.host.turn(until: "a token and a ticket") {
            !link.connection.receivedToken.isEmpty && link.connection.tls?.resumptionData() != nil
        }
        let next = try client.open(server.address)
        #expect(try client.ask(next, [2]) == [0, 2])
        counters = server.ask { $0.listener.counters }[0]
        #expect(counters.retries == 1 && counters.accepted == 2)
        #expect(server.ask { $0.accepted.last?.session?.tls?.isResumed }[0] == true)
    }

    /// The first datagram of a client that will not say more.
    private func hello(to server: SocketAddress, from client: SocketAddress) throws -> [UInt8] {
        let endpoint = QUICEndpoint(
            configuration: QUICEndpoint.Configuration(), key: QUICServiceKey(clusterSecret: [1]),
            random: QUICRandom(seed: 5))
        let session = try QUICTLSContext(client: QUICTLSContext.ClientOptions()).makeClientSession(serverName: nil)
        let now = Instant(nanoseconds: 1_000_000_000)
        let connection = try endpoint.connect(
            path: QUICPath(local: client, remote: server), tls: session, settings: QUICSettings(), now: now)
        var batch = DatagramBatch(capacity: 16_384, runs: 8)
        _ = connection.writeDatagrams(into: &batch, now: now)
        return unsafe Array(batch.bytes(of: batch[0]))
    }

    @Test("With as many handshakes under way as the threshold has, clients prove their address first")
    func threshold() async throws {
        var settings = QUICTestSettings()
        settings.retryThreshold = 1
        let server = try await QUICTestServer(workers: 1, settings, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        #expect(try client.ask(try client.open(server.address), [1]) == [0, 1])
        #expect(server.ask { $0.listener.counters.retries } == [0])
        let silent = try DatagramSocket(adopting: DatagramSocket.connect(to: server.address))
        let first = try hello(to: server.address, from: silent.localAddress)
        _ = unsafe first.withUnsafeBytes { bytes in
            DatagramSender().send(on: silent, from: .init(run: 0), to: 1) { _ in
                unsafe DatagramRun(
                    bytes: bytes, segmentSize: bytes.count, ecn: 0, local: silent.localAddress, remote: server.address)
            }
        }
        try await eventually("a handshake that stands still") { server.ask { $0.listener.counters.accepted } == [2] }
        let other = try QUICTestClient()
        #expect(try other.ask(try other.open(server.address), [2]) == [0, 2])
        let counters = server.ask { $0.listener.counters }[0]
        #expect(counters.retries == 1 && counters.retriesValidated == 1)
    }

    @Test("At a limit first packets are dropped; the client gets in when a place is free") func limits() async throws {
        var settings = QUICTestSettings()
        settings.acceptLimit = 1
        let server = try await QUICTestServer(workers: 1, settings, certificate: TestCertificates.file())
        var quic = QUICSettings()
        quic.initialRTT = 20_000_000
        let client = try QUICTestClient(quic: quic)
        let first = try client.open(server.address)
        #expect(try client.ask(first, [1]) == [0, 1])
        let second = try client.connect(server.address)
        try client.host.turn(until: "a dropped packet") { server.ask { $0.listener.counters.limited }[0] > 0 }
        #expect(second.isOpen && client.host.ready.count == 1)
        _ = server.ask { $0.accepted.removeAll() }
        try client.host.turn(until: "the second handshake") { client.host.ready.count == 2 }
        #expect(try client.ask(second, [2]) == [0, 2])
    }

    @Test("Draining ends idle connections, lets open work finish, takes no new ones, then closes the socket")
    func drain() async throws {
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        let idle = try client.open(server.address)
        let busy = try client.open(server.address)
        #expect(try client.ask(idle, [1]) == [0, 1])
        let mux = try client.echo(busy)
        let large = pattern(1_000_000)
        mux.request(large)
        try client.host.turn(until: "the request's start") {
            server.ask { $0.accepted.last?.mux?.activity == .busy && $0.accepted.first?.mux?.activity == .idle }[0]
        }
        _ = server.ask { $0.manager.drain() }
        try client.host.turn(until: "the idle connection's end") { !idle.isOpen }
        #expect(client.host.closed.first?.close.text == "drained")
        try client.host.turn(until: "the answer", within: 60) { mux.answers.count == 1 }
        #expect(mux.answers[0] == [0] + large)
        try client.host.turn(until: "the busy connection's end") { !busy.isOpen }
        try await eventually("the socket's end") { server.ask { $0.manager.listeners.isEmpty }[0] }
        #expect(server.ask { $0.manager.clientCount }[0] == 0)
        // Nobody listens any more.
        let late = try client.connect(server.address)
        try client.host.turn(until: "the refusal") { !late.isOpen }
        #expect(late.socketError?.code == ECONNREFUSED)
    }

    @Test("An idle client is sent away after its time") func idle() async throws {
        var settings = QUICTestSettings()
        settings.connection.requestHeadTimeout = 50
        settings.connection.keepAliveTimeout = 100
        let server = try await QUICTestServer(workers: 1, settings, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        let silent = try client.open(server.address)
        try client.host.turn(until: "the silent connection's end") { !silent.isOpen }
        #expect(client.host.closed.first?.close.text == "idle")
        let link = try client.open(server.address)
        #expect(try client.ask(link, [1]) == [0, 1])
        try client.host.turn(until: "the used connection's end") { !link.isOpen }
        #expect(client.host.closed.last?.close.text == "idle")
        let times = server.ask { host in
            host.closed.map { ($0.link.session?.handshakenAt ?? .zero) }
        }[0]
        #expect(times.count == 2 && !times.contains(.zero))
    }

    @Test("Stopping tells every peer at once") func stop() async throws {
        let server = try await QUICTestServer(workers: 2, certificate: TestCertificates.file())
        let client = try QUICTestClient()
        let links = try (0..<10).map { _ in try client.open(server.address) }
        // An answer tells that the server has completed its handshake too: its code can be seen from then on.
        for link in links { #expect(try client.ask(link, [6]).count == 2) }
        _ = server.ask { $0.manager.stop() }
        try client.host.turn(until: "the connections' ends") { links.allSatisfy { !$0.isOpen } }
        #expect(client.host.closed.allSatisfy { $0.close.initiator == .peer && $0.close.code == 8 })
    }

    @Test("When the socket is full a connection waits, and goes on when there is room") func fullSocket() async throws {
        var pair: [Int32] = [0, 0]
        try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &pair) == 0)
        let serverEnd = SocketAddress(ipv4: 192, 0, 2, 1, port: 443)
        let clientEnd = SocketAddress(ipv4: 192, 0, 2, 2, port: 4000)
        var settings = QUICTestSettings()
        settings.socket.addresses = (serverEnd, clientEnd)
        // As little as the kernel allows: two or three datagrams.
        settings.socket.sendBuffer = 0
        Socket.set(pair[0], level: SOL_SOCKET, option: SO_SNDBUF, 0)
        let server = try await QUICTestServer(
            workers: 1, settings, certificate: TestCertificates.file(), descriptors: [pair[0]])
        let client = try QUICTestClient()
        var options = DatagramSocket.Options()
        options.addresses = (clientEnd, serverEnd)
        let outside = try DatagramSocket(adopting: OwnedDescriptor(adopting: pair[1]), options: options)
        let relay = try QUICRelay(to: serverEnd, on: client.host.loop, outside: outside)
        let mux = try client.echo(client.open(relay.address))
        let large = pattern(300_000)
        for _ in 0..<3 { mux.request(large) }
        try client.host.turn(until: "all answers", within: 60) { mux.answers.count == 3 }
        #expect(mux.answers.allSatisfy { $0 == [0] + large })
        #expect(server.ask { $0.listener.socket.counters.sendBlocked }[0] > 0)
        relay.close()
    }

    @Test("Beside an inherited socket the other workers have their own") func inherited() async throws {
        let first = try DatagramSocket.bind(to: SocketAddress(ipv4: 127, 0, 0, 1, port: 0), reusesPort: true)
        let server = try await QUICTestServer(
            workers: 3, certificate: TestCertificates.file(), descriptors: DatagramGroup.join(first, count: 3))
        let client = try QUICTestClient()
        let relay = try QUICRelay(to: server.address, on: client.host.loop)
        let link = try client.open(relay.address)
        let worker = try client.ask(link, [0])[0]
        for round in 1...8 as ClosedRange<UInt8> {
            try relay.rebind()
            #expect(try client.ask(link, [round]) == [worker, round])
        }
        #expect(server.ask { $0.listener.counters.accepted }.reduce(0, +) == 1)
        #expect(server.ask { $0.listener.isSteered } == [true, true, true])
        relay.close()
    }

    @Test("A version that we do not speak, an unknown connection ID and noise get what is due") func strangers()
        async throws
    {
        let server = try await QUICTestServer(workers: 1, certificate: TestCertificates.file())
        let client = try DatagramSocket(adopting: DatagramSocket.connect(to: server.address))
        let sender = DatagramSender()
        let receiver = DatagramReceiver()
        func send(_ bytes: [UInt8]) {
            _ = unsafe bytes.withUnsafeBytes { bytes in
                sender.send(on: client, from: .init(run: 0), to: 1) { _ in
                    unsafe DatagramRun(
                        bytes: bytes, segmentSize: bytes.count, ecn: 0, local: client.localAddress,
                        remote: server.address)
                }
            }
        }
        func answer() throws -> [UInt8] {
            var poll = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            try #require(unsafe Glibc.poll(&poll, 1, 5000) == 1)
            guard case .messages = receiver.receive(on: client) else { return [] }
            return unsafe Array(receiver[0][0])
        }
        // RFC 9000 section 6: a long header with version 0x1a1a1a1a is answered with Version Negotiation.
        var unknownVersion: [UInt8] = [0xc0, 0x1a, 0x1a, 0x1a, 0x1a, 8] + [UInt8](repeating: 7, count: 8) + [0]
        unknownVersion += [UInt8](repeating: 0, count: 1200 - unknownVersion.count)
        send(unknownVersion)
        let negotiation = try answer()
        #expect(negotiation.count > 7 && Array(negotiation[1..<5]) == [0, 0, 0, 0])
        // RFC 9000 section 10.3: a short header with an ID that leads nowhere is answered with a smaller reset.
        send([0x40] + [UInt8](repeating: 9, count: 40))
        let reset = try answer()
        #expect(reset.count >= 21 && reset.count < 41 && reset[0] & 0xc0 == 0x40)
        // Noise is dropped, and the listener goes on.
        send([0xff, 1, 2])
        send([])
        let real = try QUICTestClient()
        #expect(try real.ask(try real.open(server.address), [4]) == [0, 4])
        #expect(server.ask { $0.listener.endpoint.dropCount(.malformed) }[0] > 0)
    }
}
