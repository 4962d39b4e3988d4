import Bytes
import CNghttp2
import Messages
import Streams

// The peer's frames, as nghttp2 tells of them. nghttp2 checks framing, states and the field rules of RFC 9113; the
// HeadAssembler checks what all versions share.
extension HTTP2Mux {
    /// Gives the whole input to nghttp2, which consumes all of it.
    func feed(_ buffer: inout InputBuffer) {
        let count = buffer.count
        let taken = unsafe withUnsafeMutablePointer(to: &buffer) { pointer in
            unsafe input = pointer
            defer { unsafe input = nil }
            return unsafe pointer.pointee.bytes.withUnsafeBytes { bytes in
                unsafe nghttp2_session_mem_recv(
                    session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
            }
        }
        buffer.consume(count)
        if connectionCredit > 0 {
            unsafe nghttp2_session_consume_connection(session, connectionCredit)
            connectionCredit = 0
        }
        if taken < 0 { failReceiving(Int32(truncatingIfNeeded: taken)) }
        unsafe host.muxNeedsFlush()
    }

    // MARK: Field sections

    /// The first part of a field section came. A stream of the front is new when it has no object yet.
    func beginFields(_ id: Int32, _ category: nghttp2_headers_category) -> Int32 {
        let heads = resources.heads
        dropSection()
        assembledBytes = 0
        if side == .front, category == NGHTTP2_HCAT_REQUEST {
            startRequest(id)
            assembler = HeadAssembler(
                request: heads.obtain(.request), version: .http2, allowsProtocol: true,
                allowsFragment: settings.acceptsViolations)
            return 0
        }
        guard let stream = stream(id), !stream.isResetByUs else { return Self.ignoreSection }
        if stream.hasIncomingHead || side == .front {
            assembler = HeadAssembler(trailers: heads.obtain(.trailers), version: .http2)
        } else {
            guard let request = stream.exchange?.request.head else { return Self.ignoreSection }
            assembler = HeadAssembler(
                response: heads.obtain(.response), version: .http2, to: request.method,
                opensTunnel: request.method == .connect || request.becomesExtendedConnect)
        }
        return 0
    }

    /// Makes nghttp2 reset the stream and ignore the rest of its field section. When RST_STREAM is submitted already,
    /// it sends no other.
    private static var ignoreSection: Int32 { NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue }

    /// One field line.
    func addField(_ id: Int32, _ name: Span<UInt8>, _ value: Span<UInt8>) -> Int32 {
        // RFC 9113 section 6.5.2 counts 32 bytes for each line on top of its texts.
        assembledBytes += name.count + value.count + 32
        if let error = assemblyError {
            guard !error.isAnsweredInHTTP2 || assembledBytes > settings.maxHeaderListSize * settings.limits.headOverrun
            else { return 0 }
            return refuseSection(id, error)
        }
        do throws(MessageError) {
            try assembler?.add(name: name, value: value)
        } catch {
            assemblyError = error
            // What gets an answer is heard to its end.
            if !error.isAnsweredInHTTP2 || side == .back { return refuseSection(id, error) }
        }
        return 0
    }

    /// A field that nghttp2 found invalid and would leave out: it resets the stream then.
    func refuseField(_ id: Int32) -> Int32 {
        stream(id)?.isMalformed = true
        return Self.ignoreSection
    }

    /// Resets the stream of a field section that breaks the rules.
    private func refuseSection(_ id: Int32, _ error: MessageError) -> Int32 {
        dropSection()
        refuse(id, error.status == 400 ? .protocolError : .enhanceYourCalm)
        return Self.ignoreSection
    }

    /// Resets the stream of a malformed message (RFC 9113 section 8.1.1).
    func refuse(_ id: Int32, _ code: HTTP2ErrorCode) {
        stream(id)?.isMalformed = true
        noteMalformed()
        unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, code.rawValue)
    }

    /// Forgets the field section that is under way.
    func dropSection() {
        if let head = assembler?.head { resources.heads.giveBack(head) }
        assembler = nil
        assemblyError = nil
    }

    /// A field section is complete.
    private func endFields(_ header: nghttp2_frame_hd) {
        guard let stream = stream(header.stream_id) else { return dropSection() }
        let isEnd = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        stream.exchange?.bytesFromClient += side == .front ? UInt64(header.length) + 9 : 0
        if let error = assemblyError {
            dropSection()
            return rejectRequest(stream, status: error.status)
        }
        let head: MessageHead?
        do throws(MessageError) {
            head = try assembler?.finish(endOfStream: isEnd)
        } catch {
            if side == .front, error.isAnsweredInHTTP2, !stream.hasIncomingHead {
                dropSection()
                return rejectRequest(stream, status: error.status)
            }
            _ = refuseSection(stream.id, error)
            return
        }
        guard let head else { return }
        assembler = nil
        switch head.kind {
        case .request: requestArrived(stream, head, isEnd: isEnd, bytes: header.length + 9)
        case .response: responseArrived(stream, head, isEnd: isEnd)
        case .trailers:
            // RFC 9113 section 8.1: nothing follows them.
            guard isEnd else {
                resources.heads.giveBack(head)
                return refuse(stream.id, .protocolError)
            }
            endIncoming(stream, trailers: head)
        }
    }

