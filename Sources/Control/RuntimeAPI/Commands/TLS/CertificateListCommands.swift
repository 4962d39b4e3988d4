import Configuration
import Language
import Proxying
import Runtime
import TLSTransport

/// `… ssl crt-list` and `show ssl sni`. What directories serve that `crt` names are lists too.
enum CertificateListCommands {
    static let all = [
        Command(
            "add ssl crt-list",
            usage: "add ssl crt-list <list> <cert> [opts]*  : add to crt-list file <list> a line <cert> or a payload",
            level: .admin, run: add),
        Command(
            "del ssl crt-list",
            usage: "del ssl crt-list <list> <cert[:line]>   : delete a line <cert> from crt-list file <list>",
            level: .admin, run: delete),
        Command(
            "show ssl crt-list",
            usage: "show ssl crt-list [-n] [<list>]         : show the list of crt-lists or the content of a crt-list"
                + " file <list>", level: .admin, run: show),
        Command(
            "show ssl sni",
            usage: "show ssl sni [-f <frontend>] [-A]       : display the list of SNI and their corresponding filename",
            run: showNames),
    ]

    @ControlActor private static func add(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[3].isEmpty, call.payload != nil || !call[4].isEmpty else {
            throw .refused("'add ssl crtlist' expects a filename and a certificate name\n")
        }
        func refused(_ reason: String) -> CommandFailure { .refused("Can't edit the crt-list: \(reason)\n") }
        let (name, list) = try list(call, refused)
        let lines = call.payloadText?.split(separator: "\n").map(String.init)
        if let lines, lines.count > 1 { throw refused("only one line of payload is supported!") }
        let global = call.api.workers.blueprint.configuration.global
        var line: CertificateListLine?
        do throws(CertificateListReader.Mistake) {
            // Words behind the name count for nothing there.
            line = try CertificateListReader.line(
                lines?.first ?? call[4], certificateBase: global.certificateBase, authorityBase: global.authorityBase)
        } catch {
            throw refused("parsing [CLI:1]: \(error.text)")
        }
        guard var line else {
            throw refused("'add ssl crtlist' should contain the certificate name in the payload")
        }
        if lines != nil { line.number = 1 }
        _ = try certificate(line.path, call, refused)
        if list.isDirectory {
            if list.lines.contains(where: { $0.path == line.path }) {
                throw refused("file already exists in this directory!")
            }
            if line.options != nil || !line.filters.isEmpty || lines == nil && !call[5].isEmpty {
                throw refused("this is a directory, SSL configuration, crt-store keywords and filters are not allowed")
            }
            line.number = 0
        }
        for source in [line.options?.authorities, line.options?.unnamedAuthorities] {
            // Files are not read while the process runs.
            guard let path = source?.fileName, call.api.tlsFiles.authorities(path) == nil else { continue }
            throw refused("unable to load \(path)")
        }
        if let path = line.options?.revocations, call.api.tlsFiles.revocations(path) == nil {
            throw refused("unable to load \(path)")
        }
        let update = CertificateUpdate(call.api)
        try await call.write("Inserting certificate '\(line.path)' in crt-list '\(name)'")
        let count: Int
        do { count = try await update.add(line, toList: name) } catch {
            return try await call.write("\n\(update.reason(of: error, line.path))Failed!\n")
        }
        try await call.write(CertificateUpdate.success(count))
    }

    /// The list that a command names.
    @ControlActor
    private static func list(
        _ call: CommandCall, _ refused: (String) -> CommandFailure
    ) throws(CommandFailure) -> (name: String, list: CertificateList) {
        var name = call[3]
        while name.count > 1, name.hasSuffix("/") { name.removeLast() }
        guard let list = call.api.tlsFiles.list(name) else { throw refused("crt-list '\(name)' does not exist!") }
        return (name, list)
    }

    /// A certificate in memory that is not empty.
    @ControlActor
    private static func certificate(
        _ name: String, _ call: CommandCall, _ refused: (String) -> CommandFailure
    ) throws(CommandFailure) -> CertificateParts {
        guard let parts = call.api.tlsFiles.certificate(name) else {
            throw refused("certificate '\(name)' does not exist!")
        }
        guard !parts.isEmpty else { throw refused("certificate '\(name)' is empty!") }
        return parts
    }

