import COpenSSL
import Messages
import Samples
import Words

/// What `jwt_verify` and `jwt_verify_cert` say of a token (configuration.txt section 7.3.1).
enum TokenVerdict: Int64 {
    case wrongSignature = 0
    case valid = 1
    case unknownAlgorithm = -1
    case unmanagedAlgorithm = -2
    case invalidToken = -3
    case unknownKey = -5
}

/// The checked arguments of `jwt_verify` and `jwt_verify_cert`: an algorithm, and a secret or the name of a key.
final class TokenVerifier: Sendable {
    private let algorithm: TextOperand
    private let key: TextOperand
    /// Whether keys are those of certificates.
    private let usesCertificates: Bool
    private let keys: TokenKeys

    init(_ values: [Argument], _ context: CompilationContext, usesCertificates: Bool) throws(Complaint) {
        algorithm = TextOperand(values[0], context)
        key = TextOperand(values[1], context)
        self.usesCertificates = usesCertificates
        keys = TokenKeys.of(context)
        var family: SignatureAlgorithm.Family?
        if let name = algorithm.constant {
            let text = name.bytes.string
            guard let known = SignatureAlgorithm(rawValue: text) else {
                throw Complaint("unknown JWT algorithm: \(text)")
            }
            family = known.family
        }
        guard let name = key.constant else { return }
        if usesCertificates {
            if family == .secret { throw Complaint("HMAC-signed tokens can't be processed by this converter") }
            keys.loadCertificate(name, context)
        } else if family != .secret {
            do throws(Complaint) {
                try keys.loadPublicKey(name, context)
            } catch {
                // With an algorithm that a variable tells it may be a secret.
                if family != nil { throw error }
            }
        }
    }

    /// Makes `sample`, a token, the verdict about it.
    func apply(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        var algorithm = Sample()
        var key = Sample()
        guard self.algorithm.load(evaluation, &algorithm), algorithm.byteCount > 0, self.key.load(evaluation, &key),
            key.byteCount > 0
        else { return false }
        sample.setInteger(verdict(evaluation, sample.bytes, algorithm.bytes, key.bytes).rawValue)
        return true
    }

    private func verdict(
        _ evaluation: Evaluation, _ token: Span<UInt8>, _ name: Span<UInt8>, _ key: Span<UInt8>
    ) -> TokenVerdict {
        guard name.count <= 5, let algorithm = SignatureAlgorithm(rawValue: name.string) else {
            return .unknownAlgorithm
        }
        let parts = CompactToken(token, parts: 3)
        guard parts.count == 3, !parts.hasMore else { return .invalidToken }
        let encoded = token.extracting(parts.range(2))
        if algorithm.family == .none { return encoded.isEmpty ? .valid : .wrongSignature }
        var signature = evaluation.scratch.text()
        guard !encoded.isEmpty, Base64Alphabet.url.decode(encoded, &signature), !signature.isFull else {
            return .invalidToken
        }
        let signed = token.extracting(0..<parts.range(1).upperBound)
        if algorithm.family == .secret {
            if usesCertificates { return .unmanagedAlgorithm }
            var code = evaluation.scratch.text()
            guard algorithm.digest.authenticate(signed, key: key, into: &code) else { return .wrongSignature }
            return isEqualInConstantTime(code.bytes, signature.bytes) ? .valid : .wrongSignature
        }
        guard let publicKey = usesCertificates ? keys.certificate(key)?.publicKey : keys.publicKey(key) else {
            return .unknownKey
        }
        guard algorithm.family == .ellipticCurve else {
            let padding: AsymmetricKey.Padding = algorithm.family == .rsaPSS ? .pss : .pkcs1
            let isValid = publicKey.verifies(signature.bytes, of: signed, algorithm.digest, padding)
            return isValid ? .valid : .wrongSignature
        }
        // The two numbers of the signature stand side by side (RFC 7518 section 3.4); OpenSSL wants them in DER.
        guard signature.count > 0, signature.count % 2 == 0, signature.count <= 256 else { return .invalidToken }
        let der = Self.sequence(ofHalves: signature.bytes)
        return publicKey.verifies(der.span, of: signed, algorithm.digest, nil) ? .valid : .wrongSignature
    }

    /// The halves of `numbers`, each an integer, as a DER sequence.
    private static func sequence(ofHalves numbers: Span<UInt8>) -> [UInt8] {
        let half = numbers.count / 2
        let integers = integer(numbers.extracting(0..<half)) + integer(numbers.extracting(half..<numbers.count))
        return [0x30] + length(integers.count) + integers
    }

    private static func integer(_ digits: Span<UInt8>) -> [UInt8] {
        var start = 0
        while start < digits.count - 1, digits[start] == 0 { start += 1 }
        var bytes = Array(copying: digits.extracting(start..<digits.count))
        // The first bit is the sign.
        if let first = bytes.first, first >= 0x80 { bytes.insert(0, at: 0) }
        return [0x02] + length(bytes.count) + bytes
    }

    private static func length(_ count: Int) -> [UInt8] {
        if count < 0x80 { return [UInt8(count)] }
        return count < 0x100 ? [0x81, UInt8(count)] : [0x82, UInt8(count >> 8), UInt8(truncatingIfNeeded: count)]
    }
}
