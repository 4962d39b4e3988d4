import MuxHTTP3
import Proxying

/// The columns behind those of ``ProxyColumns``: what HAProxy's modules count, by its names and in its order, and at the
/// end what HAProxy has no column for. What Portico does not count stays empty.
enum ModuleColumns {
    static let all = first + second + own

    private static let own: [StatColumn] = [
        StatColumn("quic_hdshk_done", "MCPV", "QUIC: handshakes completed") { .quic($0) { $0.handshakes } },
        StatColumn("quic_token_accepted", "MCPV", "QUIC: tokens of earlier connections accepted") {
            .quic($0) { $0.tokensAccepted }
        },
    ]

    private static let first: [StatColumn] = [
        StatColumn("h2_headers_rcvd", "MCPV", "HTTP/2: headers rcvd") { .mux($0, .h2HeadersReceived) },
        StatColumn("h2_data_rcvd", "MCPV", "HTTP/2: data rcvd") { .mux($0, .h2DataReceived) },
        StatColumn("h2_settings_rcvd", "MCPV", "HTTP/2: settings rcvd") { .mux($0, .h2SettingsReceived) },
        StatColumn("h2_rst_stream_rcvd", "MCPV", "HTTP/2: rst stream rcvd") { .mux($0, .h2ResetsReceived) },
        StatColumn("h2_goaway_rcvd", "MCPV", "HTTP/2: goaway rcvd") { .mux($0, .h2GoAwaysReceived) },
        StatColumn("h2_detected_conn_protocol_errors", "MCPV", "HTTP/2: detected conn protocol errors") {
            .mux($0, .h2ConnectionErrors)
        },
        StatColumn("h2_detected_strm_protocol_errors", "MCPV", "HTTP/2: detected strm protocol errors") {
            .mux($0, .h2StreamErrors)
        },
        StatColumn("h2_rst_stream_resp", "MCPV", "HTTP/2: rst stream resp") { .mux($0, .h2ResetsSent) },
        StatColumn("h2_goaway_resp", "MCPV", "HTTP/2: goaway resp") { .mux($0, .h2GoAwaysSent) },
        StatColumn("h2_open_connections", "MGPV", "HTTP/2: open connections") { .mux($0, .h2OpenConnections) },
        StatColumn("h2_backend_open_streams", "MGPV", "HTTP/2: backend open streams") { .mux($0, .h2OpenStreams) },
        StatColumn("h2_total_connections", "MCPV", "HTTP/2 connections") { .mux($0, .h2TotalConnections) },
        StatColumn("h2_backend_total_streams", "MCPV", "HTTP/2: backend total streams") { .mux($0, .h2TotalStreams) },
        StatColumn("ssl_sess", "MCPV", "TLS sessions") { .u64($0.traffic.tlsSessions) },
        StatColumn("ssl_reused_sess", "MCPV", "TLS sessions that were resumed") {
            .u64($0.traffic.tlsResumed)
        },
        StatColumn("ssl_failed_handshake", "MCPV", "TLS handshakes that failed") {
            .u64($0.traffic.tlsFailures, $0.isFront)
        },
        StatColumn("ssl_ocsp_staple", "MCPV", "TLS: ocsp staple") { _ in .none },
        StatColumn("ssl_failed_ocsp_staple", "MCPV", "TLS: failed ocsp staple") { _ in .none },
        StatColumn("h3_data", "MCPV", "HTTP/3: data") { .mux($0, .h3Data) },
        StatColumn("h3_headers", "MCPV", "HTTP/3: headers") { .mux($0, .h3Headers) },
        StatColumn("h3_cancel_push", "MCPV", "HTTP/3: cancel push") { _ in .none },
        StatColumn("h3_push_promise", "MCPV", "HTTP/3: push promise") { _ in .none },
        StatColumn("h3_max_push_id", "MCPV", "HTTP/3: max push id") { _ in .none },
        StatColumn("h3_goaway", "MCPV", "HTTP/3: goaway") { .mux($0, .h3GoAway) },
        StatColumn("h3_settings", "MCPV", "HTTP/3: settings") { .mux($0, .h3Settings) },
        StatColumn("h3_no_error", "MCPV", "HTTP/3: no error") { .mux($0, error: .noError) },
        StatColumn("h3_general_protocol_error", "MCPV", "HTTP/3: general protocol error") {
            .mux($0, error: .generalProtocolError)
        },
        StatColumn("h3_internal_error", "MCPV", "HTTP/3: internal error") { .mux($0, error: .internalError) },
        StatColumn("h3_stream_creation_error", "MCPV", "HTTP/3: stream creation error") {
            .mux($0, error: .streamCreationError)
        },
        StatColumn("h3_closed_critical_stream", "MCPV", "HTTP/3: closed critical stream") {
            .mux($0, error: .closedCriticalStream)
        },
        StatColumn("h3_frame_unexpected", "MCPV", "HTTP/3: frame unexpected") { .mux($0, error: .frameUnexpected) },
        StatColumn("h3_frame_error", "MCPV", "HTTP/3: frame error") { .mux($0, error: .frameError) },
        StatColumn("h3_excessive_load", "MCPV", "HTTP/3: excessive load") { .mux($0, error: .excessiveLoad) },
        StatColumn("h3_id_error", "MCPV", "HTTP/3: id error") { .mux($0, error: .idError) },
        StatColumn("h3_settings_error", "MCPV", "HTTP/3: settings error") { .mux($0, error: .settingsError) },
        StatColumn("h3_missing_settings", "MCPV", "HTTP/3: missing settings") { .mux($0, error: .missingSettings) },
        StatColumn("h3_request_rejected", "MCPV", "HTTP/3: request rejected") { .mux($0, error: .requestRejected) },
        StatColumn("h3_request_cancelled", "MCPV", "HTTP/3: request cancelled") { .mux($0, error: .requestCancelled) },
        StatColumn("h3_request_incomplete", "MCPV", "HTTP/3: request incomplete") {
            .mux($0, error: .requestIncomplete)
        },
        StatColumn("h3_message_error", "MCPV", "HTTP/3: message error") { .mux($0, error: .messageError) },
        StatColumn("h3_connect_error", "MCPV", "HTTP/3: connect error") { .mux($0, error: .connectError) },
        StatColumn("h3_version_fallback", "MCPV", "HTTP/3: version fallback") { .mux($0, error: .versionFallback) },
        StatColumn("pack_decompression_failed", "MCPV", "QPACK: decompression failed") {
            .mux($0, error: .qpackDecompressionFailed)
        },
        StatColumn("qpack_encoder_stream_error", "MCPV", "QPACK: encoder stream error") {
            .mux($0, error: .qpackEncoderStreamError)
        },
        StatColumn("qpack_decoder_stream_error", "MCPV", "QPACK: decoder stream error") {
            .mux($0, error: .qpackDecoderStreamError)
        },
        StatColumn("quic_rxbuf_full", "MCPV", "QUIC: rxbuf full") { _ in .none },
        StatColumn("quic_dropped_pkt", "MCPV", "QUIC: dropped pkt") { .quic($0) { $0.dropped } },
    ]

