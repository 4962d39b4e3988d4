import Bytes
package import Configuration
import Messages
import Rules
import Runtime
import Samples
package import Servers
import Streams
import Synchronization
package import TLSTransport

/// A backend as all workers see it: its servers with their addresses resolved, TLS towards them, error messages.
package final class SharedProxyBackend: Sendable {
    package let servers: SharedBackend
    /// The section's name.
    let nameBytes: [UInt8]

    /// Whether the section has this name.
    func isNamed(_ name: Span<UInt8>) -> Bool {
        let own = nameBytes
        return own.span.equals(name)
    }

    let errors: ErrorAnswers
    let rules: RuleTable
    /// Exchanges in the last second.
    let sessionRate: SharedRate
    private let workers: Int
    private let tlsFiles: TLSFiles

    package init(
        _ settings: BackendSettings, index: Int, events: ServerEvents = ServerEvents(), workers: Int = 1,
        isDynamic: Bool = false, tlsFiles: TLSFiles = TLSFiles()
    ) throws(BlueprintError) {
        self.tlsFiles = tlsFiles
        servers = SharedBackend(settings: settings, index: index, events: events, isDynamic: isDynamic)
        self.workers = workers
        sessionRate = SharedRate(workers: workers)
        nameBytes = Array(settings.name.utf8)
        rules = RuleTable(settings.rules)
        errors = ErrorAnswers(settings.errorFiles)
        var first: [InitialServerAddress] = []
        for server in settings.servers { first.append(try InitialServerAddress.find(server, of: settings.name)) }
        startNotices = first.compactMap(\.notice)
        for (number, (server, address)) in zip(settings.servers, first).enumerated() {
            let added = try add(server, at: address.target, isLast: number == first.count - 1)
            if settings.referencedServers.contains(number) { added.isReferenced = true }
        }
        servers.isReferenced = settings.isReferenced
    }

    /// What the operator is told at the start about servers whose names were not found.
    package let startNotices: [String]

    /// Makes a server and adds it to the table; workers are told. Throws what the operator has to mend: a name that does
    /// not resolve, certificates that can not be read.
    package func add(_ server: ServerSettings, isDynamic: Bool = false) throws(BlueprintError) -> SharedServer {
        try add(server, at: InitialServerAddress.find(server, of: servers.settings.name).target, isDynamic: isDynamic)
    }

    /// - Parameter isLast: see ``SharedBackend/add(id:isLast:_:)``.
    private func add(
        _ server: ServerSettings, at address: Socket.Target, isDynamic: Bool = false, isLast: Bool = true
    ) throws(BlueprintError) -> SharedServer {
        let transport = try SharedServerTransport(server, tlsFiles)
        return servers.add(id: server.id, isLast: isLast) { index, id in
            SharedServer(
                settings: server, backend: servers, index: index, id: id, address: address, transport: transport,
                workers: workers, isDynamic: isDynamic)
        }
    }
}

/// What connections to one server need beside an address, as all workers see it.
package final class SharedServerTransport: ServerTransport {
    /// Nil for a clear server.
    package let tls: SharedServerTLS?
    /// Ports of `source` that connections have been made from; the next one has its turn.
    let portTurn = Atomic<UInt32>(0)

    init(_ settings: ServerSettings, _ files: TLSFiles) throws(BlueprintError) {
        guard let value = settings.tls else {
            tls = nil
            return
        }
        let tls = try SharedServerTLS(value, settings, files)
        do throws(TLSError) {
            _ = try tls.makeContext()
            if settings.connection.transport == .quic { _ = try tls.makeQUICContext() }
        } catch {
            throw BlueprintError("\(settings.location): \(error)")
        }
        self.tls = tls
    }
}

