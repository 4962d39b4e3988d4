import Bytes
import QUICTransport
import Streams

/// One of our unidirectional streams: control, QPACK encoder or decoder.
@safe struct OutgoingControl: ~Copyable {
    /// -1 until QUIC lets us open it.
    var id: QUICStreamID = -1
    var buffer = SendBuffer()
    var isFlowBlocked = false
    /// Bytes that were put into it, and that the peer has acknowledged.
    var appended: UInt64 { acknowledged + UInt64(buffer.count) }
    var acknowledged: UInt64 = 0

    /// Something waits and can be sent.
    var isReady: Bool { !buffer.unsent.isEmpty && !isFlowBlocked && id >= 0 }
}

/// One of the peer's unidirectional streams that we read.
struct IncomingControl {
    /// -1 until it comes.
    var id: QUICStreamID = -1
    /// Credit that its window has not got back yet.
    var creditDue: UInt64 = 0

    /// Such streams carry little at a time; their window (64 KiB by default) gets credit back in steps of this.
    static var creditStep: UInt64 { 1_024 }
}

/// A unidirectional stream of the peer whose type has not come whole (RFC 9114 section 6.2).
struct UntypedStream {
    var id: QUICStreamID
    var varint = VarintReader()
}

// Unidirectional streams: settings, GOAWAY, priorities, QPACK (RFC 9114 section 6.2, RFC 9204 section 4).
extension HTTP3Mux {
    // MARK: Ours

    /// Puts the stream types and SETTINGS into the streams that are to be opened.
    func writePrefaces() {
        control.buffer.append(varint: StreamType.control, &resources.gather)
        encoderStream.buffer.append(varint: StreamType.qpackEncoder, &resources.gather)
        decoderStream.buffer.append(varint: StreamType.qpackDecoder, &resources.gather)
        var pairs: [(UInt64, Int)] = [
            (SettingID.maxFieldSectionSize, settings.fieldSectionLimit),
            (SettingID.qpackMaxTableCapacity, max(0, settings.qpackTableCapacity)),
            (SettingID.qpackBlockedStreams, max(0, settings.qpackBlockedStreams)),
        ]
        if side == .front, settings.allowsExtendedConnect { pairs.append((SettingID.enableConnectProtocol, 1)) }
        let length = pairs.reduce(0) { $0 + Varint.size($1.0) + Varint.size(UInt64($1.1)) }
        control.buffer.appendFrameHeader(FrameType.settings, length: UInt64(length), &resources.gather)
        for (id, value) in pairs {
            control.buffer.append(varint: id, &resources.gather)
            control.buffer.append(varint: UInt64(value), &resources.gather)
        }
    }

    /// Opens our unidirectional streams, as far as the peer allows now.
    func openControlStreams() {
        do throws(QUICError) {
            if control.id < 0 { control.id = try connection.openUnidirectionalStream() }
            if encoderStream.id < 0 { encoderStream.id = try connection.openUnidirectionalStream() }
            if decoderStream.id < 0 { decoderStream.id = try connection.openUnidirectionalStream() }
        } catch {
            // RFC 9114 section 6.2: the peer should allow three at once; we come again when it does.
            guard error.code != .streamLimit else { return }
            fail(HTTP3ConnectionError(.internalError, "no control stream", cause: error.cause))
        }
        askForFlush()
    }

    public func unidirectionalStreamLimitRaised(to total: UInt64) {
        if isReady, !isClosing, decoderStream.id < 0 { openControlStreams() }
    }

    /// Announces the end on the control stream (RFC 9114 section 7.2.6).
    func writeGoaway(_ id: UInt64) {
        control.buffer.appendFrameHeader(FrameType.goaway, length: UInt64(Varint.size(id)), &resources.gather)
        control.buffer.append(varint: id, &resources.gather)
        goawayEnd = control.appended
    }

    // MARK: The peer's

    func receiveUnidirectional(
        _ id: QUICStreamID, _ bytes: Span<UInt8>, isEnd: Bool
    ) throws(HTTP3ConnectionError) {
        oweCredit(bytes.count)
        var position = 0
        if id != peerControl.id, id != peerEncoder.id, id != peerDecoder.id {
            guard try readType(id, bytes, &position, isEnd: isEnd) else { return }
        }
        // RFC 9114 section 6.2.1, RFC 9204 section 4.2: these streams stay open.
        guard !isEnd else { throw HTTP3ConnectionError(.closedCriticalStream, "critical stream was closed") }
        let rest = bytes.extracting(position..<bytes.count)
        if id == peerControl.id {
            returnCredit(&peerControl, bytes.count)
            try readControl(rest)
        } else if id == peerEncoder.id {
            returnCredit(&peerEncoder, bytes.count)
            try decoder.readEncoderStream(rest)
            decoderInstructions.add(at: resources.worker.clock.now, isUrgent: true)
            try unblockStreams()
        } else {
            returnCredit(&peerDecoder, bytes.count)
            try encoder.readDecoderStream(rest)
        }
    }

