import Configuration
import Proxying

/// The columns of `show stat`, in HAProxy's order (management.txt, section 9.1). One table feeds the CSV, typed and JSON
/// outputs, the statistics page and Prometheus.
///
/// The four letters of a column's tags are origin, nature, scope and whether the value survives a reload (section 9.2).
enum ProxyColumns {
    static let all = identity + traffic + checks + connections

    /// Those of `show stat` that every process has; in CSV a column `-` stands between them and the rest.
    static let count = all.count

    private static let identity: [StatColumn] = [
        StatColumn("pxname", "KNSV", "Name of the proxy") { .str($0.proxy) },
        StatColumn("svname", "KNSV", "Name of the server, or which half of the proxy") { .str($0.name) },
        StatColumn("qcur", "MGPV", "Requests that wait for a server now") { .u32($0.queue) },
        StatColumn("qmax", "MMPV", "Most requests that waited at once") { .u32($0.maxQueue) },
        StatColumn("scur", "MGPV", "Sessions now") { .u32($0.sessions) },
        StatColumn("smax", "MMPV", "Most sessions at once") { .u32($0.traffic.maxSessions) },
        StatColumn("slim", "CLPV", "Limit of sessions: maxconn, or fullconn of a backend") { .u32($0.sessionLimit) },
        StatColumn("stot", "MCPP", "Sessions since the start") { .u64($0.traffic.sessions) },
        StatColumn("bin", "MCPP", "Bytes of requests") { .u64($0.traffic.bytesIn) },
        StatColumn("bout", "MCPP", "Bytes of responses") { .u64($0.traffic.bytesOut) },
        StatColumn("dreq", "MCPP", "Requests refused by rules") { .u64($0.traffic.deniedRequests, $0.kind != .server) },
        StatColumn("dresp", "MCPP", "Responses refused by rules") { .u64($0.traffic.deniedResponses) },
        StatColumn("ereq", "MCPP", "Requests that were malformed, broke off or came too late") {
            .u64($0.traffic.requestErrors, $0.isFront)
        },
        StatColumn("econ", "MCPP", "Requests that got no connection to a server") {
            .u64($0.traffic.connectErrors, $0.isBack)
        },
        StatColumn("eresp", "MCPP", "Responses that were malformed, broke off or came too late") {
            .u64($0.traffic.responseErrors, $0.isBack)
        },
        StatColumn("wretr", "MCPP", "Repeated attempts to connect to a server") { .u64($0.traffic.retries, $0.isBack) },
        StatColumn("wredis", "MCPP", "Requests that went to another server than the first one") {
            .u64($0.traffic.redispatches, $0.isBack)
        },
        StatColumn("status", "SGPV", "State") { .str($0.status) },
        StatColumn("weight", "MaPV", "Weight in balancing") { .u32($0.weight) },
        StatColumn("act", "SGPV", backend: "MGPV", "Servers in use, or 1 for a server that is no backup") {
            .u32($0.activeServers)
        },
        StatColumn("bck", "SGPV", backend: "MGPV", "Backup servers in use, or 1 for a backup server") {
            .u32($0.backupServers)
        },
        StatColumn("chkfail", "MCPP", "Checks that failed while the server was up") { .u64($0.failedChecks) },
        StatColumn("chkdown", "MCPP", "Times it went down") { .u64($0.downTransitions) },
        StatColumn("lastchg", "MAPP", "Seconds since the last change of state") { .u32($0.secondsSinceChange) },
        StatColumn("downtime", "MCPV", "Seconds spent down") { .u32($0.downSeconds) },
        StatColumn("qlimit", "CGSV", "Limit of the queue: maxqueue") { .u32($0.queueLimit) },
        StatColumn("pid", "KGPV", "Number of the process") { _ in .u32(1) },
        StatColumn("iid", "KGSV", "Number of the proxy") { .u32($0.proxyID) },
        StatColumn("sid", "KGSV", "Number of the server or listener; 0 for the halves of a proxy") { .u32($0.id) },
    ]

