import Bytes
import Patterns
import Proxying
import Synchronization

/// What is known of the process at one moment: the lines of `show info`.
struct ProcessField: Sendable {
    let name: String
    let tags: StatTags
    let description: String
    let value: @Sendable (ProcessState) -> StatValue

    init(
        _ name: String, _ tags: String, _ description: String, _ value: @escaping @Sendable (ProcessState) -> StatValue
    ) {
        self.name = name
        self.tags = StatTags(tags)
        self.description = description
        self.value = value
    }
}

/// The fields of `show info`, in HAProxy's order. What Portico has no number for is left out of its outputs.
enum ProcessFields {
    static let all = identity + rates + state

    private static let identity: [ProcessField] = [
        ProcessField("Name", "POSV", "Name of the product") { _ in .text("Portico") },
        ProcessField("Version", "POSV", "Version of HAProxy whose words are spoken") { .text($0.facts.version) },
        ProcessField("Release_date", "POSV", "Date of the program") { .text($0.programDate) },
        ProcessField("Nbthread", "CGSV", "Workers (nbthread)") { .u32($0.workers) },
        ProcessField("Nbproc", "CGSV", "Worker processes; always 1") { _ in .u32(1) },
        ProcessField("Process_num", "KGPV", "Number of the worker process; always 1") { _ in .u32(1) },
        ProcessField("Pid", "SGPV", "Number of the process for the system") { .u32($0.pid) },
        ProcessField("Uptime", "MDPV", "Time since the start: days, hours, minutes, seconds") { .text($0.uptimeText) },
        ProcessField("Uptime_sec", "MDPV", "Seconds since the start") { .u32($0.uptime) },
        ProcessField("Memmax_MB", "CLPV", "Limit of memory in MB (-m)") { .u32($0.facts.memoryLimit) },
        ProcessField("PoolAlloc_MB", "MGPV", "Memory of buffers, in MB") { .u32($0.traffic.buffersAllocated >> 20) },
        ProcessField("PoolUsed_MB", "MGPV", "Memory of buffers that are in use, in MB") {
            .u32($0.traffic.buffersUsed >> 20)
        },
        ProcessField("PoolFailed", "MCPV", "Buffers that memory did not suffice for; always 0") { _ in .u32(0) },
        ProcessField("Ulimit-n", "CLPV", "Limit of file descriptors") { .u32($0.descriptorLimit) },
        ProcessField("Maxsock", "CLPV", "Limit of sockets") { .u32($0.descriptorLimit) },
        ProcessField("Maxconn", "CLPV", "Limit of connections (maxconn)") { .u32($0.maxconn) },
        ProcessField("Hard_maxconn", "CLPV", "Limit of connections that maxconn may be raised to") {
            .u32($0.hardMaxconn)
        },
        ProcessField("CurrConns", "MGPV", "Connections of clients now") { .u32($0.connections) },
        ProcessField("CumConns", "MCPV", "Connections of clients since the start") {
            .unsigned32(Int(truncatingIfNeeded: $0.traffic.connections & 0xffff_ffff))
        },
        ProcessField("CumReq", "MCPV", "Requests since the start") {
            .unsigned32(Int(truncatingIfNeeded: $0.traffic.requests & 0xffff_ffff))
        },
        ProcessField("MaxSslConns", "MMPV", "Limit of connections with TLS (maxsslconn); 0: none") { .u32($0.maxTLS) },
        ProcessField("CurrSslConns", "MGPV", "Connections with TLS now, of clients and to servers") {
            .u32($0.traffic.currentTLS)
        },
        ProcessField("CumSslConns", "MCPV", "Connections with TLS since the start") {
            .unsigned32(Int(truncatingIfNeeded: ($0.traffic.clientTLS + $0.traffic.serverTLS) & 0xffff_ffff))
        },
        ProcessField("Maxpipes", "CLPV", "Limit of kernel pipes") { .u32($0.maxPipes) },
        ProcessField("PipesUsed", "MGPV", "Kernel pipes in use") { _ in
            .u32(KernelPipePool.counts.used.load(ordering: .relaxed))
        },
        ProcessField("PipesFree", "MGPV", "Kernel pipes that wait") { _ in
            .u32(KernelPipePool.counts.free.load(ordering: .relaxed))
        },
    ]

