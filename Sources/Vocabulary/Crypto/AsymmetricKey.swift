import COpenSSL
import Samples

/// A public or private key of OpenSSL. Immutable; shared by all workers.
@safe final class AsymmetricKey: @unchecked Sendable {
    private let pointer: OpaquePointer

    private init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe EVP_PKEY_free(pointer) }

    /// How an RSA key pads what it signs.
    enum Padding { case pkcs1, pss }

    // MARK: Reading

    /// The first public key of a PEM text; nil when there is none.
    static func publicKey(pem: [UInt8]) -> AsymmetricKey? {
        unsafe read(pem) { unsafe portico_pem_read_public_key($0) }
    }

    /// The first private key of a PEM text; nil when there is none.
    static func privateKey(pem: [UInt8]) -> AsymmetricKey? {
        unsafe read(pem) { unsafe portico_pem_read_private_key($0) }
    }

    /// The public key of the first certificate of a PEM text; nil when there is none.
    static func certificateKey(pem: [UInt8]) -> AsymmetricKey? {
        unsafe read(pem) { bio in
            guard let certificate = unsafe portico_pem_read_certificate(bio) else { return nil }
            defer { unsafe X509_free(certificate) }
            return unsafe X509_get_pubkey(certificate)
        }
    }

    private static func read(_ pem: [UInt8], _ body: (OpaquePointer) -> OpaquePointer?) -> AsymmetricKey? {
        unsafe pem.withUnsafeBytes { bytes in
            guard let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer {
                unsafe BIO_free(bio)
                ERR_clear_error()
            }
            guard let key = unsafe body(bio) else { return nil }
            return unsafe AsymmetricKey(key)
        }
    }

    /// `EVP_PKEY_KEYPAIR`, a macro that Swift does not import: both halves of a key and all parameters.
    private static let keyPair: Int32 = 0x87

    /// A parameter of a key.
    private enum Parameter {
        case number([UInt8])
        case text(String)
        case octets([UInt8])
    }

    /// A key of parameters by their names.
    private static func make(_ type: String, _ parameters: [(name: StaticString, value: Parameter)]) -> AsymmetricKey? {
        guard let builder = unsafe OSSL_PARAM_BLD_new() else { return nil }
        var numbers: [OpaquePointer] = unsafe []
        // The builder reads names, texts and octets when it makes the list: they have to stay until then.
        var kept: [ConstantText] = []
        defer {
            unsafe OSSL_PARAM_BLD_free(builder)
            var index = 0
            while unsafe index < numbers.count {
                unsafe BN_clear_free(numbers[index])
                index += 1
            }
            ERR_clear_error()
            withExtendedLifetime(kept) {}
        }
        for (name, value) in parameters {
            let name = unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
            let isTaken: Bool
            switch value {
            case .number(let digits):
                guard let number = unsafe BN_bin2bn(digits, Int32(digits.count), nil) else { return nil }
                unsafe numbers.append(number)
                isTaken = unsafe OSSL_PARAM_BLD_push_BN(builder, name, number) == 1
            case .text(let text):
                let copy = ConstantText(Array(text.utf8))
                kept.append(copy)
                isTaken = unsafe copy.bytes.withUnsafeBytes { bytes in
                    let start = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
                    return unsafe OSSL_PARAM_BLD_push_utf8_string(builder, name, start, bytes.count) == 1
                }
            case .octets(let octets):
                let copy = ConstantText(octets)
                kept.append(copy)
                isTaken = unsafe copy.bytes.withUnsafeBytes { bytes in
                    unsafe OSSL_PARAM_BLD_push_octet_string(builder, name, bytes.baseAddress, bytes.count) == 1
                }
            }
            guard isTaken else { return nil }
        }
        guard let list = unsafe OSSL_PARAM_BLD_to_param(builder) else { return nil }
        defer { unsafe OSSL_PARAM_free(list) }
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_fromdata_init(context) == 1,
            unsafe EVP_PKEY_fromdata(context, &key, keyPair, list) == 1, let key = unsafe key
        else { return nil }
        return unsafe AsymmetricKey(key)
    }

    /// The numbers of a private RSA key, by their names in a JSON Web Key (RFC 7518 section 6.3).
    static func rsa(
        n: [UInt8], e: [UInt8], d: [UInt8], p: [UInt8], q: [UInt8], dp: [UInt8], dq: [UInt8], qi: [UInt8]
    ) -> AsymmetricKey? {
        make(
            "RSA",
            [
                ("n", .number(n)), ("e", .number(e)), ("d", .number(d)), ("rsa-factor1", .number(p)),
                ("rsa-factor2", .number(q)), ("rsa-exponent1", .number(dp)), ("rsa-exponent2", .number(dq)),
                ("rsa-coefficient1", .number(qi)),
            ])
    }

    /// The elliptic curves that have a name in JSON Web Keys, and bytes of a coordinate.
    private static let curves: [String: Int] = ["P-256": 32, "P-384": 48, "P-521": 66]

    /// A public key on a curve, or a private one when `d` is given (RFC 7518 section 6.2).
    static func ellipticCurve(_ curve: String, x: [UInt8], y: [UInt8], d: [UInt8]?) -> AsymmetricKey? {
        guard let size = curves[curve], let x = padded(x, to: size), let y = padded(y, to: size) else { return nil }
        var parameters: [(name: StaticString, value: Parameter)] = [
            ("group", .text(curve)), ("pub", .octets([4] + x + y)),
        ]
        if let d { parameters.append(("priv", .number(d))) }
        return make("EC", parameters)
    }

    private static func padded(_ number: [UInt8], to size: Int) -> [UInt8]? {
        let digits = number.drop { $0 == 0 }
        return digits.count > size ? nil : Array(repeating: 0, count: size - digits.count) + digits
    }

    // MARK: Using

    /// Whether `signature` is that of `message`. One of an elliptic curve is in DER.
    func verifies(
        _ signature: Span<UInt8>, of message: Span<UInt8>, _ digest: MessageDigest, _ padding: Padding?
    ) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer {
            unsafe EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        var keyContext: OpaquePointer?
        guard unsafe EVP_DigestVerifyInit(context, &keyContext, digest.pointer, nil, pointer) == 1 else { return false }
        if let padding {
            let mode = padding == .pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING
            guard unsafe EVP_PKEY_CTX_set_rsa_padding(keyContext, mode) > 0 else { return false }
        }
        return unsafe signature.withUnsafeBufferPointer { signature in
            unsafe message.withUnsafeBufferPointer { message in
                unsafe EVP_DigestVerifyUpdate(context, message.baseAddress, message.count) == 1
                    && EVP_DigestVerifyFinal(context, signature.baseAddress, signature.count) == 1
            }
        }
    }

    /// `wrapped` decrypted by RSA with OAEP; nil when it does not fit.
    func decryptOAEP(_ wrapped: Span<UInt8>, _ digest: MessageDigest) -> [UInt8]? {
        guard let context = unsafe EVP_PKEY_CTX_new(pointer, nil) else { return nil }
        defer {
            unsafe EVP_PKEY_CTX_free(context)
            ERR_clear_error()
        }
        guard unsafe EVP_PKEY_decrypt_init(context) > 0,
            unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0,
            unsafe EVP_PKEY_CTX_set_rsa_oaep_md(context, digest.pointer) > 0,
            unsafe EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest.pointer) > 0
        else { return nil }
        var length = max(0, unsafe Int(EVP_PKEY_get_size(pointer)))
        var output = [UInt8](repeating: 0, count: length)
        let done = unsafe wrapped.withUnsafeBufferPointer { wrapped in
            unsafe EVP_PKEY_decrypt(context, &output, &length, wrapped.baseAddress, wrapped.count)
        }
        guard done > 0, length <= output.count else { return nil }
        output.removeSubrange(length...)
        return output
    }

    /// The secret that this private key and another's public key share; nil when they are of different kinds.
    func sharedSecret(with peer: AsymmetricKey) -> [UInt8]? {
        guard let context = unsafe EVP_PKEY_CTX_new(pointer, nil) else { return nil }
        defer {
            unsafe EVP_PKEY_CTX_free(context)
            ERR_clear_error()
        }
        var length = 0
        guard unsafe EVP_PKEY_derive_init(context) == 1,
            unsafe EVP_PKEY_derive_set_peer(context, peer.pointer) == 1,
            unsafe EVP_PKEY_derive(context, nil, &length) == 1, length < 4096
        else { return nil }
        var secret = [UInt8](repeating: 0, count: length)
        guard unsafe EVP_PKEY_derive(context, &secret, &length) == 1, length <= secret.count else { return nil }
        secret.removeSubrange(length...)
        return secret
    }
}