/// TLS towards one server, as all workers see it.
package final class SharedServerTLS: Sendable {
    /// What the runtime API changes.
    private struct Files {
        var trust: TrustStore?
        var certificate: Certificate?
    }

    private let settings: ServerTLSSettings
    private let files: Mutex<Files>
    private let changes = Atomic<Int>(0)
    private let allowsEarlyData: Bool

    init(_ settings: ServerTLSSettings, _ server: ServerSettings, _ memory: TLSFiles) throws(BlueprintError) {
        self.settings = settings
        allowsEarlyData = server.connection.allowsEarlyData
        do throws(CertificateError) {
            var own = Files()
            if let path = settings.certificate { own.certificate = try memory.clientCertificate(path) }
            if settings.verifiesCertificate {
                own.trust = try memory.trust(settings.trust, revocations: settings.revocations)
            }
            files = Mutex(own)
        } catch {
            throw BlueprintError("\(server.location): \(error)")
        }
    }

    private var trust: TrustStore? { files.withLock { $0.trust } }
    private var certificate: Certificate? { files.withLock { $0.certificate } }

    // MARK: Changes at run time

    /// The certificate that servers are shown, by its name; nil: none.
    package var certificateName: String? { settings.certificate }
    /// The name of the authorities that it names, used or not; nil: none that have a name.
    package var trustName: String? {
        settings.trust?.fileName ?? (settings.verifiesCertificate ? TrustSource.systemName : nil)
    }
    /// How often something has changed: contexts that were made before are old.
    package var changeCount: Int { changes.load(ordering: .acquiring) }

    /// Shows another certificate from now on.
    package func use(_ certificate: Certificate) {
        files.withLock { $0.certificate = certificate }
        changes.wrappingAdd(1, ordering: .releasing)
    }

    /// The file of revocation lists that it names; nil: none.
    package var revocationName: String? { settings.verifiesCertificate ? settings.revocations : nil }

    /// Trusts what the files say that are in memory now.
    package func renewTrust(_ memory: TLSFiles) throws(CertificateError) {
        guard settings.verifiesCertificate else { return }
        let own = try memory.trust(settings.trust, revocations: settings.revocations)
        files.withLock { $0.trust = own }
        changes.wrappingAdd(1, ordering: .releasing)
    }

    var reusesSessions: Bool { settings.reusesSessions }
    package var verifiedHost: String? { settings.verifiedHost }

    /// The version for WebSocket exchanges where the server may speak HTTP/2 and HTTP/1.1: not every server takes them in
    /// HTTP/2.
    var webSocketDowngrade: ServerHTTPVersion? {
        settings.alpn.contains("h2") && settings.alpn.contains("http/1.1") ? .h1 : nil
    }

    /// One worker's context for TLS on TCP. Where the server is a QUIC one, this is its fallback.
    ///
    /// - Parameter alpn: in place of the configured protocols.
    package func makeContext(alpn: String? = nil) throws(TLSError) -> TLSClientContext {
        var names = alpn.map { [$0] } ?? settings.alpn
        if names.contains("h3") {
            names.removeAll { $0 == "h3" }
            if names.isEmpty { names = ["h2", "http/1.1"] }
        }
        var options = TLSClientContext.Options()
        options.settings = TLSSettings(settings.parameters)
        options.trust = trust
        options.verifiedHost = settings.verifiedHost
        options.alpn = try ALPNList(names.joined(separator: ","))
        options.certificate = certificate
        options.reusesSessions = settings.reusesSessions
        return try TLSClientContext(options)
    }

    /// One worker's context for QUIC.
    package func makeQUICContext() throws(TLSError) -> QUICTLSContext {
        var options = QUICTLSContext.ClientOptions(trust: trust)
        options.offersEarlyData = allowsEarlyData
        options.certificate = certificate
        if let suites = settings.parameters.ciphersuites { options.cipherSuites = try QUICCipherSuite.list(suites) }
        if let curves = settings.parameters.curves { options.groups = try KeyExchangeGroup.list(curves) }
        return try QUICTLSContext(client: options)
    }

    /// Whether the name in SNI is another for each request.
    var dependsOnRequest: Bool {
        switch settings.serverName {
        case .none, .fixed: false
        case .requestHost, .expression: true
        }
    }

    /// The name in SNI where it is the same for all; nil when it is not, or when none is sent.
    var fixedServerName: String? {
        if case .fixed(let name) = settings.serverName { name } else { nil }
    }

    /// The name to send in SNI for an exchange.
    func serverName(for dispatch: Dispatch) -> String? {
        switch settings.serverName {
        case .none: return nil
        case .fixed(let name): return name
        case .expression(let expression):
            guard let text = (dispatch.owner as? ProxyExchange)?.text(of: expression), !text.isEmpty else { return nil }
            return String(decoding: text, as: UTF8.self)
        case .requestHost:
            guard let head = dispatch.exchange.request.head, !head.authority.isEmpty else { return nil }
            let text = head.authority.string
            if text.hasPrefix("[") { return nil }
            let host = text.split(separator: ":", maxSplits: 1).first.map(String.init) ?? text
            // Addresses are no server names (RFC 6066 section 3).
            return SocketAddress(text: host, port: 0) == nil ? host : nil
        }
    }
}

extension SocketAddress {
    /// A configured address.
    package init(_ address: IPAddress, port: UInt16) {
        var octets = InlineArray<16, UInt8>(repeating: 0)
        for (index, byte) in address.bytes.enumerated() { octets[index] = byte }
        self.init(family: address.isV4 ? .ipv4 : .ipv6, octets: octets, port: port)
    }
}
