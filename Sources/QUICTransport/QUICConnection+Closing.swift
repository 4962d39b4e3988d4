public import Bytes
internal import CNgtcp2
internal import TLSTransport

extension QUICConnection {
    /// What is left to do after the end.
    struct Ending {
        /// When the closing or draining period is over.
        var deadline = Instant.distantFuture
        /// The packet with CONNECTION_CLOSE, to answer what still comes.
        var packet: [UInt8] = []
        var path = QUICPath.none
        /// The connection IDs that still lead here.
        var connectionIDs: [ConnectionID] = []
        private var received: UInt64 = 0
        /// Whether an answer is due.
        var answers = false

        /// Answers the 1st, 2nd, 4th, 8th … datagram (RFC 9000 section 10.2.1).
        mutating func datagramReceived() {
            received &+= 1
            if received & (received &- 1) == 0 { answers = true }
        }
    }

    /// Closes with an application error (CONNECTION_CLOSE of type 0x1d, RFC 9000 section 19.19). Streams end at once. The
    /// packet leaves with the next `writeDatagrams`, which also tells the application. Before the handshake is
    /// complete the peer sees APPLICATION_ERROR instead of the code.
    public func close(applicationError code: UInt64, text: String = "") {
        requestClose(QUICClose(reason: .application, initiator: .local, code: code, text: text))
    }

    /// Closes with a transport error (CONNECTION_CLOSE of type 0x1c, RFC 9000 section 20.1).
    public func close(transportError code: UInt64, text: String = "") {
        requestClose(QUICClose(reason: .transport, initiator: .local, code: code, text: text))
    }

    /// Ends the connection in silence: no packet, no closing period. The application is told at once.
    /// Not to be called from inside an application's method.
    public func abandon() {
        guard phase != .closed else { return }
        end(QUICClose(reason: .dropped, initiator: .local), next: .closed)
        finish()
    }

    /// Ends the connection in silence, and keeps silent to what the peer still sends until `time`: it finds nobody, not
    /// even a stateless reset. Not to be called from inside an application's method.
    public func fallSilent(until time: Instant) {
        guard phase == .handshaking || phase == .established else { return }
        ending.deadline = time
        deadline = time
        end(QUICClose(reason: .dropped, initiator: .local), next: .draining)
    }

    /// The first reason counts.
    func requestClose(_ close: QUICClose) {
        guard unsafe native != nil, pendingClose == nil else { return }
        pendingClose = close
    }

    /// Deals with an error that reading or expiry gave.
    func fail(with result: Int32, now: Instant) {
        switch result {
        case NGTCP2_ERR_DRAINING:
            let close =
                sawStatelessReset
                ? QUICClose(reason: .statelessReset, initiator: .peer) : receivedClose()
            drain(close, now: now)
        case NGTCP2_ERR_CLOSING:
            return
        case NGTCP2_ERR_IDLE_CLOSE:
            vanish(.idleTimeout)
        case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
            vanish(.handshakeTimeout)
        case NGTCP2_ERR_DROP_CONN:
            vanish(.dropped)
        case NGTCP2_ERR_RETRY:
            vanish(.retryRequired)
        case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
            vanish(.versionNegotiation)
        default:
            requestClose(localClose(for: result))
        }
    }

    /// Ends without a packet.
    private func vanish(_ reason: QUICClose.Reason) {
        end(QUICClose(reason: reason, initiator: .local), next: .closed)
        finish()
    }

    /// RFC 9368 section 10.2; the library has the draft's.
    private static let versionNegotiationError: UInt64 = 0x11

    /// Translates a library error into what CONNECTION_CLOSE says.
    func localClose(for result: Int32) -> QUICClose {
        let alert = unsafe ngtcp2_conn_get_tls_alert(native)
        if alert != 0, result == NGTCP2_ERR_CRYPTO || result == NGTCP2_ERR_CALLBACK_FAILURE {
            // GnuTLS has one alert for all that is wrong with certificates.
            let exact = tls?.refusal?.alert?.rawValue ?? alert
            return QUICClose(
                reason: .tlsAlert, initiator: .local, code: UInt64(NGTCP2_CRYPTO_ERROR) | UInt64(exact),
                text: tls?.verificationFailure ?? tls?.refusal?.reason ?? "")
        }
        let code =
            result == NGTCP2_ERR_VERSION_NEGOTIATION_FAILURE
            ? Self.versionNegotiationError : ngtcp2_err_infer_quic_transport_error_code(result)
        let text = unsafe ngtcp2_strerror(result).map { unsafe String(cString: $0) } ?? ""
        return QUICClose(reason: .transport, initiator: .local, code: code, text: text)
    }

