import Bytes
import Messages
public import QUICTransport
import Streams

// What the peer sends on request streams: frames, field sections, bodies (RFC 9114 sections 4 and 7).
extension HTTP3Mux {
    public func streamDataReceived(
        _ id: QUICStreamID, offset: UInt64, bytes: UnsafeRawBufferPointer, fin: Bool, isEarlyData: Bool
    ) {
        guard !isClosing, !isDead else { return }
        let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
        do throws(HTTP3ConnectionError) {
            if id & 2 != 0 {
                try receiveUnidirectional(id, span, isEnd: fin)
            } else if let stream = table.stream(id) {
                if isEarlyData { stream.isEarlyData = true }
                try receive(stream, span, isEnd: fin)
            } else {
                oweCredit(span.count)
            }
        } catch {
            fail(error)
        }
    }

    private func receive(
        _ stream: HTTP3Stream, _ bytes: Span<UInt8>, isEnd: Bool
    ) throws(HTTP3ConnectionError) {
        hasReceived = true
        switch side {
        case .front: stream.exchange?.bytesFromClient += UInt64(bytes.count)
        case .back: if stream.received == 0 { stream.exchange?.attempt.responseStarted = true }
        }
        stream.received += UInt64(bytes.count)
        if stream.reading == .blocked {
            keep(bytes, of: stream, isEnd: isEnd)
        } else {
            try parse(stream, bytes, isEnd: isEnd)
        }
        returnCredit(stream)
    }

    /// Reads frames.
    private func parse(
        _ stream: HTTP3Stream, _ bytes: Span<UInt8>, isEnd: Bool
    ) throws(HTTP3ConnectionError) {
        var position = 0
        loop: while true {
            switch stream.reading {
            case .frameHeader:
                guard let header = stream.frames.read(bytes, &position) else { break loop }
                try beginFrame(stream, header)
            case .content:
                let count = Int(min(stream.frameLeft, UInt64(bytes.count - position)))
                guard count > 0 else { break loop }
                stream.frameLeft -= UInt64(count)
                if stream.frameLeft == 0 { stream.reading = .frameHeader }
                deliver(bytes.extracting(position..<position + count), to: stream)
                position += count
            case .fieldSection:
                guard position < bytes.count || stream.frameLeft == 0 else { break loop }
                try readSection(stream, bytes, &position, isEnd: isEnd)
            case .unknown:
                let count = Int(min(stream.frameLeft, UInt64(bytes.count - position)))
                stream.frameLeft -= UInt64(count)
                position += count
                guard stream.frameLeft == 0 else { break loop }
                stream.reading = .frameHeader
            case .blocked:
                return keep(bytes.extracting(position..<bytes.count), of: stream, isEnd: isEnd)
            case .nothing:
                return
            }
        }
        if isEnd { try endOfStream(stream) }
    }

    private func beginFrame(_ stream: HTTP3Stream, _ header: FrameHeader) throws(HTTP3ConnectionError) {
        stream.frameLeft = header.length
        switch header.type {
        case FrameType.data:
            statistics.dataFramesReceived += 1
            // RFC 9114 section 4.1: no DATA before the head or after the trailers.
            guard stream.phase == .content else { throw HTTP3ConnectionError(.frameUnexpected, "DATA out of order") }
            guard header.length > 0 else {
                if !floodGuard.noteEmptyData(at: now) { throw Self.excessive("empty DATA frames") }
                return
            }
            if let left = stream.bodyLeft {
                // RFC 9114 section 4.1.2: DATA that disagrees with content-length.
                guard header.length <= left else { return refuse(stream, .bodyLongerThanLength) }
                stream.bodyLeft = left - header.length
            }
            stream.reading = .content
        case FrameType.headers:
            // RFC 9114 sections 4.1 and 4.4: not after the trailers, not in a tunnel.
            guard stream.phase != .end, !(stream.phase == .content && stream.isIncomingTunnel) else {
                throw HTTP3ConnectionError(.frameUnexpected, "HEADERS out of order")
            }
            // RFC 9204 section 4.5: a section has at least its prefix.
            guard header.length > 0 else {
                throw HTTP3ConnectionError(.qpackDecompressionFailed, "empty field section")
            }
            statistics.headersReceived += 1
            try beginSection(stream)
        case FrameType.pushPromise where side == .back:
            // RFC 9114 section 7.2.5: we have allowed no push.
            throw HTTP3ConnectionError(.idError, "PUSH_PROMISE without MAX_PUSH_ID")
        case FrameType.cancelPush, FrameType.settings, FrameType.goaway, FrameType.maxPushID, FrameType.pushPromise,
            FrameType.priorityUpdateRequest, FrameType.priorityUpdatePush:
            throw HTTP3ConnectionError(.frameUnexpected, "frame is not allowed on a request stream")
        case let type where FrameType.isForbidden(type):
            throw HTTP3ConnectionError(.frameUnexpected, "frame of HTTP/2")
        default:
            // RFC 9114 section 9: unknown frames are ignored.
            if !floodGuard.noteControlFrame(at: now) { throw Self.excessive("unknown frames") }
            stream.reading = .unknown
        }
    }

