import Bytes
import Messages
public import QUICTransport
import Streams

// What is sent on request streams. A stream that has something stands in the order of RFC 9218; when its turn comes it
// takes from its half what fits, and QUIC takes bytes from its buffer into packets. So what waits in between is little,
// and what a rule or a slower stream may still change stays where it can be changed.
extension HTTP3Mux {
    /// A stream with less than this in no packet takes more from its half.
    private static var refillMark: Int { 8 * 1024 }
    /// Most bytes of one DATA frame, and of what a stream takes from its half at a time.
    private static var frameLimit: Int { 32 * 1024 }

    public func prepareToSend() {
        guard !isDead else { return }
        isFlushAsked = false
        if streamsChanged {
            streamsChanged = false
            unsafe host.muxStreamsChanged()
        }
        guard !isClosing else { return }
        removeGoneStreams()
        while let stream = takeMarked() {
            returnCredit(stream)
            wake(stream)
        }
        payCredit()
        let now = resources.worker.clock.now
        if decoderInstructions.areDue(sendsAnyhow: hasMessageData, now: now) {
            decoderInstructions.taken(at: now)
            if let chunk = decoder.takeDecoderStream(&resources.gather) { decoderStream.buffer.append(chunk) }
        }
        continueDrain()
    }

    /// Something waits on other streams than the QPACK decoder's.
    private var hasMessageData: Bool { ready.first != nil || control.isReady || encoderStream.isReady }

    public var hasDataToSend: Bool { isClosing || isDead || hasMessageData || decoderStream.isReady }

    /// Tells exchanges what happened while packets were built: their handlers may do what was not allowed then.
    public func sendingEnded() {
        guard !unsettled.isEmpty, !isDead, !isClosing else { return }
        swap(&unsettled, &settling)
        for stream in settling where stream.isUnsettled {
            stream.isUnsettled = false
            settle(stream)
        }
        settling.removeAll(keepingCapacity: true)
    }

    /// Puts a stream off until packets are built.
    func settleLater(_ stream: HTTP3Stream) {
        guard !stream.isUnsettled else { return }
        stream.isUnsettled = true
        unsettled.append(stream)
    }

    private func settle(_ stream: HTTP3Stream) {
        if let fault = stream.sendFault {
            stream.sendFault = nil
            return settle(stream, fault)
        }
        guard stream.isEndSent else { return }
        unsafe stream.outgoing?.delivered()
        switch side {
        case .front: finishResponse(stream)
        case .back: finishRequest(stream)
        }
    }

    private func settle(_ stream: HTTP3Stream, _ fault: HTTP3Stream.SendFault) {
        switch fault {
        case .brokenOff(let reason), .refused(let reason):
            // The peer must not take the message for complete.
            let exchange = detach(stream)
            resetStream(stream, code(reason))
            switch side {
            case .front: exchange?.frontAborted(reason)
            case .back: exchange?.backAborted(reason)
            }
        case .stopped:
            statistics.stopsReceived += 1
            switch side {
            case .front:
                guard let exchange = detach(stream) else { return }
                resetStream(stream, .requestCancelled)
                exchange.frontAborted(.clientAborted)
                noteAbandoned()
            case .back:
                // RFC 9114 section 4.1: the response does not need the rest of the request.
                unsafe stream.outgoing?.discard()
                finishRequest(stream)
            }
        }
    }

    public func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend? {
        guard !isClosing, !isDead else { return nil }
        if control.isReady { return unsafe offer(control, vectors) }
        if decoderStream.isReady { return unsafe offer(decoderStream, vectors) }
        do throws(HTTP3ConnectionError) {
            while let first = ready.first {
                let stream = unsafe unsafeDowncast(first, to: HTTP3Stream.self)
                if !stream.hasOutgoingEnd, stream.buffer.unsent.count < Self.refillMark { try fill(stream) }
                // What a field section refers to goes first, in the same packet if it fits.
                if encoderStream.isReady { return unsafe offer(encoderStream, vectors) }
                if !stream.buffer.unsent.isEmpty || (stream.hasOutgoingEnd && !stream.isEndSent), stream.isReady {
                    let (count, isAll) = unsafe stream.buffer.describe(into: vectors)
                    return QUICStreamToSend(
                        id: stream.id, vectorCount: count, fin: isAll && stream.hasOutgoingEnd,
                        isLast: isAll && stream.hasOutgoingEnd && ready.isAlone(stream))
                }
                ready.remove(stream)
            }
        } catch {
            fail(error)
            return nil
        }
        if encoderStream.isReady { return unsafe offer(encoderStream, vectors) }
        return nil
    }

    private func offer(
        _ stream: borrowing OutgoingControl, _ vectors: UnsafeMutableBufferPointer<QUICVector>
    ) -> QUICStreamToSend {
        QUICStreamToSend(id: stream.id, vectorCount: unsafe stream.buffer.describe(into: vectors).count, fin: false)
    }

