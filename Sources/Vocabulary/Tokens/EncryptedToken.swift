import Messages
import Samples

/// How the key of an encrypted token is wrapped (RFC 7518 section 4.1). RSA with PKCS #1 padding is not among them: RFC
/// 8725 section 3.2 advises against it, and HAProxy refuses it unless told otherwise.
enum KeyManagement: String {
    case rsaOAEP = "RSA-OAEP"
    case rsaOAEP256 = "RSA-OAEP-256"
    case a128KW = "A128KW"
    case a192KW = "A192KW"
    case a256KW = "A256KW"
    case direct = "dir"
    case ecdhES = "ECDH-ES"
    case ecdhESA128KW = "ECDH-ES+A128KW"
    case ecdhESA192KW = "ECDH-ES+A192KW"
    case ecdhESA256KW = "ECDH-ES+A256KW"
    case a128GCMKW = "A128GCMKW"
    case a192GCMKW = "A192GCMKW"
    case a256GCMKW = "A256GCMKW"

    enum Family { case rsa, wrap, direct, agreement, gcmWrap }

    var family: Family {
        switch self {
        case .rsaOAEP, .rsaOAEP256: .rsa
        case .a128KW, .a192KW, .a256KW: .wrap
        case .direct: .direct
        case .ecdhES, .ecdhESA128KW, .ecdhESA192KW, .ecdhESA256KW: .agreement
        case .a128GCMKW, .a192GCMKW, .a256GCMKW: .gcmWrap
        }
    }

    /// Bits of the key that wraps; nil where none does, or its size is another's choice.
    var bits: Int? {
        switch self {
        case .a128KW, .a128GCMKW, .ecdhESA128KW: 128
        case .a192KW, .a192GCMKW, .ecdhESA192KW: 192
        case .a256KW, .a256GCMKW, .ecdhESA256KW: 256
        case .rsaOAEP, .rsaOAEP256, .direct, .ecdhES: nil
        }
    }
}

/// How the content of an encrypted token is encrypted (RFC 7518 section 5.1).
enum ContentEncryption: String {
    case a128CBC = "A128CBC-HS256"
    case a192CBC = "A192CBC-HS384"
    case a256CBC = "A256CBC-HS512"
    case a128GCM = "A128GCM"
    case a192GCM = "A192GCM"
    case a256GCM = "A256GCM"

    var mode: AESCipher.Mode {
        switch self {
        case .a128CBC, .a192CBC, .a256CBC: .cbc
        case .a128GCM, .a192GCM, .a256GCM: .gcm
        }
    }

    /// Bits of the key for AES.
    var bits: Int {
        switch self {
        case .a128CBC, .a128GCM: 128
        case .a192CBC, .a192GCM: 192
        case .a256CBC, .a256GCM: 256
        }
    }

    /// Bits of the content's key: with Cipher Block Chaining as many again to authenticate.
    var keyBits: Int { mode == .cbc ? bits * 2 : bits }

    var digest: MessageDigest {
        switch self {
        case .a128CBC, .a128GCM: .sha256
        case .a192CBC, .a192GCM: .sha384
        case .a256CBC, .a256GCM: .sha512
        }
    }
}

/// What decrypts an encrypted token.
enum TokenKey {
    case secret([UInt8])
    case privateKey(AsymmetricKey)
}

/// An encrypted JSON Web Token (RFC 7516): its header is read, the rest is in text still.
struct EncryptedToken: ~Escapable {
    private enum Part { static let header = 0, key = 1, nonce = 2, content = 3, tag = 4 }

    private let token: Span<UInt8>
    private let parts: CompactToken
    private let header: [UInt8]
    let management: KeyManagement
    private let encryption: ContentEncryption

    /// Nil when there are not five parts, or the header is not understood.
    @_lifetime(copy token)
    init?(_ token: Span<UInt8>) {
        let parts = CompactToken(token, parts: 5)
        guard parts.count == 5, !parts.hasMore,
            let header = Base64Alphabet.url.bytes(token.extracting(parts.range(Part.header))),
            let management = JSONObject.text("$.alg", in: header.span).flatMap(KeyManagement.init(rawValue:)),
            let encryption = JSONObject.text("$.enc", in: header.span).flatMap(ContentEncryption.init(rawValue:))
        else { return nil }
        self.token = token
        self.parts = parts
        self.header = header
        self.management = management
        self.encryption = encryption
    }

