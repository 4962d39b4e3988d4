import Bytes
import Configuration
import Connections
import Glibc
import Proxying
import Runtime

/// What `show info` is made of.
struct ProcessState: Sendable {
    let facts: RuntimeAPI.ProcessFacts
    let traffic: ProcessTraffic
    /// Datagrams between this process and those beside it, by ``QUICHandoverTraffic/Kind``.
    let quicHandover: [UInt64]
    let workers: Int
    let uptime: Int
    /// Nanoseconds beyond ``uptime``.
    let uptimeFraction: Int
    let connections: Int
    let maxconn: Int
    let timesFull: UInt64
    let hardMaxconn: Int
    let idlePercent: Int
    let isStopping: Bool
    private let rates: [RateMeter.Key: (now: Int, max: Int)]

    let pid = Int(getpid())
    let descriptorLimit = ProcessUsage.descriptorLimit
    /// `node`, or the machine's name.
    let node: String
    /// `description`.
    let summary: String?
    let maxPipes: Int
    /// Limits of new connections; 0: none.
    let connectionRateLimit: Int
    let sessionRateLimit: Int
    /// Kilobytes per second.
    let compressionLimit: Int
    let tlsRateLimit: Int
    let maxTLS: Int

    @ControlActor
    init(_ api: RuntimeAPI) async {
        traffic = await api.statistics.process()
        let handover = api.workers.quic.traffic
        quicHandover = QUICHandoverTraffic.Kind.allCases.map { handover[$0] }
        facts = api.facts
        let blueprint = api.workers.blueprint
        node = blueprint.configuration.global.node ?? ProcessUsage.nodeName
        summary = blueprint.configuration.global.summary
        maxPipes = blueprint.configuration.global.maxPipes ?? blueprint.pipeLimit
        connectionRateLimit = blueprint.rates.limit(.connections)
        sessionRateLimit = blueprint.rates.limit(.sessions)
        compressionLimit = blueprint.rates.limit(.compression)
        tlsRateLimit = blueprint.rates.limit(.tls)
        maxTLS = blueprint.configuration.global.rates.tlsAtOnce ?? 0
        workers = api.workers.blueprint.workerCount
        let nanoseconds = api.loop.now.nanoseconds(since: api.facts.startedAt)
        uptime = Int(nanoseconds / 1_000_000_000)
        uptimeFraction = Int(nanoseconds % 1_000_000_000)
        let admission = api.workers.blueprint.admission
        connections = admission.count
        maxconn = admission.limit
        timesFull = admission.timesFull
        hardMaxconn = api.workers.blueprint.hardMaxconn
        idlePercent = api.statistics.idlePercent
        isStopping = api.isStopping
        let meter = api.statistics.meter
        let now = api.loop.now
        let keys: [RateMeter.Key] = [
            .connections, .sessions, .clientTLS, .clientTLSFull, .serverTLSFull, .bytesOut,
        ]
        rates = Dictionary(uniqueKeysWithValues: keys.map { ($0, (meter.rate($0, at: now), meter.maximum($0))) })
    }

    func rate(_ key: RateMeter.Key) -> Int { rates[key]?.now ?? 0 }
    func maximum(_ key: RateMeter.Key) -> Int { rates[key]?.max ?? 0 }

    /// Percent of TLS clients of the last second that resumed a session.
    var reusePercent: Int {
        let all = rate(.clientTLS)
        return all > 0 ? 100 * max(0, all - rate(.clientTLSFull)) / all : 0
    }

    /// `0d 0h20m44s`.
    var uptimeText: String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(uptime / 86_400)d \(uptime / 3600 % 24)h\(two(uptime / 60 % 60))m\(two(uptime % 60))s"
    }

    /// The day that the program's file was written.
    var programDate: String {
        var seconds = ProcessUsage.programDate
        var parts = unsafe tm()
        guard unsafe gmtime_r(&seconds, &parts) != nil else { return "1970/01/01" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(unsafe parts.tm_year + 1900)/\(two(unsafe parts.tm_mon + 1))/\(two(unsafe parts.tm_mday))"
    }

    /// Warnings among the lines of the start.
    var warnings: Int { facts.startupLog.count { $0.hasPrefix("[WARNING]") } }
}
