internal import CGnuTLS
internal import CNgtcp2

/// How GnuTLS and the library's connection hand each other handshake messages, alerts, secrets and transport
/// parameters. It stands in for what ngtcp2's crypto helper would set, whose transport parameters are of the drafts
/// (``VersionInformation``).
enum HandshakeSeam {
    /// The TLS extension `quic_transport_parameters` (RFC 9001 section 8.2).
    private static let transportParameters: Int32 = 0x39
    /// Most bytes of our own parameters.
    private static let parametersCapacity = 512

    /// Sets all up. False for want of memory.
    static func join(_ session: gnutls_session_t) -> Bool {
        unsafe gnutls_handshake_set_secret_function(session, PacketProtection.installSecrets)
        unsafe gnutls_handshake_set_read_function(session, messageWritten)
        unsafe gnutls_alert_set_read_function(session, alertRaised)
        let flags =
            GNUTLS_EXT_FLAG_TLS.rawValue | GNUTLS_EXT_FLAG_CLIENT_HELLO.rawValue | GNUTLS_EXT_FLAG_EE.rawValue
        return unsafe gnutls_session_ext_register(
            session, "quic_transport_parameters", transportParameters, GNUTLS_EXT_TLS, parametersReceived,
            parametersWanted, nil, nil, nil, flags) == 0
    }

    private static func connection(of session: gnutls_session_t?) -> QUICConnection? {
        guard let pointer = unsafe gnutls_session_get_ptr(session) else { return nil }
        let reference = unsafe pointer.assumingMemoryBound(to: ngtcp2_crypto_conn_ref.self)
        return unsafe QUICConnection.from(reference.pointee.user_data)
    }

    /// GnuTLS has a message for the peer.
    private static let messageWritten: gnutls_handshake_read_func = { session, record, type, bytes, count in
        guard type != GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC else { return 0 }
        guard let native = unsafe HandshakeSeam.connection(of: session)?.native else { return -1 }
        let result = unsafe ngtcp2_conn_submit_crypto_data(
            native, ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(record),
            bytes?.assumingMemoryBound(to: UInt8.self), count)
        guard result == 0 else {
            unsafe ngtcp2_conn_set_tls_error(native, result)
            return -1
        }
        return 0
    }

    private static let alertRaised: gnutls_alert_read_func = { session, _, _, description in
        guard let native = unsafe HandshakeSeam.connection(of: session)?.native else { return -1 }
        unsafe ngtcp2_conn_set_tls_alert(native, UInt8(truncatingIfNeeded: description.rawValue))
        return 0
    }

    private static let parametersReceived: gnutls_ext_recv_func = { session, bytes, count in
        guard let connection = unsafe HandshakeSeam.connection(of: session), let native = unsafe connection.native
        else { return -1 }
        let peers = unsafe UnsafeRawBufferPointer(start: bytes, count: count).bytes
        var result = NGTCP2_ERR_MALFORMED_TRANSPORT_PARAM
        if let parameters = VersionInformation.incoming(
            peers, isClients: connection.role == .server, choosing: connection.choosableVersions)
        {
            unsafe result = ngtcp2_conn_decode_remote_transport_params(native, parameters, parameters.count)
        }
        guard result == 0 else {
            unsafe ngtcp2_conn_set_tls_error(native, result)
            return -1
        }
        return 0
    }

    private static let parametersWanted: gnutls_ext_send_func = { session, buffer in
        guard let native = unsafe HandshakeSeam.connection(of: session)?.native else { return -1 }
        let written = unsafe [UInt8](unsafeUninitializedCapacity: parametersCapacity) { room, count in
            unsafe count = max(0, ngtcp2_conn_encode_local_transport_params(native, room.baseAddress, room.count))
        }
        guard let parameters = unsafe VersionInformation.outgoing(written.span.bytes), !parameters.isEmpty,
            unsafe gnutls_buffer_append_data(buffer, parameters, parameters.count) == 0
        else { return -1 }
        return 0
    }
}
