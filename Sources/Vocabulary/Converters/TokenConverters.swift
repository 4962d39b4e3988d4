import Messages
import Samples
import Words

/// Converters of JSON Web Tokens (configuration.txt section 7.3.1).
enum TokenConverters {
    static let all: [Converter] = [
        query("jwt_header_query", "The header of a token, or a value in it.", part: 0),
        query("jwt_payload_query", "The claims of a token, or a value in them.", part: 1),
        Converter(
            "jwt_verify", "1 when the signature of a token is right; 0 or less when it is not.",
            example: "http_auth_bearer,jwt_verify(txn.alg,/etc/haproxy/key.pem)",
            takes: ArgumentSignature([.string, .string], required: 2), from: .bin, to: .sint,
            prepare: { values, context throws(Complaint) in
                try TokenVerifier(values, context, usesCertificates: false)
            }
        ) { evaluation, arguments, sample in
            arguments.object(TokenVerifier.self).apply(evaluation, &sample)
        },
        Converter(
            "jwt_verify_cert", "The same with the key of a certificate.",
            example: "http_auth_bearer,jwt_verify_cert(txn.alg,/etc/haproxy/cert.pem)",
            takes: ArgumentSignature([.string, .string], required: 2), from: .bin, to: .sint,
            prepare: { values, context throws(Complaint) in
                try TokenVerifier(values, context, usesCertificates: true)
            }
        ) { evaluation, arguments, sample in
            arguments.object(TokenVerifier.self).apply(evaluation, &sample)
        },
        decrypt("jwt_decrypt_secret", "The content of an encrypted token, by a secret in base64.", .secret),
        decrypt("jwt_decrypt_cert", "The content of an encrypted token, by a certificate's private key.", .certificate),
        decrypt("jwt_decrypt_jwk", "The content of an encrypted token, by a JSON Web Key.", .webKey),
    ]

    private static func query(_ name: String, _ summary: String, part: Int) -> Converter {
        Converter(
            name, summary, example: "http_auth_bearer,\(name)('$.alg')",
            takes: ArgumentSignature([.string, .string], required: 0), from: .bin, to: .any,
            prepare: { values, _ throws(Complaint) in try JSONValueQuery(values, allowsEmptyPath: true) }
        ) { evaluation, arguments, sample in
            let token = CompactToken(sample.bytes, parts: part + 1)
            guard token.count > part else { return false }
            var text = evaluation.scratch.text()
            guard Base64Alphabet.url.decode(sample.bytes.extracting(token.range(part)), &text), !text.isFull else {
                return false
            }
            text.finish(&sample)
            return arguments.isPresent(0) ? arguments.object(JSONValueQuery.self).apply(evaluation, &sample) : true
        }
    }

    private static func decrypt(_ name: String, _ summary: String, _ kind: TokenDecryption.KeyKind) -> Converter {
        Converter(
            name, summary, example: "http_auth_bearer,\(name)(txn.key)",
            takes: ArgumentSignature([.string], required: 1), from: .bin, to: .bin,
            prepare: { values, context throws(Complaint) in try TokenDecryption(values.first, context, kind) }
        ) { evaluation, arguments, sample in
            arguments.object(TokenDecryption.self).apply(evaluation, &sample)
        }
    }
}

/// The checked argument of the `jwt_decrypt_*` converters.
final class TokenDecryption: Sendable {
    enum KeyKind { case secret, certificate, webKey }

    private enum Source {
        case secret(Base64Operand)
        case certificate(TextOperand)
        case webKey(TextOperand)
    }

    private let source: Source
    private let keys: TokenKeys

    init(_ argument: Argument?, _ context: CompilationContext, _ kind: KeyKind) throws(Complaint) {
        keys = TokenKeys.of(context)
        switch kind {
        case .secret: source = .secret(try Base64Operand(argument, context, "secret"))
        case .certificate:
            let name = TextOperand(argument, context)
            if let constant = name.constant, keys.certificate(constant.bytes) == nil {
                throw Complaint("unknown certificate \(constant.bytes.string)")
            }
            source = .certificate(name)
        case .webKey:
            let key = TextOperand(argument, context)
            if let constant = key.constant { try JSONWebKey.check(constant.bytes) }
            source = .webKey(key)
        }
    }

    /// Makes `sample`, an encrypted token, its content.
    func apply(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        guard let token = EncryptedToken(sample.bytes), let key = key(token.management.family, evaluation) else {
            return false
        }
        var text = evaluation.scratch.text()
        guard token.decrypt(key, into: &text, evaluation.scratch) else { return false }
        text.finish(&sample, .bin)
        return true
    }

    private func key(_ family: KeyManagement.Family, _ evaluation: Evaluation) -> TokenKey? {
        var text = Sample()
        switch source {
        case .secret(let operand):
            return operand.load(evaluation, &text) ? .secret(Array(copying: text.bytes)) : nil
        case .certificate(let name):
            guard name.load(evaluation, &text) else { return nil }
            return keys.certificate(text.bytes)?.privateKey.map(TokenKey.privateKey)
        case .webKey(let operand):
            return operand.load(evaluation, &text) ? JSONWebKey.read(text.bytes) : nil
        }
    }
}