    @ControlActor private static func delete(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[3].isEmpty, !call[4].isEmpty else {
            throw .refused("'del ssl crtlist' expects a filename and a certificate name\n")
        }
        func refused(_ reason: String) -> CommandFailure { .refused("Can't delete the entry: \(reason)\n") }
        var word = call[4][...]
        var number = 0
        if let colon = word.firstIndex(of: ":") {
            guard let line = Int(word[word.index(after: colon)...]) else {
                throw refused("wrong line number after colons in '\(word)'!")
            }
            number = line
            word = word[..<colon]
        }
        let name = String(word)
        let (listName, list) = try list(call, refused)
        _ = try certificate(name, call, refused)
        let candidates = list.lines.filter { $0.path == name }
        guard !candidates.isEmpty else {
            throw refused("certificate '\(name)' can't be found in crt-list '\(listName)'!")
        }
        let numbers = candidates.map { "\($0.number)" }.joined(separator: ", ")
        guard let line = candidates.first(where: { number == 0 || $0.number == number }) else {
            throw refused(
                "found a certificate '\(name)' but the line number is incorrect, please specify a correct line number"
                    + " preceded by colons (\(numbers))!")
        }
        if number == 0, candidates.count > 1 {
            throw refused(
                "found the certificate '\(name)' in several entries, please specify a line number preceded by colons"
                    + " (\(numbers))!")
        }
        let update = CertificateUpdate(call.api)
        let defaults = update.users(ofList: listName).filter { bind in
            bind.settings.tls?.strictSNI == false
                && bind.certificates?.configuredDefaults.contains {
                    $0.certificate.file == name && $0.list == listName && $0.line == line.number
                } == true
        }
        guard defaults.isEmpty else {
            throw refused(
                "certificate '\(name)' cannot be deleted, it is used as default certificate by the following"
                    + " frontends:\n" + defaults.map { "\t- \($0.settings.location)\n" }.joined())
        }
        do { try await update.remove(line, fromList: listName) } catch { throw refused("\(error)") }
        try await call.say("Entry '\(name)' deleted in crtlist '\(listName)'!\n", .notice)
    }

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        let hasNumbers = call[3] == "-n"
        let list = hasNumbers ? call[4] : call[3]
        guard !list.isEmpty else {
            if hasNumbers { throw .refused("'show ssl crt-list -n' expects a filename or a directory\n") }
            for name in call.api.tlsFiles.listNames { try await call.write("\(name)\n") }
            return
        }
        guard let contents = call.api.tlsFiles.list(list) else {
            throw .refused("didn't find the specified filename\n")
        }
        try await call.write("# \(list)\n")
        for line in contents.lines {
            let number = hasNumbers ? ":\(line.number)" : ""
            let options = line.optionText.isEmpty ? "" : " [\(line.optionText)]"
            let filters = line.filters.map { " " + $0 }.joined()
            try await call.write("\(line.path)\(number)\(options)\(filters)\n")
        }
    }

    // MARK: Names

    @ControlActor private static func showNames(_ call: CommandCall) async throws(CommandFailure) {
        var frontend: String?
        var before: Int?
        var offset = 0
        var index = 3
        let now = Int(SystemClock.wall() / 1_000_000_000)
        while !call[index].isEmpty {
            switch call[index] {
            case "-f":
                guard !call[index + 1].isEmpty else { throw .refused("'-f' requires a frontend name!\n") }
                index += 1
                let name = call[index]
                guard call.api.workers.blueprint.frontends.contains(where: { $0.settings.name == name }) else {
                    throw .refused("Couldn't find the specified frontend!\n")
                }
                frontend = name
            case "-A": before = now
            case "-t":
                guard !call[index + 1].isEmpty else { throw .refused("'-t' requires an offset argument!\n") }
                index += 1
                offset = try seconds(call[index])
            default:
                throw .refused("Invalid parameters, 'show ssl sni' only supports '-f', '-A' or '-t' options!\n")
            }
            index += 1
        }
        try await call.write("# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n")
        for shared in call.api.workers.blueprint.frontends
        where frontend ?? shared.settings.name == shared.settings.name {
            var last: SharedBind?
            for bind in shared.binds {
                // The addresses of one line and kind share what they serve.
                if let last, last.settings.location == bind.settings.location,
                    last.settings.transport == bind.settings.transport
                {
                    continue
                }
                last = bind
                guard let store = bind.certificates else { continue }
                let end = before.map { $0 + offset }
                let lines = names(store, expiredBefore: end).map {
                    "\(shared.settings.name)/\(bind.settings.location)\t\($0)\n"
                }
                try await call.write(lines.joined())
            }
        }
    }

    /// The names of a line's certificates in their order: exact ones, then wildcards, of which `*` is the default.
    private static func names(_ store: CertificateStore, expiredBefore end: Int?) -> [String] {
        typealias Row = (name: String, entry: CertificateEntry)
        var exact: [Row] = []
        var wild: [Row] = store.configuredDefaults.map { ("*", $0) }
        for entry in store.entries {
            for name in entry.names {
                if name.hasPrefix("*") { wild.append((name, entry)) } else { exact.append((name, entry)) }
            }
        }
        func ordered(_ list: [Row]) -> [Row] {
            list.enumerated().sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }.map(\.element)
        }
        return (ordered(exact) + ordered(wild)).compactMap { name, entry in
            let certificate = entry.certificate
            let details = certificate.details
            if let end, end <= details.expires { return nil }
            // The rest is called dsa there.
            let kind = certificate.kind == .ecdsa ? "ecdsa" : certificate.kind == .rsa ? "rsa" : "dsa"
            let excluded = name.hasPrefix("*.") ? entry.excluded.sorted().map { "!" + $0 } : []
            return "\(name)\t\(excluded.isEmpty ? "-" : excluded.joined(separator: " "))\t\(kind)\t"
                + "\(certificate.file)\t\(details.notAfter)\t\(details.notBefore)"
        }
    }

    /// A time in seconds, with HAProxy's units.
    private static func seconds(_ text: String) throws(CommandFailure) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units = ["": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let number = Int(digits), let unit = units[String(text.dropFirst(digits.count))] else {
            throw .refused(
                "'-t \(text)' : unexpected character '\(text.dropFirst(digits.count).prefix(1))'")
        }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow, seconds <= Int(Int32.max) else {
            throw .refused("offset overflow '\(text)' (maximum value is 2147483647s or ~24855 days)")
        }
        guard seconds > 0 else { throw .refused("'-t' expects a positive value") }
        return seconds
    }
}
