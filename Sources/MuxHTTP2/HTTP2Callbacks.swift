import Bytes
import CNghttp2
import Messages

// nghttp2's side: the table of callbacks and the options of a session.
extension HTTP2Mux {
    /// Makes a session of nghttp2 for one side, in the arena if there is one.
    static func makeSession(
        _ side: Side, _ settings: HTTP2Settings, _ arena: ConnectionArena?
    ) throws(HTTP2SessionError) -> OpaquePointer {
        var option: OpaquePointer?
        var result = unsafe nghttp2_option_new(&option)
        guard result == 0, let option = unsafe option else { throw .library(code: result) }
        defer { unsafe nghttp2_option_del(option) }
        let limits = settings.limits
        unsafe nghttp2_option_set_no_auto_window_update(option, 1)
        unsafe nghttp2_option_set_no_closed_streams(option, 1)
        unsafe nghttp2_option_set_max_reserved_remote_streams(option, 0)
        unsafe nghttp2_option_set_max_outbound_ack(option, max(1, limits.waitingAcknowledgements))
        unsafe nghttp2_option_set_max_settings(option, max(1, limits.settingsEntries))
        unsafe nghttp2_option_set_max_continuations(option, max(0, limits.continuationFrames))
        // Ours counts by the worker's clock and names the error: see FloodGuard.
        unsafe nghttp2_option_set_stream_reset_rate_limit(option, 1 << 62, 1 << 32)
        unsafe nghttp2_option_set_max_send_header_block_length(option, max(65_536, settings.maxHeaderListSize * 4))
        unsafe nghttp2_option_set_max_deflate_dynamic_table_size(option, settings.tableSize)
        // Requests are checked here alone: nghttp2 asks for an authority, which RFC 9113 does not, and can only reset.
        if side == .front { unsafe nghttp2_option_set_no_http_messaging(option, 1) }
        if side == .front, settings.isReversed { unsafe nghttp2_option_set_no_recv_client_magic(option, 1) }
        if side == .back {
            unsafe nghttp2_option_set_peer_max_concurrent_streams(option, UInt32(settings.concurrentStreams))
        }
        guard let callbacks = unsafe HTTP2Callbacks.table else {
            throw .library(code: NGHTTP2_ERR_NOMEM.rawValue)
        }
        var session: OpaquePointer?
        switch side {
        case .front:
            if let arena {
                var memory = unsafe nghttp2_mem(
                    mem_user_data: arena.context, malloc: ConnectionArena.allocate, free: ConnectionArena.release,
                    calloc: ConnectionArena.allocateZeroed, realloc: ConnectionArena.reallocate)
                unsafe result = nghttp2_session_server_new3(&session, callbacks, nil, option, &memory)
            } else {
                unsafe result = nghttp2_session_server_new2(&session, callbacks, nil, option)
            }
        case .back: unsafe result = nghttp2_session_client_new2(&session, callbacks, nil, option)
        }
        guard result == 0, let session = unsafe session else { throw .library(code: result) }
        return unsafe session
    }

    /// Submits our SETTINGS, and to a server the connection's window. A client gets the window once its SETTINGS are
    /// here, behind the acknowledgement: some clients wait for that one first, and so may a peer that has opened a
    /// reversed connection.
    func submitSettings() {
        func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
        }
        var entries = [
            entry(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, settings.tableSize),
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.windowSize),
            entry(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, settings.frameSize),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings.maxHeaderListSize),
        ]
        switch side {
        case .front:
            entries.append(entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.concurrentStreams))
            // RFC 8441 section 3.
            if !settings.hidesExtendedConnect {
                entries.append(entry(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1))
            }
            // RFC 9218 section 2.1: PRIORITY frames and the dependency tree are not heard.
            entries.append(entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1))
        case .back:
            // RFC 9113 section 8.4: no push.
            entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        unsafe nghttp2_submit_settings(session, none, entries, entries.count)
        if side == .back, !settings.isReversed { openConnectionWindow() }
    }

    /// Opens the connection's window as far as the settings say.
    func openConnectionWindow() {
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        unsafe nghttp2_session_set_local_window_size(session, none, 0, Int32(clamping: settings.connectionWindow))
    }
}