    private static let traffic: [StatColumn] = [
        StatColumn("throttle", "MaPV", "Percent of its weight that a starting server has") { .u32($0.throttle) },
        StatColumn("lbtot", "MCPP", "Requests that balancing brought here") { .u64($0.traffic.balanced, $0.isBack) },
        StatColumn("tracked", "CNSV", "The server that this one tracks") { .str($0.tracked) },
        StatColumn("type", "CGSV", "0: frontend, 1: backend, 2: server, 3: listener") { .u32($0.kind.rawValue) },
        StatColumn("rate", "MRPP", "New sessions in the last second") {
            .u32($0.kind == .listener ? nil : $0.rates.sessions)
        },
        StatColumn("rate_lim", "CLPV", "Limit of new sessions in a second") {
            .u32($0.kind == .frontend ? $0.rateLimit ?? 0 : nil)
        },
        StatColumn("rate_max", "MMPV", backend: "MGPV", "Most new sessions in a second") {
            .u32($0.kind == .listener ? nil : $0.rates.maxSessions)
        },
        StatColumn("check_status", "MOPV", "What the last check came to") { .str($0.check?.status) },
        StatColumn("check_code", "MOPV", "Code that the last check got, of its layer 7") { .u32($0.check?.code) },
        StatColumn("check_duration", "MDPV", "Milliseconds that the last check took") { .u64($0.check?.milliseconds) },
        StatColumn("hrsp_1xx", "MCPP", "Responses with status 1xx") { .u64($0.traffic.responses[1], $0.isHTTP) },
        StatColumn("hrsp_2xx", "MCPP", "Responses with status 2xx") { .u64($0.traffic.responses[2], $0.isHTTP) },
        StatColumn("hrsp_3xx", "MCPP", "Responses with status 3xx") { .u64($0.traffic.responses[3], $0.isHTTP) },
        StatColumn("hrsp_4xx", "MCPP", "Responses with status 4xx") { .u64($0.traffic.responses[4], $0.isHTTP) },
        StatColumn("hrsp_5xx", "MCPP", "Responses with status 5xx") { .u64($0.traffic.responses[5], $0.isHTTP) },
        StatColumn("hrsp_other", "MCPP", "Responses with other statuses") { .u64($0.traffic.responses[0], $0.isHTTP) },
        StatColumn("hanafail", "MCPP", "Failures that observing traffic has found") { .u64($0.observedFailures) },
        StatColumn("req_rate", "MRPP", "Requests in the last second") {
            .u32($0.kind == .frontend ? $0.rates.requests : nil)
        },
        StatColumn("req_rate_max", "MMPV", "Most requests in a second") {
            .u32($0.kind == .frontend ? $0.rates.maxRequests : nil)
        },
        StatColumn("req_tot", "MCPP", "HTTP requests since the start") {
            .u64($0.traffic.requests, $0.isHTTP && $0.kind != .listener)
        },
        StatColumn("cli_abrt", "MCPP", "Transfers that the client broke off") {
            .u64($0.traffic.clientAborts, $0.isBack)
        },
        StatColumn("srv_abrt", "MCPP", "Transfers that the server broke off") {
            .u64($0.traffic.serverAborts, $0.isBack)
        },
        StatColumn("comp_in", "MCPP", "Bytes given to compression") { .u64($0.traffic.compressionIn, $0.hasMessages) },
        StatColumn("comp_out", "MCPP", "Bytes that compression made") {
            .u64($0.traffic.compressionOut, $0.hasMessages)
        },
        StatColumn("comp_byp", "MCPP", "Bytes that went past compression for lack of CPU time or bandwidth") {
            .u64($0.traffic.compressionBypassed, $0.hasMessages)
        },
        StatColumn("comp_rsp", "MCPP", "Responses that were compressed") {
            .u64($0.traffic.compressedResponses, $0.hasMessages)
        },
        StatColumn("lastsess", "MAPP", "Seconds since the last session; -1: none yet") {
            .s32($0.isBack ? $0.secondsSinceSession ?? -1 : nil)
        },
        StatColumn("last_chk", "MOPV", "What the last check saw") { .str($0.check?.output) },
        StatColumn("last_agt", "MOPV", "What the last agent check saw") { .str($0.agent?.output) },
        StatColumn("qtime", "MaPV", "Average time in the queue, of the last 512 requests, in milliseconds") {
            .u32($0.time(\.queueTime)?.average)
        },
        StatColumn("ctime", "MaPV", "Average time to connect, likewise") { .u32($0.time(\.connectTime)?.average) },
        StatColumn("rtime", "MaPV", "Average time to the response, likewise; 0 for TCP") {
            .u32($0.time(\.responseTime)?.average)
        },
        StatColumn("ttime", "MaPV", "Average time of the whole session, likewise") {
            .u32($0.time(\.totalTime)?.average)
        },
    ]

