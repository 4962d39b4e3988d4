import Configuration
import Proxying
import TLSTransport

/// `… ssl ca-file`: the authorities that certificates of servers are checked against.
enum AuthorityCommands {
    static let all = [
        Command(
            "new ssl ca-file",
            usage: "new ssl ca-file <cafile>                : create a new CA file to be used in a crt-list",
            level: .admin, run: make),
        Command(
            "add ssl ca-file",
            usage: "add ssl ca-file <cafile> <payload>      : add a certificate into the CA file", level: .admin,
            run: set),
        Command(
            "set ssl ca-file", usage: "set ssl ca-file <cafile> <payload>      : replace a CA file", level: .admin,
            run: set),
        Command(
            "commit ssl ca-file", usage: "commit ssl ca-file <cafile>             : commit a CA file", level: .admin,
            run: commit),
        Command(
            "abort ssl ca-file",
            usage: "abort ssl ca-file <cafile>              : abort a transaction for a CA file", level: .admin,
            run: abort),
        Command(
            "del ssl ca-file", usage: "del ssl ca-file <cafile>                : delete an unused CA file",
            level: .admin, run: delete),
        Command(
            "show ssl ca-file",
            usage:
                "show ssl ca-file [<cafile>[:<index>]]   : display the SSL CA files used in memory, or the details of a"
                + " <cafile>, or a single certificate of index <index> of a CA file <cafile>", run: show),
    ]

    @ControlActor private static func make(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'new ssl ca-file' expects a filename\n") }
        guard call.api.tlsFiles.authorities(name) == nil else { throw .refused("CA file '\(name)' already exists!\n") }
        call.api.tlsFiles.makeAuthorities(name)
        try await call.say("New CA file created '\(name)'!\n", .notice)
    }

    @ControlActor private static func set(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty, let payload = call.payload else {
            throw .refused("'set ssl ca-file' expects a filename and CAs as a payload\n")
        }
        let end = "Can't update \(name)!\n"
        let transactions = call.api.transactions
        if let begun = transactions.authorities { try transactions.check(begun, isAbout: name, end: end) }
        guard let known = call.api.tlsFiles.authorities(name) else {
            throw .refused("Can't replace a CA file which is not referenced by the configuration!\n" + end)
        }
        let earlier = call[0] == "add" ? transactions.authorities ?? known : nil
        let isNew = transactions.authorities == nil
        do throws(CertificateError) {
            transactions.authorities = try TrustStore(text: payload, name: name, after: earlier)
        } catch {
            throw .refused("Invalid payload\n" + end)
        }
        try await call.say("transaction \(isNew ? "created" : "updated") for CA \(name)!\n", .notice)
    }

    @ControlActor private static func commit(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'commit ssl ca-file' expects a filename\n") }
        let begun = try call.api.transactions.take(\.authorities, name, end: "Can't commit \(name)!\n")
        try await call.write("Committing \(name)")
        let count: Int
        do { count = try await CertificateUpdate(call.api).replace(with: begun) } catch {
            return try await call.write("\n\(error).\nFailed!\n")
        }
        try await call.write(CertificateUpdate.success(count))
    }

    @ControlActor private static func abort(_ call: CommandCall) async throws(CommandFailure) {
        try await call.api.transactions.abort(\.authorities, "ca-file", call)
    }

    @ControlActor private static func delete(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'del ssl ca-file' expects a CA file name\n") }
        func refused(_ reason: String) -> CommandFailure { .refused("Can't remove the CA file: \(reason)\n") }
        if call.api.transactions.authorities?.name == name {
            throw refused("ongoing transaction for the CA file '\(name)'")
        }
        guard call.api.tlsFiles.authorities(name) != nil else { throw refused("CA file '\(name)' doesn't exist!\n") }
        guard !CertificateUpdate(call.api).usesAuthorities(name) else {
            throw refused("CA file '\(name)' in use, can't be deleted!\n")
        }
        call.api.tlsFiles.removeAuthorities(name)
        try await call.say("CA file '\(name)' deleted!\n", .notice)
    }

    // MARK: Looking at them

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        guard call.session.level >= .operator else { throw .refused("Can't allocate memory!\n") }
        guard !call[3].isEmpty else { return try await list(call) }
        let wanted = try TLSFileSelection(call[3], kind: "CA")
        let (name, index, isBegun) = (wanted.name, wanted.index, wanted.isBegun)
        let found: TrustStore??
        if isBegun {
            let begun = call.api.transactions.authorities
            found = begun?.name == name ? .some(begun) : .none
        } else {
            found = call.api.tlsFiles.authorities(name)
        }
        guard let found else { throw .refused("Can't display the CA file : Not found!\n") }
        // HAProxy says nothing of one that is empty, or of a number that is too large.
        guard let details = found?.details, index ?? 1 <= details.count else { return }
        let isUsed = CertificateUpdate(call.api).usesAuthorities(name)
        try await call.write(
            "Filename: \(isBegun ? "*" : "")\(name)\nStatus: \(isBegun ? "Uncommitted" : isUsed ? "Used" : "Unused")\n")
        for number in index.map({ $0...$0 }) ?? 1...max(1, details.count) {
            try await call.write(" \nCertificate #\(number):\n" + CertificateText.text(details[number - 1]))
        }
    }

    @ControlActor private static func list(_ call: CommandCall) async throws(CommandFailure) {
        if let begun = call.api.transactions.authorities {
            try await call.write("# transaction\n*\(begun.name) - \(begun.count) certificate(s)\n")
        }
        try await call.write("# filename\n")
        for name in call.api.tlsFiles.authorityNames {
            let count = (call.api.tlsFiles.authorities(name) ?? nil)?.count ?? 0
            try await call.write("\(name) - \(count) certificate(s)\n")
        }
    }
}
