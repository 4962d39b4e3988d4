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
        /// Lists of certificates (`crt-list`); what directories serve are lists too.
        var lists: [String: CertificateList] = [:]
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
    ///
    /// - Parameter variants: the settings of lines of lists, each once: the entries' `variant` is a place among them.
    func store(
        _ sources: [CertificateSource], _ variants: inout [CertificateLineOptions]
    ) throws(CertificateError) -> CertificateStore {
        var entries: [CertificateEntry] = []
        for source in sources {
            if let lines = source.lines {
                for line in lines { entries += try self.entries(of: line, in: source.path, &variants) }
                contents.withLock { $0.lists[source.path] = CertificateList(lines: lines) }
                continue
            }
            let isDirectory = CertificateFiles.isDirectory(source.path)
            for certificate in try CertificateFiles.certificates(at: source.path) {
                var entry = CertificateEntry(certificate)
                entry.isDefault = source.isDefault
                if isDirectory { entry.list = source.path }
                entries.append(entry)
            }
            guard isDirectory else { continue }
            let files = try CertificateFiles.expand(source.path)
            contents.withLock {
                $0.lists[source.path] = CertificateList(
                    lines: files.map { CertificateListLine(path: $0) }, isDirectory: true)
            }
        }
        for entry in entries { put(CertificateParts(entry.certificate)) }
        guard let store = CertificateStore(entries) else {
            throw CertificateError(file: sources.map(\.path).joined(separator: " "), .noCertificate)
        }
        return store
    }

    /// What a line of a list serves: the certificate in memory, or the file's; several where it stands for a bundle.
    package func entries(
        of line: CertificateListLine, in list: String, _ variants: inout [CertificateLineOptions]
    ) throws(CertificateError) -> [CertificateEntry] {
        let certificates: [Certificate] =
            if let known = certificate(line.path), !known.isEmpty, known.hasKey {
                [try known.certificate()]
            } else {
                try CertificateFiles.certificates(at: line.path)
            }
        var variant: Int?
        if let options = line.options {
            variant = variants.firstIndex(of: options) ?? variants.count
            if variant == variants.count { variants.append(options) }
        }
        return certificates.map { certificate in
            var entry = CertificateEntry(certificate)
            entry.filters = line.filters
            entry.variant = variant
            entry.list = list
            entry.line = line.number
            return entry
        }
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

    /// A list's lines; nil: there is no such list.
    package func list(_ name: String) -> CertificateList? { contents.withLock { $0.lists[name] } }

    package func setList(_ name: String, _ list: CertificateList) { contents.withLock { $0.lists[name] = list } }

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

/// A list of certificates (`crt-list`), or what a directory serves.
package struct CertificateList: Sendable {
    package var lines: [CertificateListLine]
    package var isDirectory = false
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