    public func didSend(_ id: QUICStreamID, count: Int) {
        if id & 2 != 0 {
            switch id {
            case control.id: control.buffer.sent(count)
            case encoderStream.id: encoderStream.buffer.sent(count)
            case decoderStream.id: decoderStream.buffer.sent(count)
            default: break
            }
            return
        }
        guard let stream = table.stream(id) else { return }
        stream.buffer.sent(count)
        switch side {
        case .front: stream.exchange?.bytesToClient += UInt64(count)
        case .back: if stream.sent == 0 { stream.exchange?.attempt.requestStarted = true }
        }
        stream.sent += UInt64(count)
        ready.didSend(stream, count)
        guard stream.hasOutgoingEnd, stream.buffer.unsent.isEmpty, !stream.isEndSent else { return }
        stream.isEndSent = true
        ready.remove(stream)
        settleLater(stream)
    }

    public func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64) {
        if id & 2 != 0 {
            switch id {
            case control.id:
                control.buffer.acknowledged(count)
                control.acknowledged += count
                goawayAcknowledged()
            case encoderStream.id: encoderStream.buffer.acknowledged(count)
            case decoderStream.id: decoderStream.buffer.acknowledged(count)
            default: break
            }
            return
        }
        guard let stream = table.stream(id) else { return }
        stream.buffer.acknowledged(count)
        if stream.isBufferFull, stream.buffer.count <= settings.streamSendBuffer / 2 {
            stream.isBufferFull = false
            mark(stream)
        }
    }

    public func streamBlocked(_ id: QUICStreamID) {
        if id & 2 != 0 { return setBlocked(id, true) }
        guard let stream = table.stream(id) else { return }
        stream.isFlowBlocked = true
        ready.remove(stream)
    }

    public func streamShutWrite(_ id: QUICStreamID) {
        guard !isClosing, !isDead else { return }
        if id & 2 != 0 {
            return fail(HTTP3ConnectionError(.closedCriticalStream, "critical stream was refused"))
        }
        guard let stream = table.stream(id), !stream.isWriteShut else { return }
        stopSending(stream)
        stream.sendFault = .stopped
        settleLater(stream)
    }

    public func streamUnblocked(_ id: QUICStreamID) {
        if id & 2 != 0 { return setBlocked(id, false) }
        guard let stream = table.stream(id) else { return }
        stream.isFlowBlocked = false
        mark(stream)
    }

    private func setBlocked(_ id: QUICStreamID, _ isBlocked: Bool) {
        switch id {
        case control.id: control.isFlowBlocked = isBlocked
        case encoderStream.id: encoderStream.isFlowBlocked = isBlocked
        case decoderStream.id: decoderStream.isFlowBlocked = isBlocked
        default: break
        }
    }

    /// Puts a stream into the order when it may have something to send.
    func wake(_ stream: HTTP3Stream) {
        guard !stream.isFlowBlocked, !stream.isWriteShut, !stream.isEndSent else { return }
        if stream.exchange != nil || stream.hasOutgoingEnd || !stream.buffer.unsent.isEmpty { ready.insert(stream) }
    }

    // MARK: From the half to the buffer

    /// Takes what fits from the half: heads, body, trailers, the end.
    private func fill(_ stream: HTTP3Stream) throws(HTTP3ConnectionError) {
        guard let half = unsafe stream.outgoing, let exchange = stream.exchange else { return }
        if !stream.hasOutgoingHead {
            switch side {
            case .front: try writeResponseHead(stream, exchange, half)
            case .back: try writeRequestHead(stream, exchange, half)
            }
            guard stream.hasOutgoingHead else {
                if half.isBroken { stop(stream, .brokenOff(half.failure ?? .internalError)) }
                return
            }
        }
        guard !stream.hasOutgoingEnd else { return }
        takeBody(stream, half)
        if half.isDrained {
            if let trailers = half.trailers, trailers.fieldCount > 0 { try write(trailers, to: stream) }
            stream.hasOutgoingEnd = true
        } else if half.isBroken, stream.buffer.unsent.isEmpty {
            stop(stream, .brokenOff(half.failure ?? .internalError))
        }
    }

    /// Sends no more on the stream, and ends it after the packets are built.
    func stop(_ stream: HTTP3Stream, _ fault: HTTP3Stream.SendFault) {
        stopSending(stream)
        stream.sendFault = fault
        settleLater(stream)
    }

    /// Moves body bytes into the buffer as DATA frames.
    private func takeBody(_ stream: HTTP3Stream, _ half: Half) {
        while half.count > 0, stream.buffer.unsent.count < Self.refillMark {
            let room = settings.streamSendBuffer - stream.buffer.count
            guard room > 0 else {
                stream.isBufferFull = true
                return
            }
            let length = min(half.count, room, Self.frameLimit)
            stream.buffer.appendFrameHeader(FrameType.data, length: UInt64(length), &resources.gather)
            var left = length
            while left > 0, let chunk = half.take(upTo: left) {
                left -= chunk.count
                stream.buffer.append(body: chunk, &resources.gather)
            }
            statistics.dataFramesSent += 1
            statistics.bodyBytesSent += UInt64(length)
        }
    }

    /// Encodes a head or trailers into the buffer.
    func write(_ head: MessageHead, to stream: HTTP3Stream) throws(HTTP3ConnectionError) {
        resources.lines.fill(head)
        defer { resources.lines.removeAll() }
        try encoder.encode(
            resources.lines, stream: stream.id, gather: &resources.gather, frame: &stream.buffer,
            encoderStream: &encoderStream.buffer)
        statistics.headersSent += 1
        guard encoder.unacknowledgedSections <= settings.maxUnacknowledgedSections else {
            throw Self.excessive("field sections are not acknowledged")
        }
    }
}
