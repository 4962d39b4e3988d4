// The certificates of one bind line, found by server name.

import Glibc

/// The certificates that serve one name: at most one of each key kind.
public struct CertificateSet: Sendable {
    private(set) public var ecdsa: Certificate?
    private(set) public var rsa: Certificate?
    private(set) public var ed25519: Certificate?

    /// The set's certificate with a key of `kind`.
    public subscript(kind: KeyKind) -> Certificate? {
        switch kind {
        case .ecdsa: ecdsa
        case .rsa: rsa
        case .ed25519: ed25519
        }
    }

    /// Whether both hold the same objects.
    func isSame(as other: CertificateSet) -> Bool {
        ecdsa === other.ecdsa && rsa === other.rsa && ed25519 === other.ed25519
    }

    /// Adds a certificate; the first of a kind stays.
    mutating func add(_ certificate: Certificate) {
        switch certificate.kind {
        case .ecdsa: if ecdsa == nil { ecdsa = certificate }
        case .rsa: if rsa == nil { rsa = certificate }
        case .ed25519: if ed25519 == nil { ed25519 = certificate }
        }
    }
}

/// The certificates that a `bind` line may serve, by server name. Immutable; shared by all workers and by both TLS
/// libraries. A lookup costs one or two hash probes, however many certificates there are.
public struct CertificateStore: Sendable {
    /// All certificates, in the order in which they were configured.
    public let certificates: [Certificate]
    /// What clients get that name no server, or one that no certificate covers: the first certificate, and for other
    /// key kinds those of `default-crt` and those that share the first one's first name.
    public let defaultCertificates: CertificateSet
    /// How many of the certificates, from the first on, `default-crt` names.
    private let preferredCount: Int

    /// Exact names; and wildcards, under their name without the `*`, which no exact name can equal.
    private let byName: [String: CertificateSet]

    /// Loads every FILE or DIR of the `crt` keywords of one bind line, in their order; those of `default-crt` count
    /// among the defaults too. Throws at the first bad file.
    ///
    /// - FILE: chain and key in any order. A key that is not in FILE is looked for in `FILE.key`, and beside `NAME.crt`
    ///   in `NAME.key`. If FILE does not exist, `FILE.ecdsa`, `FILE.rsa` and `FILE.ed25519` are loaded, those that exist.
    /// - DIR: its files in alphabetic order, but for those whose name begins with a dot or ends with `.key`, `.issuer`,
    ///   `.ocsp`, `.sctl` or `.dh`.
    public init(loading paths: [String], defaults: [String] = []) throws(CertificateError) {
        let preferred = try Self.load(defaults)
        let certificates = preferred + (try Self.load(paths))
        guard let store = CertificateStore(certificates, preferred: preferred.count) else {
            throw CertificateError(file: (defaults + paths).joined(separator: " "), .noCertificate)
        }
        self = store
    }

    /// - Parameter preferred: how many of them, from the first on, are defaults.
    private init?(_ certificates: [Certificate], preferred: Int) {
        guard let first = certificates.first else { return nil }
        var byName: [String: CertificateSet] = [:]
        for certificate in certificates {
            for name in certificate.names {
                byName[name.hasPrefix("*.") ? String(name.dropFirst()) : name, default: CertificateSet()]
                    .add(certificate)
            }
        }
        var fallback = CertificateSet()
        for certificate in certificates.prefix(preferred) { fallback.add(certificate) }
        fallback.add(first)
        if let name = first.names.first {
            for certificate in certificates where certificate.names.contains(name) {
                fallback.add(certificate)
            }
        }
        self.certificates = certificates
        preferredCount = preferred
        self.defaultCertificates = fallback
        self.byName = byName
    }

    // MARK: Changes at run time

    /// Whether a certificate of that name is among these.
    public func contains(_ file: String) -> Bool { certificates.contains { $0.file == file } }

    /// The certificates that are defaults by the order of the configuration.
    public var configuredDefaults: ArraySlice<Certificate> { certificates.prefix(max(1, preferredCount)) }

    /// The same with another certificate in the place of the one with its name.
    public func replacing(with certificate: Certificate) -> CertificateStore {
        let changed = certificates.map { $0.file == certificate.file ? certificate : $0 }
        return CertificateStore(changed, preferred: preferredCount) ?? self
    }

