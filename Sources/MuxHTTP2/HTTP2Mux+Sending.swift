import Bytes
import CNghttp2
import Messages
import Streams

// Frames to the peer. nghttp2 keeps the order: control frames and heads first, then DATA by priority, round robin within
// one urgency. Heads are serialised in the same call that submits them, so that nghttp2 may point into them; body chunks
// go to the output by reference behind their frame header.
extension HTTP2Mux {
    /// Does the work that streams are listed for and lets nghttp2 serialise, until `limit` bytes wait or all is done.
    func send(into buffer: inout OutputQueue, limit: Int) {
        unsafe withUnsafeMutablePointer(to: &buffer) { pointer in
            unsafe output = pointer
            outputLimit = limit
            defer { unsafe output = nil }
            while unsafe pointer.pointee.count < limit, let stream = takeReady() {
                withBusy(stream) {
                    guard stream.exchange != nil else { return }
                    if stream.id != 0 { giveCredit(stream) }
                    switch side {
                    case .front: advanceResponse(stream)
                    case .back: advanceRequest(stream)
                    }
                }
                if isFailed { return }
            }
            serialise(until: limit)
        }
    }

    /// Lets nghttp2 serialise until `limit` bytes wait in the output, and in any case until no head waits.
    private func serialise(until limit: Int) {
        guard let output = unsafe output else { return }
        while unsafe waitingHeads > 0 || output.pointee.count < limit {
            sendingPaused = false
            var data: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(session, &data)
            if count > 0, let data = unsafe data {
                unsafe output.pointee.append(Span(_unsafeStart: data, count: count))
                continue
            }
            if count < 0 { failSending() }
            // nghttp2 has no frame left, so no head either; or it stopped because the output is full.
            if !sendingPaused {
                waitingHeads = 0
                return
            }
        }
    }

    // MARK: Heads

    /// What a head is to its stream.
    enum HeadPlace { case interim, withBody, last, trailers }

    /// True when no body and no trailers follow the head.
    func endsWithHead(_ head: MessageHead, _ half: Half) -> Bool {
        head.bodyLength == .none || (half.isDrained && half.trailers == nil)
    }

    /// Submits a response's head, an interim head or trailers, and serialises it.
    func submitHead(_ head: MessageHead, on stream: HTTP2Stream, as place: HeadPlace) {
        let count = describe(head)
        let id = stream.id
        var result: Int32
        switch place {
        case .interim:
            unsafe result = nghttp2_submit_headers(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, nil, lines, count, nil)
        case .withBody:
            var body = unsafe provider(stream)
            unsafe result = nghttp2_submit_response(session, id, lines, count, &body)
        case .last:
            unsafe result = nghttp2_submit_response(session, id, lines, count, nil)
        case .trailers:
            unsafe result = nghttp2_submit_trailer(session, id, lines, count)
        }
        guard result >= 0 else { return failStream(stream) }
        waitingHeads += 1
        // Trailers are submitted while nghttp2 serialises: it goes on with them by itself.
        if place != .trailers { serialise(until: 0) }
    }

    /// Submits a request and serialises it.
    func submitRequest(_ head: MessageHead, on stream: HTTP2Stream, withBody: Bool) {
        let count = describe(head)
        let pointer = unsafe Unmanaged.passUnretained(stream).toOpaque()
        let id: Int32
        if withBody {
            var body = unsafe provider(stream)
            unsafe id = nghttp2_submit_request(session, nil, lines, count, &body, pointer)
        } else {
            unsafe id = nghttp2_submit_request(session, nil, lines, count, nil, pointer)
        }
        guard id > 0 else { return failStream(stream) }
        stream.id = id
        stream.exchange?.trace.back = UInt64(id.magnitude)
        waitingHeads += 1
        serialise(until: 0)
    }

    /// Describes a head's lines in ``lines``; returns how many there are. nghttp2 does not copy the texts.
    private func describe(_ head: MessageHead) -> Int {
        if lineCapacity < head.lineLimit {
            unsafe lines.deallocate()
            lineCapacity = max(32, head.lineLimit)
            unsafe lines = .allocate(capacity: lineCapacity)
        }
        var count = 0
        head.forEachLine(scheme: settings.isSecure ? "https" : "http") { _, name, value in
            guard count < lineCapacity else { return }
            unsafe (lines + count).initialize(to: Self.line(name, value))
            count += 1
        }
        return count
    }

    private static func line(_ name: Span<UInt8>, _ value: Span<UInt8>) -> nghttp2_nv {
        let flags = NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
        return unsafe nghttp2_nv(
            name: pointer(name), value: pointer(value), namelen: name.count, valuelen: value.count,
            flags: UInt8(truncatingIfNeeded: flags))
    }

