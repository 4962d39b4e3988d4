internal import CNgtcp2
internal import TLSTransport

/// What the library calls back. Each function finds its connection by the user pointer, which is not retained: the
/// connection outlives the library's object.
///
/// An application that closes the connection during a callback makes it fail, so that the library stops there.
enum NativeCallbacks {
    nonisolated(unsafe) static let server = unsafe make(isServer: true)
    nonisolated(unsafe) static let client = unsafe make(isServer: false)

    static let qlog: ngtcp2_qlog_write = { context, flags, bytes, count in
        let connection = unsafe QUICConnection.from(context)
        let event = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
        let isLast = flags & NGTCP2_QLOG_WRITE_FLAG_FIN != 0
        // Only a client takes Version Negotiation packets, before its handshake.
        if connection.role == .client, connection.phase == .handshaking,
            let translated = unsafe LoggedVersions.translated(event.bytes)
        {
            unsafe translated.withUnsafeBytes { unsafe connection.qlog?.write($0, isLast: isLast) }
        } else {
            unsafe connection.qlog?.write(event, isLast: isLast)
        }
    }

    /// The table of functions, on the heap for good.
    private static func make(isServer: Bool) -> UnsafePointer<ngtcp2_callbacks> {
        var callbacks = ngtcp2_callbacks()
        if isServer {
            unsafe callbacks.recv_client_initial = Version2Keys.clientInitialReceived
        } else {
            unsafe callbacks.client_initial = Version2Keys.clientInitial
            unsafe callbacks.recv_retry = Version2Keys.retryReceived
        }
        addCryptography(to: &callbacks)
        addHandshake(to: &callbacks)
        addConnectionIDs(to: &callbacks)
        addStreams(to: &callbacks)
        addDatagrams(to: &callbacks)
        let pointer = UnsafeMutablePointer<ngtcp2_callbacks>.allocate(capacity: 1)
        unsafe pointer.initialize(to: callbacks)
        return unsafe UnsafePointer(pointer)
    }

    private static func addCryptography(to callbacks: inout ngtcp2_callbacks) {
        unsafe callbacks.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb
        unsafe callbacks.encrypt = PacketProtection.encrypt
        unsafe callbacks.decrypt = PacketProtection.decrypt
        unsafe callbacks.hp_mask = ngtcp2_crypto_hp_mask_cb
        unsafe callbacks.update_key = PacketProtection.updateKeys
        unsafe callbacks.delete_crypto_aead_ctx = PacketProtection.deleteContext
        unsafe callbacks.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb
        unsafe callbacks.version_negotiation = Version2Keys.versionNegotiated
        unsafe callbacks.rand = { target, count, context in
            guard let handle = unsafe context?.pointee.native_handle else { return }
            let random = unsafe Unmanaged<QUICRandom>.fromOpaque(handle).takeUnretainedValue()
            unsafe random.fill(UnsafeMutableRawBufferPointer(start: target, count: count))
        }
        unsafe callbacks.get_path_challenge_data = { _, target, context in
            let random = unsafe QUICConnection.from(context).endpoint.random
            unsafe random.fill(UnsafeMutableRawBufferPointer(start: target, count: Int(NGTCP2_PATH_CHALLENGE_DATALEN)))
            return 0
        }
    }