    private static let second: [StatColumn] = [
        StatColumn("quic_dropped_pkt_bufoverrun", "MCPV", "QUIC: dropped pkt bufoverrun") { _ in .none },
        StatColumn("quic_dropped_parsing_pkt", "MCPV", "QUIC: dropped parsing pkt") { .quic($0) { $0.malformed } },
        StatColumn("quic_socket_full", "MCPV", "QUIC: socket full") { .quic($0) { $0.sendBlocked } },
        StatColumn("quic_sendto_err", "MCPV", "QUIC: sendto err") { .quic($0) { $0.sendFailed } },
        StatColumn("quic_sendto_err_unknwn", "MCPV", "QUIC: sendto err unknwn") { _ in .none },
        StatColumn("quic_sent_pkt", "MCPV", "QUIC: sent pkt") { .quic($0) { $0.sent } },
        StatColumn("quic_lost_pkt", "MCPV", "QUIC: lost pkt") { .quic($0) { $0.lost } },
        StatColumn("quic_too_short_dgram", "MCPV", "QUIC: too short dgram") { .quic($0) { $0.tooShort } },
        StatColumn("quic_retry_sent", "MCPV", "QUIC: retry sent") { .quic($0) { $0.retries } },
        StatColumn("quic_retry_validated", "MCPV", "QUIC: retry validated") { .quic($0) { $0.retriesValidated } },
        StatColumn("quic_retry_error", "MCPV", "QUIC: retry error") { .quic($0) { $0.invalidTokens } },
        StatColumn("quic_half_open_conn", "MGPV", "QUIC: half open conn") { .quic($0) { $0.halfOpen } },
        StatColumn("quic_hdshk_fail", "MCPV", "QUIC: hdshk fail") { .quic($0) { $0.failedHandshakes } },
        StatColumn("quic_stless_rst_sent", "MCPV", "QUIC: stless rst sent") { .quic($0) { $0.statelessResets } },
        StatColumn("quic_conn_migration_done", "MCPV", "QUIC: conn migration done") { .quic($0) { $0.migrations } },
        StatColumn("quic_transp_err_no_error", "MCPV", "QUIC: transp err no error") { .quic($0) { $0.errors[0] } },
        StatColumn("quic_transp_err_internal_error", "MCPV", "QUIC: transp err internal error") {
            .quic($0) { $0.errors[1] }
        },
        StatColumn("quic_transp_err_connection_refused", "MCPV", "QUIC: transp err connection refused") {
            .quic($0) { $0.errors[2] }
        },
        StatColumn("quic_transp_err_flow_control_error", "MCPV", "QUIC: transp err flow control error") {
            .quic($0) { $0.errors[3] }
        },
        StatColumn("quic_transp_err_stream_limit_error", "MCPV", "QUIC: transp err stream limit error") {
            .quic($0) { $0.errors[4] }
        },
        StatColumn("quic_transp_err_stream_state_error", "MCPV", "QUIC: transp err stream state error") {
            .quic($0) { $0.errors[5] }
        },
        StatColumn("quic_transp_err_final_size_error", "MCPV", "QUIC: transp err final size error") {
            .quic($0) { $0.errors[6] }
        },
        StatColumn("quic_transp_err_frame_encoding_error", "MCPV", "QUIC: transp err frame encoding error") {
            .quic($0) { $0.errors[7] }
        },
        StatColumn("quic_transp_err_transport_parameter_error", "MCPV", "QUIC: transp err transport parameter error") {
            .quic($0) { $0.errors[8] }
        },
        StatColumn("quic_transp_err_connection_id_limit", "MCPV", "QUIC: transp err connection id limit") {
            .quic($0) { $0.errors[9] }
        },
        StatColumn("quic_transp_err_protocol_violation_error", "MCPV", "QUIC: transp err protocol violation error") {
            .quic($0) { $0.errors[10] }
        },
        StatColumn("quic_transp_err_invalid_token", "MCPV", "QUIC: transp err invalid token") {
            .quic($0) { $0.errors[11] }
        },
        StatColumn("quic_transp_err_application_error", "MCPV", "QUIC: transp err application error") {
            .quic($0) { $0.errors[12] }
        },
        StatColumn("quic_transp_err_crypto_buffer_exceeded", "MCPV", "QUIC: transp err crypto buffer exceeded") {
            .quic($0) { $0.errors[13] }
        },
        StatColumn("quic_transp_err_key_update_error", "MCPV", "QUIC: transp err key update error") {
            .quic($0) { $0.errors[14] }
        },
        StatColumn("quic_transp_err_aead_limit_reached", "MCPV", "QUIC: transp err aead limit reached") {
            .quic($0) { $0.errors[15] }
        },
        StatColumn("quic_transp_err_no_viable_path", "MCPV", "QUIC: transp err no viable path") {
            .quic($0) { $0.errors[16] }
        },
        StatColumn("quic_transp_err_crypto_error", "MCPV", "QUIC: transp err crypto error") {
            .quic($0) { $0.cryptoErrors }
        },
        StatColumn("quic_transp_err_unknown_error", "MCPV", "QUIC: transp err unknown error") {
            .quic($0) { $0.unknownErrors }
        },
        StatColumn("quic_data_blocked", "MCPV", "QUIC: data blocked") { _ in .none },
        StatColumn("quic_stream_data_blocked", "MCPV", "QUIC: stream data blocked") { _ in .none },
        StatColumn("quic_streams_blocked_bidi", "MCPV", "QUIC: streams blocked bidi") { _ in .none },
        StatColumn("quic_streams_blocked_uni", "MCPV", "QUIC: streams blocked uni") { _ in .none },
        StatColumn("quic_ncbuf_gap_limit", "MCPV", "QUIC: ncbuf gap limit") { _ in .none },
        StatColumn("h1_open_connections", "MGPV", "HTTP/1: open connections") { .mux($0, .h1OpenConnections) },
        StatColumn("h1_open_streams", "MGPV", "HTTP/1: open streams") { .mux($0, .h1OpenStreams) },
        StatColumn("h1_total_connections", "MCPV", "HTTP/1 connections") { .mux($0, .h1TotalConnections) },
        StatColumn("h1_total_streams", "MCPV", "HTTP/1 exchanges") { .mux($0, .h1TotalStreams) },
        StatColumn("h1_bytes_in", "MCPV", "HTTP/1: bytes in") { .mux($0, .h1BytesIn) },
        StatColumn("h1_bytes_out", "MCPV", "HTTP/1: bytes out") { .mux($0, .h1BytesOut) },
        StatColumn("h1_spliced_bytes_in", "MCPV", "HTTP/1: spliced bytes in") { .u64(0, $0.isProxy) },
        StatColumn("h1_spliced_bytes_out", "MCPV", "HTTP/1: spliced bytes out") { .u64(0, $0.isProxy) },
    ]
}

extension ProxyRow {
    /// Whether it is a frontend's or a backend's: the muxes count for these.
    fileprivate var isProxy: Bool { kind == .frontend || kind == .backend }
}

extension StatValue {
    /// A number of the connections by their HTTP version.
    fileprivate static func mux(_ row: ProxyRow, _ number: MuxTraffic.Number) -> StatValue {
        .u64(row.traffic.muxes[number], row.isProxy)
    }

    /// Connections over HTTP/3 that we have ended with a code.
    fileprivate static func mux(_ row: ProxyRow, error code: HTTP3ErrorCode) -> StatValue {
        .u64(row.traffic.muxes[code], row.isProxy)
    }

    /// A number of QUIC's; listeners have none of their own.
    fileprivate static func quic(_ row: ProxyRow, _ number: (QUICTraffic) -> UInt64) -> StatValue {
        .u64(number(row.traffic.quic), row.kind != .listener)
    }
}