    static func excessive(_ what: StaticString) -> HTTP3ConnectionError { HTTP3ConnectionError(.excessiveLoad, what) }

    // MARK: Field sections

    private func beginSection(_ stream: HTTP3Stream) throws(HTTP3ConnectionError) {
        try stream.section.begin(stream.id)
        stream.reading = .fieldSection
        stream.sectionSize = 0
        stream.sectionError = nil
        let heads = resources.worker.heads
        if stream.phase == .content {
            stream.assembler = HeadAssembler(trailers: heads.obtain(.trailers), version: .http3)
        } else if side == .front {
            stream.assembler = HeadAssembler(
                request: heads.obtain(.request), version: .http3, allowsProtocol: settings.allowsExtendedConnect)
        } else {
            stream.assembler = HeadAssembler(
                response: heads.obtain(.response), version: .http3, to: stream.requestMethod,
                opensTunnel: stream.opensTunnel)
        }
    }

    /// Decodes what is here of a field section.
    private func readSection(
        _ stream: HTTP3Stream, _ bytes: Span<UInt8>, _ position: inout Int, isEnd: Bool
    ) throws(HTTP3ConnectionError) {
        let count = Int(min(stream.frameLeft, UInt64(bytes.count - position)))
        let isLast = UInt64(count) == stream.frameLeft
        let part = bytes.extracting(0..<position + count)
        let start = position
        while true {
            let step = try decoder.next(stream.section, part, &position, isLast: isLast)
            switch step {
            case .field:
                // The decoder is in use until the field is taken in: only then may the stream be given up.
                var refusal: MessageError?
                decoder.withField { name, value in refusal = addField(stream, name, value) }
                if let refusal { return refuse(stream, refusal) }
            case .more:
                stream.frameLeft -= UInt64(position - start)
                return
            case .blocked:
                stream.frameLeft -= UInt64(position - start)
                return try block(stream)
            case .end:
                stream.frameLeft = 0
                stream.reading = .frameHeader
                decoderInstructions.add(at: resources.worker.clock.now, isUrgent: false)
                endSection(stream, isEnd: isEnd && position == bytes.count)
                return
            }
        }
    }

    /// Takes in one field line; returns why the message is to be refused, if it is.
    private func addField(_ stream: HTTP3Stream, _ name: Span<UInt8>, _ value: Span<UInt8>) -> MessageError? {
        stream.sectionSize += name.count + value.count + 32
        if let error = stream.sectionError {
            return stream.sectionSize > settings.fieldSectionLimit * settings.limits.headOverrun ? error : nil
        }
        do throws(MessageError) {
            guard stream.sectionSize <= settings.fieldSectionLimit else { throw .headTooLarge }
            try stream.assembler?.add(name: name, value: value)
        } catch {
            // A request that is only too large gets an answer, so the rest of it is heard.
            if error.status == 400 || side == .back || stream.phase != .head { return error }
            stream.sectionError = error
        }
        return nil
    }

    private func endSection(_ stream: HTTP3Stream, isEnd: Bool) {
        if let error = stream.sectionError {
            dropSection(stream)
            noteMalformed()
            return rejectRequest(stream, status: error.status)
        }
        let head: MessageHead?
        do throws(MessageError) {
            head = try stream.assembler?.finish(endOfStream: isEnd)
        } catch {
            return refuse(stream, error)
        }
        stream.assembler = nil
        guard let head else { return }
        switch head.kind {
        case .request: requestArrived(stream, head)
        case .response: responseArrived(stream, head)
        case .trailers:
            stream.phase = .end
            stream.trailers = head
        }
    }

    /// Forgets the field section that is under way.
    func dropSection(_ stream: HTTP3Stream) {
        if let head = stream.assembler?.head { resources.worker.heads.giveBack(head) }
        stream.assembler = nil
        stream.sectionError = nil
    }

    /// What a final head says about the bytes that follow.
    func beginContent(_ stream: HTTP3Stream, _ length: BodyLength) {
        stream.phase = .content
        stream.isIncomingTunnel = length == .tunnel
        switch length {
        case .none: stream.bodyLeft = 0
        case .known(let bytes): stream.bodyLeft = bytes
        case .unknown, .tunnel: stream.bodyLeft = nil
        }
    }

    // MARK: Sections that wait for the QPACK encoder stream

