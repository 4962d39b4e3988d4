import Bytes
import CNghttp2
import Messages
import Streams

// The side of clients: requests come in, responses go out.
extension HTTP2Mux {
    /// A client opens a stream.
    func startRequest(_ id: Int32) {
        let stream = obtainStream()
        stream.id = id
        totalStreams += 1
        unsafe nghttp2_session_set_stream_user_data(session, id, Unmanaged.passUnretained(stream).toOpaque())
        // RFC 9218 section 10: streams of one urgency share the connection unless the client's `priority` field says
        // otherwise.
        var priority = nghttp2_extpri(urgency: UInt32(NGHTTP2_EXTPRI_DEFAULT_URGENCY), inc: 1)
        unsafe nghttp2_session_change_extpri_stream_priority(session, id, &priority, 0)
        if let limit = settings.maxTotalStreams, totalStreams >= limit, !isDraining { startDrain() }
    }

    /// A valid request head: opens the exchange.
    func requestArrived(_ stream: HTTP2Stream, _ head: MessageHead, isEnd: Bool, bytes: Int) {
        guard let exchange = unsafe host.openExchange(for: stream) else {
            resources.heads.giveBack(head)
            stream.isResetByUs = true
            submitReset(stream.id, .refusedStream)
            return
        }
        attach(stream, exchange)
        exchange.trace.front = UInt64(stream.id.magnitude)
        exchange.bytesFromClient += UInt64(bytes)
        stream.hasIncomingHead = true
        stream.isHead = head.method == .head
        stream.bodyLength = ContentLengthGuard(head.bodyLength)
        obeyPriority(of: head, stream.id)
        exchange.request.put(head)
        // The handler may have ended the exchange meanwhile.
        if isEnd, stream.exchange === exchange {
            endIncoming(stream, trailers: nil)
        } else if isEnd {
            stream.hasIncomingEnd = true
        }
    }

    /// Tells nghttp2 what the client wants first (RFC 9218 sections 4 and 5).
    private func obeyPriority(of head: MessageHead, _ id: Int32) {
        guard let index = head.first(.priority) else { return }
        var priority = nghttp2_extpri(urgency: UInt32(NGHTTP2_EXTPRI_DEFAULT_URGENCY), inc: 0)
        let list = head.value(at: index)
        var place = 0
        while let member = list.nextMember(&place) {
            if member.count == 3, member[0] == UInt8(ascii: "u"), member[1] == UInt8(ascii: "="), member[2] &- 0x30 < 8
            {
                priority.urgency = UInt32(member[2] - 0x30)
            } else if member.equals("i") || member.equals("i=?1") {
                priority.inc = 1
            }
        }
        unsafe nghttp2_session_change_extpri_stream_priority(session, id, &priority, 0)
    }

    /// A request that is refused with an answer: the handler answers with `status`.
    func rejectRequest(_ stream: HTTP2Stream, status: Int) {
        guard !stream.hasIncomingHead else { return refuse(stream.id, .enhanceYourCalm) }
        guard let exchange = unsafe host.openExchange(for: stream) else {
            stream.isResetByUs = true
            return submitReset(stream.id, .refusedStream)
        }
        attach(stream, exchange)
        exchange.trace.front = UInt64(stream.id.magnitude)
        stream.hasIncomingHead = true
        exchange.rejectRequest(status: status)
        noteMalformed()
    }

    /// Sends what the response has: interim heads, head, body.
    func advanceResponse(_ stream: HTTP2Stream) {
        guard let half = unsafe stream.outgoing, let exchange = stream.exchange else { return }
        withExtendedLifetime(exchange) {
            while !stream.hasOutgoingHead, let head = half.takeInterim() {
                submitHead(head, on: stream, as: .interim)
                resources.heads.giveBack(head)
                guard stream.exchange != nil else { return }
            }
            if let head = half.takeHead() {
                guard !refusesUpgrade(exchange, head) else { return answerBadUpgrade(stream, exchange) }
                stream.hasOutgoingHead = true
                let isLast = endsWithHead(head, half) || stream.isHead
                submitHead(head, on: stream, as: isLast ? .last : .withBody)
            } else {
                resume(stream, half)
            }
        }
    }

    /// True when a server answers a wish for another protocol with success but without a switch: in HTTP/2, 2xx alone
    /// would mean that the tunnel is open (RFC 8441 section 5). Also true for a 101 that nobody asked for.
    private func refusesUpgrade(_ exchange: Exchange, _ head: MessageHead) -> Bool {
        let isTunnel = head.bodyLength == .tunnel
        if exchange.request.head?.isExtendedConnect == true { return (200..<300).contains(head.status) && !isTunnel }
        return head.status == 101
    }

    /// 502 in place of such a response.
    private func answerBadUpgrade(_ stream: HTTP2Stream, _ exchange: Exchange) {
        exchange.note(.serverProtocolError)
        let answer = resources.heads.obtain(.response)
        answer.status = 502
        stream.hasOutgoingHead = true
        submitHead(answer, on: stream, as: .last)
        resources.heads.giveBack(answer)
    }

    /// The whole response has been sent.
    func finishResponse(_ stream: HTTP2Stream) {
        guard let exchange = stream.exchange else { return }
        // In a tunnel the client's direction goes on by itself (RFC 9113 section 8.5).
        if exchange.response.head?.bodyLength == .tunnel, !stream.hasIncomingEnd { return }
        let windowLeft = UInt64(stream.window) &- (exchange.request.bytesIn &- stream.credited)
        guard let exchange = detach(stream) else { return }
        if !stream.hasIncomingEnd { linger(stream, windowLeft: Int(clamping: windowLeft)) }
        exchange.frontFinished()
    }

    /// The response did not need the rest of the request: RFC 9113 section 8.1 lets us ask for its end with NO_ERROR.
    /// A client that has little left to send is let finish, since some clients take any RST_STREAM for a failure.
    private func linger(_ stream: HTTP2Stream, windowLeft: Int) {
        if isDraining || windowLeft < stream.window / 4 {
            stopLingering(stream)
        } else {
            stream.lingerLimit = windowLeft / 2
        }
    }

    /// Bytes of a request came that nobody needs.
    func dropBody(_ stream: HTTP2Stream, _ count: Int) {
        guard let limit = stream.lingerLimit else { return }
        if count < limit {
            stream.lingerLimit = limit - count
        } else {
            stopLingering(stream)
        }
    }

    func stopLingering(_ stream: HTTP2Stream) {
        stream.lingerLimit = nil
        stream.isResetByUs = true
        submitReset(stream.id, .noError)
    }

    /// A client's stream is closed before its response was sent, or a tunnel has ended in both directions.
    func requestStreamClosed(_ stream: HTTP2Stream, _ code: UInt32) {
        guard let exchange = detach(stream) else {
            if !stream.isResetByUs, !stream.hasOutgoingEnd, code != HTTP2ErrorCode.noError.rawValue { noteAbandoned() }
            return
        }
        if stream.hasIncomingEnd, stream.hasOutgoingEnd { return exchange.frontFinished() }
        let isClientsWord = stream.isResetByPeer || code == HTTP2ErrorCode.noError.rawValue
        exchange.frontAborted(isClientsWord ? .clientAborted : .clientProtocolError)
        noteAbandoned()
    }

    private func noteAbandoned() {
        if !floodGuard.noteReset(at: resources.clock.now) { calmDown() }
    }
}
