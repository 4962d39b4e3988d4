// Whom a client trusts: CA certificates.

import COpenSSL
import Glibc

/// Certificates of authorities. Immutable once loaded; shared by all workers and both TLS libraries.
@safe public final class TrustStore: @unchecked Sendable {
    let certificates: [X509Handle]
    /// The name under which it is known: the file's path, or `@system-ca`.
    public let name: String
    /// The same as OpenSSL wants it; it locks its own lookups, which only full handshakes make.
    let store: OpaquePointer

    /// Revocation lists as PEM, for GnuTLS; empty: none.
    let revocations: [UInt8]

    /// How many authorities are trusted.
    public var count: Int { certificates.count }

    /// Loads a PEM file, or every file of a directory (`ca-file`).
    public convenience init(path: String) throws(CertificateError) {
        var certificates: [X509Handle] = []
        for file in try CertificateFiles.authorities(in: path) {
            certificates += try PEMFile(path: file).certificates()
        }
        guard !certificates.isEmpty else { throw CertificateError(file: path, .noCertificate) }
        try self.init(certificates, name: path)
    }

    /// Takes certificates from PEM text, behind those of `earlier` when there is one (`set ssl ca-file`, `add ssl ca-file`).
    public convenience init(text: [UInt8], name: String, after earlier: TrustStore? = nil) throws(CertificateError) {
        let found = try PEMFile(text: text, path: name).certificates()
        guard !found.isEmpty else { throw CertificateError(file: name, .noCertificate) }
        try self.init((earlier?.certificates ?? []) + found, name: name)
    }

    /// The authorities of several files together, which refuse what revocation lists name (`crl-file`).
    public convenience init(joining stores: [TrustStore], revocations: RevocationList?) throws(CertificateError) {
        try self.init(
            stores.flatMap(\.certificates), name: stores.map(\.name).joined(separator: " "), revocations: revocations)
    }

    /// Loads the system's authorities (`@system-ca`) from where OpenSSL keeps them, or from where the environment
    /// variables `SSL_CERT_FILE` and `SSL_CERT_DIR` point.
    public static func system() throws(CertificateError) -> TrustStore {
        unsafe try system(
            file: location(X509_get_default_cert_file_env(), X509_get_default_cert_file()),
            directories: location(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()))
    }

    /// Loads authorities from a file, if it exists, and from directories (between colons); files in those that hold no
    /// certificates are skipped.
    public static func system(file: String, directories: String) throws(CertificateError) -> TrustStore {
        var certificates: [X509Handle] = []
        if unsafe access(file, R_OK) == 0 { certificates += try PEMFile(path: file).certificates() }
        for directory in directories.split(separator: ":") {
            guard let files = try? CertificateFiles.expand(String(directory)) else { continue }
            for file in files {
                if let found = try? PEMFile(path: file).certificates() { certificates += found }
            }
        }
        guard !certificates.isEmpty else { throw CertificateError(file: "@system-ca", .noCertificate) }
        return try TrustStore(certificates, name: "@system-ca")
    }

    private init(
        _ certificates: [X509Handle], name: String, revocations: RevocationList? = nil
    ) throws(CertificateError) {
        guard let store = unsafe X509_STORE_new() else {
            throw CertificateError(file: name, .badPEM("out of memory"))
        }
        var distinct: [X509Handle] = []
        for certificate in certificates {
            let known = distinct.contains { unsafe X509_cmp($0.pointer, certificate.pointer) == 0 }
            if known { continue }
            if unsafe X509_STORE_add_cert(store, certificate.pointer) != 1 {
                let reason = OpenSSLErrors.drain()
                unsafe X509_STORE_free(store)
                throw CertificateError(file: name, .badPEM(reason))
            }
            distinct.append(certificate)
        }
        if let revocations, unsafe !revocations.apply(to: store) {
            let reason = OpenSSLErrors.drain()
            unsafe X509_STORE_free(store)
            throw CertificateError(file: revocations.name, .badPEM(reason))
        }
        self.certificates = distinct
        self.name = name
        self.revocations = revocations?.text ?? []
        unsafe self.store = store
    }

    deinit {
        unsafe X509_STORE_free(store)
    }

    private static func location(_ variable: UnsafePointer<CChar>, _ fallback: UnsafePointer<CChar>) -> String {
        if let value = unsafe getenv(variable) { return unsafe String(cString: value) }
        return unsafe String(cString: fallback)
    }
}
