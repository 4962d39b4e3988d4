import Messages
import QUICTransport
import Streams

// The side of servers: requests go out, responses come in.
extension HTTP3Mux {
    /// Attaches a stream to the exchange; its request goes out with the next packets.
    func openRequest(_ exchange: Exchange) -> Bool {
        let id: QUICStreamID
        do throws(QUICError) {
            id = try connection.openBidirectionalStream()
        } catch {
            return false
        }
        let stream = addStream(id)
        attach(stream, exchange)
        exchange.trace.back = UInt64(id.magnitude)
        exchange.attempt.connectionReused = statistics.streamsOpened > 1
        streamsChanged = true
        exchange.attach(back: stream)
        return true
    }

    /// Puts the request's head into the buffer.
    func writeRequestHead(
        _ stream: HTTP3Stream, _ exchange: Exchange, _ half: Half
    ) throws(HTTP3ConnectionError) {
        guard let head = half.head, half.hasHead else { return }
        if head.becomesExtendedConnect, !peerSettings.allowsExtendedConnect {
            // RFC 9220 section 3, RFC 8441 section 3: not before the server has announced it.
            guard hasPeerSettings else { return }
            guard !head.isExtendedConnect else { return stop(stream, .refused(.serverProtocolError)) }
            head.dropUpgrade()
        } else if head.isUpgrade, !head.becomesExtendedConnect {
            head.dropUpgrade()
        }
        guard let head = half.takeHead() else { return }
        stream.requestMethod = head.method
        stream.opensTunnel = head.method == .connect || head.becomesExtendedConnect
        stream.hasOutgoingHead = true
        try write(head, to: stream)
    }

    /// Lists the streams whose request has not been sent.
    func markUnsent() {
        for stream in table.all() where !stream.hasOutgoingHead { mark(stream) }
    }

    /// A response head, interim or final.
    func responseArrived(_ stream: HTTP3Stream, _ head: MessageHead) {
        if head.status >= 200 { beginContent(stream, head.bodyLength) }
        guard let half = unsafe stream.incoming, let exchange = stream.exchange else {
            return resources.worker.heads.giveBack(head)
        }
        withExtendedLifetime(exchange) {
            if head.status < 200 { half.putInterim(head) } else { half.put(head) }
        }
    }

    /// Leaves the exchange when the response is complete and the request is sent, or not wanted any more.
    func finishRequest(_ stream: HTTP3Stream) {
        guard stream.hasIncomingEnd, stream.isEndSent || stream.isWriteShut else { return }
        detach(stream)?.backFinished()
    }

    /// A server's stream is closed in both directions while its exchange is open.
    func responseStreamClosed(_ stream: HTTP3Stream, _ exchange: Exchange, _ code: UInt64?) {
        if stream.hasIncomingEnd { return exchange.backFinished() }
        let end = ServerReset(code: code ?? HTTP3ErrorCode.internalError.rawValue)
        exchange.backAborted(end.reason, isUnsent: end.isUnsent)
    }
}
