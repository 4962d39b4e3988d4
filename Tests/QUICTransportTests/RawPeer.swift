import Bytes
import CGnuTLS
import CNgtcp2
import QUICTransport
import TLSTransport
import TestSupport

/// A peer made of the bare libraries, which can break rules that ours keeps: it may leave out its transport parameters,
/// and may spoil its packets before it encrypts them.
@safe
final class RawPeer {
    let address: SocketAddress
    let other: SocketAddress
    private unowned let network: SimulatedNetwork
    private let tls: QUICTLSSession
    private let reference: UnsafeMutablePointer<ngtcp2_crypto_conn_ref>
    private var connection: OpaquePointer?
    private var path: ngtcp2_path_storage
    private var buffer = [UInt8](repeating: 0, count: 1500)
    private(set) var failure: Int32 = 0
    /// The transport error code that the other side closed with.
    private(set) var closeCode: UInt64?

    /// Spoils the next packets' plaintext with a chance of one in so many; zero never. For one test at a time.
    nonisolated(unsafe) static var spoilOneIn: UInt64 = 0
    nonisolated(unsafe) static var random = SplitMix64(state: 1)
    /// Frames that stand in the next 1-RTT packet, in the place of what the library wrote.
    nonisolated(unsafe) private static var replacement: [UInt8]?
    /// The stream whose data makes the library write packets for `send(frames:)`.
    private var carrier: Int64?

    init(
        _ network: SimulatedNetwork, tls: QUICTLSSession, address: SocketAddress, other: SocketAddress, isServer: Bool,
        sendsParameters: Bool, initial: [UInt8] = []
    ) {
        self.network = network
        self.tls = tls
        self.address = address
        self.other = other
        unsafe reference = .allocate(capacity: 1)
        unsafe path = ngtcp2_path_storage()
        unsafe reference.initialize(
            to: ngtcp2_crypto_conn_ref(
                get_conn: { reference in
                    unsafe Unmanaged<RawPeer>.fromOpaque(reference!.pointee.user_data).takeUnretainedValue().connection
                }, user_data: Unmanaged.passUnretained(self).toOpaque()))
        let session = unsafe tls.handle
        unsafe gnutls_session_set_ptr(session, UnsafeMutableRawPointer(reference))
        if sendsParameters {
            _ =
                unsafe isServer
                ? ngtcp2_crypto_gnutls_configure_server_session(session)
                : ngtcp2_crypto_gnutls_configure_client_session(session)
        } else {
            unsafe Self.configureWithoutParameters(session)
        }
        create(isServer: isServer, initial: initial)
        unsafe ngtcp2_conn_set_tls_native_handle(connection, UnsafeMutableRawPointer(session))
    }

    deinit {
        unsafe ngtcp2_conn_del(connection)
        unsafe reference.deallocate()
    }

    private static func connection(of session: gnutls_session_t?) -> OpaquePointer? {
        let reference = unsafe gnutls_session_get_ptr(session).assumingMemoryBound(to: ngtcp2_crypto_conn_ref.self)
        return unsafe reference.pointee.get_conn(reference)
    }

    private static func configureWithoutParameters(_ session: gnutls_session_t) {
        unsafe gnutls_handshake_set_secret_function(session) { session, level, rx, tx, count in
            let connection = unsafe RawPeer.connection(of: session)
            let level = ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(level)
            if let rx = unsafe rx {
                let secret = unsafe rx.assumingMemoryBound(to: UInt8.self)
                guard
                    unsafe ngtcp2_crypto_derive_and_install_rx_key(connection, nil, nil, nil, level, secret, count) == 0
                else { return -1 }
            }
            if let tx = unsafe tx {
                let secret = unsafe tx.assumingMemoryBound(to: UInt8.self)
                return unsafe ngtcp2_crypto_derive_and_install_tx_key(connection, nil, nil, nil, level, secret, count)
            }
            return 0
        }
        unsafe gnutls_handshake_set_read_function(session) { session, level, kind, bytes, count in
            guard kind != GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC else { return 0 }
            return unsafe ngtcp2_conn_submit_crypto_data(
                RawPeer.connection(of: session), ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(level),
                bytes?.assumingMemoryBound(to: UInt8.self), count)
        }
        let flags =
            GNUTLS_EXT_FLAG_TLS.rawValue | GNUTLS_EXT_FLAG_CLIENT_HELLO.rawValue | GNUTLS_EXT_FLAG_EE.rawValue
        _ = unsafe gnutls_session_ext_register(
            session, "QUIC Transport Parameters", Int32(NGTCP2_TLSEXT_QUIC_TRANSPORT_PARAMETERS_V1), GNUTLS_EXT_TLS,
            { session, bytes, count in
                unsafe ngtcp2_conn_decode_remote_transport_params(RawPeer.connection(of: session), bytes, count)
            }, { _, _ in 0 }, nil, nil, nil, flags)
        unsafe gnutls_alert_set_read_function(session) { session, _, _, alert in
            unsafe ngtcp2_conn_set_tls_alert(RawPeer.connection(of: session), UInt8(truncatingIfNeeded: alert.rawValue))
            return 0
        }
    }

