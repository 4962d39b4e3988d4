// Certificates as the runtime API changes them, piece by piece.

import COpenSSL

/// What a certificate is made of, while an operator puts it together: it may lack a key, or everything. Immutable values;
/// the key never leaves memory but by ``privateKeyText``.
public struct CertificateParts: Sendable {
    /// The pieces that a payload may bring.
    public enum Piece: Sendable {
        /// Certificates, and the key when it is there.
        case all
        /// The key alone.
        case key
    }

    /// The name under which it is known: a file's path, or what an operator called it.
    public let name: String
    /// The file that its key was read from; nil when it came from no file.
    public let keyFile: String?
    private var certificates: [X509Handle] = []
    private var key: KeyHandle?

    /// No certificate yet.
    public init(name: String) {
        self.name = name
        keyFile = nil
    }

    /// What a certificate in use is made of.
    public init(_ certificate: Certificate) {
        name = certificate.file
        keyFile = certificate.keyFile
        certificates = [certificate.leaf] + certificate.intermediates
        key = certificate.key
    }

    /// Whether there is no certificate.
    public var isEmpty: Bool { certificates.isEmpty }
    public var hasKey: Bool { key != nil }
    /// What the leaf holds: the first certificate. Nil when there is none.
    public var details: CertificateDetails? { certificates.first?.details }
    /// Subject and issuer of each further certificate.
    public var chain: [(subject: String, issuer: String)] {
        certificates.dropFirst().map { ($0.subject, $0.issuer) }
    }

    /// Takes what PEM text brings. Throws when it brings nothing of use; then nothing has changed.
    public mutating func take(_ text: [UInt8], as piece: Piece) throws(CertificateError) {
        let file = PEMFile(text: text, path: name)
        switch piece {
        case .all:
            let found = try file.certificates()
            guard !found.isEmpty else { throw CertificateError(file: name, .noCertificate) }
            let foundKey = try file.privateKey()
            certificates = found
            key = foundKey
        case .key:
            guard let found = try file.privateKey() else { throw CertificateError(file: name, .noPrivateKey) }
            key = found
        }
    }

    /// Whether the key belongs to the leaf. True without a key.
    public var isConsistent: Bool {
        guard let key, let leaf = certificates.first else { return true }
        defer { ERR_clear_error() }
        return unsafe X509_check_private_key(leaf.pointer, key.pointer) == 1
    }

    /// The certificate that comes of it.
    public func certificate() throws(CertificateError) -> Certificate {
        guard !certificates.isEmpty else { throw CertificateError(file: name, .noCertificate) }
        guard let key else { throw CertificateError(file: name, .noPrivateKey) }
        return try Certificate(file: name, keyFile: keyFile, certificates: certificates, key: key)
    }

    /// Key and certificates as PEM (`dump ssl cert`): a secret.
    public var text: String {
        let text = unsafe PrintedText.bytes { out in
            if let key { unsafe PEM_write_bio_PrivateKey(out, key.pointer, nil, nil, 0, nil, nil) }
            for certificate in certificates { unsafe PEM_write_bio_X509(out, certificate.pointer) }
            return true
        }
        return String(decoding: text ?? [], as: UTF8.self)
    }
}
