// The certificates of one bind line, found by server name.

import Glibc

/// The certificates that serve one name: at most one of each key kind.
public struct CertificateSet: Sendable {
    private(set) public var ecdsa: Certificate?
    private(set) public var rsa: Certificate?
    private(set) public var ed25519: Certificate?
    /// The settings that go with them: see ``CertificateEntry/variant``.
    private var variants: (ecdsa: Int?, rsa: Int?, ed25519: Int?) = (nil, nil, nil)

    /// The set's certificate with a key of `kind`.
    public subscript(kind: KeyKind) -> Certificate? {
        switch kind {
        case .ecdsa: ecdsa
        case .rsa: rsa
        case .ed25519: ed25519
        }
    }

    /// The settings of the certificate with a key of `kind`.
    func variant(of kind: KeyKind) -> Int? {
        switch kind {
        case .ecdsa: variants.ecdsa
        case .rsa: variants.rsa
        case .ed25519: variants.ed25519
        }
    }

    var isEmpty: Bool { ecdsa == nil && rsa == nil && ed25519 == nil }

    /// Whether both hold the same objects.
    func isSame(as other: CertificateSet) -> Bool {
        ecdsa === other.ecdsa && rsa === other.rsa && ed25519 === other.ed25519
    }

    /// Adds a certificate; the first of a kind stays.
    mutating func add(_ entry: CertificateEntry) {
        let certificate = entry.certificate
        switch certificate.kind {
        case .ecdsa where ecdsa == nil:
            ecdsa = certificate
            variants.ecdsa = entry.variant
        case .rsa where rsa == nil:
            rsa = certificate
            variants.rsa = entry.variant
        case .ed25519 where ed25519 == nil:
            ed25519 = certificate
            variants.ed25519 = entry.variant
        default: break
        }
    }
}

/// A certificate as a bind line serves it: for its own names, or for those that a list of certificates gives it.
public struct CertificateEntry: Sendable {
    public var certificate: Certificate
    /// Names of a line of a list (`crt-list`): `name`, `*.name`, `!name`, `*`. Empty: the certificate's own.
    public var filters: [String] = []
    /// The settings of its line of a list, by their place among the bind line's; nil: the bind line's own.
    public var variant: Int?
    /// Whether it answers where no name matches (`default-crt`, `*`).
    public var isDefault = false
    /// The list that it stands in, and its line there; lines of directories are 0.
    public var list: String?
    public var line = 0

    public init(_ certificate: Certificate) { self.certificate = certificate }

    /// The names that it serves, in lower case; a wildcard begins with `*.`.
    public var names: [String] {
        if filters.isEmpty { return certificate.names }
        return filters.filter { !$0.hasPrefix("!") && $0 != "*" }.map { $0.lowercased() }
    }

    /// The names that its wildcards do not serve.
    public var excluded: Set<String> {
        Set(filters.filter { $0.hasPrefix("!") && $0 != "!*" }.map { $0.dropFirst().lowercased() })
    }

    /// Whether it answers where no name matches. A `!` before `*` counts for nothing.
    var answersUnknown: Bool { isDefault || filters.contains("*") || filters.contains("!*") }
}

/// The certificates that a `bind` line may serve, by server name. Immutable; shared by all workers and by both TLS
/// libraries. A lookup costs one or two hash probes, however many certificates there are.
public struct CertificateStore: Sendable {
    /// All certificates, those for unknown names first, then in the order in which they were configured.
    public let entries: [CertificateEntry]
    /// What clients get that name no server, or one that no certificate covers: the first certificate, and for other
    /// key kinds those of `default-crt` and those that share the first one's first name.
    public let defaultCertificates: CertificateSet
    /// How many of the certificates, from the first on, are for unknown names.
    private let preferredCount: Int
    /// Whether some have settings of their own.
    public let hasVariants: Bool

    public var certificates: [Certificate] { entries.map(\.certificate) }

    private let byName: [String: CertificateSet]
    /// By the part of the name from the dot on.
    private let wildcards: [String: [(entry: CertificateEntry, excluded: Set<String>)]]

    /// Loads every FILE or DIR of the `crt` keywords of one bind line, in their order; those of `default-crt` count
    /// among the defaults too. Throws at the first bad file.
    ///
    /// - FILE: chain and key in any order. A key that is not in FILE is looked for in `FILE.key`, and beside `NAME.crt`
    ///   in `NAME.key`. If FILE does not exist, `FILE.ecdsa`, `FILE.rsa` and `FILE.ed25519` are loaded, those that exist.
    /// - DIR: its files in alphabetic order, but for those whose name begins with a dot or ends with `.key`, `.issuer`,
    ///   `.ocsp`, `.sctl` or `.dh`.
    public init(loading paths: [String], defaults: [String] = []) throws(CertificateError) {
        var entries: [CertificateEntry] = []
        for (paths, isDefault) in [(defaults, true), (paths, false)] {
            for path in paths {
                for certificate in try CertificateFiles.certificates(at: path) {
                    var entry = CertificateEntry(certificate)
                    entry.isDefault = isDefault
                    entries.append(entry)
                }
            }
        }
        guard let store = CertificateStore(entries) else {
            throw CertificateError(file: (defaults + paths).joined(separator: " "), .noCertificate)
        }
        self = store
    }

