public import Bytes
internal import CNgtcp2

extension QUICConnection {
    // MARK: Opening and ending streams

    /// Opens a bidirectional stream. Throws `.streamLimit` when the peer allows no more for now.
    public func openBidirectionalStream() throws(QUICError) -> QUICStreamID {
        let native = try unsafe usable("open bidirectional stream")
        var id: Int64 = -1
        let result = unsafe ngtcp2_conn_open_bidi_stream(native, &id, nil)
        guard result == 0 else { throw QUICError(ngtcp2: result, place: "open bidirectional stream") }
        return id
    }

    /// Opens a unidirectional stream. Throws `.streamLimit` when the peer allows no more for now.
    public func openUnidirectionalStream() throws(QUICError) -> QUICStreamID {
        let native = try unsafe usable("open unidirectional stream")
        var id: Int64 = -1
        let result = unsafe ngtcp2_conn_open_uni_stream(native, &id, nil)
        guard result == 0 else { throw QUICError(ngtcp2: result, place: "open unidirectional stream") }
        return id
    }

    /// How many bidirectional streams may be opened now.
    public var bidirectionalStreamsLeft: UInt64 {
        guard let native = unsafe native else { return 0 }
        return unsafe ngtcp2_conn_get_streams_bidi_left(native)
    }

    /// How many unidirectional streams may be opened now.
    public var unidirectionalStreamsLeft: UInt64 {
        guard let native = unsafe native else { return 0 }
        return unsafe ngtcp2_conn_get_streams_uni_left(native)
    }

    /// Gives up a stream: STOP_SENDING for what the peer sends, RESET_STREAM for what we send (RFC 9000 sections 19.5
    /// and 19.4), as far as the stream has these directions. Nothing happens to a stream that is gone already.
    public func shutdownStream(_ id: QUICStreamID, applicationError code: UInt64) throws(QUICError) {
        let native = try unsafe usable("shut down stream")
        try check(unsafe ngtcp2_conn_shutdown_stream(native, id, code), "shut down stream")
    }

    /// Stops reading: STOP_SENDING. No more data is delivered; the connection's credit for it is returned by itself.
    public func shutdownStreamRead(_ id: QUICStreamID, applicationError code: UInt64) throws(QUICError) {
        let native = try unsafe usable("stop reading stream")
        try check(unsafe ngtcp2_conn_shutdown_stream_read(native, id, code), "stop reading stream")
    }

    /// Stops sending: RESET_STREAM. What is not acknowledged is thrown away.
    public func shutdownStreamWrite(_ id: QUICStreamID, applicationError code: UInt64) throws(QUICError) {
        let native = try unsafe usable("reset stream")
        try check(unsafe ngtcp2_conn_shutdown_stream_write(native, id, code), "reset stream")
    }

    // MARK: Flow control (RFC 9000 section 4)

    /// Lets the peer send `count` more bytes on a stream: bytes that were delivered and have been passed on.
    /// Nothing happens to a stream that is gone.
    public func extendStreamCredit(_ id: QUICStreamID, _ count: UInt64) {
        guard let native = unsafe native, pendingClose == nil else { return }
        isWriteDue = true
        if unsafe ngtcp2_conn_extend_max_stream_offset(native, id, count) != 0 {
            close(transportError: UInt64(NGTCP2_INTERNAL_ERROR))
        }
    }

    /// Lets the peer send `count` more bytes on the connection. Every delivered byte must be credited here some time,
    /// also those of streams that were reset or are closed, or else the connection runs dry.
    public func extendConnectionCredit(_ count: UInt64) {
        guard let native = unsafe native else { return }
        unsafe ngtcp2_conn_extend_max_offset(native, count)
        // MAX_DATA is not sent for a little more. What is left of it is looked at when there is something else to send.
        creditSinceWrite += count
        if creditSinceWrite >= settings.connectionWindow / 8 { isWriteDue = true }
    }

    /// Bytes that the peer lets us send on a stream now, not counting the connection's own limit.
    public func streamCreditLeft(_ id: QUICStreamID) -> UInt64 {
        guard let native = unsafe native else { return 0 }
        return unsafe ngtcp2_conn_get_max_stream_data_left(native, id)
    }

    /// Bytes that the peer lets us send on the connection now.
    public var connectionCreditLeft: UInt64 {
        guard let native = unsafe native else { return 0 }
        return unsafe ngtcp2_conn_get_max_data_left(native)
    }