    private func create(isServer: Bool, initial: [UInt8]) {
        var callbacks = Self.callbacks()
        var settings = unsafe ngtcp2_settings()
        unsafe ngtcp2_settings_default_versioned(NGTCP2_SETTINGS_VERSION, &settings)
        unsafe settings.initial_ts = network.now.nanoseconds
        var parameters = unsafe ngtcp2_transport_params()
        unsafe ngtcp2_transport_params_default_versioned(NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters)
        unsafe parameters.initial_max_data = 100_000
        unsafe parameters.initial_max_stream_data_bidi_local = 100_000
        unsafe parameters.initial_max_stream_data_bidi_remote = 100_000
        unsafe parameters.initial_max_stream_data_uni = 100_000
        unsafe parameters.initial_max_streams_bidi = 10
        unsafe parameters.initial_max_streams_uni = 10
        setPath()
        var scid = Self.id(7)
        var dcid = Self.id(9)
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        if isServer {
            var header = unsafe ngtcp2_pkt_hd()
            precondition(unsafe ngtcp2_accept(&header, initial, initial.count) == 0)
            unsafe parameters.original_dcid = header.dcid
            unsafe dcid = header.scid
            precondition(
                unsafe ngtcp2_conn_server_new_versioned(
                    &connection, &dcid, &scid, &path.path, header.version, NGTCP2_CALLBACKS_VERSION, &callbacks,
                    NGTCP2_SETTINGS_VERSION, &settings, NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters, nil, context) == 0
            )
        } else {
            precondition(
                unsafe ngtcp2_conn_client_new_versioned(
                    &connection, &dcid, &scid, &path.path, 1, NGTCP2_CALLBACKS_VERSION, &callbacks,
                    NGTCP2_SETTINGS_VERSION, &settings, NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters, nil, context) == 0
            )
        }
    }

    private static func id(_ byte: UInt8) -> ngtcp2_cid {
        var cid = ngtcp2_cid()
        cid.datalen = 8
        unsafe withUnsafeMutableBytes(of: &cid.data) { buffer in
            for index in 0..<8 { unsafe buffer[index] = byte &+ UInt8(truncatingIfNeeded: random.next()) }
        }
        return cid
    }

    private func setPath() {
        unsafe ngtcp2_path_storage_zero(&path)
        unsafe address.withSockaddr { unsafe ngtcp2_addr_copy_byte(&path.path.local, $0, $1) }
        unsafe other.withSockaddr { unsafe ngtcp2_addr_copy_byte(&path.path.remote, $0, $1) }
    }

    private static func callbacks() -> ngtcp2_callbacks {
        var callbacks = ngtcp2_callbacks()
        unsafe callbacks.client_initial = ngtcp2_crypto_client_initial_cb
        unsafe callbacks.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb
        unsafe callbacks.recv_retry = ngtcp2_crypto_recv_retry_cb
        unsafe callbacks.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb
        unsafe callbacks.decrypt = ngtcp2_crypto_decrypt_cb
        unsafe callbacks.hp_mask = ngtcp2_crypto_hp_mask_cb
        unsafe callbacks.update_key = ngtcp2_crypto_update_key_cb
        unsafe callbacks.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb
        unsafe callbacks.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb
        unsafe callbacks.version_negotiation = ngtcp2_crypto_version_negotiation_cb
        unsafe callbacks.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb
        unsafe callbacks.encrypt = { target, aead, context, plain, count, nonce, nonceCount, aad, aadCount in
            if unsafe RawPeer.spoilOneIn > 0, unsafe RawPeer.random.next() % RawPeer.spoilOneIn == 0,
                let plain = unsafe plain
            {
                let writable = unsafe UnsafeMutablePointer(mutating: plain)
                for _ in unsafe 0...(RawPeer.random.next() % 4) {
                    let index = unsafe Int(RawPeer.random.next() % UInt64(max(count, 1)))
                    unsafe writable[index] = UInt8(truncatingIfNeeded: RawPeer.random.next())
                }
            }
            if let frames = unsafe RawPeer.replacement, count >= frames.count, let plain = unsafe plain,
                unsafe aad?.pointee ?? 0x80 < 0x80
            {
                let writable = unsafe UnsafeMutablePointer(mutating: plain)
                // Zeros are PADDING.
                for index in 0..<count { unsafe writable[index] = index < frames.count ? frames[index] : 0 }
                unsafe RawPeer.replacement = nil
            }
            return unsafe ngtcp2_crypto_encrypt_cb(
                target, aead, context, plain, count, nonce, nonceCount, aad, aadCount)
        }
        unsafe callbacks.rand = { target, count, _ in
            for index in 0..<count { unsafe target?[index] = UInt8(truncatingIfNeeded: RawPeer.random.next()) }
        }
        unsafe callbacks.get_new_connection_id = { _, cid, token, count, _ in
            unsafe cid?.pointee = RawPeer.id(11)
            for index in 0..<16 { unsafe token?[index] = UInt8(index) }
            return 0
        }
        return callbacks
    }

