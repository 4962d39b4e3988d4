import Bytes
import Samples
import Words

/// Converters that make digests of bytes (configuration.txt section 7.3.1).
enum DigestConverters {
    static let all: [Converter] = [
        Converter("sha1", "The SHA-1 digest.", example: "str(x),sha1,hex", from: .bin, to: .bin) {
            evaluation, _, sample in
            hash(.sha1, evaluation, &sample)
        },
        Converter(
            "sha2", "The SHA-2 digest of 224, 256, 384 or 512 bits; 256 when not told.",
            example: "str(x),sha2(512),hex",
            takes: ArgumentSignature([.integer], required: 0), from: .bin, to: .bin,
            prepare: { values, _ throws(Complaint) in try DigestChoice(bits: values) }
        ) { evaluation, arguments, sample in
            hash(arguments.object(DigestChoice.self).digest, evaluation, &sample)
        },
        Converter(
            "digest", "The digest by an algorithm that OpenSSL knows.", example: "str(x),digest(sha256),hex",
            takes: ArgumentSignature([.string], required: 1), from: .bin, to: .bin,
            prepare: { values, _ throws(Complaint) in try DigestChoice(name: values.first) }
        ) { evaluation, arguments, sample in
            hash(arguments.object(DigestChoice.self).digest, evaluation, &sample)
        },
    ]

    private static func hash(_ digest: MessageDigest, _ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        var text = evaluation.scratch.text()
        guard digest.hash(sample.bytes, into: &text) else { return false }
        text.finish(&sample, .bin)
        return true
    }
}

/// The digest that an argument names.
final class DigestChoice: Sendable {
    let digest: MessageDigest

    /// By an optional number of bits.
    init(bits values: [Argument]) throws(Complaint) {
        guard case .integer(let bits)? = values.first else {
            digest = .sha256
            return
        }
        switch bits {
        case 224: digest = .sha224
        case 256: digest = .sha256
        case 384: digest = .sha384
        case 512: digest = .sha512
        default: throw Complaint("Unsupported number of bits: '\(bits)'")
        }
    }

    /// By a name.
    init(name: Argument?) throws(Complaint) {
        guard case .string(let name)? = name, let digest = MessageDigest(named: String(decoding: name, as: UTF8.self))
        else { throw Complaint("algorithm must be a valid OpenSSL message digest name.") }
        self.digest = digest
    }
}