    private static func addHandshake(to callbacks: inout ngtcp2_callbacks) {
        unsafe callbacks.handshake_completed = { _, context in
            unsafe QUICConnection.from(context).handshakeIsComplete()
        }
        unsafe callbacks.handshake_confirmed = { _, context in
            unsafe QUICConnection.from(context).isConfirmed = true
            return 0
        }
        unsafe callbacks.recv_rx_key = { _, level, context in
            unsafe QUICConnection.from(context).keyInstalled(at: level)
        }
        unsafe callbacks.recv_tx_key = { _, level, context in
            let connection = unsafe QUICConnection.from(context)
            let result = connection.keyInstalled(at: level)
            guard result == 0 else { return result }
            switch level {
            case NGTCP2_CRYPTO_LEVEL_EARLY: return connection.earlySendingIsPossible()
            case NGTCP2_CRYPTO_LEVEL_APPLICATION: return connection.sendingIsPossible()
            default: return 0
            }
        }
        unsafe callbacks.recv_version_negotiation = { _, _, versions, count, context in
            unsafe QUICConnection.from(context).offeredVersions = UnsafeBufferPointer(start: versions, count: count)
                .map(VersionTranslation.translated)
            return 0
        }
        unsafe callbacks.path_validation = { _, _, path, result, context in
            guard result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS, let path = unsafe path?.pointee else { return 0 }
            unsafe QUICConnection.from(context).pathValidated(QUICPath(path))
            return 0
        }
        unsafe callbacks.recv_stateless_reset = { _, _, context in
            unsafe QUICConnection.from(context).sawStatelessReset = true
            return 0
        }
        unsafe callbacks.early_data_rejected = { _, context in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.earlyDataRejected()
            return connection.callbackResult
        }
        unsafe callbacks.recv_new_token = { _, token, context in
            guard let token = unsafe token?.pointee else { return 0 }
            let connection = unsafe QUICConnection.from(context)
            connection.receivedToken = unsafe Array(
                UnsafeBufferPointer(start: token.base, count: min(token.len, QUICConnection.maxTokenCount)))
            connection.hasNewResumption = true
            return 0
        }
    }

    private static func addConnectionIDs(to callbacks: inout ngtcp2_callbacks) {
        unsafe callbacks.get_new_connection_id = { _, cid, token, count, context in
            guard let cid = unsafe cid, let token = unsafe token, count == ConnectionIDCodec.count else {
                return NGTCP2_ERR_CALLBACK_FAILURE
            }
            let connection = unsafe QUICConnection.from(context)
            let id = connection.endpoint.makeConnectionID()
            connection.endpoint.table.insert(id, for: connection)
            unsafe cid.pointee = id.ngtcp2
            unsafe connection.endpoint.resetKey.token(for: id).write(to: token)
            return connection.phase == .established ? connection.countNewConnectionID() : 0
        }
        unsafe callbacks.remove_connection_id = { _, cid, context in
            guard let cid = unsafe cid else { return NGTCP2_ERR_CALLBACK_FAILURE }
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.endpoint.table.remove(ConnectionID(cid.pointee), of: connection)
            return 0
        }
        unsafe callbacks.dcid_status = { _, status, _, _, token, context in
            guard let token = unsafe token else { return 0 }
            let connection = unsafe QUICConnection.from(context)
            let value = unsafe StatelessResetToken(token)
            if status == Int32(NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE.rawValue) {
                connection.resetTokens.append(value)
                connection.endpoint.table.insert(value, for: connection)
            } else {
                connection.resetTokens.removeAll { $0 == value }
                connection.endpoint.table.remove(value, of: connection)
            }
            return 0
        }
    }

