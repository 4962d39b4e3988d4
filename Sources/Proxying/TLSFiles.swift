package import Configuration
import Synchronization
package import TLSTransport

/// The certificates and authorities that are in memory, by the names of their files. Bind lines and servers take theirs
/// from here; what the runtime API creates is here before anybody uses it. Only start and control come here.
package final class TLSFiles: Sendable {
    private struct Contents {
        var certificates: [String: CertificateParts] = [:]
        var authorities: [String: TrustStore?] = [:]
        var revocations: [String: RevocationList?] = [:]
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

    // MARK: Revocation lists

    /// The names of all files of revocation lists, in order.
    package var revocationNames: [String] { contents.withLock { $0.revocations.keys.sorted() } }

    /// Revocation lists by name; nil: there is no such file, nil within: it has been made and is empty.
    package func revocations(_ name: String) -> RevocationList?? { contents.withLock { $0.revocations[name] } }

    package func put(_ list: RevocationList) { contents.withLock { $0.revocations[list.name] = .some(list) } }

    package func makeRevocations(_ name: String) {
        contents.withLock { _ = $0.revocations.updateValue(nil, forKey: name) }
    }

    package func removeRevocations(_ name: String) {
        contents.withLock { _ = $0.revocations.removeValue(forKey: name) }
    }

    /// The revocation lists that a line names: those in memory, or the file's.
    func revocations(at path: String) throws(CertificateError) -> RevocationList? {
        if let known = revocations(path) { return known }
        let loaded = try RevocationList(path: path)
        put(loaded)
        return loaded
    }

    // MARK: Trust

    /// Authorities with a server line's revocation lists.
    func trust(_ source: TrustSource?, revocations: String?) throws(CertificateError) -> TrustStore {
        let trust = try trust(source)
        guard let revocations else { return trust }
        return try TrustStore(joining: [trust], revocations: try self.revocations(at: revocations))
    }

    /// What a listener verifies its clients' certificates by; nil: it does not. Files are read also when it does not.
    func verification(_ settings: ClientCertificateSettings) throws(CertificateError) -> ClientVerification? {
        var stores: [TrustStore] = []
        var named: TrustStore?
        if let authorities = settings.authorities {
            let trust = try trust(authorities)
            stores.append(trust)
            if settings.tellsNames { named = trust }
        }
        if let authorities = settings.unnamedAuthorities { stores.append(try trust(authorities)) }
        let list: RevocationList? = if let path = settings.revocations { try revocations(at: path) } else { nil }
        guard settings.mode != .none else { return nil }
        let trust = stores.count == 1 && list == nil ? stores[0] : try TrustStore(joining: stores, revocations: list)
        var verification = ClientVerification(isRequired: settings.mode == .required, trust: trust, named: named)
        verification.ignoredErrors = VerificationErrors(settings.ignoredErrors)
        verification.ignoredAuthorityErrors = VerificationErrors(settings.ignoredAuthorityErrors)
        return verification
    }

    /// The authorities that a line names: those in memory, or the file's.
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
