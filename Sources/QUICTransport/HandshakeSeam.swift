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

    /// The TLS extension `pre_shared_key` (RFC 8446 section 4.2.11).
    private static let preSharedKey: UInt32 = 41

    /// Sets all up. False for want of memory.
    static func join(_ session: gnutls_session_t, role: QUICConnection.Role) -> Bool {
        if role == .server {
            unsafe gnutls_handshake_set_hook_function(
                session, UInt32(GNUTLS_HANDSHAKE_CLIENT_HELLO.rawValue), Int32(GNUTLS_HOOK_PRE), helloArrived)
        }
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

    /// What a client's hello has that must be known before GnuTLS reads it.
    @safe
    private struct HelloExtensions {
        var offersSession = false
        var parameters: UnsafePointer<UInt8>?
        var count = 0
    }

    /// The client's hello has come, and GnuTLS has not read it yet. It wants to know the key of tickets before it meets
    /// the first extension that has to do with them, and that key depends on the version which the connection goes on
    /// with, so the parameters go to the library first.
    private static let helloArrived: gnutls_handshake_hook_func = { session, _, _, _, message in
        guard let connection = unsafe HandshakeSeam.connection(of: session), let message = unsafe message else {
            return 0
        }
        var found = HelloExtensions()
        // A hello that can not be read is GnuTLS's to refuse.
        _ = unsafe gnutls_ext_raw_parse(
            &found,
            { context, type, bytes, count in
                guard let found = unsafe context?.assumingMemoryBound(to: HelloExtensions.self) else { return 0 }
                switch type {
                case preSharedKey: unsafe found.pointee.offersSession = true
                case UInt32(transportParameters):
                    unsafe found.pointee.parameters = bytes
                    unsafe found.pointee.count = Int(count)
                default: break
                }
                return 0
            }, message, UInt32(GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO))
        connection.helloOffersSession = found.offersSession
        guard let parameters = unsafe found.parameters else { return 0 }
        return unsafe take(UnsafeRawBufferPointer(start: parameters, count: found.count), of: connection)
    }

    private static let parametersReceived: gnutls_ext_recv_func = { session, bytes, count in
        guard let connection = unsafe HandshakeSeam.connection(of: session) else { return -1 }
        return unsafe take(UnsafeRawBufferPointer(start: bytes, count: count), of: connection)
    }

    /// Gives the peer's transport parameters to the library, once.
    private static func take(_ parameters: UnsafeRawBufferPointer, of connection: QUICConnection) -> Int32 {
        guard !connection.hasPeerParameters else { return 0 }
        guard let native = unsafe connection.native else { return -1 }
        var result = NGTCP2_ERR_MALFORMED_TRANSPORT_PARAM
        if let parameters = unsafe VersionInformation.incoming(
            parameters.bytes, isClients: connection.role == .server, choosing: connection.choosableVersions)
        {
            unsafe result = ngtcp2_conn_decode_remote_transport_params(native, parameters, parameters.count)
        }
        guard result == 0 else {
            unsafe ngtcp2_conn_set_tls_error(native, result)
            return -1
        }
        connection.hasPeerParameters = true
        if connection.role == .server { connection.chooseTickets() }
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
