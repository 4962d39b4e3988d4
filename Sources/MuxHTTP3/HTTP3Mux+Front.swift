import Messages
import QUICTransport
import Streams

// The side of clients: requests come in, responses go out.
extension HTTP3Mux {
    /// A valid request head: opens the exchange.
    func requestArrived(_ stream: HTTP3Stream, _ head: MessageHead) {
        guard let exchange = unsafe host.openExchange(for: stream) else {
            resources.worker.heads.giveBack(head)
            return refuseRequest(stream)
        }
        leaveHead(stream)
        stream.isHead = head.method == .head
        beginContent(stream, head.bodyLength)
        attach(stream, exchange)
        exchange.trace.front = UInt64(stream.id.magnitude)
        exchange.isEarlyData = stream.isEarlyData
        if !stream.hasPriorityUpdate, let place = head.first(.priority),
            let priority = StreamPriority(fieldValue: head.value(at: place))
        {
            // RFC 9218 section 5.
            ready.change(stream, to: priority)
        }
        exchange.request.put(head)
    }

    /// A request that is too large or too late: the handler answers with `status`.
    func rejectRequest(_ stream: HTTP3Stream, status: Int, _ reason: CloseReason = .clientProtocolError) {
        guard let exchange = unsafe host.openExchange(for: stream) else { return refuseRequest(stream) }
        leaveHead(stream)
        stream.phase = .end
        attach(stream, exchange)
        exchange.trace.front = UInt64(stream.id.magnitude)
        stopReading(stream, .noError)
        exchange.rejectRequest(status: status, reason: reason)
    }

    /// No exchange for this request: it was not processed, the client may send it again (RFC 9114 section 4.1.1).
    private func refuseRequest(_ stream: HTTP3Stream) {
        statistics.streamsRefused += 1
        resetStream(stream, .requestRejected)
    }

    /// The stream's request head is complete, or will not be.
    func leaveHead(_ stream: HTTP3Stream) {
        guard side == .front, stream.countsAsHead else { return }
        stream.countsAsHead = false
        openHeads -= 1
    }

    /// The idle timer ran out: requests whose head has not come whole are answered with 408.
    func rejectLateHeads() {
        guard side == .front, openHeads > 0 else { return }
        for stream in table.all() where stream.countsAsHead { rejectRequest(stream, status: 408, .clientTimeout) }
    }

    /// Puts what the response has before its body into the buffer: interim heads, the head.
    func writeResponseHead(
        _ stream: HTTP3Stream, _ exchange: Exchange, _ half: Half
    ) throws(HTTP3ConnectionError) {
        while let head = half.takeInterim() {
            defer { resources.worker.heads.giveBack(head) }
            try write(head, to: stream)
        }
        guard let head = half.takeHead() else { return }
        stream.hasOutgoingHead = true
        guard !refusesUpgrade(exchange, head) else { return try answerBadUpgrade(stream, exchange) }
        try write(head, to: stream)
        if stream.isHead { stream.hasOutgoingEnd = true }
    }

    /// True when a server answers a wish for another protocol with success but without a switch: in HTTP/3, 2xx alone
    /// would mean that the tunnel is open (RFC 9220, RFC 8441 section 5). Also true for a 101 that nobody asked for.
    private func refusesUpgrade(_ exchange: Exchange, _ head: MessageHead) -> Bool {
        let isTunnel = head.bodyLength == .tunnel
        if exchange.request.head?.isExtendedConnect == true { return (200..<300).contains(head.status) && !isTunnel }
        return head.status == 101
    }

    /// 502 in place of such a response.
    private func answerBadUpgrade(_ stream: HTTP3Stream, _ exchange: Exchange) throws(HTTP3ConnectionError) {
        exchange.note(.serverProtocolError)
        let answer = resources.worker.heads.obtain(.response)
        defer { resources.worker.heads.giveBack(answer) }
        answer.status = 502
        try write(answer, to: stream)
        stream.hasOutgoingEnd = true
    }

    /// The whole response is in packets; or it was before, and a tunnel's client has sent its last words.
    func finishResponse(_ stream: HTTP3Stream) {
        guard let exchange = stream.exchange else { return }
        // In a tunnel the client's direction goes on by itself (RFC 9114 section 4.4).
        if exchange.isTunnel, !stream.hasIncomingEnd { return }
        // RFC 9114 section 4.1: the response did not need the rest of the request.
        if !stream.hasIncomingEnd { stopReading(stream, .noError) }
        detach(stream)?.frontFinished()
    }

    /// A client's stream is closed in both directions, or was reset, while its exchange is open.
    func requestStreamClosed(_ stream: HTTP3Stream, _ exchange: Exchange) {
        if stream.hasIncomingEnd, stream.isEndSent { return exchange.frontFinished() }
        exchange.frontAborted(.clientAborted)
        noteAbandoned()
    }

    /// The client gave up on a request, or made us give up, before it was answered.
    func noteAbandoned() {
        if !floodGuard.noteReset(at: now) { fail(Self.excessive("resets")) }
    }
}
