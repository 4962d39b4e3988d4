import Configuration
import Words

/// Settings of TLS that `bind` and `server` lines share with `ssl-default-bind-options` and its sibling.
enum TLSOptions {
    /// Versions and tickets: what may stand in `ssl-default-bind-options` and `ssl-default-server-options`.
    static let shared: [LineOption<TLSDraft>] =
        [
            LineOption("ssl-min-ver") { (draft, statement, option) throws(Complaint) in
                draft.minVersion = try version(of: option, &statement)
            },
            LineOption("ssl-max-ver") { (draft, statement, option) throws(Complaint) in
                draft.maxVersion = try version(of: option, &statement)
            },
            LineOption("tls-tickets") { (draft, _, _) in draft.usesTickets = true },
            LineOption("no-tls-tickets") { (draft, _, _) in draft.usesTickets = false },
        ]
        + versionWords.map { word, version in
            LineOption("no-\(word)") { (draft, _, _) in draft.disabledVersions.insert(version) }
        }
        + versionWords.map { word, version in
            LineOption("force-\(word)") { (draft, _, _) in
                draft.minVersion = version
                draft.maxVersion = version
            }
        }

    /// What only listeners know, and `ssl-default-bind-options` too.
    static let listeners: [LineOption<TLSDraft>] = [
        LineOption("strict-sni") { (draft, _, _) in draft.strictSNI = true },
        LineOption("no-strict-sni") { (draft, _, _) in draft.strictSNI = false },
        LineOption("prefer-client-ciphers") { (draft, _, _) in draft.prefersClientCiphers = true },
    ]

    /// What lines give themselves, and `global` with keywords of their own.
    static let lists: [LineOption<TLSDraft>] = [
        LineOption("ciphers") { (draft, statement, option) throws(Complaint) in
            draft.ciphers = try statement.value(of: option, "a cipher list").text
        },
        LineOption("ciphersuites") { (draft, statement, option) throws(Complaint) in
            draft.ciphersuites = try statement.value(of: option, "a list of cipher suites").text
        },
        LineOption("curves") { (draft, statement, option) throws(Complaint) in
            draft.curves = try statement.value(of: option, "a list of curves").text
        },
        LineOption("sigalgs") { (draft, statement, option) throws(Complaint) in
            draft.signatureAlgorithms = try statement.value(of: option, "a list of signature algorithms").text
        },
    ]

    /// What `bind` lines and lines of lists of certificates have beside.
    static let curves: [LineOption<TLSDraft>] = [
        LineOption("ecdhe") { (draft, statement, option) throws(Complaint) in
            draft.fallbackCurves = try statement.value(of: option, "a named curve").text
        }
    ]

    /// Options of a part as options of something that has it.
    static func lift<Part, Owner>(
        _ options: [LineOption<Part>], to path: any WritableKeyPath<Owner, Part> & Sendable
    ) -> [LineOption<Owner>] {
        options.map { option in
            LineOption<Owner>(option.name) { (owner, statement, word) throws(Complaint) in
                try option.apply(&owner[keyPath: path], &statement, word)
            }
        }
    }

    private static let versionWords: [(String, TLSVersion)] = [
        ("sslv3", .sslv3), ("tlsv10", .tls10), ("tlsv11", .tls11), ("tlsv12", .tls12), ("tlsv13", .tls13),
    ]

    private static func version(of option: Word, _ statement: inout Statement) throws(Complaint) -> TLSVersion {
        let word = try statement.value(of: option, "an SSL/TLS version")
        guard let version = TLSVersion(rawValue: word.text) else {
            let all = TLSVersion.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            throw Complaint(
                "'\(statement.name)' : '\(option.text)' : unknown SSL/TLS version '\(word.text)', expects one of \(all)",
                at: word)
        }
        return version
    }
}

extension Statement {
    /// A comma-separated list of ALPN names.
    mutating func alpn(of option: Word) throws(Complaint) -> [String] {
        let word = try value(of: option, "a comma-delimited list of ALPN protocols")
        let names = word.text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        for name in names {
            if name.isEmpty { throw Complaint("'\(self.name)' : empty protocol name in 'alpn'", at: word) }
            if name.utf8.count > 255 {
                throw Complaint("'\(self.name)' : ALPN protocol name too long : '\(name)'", at: word)
            }
        }
        return names
    }
}

/// A path below a base directory, unless it is absolute or there is no base.
func path(_ path: String, below base: String) -> String {
    path.hasPrefix("/") || base.isEmpty ? path : base + "/" + path
}
