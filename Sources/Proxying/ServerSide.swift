import Bytes
import Configuration
import Connections
import Glibc
import Messages
import MuxHTTP1
import MuxHTTP2
import MuxHTTP3
import QUICTransport
import Rules
import Runtime
import Samples
import Servers
import Streams
import Synchronization
import TLSTransport

/// What one worker keeps for connections to one server: TLS contexts, the QUIC connector, mux settings.
final class ServerSide {
    let settings: ServerConnectionSettings
    /// Nil while the server is spoken to in clear.
    let tlsSettings: SharedServerTLS?
    /// TLS on TCP.
    let tls: TLSClientContext?
    /// TLS on TCP for WebSocket exchanges, where they use another version than the others.
    let webSocketTLS: TLSClientContext?
    let quic: QUICConnector?
    /// Why a context could not be made.
    let failure: TLSError?
    let muxes: MuxSettings
    /// How connections to it are made.
    let connections: ConnectionSettings
    let source: SourceSettings?
    /// What all connections are made from, if it is the same for all.
    let fixedRoute: ConnectionRoute?
    private let transport: SharedServerTransport?
    /// The connections of a server that opens them to us; nil for others.
    var reversed: ReversedServer?
    /// What keys start from: the name of a reversed server's connections, where it is the same for all.
    private let baseKey: UInt64
    /// Nothing but what rules set for one exchange makes keys differ.
    private let hasOneKey: Bool
    let timers: TimerWheel
    let clock: TurnClock
    /// While it lasts, a server with `quic-fallback` is reached over TCP.
    var avoidsQUICUntil = Instant.zero

    /// How long UDP is not tried again after it did not get through, milliseconds.
    static let quicPause = 60_000

    init(_ server: PoolServer, _ worker: Worker, backend: BackendSettings, times: ConnectionSettings) {
        let transport = server.shared.transport as? SharedServerTransport
        let settings = server.shared.settings.connection
        let tlsSettings = server.facts.usesTLS ? transport?.tls : nil
        self.settings = settings
        self.tlsSettings = tlsSettings
        let tune = worker.blueprint.configuration.global.tune
        var muxes = MuxSettings(
            tune, mode: backend.options.connectionMode, abortOnClose: backend.options.abortOnClose)
        muxes.useServers(tune, isSecure: tlsSettings != nil)
        muxes.http1Back.acceptsViolations = backend.options.acceptsViolations
        muxes.http1Back.pretendsKeepAlive = backend.options.pretendsKeepAlive
        if backend.options.adjustsCase { muxes.http1Back.fieldCases = worker.blueprint.fieldCases }
        var times = times
        times.traits = SocketTraits(backend, settings, tune.socketBuffers).ifAny
        connections = times
        self.muxes = muxes
        self.transport = transport
        timers = worker.loop.timers
        clock = worker.loop.clock
        source = settings.source ?? backend.source
        var fixed = source.map { source in
            var route = ConnectionRoute(
                source: source.address.map { SocketAddress($0, port: source.ports?.lowerBound ?? 0) },
                interface: source.interface)
            if case .address(let address, let port) = source.shown {
                route.source = SocketAddress(address, port: port)
                route.isForeign = true
            }
            return route
        }
        if let socks = settings.socks {
            if fixed == nil { fixed = ConnectionRoute(source: nil, interface: nil) }
            fixed?.socks = SocketAddress(socks.address, port: socks.port)
        }
        fixedRoute = fixed
        baseKey =
            server.isReversed ? tlsSettings?.fixedServerName.map { FNV.hash($0.utf8) } ?? 0 : 0
        var problem: TLSError?
        var contexts: (TLSClientContext?, TLSClientContext?, QUICConnector?) = (nil, nil, nil)
        if !server.isReversed {
            do throws(TLSError) {
                contexts.0 = try tlsSettings?.makeContext()
                if let version = settings.webSocketVersion ?? tlsSettings?.webSocketDowngrade,
                    settings.transport == .stream
                {
                    contexts.1 = try tlsSettings?.makeContext(alpn: version == .h2 ? "h2" : "http/1.1")
                }
                if settings.transport == .quic, let context = try tlsSettings?.makeQUICContext() {
                    contexts.2 = Self.connector(context, worker, tune, times, settings)
                    contexts.2?.resumes = tlsSettings?.reusesSessions == true
                }
            } catch { problem = error }
        }
        (tls, webSocketTLS, quic) = contexts
        failure = problem
        var takesClientPort = server.facts.isOfClient
        if case .ofClient = server.facts.port { takesClientPort = true }
        hasOneKey =
            settings.poolName == nil && tlsSettings?.dependsOnRequest != true && source == nil && !takesClientPort
            && settings.proxyHeader == nil && settings.webSocketVersion == nil && contexts.1 == nil
    }

