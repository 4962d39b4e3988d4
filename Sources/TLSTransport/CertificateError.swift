// Why certificates could not be loaded.

import Glibc

/// Why a certificate, key or CA file could not be used: names the file and the reason, never its content.
public struct CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        /// The file or directory can not be opened or read; the value is `errno`.
        case unreadable(Int32)
        /// The file is larger than `CertificateStore.maximumFileSize`.
        case tooLarge
        /// The PEM or DER text inside is broken; the value is OpenSSL's reason.
        case badPEM(String)
        /// The file holds no certificate.
        case noCertificate
        /// The file holds no revocation list.
        case noRevocationList
        /// Neither the file nor its `.key` file holds a private key.
        case noPrivateKey
        /// The private key is encrypted: a proxy that starts by itself can not ask for the passphrase.
        case encryptedPrivateKey
        /// No certificate of the file belongs to the private key.
        case keyMismatch
        /// The key is of a kind that TLS 1.2 and 1.3 servers do not use here; the value is its name.
        case unsupportedKey(String)
        /// The directory holds no certificate file.
        case emptyDirectory
    }

    /// The file or directory, as configured.
    public let file: String
    public let reason: Reason

    public init(file: String, _ reason: Reason) {
        self.file = file
        self.reason = reason
    }

    public var description: String {
        "'\(file)': \(text)"
    }

    private var text: String {
        switch reason {
        case .unreadable(let number): unsafe String(cString: strerror(number))
        case .tooLarge: "larger than \(PEMFile.maximumSize) bytes"
        case .badPEM(let why): "not a valid PEM file: \(why)"
        case .noCertificate: "no certificate found"
        case .noRevocationList: "no certificate revocation list found"
        case .noPrivateKey: "no private key found, neither in the file nor in its .key file"
        case .encryptedPrivateKey: "the private key is encrypted"
        case .keyMismatch: "the private key does not belong to any certificate of the file"
        case .unsupportedKey(let kind): "unsupported key type \(kind)"
        case .emptyDirectory: "the directory holds no certificate file"
        }
    }
}
