package import Configuration
package import Connections
import MuxHTTP1
import Rules
import Runtime
package import Samples
package import Servers
package import Synchronization
package import TLSTransport

/// Everything that the workers share, made from the configuration before they start: immutable, or named atomics.
package final class Blueprint: Sendable {
    package let configuration: Configuration
    package let frontends: [SharedFrontend]
    /// Those of the configuration, in its order.
    package let backends: [SharedProxyBackend]
    /// Those of now: what was added at run time too, and without what was deleted.
    package let backendTable: BackendTable
    /// What happens to servers and backends.
    package let events = ServerEvents()
    /// Connections of the whole process: `maxconn` of the global section.
    package let admission: Admission
    /// New connections per second, and of those with TLS how many there may be.
    package let rates: ConnectionRates
    /// How names of fields are written to peers that mind their case; nil: in lower case.
    let fieldCases: FieldCases?
    /// The most that the process's `maxconn` may be raised to.
    package let hardMaxconn: Int
    /// Kernel pipes of the process.
    package let pipeLimit: Int
    package let ticketKeys: TicketKeyRing
    /// Certificates and authorities in memory.
    package let tlsFiles = TLSFiles()
    /// Workers that the process runs.
    package let workerCount: Int
    /// When the process started: nanoseconds since 1970-01-01 UTC.
    package let startedWall = SystemClock.wall()
    /// Requests that the process has taken so far, for the log's `%rt`.
    package let requests = Atomic<UInt64>(0)
    /// Whether workers measure what exchanges cost them.
    package let profiling: TaskProfilingSwitch
    /// Malformed messages so far.
    package let errorCaptures = Atomic<UInt32>(0)
    /// Variables of the scope `proc`.
    package let processVariables = ProcessVariables()

    /// The worker's share of the pipes.
    func pipeLimit(of worker: Int) -> Int {
        pipeLimit / workerCount + (worker < pipeLimit % workerCount ? 1 : 0)
    }

    /// Loads certificates, resolves server names. Throws what the operator has to mend.
    /// - Parameters:
    ///   - processMaxconn: the limit in force when the configuration sets none.
    package init(_ configuration: Configuration, workerCount: Int, processMaxconn: Int) throws(BlueprintError) {
        self.configuration = configuration
        self.workerCount = workerCount
        profiling = TaskProfilingSwitch(configuration.global.taskProfiling)
        rates = ConnectionRates(configuration.global.rates, workers: workerCount)
        fieldCases = FieldCases(configuration.global.fieldCases)
        admission = Admission(limit: configuration.global.maxconn ?? processMaxconn)
        hardMaxconn = max(processMaxconn, configuration.global.maxconn ?? 0)
        pipeLimit = configuration.pipeLimit(connections: admission.limit)
        do throws(TLSError) { ticketKeys = try TicketKeyRing() } catch {
            throw BlueprintError("TLS ticket keys: \(error)")
        }
        var stores = CertificateCache(files: tlsFiles)
        var frontends: [SharedFrontend] = []
        let hasRequestRules =
            configuration.frontends.contains { !$0.rules[.httpRequest].isEmpty }
            || configuration.backends.contains { !$0.rules[.httpRequest].isEmpty }
        for (index, settings) in configuration.frontends.enumerated() {
            frontends.append(
                try SharedFrontend(
                    settings, index: index, processMaxconn: admission.limit, ticketKeys: ticketKeys, stores: &stores,
                    keepsRequestLine: hasRequestRules, workers: workerCount))
        }
        self.frontends = frontends
        var backends: [SharedProxyBackend] = []
        for (index, settings) in configuration.backends.enumerated() {
            backends.append(
                try SharedProxyBackend(
                    settings, index: index, events: events, workers: workerCount, tlsFiles: tlsFiles))
        }
        self.backends = backends
        for backend in backends where backend.servers.settings.fullconn == nil {
            backend.servers.fullconn.store(Self.fullConnections(of: backend, frontends), ordering: .relaxed)
        }
        // Numbers go on behind those of the sections, which start with 2.
        let sections = configuration.frontends.count + configuration.backends.count { !$0.isListen }
        backendTable = BackendTable(backends, firstID: sections + 2)
        for backend in backends {
            for server in backend.servers.servers { _ = backendTable.track(server) }
        }
        if !configuration.global.variables.isEmpty {
            let evaluation = ProcessEvaluation(self)
            for setting in configuration.global.variables { _ = evaluation.set(setting) }
        }
    }

    /// The `fullconn` of a backend that sets none: a tenth of what the frontends may take that name it.
    private static func fullConnections(of backend: SharedProxyBackend, _ frontends: [SharedFrontend]) -> Int {
        let index = backend.servers.index
        var sum = 0
        for frontend in frontends {
            let isNamed = frontend.settings.useBackendRules.contains { rule in
                if case .fixed(let target) = rule.target { target == index } else { false }
            }
            guard frontend.settings.defaultBackend == index || isNamed else { continue }
            sum += min(frontend.admission.limit, Int(Int32.max))
        }
        return max(1, (sum + 9) / 10)
    }

    /// Adds a backend while the process runs. `describe` gets its number. Rules can not choose it before it is published.
    package func addBackend(
        _ describe: (_ id: Int) throws -> BackendSettings
    ) throws -> SharedProxyBackend {
        try backendTable.add { index, id in
            try SharedProxyBackend(
                try describe(id), index: index, events: events, workers: workerCount, isDynamic: true,
                tlsFiles: tlsFiles)
        }
    }
}

/// A configuration that cannot be put to work: what is wrong and where.
package struct BlueprintError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// Certificate stores by their files, so that bind lines with the same `crt` arguments share one.
struct CertificateCache {
    let files: TLSFiles
    private var stores: [[CertificateSource]: ServedCertificates] = [:]

    init(files: TLSFiles) { self.files = files }

    mutating func store(_ sources: [CertificateSource]) throws(CertificateError) -> ServedCertificates {
        if let known = stores[sources] { return known }
        var variants: [CertificateLineOptions] = []
        let store = try files.store(sources, &variants)
        let served = ServedCertificates(store: store, variants: variants)
        stores[sources] = served
        return served
    }
}

/// What a bind line serves, and the settings of lines of its lists.
package struct ServedCertificates: Sendable {
    package var store: CertificateStore
    package var variants: [CertificateLineOptions] = []

    /// Takes a line of a list out, and its settings with the last line that has them: what they name is not in use then.
    package mutating func remove(_ path: String, list: String, line: Int) {
        store = store.removing(path, list: list, line: line)
        let used = Set(store.entries.compactMap(\.variant))
        // The others keep their places.
        for place in variants.indices where !used.contains(place) { variants[place] = CertificateLineOptions() }
        while let last = variants.indices.last, !used.contains(last) { variants.removeLast() }
    }
}
