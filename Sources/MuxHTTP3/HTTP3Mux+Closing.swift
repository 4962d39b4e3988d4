import Bytes
import Messages
public import QUICTransport
import Streams

// Ends of streams and of the connection.
extension HTTP3Mux {
    /// How far a graceful end has come (RFC 9114 section 5.2).
    enum DrainStage: Comparable {
        case none
        /// To be announced as soon as the control stream is open.
        case wanted
        /// Front: the client has been told that the end is near; requests on their way are still served.
        case announced
        /// No request is taken any more; when the open ones are over the connection is closed.
        case last
    }

    // MARK: Streams

    /// The exchange has ended for this stream from the other side.
    func reset(_ stream: HTTP3Stream, _ reason: CloseReason) {
        guard detach(stream) != nil, !isDead, !isClosing else { return }
        resetStream(stream, code(reason))
    }

    func code(_ reason: CloseReason) -> HTTP3ErrorCode { side == .front ? reason.codeForClient : reason.codeForServer }

    /// Gives up both directions of a stream.
    func resetStream(_ stream: HTTP3Stream, _ code: HTTP3ErrorCode) {
        let isOver = stream.hasIncomingEnd && stream.isEndSent
        stopReading(stream, nil)
        stopSending(stream)
        // A stream that QUIC has forgotten goes with the next flush.
        if stream.isGone { return askForFlush() }
        guard !isOver else { return }
        statistics.resetsSent += 1
        askForFlush()
        // An error means that the stream or the connection is gone already.
        try? connection.shutdownStream(stream.id, applicationError: code.rawValue)
    }

    /// Sends no more: what is in packets stays until QUIC has forgotten the stream.
    func stopSending(_ stream: HTTP3Stream) {
        stream.isWriteShut = true
        stream.buffer.removeUnsent()
        ready.remove(stream)
    }

    /// Reads no more: drops what waits, tells QPACK, and asks the peer to stop when `code` says why.
    func stopReading(_ stream: HTTP3Stream, _ code: HTTP3ErrorCode?) {
        leaveHead(stream)
        guard stream.reading != .nothing else { return }
        forgetBlocked(stream)
        dropSection(stream)
        if let trailers = stream.trailers { resources.worker.heads.giveBack(trailers) }
        stream.trailers = nil
        stream.reading = .nothing
        returnCredit(stream)
        if settings.qpackTableCapacity > 0, !isDead {
            // RFC 9204 section 2.2.2.2: sections that may still come are not read.
            decoderInstructions.add(at: resources.worker.clock.now, isUrgent: true)
            do throws(HTTP3ConnectionError) { try decoder.cancel(stream.id) } catch { fail(error) }
        }
        guard let code, !stream.isGone else { return }
        askForFlush()
        try? connection.shutdownStreamRead(stream.id, applicationError: code.rawValue)
    }

    /// The peer's message breaks the rules (RFC 9114 section 4.1.2).
    func refuse(_ stream: HTTP3Stream, _ error: MessageError) {
        noteMalformed()
        let exchange = detach(stream)
        resetStream(stream, error.status == 400 ? .messageError : .excessiveLoad)
        switch side {
        case .front:
            exchange?.frontAborted(.clientProtocolError)
            noteAbandoned()
        case .back: exchange?.backAborted(.serverProtocolError)
        }
    }

    func noteMalformed() {
        statistics.malformedMessages += 1
        if !floodGuard.noteGlitch() { fail(Self.excessive("glitches")) }
    }

    // MARK: The connection

    public func readyToSend(alpn: [UInt8]) {
        guard !isDead, !isClosing else { return }
        isReady = true
        streamsChanged = true
        openControlStreams()
        if drainStage == .wanted { startDrain() }
    }

    public func handshakeCompleted() { isConfirmed = true }

    public func datagramReceived(_ bytes: UnsafeRawBufferPointer, isEarlyData: Bool) {}

    /// The server took none of our early data: our control and QPACK streams are gone with the requests. The requests go
    /// to another connection.
    public func earlyDataRejected() {
        guard side == .back, !isDead, !isClosing else { return }
        isClosing = true
        for stream in table.all() { detach(stream)?.backAborted(.serverAborted, isUnsent: true) }
        connection.close(applicationError: HTTP3ErrorCode.noError.rawValue)
        streamsChanged = true
        askForFlush()
    }