    private static func connector(
        _ tls: QUICTLSContext, _ worker: Worker, _ tune: TuneSettings, _ times: ConnectionSettings,
        _ server: ServerConnectionSettings
    ) -> QUICConnector {
        var quic = QUICSettings()
        quic.idleTimeout = UInt64(max(0, tune.serverQUIC.maxIdleTimeout)) * 1_000_000
        quic.connectionWindow = UInt64(tune.serverQUIC.receiveBuffer)
        quic.maxConnectionWindow = max(quic.maxConnectionWindow, quic.connectionWindow)
        quic.localBidirectionalWindow = UInt64(tune.serverQUIC.streamReceiveBuffer(bufsize: tune.bufsize))
        quic.maxStreamWindow = max(quic.maxStreamWindow, quic.localBidirectionalWindow)
        quic.bidirectionalStreams = 0
        quic.paces = tune.serverQUIC.paces
        quic.congestionControl = .init(server.quicCongestionControl)
        if let idlePing = server.idlePing { quic.keepAlive = UInt64(max(1, idlePing)) * 1_000_000 }
        if let limit = times.handshakeTimeout { quic.handshakeTimeout = UInt64(max(1, limit)) * 1_000_000 }
        var socket = DatagramSocket.Options()
        socket.offloads = tune.serverQUIC.usesGSO
        if let size = tune.socketBuffers.backendReceive { socket.receiveBuffer = size }
        if let size = tune.socketBuffers.backendSend { socket.sendBuffer = size }
        return QUICConnector(tls: tls, quic: quic, settings: times, manager: worker.quic, socket: socket)
    }

    /// Whether an exchange is a WebSocket that needs a connection of its own kind.
    func isSpecialWebSocket(_ exchange: Exchange) -> Bool {
        guard webSocketTLS != nil || (tlsSettings == nil && settings.webSocketVersion != nil) else { return false }
        return exchange.request.head?.isWebSocketUpgrade == true
    }

    /// The version to speak on a connection whose ALPN came to `alpn`.
    func version(_ alpn: ApplicationProtocol, isWebSocket: Bool) -> ServerHTTPVersion {
        if isWebSocket, let version = settings.webSocketVersion { return version }
        return settings.version ?? (alpn == .h2 ? .h2 : .h1)
    }

    // MARK: Where connections come from

    /// Where a connection for an exchange comes from, and what its packets carry.
    func route(for dispatch: Dispatch) -> ConnectionRoute? {
        var route = fixedRoute
        if let source, let shown = shownAddress(source, dispatch) {
            route?.source = shown
            route?.isForeign = true
        }
        guard let marks = dispatch.record?.overrides?.serverMarks, !marks.isEmpty else { return route }
        var marked = route ?? ConnectionRoute(source: nil, interface: nil)
        marked.marks = marks
        return marked
    }

    /// The address that the server is shown, where it follows from the exchange; nil: none does.
    private func shownAddress(_ source: SourceSettings, _ dispatch: Dispatch) -> SocketAddress? {
        let client = dispatch.record?.source
        switch source.shown {
        case .own, .address: return nil
        case .client: return client.flatMap { $0.isIP ? $0 : nil }
        case .clientAddress:
            guard var address = client, address.isIP else { return nil }
            address.port = 0
            return address
        case .header(let name, let occurrence):
            guard let head = dispatch.exchange.request.head else { return nil }
            return Self.address(in: head, Array(name.utf8), occurrence)
        }
    }