    // MARK: Frames

    /// The header of any frame came.
    func beginFrame(_ header: nghttp2_frame_hd) {
        switch header.type {
        case UInt8(NGHTTP2_DATA.rawValue), UInt8(NGHTTP2_HEADERS.rawValue), UInt8(NGHTTP2_RST_STREAM.rawValue),
            UInt8(NGHTTP2_WINDOW_UPDATE.rawValue), UInt8(NGHTTP2_CONTINUATION.rawValue):
            break
        default:
            if !floodGuard.noteControlFrame(at: resources.clock.now) { calmDown() }
        }
    }

    /// A frame is complete and valid.
    func frameArrived(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = unsafe frame.pointee.hd
        switch header.type {
        case UInt8(NGHTTP2_DATA.rawValue):
            statistics.dataFramesReceived += 1
            unsafe dataArrived(header, padding: frame.pointee.data.padlen)
        case UInt8(NGHTTP2_HEADERS.rawValue):
            statistics.headersReceived += 1
            endFields(header)
        case UInt8(NGHTTP2_RST_STREAM.rawValue):
            statistics.resetsReceived += 1
            if let stream = stream(header.stream_id) {
                stream.isResetByPeer = true
                stream.exchange.map { unsafe trace(frame.pointee.rst_stream.error_code, of: $0) }
            } else if !floodGuard.noteControlFrame(at: resources.clock.now) {
                calmDown()
            }
        case UInt8(NGHTTP2_SETTINGS.rawValue):
            statistics.settingsReceived += 1
            if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0 {
                if side == .front, !hasPeerSettings {
                    hasPeerSettings = true
                    openConnectionWindow()
                    if settings.isReversed { unsafe host.muxStreamsChanged() }
                }
                settingsArrived()
            }
        case UInt8(NGHTTP2_PING.rawValue):
            if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 {
                hasUnansweredPing = false
                finishDrain()
            }
        case UInt8(NGHTTP2_GOAWAY.rawValue):
            statistics.goAwaysReceived += 1
            statistics.goAwayReceived = unsafe HTTP2ErrorCode(received: frame.pointee.goaway.error_code)
            hasPeerGoAway = true
            streamsChanged = true
            endReason = side == .front ? .clientAborted : .serverAborted
            wakeUnsent()
        default: break
        }
    }

    /// Keeps the code of the peer's RST_STREAM, for logs.
    private func trace(_ code: UInt32, of exchange: Exchange) {
        switch side {
        case .front: exchange.trace.frontReset = UInt64(code)
        case .back: exchange.trace.backReset = UInt64(code)
        }
    }

    /// A frame broke the rules of its stream or of the connection.
    func invalidFrame(_ type: UInt8) {
        if type == UInt8(NGHTTP2_HEADERS.rawValue) { dropSection() }
        noteMalformed()
    }

    func noteMalformed() {
        statistics.malformedMessages += 1
        if !floodGuard.noteGlitch() { calmDown() }
    }

    private func dataArrived(_ header: nghttp2_frame_hd, padding: Int) {
        let isEnd = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        if header.length <= padding, !isEnd, !floodGuard.noteEmptyData(at: resources.clock.now) { return calmDown() }
        guard let stream = stream(header.stream_id) else { return }
        if side == .front { stream.exchange?.bytesFromClient += UInt64(header.length) + 9 }
        if isEnd { endIncoming(stream, trailers: nil) }
    }

    /// Body bytes came: they stay in the slab they were read into.
    func bodyArrived(_ id: Int32, _ data: UnsafePointer<UInt8>, _ count: Int) {
        // The connection's window is open to all streams at any time; only their own windows hold them back.
        connectionCredit += count
        statistics.bodyBytesReceived += UInt64(count)
        guard let stream = stream(id), let input = unsafe input else { return }
        guard let half = unsafe stream.incoming, let exchange = stream.exchange else { return dropBody(stream, count) }
        if side == .front {
            guard !stream.isMalformed else { return }
            do throws(MessageError) { try stream.bodyLength.receive(count) } catch { return refuse(id, .protocolError) }
        }
        let offset = unsafe input.pointee.bytes.withUnsafeBufferPointer { bytes in
            unsafe bytes.baseAddress.map { unsafe data - $0 } ?? 0
        }
        withExtendedLifetime(exchange) {
            unsafe half.put(input.pointee.share(from: offset, count))
            watchWindow(stream, half)
        }
    }

    /// The peer has ended its direction.
    func endIncoming(_ stream: HTTP2Stream, trailers: MessageHead?) {
        if side == .front, stream.exchange != nil {
            do throws(MessageError) { try stream.bodyLength.end() } catch {
                if let trailers { resources.heads.giveBack(trailers) }
                if !stream.isMalformed { refuse(stream.id, .protocolError) }
                return
            }
            guard !stream.isMalformed else { return }
        }
        stream.hasIncomingEnd = true
        guard let half = unsafe stream.incoming, let exchange = stream.exchange else {
            if let trailers { resources.heads.giveBack(trailers) }
            return
        }
        withExtendedLifetime(exchange) {
            if half.phase == .body {
                half.end(trailers: trailers)
            } else if let trailers {
                resources.heads.giveBack(trailers)
            }
        }
    }
}