    /// The same with one more certificate at the end.
    public func adding(_ certificate: Certificate) -> CertificateStore {
        CertificateStore(certificates + [certificate], preferred: preferredCount) ?? self
    }

    /// The same without a certificate, which is no default.
    public func removing(_ file: String) -> CertificateStore {
        let rest = certificates.enumerated().filter { $0.offset < max(1, preferredCount) || $0.element.file != file }
        return CertificateStore(rest.map(\.element), preferred: preferredCount) ?? self
    }

    private static func load(_ paths: [String]) throws(CertificateError) -> [Certificate] {
        var certificates: [Certificate] = []
        for path in paths {
            for file in try CertificateFiles.expand(path) {
                certificates.append(try CertificateFiles.load(file))
            }
        }
        return certificates
    }

    /// The file of the certificate with this leaf; nil when it is none of these.
    @unsafe func file(of leaf: OpaquePointer) -> String? {
        certificates.first { unsafe $0.leaf.pointer == leaf }?.file
    }

    /// The certificates for `serverName`: exact, else the wildcard of its parent domain, else nil. Case does not count.
    public func certificates(for serverName: String) -> CertificateSet? {
        var name = serverName
        return name.withUTF8 { unsafe certificates(for: UnsafeRawBufferPointer($0)) }
    }

    /// The same for a name as it came from the network: any bytes.
    func certificates(for serverName: UnsafeRawBufferPointer) -> CertificateSet? {
        guard let name = unsafe ServerName.normalized(serverName) else { return nil }
        if let exact = byName[name] { return exact }
        guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        return byName[String(name[dot...])]
    }
}

/// Finds and reads the files that `crt` names.
public enum CertificateFiles {
    private static let reservedSuffixes = [".key", ".issuer", ".ocsp", ".sctl", ".dh"]
    private static let bundleSuffixes = [".ecdsa", ".rsa", ".ed25519"]

    /// The certificate files that a FILE or DIR argument stands for.
    public static func expand(_ path: String) throws(CertificateError) -> [String] {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            let number = errno
            let bundle = bundleSuffixes.map { path + $0 }.filter { unsafe access($0, F_OK) == 0 }
            guard !bundle.isEmpty else { throw CertificateError(file: path, .unreadable(number)) }
            return bundle
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
        guard let directory = unsafe opendir(path) else { throw CertificateError(file: path, .unreadable(errno)) }
        defer { unsafe closedir(directory) }
        var files: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard !name.hasPrefix("."), !reservedSuffixes.contains(where: name.hasSuffix) else { continue }
            let file = path.hasSuffix("/") ? path + name : path + "/" + name
            guard unsafe stat(file, &status) == 0 else { throw CertificateError(file: file, .unreadable(errno)) }
            if status.st_mode & S_IFMT == S_IFREG { files.append(file) }
        }
        guard !files.isEmpty else { throw CertificateError(file: path, .emptyDirectory) }
        return files.sorted()
    }

    /// The files of authorities that a FILE or DIR argument stands for: of a directory those that end with `.pem`, `.crt`,
    /// `.cer` or `.crl`.
    static func authorities(in path: String) throws(CertificateError) -> [String] {
        guard isDirectory(path) else { return [path] }
        let files = try expand(path).filter { file in
            [".pem", ".crt", ".cer", ".crl"].contains { file.hasSuffix($0) }
        }
        guard !files.isEmpty else { throw CertificateError(file: path, .emptyDirectory) }
        return files
    }

    /// Whether a FILE or DIR argument is a directory.
    public static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Reads one certificate file and the key that belongs to it.
    static func load(_ path: String) throws(CertificateError) -> Certificate {
        let file = try PEMFile(path: path)
        let certificates = try file.certificates()
        guard !certificates.isEmpty else { throw CertificateError(file: path, .noCertificate) }
        if let key = try file.privateKey() {
            return try Certificate(file: path, keyFile: path, certificates: certificates, key: key)
        }
        var candidates = [path + ".key"]
        if path.hasSuffix(".crt") { candidates.append(path.dropLast(4) + ".key") }
        for candidate in candidates where unsafe access(candidate, F_OK) == 0 {
            if let key = try PEMFile(path: candidate).privateKey() {
                return try Certificate(file: path, keyFile: candidate, certificates: certificates, key: key)
            }
        }
        throw CertificateError(file: path, .noPrivateKey)
    }
}