    /// The address that stands at a place of a list field.
    private static func address(in head: MessageHead, _ name: [UInt8], _ occurrence: Int) -> SocketAddress? {
        var values: [String] = []
        for field in 0..<head.fieldCount where Array(copying: head.nameText(at: field)) == name {
            for value in String(decoding: Array(copying: head.value(at: field)), as: UTF8.self).split(separator: ",") {
                values.append(value.filter { $0 != " " && $0 != "\t" })
            }
        }
        let place = occurrence > 0 ? occurrence - 1 : values.count + occurrence
        guard occurrence != 0, values.indices.contains(place) else { return nil }
        return SocketAddress(text: values[place], port: 0)
    }

    /// The next port of a range; nil: there is none, or one only.
    func nextPort() -> UInt16? {
        guard let ports = source?.ports, ports.count > 1, let transport else { return nil }
        let turn = transport.portTurn.wrappingAdd(1, ordering: .relaxed).oldValue
        return ports.lowerBound + UInt16(turn % UInt32(ports.count))
    }

    // MARK: What an exchange says

    /// What goes before everything else on a connection for an exchange; empty: nothing.
    func preamble(for dispatch: Dispatch) -> [UInt8] { preamble(for: dispatch.record) }

    /// The same for a connection that no exchange has asked for: without a record.
    func preamble(for record: ProxyExchange?) -> [UInt8] {
        guard let header = settings.proxyHeader, header.version > 0 else { return [] }
        let session = record?.session
        let source = record?.source ?? .unspecified
        let destination = record?.destination ?? .unspecified
        guard header.version == 2 else { return ProxyHeader.text(source: source, destination: destination) }
        let facts = session?.tls
        let authority = facts.map(\.serverName).flatMap { $0.isEmpty ? nil : $0 }
        return ProxyHeader.binary(
            source: source, destination: destination, alpn: facts?.alpn.name ?? "",
            authority: header.options.contains(.authority) ? authority : nil,
            tls: header.options.contains(.tls) ? Self.tlsPart(of: session, header.options) : nil,
            hasChecksum: header.options.contains(.crc32c),
            uniqueID: header.options.contains(.uniqueID) ? record?.makeUniqueID() : nil,
            fields: header.fields.map { .init(type: $0.type, value: record?.text(of: $0.format) ?? []) })
    }

    /// What a PROXY header tells of a client's TLS.
    private static func tlsPart(of session: Session?, _ options: ProxyHeaderOptions) -> ProxyHeader.TLSPart {
        let facts = session?.tls
        var part = ProxyHeader.TLSPart(
            version: facts?.version, cipher: options.contains(.cipher) ? facts?.cipher : nil)
        guard facts != nil, let tls = session?.connection?.tlsSession else { return part }
        if let certificate = tls.peerCertificates.first {
            part.hasCertificate = true
            part.hasShownCertificate = tls.isPeerVerified
            part.verification = tls.verificationResult
            if options.contains(.commonName) { part.commonName = CertificateSummary(der: certificate)?.commonName }
        }
        guard !options.isDisjoint(with: [.keyAlgorithm, .signatureAlgorithm]),
            let own = tls.localCertificate.flatMap({ CertificateSummary(der: $0) })
        else { return part }
        if options.contains(.keyAlgorithm) { part.keyAlgorithm = own.keyAlgorithm }
        if options.contains(.signatureAlgorithm) { part.signatureAlgorithm = own.signatureAlgorithm }
        return part
    }

