import Bytes
package import Configuration
package import Connections
import Messages
import Rules
import Runtime
import Samples
import Synchronization
package import TLSTransport

/// A frontend as all workers see it.
package final class SharedFrontend: Sendable {
    package let settings: FrontendSettings
    package let index: Int
    /// The section's name.
    let nameBytes: [UInt8]

    /// Whether the section has this name.
    func isNamed(_ name: Span<UInt8>) -> Bool {
        let own = nameBytes
        return own.span.equals(name)
    }

    /// Most bytes of each capture slot.
    let requestCaptureLengths: [Int]
    let responseCaptureLengths: [Int]
    /// Whether rules may change the request before the log shows it: it is kept as it came then.
    let keepsRequestLine: Bool
    package let binds: [SharedBind]
    /// Listening addresses: one for each port of each bind line.
    package let listenerCount: Int
    /// Connections of the frontend: its `maxconn`.
    package let admission: Admission
    /// Whether it takes connections; see ``FrontendState``.
    private let stateNow = Atomic<UInt8>(FrontendState.open.rawValue)
    let errors: ErrorAnswers
    let rules: RuleTable
    /// Connections and requests in the last second.
    let sessionRate: SharedRate
    let requestRate: SharedRate
    /// The value of `alt-svc` that TLS responses carry: the frontend's QUIC listener. Nil without one.
    let alternativeService: [UInt8]?

    private let lines = Atomic<UInt32>(0)

    init(
        _ settings: FrontendSettings, index: Int, processMaxconn: Int, ticketKeys: TicketKeyRing,
        stores: inout CertificateCache, keepsRequestLine: Bool, workers: Int
    ) throws(BlueprintError) {
        self.settings = settings
        sessionRate = SharedRate(workers: workers)
        requestRate = SharedRate(workers: workers)
        self.index = index
        nameBytes = Array(settings.name.utf8)
        requestCaptureLengths = settings.captures.request.map(\.length)
        responseCaptureLengths = settings.captures.response.map(\.length)
        self.keepsRequestLine = keepsRequestLine && !settings.logs.isEmpty && settings.lines.format != nil
        admission = Admission(limit: settings.maxconn ?? processMaxconn)
        errors = ErrorAnswers(settings.errorFiles)
        rules = RuleTable(settings.rules)
        var binds: [SharedBind] = []
        var listeners = 0
        var numbers = ListenerNumbers(settings.binds)
        for (place, bind) in settings.binds.enumerated() {
            let shared = try SharedBind(
                bind, of: settings.options, frontend: index, index: place, firstListener: listeners + 1,
                identifiers: numbers.take(for: bind), ticketKeys: ticketKeys, stores: &stores)
            listeners += shared.contexts.count
            binds.append(shared)
        }
        self.binds = binds
        listenerCount = listeners
        let quicPort = settings.binds.lazy.compactMap { bind -> UInt16? in
            guard bind.transport == .quic, case .ip(_, let ports) = bind.address else { return nil }
            return ports.lowerBound
        }.first
        alternativeService = quicPort.map { Array("h3=\":\($0)\"; ma=86400".utf8) }
    }

    /// Counts a line of the log: how many there were before it (`%lc`).
    package func countLine() -> UInt32 { lines.wrappingAdd(1, ordering: .relaxed).oldValue }
    /// Lines logged so far.
    package var lineCount: UInt32 { lines.load(ordering: .relaxed) }

    /// Whether it takes connections.
    package var state: FrontendState { FrontendState(rawValue: stateNow.load(ordering: .relaxed)) ?? .open }

    /// Changes the state. The workers' listeners follow by ``Worker/applyState(ofFrontend:)``.
    package func setState(_ state: FrontendState) { stateNow.store(state.rawValue, ordering: .relaxed) }
}

/// Whether a frontend takes connections, as an operator wants it.
package enum FrontendState: UInt8, Sendable {
    case open
    /// `disable frontend`.
    case paused
    /// `shutdown frontend`: for ever.
    case stopped
}

