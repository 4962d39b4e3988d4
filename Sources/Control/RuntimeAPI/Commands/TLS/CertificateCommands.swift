import Configuration
import Proxying
import TLSTransport

/// `… ssl cert`: certificates change in a transaction of `set` and `commit`, without a reload.
enum CertificateCommands {
    static let all = [
        Command(
            "new ssl cert",
            usage:
                "new ssl cert <certfile>                 : create a new certificate file to be used in a crt-list or a"
                + " directory", level: .admin, run: make),
        Command(
            "set ssl cert", usage: "set ssl cert <certfile> <payload>       : replace a certificate file",
            level: .admin,
            run: set),
        Command(
            "commit ssl cert", usage: "commit ssl cert <certfile>              : commit a certificate file",
            level: .admin, run: commit),
        Command(
            "abort ssl cert",
            usage: "abort ssl cert <certfile>               : abort a transaction for a certificate file",
            level: .admin,
            run: abort),
        Command(
            "del ssl cert", usage: "del ssl cert <certfile>                 : delete an unused certificate file",
            level: .admin, run: delete),
        Command(
            "show ssl cert",
            usage:
                "show ssl cert [<certfile>]              : display the SSL certificates used in memory, or the details"
                + " of a file", run: show),
        Command(
            "dump ssl cert",
            usage: "dump ssl cert <certfile>                : dump the SSL certificates in PEM format", run: dump),
    ]

    // MARK: Transactions

    @ControlActor private static func make(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'new ssl cert' expects a filename\n") }
        guard call.api.tlsFiles.certificate(name) == nil else {
            throw .refused("Certificate '\(name)' already exists!\n")
        }
        call.api.tlsFiles.put(CertificateParts(name: name))
        try await call.say("New empty certificate store '\(name)'!\n", .notice)
    }

    @ControlActor private static func set(_ call: CommandCall) async throws(CommandFailure) {
        let word = call[3]
        guard !word.isEmpty, let payload = call.payload else {
            throw .refused("'set ssl cert' expects a filename and a certificate as a payload\n")
        }
        let end = "Can't update \(word)!\n"
        let (name, piece) = target(word, call.api.tlsFiles)
        let transactions = call.api.transactions
        if let begun = transactions.certificate { try transactions.check(begun, isAbout: name, end: end) }
        guard var parts = transactions.certificate ?? call.api.tlsFiles.certificate(name) else {
            throw .refused("Can't replace a certificate which is not referenced by the configuration!\n" + end)
        }
        guard let piece else {
            throw .refused("Only '.key' can be set apart from its certificate.\nCan't load the payload\n" + end)
        }
        do throws(CertificateError) { try parts.take(payload, as: piece) } catch {
            let what = piece == .key ? "private key" : "certificate"
            let reason =
                switch error.reason {
                case .noCertificate, .noPrivateKey: "no start line"
                case .badPEM(let reason): reason
                default: "\(error.reason)"
                }
            throw .refused("unable to load \(what) from file '\(name)': \(reason).\nCan't load the payload\n" + end)
        }
        let isNew = transactions.certificate == nil
        transactions.certificate = parts
        try await call.say("Transaction \(isNew ? "created" : "updated") for certificate \(name)!\n", .notice)
    }

    /// The certificate that a word means, and the piece of it; nil: a piece that is not kept.
    @ControlActor
    private static func target(_ word: String, _ files: TLSFiles) -> (name: String, piece: CertificateParts.Piece?) {
        if files.certificate(word) != nil { return (word, .all) }
        let endings: [(String, CertificateParts.Piece?)] = [
            (".key", .key), (".ocsp", nil), (".sctl", nil), (".issuer", nil), (".dh", nil),
        ]
        for (ending, piece) in endings where word.hasSuffix(ending) {
            return (String(word.dropLast(ending.count)), piece)
        }
        return (word, .all)
    }

    @ControlActor private static func commit(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'commit ssl cert' expects a filename\n") }
        let end = "Can't commit \(name)!\n"
        let parts = try call.api.transactions.take(\.certificate, name, end: end) { parts throws(CommandFailure) in
            guard parts.isConsistent else {
                throw .refused("inconsistencies between private key and certificate loaded '\(name)'.\n" + end)
            }
        }
        try await call.write("Committing \(name)")
        let update = CertificateUpdate(call.api)
        let count: Int
        do { count = try await update.replace(with: parts) } catch {
            return try await call.write("\n\(update.reason(of: error, name))Failed!\n")
        }
        try await call.write(CertificateUpdate.success(count))
    }

