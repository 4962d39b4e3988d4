/// The names that Prometheus gets for columns of `show stat` and lines of `show info`: those of HAProxy's exporter.
enum PrometheusNames {
    /// By the name of a line of `show info`, without `haproxy_process_`.
    static let process: [String: String] = [
        "Nbthread": "nbthread", "Nbproc": "nbproc", "Process_num": "relative_process_id",
        "Uptime_sec": "uptime_seconds", "Start_time_sec": "start_time_seconds", "Memmax_bytes": "max_memory_bytes",
        "PoolAlloc_bytes": "pool_allocated_bytes", "PoolUsed_bytes": "pool_used_bytes",
        "PoolFailed": "pool_failures_total", "Ulimit-n": "max_fds", "Maxsock": "max_sockets",
        "Maxconn": "max_connections", "Hard_maxconn": "hard_max_connections", "CurrConns": "current_connections",
        "CumConns": "connections_total", "CumReq": "requests_total", "MaxSslConns": "max_ssl_connections",
        "CurrSslConns": "current_ssl_connections", "CumSslConns": "ssl_connections_total", "Maxpipes": "max_pipes",
        "PipesUsed": "pipes_used_total", "PipesFree": "pipes_free_total", "ConnRate": "current_connection_rate",
        "ConnRateLimit": "limit_connection_rate", "MaxConnRate": "max_connection_rate",
        "SessRate": "current_session_rate", "SessRateLimit": "limit_session_rate", "MaxSessRate": "max_session_rate",
        "SslRate": "current_ssl_rate", "SslRateLimit": "limit_ssl_rate", "MaxSslRate": "max_ssl_rate",
        "SslFrontendKeyRate": "current_frontend_ssl_key_rate", "SslFrontendMaxKeyRate": "max_frontend_ssl_key_rate",
        "SslFrontendSessionReuse_pct": "frontend_ssl_reuse", "SslBackendKeyRate": "current_backend_ssl_key_rate",
        "SslBackendMaxKeyRate": "max_backend_ssl_key_rate", "SslCacheLookups": "ssl_cache_lookups_total",
        "SslCacheMisses": "ssl_cache_misses_total", "CompressBpsIn": "http_comp_bytes_in_total",
        "CompressBpsOut": "http_comp_bytes_out_total", "CompressBpsRateLim": "limit_http_comp",
        "ZlibMemUsage": "current_zlib_memory", "MaxZlibMemUsage": "max_zlib_memory", "Tasks": "current_tasks",
        "Run_queue": "current_run_queue", "Idle_pct": "idle_time_percent", "node": "node",
        "description": "description", "Stopping": "stopping", "Jobs": "jobs", "Unstoppable Jobs": "unstoppable_jobs",
        "Listeners": "listeners", "ActivePeers": "active_peers", "ConnectedPeers": "connected_peers",
        "DroppedLogs": "dropped_logs_total", "BusyPolling": "busy_polling_enabled",
        "FailedResolutions": "failed_resolutions", "TotalBytesOut": "bytes_out_total",
        "TotalSplicedBytesOut": "spliced_bytes_out_total", "BytesOutRate": "bytes_out_rate",
        "CumRecvLogs": "recv_logs_total", "Build info": "build_info", "TotalWarnings": "total_warnings",
        "PatternsAdded": "patterns_added_total", "PatternsFreed": "patterns_freed_total",
        "NbThreadGroups": "nb_thread_groups",
    ]

