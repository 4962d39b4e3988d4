import COpenSSL
import Samples

/// AES with a key of 128, 192 or 256 bits: in Galois/Counter Mode, in Cipher Block Chaining, and as key wrap (RFC 3394).
enum AESCipher {
    enum Mode { case gcm, cbc }

    /// Bytes of the tag that authenticates a text in Galois/Counter Mode.
    static let tagLength = 16
    private static let blockLength = 16

    private static func algorithm(_ mode: Mode, bits: Int) -> OpaquePointer? {
        switch (mode, bits) {
        case (.gcm, 128): unsafe EVP_aes_128_gcm()
        case (.gcm, 192): unsafe EVP_aes_192_gcm()
        case (.gcm, 256): unsafe EVP_aes_256_gcm()
        case (.cbc, 128): unsafe EVP_aes_128_cbc()
        case (.cbc, 192): unsafe EVP_aes_192_cbc()
        case (.cbc, 256): unsafe EVP_aes_256_cbc()
        default: nil
        }
    }

    /// Appends `data` encrypted to `output`, and in Galois/Counter Mode its tag to `tag`. False when the key is too
    /// short, the nonce empty, or `output` too small.
    static func encrypt(
        _ data: Span<UInt8>, _ mode: Mode, bits: Int, key: Span<UInt8>, nonce: Span<UInt8>, additional: Span<UInt8>,
        into output: inout ScratchText, tag: inout ScratchText
    ) -> Bool {
        guard output.capacity - output.count >= data.count + blockLength else { return false }
        return unsafe withContext(mode, bits: bits, key: key, nonce: nonce, encrypting: true) { context in
            guard unsafe authenticate(additional, context), unsafe update(data, context, into: &output) else {
                return false
            }
            if mode == .cbc { return true }
            return unsafe tag.fill { room in
                guard room.count >= tagLength else { return nil }
                let done = unsafe EVP_CIPHER_CTX_ctrl(
                    context, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), room.baseAddress)
                return done == 1 ? tagLength : nil
            }
        }
    }

    /// Appends `data` decrypted to `output`. False when the tag does not fit, or the padding, or for the reasons of
    /// ``encrypt``.
    static func decrypt(
        _ data: Span<UInt8>, _ mode: Mode, bits: Int, key: Span<UInt8>, nonce: Span<UInt8>, additional: Span<UInt8>,
        tag: Span<UInt8>, into output: inout ScratchText
    ) -> Bool {
        guard output.capacity - output.count >= data.count + blockLength, mode == .cbc || tag.count == tagLength else {
            return false
        }
        return unsafe withContext(mode, bits: bits, key: key, nonce: nonce, encrypting: false) { context in
            if mode == .gcm {
                let done = unsafe tag.withUnsafeBufferPointer { tag in
                    unsafe EVP_CIPHER_CTX_ctrl(
                        context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count),
                        UnsafeMutableRawPointer(mutating: tag.baseAddress))
                }
                guard done == 1, unsafe authenticate(additional, context) else { return false }
            }
            return unsafe update(data, context, into: &output)
        }
    }

    /// The key in `wrapped` (RFC 3394); nil when the key that wraps is too short or does not fit.
    static func unwrap(_ wrapped: Span<UInt8>, bits: Int, key: Span<UInt8>) -> [UInt8]? {
        let algorithm: OpaquePointer?
        switch bits {
        case 128: unsafe algorithm = EVP_aes_128_wrap()
        case 192: unsafe algorithm = EVP_aes_192_wrap()
        default: unsafe algorithm = EVP_aes_256_wrap()
        }
        guard key.count >= bits / 8, wrapped.count >= 16, let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        defer {
            unsafe EVP_CIPHER_CTX_free(context)
            ERR_clear_error()
        }
        unsafe EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW)
        var output = [UInt8](repeating: 0, count: wrapped.count + 16)
        var length: Int32 = 0
        var rest: Int32 = 0
        let done = unsafe key.withUnsafeBufferPointer { key in
            unsafe wrapped.withUnsafeBufferPointer { wrapped in
                unsafe output.withUnsafeMutableBufferPointer { output in
                    guard unsafe EVP_DecryptInit_ex(context, algorithm, nil, key.baseAddress, nil) == 1,
                        unsafe EVP_DecryptUpdate(
                            context, output.baseAddress, &length, wrapped.baseAddress, Int32(wrapped.count)) == 1,
                        unsafe EVP_DecryptFinal_ex(context, output.baseAddress! + Int(length), &rest) == 1
                    else { return false }
                    return true
                }
            }
        }
        guard done, length >= 0, rest >= 0 else { return nil }
        output.removeSubrange(Int(length + rest)...)
        return output
    }

    /// Makes a context ready and runs `body` with it.
    private static func withContext(
        _ mode: Mode, bits: Int, key: Span<UInt8>, nonce: Span<UInt8>, encrypting: Bool,
        _ body: (OpaquePointer) -> Bool
    ) -> Bool {
        guard let algorithm = unsafe algorithm(mode, bits: bits), key.count >= bits / 8,
            let context = unsafe EVP_CIPHER_CTX_new()
        else { return false }
        defer {
            unsafe EVP_CIPHER_CTX_free(context)
            ERR_clear_error()
        }
        let direction: Int32 = encrypting ? 1 : 0
        guard unsafe EVP_CipherInit_ex(context, algorithm, nil, nil, nil, direction) == 1 else { return false }
        if mode == .gcm {
            guard nonce.count > 0,
                unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, Int32(nonce.count), nil) == 1
            else { return false }
            let done = unsafe key.withUnsafeBufferPointer { key in
                unsafe nonce.withUnsafeBufferPointer { nonce in
                    unsafe EVP_CipherInit_ex(context, nil, nil, key.baseAddress, nonce.baseAddress, direction)
                }
            }
            return unsafe done == 1 && body(context)
        }
        // A short nonce is filled up with zeros.
        var block = [UInt8](repeating: 0, count: blockLength)
        for index in 0..<min(nonce.count, blockLength) { block[index] = nonce[index] }
        let done = unsafe key.withUnsafeBufferPointer { key in
            unsafe EVP_CipherInit_ex(context, nil, nil, key.baseAddress, block, direction)
        }
        return unsafe done == 1 && body(context)
    }

    private static func authenticate(_ additional: Span<UInt8>, _ context: OpaquePointer) -> Bool {
        if additional.isEmpty { return true }
        var length: Int32 = 0
        return unsafe additional.withUnsafeBufferPointer { bytes in
            unsafe EVP_CipherUpdate(context, nil, &length, bytes.baseAddress, Int32(bytes.count)) == 1
        }
    }

    /// The caller has looked that there is room.
    private static func update(
        _ data: Span<UInt8>, _ context: OpaquePointer, into output: inout ScratchText
    ) -> Bool {
        unsafe output.fill { room in
            var length: Int32 = 0
            var rest: Int32 = 0
            let done = unsafe data.withUnsafeBufferPointer { data in
                unsafe data.isEmpty
                    || EVP_CipherUpdate(context, room.baseAddress, &length, data.baseAddress, Int32(data.count)) == 1
            }
            guard done, let base = room.baseAddress,
                unsafe EVP_CipherFinal_ex(context, base + Int(length), &rest) == 1
            else { return nil }
            return Int(length + rest)
        }
    }
}
