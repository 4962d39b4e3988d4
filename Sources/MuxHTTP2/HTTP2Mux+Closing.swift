import CNghttp2
import Streams

// Ends of streams and of the connection.
extension HTTP2Mux {
    // MARK: Streams

    /// The exchange has ended for this stream from the other side.
    func reset(_ stream: HTTP2Stream, _ reason: CloseReason) {
        guard detach(stream) != nil, !isDead else { return }
        if stream.id == 0 {
            recycle(stream)
        } else {
            stream.isResetByUs = true
            submitReset(stream.id, code(reason))
        }
        unsafe host.muxNeedsFlush()
    }

    private func code(_ reason: CloseReason) -> HTTP2ErrorCode {
        side == .front ? HTTP2ErrorCode(toClient: reason) : HTTP2ErrorCode(toServer: reason)
    }

    func submitReset(_ id: Int32, _ code: HTTP2ErrorCode) {
        unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, code.rawValue)
    }

    /// The message that this stream sends broke off: the peer must not take it for complete.
    func breakOff(_ stream: HTTP2Stream, _ half: Half) {
        let reason = half.failure ?? .internalError
        stream.isResetByUs = true
        submitReset(stream.id, code(reason))
        guard let exchange = detach(stream) else { return }
        switch side {
        case .front: exchange.frontAborted(reason)
        case .back: exchange.backAborted(reason)
        }
    }

    /// A fault of our own on one stream.
    func failStream(_ stream: HTTP2Stream) {
        guard let exchange = detach(stream) else { return }
        if stream.id == 0 {
            recycle(stream)
        } else {
            stream.isResetByUs = true
            submitReset(stream.id, .internalError)
        }
        abort(exchange, .internalError)
    }

    /// nghttp2 has closed a stream and forgets it.
    func streamClosed(_ id: Int32, _ code: UInt32) {
        guard let stream = stream(id) else { return }
        unsafe nghttp2_session_set_stream_user_data(session, id, nil)
        switch side {
        case .front: requestStreamClosed(stream, code)
        case .back: responseStreamClosed(stream, code)
        }
        recycle(stream)
        streamsChanged = true
    }

    // MARK: The connection

    /// Announces the end: clients that already sent more requests get them served (RFC 9113 section 6.8).
    func startDrain() {
        isDraining = true
        streamsChanged = true
        for stream in slots where stream.isLive && stream.lingerLimit != nil { stopLingering(stream) }
        switch side {
        case .front:
            unsafe nghttp2_submit_shutdown_notice(session)
            // When the answer comes, everything sent before the notice was heard has come as well.
            unsafe nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
        case .back:
            submitGoAway()
        }
        unsafe host.muxNeedsFlush()
    }

    /// Asks the peer whether it is still there (RFC 9113 section 6.7). False when it has not answered the last time.
    public func ping() -> Bool {
        guard !hasUnansweredPing else { return false }
        hasUnansweredPing = true
        unsafe nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
        unsafe host.muxNeedsFlush()
        return true
    }

    /// The client has heard the notice: the last GOAWAY names the last request that is served.
    func finishDrain() {
        guard isDraining, side == .front, !hasFinalGoAway else { return }
        submitGoAway()
    }

    private func submitGoAway() {
        hasFinalGoAway = true
        let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
        unsafe nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, HTTP2ErrorCode.noError.rawValue, nil, 0)
        unsafe host.muxNeedsFlush()
    }

    /// Ends the connection with GOAWAY; open exchanges end for `reason`.
    func terminate(_ code: HTTP2ErrorCode, _ reason: CloseReason) {
        endReason = reason
        unsafe nghttp2_session_terminate_session(session, code.rawValue)
        unsafe host.muxNeedsFlush()
    }

    /// The peer has passed one of the ``HTTP2Limits``.
    func calmDown() {
        terminate(.enhanceYourCalm, side == .front ? .clientProtocolError : .serverProtocolError)
    }

    /// nghttp2 could not take the input: the preface is wrong, the peer floods, or memory is out.
    func failReceiving(_ code: Int32) {
        dropSection()
        switch code {
        case NGHTTP2_ERR_FLOODED.rawValue:
            _ = floodGuard.noteGlitch()
            calmDown()
        case NGHTTP2_ERR_NOMEM.rawValue, NGHTTP2_ERR_CALLBACK_FAILURE.rawValue:
            endReason = .internalError
            isFailed = true
        default:
            // RFC 9113 section 3.4: a wrong preface needs no GOAWAY.
            _ = floodGuard.noteGlitch()
            isFailed = true
        }
    }

    /// nghttp2 could not serialise: memory is out.
    func failSending() {
        endReason = .internalError
        isFailed = true
    }

    /// True when nghttp2 neither reads nor writes any more.
    var isFinished: Bool {
        unsafe nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
    }

    /// After every call: ends exchanges whose session is over, tells the host of changes.
    func settle() {
        statistics.glitches = floodGuard.glitches
        if openExchanges > 0, isFailed || isFinished { abortExchanges(endReason) }
        guard streamsChanged else { return }
        streamsChanged = false
        if side == .back, !isDead { unsafe host.muxStreamsChanged() }
    }
}