    /// Opens a stream and offers `bytes` on it; what is not taken at once is not offered again.
    func send(_ bytes: [UInt8]) {
        var id: Int64 = -1
        guard failure == 0, unsafe ngtcp2_conn_open_bidi_stream(connection, &id, nil) == 0 else { return }
        var copy = bytes
        unsafe copy.withUnsafeMutableBufferPointer { data in
            var vector = unsafe ngtcp2_vec(base: data.baseAddress, len: data.count)
            var accepted = 0
            let count = unsafe ngtcp2_conn_writev_stream_versioned(
                connection, nil, NGTCP2_PKT_INFO_VERSION, nil, &buffer, buffer.count, &accepted,
                NGTCP2_WRITE_STREAM_FLAG_FIN, id, &vector, 1, network.now.nanoseconds)
            take(count)
        }
    }

    /// Sends a packet with these frames, up to 64 bytes, and nothing else. False when the library lets none go.
    func send(frames: [UInt8]) -> Bool {
        if carrier == nil {
            var id: Int64 = -1
            guard failure == 0, unsafe ngtcp2_conn_open_bidi_stream(connection, &id, nil) == 0 else { return false }
            carrier = id
        }
        guard failure == 0, let carrier else { return false }
        var bytes = [UInt8](repeating: 0, count: 64)
        unsafe RawPeer.replacement = frames
        defer { unsafe RawPeer.replacement = nil }
        return unsafe bytes.withUnsafeMutableBufferPointer { data in
            var vector = unsafe ngtcp2_vec(base: data.baseAddress, len: data.count)
            var accepted = 0
            let count = unsafe ngtcp2_conn_writev_stream_versioned(
                connection, nil, NGTCP2_PKT_INFO_VERSION, nil, &buffer, buffer.count, &accepted, 0, carrier, &vector,
                1, network.now.nanoseconds)
            take(count)
            return count > 0 && accepted > 0
        }
    }

    /// Sends what the library has to send.
    func flush() {
        for _ in 0..<100 where failure == 0 {
            let count = unsafe ngtcp2_conn_write_pkt_versioned(
                connection, nil, NGTCP2_PKT_INFO_VERSION, nil, &buffer, buffer.count, network.now.nanoseconds)
            take(count)
            guard count > 0 else { return }
        }
    }

    private func take(_ count: Int) {
        if count > 0 { network.send(Array(buffer[..<count]), from: address, to: other, ecn: 0) }
        if count < 0 { failure = Int32(truncatingIfNeeded: count) }
    }

    func receive(_ datagram: [UInt8]) {
        guard failure == 0 else { return }
        failure = unsafe ngtcp2_conn_read_pkt_versioned(
            connection, &path.path, NGTCP2_PKT_INFO_VERSION, nil, datagram, datagram.count, network.now.nanoseconds)
        if failure == NGTCP2_ERR_DRAINING {
            var error = unsafe ngtcp2_connection_close_error()
            unsafe ngtcp2_conn_get_connection_close_error(connection, &error)
            closeCode = unsafe error.error_code
        }
    }

    func handleExpiry() {
        guard failure == 0 else { return }
        failure = unsafe ngtcp2_conn_handle_expiry(connection, network.now.nanoseconds)
    }

    var deadline: Instant {
        failure == 0 ? Instant(nanoseconds: unsafe ngtcp2_conn_get_expiry(connection)) : .distantFuture
    }
}
