import Samples
import Words

/// Converters that encrypt, decrypt and authenticate bytes (configuration.txt section 7.3.1).
enum CipherConverters {
    static let all: [Converter] = [
        gcm("aes_gcm_enc", "The bytes encrypted by AES in Galois/Counter Mode; their tag goes into a variable.", true),
        gcm("aes_gcm_dec", "The bytes decrypted by AES in Galois/Counter Mode, if their tag is right.", false),
        cbc("aes_cbc_enc", "The bytes encrypted by AES with Cipher Block Chaining.", true),
        cbc("aes_cbc_dec", "The bytes decrypted by AES with Cipher Block Chaining.", false),
        Converter(
            "hmac", "The authentication code (RFC 2104) by a digest and a key in base64.",
            example: "str(x),hmac(sha256,a2V5),hex", takes: ArgumentSignature([.string, .string], required: 2),
            from: .bin, to: .bin,
            prepare: { values, context throws(Complaint) in try AuthenticationCode(values, context) }
        ) { evaluation, arguments, sample in
            arguments.object(AuthenticationCode.self).apply(evaluation, &sample)
        },
    ]

    private static func gcm(_ name: String, _ summary: String, _ encrypts: Bool) -> Converter {
        Converter(
            name, summary, example: "str(x),\(name)(128,txn.nonce,txn.key,txn.tag),hex",
            takes: ArgumentSignature([.integer, .string, .string, .string, .string], required: 4), from: .bin, to: .bin,
            prepare: { values, context throws(Complaint) in
                try CipherArguments(values, context, .gcm, encrypts: encrypts)
            }
        ) { evaluation, arguments, sample in
            arguments.object(CipherArguments.self).apply(evaluation, &sample)
        }
    }

    private static func cbc(_ name: String, _ summary: String, _ encrypts: Bool) -> Converter {
        Converter(
            name, summary, example: "str(x),\(name)(128,txn.iv,txn.key),hex",
            takes: ArgumentSignature([.integer, .string, .string, .string], required: 3), from: .bin, to: .bin,
            prepare: { values, context throws(Complaint) in
                try CipherArguments(values, context, .cbc, encrypts: encrypts)
            }
        ) { evaluation, arguments, sample in
            arguments.object(CipherArguments.self).apply(evaluation, &sample)
        }
    }
}

/// The checked arguments of the `aes_*` converters: bits, nonce, key, then with `gcm` the tag, and additional data.
private final class CipherArguments: Sendable {
    private let mode: AESCipher.Mode
    private let encrypts: Bool
    private let bits: Int
    private let nonce: Base64Operand
    private let key: Base64Operand
    /// Decryption: the tag.
    private let tag: Base64Operand?
    /// Encryption: where the tag goes.
    private let tagVariable: VariableName?
    private let additional: Base64Operand?

    init(
        _ values: [Argument], _ context: CompilationContext, _ mode: AESCipher.Mode, encrypts: Bool
    ) throws(Complaint) {
        self.mode = mode
        self.encrypts = encrypts
        guard case .integer(let bits)? = values.first, bits == 128 || bits == 192 || bits == 256 else {
            throw Complaint("key size must be 128, 192 or 256 (bits).")
        }
        self.bits = Int(bits)
        nonce = try Base64Operand(values[1], context, "nonce ")
        key = try Base64Operand(values[2], context, "key ")
        var last = 3
        var tag: Base64Operand?
        var tagVariable: VariableName?
        if mode == .gcm {
            last = 4
            if encrypts {
                tagVariable = try Self.variable(values[3], context)
            } else {
                tag = try Base64Operand(values[3], context, "aead_tag ")
            }
        }
        self.tag = tag
        self.tagVariable = tagVariable
        let additional = values.count > last ? try Base64Operand(values[last], context, "aad ") : nil
        // Cipher Block Chaining authenticates nothing: the argument is taken and has no effect, as in HAProxy.
        self.additional = mode == .gcm ? additional : nil
    }

    private static func variable(_ argument: Argument, _ context: CompilationContext) throws(Complaint) -> VariableName
    {
        guard case .string(let name) = argument else { throw Complaint("failed to parse aead_tag : no variable") }
        do throws(Complaint) {
            return try context.variable(String(decoding: name, as: UTF8.self))
        } catch {
            throw Complaint("failed to parse aead_tag : \(error.message)")
        }
    }

    func apply(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        var nonce = Sample()
        var key = Sample()
        var additional = Sample()
        var tag = Sample()
        guard self.nonce.load(evaluation, &nonce), self.key.load(evaluation, &key),
            self.additional?.load(evaluation, &additional) ?? true, self.tag?.load(evaluation, &tag) ?? true
        else { return false }
        var output = evaluation.scratch.text()
        if encrypts {
            var madeTag = evaluation.scratch.text()
            guard
                AESCipher.encrypt(
                    sample.bytes, mode, bits: bits, key: key.bytes, nonce: nonce.bytes, additional: additional.bytes,
                    into: &output, tag: &madeTag)
            else { return false }
            if let tagVariable {
                var text = evaluation.scratch.text()
                Base64Alphabet.standard.encode(madeTag.bytes, &text)
                text.finish(&tag)
                guard evaluation.set(tagVariable, to: tag) else { return false }
            }
        } else {
            guard
                AESCipher.decrypt(
                    sample.bytes, mode, bits: bits, key: key.bytes, nonce: nonce.bytes, additional: additional.bytes,
                    tag: tag.bytes, into: &output)
            else { return false }
        }
        output.finish(&sample, .bin)
        return true
    }
}

/// The checked arguments of `hmac`: a digest and a key.
private final class AuthenticationCode: Sendable {
    private let choice: DigestChoice
    private let key: Base64Operand

    init(_ values: [Argument], _ context: CompilationContext) throws(Complaint) {
        choice = try DigestChoice(name: values.first)
        key = try Base64Operand(values[1], context, "key ")
    }

    func apply(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        var key = Sample()
        guard self.key.load(evaluation, &key) else { return false }
        var text = evaluation.scratch.text()
        guard choice.digest.authenticate(sample.bytes, key: key.bytes, into: &text) else { return false }
        text.finish(&sample, .bin)
        return true
    }
}
