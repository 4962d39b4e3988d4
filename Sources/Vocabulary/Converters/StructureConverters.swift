import Samples

/// The converters that know the structure of what they read: JSON, tokens, messages of other protocols, frames, keys and
/// digests.
enum StructureConverters {
    static let all: [Converter] =
        CertificateErrorConverters.all + CipherConverters.all + DigestConverters.all + FrameConverters.all
        + JSONConverters.all
        + MapConverters.all + MessageConverters.all + ProtobufConverters.all + TokenConverters.all
}
