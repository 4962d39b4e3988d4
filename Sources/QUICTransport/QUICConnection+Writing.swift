public import Bytes
internal import CNgtcp2

/// How a flush ended.
public enum FlushResult: Sendable {
    /// Nothing more can be sent now. `QUICConnection.deadline` or the next event tells when to try again.
    case idle
    /// The batch is full, or the connection has had its share of this turn: send the batch and flush again.
    case more
}

extension QUICConnection {
    /// Builds datagrams into `batch`, as many as congestion window, pacing and the batch allow, pulling stream data
    /// from the application. Also sends CONNECTION_CLOSE after `close`, and updates `deadline`.
    ///
    /// - Returns: `.more` when there is more to send at once.
    public func writeDatagrams(into batch: inout DatagramBatch, now: Instant) -> FlushResult {
        guard unsafe native != nil else {
            return phase == .closing && !answerWhileClosing(into: &batch) ? .more : .idle
        }
        if pendingClose == nil { unsafe application?.prepareToSend() }
        if !isWriteDue, phase == .established, !hasOwnData {
            unsafe application?.sendingEnded()
            return .idle
        }
        let isPaced = pacingArmed
        if isPaced, pendingClose == nil {
            // A pacing time that has come stays set in the library, and would be the next deadline, until expiry is handled.
            handleExpiry(now: now)
            guard unsafe native != nil else { return .idle }
        }
        if hasSentStreamData, !hasOwnData, let later = acknowledgementDelay.deadline(now: now) {
            unsafe application?.sendingEnded()
            deadline = later
            return .idle
        }
        acknowledgementDelay.written()
        let before = batch.count
        isWriteDue = false
        creditSinceWrite = 0
        let outcome = pendingClose == nil ? writePackets(into: &batch, now: now) : .drained
        if pendingClose == nil { unsafe application?.sendingEnded() }
        if let close = pendingClose {
            return writeClose(close, into: &batch, now: now) ? .idle : .more
        }
        let sent = batch.count - before
        // What pacing holds back the library alone may know of.
        if outcome != .drained || sent == 0 && isPaced { isWriteDue = true }
        updateDeadline(outcome, sent: sent, now: now)
        return outcome == .stopped ? .more : .idle
    }

    /// Something of ours waits to be sent, beside what the library has.
    private var hasOwnData: Bool {
        unsafe pendingClose != nil || !queuedDatagrams.isEmpty || application?.hasDataToSend != false
    }

    /// Why packet building ended.
    private enum Outcome {
        /// Nothing is left to send.
        case drained
        /// Data waits, but congestion window or pacing do not let it go.
        case limited
        /// The batch or the send quantum is used up.
        case stopped
    }

    private func writePackets(into batch: inout DatagramBatch, now: Instant) -> Outcome {
        let size = settings.sentDatagramLimit
        let provenSize = unsafe ngtcp2_conn_get_path_max_tx_udp_payload_size(native)
        var quantum = max(1, unsafe ngtcp2_conn_get_send_quantum(native) / size)
        while true {
            guard quantum > 0, batch.hasRoom(for: size) else { return .stopped }
            var ecn: UInt8 = 0
            var wants = false
            var takesData = false
            let count = writePacket(
                into: &batch, size: size, ecn: &ecn, wants: &wants, takesData: &takesData, now: now)
            guard pendingClose == nil else { return .drained }
            guard count >= 0 else {
                fail(with: Int32(truncatingIfNeeded: count), now: now)
                return .drained
            }
            guard count > 0 else { return wants ? .limited : .drained }
            batch.append(size: count, ecn: ecn, alone: count > provenSize)
            noteSent(datagrams: 1, bytes: count)
            quantum -= 1
            // The library fills a packet before it begins another: one with room is the last.
            if takesData, count + Self.leastRoom <= size, phase == .established, !hasOwnData { return .drained }
        }
    }

    /// More bytes than any frame of the library's own takes.
    private static let leastRoom = 256