    /// Appends the content to `text`. False when the key does not fit, or anything was changed.
    func decrypt(_ key: TokenKey, into text: inout ScratchText, _ scratch: ScratchArena) -> Bool {
        guard let contentKey = contentKey(key, scratch) else { return false }
        guard let nonce = part(Part.nonce), let content = part(Part.content), let tag = part(Part.tag) else {
            return false
        }
        let protected = token.extracting(parts.range(Part.header))
        let size = encryption.bits / 8
        if encryption.mode == .gcm {
            return AESCipher.decrypt(
                content.span, .gcm, bits: encryption.bits, key: contentKey.span, nonce: nonce.span,
                additional: protected, tag: tag.span, into: &text)
        }
        // The first half of the key authenticates, the second decrypts (RFC 7518 section 5.2).
        guard contentKey.count >= size * 2 else { return false }
        var signed = Array(copying: protected) + nonce + content
        let bits = UInt64(protected.count) * 8
        for shift in 0..<8 { signed.append(UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * shift))) }
        var code = scratch.text()
        guard
            encryption.digest.authenticate(
                signed.span, key: contentKey.span.extracting(0..<size), into: &code)
        else { return false }
        guard isEqualInConstantTime(tag.span, code.bytes.extracting(0..<code.count / 2)) else { return false }
        let none: [UInt8] = []
        return AESCipher.decrypt(
            content.span, .cbc, bits: encryption.bits, key: contentKey.span.extracting(size..<size * 2),
            nonce: nonce.span, additional: none.span, tag: none.span, into: &text)
    }

    private func part(_ part: Int) -> [UInt8]? { Base64Alphabet.url.bytes(token.extracting(parts.range(part))) }

    /// The key that the content is encrypted with.
    private func contentKey(_ key: TokenKey, _ scratch: ScratchArena) -> [UInt8]? {
        switch (management.family, key) {
        case (.direct, .secret(let secret)): return secret
        case (.wrap, .secret(let secret)):
            guard let wrapped = wrappedKey, let bits = management.bits else { return nil }
            return AESCipher.unwrap(wrapped.span, bits: bits, key: secret.span)
        case (.gcmWrap, .secret(let secret)):
            guard let wrapped = wrappedKey, let bits = management.bits,
                let tag = JSONObject.bytes("$.tag", in: header.span),
                let nonce = JSONObject.bytes("$.iv", in: header.span)
            else { return nil }
            var text = scratch.text()
            let none: [UInt8] = []
            guard
                AESCipher.decrypt(
                    wrapped.span, .gcm, bits: bits, key: secret.span, nonce: nonce.span, additional: none.span,
                    tag: tag.span, into: &text)
            else { return nil }
            return Array(copying: text.bytes)
        case (.rsa, .privateKey(let privateKey)):
            guard let wrapped = wrappedKey else { return nil }
            return privateKey.decryptOAEP(wrapped.span, management == .rsaOAEP ? .sha1 : .sha256)
        case (.agreement, .privateKey(let privateKey)): return agreedKey(privateKey, scratch)
        default: return nil
        }
    }

    /// The wrapped key; nil when there is none.
    private var wrappedKey: [UInt8]? {
        guard let key = part(Part.key), !key.isEmpty else { return nil }
        return key
    }

    /// The key that follows from the sender's public key in the header and our private one (RFC 7518 section 4.6).
    private func agreedKey(_ privateKey: AsymmetricKey, _ scratch: ScratchArena) -> [UInt8]? {
        guard let match = JSONQuery.find(Span("$.epk"), in: header.span), match.kind == .object,
            let peer = JSONWebKey.ellipticCurve(header.span.extracting(match.range)),
            let secret = privateKey.sharedSecret(with: peer)
        else { return nil }
        let bits = management.bits ?? encryption.keyBits
        let name = management == .ecdhES ? encryption.rawValue : management.rawValue
        var other: [UInt8] = []
        for text in [
            Array(name.utf8), JSONObject.bytes("$.apu", in: header.span) ?? [],
            JSONObject.bytes("$.apv", in: header.span) ?? [],
        ] {
            Self.append(text.count, to: &other)
            other += text
        }
        Self.append(bits, to: &other)
        var derived: [UInt8] = []
        var round = 1
        while derived.count < bits / 8 {
            var input: [UInt8] = []
            Self.append(round, to: &input)
            input += secret + other
            var text = scratch.text()
            guard MessageDigest.sha256.hash(input.span, into: &text) else { return nil }
            derived += Array(copying: text.bytes)
            round += 1
        }
        derived.removeSubrange((bits / 8)...)
        if management == .ecdhES { return derived }
        guard let wrapped = wrappedKey else { return nil }
        return AESCipher.unwrap(wrapped.span, bits: bits, key: derived.span)
    }

    /// Four bytes in network order.
    private static func append(_ number: Int, to bytes: inout [UInt8]) {
        for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: number >> (24 - 8 * shift))) }
    }
}