/// A bind line as all workers see it.
package final class SharedBind: Sendable {
    package let settings: BindSettings
    package let frontend: Int
    package let index: Int
    /// What it serves; the runtime API changes it.
    private let certificatesNow: Mutex<ServedCertificates?>
    /// What clients' certificates are verified by, and those of names in lists; the runtime API changes it.
    private let verificationNow: Mutex<Verification>

    private struct Verification: Sendable {
        var base: ClientVerification?
        var variants: [ClientVerification?] = []
    }
    package let ticketKeys: TicketKeyRing
    /// What the listeners of each of its ports share, in the order of the ports. Addresses without ports have one.
    package let contexts: [ListenerContext]
    /// How far its connections have come, for a line of reverse HTTP.
    let preconnects = PreconnectState()

    /// - Parameters:
    ///   - firstListener: the number of its first port among the frontend's listening addresses, from 1.
    ///   - identifiers: the numbers that statistics show, of each of its ports.
    init(
        _ settings: BindSettings, of options: FrontendOptions, frontend: Int, index: Int, firstListener: Int,
        identifiers: [Int], ticketKeys: TicketKeyRing, stores: inout CertificateCache
    ) throws(BlueprintError) {
        self.settings = settings
        self.frontend = frontend
        self.index = index
        self.ticketKeys = ticketKeys
        contexts = (firstListener..<firstListener + settings.socketCount).map { number in
            // HAProxy names the nameless when it counts for them.
            let name = settings.name ?? (options.countsListeners ? "sock-\(number)" : nil)
            return ListenerContext(
                frontend: frontend, bind: index, name: name ?? "\(number)", givenName: name,
                identifier: identifiers.indices.contains(number - firstListener)
                    ? identifiers[number - firstListener] : number, place: number - 1,
                admission: Admission(limit: settings.maxconn ?? .max), addressMagic: settings.addressMagic ?? 0)
        }
        guard let tls = settings.tls else {
            certificatesNow = Mutex(nil)
            verificationNow = Mutex(Verification())
            return
        }
        guard !tls.certificates.isEmpty else {
            throw BlueprintError("\(settings.location): 'ssl' needs a certificate: add 'crt FILE'")
        }
        do throws(CertificateError) {
            let served = try stores.store(tls.certificates)
            certificatesNow = Mutex(served)
            verificationNow = Mutex(try Self.verification(tls, served.variants, stores.files))
        } catch {
            throw BlueprintError("\(settings.location): \(error)")
        }
    }

    private static func verification(
        _ tls: BindTLSSettings, _ variants: [CertificateLineOptions], _ files: TLSFiles
    ) throws(CertificateError) -> Verification {
        var result = Verification(base: try files.verification(tls.clients))
        for options in variants {
            result.variants.append(try files.verification(options.clients(over: tls.clients)))
        }
        return result
    }

    /// What the line serves now; nil when it is clear. Takes a lock: workers have contexts of their own.
    package var served: ServedCertificates? { certificatesNow.withLock { $0 } }
    package var certificates: CertificateStore? { served?.store }

    /// Serves other certificates from now on. Workers follow by ``Worker/renewTLS(frontend:bind:)``. Throws, and changes
    /// nothing, when they can not be used on this line.
    package func use(_ served: ServedCertificates, _ files: TLSFiles) throws {
        guard let tls = settings.tls else { return }
        let earlier = self.served
        let earlierVerification = verificationNow.withLock { $0 }
        let verification = try Self.verification(tls, served.variants, files)
        certificatesNow.withLock { $0 = served }
        verificationNow.withLock { $0 = verification }
        do throws(TLSError) {
            _ = try makeTLSContext(clock: TurnClock(), TLSTuneSettings())
            _ = try makeQUICContext(TLSTuneSettings())
        } catch {
            certificatesNow.withLock { $0 = earlier }
            verificationNow.withLock { $0 = earlierVerification }
            throw error
        }
    }

    /// What the line, and lines of its lists, say of clients' certificates.
    private var demands: [ClientCertificateSettings] {
        guard let tls = settings.tls else { return [] }
        return [tls.clients] + (served?.variants ?? []).map { $0.clients(over: tls.clients) }
    }

    /// Whether the line names a file of authorities or of revocation lists.
    package func names(authorities name: String) -> Bool {
        demands.contains { $0.authorities?.fileName == name || $0.unnamedAuthorities?.fileName == name }
    }

    package func names(revocations name: String) -> Bool { demands.contains { $0.revocations == name } }

    /// Verifies clients by what the files say that are in memory now. Workers follow by
    /// ``Worker/renewTLS(frontend:bind:)``.
    package func renewVerification(_ files: TLSFiles) throws(CertificateError) {
        guard let tls = settings.tls else { return }
        let verification = try Self.verification(tls, served?.variants ?? [], files)
        verificationNow.withLock { $0 = verification }
    }

    /// A worker's TLS context for the line; nil when it is clear or QUIC.
    func makeTLSContext(clock: TurnClock, _ tune: TLSTuneSettings) throws(TLSError) -> TLSServerContext? {
        guard let tls = settings.tls, let served, settings.transport == .stream else { return nil }
        let verification = verificationNow.withLock { $0 }
        var options = TLSServerContext.Options(
            certificates: served.store, ticketKeys: tls.parameters.usesTickets ? ticketKeys : nil)
        options.settings = TLSSettings(tls.parameters)
        options.alpn = try ALPNList(tls.alpn.joined(separator: ","))
        options.strictSNI = tls.strictSNI
        options.prefersClientCiphers = tls.prefersClientCiphers
        options.sessionLifetime = tune.sessionLifetime
        options.verification = verification.base
        options.helloCapacity = tune.helloCapacity
        for (lines, demands) in zip(served.variants, verification.variants) {
            options.variants.append(
                TLSServerContext.Variant(
                    settings: TLSSettings(lines.parameters(over: tls.parameters)),
                    alpn: try ALPNList((lines.alpn ?? tls.alpn).joined(separator: ",")), verification: demands))
        }
        return try TLSServerContext(options, clock: clock)
    }
}

