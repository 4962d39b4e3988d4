internal import CGnuTLS
internal import CNgtcp2
internal import COpenSSL

/// Packet protection of 1-RTT packets (RFC 9001 section 5). AES stays with GnuTLS; ChaCha20-Poly1305 goes to OpenSSL, which
/// needs a fifth of the time for it. Initial, 0-RTT and Handshake packets are few and always stay with GnuTLS.
///
/// A context of ours is told from one of GnuTLS's by the lowest bit of its pointer, which is free in both.
enum PacketProtection {
    private static let tagCount = 16
    private static let keyCount = 32
    private static let ivCount = 12

    // MARK: Contexts

    private static func marked(_ context: OpaquePointer) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: context) | 1)
    }

    /// The OpenSSL context behind a handle; nil when it is one of GnuTLS's.
    private static func context(_ handle: UnsafeMutableRawPointer?) -> OpaquePointer? {
        let bits = UInt(bitPattern: handle)
        guard bits & 1 == 1 else { return nil }
        return unsafe OpaquePointer(bitPattern: bits & ~1)
    }

    /// - Parameter aead: The algorithm; nil for ChaCha20-Poly1305 of our own.
    private static func makeContext(
        key: [UInt8], encrypts: Bool, aead: ngtcp2_crypto_aead? = nil
    ) -> UnsafeMutableRawPointer? {
        if var aead = unsafe aead {
            var made = unsafe ngtcp2_crypto_aead_ctx()
            let result =
                unsafe encrypts
                ? ngtcp2_crypto_aead_ctx_encrypt_init(&made, &aead, key, ivCount)
                : ngtcp2_crypto_aead_ctx_decrypt_init(&made, &aead, key, ivCount)
            return unsafe result == 0 ? made.native_handle : nil
        }
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        let result = unsafe EVP_CipherInit_ex(context, EVP_chacha20_poly1305(), nil, key, nil, encrypts ? 1 : 0)
        guard result == 1 else {
            unsafe EVP_CIPHER_CTX_free(context)
            return nil
        }
        return unsafe marked(context)
    }

    static let deleteContext: ngtcp2_delete_crypto_aead_ctx = { connection, aead, user in
        guard let ours = unsafe PacketProtection.context(aead?.pointee.native_handle) else {
            return unsafe ngtcp2_crypto_delete_crypto_aead_ctx_cb(connection, aead, user)
        }
        unsafe EVP_CIPHER_CTX_free(ours)
    }

    // MARK: Packets

    /// Writes the number of version 2 that belongs on the wire into a long header that the library has written or read:
    /// the header is what is authenticated, and what leaves. It stands in the library's own memory. Nothing is done to
    /// other headers.
    @inline(__always)
    private static func showVersion(_ header: UnsafePointer<UInt8>?, _ count: Int) {
        guard let header = unsafe header, unsafe header.pointee & 0x80 != 0, count > 4 else { return }
        unsafe setVersion(UnsafeMutableRawPointer(mutating: header) + 1)
    }

    /// Whether the version there is 2, which then has the number that belongs on the wire.
    @discardableResult
    private static func setVersion(_ place: UnsafeMutableRawPointer) -> Bool {
        guard unsafe place.loadUnaligned(as: UInt32.self).bigEndian == VersionTranslation.inside else { return false }
        unsafe place.storeBytes(of: VersionTranslation.outside.bigEndian, as: UInt32.self)
        return true
    }

    /// The tag of a Retry packet of version 2, from its pseudo-packet (RFC 9001 section 5.8): the length of a
    /// connection ID, the ID, and the packet. Nil when it is of another version.
    private static func sealRetry(
        _ pseudoPacket: UnsafePointer<UInt8>?, _ count: Int, _ target: UnsafeMutablePointer<UInt8>?
    ) -> Int32? {
        guard let start = unsafe pseudoPacket, count > 0 else { return nil }
        let place = 1 + Int(unsafe start.pointee) + 1
        guard count - place >= 4, unsafe setVersion(UnsafeMutableRawPointer(mutating: start) + place) else {
            return nil
        }
        return unsafe Version2Keys.writeRetryTag(of: start, count, to: target) ? 0 : NGTCP2_ERR_CALLBACK_FAILURE
    }

    static let encrypt: ngtcp2_encrypt = { target, aead, context, plain, count, nonce, nonceCount, aad, aadCount in
        unsafe PacketProtection.showVersion(aad, aadCount)
        // Only Retry has nothing to encrypt.
        if count == 0, let result = unsafe PacketProtection.sealRetry(aad, aadCount, target) { return result }
        guard let ours = unsafe PacketProtection.context(context?.pointee.native_handle) else {
            return unsafe ngtcp2_crypto_encrypt_cb(
                target, aead, context, plain, count, nonce, nonceCount, aad, aadCount)
        }
        guard let target = unsafe target, let size = Int32(exactly: count), let aadSize = Int32(exactly: aadCount)
        else {
            return NGTCP2_ERR_CALLBACK_FAILURE
        }
        var written: Int32 = 0
        guard unsafe EVP_EncryptInit_ex(ours, nil, nil, nil, nonce) == 1,
            unsafe EVP_EncryptUpdate(ours, nil, &written, aad, aadSize) == 1,
            unsafe EVP_EncryptUpdate(ours, target, &written, plain, size) == 1,
            unsafe EVP_EncryptFinal_ex(ours, target + count, &written) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(ours, EVP_CTRL_AEAD_GET_TAG, Int32(tagCount), target + count) == 1
        else { return NGTCP2_ERR_CALLBACK_FAILURE }
        return 0
    }

    static let decrypt: ngtcp2_decrypt = { target, aead, context, sealed, count, nonce, nonceCount, aad, aadCount in
        unsafe PacketProtection.showVersion(aad, aadCount)
        guard let ours = unsafe PacketProtection.context(context?.pointee.native_handle) else {
            return unsafe ngtcp2_crypto_decrypt_cb(
                target, aead, context, sealed, count, nonce, nonceCount, aad, aadCount)
        }
        guard let target = unsafe target, let sealed = unsafe sealed, count >= tagCount,
            let size = Int32(exactly: count - tagCount), let aadSize = Int32(exactly: aadCount)
        else { return NGTCP2_ERR_DECRYPT }
        let tag = unsafe UnsafeMutableRawPointer(mutating: sealed + (count - tagCount))
        var written: Int32 = 0
        guard unsafe EVP_DecryptInit_ex(ours, nil, nil, nil, nonce) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(ours, EVP_CTRL_AEAD_SET_TAG, Int32(tagCount), tag) == 1,
            unsafe EVP_DecryptUpdate(ours, nil, &written, aad, aadSize) == 1,
            unsafe EVP_DecryptUpdate(ours, target, &written, sealed, size) == 1,
            unsafe EVP_DecryptFinal_ex(ours, target + Int(size), &written) == 1
        else { return NGTCP2_ERR_DECRYPT }
        return 0
    }

    // MARK: Keys

    /// What HKDF-Expand-Label makes of a secret (RFC 9001 section 5.1, RFC 9369 section 3.3.2).
    private static func expand(
        _ secret: UnsafePointer<UInt8>, _ secretCount: Int, _ label: String, count: Int, on connection: OpaquePointer
    ) -> [UInt8]? {
        guard let crypto = unsafe ngtcp2_conn_get_crypto_ctx(connection) else { return nil }
        let name = Array((unsafe (isVersion2(connection) ? "quicv2 " : "quic ") + label).utf8)
        var md = unsafe crypto.pointee.md
        var output = [UInt8](repeating: 0, count: count)
        let result = unsafe ngtcp2_crypto_hkdf_expand_label(
            &output, count, &md, secret, secretCount, name, name.count)
        return result == 0 ? output : nil
    }

    private static func isVersion2(_ connection: OpaquePointer?) -> Bool {
        unsafe ngtcp2_conn_get_negotiated_version(connection) == VersionTranslation.inside
    }

    /// Whether 1-RTT packets of this connection are ours to protect.
    private static func isOurs(_ session: gnutls_session_t?, _ level: ngtcp2_crypto_level) -> Bool {
        unsafe level == NGTCP2_CRYPTO_LEVEL_APPLICATION
            && gnutls_cipher_get(session) == GNUTLS_CIPHER_CHACHA20_POLY1305
    }

    /// GnuTLS has the secrets of one encryption level: installs keys made of them. Takes the place of the function that
    /// ngtcp2's crypto helper sets.
    static let installSecrets:
        @convention(c) (
            gnutls_session_t?, gnutls_record_encryption_level_t, UnsafeRawPointer?, UnsafeRawPointer?, Int
        ) -> Int32 = { session, record, receive, send, count in
            guard let pointer = unsafe gnutls_session_get_ptr(session) else { return -1 }
            let reference = unsafe pointer.assumingMemoryBound(to: ngtcp2_crypto_conn_ref.self)
            guard let connection = unsafe QUICConnection.from(reference.pointee.user_data).native else { return -1 }
            let level = ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(record)
            let ours = unsafe PacketProtection.isOurs(session, level)
            if let secret = unsafe receive?.assumingMemoryBound(to: UInt8.self) {
                let result =
                    unsafe ours
                    ? PacketProtection.install(secret, count, sends: false, on: connection)
                    : ngtcp2_crypto_derive_and_install_rx_key(connection, nil, nil, nil, level, secret, count)
                guard result == 0 else { return -1 }
            }
            if let secret = unsafe send?.assumingMemoryBound(to: UInt8.self) {
                let result =
                    unsafe ours
                    ? PacketProtection.install(secret, count, sends: true, on: connection)
                    : ngtcp2_crypto_derive_and_install_tx_key(connection, nil, nil, nil, level, secret, count)
                guard result == 0 else { return -1 }
            }
            return 0
        }

    private static func install(
        _ secret: UnsafePointer<UInt8>, _ count: Int, sends: Bool, on connection: OpaquePointer
    ) -> Int32 {
        guard let key = unsafe expand(secret, count, "key", count: keyCount, on: connection),
            let iv = unsafe expand(secret, count, "iv", count: ivCount, on: connection),
            var mask = unsafe expand(secret, count, "hp", count: keyCount, on: connection)
        else { return -1 }
        // Header protection stays with GnuTLS: one block per packet.
        var hp = unsafe ngtcp2_crypto_cipher_ctx()
        let made = unsafe mask.withUnsafeMutableBufferPointer { bytes in
            var datum = unsafe gnutls_datum_t(data: bytes.baseAddress, size: UInt32(bytes.count))
            var handle: gnutls_cipher_hd_t?
            let result = unsafe gnutls_cipher_init(&handle, GNUTLS_CIPHER_CHACHA20_32, &datum, nil)
            unsafe hp.native_handle = unsafe UnsafeMutableRawPointer(handle)
            return result
        }
        guard made == 0 else { return -1 }
        var aead = unsafe ngtcp2_crypto_aead_ctx()
        unsafe aead.native_handle = makeContext(key: key, encrypts: sends)
        var result: Int32 = -1
        if unsafe aead.native_handle != nil {
            unsafe result =
                sends
                ? ngtcp2_conn_install_tx_key(connection, secret, count, &aead, iv, iv.count, &hp)
                : ngtcp2_conn_install_rx_key(connection, secret, count, &aead, iv, iv.count, &hp)
        }
        guard result != 0 else { return 0 }
        // What was not taken over is still ours.
        if let ours = unsafe context(aead.native_handle) { unsafe EVP_CIPHER_CTX_free(ours) }
        unsafe ngtcp2_crypto_delete_crypto_cipher_ctx_cb(connection, &hp, nil)
        return result
    }

    /// Makes the next generation of keys (RFC 9001 section 6.1). The library's helper does not know the label of
    /// version 2.
    static let updateKeys: ngtcp2_update_key = {
        connection, rxSecret, txSecret, rxContext, rxIV, txContext, txIV, oldRX, oldTX, count, user in
        let session = unsafe ngtcp2_conn_get_tls_native_handle(connection).map { OpaquePointer($0) }
        let ours = unsafe PacketProtection.isOurs(session, NGTCP2_CRYPTO_LEVEL_APPLICATION)
        guard unsafe ours || PacketProtection.isVersion2(connection) else {
            return unsafe ngtcp2_crypto_update_key_cb(
                connection, rxSecret, txSecret, rxContext, rxIV, txContext, txIV, oldRX, oldTX, count, user)
        }
        guard let connection = unsafe connection else { return NGTCP2_ERR_CALLBACK_FAILURE }
        let aead = unsafe ours ? nil : ngtcp2_conn_get_crypto_ctx(connection)?.pointee.aead
        guard
            unsafe PacketProtection.next(
                oldRX, count, rxSecret, rxContext, rxIV, sends: false, aead: aead, on: connection)
        else { return NGTCP2_ERR_CALLBACK_FAILURE }
        guard
            unsafe PacketProtection.next(
                oldTX, count, txSecret, txContext, txIV, sends: true, aead: aead, on: connection)
        else {
            unsafe PacketProtection.deleteContext(connection, rxContext, user)
            unsafe rxContext?.pointee.native_handle = nil
            return NGTCP2_ERR_CALLBACK_FAILURE
        }
        return 0
    }

    private static func next(
        _ old: UnsafePointer<UInt8>?, _ count: Int, _ newSecret: UnsafeMutablePointer<UInt8>?,
        _ newContext: UnsafeMutablePointer<ngtcp2_crypto_aead_ctx>?, _ newIV: UnsafeMutablePointer<UInt8>?, sends: Bool,
        aead: ngtcp2_crypto_aead?, on connection: OpaquePointer
    ) -> Bool {
        var keySize = keyCount
        if var algorithm = unsafe aead { unsafe keySize = ngtcp2_crypto_aead_keylen(&algorithm) }
        guard let old = unsafe old, let newSecret = unsafe newSecret, let newContext = unsafe newContext,
            let newIV = unsafe newIV, let secret = unsafe expand(old, count, "ku", count: count, on: connection),
            let key = unsafe expand(secret, count, "key", count: keySize, on: connection),
            let iv = unsafe expand(secret, count, "iv", count: ivCount, on: connection),
            let handle = unsafe makeContext(key: key, encrypts: sends, aead: aead)
        else { return false }
        for index in 0..<count { unsafe newSecret[index] = secret[index] }
        for index in 0..<ivCount { unsafe newIV[index] = iv[index] }
        unsafe newContext.pointee.native_handle = unsafe handle
        return true
    }
}