    private func returnCredit(_ stream: inout IncomingControl, _ count: Int) {
        stream.creditDue += UInt64(count)
        guard stream.creditDue >= IncomingControl.creditStep else { return }
        connection.extendStreamCredit(stream.id, stream.creditDue)
        stream.creditDue = 0
    }

    /// Reads the type at the start of a stream. False when the stream is not one that we read on.
    private func readType(
        _ id: QUICStreamID, _ bytes: Span<UInt8>, _ position: inout Int, isEnd: Bool
    ) throws(HTTP3ConnectionError) -> Bool {
        var stream = UntypedStream(id: id)
        let place = untyped.firstIndex { $0.id == id }
        if let place { stream = untyped[place] }
        guard let type = stream.varint.read(bytes, &position) else {
            // RFC 9114 section 6.2: a stream that ends before its type is of no use, and no error.
            if isEnd {
                if let place { untyped.remove(at: place) }
            } else if let place {
                untyped[place] = stream
            } else {
                untyped.append(stream)
            }
            return false
        }
        if let place { untyped.remove(at: place) }
        switch type {
        case StreamType.control where peerControl.id < 0: peerControl.id = id
        case StreamType.qpackEncoder where peerEncoder.id < 0: peerEncoder.id = id
        case StreamType.qpackDecoder where peerDecoder.id < 0: peerDecoder.id = id
        case StreamType.control, StreamType.qpackEncoder, StreamType.qpackDecoder:
            throw HTTP3ConnectionError(.streamCreationError, "critical stream was opened twice")
        case StreamType.push:
            // RFC 9114 sections 4.6 and 6.2.2: only servers push, and only when they are allowed to.
            throw side == .front
                ? HTTP3ConnectionError(.streamCreationError, "push stream from a client")
                : HTTP3ConnectionError(.idError, "push stream without MAX_PUSH_ID")
        default:
            // RFC 9114 section 6.2.3: unknown types are not read.
            if !floodGuard.noteControlFrame(at: now) { throw Self.excessive("unknown streams") }
            if !isEnd {
                try? connection.shutdownStreamRead(
                    id, applicationError: HTTP3ErrorCode.streamCreationError.rawValue)
            }
            return false
        }
        return true
    }

    private func readControl(_ bytes: Span<UInt8>) throws(HTTP3ConnectionError) {
        var position = 0
        while let event = try controlReader.next(bytes, &position) {
            switch event {
            case .settings(let settings):
                statistics.settingsReceived += 1
                settingsArrived(settings)
            case .goaway(let id):
                statistics.goAwaysReceived += 1
                goawayArrived(id)
            case .priorityUpdate(let id, let priority):
                if !floodGuard.noteControlFrame(at: now) { throw Self.excessive("PRIORITY_UPDATE frames") }
                try priorityUpdated(id, priority)
            case .unknown:
                if !floodGuard.noteControlFrame(at: now) { throw Self.excessive("unknown frames") }
            }
        }
    }

    private func settingsArrived(_ settings: PeerSettings) {
        peerSettings = settings
        hasPeerSettings = true
        encoder.apply(settings)
        streamsChanged = true
        // Extended CONNECT waited for the server's word.
        if side == .back { markUnsent() }
        askForFlush()
    }

    /// The client gives a stream another priority, perhaps before the stream has come (RFC 9218 section 7).
    private func priorityUpdated(_ id: UInt64, _ priority: StreamPriority) throws(HTTP3ConnectionError) {
        guard let id = QUICStreamID(exactly: id) else { return }
        if let stream = table.stream(id) {
            stream.hasPriorityUpdate = true
            return ready.change(stream, to: priority)
        }
        // A stream that is over already needs none.
        guard id >= nextRequestID else { return }
        // RFC 9218 section 7.2: beyond what the client may open.
        guard id < nextRequestID + QUICStreamID(settings.concurrentStreams) * 4 else {
            throw HTTP3ConnectionError(.idError, "PRIORITY_UPDATE beyond the stream limit")
        }
        if let place = earlyPriorities.firstIndex(where: { $0.id == id }) {
            earlyPriorities[place].priority = priority
        } else {
            earlyPriorities.append((id, priority))
        }
    }

    /// The priority that came for a stream before the stream did.
    func takeEarlyPriority(_ id: QUICStreamID) -> StreamPriority? {
        guard !earlyPriorities.isEmpty, let place = earlyPriorities.firstIndex(where: { $0.id == id }) else {
            return nil
        }
        return earlyPriorities.remove(at: place).priority
    }
}
