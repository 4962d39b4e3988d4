package import Configuration
import Synchronization
package import TLSTransport

/// The certificates and authorities that are in memory, by the names of their files. Bind lines and servers take theirs
/// from here; what the runtime API creates is here before anybody uses it. Only start and control come here.
package final class TLSFiles: Sendable {
    private struct Contents {
        var certificates: [String: CertificateParts] = [:]
        var authorities: [String: TrustStore?] = [:]
        /// What directories serve, in their order: they are lists of certificates (`crt-list`).
        var lists: [String: [String]] = [:]
    }

    private let contents = Mutex(Contents())

    package init() {}

    // MARK: Certificates

    /// The names of all certificates, in order.
    package var certificateNames: [String] { contents.withLock { $0.certificates.keys.sorted() } }

    package func certificate(_ name: String) -> CertificateParts? { contents.withLock { $0.certificates[name] } }

    /// Puts a certificate here, in the place of one of its name.
    package func put(_ certificate: CertificateParts) {
        contents.withLock { $0.certificates[certificate.name] = certificate }
    }

    package func removeCertificate(_ name: String) { contents.withLock { $0.certificates[name] = nil } }

    /// The certificates of a bind line. Those of directories become lists.
    func store(_ sources: [CertificateSource]) throws(CertificateError) -> CertificateStore {
        let store = try CertificateStore(
            loading: sources.filter { !$0.isDefault }.map(\.path), defaults: sources.filter(\.isDefault).map(\.path))
        for certificate in store.certificates { put(CertificateParts(certificate)) }
        for source in sources where CertificateFiles.isDirectory(source.path) {
            let files = try CertificateFiles.expand(source.path)
            contents.withLock { $0.lists[source.path] = files }
        }
        return store
    }

    /// The certificate that a server line names: the one in memory, or the file's.
    func clientCertificate(_ path: String) throws(CertificateError) -> Certificate? {
        if let known = certificate(path) { return try known.certificate() }
        let certificate = try CertificateStore(loading: [path]).certificates.first
        if let certificate { put(CertificateParts(certificate)) }
        return certificate
    }

    // MARK: Lists

    package var listNames: [String] { contents.withLock { $0.lists.keys.sorted() } }

    /// The names of a list's certificates; nil: there is no such list.
    package func list(_ name: String) -> [String]? { contents.withLock { $0.lists[name] } }

    package func setList(_ name: String, _ files: [String]) { contents.withLock { $0.lists[name] = files } }

    // MARK: Authorities

    /// The names of all files of authorities, in order.
    package var authorityNames: [String] { contents.withLock { $0.authorities.keys.sorted() } }

    /// Authorities by name; nil: there is no such file, nil within: it has been made and is empty.
    package func authorities(_ name: String) -> TrustStore?? { contents.withLock { $0.authorities[name] } }

    package func put(_ trust: TrustStore) { contents.withLock { $0.authorities[trust.name] = .some(trust) } }

    package func makeAuthorities(_ name: String) {
        contents.withLock { _ = $0.authorities.updateValue(nil, forKey: name) }
    }

    package func removeAuthorities(_ name: String) {
        contents.withLock { _ = $0.authorities.removeValue(forKey: name) }
    }

    /// The authorities that a server line names: those in memory, or the file's.
    func trust(_ source: TrustSource?) throws(CertificateError) -> TrustStore {
        let name = source?.fileName ?? TrustSource.systemName
        if case .some(.some(let known)) = authorities(name) { return known }
        let loaded: TrustStore
        switch source {
        case .path(let path): loaded = try TrustStore(path: path)
        case .system, nil: loaded = try TrustStore.system()
        }
        put(loaded)
        return loaded
    }
}

extension TrustSource {
    static let systemName = "@system-ca"

    /// The name under which its authorities are known.
    package var fileName: String {
        switch self {
        case .path(let path): path
        case .system: Self.systemName
        }
    }
}
