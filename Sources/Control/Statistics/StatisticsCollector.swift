import Bytes
import Configuration
import Connections
import Proxying
import Runtime
import Servers
import Synchronization

/// Gathers the statistics of all workers into rows.
@ControlActor
package final class StatisticsCollector {
    private unowned let api: RuntimeAPI
    let meter = RateMeter()
    private var timer: ControlTimer!
    /// Share of the last second in which the process used no CPU time, percent.
    private(set) var idlePercent = 100
    private var cpuTime: UInt64 = 0
    /// What a statistics file has brought; added to what the workers count.
    private var earlier = EarlierStatistics()
    private var overflows = OverflowWatch()

    init(_ api: RuntimeAPI) {
        self.api = api
        timer = api.loop.makeTimer { [weak self] in self?.secondOver() }
    }

    private var blueprint: Blueprint { api.workers.blueprint }

    /// Begins with the counters of an earlier process.
    func begin(with statistics: EarlierStatistics) { earlier = statistics }

    /// Begins to measure rates.
    func start() {
        cpuTime = ProcessUsage.cpuTime
        arm()
    }

    private func arm() { timer.arm(at: api.loop.now.advanced(milliseconds: 1000)) }

    private func secondOver() {
        arm()
        let cpu = ProcessUsage.cpuTime
        let used = Int(clamping: (cpu &- cpuTime) / 10_000_000) / max(1, blueprint.workerCount)
        idlePercent = max(0, 100 - used)
        cpuTime = cpu
        controlTask { [self] in
            let totals = await api.askWorkers { $0.totals() }
            meter.note(totals)
            meter.endSecond(at: api.loop.now)
            let lost = totals.reduce(0) { $0 &+ $1.process.quicOverflows }
            if let warning = overflows.note(lost, at: api.loop.now) { api.report(warning) }
        }
    }

    /// `clear counters`: maxima, or everything.
    func clear(all: Bool) async {
        if all { earlier = EarlierStatistics() }
        _ = await api.askWorkers { $0.clearTraffic(all: all) }
        meter.clearMaxima()
    }

    /// `clear counters server`.
    func clear(_ server: SharedServer) async {
        if let guid = server.settings.guid { earlier.forget(guid) }
        _ = await api.askWorkers { $0.clearTraffic(of: server) }
    }

    /// What the workers count for the whole process.
    func process() async -> ProcessTraffic {
        let totals = await api.askWorkers { $0.totals() }
        meter.note(totals)
        var sum = ProcessTraffic()
        for worker in totals { sum.add(worker.process) }
        return sum
    }

    // MARK: Rows

    /// Which rows are wanted.
    package struct Filter: Sendable {
        /// The proxy's number; nil: all.
        package var proxy: Int?
        /// Kinds: 1 frontends, 2 backends, 4 servers, 8 listeners; below 0: all.
        package var kinds = -1
        /// The server's number; below 0: all.
        package var server = -1
        /// Leaves out servers in maintenance (`no-maint`).
        package var hidesMaintenance = false
        /// Leaves out servers that are down (`up`).
        package var hidesDown = false
        /// Whether addresses, cookies and algorithms are shown: from the level operator on.
        package var showsLegends = true

        package init() {}

        func wants(_ kind: ProxyRow.Kind) -> Bool { kinds < 0 || kinds & (1 << kind.rawValue) != 0 }
    }

    /// The rows of all proxies, in the order of their numbers: a frontend with its listeners, then servers and
    /// their backend.
    package func rows(_ filter: Filter) async -> [ProxyRow] {
        let answers = await api.askWorkers { (traffic: $0.traffic(), totals: $0.totals()) }
        meter.note(answers.map(\.totals))
        let workers = answers.map(\.traffic)
        var result: [(id: Int, rows: [ProxyRow])] = []
        for frontend in blueprint.frontends where filter.proxy == nil || filter.proxy == frontend.settings.id {
            guard !frontend.settings.isDisabled else { continue }
            var rows: [ProxyRow] = []
            if filter.wants(.frontend), filter.server <= 0 { rows.append(row(frontend, workers)) }
            if filter.wants(.listener), frontend.settings.options.countsListeners {
                rows += ListenerRow.make(frontend, workers, showsLegends: filter.showsLegends)
                    .filter { filter.server < 0 || filter.server == $0.id }
            }
            result.append((frontend.settings.id, rows))
        }
        for backend in blueprint.backendTable.all {
            let id = backend.servers.settings.id
            guard filter.proxy == nil || filter.proxy == id, !backend.servers.settings.isDisabled else { continue }
            result.append((id, rows(backend, workers, filter)))
        }
        // Stable: a listen section's frontend stays before its servers.
        let rows = result.enumerated().sorted { ($0.element.id, $0.offset) < ($1.element.id, $1.offset) }
            .flatMap(\.element.rows)
        return earlier.isEmpty ? rows : rows.map { earlier.added(to: $0) }
    }

    private func row(_ frontend: SharedFrontend, _ workers: [WorkerTraffic]) -> ProxyRow {
        let settings = frontend.settings
        let index = frontend.index
        var row = ProxyRow(
            .frontend, proxy: settings.name, proxyID: settings.id, name: "FRONTEND", id: 0, mode: settings.mode)
        row.guid = settings.guid
        for worker in workers where index < worker.frontends.count { row.traffic.add(worker.frontends[index]) }
        let now = api.loop.now
        row.rates.sessions = meter.rate(.frontSessions(index), at: now)
        row.rates.requests = meter.rate(.frontRequests(index), at: now)
        row.rates.connections = meter.rate(.frontConnections(index), at: now)
        row.rates.maxSessions = meter.maximum(.frontSessions(index))
        row.rates.maxRequests = meter.maximum(.frontRequests(index))
        row.rates.maxConnections = meter.maximum(.frontConnections(index))
        row.sessions = frontend.admission.count
        row.sessionLimit = frontend.admission.limit
        row.rateLimit = settings.sessionRateLimit
        row.summary = settings.summary
        row.status =
            switch frontend.state {
            case .open: "OPEN"
            case .paused: "PAUSED"
            case .stopped: "STOP"
            }
        return row
    }

    private func rows(
        _ backend: SharedProxyBackend, _ workers: [WorkerTraffic], _ filter: Filter
    ) -> [ProxyRow] {
        var result: [ProxyRow] = []
        if filter.wants(.server) {
            for server in backend.servers.servers where filter.server < 0 || filter.server == server.id {
                let row = ServerRow.make(
                    server, traffic: sum(ObjectIdentifier(server), workers, \.servers), meter: meter,
                    now: api.loop.now, showsLegends: filter.showsLegends)
                if filter.hidesMaintenance, row.isInMaintenance { continue }
                if filter.hidesDown, row.isDown || row.isInMaintenance { continue }
                result.append(row)
            }
        }
        if filter.wants(.backend), filter.server <= 0 { result.append(row(backend, workers, filter)) }
        return result
    }

    private func row(_ backend: SharedProxyBackend, _ workers: [WorkerTraffic], _ filter: Filter) -> ProxyRow {
        let shared = backend.servers
        let settings = shared.settings
        let now = api.loop.now
        var row = ProxyRow(
            .backend, proxy: settings.name, proxyID: settings.id, name: "BACKEND", id: 0, mode: settings.mode)
        row.guid = settings.guid
        row.traffic = sum(ObjectIdentifier(backend), workers, \.backends)
        row.rates.sessions = meter.rate(.back(ObjectIdentifier(backend)), at: now)
        row.rates.maxSessions = meter.maximum(.back(ObjectIdentifier(backend)))
        row.sessions = shared.current.load(ordering: .relaxed)
        row.sessionLimit = settings.fullconn ?? fullConnections(of: backend)
        row.summary = settings.summary
        row.queue = shared.queueLength
        let servers = shared.servers
        let (active, backup) = shared.usableServers
        row.activeServers = active
        row.backupServers = backup
        let inUse = servers.filter { $0.isUsable && $0.settings.isBackup == (active == 0) }
        row.weight = inUse.reduce(0) { $0 + ($1.effectiveWeight + 15) / 16 }
        row.userWeight = inUse.reduce(0) { $0 + $1.weight }
        row.downTransitions = shared.downTransitions.load(ordering: .relaxed)
        row.secondsSinceChange = Int(now.nanoseconds(since: shared.lastChange) / 1_000_000_000)
        if !servers.isEmpty { row.downSeconds = shared.downSeconds }
        if row.traffic.lastSession != .zero {
            row.secondsSinceSession = Int(now.nanoseconds(since: row.traffic.lastSession) / 1_000_000_000)
        }
        row.status = servers.isEmpty || active + backup > 0 ? "UP" : "DOWN"
        row.isDown = row.status == "DOWN"
        if !shared.isPublished.load(ordering: .relaxed) { row.status += " (UNPUB)" }
        if filter.hidesMaintenance || filter.hidesDown {
            row.status += " (\(servers.count { $0.state != .stopped })/\(servers.count))"
        }
        if filter.showsLegends {
            row.algorithm = settings.balance.statisticsName
            row.cookie = settings.cookie?.name
        }
        return row
    }

    /// A backend's `fullconn`: a tenth of what the frontends that use it may take.
    private func fullConnections(of backend: SharedProxyBackend) -> Int {
        let index = backend.servers.index
        let users = blueprint.frontends.filter { frontend in
            frontend.settings.defaultBackend == index
                || frontend.settings.useBackendRules.contains { rule in
                    switch rule.target {
                    case .fixed(let backend): backend == index
                    case .named: true
                    }
                }
        }
        let limits = users.isEmpty ? [blueprint.admission.limit] : users.map(\.admission.limit)
        return (limits.reduce(0) { $0 + min($1, Int(Int32.max)) } + 9) / 10
    }

    private func sum(
        _ key: ObjectIdentifier, _ workers: [WorkerTraffic],
        _ path: KeyPath<WorkerTraffic, [ObjectIdentifier: TrafficCounters]>
    ) -> TrafficCounters {
        var sum = TrafficCounters()
        for worker in workers {
            if let counters = worker[keyPath: path][key] { sum.add(counters) }
        }
        return sum
    }
}

extension BalanceAlgorithm {
    /// The name in statistics; HAProxy calls `random` "unknown" there.
    var statisticsName: String {
        switch self {
        case .roundrobin: "roundrobin"
        case .staticRR: "static-rr"
        case .leastconn: "leastconn"
        case .first: "first"
        case .source: "source"
        case .uri: "uri"
        case .urlParameter: "url_param"
        case .header: "hdr"
        case .rdpCookie: "rdp-cookie"
        case .hash: "hash"
        case .random, .sticky, .logHash: "unknown"
        }
    }
}