    @ControlActor private static func abort(_ call: CommandCall) async throws(CommandFailure) {
        try await call.api.transactions.abort(\.certificate, "cert", call)
    }

    @ControlActor private static func delete(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'del ssl cert' expects a certificate name\n") }
        func refused(_ reason: String) -> CommandFailure { .refused("Can't remove the certificate: \(reason)\n") }
        if call.api.transactions.certificate?.name == name {
            throw refused("ongoing transaction for the certificate '\(name)'")
        }
        guard call.api.tlsFiles.certificate(name) != nil else {
            throw refused("certificate '\(name)' doesn't exist!\n")
        }
        guard !CertificateUpdate(call.api).isUsed(name) else {
            throw refused("certificate '\(name)' in use, can't be deleted!\n")
        }
        call.api.tlsFiles.removeCertificate(name)
        try await call.say("Certificate '\(name)' deleted!\n", .notice)
    }

    // MARK: Looking at them

    private static let notFound = CommandFailure.refused(
        "Can't display the certificate: Not found or the certificate is a bundle!\n")

    /// What a word means: `*NAME` what a transaction has, `\NAME` a name that begins with a star.
    @ControlActor
    private static func find(_ word: String, _ call: CommandCall) throws(CommandFailure) -> CertificateParts {
        func plain(_ name: Substring) -> String { String(name.hasPrefix("\\") ? name.dropFirst() : name) }
        if word.hasPrefix("*") {
            guard let begun = call.api.transactions.certificate, begun.name == plain(word.dropFirst()) else {
                throw notFound
            }
            return begun
        }
        guard let found = call.api.tlsFiles.certificate(plain(word[...])) else { throw notFound }
        return found
    }

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        guard call.session.level >= .operator else { throw .refused("Can't allocate memory!\n") }
        guard !call[3].isEmpty else {
            if let begun = call.api.transactions.certificate {
                try await call.write("# transaction\n*\(begun.name)\n")
            }
            try await call.write("# filename\n")
            for name in call.api.tlsFiles.certificateNames { try await call.write("\(name)\n") }
            return
        }
        let isBegun = call[3].hasPrefix("*")
        let parts = try find(call[3], call)
        var text = "Filename: \(isBegun ? "*" : "")\(parts.name)\n"
        if let key = parts.keyFile {
            text += "Crt filename: \(parts.name)\nKey filename: \(key)\n"
            text += "OCSP filename: \(parts.name).ocsp\nSCTL filename: \(parts.name).sctl\n"
        }
        text += "Option: ocsp-update off\nOption: jwt off\n"
        let isUsed = CertificateUpdate(call.api).isUsed(parts.name)
        text += "Status: \(parts.isEmpty ? "Empty" : isBegun ? "Uncommitted" : isUsed ? "Used" : "Unused")\n"
        if let details = parts.details { text += CertificateText.text(details) }
        for link in parts.chain { text += "Chain Subject: \(link.subject)\nChain Issuer: \(link.issuer)\n" }
        // Answers of OCSP are not kept.
        try await call.write(text + "OCSP Response Key: \n")
    }

    @ControlActor private static func dump(_ call: CommandCall) async throws(CommandFailure) {
        guard call.session.level >= .admin else { throw .refused("Can't allocate memory!\n") }
        guard !call[3].isEmpty else { throw notFound }
        try await call.write(try find(call[3], call).text)
    }
}

/// How a certificate's contents are shown.
enum CertificateText {
    static func text(_ details: CertificateDetails) -> String {
        """
        Serial: \(details.serial)
        notBefore: \(details.notBefore)
        notAfter: \(details.notAfter)
        Subject Alternative Name: \(details.alternativeNames)
        Algorithm: \(details.algorithm)
        SHA1 FingerPrint: \(details.fingerprint)
        Subject: \(details.subject)
        Issuer: \(details.issuer)

        """
    }
}