    /// The key of connections that an errand may take: they have that name, where they have names. Nil when it takes more
    /// than a name to tell.
    func key(ofErrandNamed name: [UInt8]?, _ server: PoolServer) -> UInt64? {
        if hasOneKey { return baseKey }
        if case .ofClient = server.facts.port { return nil }
        guard source == nil, settings.proxyHeader == nil, !server.facts.isOfClient else { return nil }
        return settings.poolName != nil || tlsSettings?.dependsOnRequest == true ? FNV.hash(name ?? []) : baseKey
    }

    /// What an exchange needs of its connection beside the server: the name in SNI, the port when it is the client's, the
    /// client's addresses in a PROXY header.
    func key(for dispatch: Dispatch, _ server: PoolServer) -> UInt64 {
        if hasOneKey, dispatch.record?.overrides == nil { return baseKey }
        var key = baseKey
        if let name = settings.poolName {
            key = FNV.hash(dispatch.record?.text(of: name) ?? [])
        } else if let tlsSettings, tlsSettings.dependsOnRequest, let name = tlsSettings.serverName(for: dispatch) {
            key = FNV.hash(name.utf8)
        }
        if let source, let shown = shownAddress(source, dispatch) {
            key = key &* 31 &+ FNV.hash("\(shown)".utf8)
        }
        if case .ofClient = server.facts.port { key = key &* 31 &+ UInt64(dispatch.clientPort) &+ 1 }
        if settings.proxyHeader != nil {
            key = key &* 31 &+ FNV.hash(preamble(for: dispatch))
        }
        if isSpecialWebSocket(dispatch.exchange) { key = key &* 31 &+ 0x5753 }
        if let marks = dispatch.record?.overrides?.serverMarks, !marks.isEmpty {
            key = key &* 31 &+ UInt64(marks.mark ?? 0) &+ UInt64(marks.typeOfService ?? 0) << 32 &+ 0x4d4b
        }
        if server.facts.isOfClient, let destination = dispatch.record?.destination {
            for index in 0..<16 { key = key &* 31 &+ UInt64(destination.octets[index]) }
        }
        return key
    }
}

extension Dispatch {
    /// The proxy's record of the exchange.
    var record: ProxyExchange? { owner as? ProxyExchange }
}

extension ServerFacts {
    /// Whether the server is where the client wanted to go: its address is 0.0.0.0 or `::`.
    var isOfClient: Bool {
        guard case .ip(let address) = self.address else { return false }
        for index in 0..<16 where address.octets[index] != 0 { return false }
        return true
    }
}

extension ProxyExchange {
    /// Where to connect for a server: where the client wanted to go when the configuration leaves that open.
    func target(of server: PoolServer) -> Socket.Target {
        let facts = server.facts
        let wanted = destination
        let target = facts.target(forClientPort: wanted.port)
        guard facts.isOfClient, case .ip(let found) = target, wanted.isIP else {
            return target
        }
        var address = wanted
        if found.port != 0 { address.port = found.port }
        return .ip(address)
    }
}

extension ProxyExchange {
    /// What an expression gives for the exchange; nil: nothing.
    func text(of expression: HashExpression) -> [UInt8]? {
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        defer { evaluation.scratch.release() }
        var sample = Sample()
        guard expression.expression.evaluate(evaluation, &sample, as: .str) else { return nil }
        return Array(copying: sample.bytes)
    }

    /// What a format gives for the exchange.
    func text(of format: Format) -> [UInt8] {
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        defer { evaluation.scratch.release() }
        var sample = Sample()
        format.text(evaluation, &sample)
        return Array(copying: sample.bytes)
    }
}

extension SystemError {
    /// The address or port to connect from can not be had.
    var isAboutSource: Bool { code == EADDRINUSE || code == EADDRNOTAVAIL }
}

/// Fowler-Noll-Vo's hash, version 1a with 64 bits.
enum FNV {
    static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}

extension ApplicationProtocol {
    /// The ALPN identifier; empty for none, and for protocols that are not ours.
    fileprivate var name: String {
        switch self {
        case .none, .other: ""
        case .http10: "http/1.0"
        case .http11: "http/1.1"
        case .h2: "h2"
        case .h3: "h3"
        }
    }
}
