/// The metrics of HAProxy 3.5-dev5's exporter: their names and types.
enum HAProxyMetrics {
    static let types: [String: String] = {
        var result: [String: String] = [:]
        for (prefix, type, names) in table {
            for name in names.split(whereSeparator: \.isWhitespace) { result["haproxy_\(prefix)_\(name)"] = type }
        }
        return result
    }()

    private static let table: [(prefix: String, type: String, names: String)] = [
        (
            "process", "gauge",
            """
            nbthread nbproc relative_process_id uptime_seconds max_fds max_sockets max_connections
            hard_max_connections current_connections max_ssl_connections current_ssl_connections max_pipes
            current_connection_rate limit_connection_rate max_connection_rate current_session_rate
            limit_session_rate max_session_rate current_ssl_rate limit_ssl_rate max_ssl_rate
            current_frontend_ssl_key_rate max_frontend_ssl_key_rate frontend_ssl_reuse
            current_backend_ssl_key_rate max_backend_ssl_key_rate limit_http_comp current_zlib_memory
            max_zlib_memory current_tasks current_run_queue idle_time_percent node stopping jobs
            unstoppable_jobs listeners active_peers connected_peers busy_polling_enabled bytes_out_rate
            build_info max_memory_bytes pool_allocated_bytes pool_used_bytes start_time_seconds
            patterns_added_total patterns_freed_total nb_thread_groups
            """
        ),
        (
            "process", "counter",
            """
            pool_failures_total connections_total requests_total ssl_connections_total pipes_used_total
            pipes_free_total ssl_cache_lookups_total ssl_cache_misses_total http_comp_bytes_in_total
            http_comp_bytes_out_total dropped_logs_total failed_resolutions bytes_out_total
            spliced_bytes_out_total recv_logs_total total_warnings
            """
        ),
        (
            "frontend", "gauge",
            """
            current_sessions max_sessions limit_sessions status current_session_rate limit_session_rate
            max_session_rate http_requests_rate_max connections_rate_max
            """
        ),
        (
            "frontend", "counter",
            """
            sessions_total bytes_in_total bytes_out_total requests_denied_total responses_denied_total
            request_errors_total http_responses_total http_requests_total http_comp_bytes_in_total
            http_comp_bytes_out_total http_comp_bytes_bypassed_total http_comp_responses_total connections_total
            intercepted_requests_total denied_connections_total denied_sessions_total
            failed_header_rewriting_total http_cache_lookups_total http_cache_hits_total internal_errors_total
            req_bytes_in_total req_bytes_out_total res_bytes_in_total res_bytes_out_total
            http_cache_hint_hits_total
            """
        ),
        (
            "backend", "gauge",
            """
            current_queue max_queue current_sessions max_sessions limit_sessions status weight active_servers
            backup_servers check_last_change_seconds current_session_rate max_session_rate last_session_seconds
            queue_time_average_seconds connect_time_average_seconds response_time_average_seconds
            total_time_average_seconds max_queue_time_seconds max_connect_time_seconds max_response_time_seconds
            max_total_time_seconds uweight agg_server_status agg_server_check_status agg_check_status
            """
        ),
        (
            "backend", "counter",
            """
            sessions_total bytes_in_total bytes_out_total requests_denied_total responses_denied_total
            connection_errors_total response_errors_total retry_warnings_total redispatch_warnings_total
            check_up_down_total downtime_seconds_total loadbalanced_total http_responses_total
            http_requests_total client_aborts_total server_aborts_total http_comp_bytes_in_total
            http_comp_bytes_out_total http_comp_bytes_bypassed_total http_comp_responses_total
            failed_header_rewriting_total connection_attempts_total connection_reuses_total
            http_cache_lookups_total http_cache_hits_total internal_errors_total req_bytes_in_total
            req_bytes_out_total res_bytes_in_total res_bytes_out_total http_cache_hint_hits_total
            """
        ),
        (
            "server", "gauge",
            """
            current_queue max_queue current_sessions max_sessions limit_sessions status weight active backup
            check_last_change_seconds queue_limit current_throttle current_session_rate max_session_rate
            check_status check_code check_duration_seconds last_session_seconds queue_time_average_seconds
            connect_time_average_seconds response_time_average_seconds total_time_average_seconds
            idle_connections_current idle_connections_limit max_queue_time_seconds max_connect_time_seconds
            max_response_time_seconds max_total_time_seconds unsafe_idle_connections_current
            safe_idle_connections_current used_connections_current need_connections_current uweight
            private_idle_connections_current
            """
        ),
        (
            "server", "counter",
            """
            sessions_total bytes_in_total bytes_out_total responses_denied_total connection_errors_total
            response_errors_total retry_warnings_total redispatch_warnings_total check_failures_total
            check_up_down_total downtime_seconds_total loadbalanced_total http_responses_total
            http_requests_total client_aborts_total server_aborts_total failed_header_rewriting_total
            connection_attempts_total connection_reuses_total internal_errors_total req_bytes_in_total
            req_bytes_out_total res_bytes_in_total res_bytes_out_total
            """
        ),
        (
            "resolver", "gauge",
            """
            sent send_error valid update cname cname_error any_err nx timeout refused other invalid too_big
            truncated outdated
            """
        ),
    ]
}