    /// By the name of a column, without `haproxy_frontend_` and its like.
    static let columns: [String: String] = [
        "qcur": "current_queue", "qmax": "max_queue", "scur": "current_sessions", "smax": "max_sessions",
        "slim": "limit_sessions", "stot": "sessions_total", "bin": "bytes_in_total", "bout": "bytes_out_total",
        "dreq": "requests_denied_total", "dresp": "responses_denied_total", "ereq": "request_errors_total",
        "econ": "connection_errors_total", "eresp": "response_errors_total", "wretr": "retry_warnings_total",
        "wredis": "redispatch_warnings_total", "status": "status", "weight": "weight", "act": "active_servers",
        "bck": "backup_servers", "chkfail": "check_failures_total", "chkdown": "check_up_down_total",
        "lastchg": "check_last_change_seconds", "downtime": "downtime_seconds_total", "qlimit": "queue_limit",
        "throttle": "current_throttle", "lbtot": "loadbalanced_total", "rate": "current_session_rate",
        "rate_lim": "limit_session_rate", "rate_max": "max_session_rate", "check_status": "check_status",
        "check_code": "check_code", "check_duration": "check_duration_seconds", "hrsp_1xx": "http_responses_total",
        "hrsp_2xx": "http_responses_total", "hrsp_3xx": "http_responses_total", "hrsp_4xx": "http_responses_total",
        "hrsp_5xx": "http_responses_total", "hrsp_other": "http_responses_total",
        "req_rate_max": "http_requests_rate_max", "req_tot": "http_requests_total", "cli_abrt": "client_aborts_total",
        "srv_abrt": "server_aborts_total", "comp_in": "http_comp_bytes_in_total",
        "comp_out": "http_comp_bytes_out_total", "comp_byp": "http_comp_bytes_bypassed_total",
        "comp_rsp": "http_comp_responses_total", "lastsess": "last_session_seconds",
        "qtime": "queue_time_average_seconds", "ctime": "connect_time_average_seconds",
        "rtime": "response_time_average_seconds", "ttime": "total_time_average_seconds",
        "agent_status": "agent_status", "agent_code": "agent_code", "agent_duration": "agent_duration_seconds",
        "conn_rate_max": "connections_rate_max", "conn_tot": "connections_total",
        "intercepted": "intercepted_requests_total", "dcon": "denied_connections_total",
        "dses": "denied_sessions_total", "wrew": "failed_header_rewriting_total",
        "connect": "connection_attempts_total", "reuse": "connection_reuses_total",
        "cache_lookups": "http_cache_lookups_total", "cache_hits": "http_cache_hits_total",
        "srv_icur": "idle_connections_current", "src_ilim": "idle_connections_limit",
        "qtime_max": "max_queue_time_seconds", "ctime_max": "max_connect_time_seconds",
        "rtime_max": "max_response_time_seconds", "ttime_max": "max_total_time_seconds",
        "eint": "internal_errors_total", "idle_conn_cur": "unsafe_idle_connections_current",
        "safe_conn_cur": "safe_idle_connections_current", "used_conn_cur": "used_connections_current",
        "need_conn_est": "need_connections_current", "uweight": "uweight",
        "agg_server_check_status": "agg_server_check_status", "agg_server_status": "agg_server_status",
        "agg_check_status": "agg_check_status", "priv_idle_cur": "private_idle_connections_current",
        "reqbin": "req_bytes_in_total", "reqbout": "req_bytes_out_total", "resbin": "res_bytes_in_total",
        "resbout": "res_bytes_out_total", "cache_hint_hits": "http_cache_hint_hits_total",
    ]

    /// Columns that servers have under another name.
    static let serverColumns = ["act": "active", "bck": "backup"]

    /// Columns that frontends have a metric for.
    static let frontends: Set<String> = [
        "scur", "smax", "slim", "stot", "bin", "bout", "dreq", "dresp", "ereq", "status", "rate", "rate_lim",
        "rate_max", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "req_rate_max",
        "req_tot", "comp_in", "comp_out", "comp_byp", "comp_rsp", "conn_rate_max", "conn_tot", "intercepted", "dcon",
        "dses", "wrew", "cache_lookups", "cache_hits", "eint", "reqbin", "reqbout", "resbin", "resbout",
        "cache_hint_hits",
    ]

    /// Columns that listening addresses have a metric for.
    static let listeners: Set<String> = [
        "scur", "smax", "slim", "stot", "bin", "bout", "dreq", "dresp", "ereq", "status", "conn_tot", "dcon", "dses",
        "wrew", "eint", "reqbin", "reqbout", "resbin", "resbout",
    ]

    /// Columns that backends have a metric for.
    static let backends: Set<String> = [
        "qcur", "qmax", "scur", "smax", "slim", "stot", "bin", "bout", "dreq", "dresp", "econ", "eresp", "wretr",
        "wredis", "status", "weight", "act", "bck", "chkdown", "lastchg", "downtime", "lbtot", "rate", "rate_max",
        "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "req_tot", "cli_abrt", "srv_abrt",
        "comp_in", "comp_out", "comp_byp", "comp_rsp", "lastsess", "qtime", "ctime", "rtime", "ttime", "wrew",
        "connect", "reuse", "cache_lookups", "cache_hits", "qtime_max", "ctime_max", "rtime_max", "ttime_max", "eint",
        "uweight", "agg_server_check_status", "agg_server_status", "agg_check_status", "reqbin", "reqbout", "resbin",
        "resbout", "cache_hint_hits",
    ]

    /// Columns that servers have a metric for.
    static let servers: Set<String> = [
        "qcur", "qmax", "scur", "smax", "slim", "stot", "bin", "bout", "dresp", "econ", "eresp", "wretr", "wredis",
        "status", "weight", "chkfail", "chkdown", "lastchg", "downtime", "qlimit", "throttle", "lbtot", "rate",
        "rate_max", "check_status", "check_code", "check_duration", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx",
        "hrsp_5xx", "hrsp_other", "req_tot", "cli_abrt", "srv_abrt", "lastsess", "qtime", "ctime", "rtime", "ttime",
        "agent_status", "agent_code", "agent_duration", "wrew", "connect", "reuse", "srv_icur", "src_ilim",
        "qtime_max", "ctime_max", "rtime_max", "ttime_max", "eint", "idle_conn_cur", "safe_conn_cur", "used_conn_cur",
        "need_conn_est", "uweight", "priv_idle_cur", "reqbin", "reqbout", "resbin", "resbout", "act", "bck",
    ]
}