    private func block(_ stream: HTTP3Stream) throws(HTTP3ConnectionError) {
        // RFC 9204 section 2.1.2: the peer has promised to block no more streams than that.
        guard blockedStreams.count < settings.qpackBlockedStreams else {
            throw HTTP3ConnectionError(.qpackDecompressionFailed, "too many blocked streams")
        }
        statistics.blockedSections += 1
        stream.reading = .blocked
        blockedStreams.append(stream)
    }

    /// Keeps bytes of a blocked stream. Their credit is not returned, so the stream's window bounds them.
    private func keep(_ bytes: Span<UInt8>, of stream: HTTP3Stream, isEnd: Bool) {
        stream.blockedHasEnd = isEnd
        var offset = 0
        while offset < bytes.count {
            let chunk = resources.gather.copy(bytes.extracting(offset..<bytes.count))
            offset += chunk.count
            stream.blocked.append(chunk)
        }
    }

    /// The peer's encoder stream went on: streams that waited for it go on too.
    func unblockStreams() throws(HTTP3ConnectionError) {
        let insertCount = decoder.insertCount
        statistics.tableInserts = insertCount
        guard !blockedStreams.isEmpty else { return }
        var index = 0
        while index < blockedStreams.count {
            let stream = blockedStreams[index]
            guard stream.section.requiredInsertCount <= insertCount else {
                index += 1
                continue
            }
            blockedStreams.remove(at: index)
            try unblock(stream)
            if stream.isGone { askForFlush() }
            // What the stream brought on may have taken others out of the list.
            index = min(index, blockedStreams.count)
        }
    }

    private func unblock(_ stream: HTTP3Stream) throws(HTTP3ConnectionError) {
        stream.reading = .fieldSection
        let hasEnd = stream.blockedHasEnd
        stream.blockedHasEnd = false
        var waiting = ChunkQueue()
        swap(&waiting, &stream.blocked)
        if waiting.isEmpty { try parse(stream, Span(), isEnd: hasEnd) }
        while stream.reading != .nothing, let chunk = waiting.takeFirst() {
            try resume(stream, chunk, isEnd: hasEnd && waiting.isEmpty)
        }
        returnCredit(stream)
    }

    /// Reads bytes that were kept, or keeps them again behind those that another field section waits with.
    private func resume(
        _ stream: HTTP3Stream, _ chunk: consuming Chunk, isEnd: Bool
    ) throws(HTTP3ConnectionError) {
        if stream.reading == .blocked {
            stream.blocked.append(chunk)
            stream.blockedHasEnd = isEnd
        } else {
            try parse(stream, chunk.bytes, isEnd: isEnd)
        }
    }

    func forgetBlocked(_ stream: HTTP3Stream) {
        guard stream.reading == .blocked else { return }
        blockedStreams.removeAll { $0 === stream }
        stream.blocked.removeAll()
    }

    // MARK: Bodies and the end

    /// Hands body bytes to the exchange. They stand in a packet's buffer, so they are copied.
    private func deliver(_ bytes: Span<UInt8>, to stream: HTTP3Stream) {
        statistics.bodyBytesReceived += UInt64(bytes.count)
        guard let half = unsafe stream.incoming, let exchange = stream.exchange, half.phase == .body else { return }
        withExtendedLifetime(exchange) {
            var offset = 0
            while offset < bytes.count {
                let chunk = resources.gather.copy(bytes.extracting(offset..<bytes.count))
                offset += chunk.count
                half.put(chunk)
            }
        }
    }

    /// The peer has ended its direction.
    private func endOfStream(_ stream: HTTP3Stream) throws(HTTP3ConnectionError) {
        // RFC 9114 section 7.1: a stream that ends within a frame.
        guard stream.reading == .frameHeader, !stream.frames.isPartial else {
            throw HTTP3ConnectionError(.frameError, "stream ends within a frame")
        }
        if stream.phase == .head {
            guard side == .front else { return refuse(stream, .missingStatus) }
            // RFC 9114 section 4.1: the request was not whole.
            noteMalformed()
            return resetStream(stream, .requestIncomplete)
        }
        if let left = stream.bodyLeft, left > 0 { return refuse(stream, .bodyShorterThanLength) }
        stream.reading = .nothing
        stream.hasIncomingEnd = true
        let trailers = stream.trailers
        stream.trailers = nil
        if let half = unsafe stream.incoming, let exchange = stream.exchange, half.phase == .body {
            withExtendedLifetime(exchange) { half.end(trailers: trailers) }
        } else if let trailers {
            resources.worker.heads.giveBack(trailers)
        }
        switch side {
        case .front: if stream.isEndSent { finishResponse(stream) }
        case .back: finishRequest(stream)
        }
    }
}