extension SharedBind {
    /// What the listeners of one of its sockets share.
    func context(of descriptor: Int32) -> ListenerContext {
        guard contexts.count > 1, case .ip(_, let ports) = settings.address else { return contexts[0] }
        let place = Int(Socket.localAddress(descriptor).port) - Int(ports.lowerBound)
        return contexts.indices.contains(place) ? contexts[place] : contexts[0]
    }

    /// A worker's GnuTLS context for the line; nil when it is not QUIC.
    func makeQUICContext(_ tune: TLSTuneSettings) throws(TLSError) -> QUICTLSContext? {
        guard let tls = settings.tls, let served, settings.transport == .quic else { return nil }
        let verification = verificationNow.withLock { $0 }
        var options = QUICTLSContext.ServerOptions(certificates: served.store, ticketKeys: ticketKeys)
        options.alpn = try ALPNList(tls.alpn.joined(separator: ","))
        options.strictSNI = tls.strictSNI
        options.verification = verification.base
        options.helloCapacity = tune.helloCapacity
        if settings.quic.takesEarlyData, tls.parameters.usesTickets { options.replayGuard = ticketKeys.replayGuard }
        if let suites = tls.parameters.ciphersuites { options.cipherSuites = try QUICCipherSuite.list(suites) }
        if let curves = tls.parameters.curves { options.groups = try KeyExchangeGroup.list(curves) }
        for (lines, demands) in zip(served.variants, verification.variants) {
            // QUIC has one version of TLS and one protocol: what lines say of these is for the same names over TCP.
            options.variants.append(
                QUICTLSContext.Variant(
                    cipherSuites: try lines.ciphersuites.map { text throws(TLSError) in
                        try QUICCipherSuite.list(text)
                    } ?? options.cipherSuites,
                    groups: try lines.curves.map { text throws(TLSError) in try KeyExchangeGroup.list(text) }
                        ?? options.groups,
                    verification: demands))
        }
        return try QUICTLSContext(server: options)
    }
}

extension TLSSettings {
    /// The settings that a configuration asks for.
    init(_ parameters: TLSParameters) {
        self.init()
        minVersion = TLSProtocolVersion(parameters.minVersion)
        maxVersion = parameters.maxVersion.map { TLSProtocolVersion($0) } ?? .tls13
        ciphers = parameters.ciphers
        ciphersuites = parameters.ciphersuites
        curves = parameters.curves
        signatureAlgorithms = parameters.signatureAlgorithms
    }
}

extension TLSProtocolVersion {
    init(_ version: TLSVersion) {
        switch version {
        case .sslv3, .tls10: self = .tls10
        case .tls11: self = .tls11
        case .tls12: self = .tls12
        case .tls13: self = .tls13
        }
    }
}
