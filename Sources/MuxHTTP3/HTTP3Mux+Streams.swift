import Bytes
public import QUICTransport
import Streams

// The table of request streams and the line of those with something to do.
extension HTTP3Mux {
    var now: Instant { resources.worker.clock.now }

    public func streamOpened(_ id: QUICStreamID) {
        guard !isClosing, !isDead, id & 2 == 0 else { return }
        guard side == .front else {
            // RFC 9114 section 6.1: servers open no bidirectional streams.
            return fail(HTTP3ConnectionError(.streamCreationError, "bidirectional stream from a server"))
        }
        nextRequestID = max(nextRequestID, id + 4)
        guard id < goawayID else {
            // RFC 9114 section 5.2: after the last GOAWAY.
            statistics.streamsRefused += 1
            try? connection.shutdownStream(id, applicationError: HTTP3ErrorCode.requestRejected.rawValue)
            return
        }
        let stream = addStream(id)
        stream.countsAsHead = true
        openHeads += 1
        totalStreams += 1
        if let priority = takeEarlyPriority(id) {
            stream.hasPriorityUpdate = true
            ready.change(stream, to: priority)
        }
        if let limit = settings.maxTotalStreams, totalStreams >= limit, drainStage == .none { startDrain() }
    }

    public func streamReset(_ id: QUICStreamID, applicationError: UInt64, finalSize: UInt64) {
        guard !isClosing, !isDead else { return }
        if isCritical(id) {
            return fail(HTTP3ConnectionError(.closedCriticalStream, "critical stream was reset"))
        }
        guard let stream = table.stream(id) else { return untyped.removeAll { $0.id == id } }
        statistics.resetsReceived += 1
        let isUnanswered = stream.exchange != nil || stream.countsAsHead
        let exchange = detach(stream)
        // RFC 9114 section 4.1.1: who gives up on one direction gives up on the other as well.
        resetStream(stream, .requestCancelled)
        switch side {
        case .front:
            exchange?.trace.frontReset = applicationError
            exchange?.frontAborted(.clientAborted)
            if isUnanswered { noteAbandoned() }
        case .back:
            let end = ServerReset(code: applicationError)
            exchange?.trace.backReset = applicationError
            exchange?.backAborted(end.reason, isUnsent: end.isUnsent)
        }
    }

    public func streamClosed(_ id: QUICStreamID, applicationError: UInt64?) {
        guard !isDead else { return }
        if isCritical(id) {
            if !isClosing { fail(HTTP3ConnectionError(.closedCriticalStream, "critical stream was closed")) }
            return
        }
        guard let stream = table.stream(id) else { return untyped.removeAll { $0.id == id } }
        if stream.reading == .blocked, stream.blockedHasEnd { return outlive(stream) }
        finish(stream, applicationError)
    }

    /// QUIC has forgotten a stream that still has a use: what came on it, its end among it, waits for the peer's QPACK
    /// encoder stream (RFC 9204 section 2.1.2), and is read when that comes.
    private func outlive(_ stream: HTTP3Stream) {
        stream.isGone = true
        stopSending(stream)
        stream.buffer.removeAll()
        goneStreams.append(stream)
    }

    /// Removes the streams that outlived QUIC's and have nothing to read any more.
    func removeGoneStreams() {
        guard !goneStreams.isEmpty else { return }
        var index = 0
        while index < goneStreams.count {
            let stream = goneStreams[index]
            if stream.reading == .blocked {
                index += 1
            } else {
                goneStreams.remove(at: index)
                finish(stream, nil)
            }
        }
    }

    private func finish(_ stream: HTTP3Stream, _ applicationError: UInt64?) {
        if let exchange = detach(stream) {
            switch side {
            case .front: requestStreamClosed(stream, exchange)
            case .back: responseStreamClosed(stream, exchange, applicationError)
            }
        }
        removeStream(stream)
        streamsChanged = true
        askForFlush()
    }

    private func isCritical(_ id: QUICStreamID) -> Bool {
        id & 2 != 0
            && (id == peerControl.id || id == peerEncoder.id || id == peerDecoder.id || id == control.id
                || id == encoderStream.id || id == decoderStream.id)
    }

    public func bidirectionalStreamLimitRaised(to total: UInt64) {
        guard side == .back else { return }
        streamsChanged = true
        askForFlush()
    }

    // MARK: The table

    func addStream(_ id: QUICStreamID) -> HTTP3Stream {
        let stream = resources.obtainStream()
        stream.begin(id, self)
        table.insert(stream)
        statistics.streamsOpened += 1
        return stream
    }

    /// QUIC has forgotten the stream: nothing points into its buffer any more.
    func removeStream(_ stream: HTTP3Stream) {
        stopReading(stream, nil)
        returnAllCredit(stream)
        ready.remove(stream)
        unmark(stream)
        stream.isUnsettled = false
        table.remove(stream)
        stream.end()
        resources.giveBack(stream)
    }

    func attach(_ stream: HTTP3Stream, _ exchange: Exchange) {
        let incoming: Half = side == .front ? exchange.request : exchange.response
        let outgoing: Half = side == .front ? exchange.response : exchange.request
        stream.attach(exchange, incoming: incoming, outgoing: outgoing)
        if side == .front { exchange.bytesFromClient += stream.received }
        openExchanges += 1
    }

    /// Takes the stream out of its exchange. What waits in the half is not ours any more.
    func detach(_ stream: HTTP3Stream) -> Exchange? {
        guard let exchange = stream.detach() else { return nil }
        openExchanges -= 1
        returnCredit(stream)
        return exchange
    }

    // MARK: Streams with something to do

    /// Lists a stream for the next flush.
    func mark(_ stream: HTTP3Stream) {
        guard !stream.isMarked, !isDead else { return }
        stream.isMarked = true
        unsafe stream.nextMarked = nil
        if let last = unsafe lastMarked {
            unsafe last.nextMarked = stream
        } else {
            unsafe firstMarked = stream
        }
        unsafe lastMarked = stream
        askForFlush()
    }

    func takeMarked() -> HTTP3Stream? {
        guard let stream = unsafe firstMarked else { return nil }
        unsafe firstMarked = stream.nextMarked
        if unsafe firstMarked == nil { unsafe lastMarked = nil }
        stream.isMarked = false
        return stream
    }

    /// Takes a stream out of the line before it goes.
    private func unmark(_ stream: HTTP3Stream) {
        guard stream.isMarked else { return }
        stream.isMarked = false
        var before: HTTP3Stream?
        var place = unsafe firstMarked
        while let other = place, other !== stream {
            before = other
            place = unsafe other.nextMarked
        }
        if let before {
            unsafe before.nextMarked = stream.nextMarked
        } else {
            unsafe firstMarked = stream.nextMarked
        }
        if unsafe lastMarked === stream { unsafe lastMarked = before }
    }

    func askForFlush() {
        guard !isFlushAsked else { return }
        isFlushAsked = true
        unsafe host.muxNeedsFlush()
    }
}