    /// A stream of the peer's has closed: it may open another one.
    func renewStreamLimit(after id: QUICStreamID) {
        guard renewsStreamLimits, !isLocal(id) else { return }
        if id & 2 == 0 {
            bidirectionalLimit.closed()
        } else {
            unidirectionalLimit.closed()
        }
        extendStreamLimits()
    }

    /// Counts a stream that the peer has opened.
    func countOpened(_ id: QUICStreamID) {
        guard !isLocal(id) else { return }
        if id & 2 == 0 {
            bidirectionalLimit.opened()
        } else {
            unidirectionalLimit.opened()
        }
        extendStreamLimits()
    }

    private func extendStreamLimits() {
        guard renewsStreamLimits, let native = unsafe native else { return }
        let (more, moreUnidirectional) = (bidirectionalLimit.takeDue(), unidirectionalLimit.takeDue())
        if more > 0 || moreUnidirectional > 0 { isWriteDue = true }
        if more > 0 { unsafe ngtcp2_conn_extend_max_streams_bidi(native, more) }
        if moreUnidirectional > 0 { unsafe ngtcp2_conn_extend_max_streams_uni(native, moreUnidirectional) }
    }

    /// Whether we opened that stream (RFC 9000 section 2.1).
    public func isLocal(_ id: QUICStreamID) -> Bool { (id & 1 == 1) == (role == .server) }

    // MARK: DATAGRAM frames (RFC 9221)

    /// Largest DATAGRAM payload that the peer takes; zero if it takes none, or nothing is known yet. The path may
    /// allow less.
    public var maxDatagramPayload: Int {
        guard let native = unsafe native, let peer = unsafe ngtcp2_conn_get_remote_transport_params(native) else {
            return 0
        }
        // One byte of type and up to eight of length.
        return max(0, Int(min(unsafe peer.pointee.max_datagram_frame_size, 65_535)) - 9)
    }

    /// Queues a copy of `bytes` for one DATAGRAM frame. It leaves with one of the next packets, once, without retransmission.
    /// Throws `.datagramRefused` when the queue is full or the peer takes no such frame.
    public func sendDatagram(_ bytes: UnsafeRawBufferPointer) throws(QUICError) {
        _ = try unsafe usable("send datagram")
        guard bytes.count <= maxDatagramPayload, bytes.count <= sendableDatagramPayload,
            queuedDatagrams.count < settings.maxQueuedDatagrams
        else { throw QUICError(.datagramRefused, place: "send datagram") }
        unsafe queuedDatagrams.append(Array(bytes))
    }

    /// What fits one packet of the smallest size, beside the header, the frame's own and the AEAD tag.
    private var sendableDatagramPayload: Int { QUICSettings.minDatagramSize - 64 }

    // MARK: Keys and paths

    /// Changes to new packet protection keys (RFC 9001 section 6). Throws `.invalidState` when the
    /// handshake or the last change is not confirmed yet.
    public func initiateKeyUpdate(now: Instant) throws(QUICError) {
        let native = try unsafe usable("update keys")
        // Asked too early, the library ends the process.
        guard phase == .established, role == .server || isConfirmed else {
            throw QUICError(.invalidState, place: "update keys")
        }
        try check(unsafe ngtcp2_conn_initiate_key_update(native, now.nanoseconds), "update keys")
    }

    /// Moves to another path, for example after the local address has changed (RFC 9000 section 9.2). The path is validated
    /// while it is used. Client only.
    public func migrate(to path: QUICPath, now: Instant) throws(QUICError) {
        let native = try unsafe usable("migrate")
        var storage = PathStorage()
        guard role == .client, storage.set(path) else { throw QUICError(.invalidArgument, place: "migrate") }
        try check(unsafe ngtcp2_conn_initiate_immediate_migration(native, storage.path, now.nanoseconds), "migrate")
    }

    /// The library's connection, unless the connection carries nothing any more.
    private func usable(_ place: StaticString) throws(QUICError) -> OpaquePointer {
        guard let native = unsafe native, pendingClose == nil else { throw QUICError(.invalidState, place: place) }
        isWriteDue = true
        return unsafe native
    }

    private func check(_ result: Int32, _ place: StaticString) throws(QUICError) {
        guard result == 0 else { throw QUICError(ngtcp2: result, place: place) }
    }
}