/// The functions that nghttp2 calls. Each finds its mux in the session's user data; none of them runs nghttp2 again.
enum HTTP2Callbacks {
    /// One table for all sessions; sessions copy it.
    nonisolated(unsafe) static let table: OpaquePointer? = {
        var table: OpaquePointer?
        guard unsafe nghttp2_session_callbacks_new(&table) == 0, let table = unsafe table else { return nil }
        unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(table) { _, header, context in
            guard let header = unsafe header else { return 0 }
            return unsafe withMux(context) { unsafe $0.beginFrame(header.pointee) }
        }
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(table) { _, frame, context in
            guard let frame = unsafe frame else { return 0 }
            // No other field sections exist: push is off.
            guard unsafe frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) else {
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
            }
            return unsafe withMuxResult(context) {
                unsafe $0.beginFields(frame.pointee.hd.stream_id, frame.pointee.headers.cat)
            }
        }
        unsafe nghttp2_session_callbacks_set_on_header_callback(table) {
            _, frame, name, nameCount, value, valueCount, _, context in
            guard let frame = unsafe frame, let name = unsafe name, let value = unsafe value else { return 0 }
            return unsafe withMuxResult(context) {
                unsafe $0.addField(
                    frame.pointee.hd.stream_id, Span(_unsafeStart: name, count: nameCount),
                    Span(_unsafeStart: value, count: valueCount))
            }
        }
        unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(table) { _, frame, _, _, _, _, _, context in
            guard let frame = unsafe frame else { return 0 }
            return unsafe withMuxResult(context) { unsafe $0.refuseField(frame.pointee.hd.stream_id) }
        }
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(table) { _, frame, context in
            guard let frame = unsafe frame else { return 0 }
            return unsafe withMux(context) { unsafe $0.frameArrived(frame) }
        }
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table) { _, frame, _, context in
            guard let frame = unsafe frame else { return 0 }
            return unsafe withMux(context) { unsafe $0.invalidFrame(frame.pointee.hd.type) }
        }
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table) { _, _, id, data, count, context in
            guard let data = unsafe data else { return 0 }
            return unsafe withMux(context) { unsafe $0.bodyArrived(id, data, count) }
        }
        unsafe nghttp2_session_callbacks_set_send_data_callback(table) { _, _, header, length, source, context in
            guard let header = unsafe header, let pointer = unsafe source?.pointee.ptr else {
                return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
            }
            return unsafe withMuxResult(context) { mux in
                unsafe Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
                    unsafe mux.sendBody(stream, header: Span(_unsafeStart: header, count: 9), length)
                }
            }
        }
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(table) { _, frame, context in
            guard let frame = unsafe frame else { return 0 }
            return unsafe withMux(context) { unsafe $0.frameSent(frame) }
        }
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(table) { _, frame, error, context in
            guard let frame = unsafe frame else { return 0 }
            return unsafe withMux(context) { unsafe $0.frameNotSent(frame, error) }
        }
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(table) { _, id, code, context in
            unsafe withMux(context) { $0.streamClosed(id, code) }
        }
        return unsafe table
    }()

    /// Where nghttp2 asks for body bytes.
    static let readBody: nghttp2_data_source_read_callback = { _, _, _, limit, flags, source, context in
        guard let flags = unsafe flags, let pointer = unsafe source?.pointee.ptr, let context = unsafe context else {
            return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
        }
        return unsafe Unmanaged<HTTP2Mux>.fromOpaque(context)._withUnsafeGuaranteedRef { mux in
            unsafe Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
                unsafe mux.readBody(stream, limit, &flags.pointee)
            }
        }
    }

    private static func withMux(_ context: UnsafeMutableRawPointer?, _ body: (HTTP2Mux) -> Void) -> Int32 {
        guard let context = unsafe context else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        unsafe Unmanaged<HTTP2Mux>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
        return 0
    }

    private static func withMuxResult(_ context: UnsafeMutableRawPointer?, _ body: (HTTP2Mux) -> Int32) -> Int32 {
        guard let context = unsafe context else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        return unsafe Unmanaged<HTTP2Mux>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
    }
}