    private static let checks: [StatColumn] = [
        StatColumn("agent_status", "MOPV", "What the last agent check came to") { .str($0.agent?.status) },
        StatColumn("agent_code", "MOPV", "Code of the last agent check") { .u32($0.agent?.code) },
        StatColumn("agent_duration", "MDPV", "Milliseconds that the last agent check took") {
            .u64($0.agent?.milliseconds)
        },
        StatColumn("check_desc", "MOPV", "The status of the last check, in words") { .str($0.check?.description) },
        StatColumn("agent_desc", "MOPV", "The status of the last agent check, in words") {
            .str($0.agent?.description)
        },
        StatColumn("check_rise", "CGSV", "Good checks that bring the server up") { .u32($0.check?.rise) },
        StatColumn("check_fall", "CGSV", "Bad checks that take the server down") { .u32($0.check?.fall) },
        StatColumn("check_health", "CGSV", "Health by checks: 0 to rise + fall - 1") { .u32($0.check?.health) },
        StatColumn("agent_rise", "CGSV", "The same for agent checks: rise") { .u32($0.agent?.rise) },
        StatColumn("agent_fall", "CGSV", "The same for agent checks: fall") { .u32($0.agent?.fall) },
        StatColumn("agent_health", "CGSV", "Health by agent checks") { .u32($0.agent?.health) },
        StatColumn("addr", "CGSV", "Address and port") { .str($0.address) },
        StatColumn("cookie", "CNSV", "Cookie: its value for a server, its name for a backend") { .str($0.cookie) },
        StatColumn("mode", "CGSV", "Mode of the proxy: tcp or http") { .str($0.mode.rawValue) },
        StatColumn("algo", "CGSV", "How servers are chosen") { .str($0.algorithm) },
        StatColumn("conn_rate", "MRPP", "New connections in the last second") {
            .u32($0.kind == .frontend ? $0.rates.connections : nil)
        },
        StatColumn("conn_rate_max", "MMPV", "Most new connections in a second") {
            .u32($0.kind == .frontend ? $0.rates.maxConnections : nil)
        },
        StatColumn("conn_tot", "MCPP", "Connections since the start") {
            .u64($0.traffic.connections, $0.isFront)
        },
        StatColumn("intercepted", "MCPP", "Requests that the proxy answered by itself: statistics, redirects") {
            .u64($0.traffic.intercepted, $0.isHTTP && $0.kind == .frontend)
        },
        StatColumn("dcon", "MCPP", "Connections refused by rules") { .u64($0.traffic.deniedConnections, $0.isFront) },
        StatColumn("dses", "MCPP", "Sessions refused by rules") { .u64($0.traffic.deniedSessions, $0.isFront) },
        StatColumn("wrew", "MCPP", "Header changes that failed") { .u64($0.traffic.rewriteErrors) },
        StatColumn("connect", "MCPP", "Connections made to servers") { .u64($0.traffic.connects, $0.isBack) },
        StatColumn("reuse", "MCPP", "Requests that went over a connection that was there") {
            .u64($0.traffic.reuses, $0.isBack)
        },
        StatColumn("cache_lookups", "MCPP", "Requests looked up in the cache") {
            .u64($0.traffic.cacheLookups, $0.hasMessages && $0.isHTTP)
        },
        StatColumn("cache_hits", "MCPP", "Requests answered from the cache") {
            .u64($0.traffic.cacheHits, $0.hasMessages && $0.isHTTP)
        },
    ]

