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

    private static func makeContext(key: [UInt8], encrypts: Bool) -> UnsafeMutableRawPointer? {
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

    static let encrypt: ngtcp2_encrypt = { target, aead, context, plain, count, nonce, nonceCount, aad, aadCount in
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

    /// What HKDF-Expand-Label makes of a secret (RFC 9001 section 5.1). The version 2 draft has labels of its own, but
    /// for the key update.
    private static func expand(
        _ secret: UnsafePointer<UInt8>, _ secretCount: Int, _ label: String, count: Int, on connection: OpaquePointer
    ) -> [UInt8]? {
        guard let crypto = unsafe ngtcp2_conn_get_crypto_ctx(connection) else { return nil }
        let version = unsafe ngtcp2_conn_get_negotiated_version(connection)
        let isDraft = version == QUICSettings.Version.v2Draft && label != "ku"
        let name = Array(((isDraft ? "quicv2 " : "quic ") + label).utf8)
        var md = unsafe crypto.pointee.md
        var output = [UInt8](repeating: 0, count: count)
        let result = unsafe ngtcp2_crypto_hkdf_expand_label(
            &output, count, &md, secret, secretCount, name, name.count)
        return result == 0 ? output : nil
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

    /// Makes the next generation of keys (RFC 9001 section 6.1).
    static let updateKeys: ngtcp2_update_key = {
        connection, rxSecret, txSecret, rxContext, rxIV, txContext, txIV, oldRX, oldTX, count, user in
        let session = unsafe ngtcp2_conn_get_tls_native_handle(connection).map { OpaquePointer($0) }
        guard unsafe PacketProtection.isOurs(session, NGTCP2_CRYPTO_LEVEL_APPLICATION) else {
            return unsafe ngtcp2_crypto_update_key_cb(
                connection, rxSecret, txSecret, rxContext, rxIV, txContext, txIV, oldRX, oldTX, count, user)
        }
        guard let connection = unsafe connection,
            unsafe PacketProtection.next(oldRX, count, rxSecret, rxContext, rxIV, sends: false, on: connection)
        else { return NGTCP2_ERR_CALLBACK_FAILURE }
        guard unsafe PacketProtection.next(oldTX, count, txSecret, txContext, txIV, sends: true, on: connection) else {
            if let ours = unsafe PacketProtection.context(rxContext?.pointee.native_handle) {
                unsafe EVP_CIPHER_CTX_free(ours)
                unsafe rxContext?.pointee.native_handle = nil
            }
            return NGTCP2_ERR_CALLBACK_FAILURE
        }
        return 0
    }

    private static func next(
        _ old: UnsafePointer<UInt8>?, _ count: Int, _ newSecret: UnsafeMutablePointer<UInt8>?,
        _ newContext: UnsafeMutablePointer<ngtcp2_crypto_aead_ctx>?, _ newIV: UnsafeMutablePointer<UInt8>?, sends: Bool,
        on connection: OpaquePointer
    ) -> Bool {
        guard let old = unsafe old, let newSecret = unsafe newSecret, let newContext = unsafe newContext,
            let newIV = unsafe newIV, let secret = unsafe expand(old, count, "ku", count: count, on: connection),
            let key = unsafe expand(secret, count, "key", count: keyCount, on: connection),
            let iv = unsafe expand(secret, count, "iv", count: ivCount, on: connection),
            let handle = unsafe makeContext(key: key, encrypts: sends)
        else { return false }
        for index in 0..<count { unsafe newSecret[index] = secret[index] }
        for index in 0..<ivCount { unsafe newIV[index] = iv[index] }
        unsafe newContext.pointee.native_handle = unsafe handle
        return true
    }
}