    private static let rates: [ProcessField] = [
        ProcessField("ConnRate", "MRPV", "New connections of clients in the last second") {
            .u32($0.rate(.connections))
        },
        ProcessField("ConnRateLimit", "CLPV", "Limit of ConnRate (maxconnrate); 0: none") {
            .u32($0.connectionRateLimit)
        },
        ProcessField("MaxConnRate", "MMPV", "Largest ConnRate") { .u32($0.maximum(.connections)) },
        ProcessField("SessRate", "MRPV", "New sessions in the last second") { .u32($0.rate(.sessions)) },
        ProcessField("SessRateLimit", "CLPV", "Limit of SessRate (maxsessrate); 0: none") { .u32($0.sessionRateLimit) },
        ProcessField("MaxSessRate", "MRPV", "Largest SessRate") { .u32($0.maximum(.sessions)) },
        ProcessField("SslRate", "MRPV", "New connections of clients with TLS in the last second") {
            .u32($0.rate(.clientTLS))
        },
        ProcessField("SslRateLimit", "CLPV", "Limit of SslRate (maxsslrate); 0: none") { .u32($0.tlsRateLimit) },
        ProcessField("MaxSslRate", "MMPV", "Largest SslRate") { .u32($0.maximum(.clientTLS)) },
        ProcessField("SslFrontendKeyRate", "MGPV", "Full TLS handshakes with clients in the last second") {
            .u32($0.rate(.clientTLSFull))
        },
        ProcessField("SslFrontendMaxKeyRate", "MMPV", "Largest SslFrontendKeyRate") {
            .u32($0.maximum(.clientTLSFull))
        },
        ProcessField(
            "SslFrontendSessionReuse_pct", "MGPV",
            "Percent of clients with TLS in the last second that resumed a session"
        ) { .u32($0.reusePercent) },
        ProcessField("SslBackendKeyRate", "MRPV", "Full TLS handshakes with servers in the last second") {
            .u32($0.rate(.serverTLSFull))
        },
        ProcessField("SslBackendMaxKeyRate", "MMPV", "Largest SslBackendKeyRate") { .u32($0.maximum(.serverTLSFull)) },
        ProcessField("SslCacheLookups", "MCPV", "Look-ups in a cache of TLS sessions; clients keep theirs") { _ in
            .u32(0)
        },
        ProcessField("SslCacheMisses", "MCPV", "Look-ups in a cache of TLS sessions that found none") { _ in .u32(0) },
        ProcessField("CompressBpsIn", "MRPV", "Bytes given to compression in the last second") { _ in .u32(0) },
        ProcessField("CompressBpsOut", "MRPV", "Bytes that compression made in the last second") { _ in .u32(0) },
        ProcessField("CompressBpsRateLim", "CLPV", "Limit of CompressBpsOut") { .u32($0.compressionLimit * 1024) },
        ProcessField("ZlibMemUsage", "MGPV", "Memory of zlib") { _ in .none },
        ProcessField("MaxZlibMemUsage", "CLPV", "Limit of the memory of zlib") { _ in .none },
        ProcessField("Tasks", "MGPV", "Sockets and exchanges that workers look after") {
            .u32($0.traffic.jobs + $0.traffic.currentStreams)
        },
        ProcessField("Run_queue", "MGPV", "Tasks that wait to run; workers finish theirs in each turn") { _ in .u32(0)
        },
        ProcessField("Idle_pct", "MaPV", "Percent of the last second in which workers waited") { .u32($0.idlePercent) },
        ProcessField("node", "COSV", "Name of the node") { .text($0.node) },
        ProcessField("description", "COSV", "Description of the node") { .str($0.summary) },
    ]

