import Samples
import Words

/// The keys that converters of tokens use, by the names of their files. Filled while the configuration is read, and only
/// read after: tokens whose key is named by a variable find here those that some converter has named itself.
@safe final class TokenKeys: Sendable {
    /// A certificate's key, and its private key when the file has one.
    struct CertificateKeys {
        let publicKey: AsymmetricKey
        let privateKey: AsymmetricKey?
    }

    nonisolated(unsafe) private var publicKeys: [[UInt8]: AsymmetricKey] = [:]
    nonisolated(unsafe) private var certificates: [[UInt8]: CertificateKeys] = [:]

    /// The keys of a configuration.
    static func of(_ context: CompilationContext) -> TokenKeys {
        if let known = context.shared["token-keys"] as? TokenKeys { return known }
        let keys = TokenKeys()
        context.shared["token-keys"] = keys
        return keys
    }

    /// The public key of a file that was loaded; nil for others.
    func publicKey(_ name: Span<UInt8>) -> AsymmetricKey? { unsafe publicKeys[Array(copying: name)] }

    /// The keys of a certificate that was loaded; nil for others.
    func certificate(_ name: Span<UInt8>) -> CertificateKeys? { unsafe certificates[Array(copying: name)] }

    /// Loads the public key in a file. Only while the configuration is read.
    func loadPublicKey(_ name: ConstantText, _ context: CompilationContext) throws(Complaint) {
        guard publicKey(name.bytes) == nil else { return }
        let bytes = Array(copying: name.bytes)
        let path = String(decoding: bytes, as: UTF8.self)
        let content: [UInt8]
        do throws(Complaint) {
            content = try context.readFile(path)
        } catch {
            throw Complaint("cannot read the public key '\(path)': \(error.message)")
        }
        guard let key = AsymmetricKey.publicKey(pem: content) else {
            throw Complaint("'\(path)' holds no public key in PEM format")
        }
        unsafe publicKeys[bytes] = key
    }

    /// Loads the certificate in a file, or the public key when it has that. A file with neither is left out: tokens that
    /// need it are told so. Only while the configuration is read.
    func loadCertificate(_ name: ConstantText, _ context: CompilationContext) {
        let bytes = Array(copying: name.bytes)
        guard let content = try? context.readFile(String(decoding: bytes, as: UTF8.self)) else { return }
        if let key = AsymmetricKey.publicKey(pem: content) {
            unsafe publicKeys[bytes] = key
        } else if let key = AsymmetricKey.certificateKey(pem: content) {
            unsafe certificates[bytes] = CertificateKeys(
                publicKey: key, privateKey: AsymmetricKey.privateKey(pem: content))
        }
    }
}
