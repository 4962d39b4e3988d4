import Bytes
import Configuration
import Connections
import MuxHTTP1
import MuxHTTP2
import MuxHTTP3
import MuxPassThrough
import Proxying
import QUICTransport
import Runtime
import Servers
import Streams
import TLSTransport

// The connections of a check: where they go, what carries them, and which mux they get.
extension CheckRun: ConnectionOwner, QUICConnectionOwner {
    private var settings: ServerSettings { server.settings }
    private var isAgent: Bool { checker.kind == .agent }

    /// Starts the connection of a `connect` step.
    func open(_ connect: CheckConnect) {
        let health = checker.health
        var limit = health.interval
        if backend.timeouts.check != nil, let timeout = backend.timeouts.connect { limit = min(limit, timeout) }
        checker.limit(now.advanced(milliseconds: limit))
        lingers = connect.lingers
        if takesPooled(connect, health) {
            guard isHTTP else { return finish(.socketError, words: Self.noConnection) }
            isPooled = true
            isReady = true
            return
        }
        guard let target = target(of: connect, health) else {
            failedAtOnce = true
            connectFailure = .connect(SystemError("connect", 22))
            return
        }
        do throws(ConnectionFailure) {
            if isQUIC(connect, health) {
                try openQUIC(connect, target)
            } else {
                try openStream(connect, target, health)
            }
        } catch {
            failedAtOnce = true
            connectFailure = error
        }
    }

    private func openStream(
        _ connect: CheckConnect, _ target: Socket.Target, _ health: CheckHealth
    ) throws(ConnectionFailure) {
        usesTLS = speaksTLS(connect, health)
        let connection = settings.connection
        // What `usesrc` shows to servers is for traffic only.
        let route = (connection.source ?? server.backend.settings.source).map { source in
            ConnectionRoute(
                source: source.address.map { address in
                    SocketAddress(address, port: source.ports.map { $0.count == 1 ? $0.lowerBound : 0 } ?? 0)
                }, interface: source.interface)
        }
        var way = route
        if let socks = connection.socks, connect.usesSOCKS || (connect.isDefault && settings.check.usesSOCKS) {
            if way == nil { way = ConnectionRoute(source: nil, interface: nil) }
            way?.socks = SocketAddress(socks.address, port: socks.port)
        }
        let header = proxyHeader(connect, health)
        let name = usesTLS ? serverName(connect) : nil
        let alpn = connect.alpn ?? (connect.isDefault ? settings.check.alpn : nil)
        stream = try scheduler.connections.connect(
            to: target, from: way, preamble: header == 2 ? Self.localHeader : [], owner: self,
            settings: ConnectionSettings(), ownerContext: nil
        ) { descriptor throws(TLSError) in
            guard usesTLS else { return nil }
            guard let context = try checker.tls(alpn: alpn) else {
                throw TLSError(.configuration, "the server's line has no TLS settings")
            }
            return try context.makeEngine(descriptor: descriptor, serverName: name)
        }
        // A check has no client to name: it names itself, or (version 2) nobody.
        if header == 1, let stream {
            let destination = if case .ip(let address) = target { address } else { SocketAddress.unspecified }
            stream.precede(
                with: ProxyHeader.text(source: stream.socketSource, destination: destination))
        }
    }

    private func openQUIC(_ connect: CheckConnect, _ target: Socket.Target) throws(ConnectionFailure) {
        usesTLS = true
        guard case .ip(let address) = target, let tls = (server.transport as? SharedServerTransport)?.tls else {
            throw .connect(SystemError("connect", 22))
        }
        var quic = QUICSettings()
        let tune = scheduler.tune
        quic.idleTimeout = UInt64(max(0, tune.serverQUIC.maxIdleTimeout)) * 1_000_000
        quic.localBidirectionalWindow = UInt64(tune.serverQUIC.streamReceiveBuffer(bufsize: tune.bufsize))
        quic.bidirectionalStreams = 0
        let context: QUICTLSContext
        do throws(TLSError) { context = try tls.makeQUICContext() } catch { throw .handshake(error) }
        var socket = DatagramSocket.Options()
        socket.offloads = tune.serverQUIC.usesGSO
        let connector = QUICConnector(
            tls: context, quic: quic, settings: ConnectionSettings(), manager: scheduler.quic, socket: socket)
        link = try connector.connect(
            to: address, serverName: serverName(connect) ?? tls.verifiedHost, owner: self)
    }

    // MARK: What a step comes to

    /// Where to connect; nil when no port is known.
    private func target(of connect: CheckConnect, _ health: CheckHealth) -> Socket.Target? {
        let own = connect.address.flatMap { Socket.Target($0) }
        let facts = server.facts
        guard case .ip(var address) = own ?? health.address ?? facts.address else {
            return own ?? health.address ?? facts.address
        }
        var port = Int(connect.port ?? 0)
        if port == 0, let expression = connect.portExpression { port = number(expression) ?? 0 }
        if port == 0, case .ip(let named) = own { port = Int(named.port) }
        if port == 0 { port = health.port }
        if port == 0, case .ip(let named) = health.address { port = Int(named.port) }
        if port == 0, case .fixed(let usual) = facts.port { port = Int(usual) }
        guard let number = UInt16(exactly: port), number > 0 else { return nil }
        address.port = number
        return .ip(address)
    }

    /// Whether the step goes where traffic goes, so that it is carried like traffic.
    private func isLikeTraffic(_ connect: CheckConnect, _ health: CheckHealth) -> Bool {
        connect.isDefault && !isAgent && health.address == nil && health.port == 0
    }