    private static func pointer(_ text: Span<UInt8>) -> UnsafeMutablePointer<UInt8> {
        unsafe text.withUnsafeBufferPointer { bytes in
            unsafe UnsafeMutablePointer(mutating: bytes.baseAddress ?? UnsafePointer(nothing))
        }
    }

    /// A place to point at for empty texts.
    private nonisolated(unsafe) static let nothing = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)

    // MARK: Bodies

    private func provider(_ stream: HTTP2Stream) -> nghttp2_data_provider {
        unsafe nghttp2_data_provider(
            source: nghttp2_data_source(ptr: Unmanaged.passUnretained(stream).toOpaque()),
            read_callback: HTTP2Callbacks.readBody)
    }

    /// Tells nghttp2 that the stream has something for it again.
    func resume(_ stream: HTTP2Stream, _ half: Half) {
        guard stream.isDeferred, half.count > 0 || half.isDrained || half.isBroken else { return }
        stream.isDeferred = false
        unsafe nghttp2_session_resume_data(session, stream.id)
    }

    /// nghttp2 asks how many body bytes the next frame has, at most `limit`; they are taken in ``sendBody(_:_:_:)``.
    func readBody(_ stream: HTTP2Stream, _ limit: Int, _ flags: inout UInt32) -> Int {
        guard let half = unsafe stream.outgoing, let exchange = stream.exchange else { return Self.later }
        return withExtendedLifetime(exchange) {
            let count = min(half.count, limit)
            if count == half.count, half.phase == .ended {
                flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
                if let trailers = half.trailers, trailers.fieldCount > 0 {
                    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                    submitHead(trailers, on: stream, as: .trailers)
                }
            } else if count == 0 {
                if half.isBroken {
                    breakOff(stream, half)
                } else {
                    stream.isDeferred = true
                }
                return Self.later
            }
            flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
            return count
        }
    }

    private static var later: Int { Int(NGHTTP2_ERR_DEFERRED.rawValue) }

    /// Sends one DATA frame: the frame header as a copy, `length` body bytes by reference.
    func sendBody(_ stream: HTTP2Stream, header: Span<UInt8>, _ length: Int) -> Int32 {
        guard let half = unsafe stream.outgoing, let output = unsafe output, let exchange = stream.exchange,
            half.count >= length
        else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        return withExtendedLifetime(exchange) {
            unsafe output.pointee.append(header)
            var left = length
            while left > 0, let chunk = half.take(upTo: left) {
                left -= chunk.count
                unsafe output.pointee.append(chunk)
            }
            statistics.bodyBytesSent += UInt64(length)
            if side == .front { exchange.bytesToClient += UInt64(length) + 9 }
            sendingPaused = unsafe output.pointee.count >= outputLimit
            return sendingPaused ? NGHTTP2_ERR_PAUSE.rawValue : 0
        }
    }

    // MARK: What was sent

    func frameSent(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = unsafe frame.pointee.hd
        switch header.type {
        case UInt8(NGHTTP2_HEADERS.rawValue):
            waitingHeads -= 1
            guard let stream = stream(header.stream_id) else { return }
            if side == .front { stream.exchange?.bytesToClient += UInt64(header.length) + 9 }
            if header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 { endSent(stream) }
        case UInt8(NGHTTP2_DATA.rawValue):
            guard header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 else { return }
            if let stream = stream(header.stream_id) { endSent(stream) }
        case UInt8(NGHTTP2_RST_STREAM.rawValue): statistics.resetsSent += 1
        case UInt8(NGHTTP2_GOAWAY.rawValue):
            statistics.goAwaysSent += 1
            statistics.goAwaySent = unsafe HTTP2ErrorCode(received: frame.pointee.goaway.error_code)
        default: break
        }
    }

    /// A frame could not be sent: its stream is gone, or its head is too large for nghttp2.
    func frameNotSent(_ frame: UnsafePointer<nghttp2_frame>, _ error: Int32) {
        let header = unsafe frame.pointee.hd
        guard header.type == UInt8(NGHTTP2_HEADERS.rawValue) else { return }
        waitingHeads -= 1
        if let stream = stream(header.stream_id), stream.exchange != nil { failStream(stream) }
    }

    private func endSent(_ stream: HTTP2Stream) {
        stream.hasOutgoingEnd = true
        unsafe stream.outgoing?.delivered()
        if side == .front { finishResponse(stream) }
    }
}
