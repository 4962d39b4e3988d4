internal import CGnuTLS
internal import CNgtcp2

/// Keys that anybody can make: those of Initial packets, and the one of Retry, of QUIC version 2 (RFC 9369 section 3.3),
/// of which the library makes its draft's. Those of version 1 it makes itself for its connections; here they serve for
/// packets without one.
package enum Version2Keys {
    /// RFC 9369 section 3.3.1.
    private static let salt: [UInt8] = [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd,
        0x2e,
        0xd9,
    ]
    /// Version 1's, RFC 9001 section 5.2.
    private static let version1Salt: [UInt8] = [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb,
        0x7f, 0x0a,
    ]
    /// RFC 9369 section 3.3.3.
    private static let retryKey: [UInt8] = [
        0x8f, 0xb4, 0xb0, 0x1b, 0x56, 0xac, 0x48, 0xe2, 0x60, 0xfb, 0xcb, 0xce, 0xad, 0x7c, 0xcc, 0x92,
    ]
    private static let retryNonce: [UInt8] = [
        0xd8, 0x69, 0x69, 0xbc, 0x2d, 0x7c, 0x6d, 0x99, 0x90, 0xef, 0xb0, 0x4a,
    ]
    /// Bytes of an authentication tag.
    private static let tagCount = 16
    private static let ivCount = 12

    /// What protects the Initial packets of one side (RFC 9001 section 5.1).
    package struct Keys: Equatable {
        package var key: [UInt8] = []
        package var iv: [UInt8] = []
        /// Of the header protection.
        package var hp: [UInt8] = []
    }

    /// The keys of Initial packets; `destination` is the connection ID of the client's first packet, or after a Retry
    /// that of its second (RFC 9001 section 5.2). Nil for want of memory.
    package static func initial(
        destination: [UInt8], version: UInt32 = QUICSettings.Version.v2
    ) -> (client: Keys, server: Keys)? {
        var md = unsafe sha256
        let (salt, labels) = version == QUICSettings.Version.v1 ? (version1Salt, "quic") : (salt, "quicv2")
        var secret = [UInt8](repeating: 0, count: 32)
        let result = unsafe ngtcp2_crypto_hkdf_extract(
            &secret, &md, destination, destination.count, salt, salt.count)
        guard result == 0, let client = expand(secret, "client in", count: 32),
            let server = expand(secret, "server in", count: 32), let ofClient = keys(client, labels),
            let ofServer = keys(server, labels)
        else { return nil }
        return (ofClient, ofServer)
    }

    private static func keys(_ secret: [UInt8], _ labels: String) -> Keys? {
        guard let key = expand(secret, "\(labels) key", count: 16),
            let iv = expand(secret, "\(labels) iv", count: ivCount),
            let hp = expand(secret, "\(labels) hp", count: 16)
        else { return nil }
        return Keys(key: key, iv: iv, hp: hp)
    }

    private static func expand(_ secret: [UInt8], _ label: String, count: Int) -> [UInt8]? {
        var md = unsafe sha256
        let name = Array(label.utf8)
        var output = [UInt8](repeating: 0, count: count)
        let result = unsafe ngtcp2_crypto_hkdf_expand_label(
            &output, count, &md, secret, secret.count, name, name.count)
        return result == 0 ? output : nil
    }

    private static var sha256: ngtcp2_crypto_md {
        unsafe ngtcp2_crypto_md(native_handle: UnsafeMutableRawPointer(bitPattern: UInt(GNUTLS_DIG_SHA256.rawValue)))
    }

    static var aes128GCM: ngtcp2_crypto_aead {
        unsafe ngtcp2_crypto_aead(
            native_handle: UnsafeMutableRawPointer(bitPattern: UInt(GNUTLS_CIPHER_AES_128_GCM.rawValue)),
            max_overhead: tagCount)
    }

    /// The library does one block of AES-ECB by this.
    static var headerCipher: ngtcp2_crypto_cipher {
        unsafe ngtcp2_crypto_cipher(
            native_handle: UnsafeMutableRawPointer(bitPattern: UInt(GNUTLS_CIPHER_AES_128_CBC.rawValue)))
    }

    // MARK: Initial packets

    /// The contexts of one direction, until they belong to a connection.
    @safe
    struct Contexts {
        var aead = unsafe ngtcp2_crypto_aead_ctx()
        var hp = unsafe ngtcp2_crypto_cipher_ctx()

        init?(_ keys: Keys, encrypts: Bool) {
            var algorithm = unsafe aes128GCM
            let made =
                unsafe encrypts
                ? ngtcp2_crypto_aead_ctx_encrypt_init(&aead, &algorithm, keys.key, ivCount)
                : ngtcp2_crypto_aead_ctx_decrypt_init(&aead, &algorithm, keys.key, ivCount)
            guard made == 0 else { return nil }
            var bytes = keys.hp
            let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
                var datum = unsafe gnutls_datum_t(data: buffer.baseAddress, size: UInt32(buffer.count))
                var handle: gnutls_cipher_hd_t?
                let result = unsafe gnutls_cipher_init(&handle, GNUTLS_CIPHER_AES_128_CBC, &datum, nil)
                unsafe hp.native_handle = UnsafeMutableRawPointer(handle)
                return result
            }
            guard result == 0 else {
                free()
                return nil
            }
        }

        mutating func free() {
            unsafe ngtcp2_crypto_delete_crypto_aead_ctx_cb(nil, &aead, nil)
            unsafe ngtcp2_crypto_delete_crypto_cipher_ctx_cb(nil, &hp, nil)
        }
    }

    /// Installs the keys of version 2's Initial packets.
    ///
    /// - Parameter negotiated: The connection has begun with another version.
    private static func install(
        on connection: OpaquePointer, destination: ngtcp2_cid, negotiated: Bool
    ) -> Int32 {
        guard let keys = initial(destination: ConnectionID(destination).array) else {
            return NGTCP2_ERR_CALLBACK_FAILURE
        }
        let isServer = unsafe ngtcp2_conn_is_server(connection) != 0
        let (own, peers) = isServer ? (keys.server, keys.client) : (keys.client, keys.server)
        guard var sent = Contexts(own, encrypts: true) else { return NGTCP2_ERR_CALLBACK_FAILURE }
        guard var received = Contexts(peers, encrypts: false) else {
            sent.free()
            return NGTCP2_ERR_CALLBACK_FAILURE
        }
        var result: Int32
        if negotiated {
            unsafe result = ngtcp2_conn_install_vneg_initial_key(
                connection, VersionTranslation.inside, &received.aead, peers.iv, &received.hp, &sent.aead, own.iv,
                &sent.hp, ivCount)
        } else {
            var context = unsafe ngtcp2_crypto_ctx()
            unsafe context.aead = aes128GCM
            unsafe context.md = sha256
            unsafe context.hp = headerCipher
            unsafe ngtcp2_conn_set_initial_crypto_ctx(connection, &context)
            unsafe result = ngtcp2_conn_install_initial_key(
                connection, &received.aead, peers.iv, &received.hp, &sent.aead, own.iv, &sent.hp, ivCount)
        }
        guard result != 0 else { return 0 }
        sent.free()
        received.free()
        return NGTCP2_ERR_CALLBACK_FAILURE
    }

    private static func isVersion2(_ connection: OpaquePointer) -> Bool {
        unsafe ngtcp2_conn_get_client_chosen_version(connection) == VersionTranslation.inside
    }

    static let clientInitial: ngtcp2_client_initial = { connection, user in
        guard let connection = unsafe connection, unsafe Version2Keys.isVersion2(connection) else {
            return unsafe ngtcp2_crypto_client_initial_cb(connection, user)
        }
        guard let destination = unsafe ngtcp2_conn_get_dcid(connection),
            unsafe Version2Keys.install(on: connection, destination: destination.pointee, negotiated: false) == 0,
            unsafe ngtcp2_crypto_read_write_crypto_data(connection, NGTCP2_CRYPTO_LEVEL_INITIAL, nil, 0) == 0
        else { return NGTCP2_ERR_CALLBACK_FAILURE }
        return 0
    }

    static let clientInitialReceived: ngtcp2_recv_client_initial = { connection, destination, user in
        guard let connection = unsafe connection, let id = unsafe destination,
            unsafe Version2Keys.isVersion2(connection)
        else { return unsafe ngtcp2_crypto_recv_client_initial_cb(connection, destination, user) }
        return unsafe Version2Keys.install(on: connection, destination: id.pointee, negotiated: false)
    }

    static let retryReceived: ngtcp2_recv_retry = { connection, header, user in
        guard let connection = unsafe connection, let retry = unsafe header,
            unsafe Version2Keys.isVersion2(connection)
        else { return unsafe ngtcp2_crypto_recv_retry_cb(connection, header, user) }
        return unsafe Version2Keys.install(on: connection, destination: retry.pointee.scid, negotiated: false)
    }

    /// The version that the connection goes on with is not the one it began with (RFC 9368 section 2.3).
    static let versionNegotiated: ngtcp2_version_negotiation = { connection, version, destination, user in
        guard let connection = unsafe connection, let id = unsafe destination, version == VersionTranslation.inside
        else { return unsafe ngtcp2_crypto_version_negotiation_cb(connection, version, destination, user) }
        return unsafe Version2Keys.install(on: connection, destination: id.pointee, negotiated: true)
    }

    // MARK: Packets without a connection

    /// The integrity tag of a Retry packet (RFC 9001 section 5.8), from its pseudo-packet; nil for want of memory.
    package static func retryTag(of pseudoPacket: [UInt8]) -> [UInt8]? {
        unsafe [UInt8](unsafeUninitializedCapacity: tagCount) { buffer, count in
            let isMade = unsafe pseudoPacket.withUnsafeBufferPointer { bytes in
                unsafe writeRetryTag(of: bytes.baseAddress, bytes.count, to: buffer.baseAddress)
            }
            count = isMade ? tagCount : 0
        }
    }

    /// Writes a Retry packet's tag to `target`.
    static func writeRetryTag(
        of pseudoPacket: UnsafePointer<UInt8>?, _ count: Int, to target: UnsafeMutablePointer<UInt8>?
    ) -> Bool {
        var key = retryKey
        var handle: gnutls_aead_cipher_hd_t?
        let made = unsafe key.withUnsafeMutableBufferPointer { bytes in
            var datum = unsafe gnutls_datum_t(data: bytes.baseAddress, size: UInt32(bytes.count))
            return unsafe gnutls_aead_cipher_init(&handle, GNUTLS_CIPHER_AES_128_GCM, &datum)
        }
        guard made == 0, let handle = unsafe handle else { return false }
        defer { unsafe gnutls_aead_cipher_deinit(handle) }
        var written = tagCount
        return unsafe gnutls_aead_cipher_encrypt(
            handle, retryNonce, retryNonce.count, pseudoPacket, count, tagCount, retryKey, 0, target, &written) == 0
    }

    /// Writes a Retry packet; its size, or a negative number.
    static func writeRetry(
        to target: UnsafeMutablePointer<UInt8>?, _ size: Int, destination: inout ngtcp2_cid, source: inout ngtcp2_cid,
        original: inout ngtcp2_cid, token: UnsafePointer<UInt8>, _ tokenCount: Int
    ) -> Int {
        var aead = unsafe aes128GCM
        var none = unsafe ngtcp2_crypto_aead_ctx()
        // The tag is made by the callback.
        return unsafe ngtcp2_pkt_write_retry(
            target, size, VersionTranslation.inside, &destination, &source, &original, token, tokenCount,
            PacketProtection.encrypt, &aead, &none)
    }

    /// Writes a server's Initial packet with CONNECTION_CLOSE; its size, or a negative number.
    static func writeClose(
        to target: UnsafeMutablePointer<UInt8>?, _ size: Int, destination: inout ngtcp2_cid, source: inout ngtcp2_cid,
        transportError code: UInt64
    ) -> Int {
        guard let keys = initial(destination: ConnectionID(source).array),
            var contexts = Contexts(keys.server, encrypts: true)
        else { return -1 }
        defer { contexts.free() }
        var aead = unsafe aes128GCM
        var hp = unsafe headerCipher
        return unsafe ngtcp2_pkt_write_connection_close(
            target, size, VersionTranslation.inside, &destination, &source, code, nil, 0, PacketProtection.encrypt,
            &aead, &contexts.aead, keys.server.iv, ngtcp2_crypto_hp_mask_cb, &hp, &contexts.hp)
    }
}
