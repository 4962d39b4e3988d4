import COpenSSL

/// A client's Initial packet with chosen frames in it (RFC 9001 section 5): its keys come from the connection ID alone,
/// so anybody can write one, and a fuzzer gets past the encryption to the frames and the ClientHello.
package struct InitialPacket {
    /// The frames; they are padded, so that the datagram has 1200 bytes at least, and cut at what one datagram holds.
    package var frames: [UInt8]
    var destination: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    /// As in the transport parameters of the corpus.
    var source = [UInt8](repeating: 9, count: 8)
    /// QUIC version 2 (RFC 9369) in place of 1.
    var isVersion2 = false

    package init(frames: [UInt8], isVersion2: Bool = false) {
        self.frames = frames
        self.isVersion2 = isVersion2
    }

    /// The protected packet, which is also the datagram.
    package var datagram: [UInt8] {
        let secret = Self.expand(
            Self.authenticate(key: isVersion2 ? Self.salt2 : Self.salt, destination), "client in", count: 32)
        let label = isVersion2 ? "quicv2" : "quic"
        let key = Self.expand(secret, label + " key", count: 16)
        let nonce = Self.expand(secret, label + " iv", count: 12)
        let mask = Self.expand(secret, label + " hp", count: 16)

        var payload = Array(frames.prefix(1300))
        let overhead = 1 + 4 + 1 + destination.count + 1 + source.count + 1 + 2 + 1 + 16
        payload += Array(repeating: 0, count: max(0, 1200 - overhead - payload.count))
        // Long header, Initial, a packet number of one byte, which is 0.
        var header: [UInt8] = isVersion2 ? [0xd0, 0x6b, 0x33, 0x43, 0xcf] : [0xc0, 0, 0, 0, 1]
        header.append(UInt8(destination.count))
        header += destination
        header.append(UInt8(source.count))
        header += source
        header.append(0)
        let length = 1 + payload.count + 16
        header += [0x40 | UInt8(length >> 8), UInt8(length & 0xff), 0]

        // The nonce is the IV with the packet number, 0, mixed in.
        let sealed = Self.encrypt(payload, key: key, nonce: nonce, additional: header)
        let sample = Self.encryptBlock(Array(sealed[3..<19]), key: mask)
        header[0] ^= sample[0] & 0x0f
        header[header.count - 1] ^= sample[1]
        return header + sealed
    }

    /// The salt of version 1 (RFC 9001 section 5.2).
    private static let salt: [UInt8] = [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb,
        0x7f, 0x0a,
    ]

    /// The salt of version 2 (RFC 9369 section 3.3.1).
    private static let salt2: [UInt8] = [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd,
        0x2e,
        0xd9,
    ]

    /// HMAC-SHA256; with the salt as key it is HKDF-Extract.
    private static func authenticate(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { output, count in
            var size: UInt32 = 32
            unsafe HMAC(EVP_sha256(), key, CInt(key.count), message, message.count, output.baseAddress, &size)
            count = Int(size)
        }
    }

    /// HKDF-Expand-Label (RFC 8446 section 7.1), for at most the 32 bytes that one round gives.
    private static func expand(_ secret: [UInt8], _ label: String, count: Int) -> [UInt8] {
        let full = Array("tls13 ".utf8) + Array(label.utf8)
        let info = [0, UInt8(count), UInt8(full.count)] + full + [0]
        return Array(authenticate(key: secret, info + [1]).prefix(count))
    }

    /// AES-128-GCM; the tag follows the text.
    private static func encrypt(
        _ text: [UInt8], key: [UInt8], nonce: [UInt8], additional: [UInt8]
    ) -> [UInt8] {
        let context = unsafe EVP_CIPHER_CTX_new()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var count: CInt = 0
        unsafe EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nil, key, nonce)
        unsafe EVP_EncryptUpdate(context, nil, &count, additional, CInt(additional.count))
        var sealed = [UInt8](repeating: 0, count: text.count)
        unsafe EVP_EncryptUpdate(context, &sealed, &count, text, CInt(text.count))
        unsafe EVP_EncryptFinal_ex(context, nil, &count)
        var tag = [UInt8](repeating: 0, count: 16)
        unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, &tag)
        return sealed + tag
    }

    /// One block of AES-128.
    private static func encryptBlock(_ block: [UInt8], key: [UInt8]) -> [UInt8] {
        let context = unsafe EVP_CIPHER_CTX_new()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var count: CInt = 0
        unsafe EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), nil, key, nil)
        var output = [UInt8](repeating: 0, count: 32)
        unsafe EVP_EncryptUpdate(context, &output, &count, block, 16)
        return Array(output.prefix(16))
    }
}