    private static func addStreams(to callbacks: inout ngtcp2_callbacks) {
        unsafe callbacks.stream_open = { _, id, context in
            let connection = unsafe QUICConnection.from(context)
            connection.countOpened(id)
            unsafe connection.application?.streamOpened(id)
            return connection.callbackResult
        }
        unsafe callbacks.recv_stream_data = { _, flags, id, offset, bytes, count, context, _ in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.streamDataReceived(
                id, offset: offset, bytes: UnsafeRawBufferPointer(start: bytes, count: count),
                fin: flags & NGTCP2_STREAM_DATA_FLAG_FIN != 0, isEarlyData: flags & NGTCP2_STREAM_DATA_FLAG_EARLY != 0)
            return connection.callbackResult
        }
        unsafe callbacks.acked_stream_data_offset = { _, id, _, count, context, _ in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.streamDataAcknowledged(id, count: count)
            return connection.callbackResult
        }
        unsafe callbacks.stream_close = { _, flags, id, code, context, _ in
            let connection = unsafe QUICConnection.from(context)
            let hasCode = flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET != 0
            connection.countLosses(of: id)
            unsafe connection.application?.streamClosed(id, applicationError: hasCode ? code : nil)
            connection.renewStreamLimit(after: id)
            return connection.callbackResult
        }
        unsafe callbacks.stream_reset = { _, id, finalSize, code, context, _ in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.streamReset(id, applicationError: code, finalSize: finalSize)
            return connection.callbackResult
        }
        unsafe callbacks.extend_max_stream_data = { _, id, _, context, _ in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.streamUnblocked(id)
            return connection.callbackResult
        }
        unsafe callbacks.extend_max_local_streams_bidi = { _, total, context in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.bidirectionalStreamLimitRaised(to: total)
            return connection.callbackResult
        }
        unsafe callbacks.extend_max_local_streams_uni = { _, total, context in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.unidirectionalStreamLimitRaised(to: total)
            return connection.callbackResult
        }
    }

    private static func addDatagrams(to callbacks: inout ngtcp2_callbacks) {
        unsafe callbacks.recv_datagram = { _, flags, bytes, count, context in
            let connection = unsafe QUICConnection.from(context)
            unsafe connection.application?.datagramReceived(
                UnsafeRawBufferPointer(start: bytes, count: count), isEarlyData: flags & NGTCP2_DATAGRAM_FLAG_EARLY != 0
            )
            return connection.callbackResult
        }
    }
}

extension QUICConnection {
    /// Stops the library when the connection is to be closed.
    var callbackResult: Int32 { pendingClose == nil ? 0 : NGTCP2_ERR_CALLBACK_FAILURE }

    /// The TLS handshake is complete.
    func handshakeIsComplete() -> Int32 {
        phase = .established
        let result = checkEarlyData()
        guard result == 0 else { return result }
        // Without a ticket the client makes a full handshake next time, and that is all.
        if role == .server, settings.sendsSessionTicket, givesTickets { try? tls?.sendTicket() }
        unsafe application?.handshakeCompleted()
        return callbackResult
    }

    /// The peer gets another connection ID. One that retires them as fast as it can is sent away: RFC 9000 section 21.9
    /// has PROTOCOL_VIOLATION for what points to an attack.
    func countNewConnectionID() -> Int32 {
        if !permits.admitsConnectionID(now: receivedAt) {
            let protocolViolation: UInt64 = 0x0a
            close(transportError: protocolViolation, text: "too many connection IDs retired")
        }
        return callbackResult
    }

    /// Keys of one encryption level are in place. From the first level at which the peer's transport parameters must be
    /// known, their absence ends the handshake (RFC 9001 section 8.2): the library would go on without.
    func keyInstalled(at level: ngtcp2_crypto_level) -> Int32 {
        let mustBeKnown =
            switch role {
            case .server: level == NGTCP2_CRYPTO_LEVEL_HANDSHAKE
            case .client: level == NGTCP2_CRYPTO_LEVEL_APPLICATION
            }
        if mustBeKnown, unsafe ngtcp2_conn_get_remote_transport_params(native) == nil {
            let missingExtension: UInt64 = 109
            requestClose(
                QUICClose(
                    reason: .tlsAlert, initiator: .local, code: UInt64(NGTCP2_CRYPTO_ERROR) | missingExtension,
                    text: "no QUIC transport parameters"))
        }
        return callbackResult
    }

    /// 1-RTT packets can be sent.
    func sendingIsPossible() -> Int32 {
        guard !toldReadyToSend else { return 0 }
        toldReadyToSend = true
        unsafe application?.readyToSend(alpn: tls.map { Array(($0.alpn ?? "").utf8) } ?? [])
        return callbackResult
    }
}