    private static let connections: [StatColumn] = [
        StatColumn("srv_icur", "MGPV", "Idle connections that others may use") { .u32($0.connections?.idle) },
        StatColumn("src_ilim", "CLPV", "Limit of idle connections") { .u32($0.connections?.idleLimit) },
        StatColumn("qtime_max", "MMPV", "Longest time in the queue, in milliseconds") {
            .u32($0.time(\.queueTime)?.max)
        },
        StatColumn("ctime_max", "MMPV", "Longest time to connect, likewise") { .u32($0.time(\.connectTime)?.max) },
        StatColumn("rtime_max", "MMPV", "Longest time to the response, likewise") {
            .u32($0.time(\.responseTime)?.max)
        },
        StatColumn("ttime_max", "MMPV", "Longest session, likewise") { .u32($0.time(\.totalTime)?.max) },
        StatColumn("eint", "MCPP", "Faults of the proxy itself") { .u64($0.traffic.internalErrors) },
        StatColumn("idle_conn_cur", "MGPV", "Idle connections that are not yet known to be safe") {
            .u32($0.connections?.unsafeIdle)
        },
        StatColumn("safe_conn_cur", "MGPV", "Idle connections that are known to be safe") {
            .u32($0.connections?.safeIdle)
        },
        StatColumn("used_conn_cur", "MGPV", "Connections in use") { .u32($0.connections?.used) },
        StatColumn("need_conn_est", "MGPV", "Connections that are expected to be needed") {
            .u32($0.connections?.needed)
        },
        StatColumn("uweight", "MaPV", "Weight that was set, or the sum of those of the servers in use") {
            .u32($0.userWeight)
        },
        StatColumn("agg_server_status", "MGPV", "Servers by state, in some outputs") {
            .u32($0.kind == .backend ? 0 : nil)
        },
        StatColumn("agg_server_check_status", "MGPV", "The same, older name") { .u32($0.kind == .backend ? 0 : nil) },
        StatColumn("agg_check_status", "MGPV", "Checks by state, in some outputs") {
            .u32($0.kind == .backend ? 0 : nil)
        },
        StatColumn("srid", "MCPV", "How often a server of this number has been deleted") {
            .u32($0.kind == .server ? 0 : nil)
        },
        StatColumn("sess_other", "MCPV", "Sessions that are no HTTP") {
            .u64($0.traffic.sessionsByVersion[0], $0.kind == .frontend)
        },
        StatColumn("h1sess", "MCPP", "HTTP/1 sessions") { .u64($0.traffic.sessionsByVersion[1], $0.kind == .frontend) },
        StatColumn("h2sess", "MCPP", "HTTP/2 sessions") { .u64($0.traffic.sessionsByVersion[2], $0.kind == .frontend) },
        StatColumn("h3sess", "MCPP", "HTTP/3 sessions") { .u64($0.traffic.sessionsByVersion[3], $0.kind == .frontend) },
        StatColumn("req_other", "MCPP", "Requests that are no HTTP") {
            .u64($0.traffic.requestsByVersion[0], $0.kind == .frontend)
        },
        StatColumn("h1req", "MCPP", "HTTP/1 requests") { .u64($0.traffic.requestsByVersion[1], $0.kind == .frontend) },
        StatColumn("h2req", "MCPP", "HTTP/2 requests") { .u64($0.traffic.requestsByVersion[2], $0.kind == .frontend) },
        StatColumn("h3req", "MCPP", "HTTP/3 requests") { .u64($0.traffic.requestsByVersion[3], $0.kind == .frontend) },
        StatColumn("proto", "SGPV", "What carries a listener: tcpv4, quic4, unix_stream") { .str($0.transport) },
        StatColumn("priv_idle_cur", "MGPV", "Idle connections that belong to one client") {
            .u32($0.connections?.sessionIdle)
        },
        StatColumn("reqbin", "MCPP", "Bytes of requests that came in") { .u64($0.traffic.bytesIn) },
        StatColumn("reqbout", "MCPP", "Bytes of requests that went out") { .u64($0.traffic.bytesToServer) },
        StatColumn("resbin", "MCPP", "Bytes of responses that came in") { .u64($0.traffic.bytesFromServer) },
        StatColumn("resbout", "MCPP", "Bytes of responses that went out") { .u64($0.traffic.bytesOut) },
        StatColumn("cache_hint_hits", "MCPP", "Cache lookups that a hint made needless") {
            .u64($0.traffic.cacheHintHits, $0.hasMessages && $0.isHTTP)
        },
    ]
}
