import Configuration
import Proxying
import TLSTransport

/// `… ssl crl-file`: the lists of certificates that are refused.
enum RevocationCommands {
    static let all = [
        Command(
            "new ssl crl-file",
            usage: "new ssl crl-file <crlfile>               : create a new CRL file to be used in a crt-list",
            level: .admin, run: make),
        Command(
            "set ssl crl-file", usage: "set ssl crl-file <crlfile> <payload>    : replace a CRL file", level: .admin,
            run: set),
        Command(
            "commit ssl crl-file", usage: "commit ssl crl-file <crlfile>           : commit a CRL file",
            level: .admin, run: commit),
        Command(
            "abort ssl crl-file",
            usage: "abort ssl crl-file <crlfile>            : abort a transaction for a CRL file", level: .admin,
            run: abort),
        Command(
            "del ssl crl-file", usage: "del ssl crl-file <crlfile>              : delete an unused CRL file",
            level: .admin, run: delete),
        Command(
            "show ssl crl-file",
            usage:
                "show ssl crl-file [<crlfile[:<index>>]] : display the SSL CRL files used in memory, or the details of a"
                + " <crlfile>, or a single CRL of index <index> of CRL file <crlfile>", run: show),
    ]

    @ControlActor private static func make(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'new ssl crl-file' expects a filename\n") }
        guard call.api.tlsFiles.revocations(name) == nil else { throw .refused("CRL file '\(name)' already exists!\n") }
        call.api.tlsFiles.makeRevocations(name)
        try await call.say("New CRL file created '\(name)'!\n", .notice)
    }

    @ControlActor private static func set(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty, let payload = call.payload else {
            throw .refused("'set ssl crl-file' expects a filename and CRLs as a payload\n")
        }
        let end = "Can't update \(name)!\n"
        let transactions = call.api.transactions
        if let begun = transactions.revocations { try transactions.check(begun, isAbout: name, end: end) }
        guard call.api.tlsFiles.revocations(name) != nil else {
            throw .refused("Can't replace a CRL file which is not referenced by the configuration!\n" + end)
        }
        let isNew = transactions.revocations == nil
        do throws(CertificateError) {
            transactions.revocations = try RevocationList(text: payload, name: name)
        } catch {
            throw .refused("Invalid payload\n" + end)
        }
        try await call.say("transaction \(isNew ? "created" : "updated") for CRL \(name)!\n", .notice)
    }

    @ControlActor private static func commit(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        // HAProxy names the other kind of file.
        guard !name.isEmpty else { throw .refused("'commit ssl ca-file' expects a filename\n") }
        let begun = try call.api.transactions.take(\.revocations, name, end: "Can't commit \(name)!\n")
        try await call.write("Committing \(name)")
        let count: Int
        do { count = try await CertificateUpdate(call.api).replace(with: begun) } catch {
            return try await call.write("\n\(error).\nFailed!\n")
        }
        try await call.write(CertificateUpdate.success(count))
    }

    @ControlActor private static func abort(_ call: CommandCall) async throws(CommandFailure) {
        try await call.api.transactions.abort(\.revocations, "crl-file", call)
    }

    @ControlActor private static func delete(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'del ssl crl-file' expects a CRL file name\n") }
        func refused(_ reason: String) -> CommandFailure { .refused("Can't remove the CRL file: \(reason)\n") }
        if call.api.transactions.revocations?.name == name {
            throw refused("ongoing transaction for the CRL file '\(name)'")
        }
        guard call.api.tlsFiles.revocations(name) != nil else { throw refused("CRL file '\(name)' doesn't exist!\n") }
        guard !CertificateUpdate(call.api).usesRevocations(name) else {
            throw refused("CRL file '\(name)' in use, can't be deleted!\n")
        }
        call.api.tlsFiles.removeRevocations(name)
        try await call.say("CRL file '\(name)' deleted!\n", .notice)
    }

    // MARK: Looking at them

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        guard call.session.level >= .operator else { throw .refused("Can't allocate memory!\n") }
        guard !call[3].isEmpty else { return try await list(call) }
        let wanted = try TLSFileSelection(call[3], kind: "CRL")
        let (name, index, isBegun) = (wanted.name, wanted.index, wanted.isBegun)
        let found: RevocationList??
        if isBegun {
            let begun = call.api.transactions.revocations
            found = begun?.name == name ? .some(begun) : .none
        } else {
            found = call.api.tlsFiles.revocations(name)
        }
        guard let found else { throw .refused("Can't display the CRL file : Not found!\n") }
        try await call.write("Filename: \(isBegun ? "*" : "")\(name)\n")
        guard let details = found?.details else { return try await call.write("Status: Empty\n") }
        let isUsed = CertificateUpdate(call.api).usesRevocations(name)
        try await call.write("Status: \(isBegun ? "Uncommitted" : isUsed ? "Used" : "Unused")\n")
        for (number, text) in details.enumerated() where (index ?? number + 1) == number + 1 {
            try await call.write(" \nCertificate Revocation List #\(number + 1):\n" + text)
        }
    }

    @ControlActor private static func list(_ call: CommandCall) async throws(CommandFailure) {
        if let begun = call.api.transactions.revocations {
            try await call.write("# transaction\n*\(begun.name)\n")
        }
        try await call.write("# filename\n")
        for name in call.api.tlsFiles.revocationNames { try await call.write("\(name)\n") }
    }
}