    /// The peer broke the protocol, or we can not go on: closes the connection with the error's code.
    func fail(_ error: HTTP3ConnectionError) {
        guard !isDead, !isClosing else { return }
        isClosing = true
        statistics.glitches = floodGuard.glitches
        statistics.connectionError = error.code
        connection.close(applicationError: error.code.rawValue, text: error.message.description)
        if error.code == .internalError {
            abortExchanges(.internalError)
        } else {
            abortExchanges(side == .front ? .clientProtocolError : .serverProtocolError)
        }
        streamsChanged = true
        askForFlush()
    }

    public func connectionClosed(_ close: QUICClose) {
        guard !isDead else { return }
        isDead = true
        abortExchanges(CloseReason(close, onFront: side == .front))
        for stream in table.all() { removeStream(stream) }
        control.buffer.removeAll()
        encoderStream.buffer.removeAll()
        decoderStream.buffer.removeAll()
        blockedStreams = []
        goneStreams = []
        earlyPriorities = []
        unsafe host.muxStreamsChanged()
    }

    func abortExchanges(_ reason: CloseReason) {
        guard openExchanges > 0 else { return }
        for stream in table.all() {
            guard let exchange = detach(stream) else { continue }
            switch side {
            case .front: exchange.frontAborted(reason)
            case .back where !isConfirmed:
                // Only safe requests go before the handshake is complete: they may be sent again, elsewhere.
                exchange.backAborted(.connectFailed, isUnsent: true)
            case .back: exchange.backAborted(reason, isUnsent: stream.sent == 0)
            }
        }
    }

    // MARK: The graceful end

    func startDrain() {
        streamsChanged = true
        guard isReady, control.id >= 0 else {
            drainStage = .wanted
            return
        }
        switch side {
        case .front:
            drainStage = .announced
            connection.renewsStreamLimits = false
            // RFC 9114 section 5.2: the largest ID first, so that requests on their way are not lost.
            writeGoaway(Self.shutdownNotice)
        case .back:
            drainStage = .last
        }
        askForFlush()
    }

    /// The largest ID of a request stream.
    private static var shutdownNotice: UInt64 { (1 << 62) - 4 }

    /// The client has the last GOAWAY: when it is the notice, everything sent before it was heard has come as well.
    func goawayAcknowledged() {
        guard side == .front, drainStage >= .announced, control.acknowledged >= goawayEnd else { return }
        askForFlush()
        guard drainStage == .announced else { return }
        drainStage = .last
        goawayID = nextRequestID
        writeGoaway(UInt64(nextRequestID))
    }

    /// Closes the connection when nothing is left on it.
    func continueDrain() {
        guard drainStage == .last, table.isEmpty, side == .back || control.acknowledged >= goawayEnd else { return }
        isClosing = true
        connection.close(applicationError: HTTP3ErrorCode.noError.rawValue)
    }

    /// A server does not take requests from `id` on (RFC 9114 section 5.2). A client's word is about pushes only.
    func goawayArrived(_ id: UInt64) {
        guard side == .back, let id = QUICStreamID(exactly: id) else { return }
        goawayID = id
        streamsChanged = true
        for stream in table.all() where stream.id >= id {
            guard let exchange = detach(stream) else { continue }
            resetStream(stream, .requestCancelled)
            exchange.backAborted(.serverAborted, isUnsent: true)
        }
        askForFlush()
    }
}

extension CloseReason {
    /// Why the exchanges of a connection end when the connection does.
    init(_ close: QUICClose, onFront isFront: Bool) {
        self =
            switch (close.reason, close.initiator) {
            case (.idleTimeout, _), (.handshakeTimeout, _): isFront ? .clientTimeout : .serverTimeout
            case (.application, .local), (.dropped, _): .killed
            case (.transport, .local), (.tlsAlert, .local): isFront ? .clientProtocolError : .serverProtocolError
            default: isFront ? .clientAborted : .serverAborted
            }
    }
}