    private func isQUIC(_ connect: CheckConnect, _ health: CheckHealth) -> Bool {
        settings.connection.transport == .quic && isLikeTraffic(connect, health) && connect.address == nil
            && connect.port == nil
    }

    private func speaksTLS(_ connect: CheckConnect, _ health: CheckHealth) -> Bool {
        if connect.usesTLS { return true }
        guard connect.isDefault, !isAgent else { return false }
        if let chosen = settings.check.usesTLS { return chosen }
        return isLikeTraffic(connect, health) && !server.isDynamic && server.facts.usesTLS
    }

    /// The name to send in SNI.
    func serverName(_ connect: CheckConnect) -> String? {
        if let name = connect.serverName { return name }
        if connect.isDefault, let name = settings.check.serverName { return name }
        guard settings.check.findsServerName, let format = connect.host else { return nil }
        var host = text(format)
        if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") { host = String(host[..<colon]) }
        return host.isEmpty || SocketAddress(text: host, port: 0) != nil ? nil : host
    }

    /// The version of the PROXY header that goes first; 0: none does.
    private func proxyHeader(_ connect: CheckConnect, _ health: CheckHealth) -> Int {
        let header = settings.connection.proxyHeader
        let isWanted =
            connect.sendsProxyHeader
            || (connect.isDefault && !isAgent
                && (settings.check.sendsProxyHeader
                    || (isLikeTraffic(connect, health) && header != nil && !server.isDynamic)))
        guard isWanted else { return 0 }
        return header?.version == 2 ? 2 : 1
    }

    private static let localHeader = ProxyHeader.binary(
        source: .unspecified, destination: .unspecified, alpn: "", authority: nil, tls: nil, hasChecksum: false)

    private func version(_ alpn: ApplicationProtocol) -> ServerHTTPVersion {
        guard let connectStep, case .connect(let connect) = ruleset.rules[connectStep].action else { return .h1 }
        if let version = connect.version { return version }
        if connect.isDefault, let version = settings.check.version { return version }
        if connect.isDefault, isLikeTraffic(connect, checker.health), let version = settings.connection.version,
            version != .h3
        {
            return version
        }
        return alpn == .h2 ? .h2 : .h1
    }

    // MARK: What connections say

    func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        guard isHTTP else { return PassThroughMux(role: .back, host: connection) }
        var muxes = MuxSettings(scheduler.tune, mode: .close, abortOnClose: false)
        muxes.useServers(scheduler.tune, isSecure: usesTLS)
        switch version(alpn) {
        case .h2: return try? HTTP2Mux(side: .back, settings: muxes.http2, host: connection)
        case .h1, .h3:
            var settings = muxes.http1Back
            settings.keepsVersion = true
            settings.acceptsViolations = backend.options.acceptsViolations
            settings.keepsAlive = false
            return HTTP1BackMux(host: connection, settings: settings, seed: scheduler.randomBits())
        }
    }

    func makeMux(for link: QUICLink, _ alpn: ApplicationProtocol) -> (any QUICMux)? {
        guard alpn == .h3 else { return nil }
        var muxes = MuxSettings(scheduler.tune, mode: .close, abortOnClose: false)
        muxes.useServers(scheduler.tune, isSecure: true)
        return try? HTTP3Mux(
            settings: muxes.http3, connection: link.connection, host: link, resources: scheduler.http3)
    }

    func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? { nil }
    func openExchange(on link: QUICLink, for end: any StreamEnd) -> Exchange? { nil }

    func connectionReady(_ connection: StreamConnection) {
        guard connection === stream else { return }
        isReady = true
        // A server that speaks first needs somebody who listens from the start.
        if !isHTTP, speaks { openTunnel(connection) }
        changed()
    }

    func connectionReady(_ link: QUICLink) {
        guard link === self.link else { return }
        isReady = true
        changed()
    }

    /// Whether the steps up to the next connection send or expect anything.
    private var speaks: Bool {
        for rule in ruleset.rules[((connectStep ?? 0) + 1)...] {
            switch rule.action {
            case .connect: return false
            case .send, .request, .expect: return true
            case .run, .comment, .program: break
            }
        }
        return false
    }

    private func openTunnel(_ connection: StreamConnection) {
        let exchange = makeExchange()
        exchange.request.putTunnel()
        if !connection.open(exchange) { exchangeFailure = .connectFailed }
    }

    func makeExchange() -> Exchange {
        let made = Exchange(
            front: self, handler: self, resources: scheduler.resources, halfLimit: scheduler.tune.bufsize)
        exchange = made
        return made
    }

    func streamsChanged(on connection: StreamConnection) { changed() }
    func streamsChanged(on link: QUICLink) { changed() }

    func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        guard connection === stream else { return }
        if !isReady { connectFailure = failure ?? .closedEarly }
        isClosed(failure)
    }

    func connectionClosed(_ link: QUICLink, _ close: QUICClose) {
        guard link === self.link else { return }
        if !isReady {
            if let error = link.socketError {
                connectFailure = .connect(error)
            } else if close.reason == .handshakeTimeout || close.reason == .idleTimeout {
                connectFailure = .timeout
            } else {
                connectFailure = .handshake(TLSError(.handshake, close.text))
            }
        }
        isClosed(nil)
    }

    private func isClosed(_ failure: ConnectionFailure?) {
        if isReady, exchange == nil { exchangeFailure = .serverAborted }
        changed()
    }
}