    /// Builds one packet, or several that share a datagram, at the batch's tail. `takesData` tells whether bytes of
    /// streams are in it.
    ///
    /// - Returns: Its size; zero when nothing can be sent now, and then `wants` tells whether data waits; or an error.
    private func writePacket(
        into batch: inout DatagramBatch, size: Int, ecn: inout UInt8, wants: inout Bool, takesData: inout Bool,
        now: Instant
    ) -> Int {
        guard let target = unsafe batch.tail.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
        let path = unsafe batch.currentPath
        var info = ngtcp2_pkt_info()
        defer { ecn = UInt8(truncatingIfNeeded: info.ecn) }

        while let datagram = queuedDatagrams.first, phase == .established {
            var accepted: Int32 = 0
            let count = unsafe writeFrame(
                datagram, to: target, size: size, path: path, info: &info, accepted: &accepted, now: now)
            if accepted != 0 || count == Int(NGTCP2_ERR_INVALID_ARGUMENT) || count == Int(NGTCP2_ERR_INVALID_STATE) {
                queuedDatagrams.removeFirst()
            }
            switch count {
            case Int(NGTCP2_ERR_WRITE_MORE), Int(NGTCP2_ERR_INVALID_ARGUMENT), Int(NGTCP2_ERR_INVALID_STATE):
                continue
            default:
                wants = true
                return count
            }
        }

        while true {
            var next = QUICStreamToSend(id: -1, vectorCount: 0, fin: false)
            if let application = unsafe application, unsafe ngtcp2_conn_get_max_data_left(native) > 0,
                let offered = unsafe application.nextStreamToSend(into: endpoint.vectors)
            {
                next = offered
            }
            guard pendingClose == nil else { return 0 }
            wants = next.id >= 0
            var accepted = -1
            var flags = next.isLast ? NGTCP2_WRITE_STREAM_FLAG_NONE : NGTCP2_WRITE_STREAM_FLAG_MORE
            if next.fin { flags |= NGTCP2_WRITE_STREAM_FLAG_FIN }
            let vectorCount = unsafe min(max(next.vectorCount, 0), endpoint.vectors.count)
            let count = unsafe ngtcp2_conn_writev_stream_versioned(
                native, path, NGTCP2_PKT_INFO_VERSION, &info, target, size, &accepted, flags, next.id,
                UnsafeRawPointer(endpoint.vectors.baseAddress)?.assumingMemoryBound(to: ngtcp2_vec.self), vectorCount,
                now.nanoseconds)
            switch count {
            case Int(NGTCP2_ERR_WRITE_MORE):
                hasSentStreamData = true
                takesData = true
                unsafe application?.didSend(next.id, count: accepted)
            case Int(NGTCP2_ERR_STREAM_DATA_BLOCKED):
                unsafe application?.streamBlocked(next.id)
            case Int(NGTCP2_ERR_STREAM_SHUT_WR), Int(NGTCP2_ERR_STREAM_NOT_FOUND):
                unsafe application?.streamShutWrite(next.id)
            default:
                if accepted >= 0 {
                    takesData = true
                    unsafe application?.didSend(next.id, count: accepted)
                }
                if count > 0, next.id >= 0 { hasSentStreamData = true }
                return count
            }
            guard pendingClose == nil else { return 0 }
        }
    }

    private func writeFrame(
        _ datagram: [UInt8], to target: UnsafeMutablePointer<UInt8>, size: Int, path: UnsafeMutablePointer<ngtcp2_path>,
        info: inout ngtcp2_pkt_info, accepted: inout Int32, now: Instant
    ) -> Int {
        unsafe datagram.withUnsafeBufferPointer { bytes in
            var vector = unsafe ngtcp2_vec(base: UnsafeMutablePointer(mutating: bytes.baseAddress), len: bytes.count)
            return unsafe ngtcp2_conn_writev_datagram_versioned(
                native, path, NGTCP2_PKT_INFO_VERSION, &info, target, size, &accepted, NGTCP2_WRITE_DATAGRAM_FLAG_MORE,
                0,
                &vector, 1, now.nanoseconds)
        }
    }

    /// Sets `deadline` after a flush. The library always sets a time for the next packet; when nothing waits to be
    /// sent, waking up for it would be for nothing.
    private func updateDeadline(_ outcome: Outcome, sent: Int, now: Instant) {
        guard let native = unsafe native else { return }
        var expiry = unsafe ngtcp2_conn_get_expiry(native)
        // Before the round-trip time is known the library would space packets by its first guess, tens of milliseconds,
        // and hold the first answer back. The initial window is burst enough to go at once (RFC 9002 section 7.7).
        if settings.paces, sent > 0, phase != .handshaking {
            unsafe ngtcp2_conn_update_pkt_tx_time(native, now.nanoseconds)
            pacingArmed = true
            if outcome != .drained { expiry = unsafe ngtcp2_conn_get_expiry(native) }
        }
        // The library leaves some timers standing when they are handled in the very nanosecond they come.
        deadline = max(Instant(nanoseconds: expiry), now.advanced(nanoseconds: Self.shortestWait))
    }

    /// Nanoseconds from a flush to the earliest deadline it sets.
    private static let shortestWait: UInt64 = 1000

    func noteSent(datagrams: UInt64, bytes: Int) {
        counters.datagramsSent &+= datagrams
        counters.bytesSent &+= UInt64(bytes)
    }
}
