import Bytes
import Messages
package import QUICTransport
import Streams

// What is sent on request streams. A stream that has something stands in the order of RFC 9218; when its turn comes it
// takes from its half what fits, and QUIC takes bytes from its buffer into packets. So what waits in between is little,
// and what a rule or a slower stream may still change stays where it can be changed.
extension HTTP3Mux {
    /// A stream with less than this in no packet takes more from its half.
    private static var refillMark: Int { 8 * 1024 }
    /// Most bytes of one DATA frame, and of what a stream takes from its half at a time.
    private static var frameLimit: Int { 32 * 1024 }

    package func prepareToSend() {
        guard !isDead else { return }
        isFlushAsked = false
        if streamsChanged {
            streamsChanged = false
            unsafe host.muxStreamsChanged()
        }
        guard !isClosing else { return }
        while let stream = takeMarked() {
            returnCredit(stream)
            wake(stream)
        }
        payCredit()
        if hasDecoderInstructions {
            hasDecoderInstructions = false
            if let chunk = decoder.takeDecoderStream(&resources.gather) { decoderStream.buffer.append(chunk) }
        }
        continueDrain()
    }

    package func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend? {
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
                    return QUICStreamToSend(id: stream.id, vectorCount: count, fin: isAll && stream.hasOutgoingEnd)
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

    package func didSend(_ id: QUICStreamID, count: Int) {
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
        stream.sent += UInt64(count)
        if side == .front { stream.exchange?.bytesToClient += UInt64(count) }
        ready.didSend(stream, count)
        guard stream.hasOutgoingEnd, stream.buffer.unsent.isEmpty, !stream.isEndSent else { return }
        stream.isEndSent = true
        ready.remove(stream)
        unsafe stream.outgoing?.delivered()
        switch side {
        case .front: finishResponse(stream)
        case .back: finishRequest(stream)
        }
    }

    package func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64) {
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

    package func streamBlocked(_ id: QUICStreamID) {
        if id & 2 != 0 { return setBlocked(id, true) }
        guard let stream = table.stream(id) else { return }
        stream.isFlowBlocked = true
        ready.remove(stream)
    }

    package func streamUnblocked(_ id: QUICStreamID) {
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
            // Without a head there is nothing else; or the head ended the exchange for this stream.
            guard stream.hasOutgoingHead, stream.exchange != nil else {
                if half.isBroken, stream.exchange != nil { breakOff(stream, half) }
                return
            }
        }
        takeBody(stream, half)
        if half.isDrained {
            if let trailers = half.trailers, trailers.fieldCount > 0 { try write(trailers, to: stream) }
            stream.hasOutgoingEnd = true
        } else if half.isBroken, stream.buffer.unsent.isEmpty {
            breakOff(stream, half)
        }
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

    /// The message that this stream sends broke off: the peer must not take it for complete.
    private func breakOff(_ stream: HTTP3Stream, _ half: Half) {
        let reason = half.failure ?? .internalError
        let exchange = detach(stream)
        resetStream(stream, code(reason))
        switch side {
        case .front: exchange?.frontAborted(reason)
        case .back: exchange?.backAborted(reason)
        }
    }
}