    /// Nil when there is none.
    public init?(_ given: [CertificateEntry]) {
        let preferred = given.filter(\.answersUnknown)
        let entries = preferred + given.filter { !$0.answersUnknown }
        guard let first = entries.first else { return nil }
        var byName: [String: CertificateSet] = [:]
        var wildcards: [String: [(entry: CertificateEntry, excluded: Set<String>)]] = [:]
        for entry in entries {
            for name in entry.names {
                if name.hasPrefix("*.") {
                    wildcards[String(name.dropFirst()), default: []].append((entry, entry.excluded))
                } else {
                    byName[name, default: CertificateSet()].add(entry)
                }
            }
        }
        var fallback = CertificateSet()
        for entry in preferred { fallback.add(entry) }
        fallback.add(first)
        if let name = first.names.first {
            for entry in entries where entry.names.contains(name) { fallback.add(entry) }
        }
        self.entries = entries
        preferredCount = preferred.count
        hasVariants = entries.contains { $0.variant != nil }
        self.defaultCertificates = fallback
        self.byName = byName
        self.wildcards = wildcards
    }

    // MARK: Changes at run time

    /// Whether a certificate of that name is among these.
    public func contains(_ file: String) -> Bool { entries.contains { $0.certificate.file == file } }

    /// The certificates that are defaults by the order of the configuration.
    public var configuredDefaults: ArraySlice<CertificateEntry> {
        entries.prefix(max(1, preferredCount))
    }

    /// The same with another certificate in the place of the one with its name.
    public func replacing(with certificate: Certificate) -> CertificateStore {
        let changed = entries.map { entry in
            guard entry.certificate.file == certificate.file else { return entry }
            var entry = entry
            entry.certificate = certificate
            return entry
        }
        return CertificateStore(changed) ?? self
    }

    /// The same with one more certificate at the end.
    public func adding(_ entry: CertificateEntry) -> CertificateStore {
        CertificateStore(entries + [entry]) ?? self
    }

    /// The same without a certificate of a list, which is no default.
    ///
    /// - Parameter line: its line in the list; 0: any.
    public func removing(_ file: String, list: String, line: Int) -> CertificateStore {
        let defaults = max(1, preferredCount)
        let rest = entries.enumerated().filter { place, entry in
            place < defaults || entry.certificate.file != file || entry.list != list
                || line != 0 && entry.line != line
        }
        return CertificateStore(rest.map(\.element)) ?? self
    }

    /// The file of the certificate with this leaf; nil when it is none of these.
    @unsafe func file(of leaf: OpaquePointer) -> String? {
        entries.first { unsafe $0.certificate.leaf.pointer == leaf }?.certificate.file
    }

    /// The certificates for `serverName`: those of the exact name, and for other key kinds those of the wildcard of its
    /// parent domain; nil: there are none. Case does not count.
    public func certificates(for serverName: String) -> CertificateSet? {
        var name = serverName
        return name.withUTF8 { unsafe certificates(for: UnsafeRawBufferPointer($0)) }
    }

    /// The same for a name as it came from the network: any bytes.
    func certificates(for serverName: UnsafeRawBufferPointer) -> CertificateSet? {
        guard let name = unsafe ServerName.normalized(serverName) else { return nil }
        let exact = byName[name]
        guard !wildcards.isEmpty, let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")),
            let candidates = wildcards[String(name[dot...])]
        else { return exact }
        var found = exact ?? CertificateSet()
        for (entry, excluded) in candidates where !excluded.contains(name) { found.add(entry) }
        return found.isEmpty ? nil : found
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
        guard let directory = unsafe opendir(path) else {
            throw CertificateError(file: path, .unreadable(errno))
        }
        defer { unsafe closedir(directory) }
        var files: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard !name.hasPrefix("."), !reservedSuffixes.contains(where: name.hasSuffix) else {
                continue
            }
            let file = path.hasSuffix("/") ? path + name : path + "/" + name
            guard unsafe stat(file, &status) == 0 else {
                throw CertificateError(file: file, .unreadable(errno))
            }
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

    /// The certificates of a FILE or DIR argument.
    public static func certificates(at path: String) throws(CertificateError) -> [Certificate] {
        var certificates: [Certificate] = []
        for file in try expand(path) { certificates.append(try load(file)) }
        return certificates
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