    private static let state: [ProcessField] = [
        ProcessField("Stopping", "MGPV", "1 while the process finishes what is open, else 0") {
            .u32($0.isStopping ? 1 : 0)
        },
        ProcessField("Jobs", "MGPV", "Sockets that workers look after") { .u32($0.traffic.jobs) },
        ProcessField("Unstoppable Jobs", "MGPV", "Jobs that a stop does not wait for") { _ in .u32(0) },
        ProcessField("Listeners", "MGPV", "Listening sockets of all workers") { .u32($0.traffic.listeners) },
        ProcessField("ActivePeers", "MGPV", "Verified connections of peers") { _ in .u32(0) },
        ProcessField("ConnectedPeers", "MGPV", "Connections of peers") { _ in .u32(0) },
        ProcessField("DroppedLogs", "MGPV", "Log lines that could not be sent") { _ in
            .unsigned32(Int(truncatingIfNeeded: droppedLogLines.count & 0xffff_ffff))
        },
        ProcessField("BusyPolling", "MGPV", "1 while workers poll without waiting, else 0") { _ in .u32(0) },
        ProcessField("FailedResolutions", "MGPV", "Names that did not resolve") { _ in .none },
        ProcessField("TotalBytesOut", "MGPV", "Bytes sent to clients") { .unsigned64($0.traffic.bytesOut) },
        ProcessField("TotalSplicedBytesOut", "MGPV", "Bytes sent through kernel pipes") { _ in
            .unsigned64(KernelPipePool.counts.bytesOut.load(ordering: .relaxed))
        },
        ProcessField("BytesOutRate", "MRPV", "Bytes sent to clients in the last second") {
            .unsigned64(UInt64($0.rate(.bytesOut)))
        },
        ProcessField("DebugCommandsIssued", "MGPV", "Debug commands that were given; there are none") { _ in .u32(0) },
        ProcessField("CumRecvLogs", "MCPV", "Log lines received from others") { _ in
            .unsigned32(Int(truncatingIfNeeded: receivedLogLines.count & 0xffff_ffff))
        },
        ProcessField("Build info", "POSV", "This program's own version") { .text("Portico \($0.facts.build)") },
        ProcessField("Memmax_bytes", "CLPV", "Limit of memory in bytes (-m)") { .u32($0.facts.memoryLimit << 20) },
        ProcessField("PoolAlloc_bytes", "MGPV", "Memory of buffers, in bytes") {
            .unsigned64(UInt64($0.traffic.buffersAllocated))
        },
        ProcessField("PoolUsed_bytes", "MGPV", "Memory of buffers that are in use, in bytes") {
            .unsigned64(UInt64($0.traffic.buffersUsed))
        },
        ProcessField("Start_time_sec", "MDPV", "When the process started: seconds since 1970") {
            .u32(Int($0.facts.startedWall / 1_000_000_000))
        },
        ProcessField("Tainted", "SGPV", "What unusual has been used; always 0") { _ in .text("0") },
        ProcessField("TotalWarnings", "MCPV", "Warnings at start") { .u32($0.warnings) },
        ProcessField("MaxconnReached", "MCPV", "Times that maxconn was reached") {
            .unsigned32(Int(truncatingIfNeeded: $0.timesFull & 0xffff_ffff))
        },
        ProcessField("BootTime_ms", "MDPV", "Milliseconds that the start took") { .u32($0.facts.bootMilliseconds) },
        ProcessField("Niced_tasks", "MGPV", "Tasks with a priority of their own") { _ in .u32(0) },
        ProcessField("CurrStreams", "MGPV", "Exchanges now") { .unsigned64(UInt64(max(0, $0.traffic.currentStreams))) },
        ProcessField("CumStreams", "MGPV", "Exchanges since the start") { .unsigned64($0.traffic.streams) },
        ProcessField("BlockedTrafficWarnings", "MGPV", "Warnings about tasks that took too long; there are none") { _ in
            .u32(0)
        },
        ProcessField("PatternsAdded", "MGPV", "Entries added to ACLs and maps") { _ in
            .unsigned64(PatternCounts.addedSoFar)
        },
        ProcessField("PatternsFreed", "MGPV", "Entries freed from ACLs and maps") { _ in
            .unsigned64(PatternCounts.freedSoFar)
        },
        ProcessField("NbThreadGroups", "CGSV", "Groups of threads; always 1") { _ in .u32(1) },
    ]
}