    /// What the peer's CONNECTION_CLOSE said.
    private func receivedClose() -> QUICClose {
        var error = unsafe ngtcp2_connection_close_error()
        unsafe ngtcp2_conn_get_connection_close_error(native, &error)
        let text = unsafe String(
            decoding: UnsafeBufferPointer(start: error.reason, count: min(error.reasonlen, 1024)), as: UTF8.self)
        let reason: QUICClose.Reason =
            if unsafe error.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION {
                .application
            } else if unsafe error.error_code & ~0xff == UInt64(NGTCP2_CRYPTO_ERROR) {
                .tlsAlert
            } else {
                .transport
            }
        return unsafe QUICClose(reason: reason, initiator: .peer, code: error.error_code, text: text)
    }

    /// Three times the probe timeout: how long the closing and draining periods last (RFC 9000 section 10.2).
    private func periodEnd(now: Instant) -> Instant {
        let pto = unsafe ngtcp2_conn_get_pto(native)
        return now.advanced(nanoseconds: pto.multipliedReportingOverflow(by: 3).partialValue)
    }

    private func drain(_ close: QUICClose, now: Instant) {
        ending.deadline = periodEnd(now: now)
        deadline = ending.deadline
        end(close, next: .draining)
    }

    /// Writes CONNECTION_CLOSE into the batch and enters the closing period. False when the batch has no room.
    func writeClose(_ close: QUICClose, into batch: inout DatagramBatch, now: Instant) -> Bool {
        guard batch.hasRoom(for: settings.sentDatagramLimit) else { return false }
        ending.deadline = periodEnd(now: now)
        var info = ngtcp2_pkt_info()
        var count = 0
        var text = Array(close.text.utf8.prefix(256))
        unsafe text.withUnsafeMutableBufferPointer { reason in
            var error = unsafe ngtcp2_connection_close_error()
            if close.reason == .application {
                unsafe ngtcp2_connection_close_error_set_application_error(
                    &error, close.code, reason.baseAddress, reason.count)
            } else {
                unsafe ngtcp2_connection_close_error_set_transport_error(
                    &error, close.code, reason.baseAddress, reason.count)
            }
            let tail = unsafe batch.tail
            unsafe count = ngtcp2_conn_write_connection_close_versioned(
                native, batch.currentPath, NGTCP2_PKT_INFO_VERSION, &info,
                tail.baseAddress?.assumingMemoryBound(to: UInt8.self), min(tail.count, settings.sentDatagramLimit),
                &error,
                now.nanoseconds)
        }
        guard count > 0 else {
            // Nothing can be said, for example before the peer's first packet: go without a word.
            end(close, next: .closed)
            finish()
            return true
        }
        unsafe ending.packet = Array(UnsafeRawBufferPointer(rebasing: batch.tail[..<count]))
        unsafe ending.path = QUICPath(batch.currentPath.pointee)
        batch.append(size: count, ecn: 0)
        noteSent(datagrams: 1, bytes: count)
        deadline = ending.deadline
        end(close, next: .closing)
        return true
    }

    /// Repeats the packet with CONNECTION_CLOSE when an answer is due.
    func answerWhileClosing(into batch: inout DatagramBatch) -> Bool {
        guard ending.answers else { return true }
        let sent = unsafe ending.packet.withUnsafeBytes { unsafe batch.append($0, path: ending.path) }
        guard sent else { return false }
        ending.answers = false
        noteSent(datagrams: 1, bytes: ending.packet.count)
        return true
    }

    /// The connection carries nothing any more: keeps what the rest of its life needs, frees the rest, tells the
    /// application.
    private func end(_ close: QUICClose, next: Phase) {
        guard phase == .handshaking || phase == .established else { return }
        lastStatistics = statistics
        ending.connectionIDs = ownConnectionIDs()
        phase = next
        pendingClose = nil
        closeReason = close
        queuedDatagrams = []
        forgetResetTokens()
        let listener = unsafe application
        unsafe application = nil
        freeNative()
        listener?.connectionClosed(close)
    }

    /// The connection is over: its connection IDs are free.
    func finish() {
        phase = .closed
        deadline = .distantFuture
        for id in ending.connectionIDs { endpoint.table.remove(id, of: self) }
        ending = Ending()
    }

    /// All connection IDs that lead here.
    func ownConnectionIDs() -> [ConnectionID] {
        guard let native = unsafe native else { return [] }
        let count = unsafe ngtcp2_conn_get_num_scid(native)
        let ids = unsafe [ngtcp2_cid](unsafeUninitializedCapacity: count) { buffer, filled in
            unsafe filled = ngtcp2_conn_get_scid(native, buffer.baseAddress)
        }
        var all = ids.map { ConnectionID($0) }
        if let firstDestination { all.append(firstDestination) }
        return all
    }
}
