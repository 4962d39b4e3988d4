import CNghttp2
import Messages
import Streams

// The side of servers: requests go out, responses come in.
extension HTTP2Mux {
    /// True while the server takes new requests.
    var canOpen: Bool {
        guard !isDead, !isFailed, !isDraining, !hasPeerGoAway else { return false }
        return unsafe nghttp2_session_check_request_allowed(session) != 0
    }

    /// How many streams the server allows at once.
    var peerConcurrentStreams: Int {
        let limit = unsafe nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
        return Int(clamping: limit)
    }

    private var peerTakesExtendedConnect: Bool {
        unsafe nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1
    }

    /// Attaches a stream to the exchange; its request goes out with the next output.
    func openRequest(_ exchange: Exchange) -> Bool {
        let stream = obtainStream()
        attach(stream, exchange)
        streamsChanged = true
        exchange.attach(back: stream)
        return true
    }

    /// The server's SETTINGS came: its limits count from now on.
    func settingsArrived() {
        guard side == .back else { return }
        streamsChanged = true
        guard !hasPeerSettings else { return }
        hasPeerSettings = true
        if settings.isReversed { openConnectionWindow() }
        // Extended CONNECT waited for the server's word.
        wakeUnsent()
    }

    /// Lists the streams whose request has not been sent.
    func wakeUnsent() {
        for stream in slots where stream.isLive && stream.id == 0 { markReady(stream) }
    }

    /// Sends what the request has: head, then body.
    func advanceRequest(_ stream: HTTP2Stream) {
        guard let half = unsafe stream.outgoing, let exchange = stream.exchange else { return }
        withExtendedLifetime(exchange) {
            if stream.id != 0 { return resume(stream, half) }
            guard let head = half.head else { return }
            guard unsafe nghttp2_session_check_request_allowed(session) != 0, !hasPeerGoAway,
                liveStreams <= peerConcurrentStreams
            else { return giveBack(stream, .serverAborted, isUnsent: true) }
            if head.becomesExtendedConnect, !peerTakesExtendedConnect {
                // RFC 8441 section 3: not before the server has announced it.
                guard hasPeerSettings else { return }
                guard !head.isExtendedConnect else { return giveBack(stream, .serverProtocolError, isUnsent: false) }
                head.dropUpgrade()
            } else if head.isUpgrade, !head.becomesExtendedConnect {
                head.dropUpgrade()
            }
            guard let head = half.takeHead() else { return }
            stream.hasOutgoingHead = true
            submitRequest(head, on: stream, withBody: !endsWithHead(head, half))
        }
    }

    /// Leaves an exchange whose request was not sent.
    private func giveBack(_ stream: HTTP2Stream, _ reason: CloseReason, isUnsent: Bool) {
        guard let exchange = detach(stream) else { return }
        recycle(stream)
        exchange.backAborted(reason, isUnsent: isUnsent)
    }

    /// A response head, interim or final.
    func responseArrived(_ stream: HTTP2Stream, _ head: MessageHead, isEnd: Bool) {
        guard let half = unsafe stream.incoming, let exchange = stream.exchange else {
            return resources.heads.giveBack(head)
        }
        withExtendedLifetime(exchange) {
            if head.status < 200 { return half.putInterim(head) }
            stream.hasIncomingHead = true
            half.put(head)
            if isEnd { endIncoming(stream, trailers: nil) }
        }
    }

    /// A stream to the server is closed.
    func responseStreamClosed(_ stream: HTTP2Stream, _ code: UInt32) {
        guard let exchange = detach(stream) else { return }
        if stream.hasIncomingEnd, !stream.isMalformed { return exchange.backFinished() }
        let code = HTTP2ErrorCode(received: code)
        if stream.isResetByPeer || code.isUnprocessed || code == .noError {
            exchange.backAborted(.serverAborted, isUnsent: code.isUnprocessed)
        } else {
            exchange.backAborted(.serverProtocolError)
        }
    }
}
