import Configuration
import Words

/// The keywords of `resolvers` sections.
enum ResolversStatement {
    static let keywords: [Keyword<ResolverDraft>] = [
        Keyword("nameserver", in: .resolvers) { (section, statement) throws(Complaint) in
            let name = try statement.argument("<name> and <addr>[:<port>] as arguments")
            let address = try statement.argument("<name> and <addr>[:<port>] as arguments")
            try checkName(name, of: "server")
            if let other = section.settings.nameServers.first(where: { $0.name == name.text }) {
                throw Complaint(
                    "nameserver '\(name.text)' has same name as another nameserver (declared at \(other.location))",
                    at: name)
            }
            do throws(AddressError) {
                section.settings.nameServers.append(
                    try nameServer(name.text, address.text, statement.location, section.system))
            } catch {
                throw Complaint("'nameserver \(name.text)' : \(error.message)", at: address)
            }
            if let more = statement.peek {
                throw Complaint(
                    "'nameserver \(name.text)' : '\(more.text)': settings behind a name server's address are not"
                        + " supported by this version of Portico", at: more)
            }
        },
        Keyword("parse-resolv-conf", in: .resolvers) { (section, statement) throws(Complaint) in
            do throws(SystemError) {
                for warning in try SystemNameServers.add(to: &section.settings, section.system) {
                    statement.warn(warning)
                }
            } catch {
                throw Complaint("failed to open \(SystemNameServers.file): \(error.reason)")
            }
        },
        Keyword("hold", in: .resolvers) { (section, statement) throws(Complaint) in
            let event = try statement.argument("an <event> and a <time> as arguments")
            guard let path = holds[event.text] else {
                throw Complaint(
                    "'hold' unknown <event>: '\(event.text)', expects either 'nx', 'timeout', 'valid', 'obsolete',"
                        + " 'refused' or 'other'", at: event)
            }
            statement.name = "hold \(event.text)"
            section.settings.hold[keyPath: path] = try statement.time()
        },
        Keyword("accepted_payload_size", in: .resolvers) { (section, statement) throws(Complaint) in
            section.settings.acceptedPayloadSize = try statement.integer(in: 12...65535)
        },
        Keyword("resolve_retries", in: .resolvers) { (section, statement) throws(Complaint) in
            section.settings.retries = try statement.integer()
        },
        Keyword("resolution_pool_size", in: .resolvers) { (_, _) throws(Complaint) in
            throw Complaint(
                "'resolution_pool_size' directive is not supported anymore (it never appeared in a stable release).")
        },
        Keyword("timeout", in: .resolvers) { (section, statement) throws(Complaint) in
            let which = try statement.argument("'retry' or 'resolve' and <time> as arguments")
            statement.name = "timeout \(which.text)"
            switch which.text {
            case "retry": section.settings.retryInterval = try statement.time()
            case "resolve": section.settings.resolveInterval = try statement.time()
            default:
                throw Complaint(
                    "'timeout' expects 'retry' or 'resolve' and <time> as arguments got '\(which.text)'.", at: which)
            }
        },
    ]

    private static let holds: [String: any WritableKeyPath<ResolverSettings.Hold, Int> & Sendable] = [
        "nx": \.nx, "other": \.other, "refused": \.refused, "timeout": \.timeout, "valid": \.valid,
        "obsolete": \.obsolete,
    ]

    private static func nameServer(
        _ name: String, _ text: String, _ location: SourceLocation, _ system: any LanguageSystem
    ) throws(AddressError) -> NameServerSettings {
        let parsed = try AddressText(text)
        switch parsed.family {
        case .any, .ipv4, .ipv6: break
        case .unix, .abstract, .fd, .reversed:
            throw AddressError("a name server needs an IP address, '\(text)' is none")
        }
        if parsed.kind == .quic { throw AddressError("QUIC is not possible towards name servers in '\(text)'") }
        guard case .range(let ports) = parsed.port, ports.count == 1, let port = UInt16(exactly: ports.lowerBound),
            port > 0
        else { throw AddressError("missing port number in '\(text)'") }
        guard let address = try parsed.ipAddress() ?? system.address(of: parsed.host, family: parsed.addressFamily)
        else { throw AddressError("could not resolve address '\(parsed.host)'") }
        return NameServerSettings(
            name: name, address: address, port: port, usesTCP: parsed.kind == .stream, location: location)
    }
}

/// A `resolvers` section as it is written.
struct ResolverDraft: Sendable {
    var settings: ResolverSettings
    let system: any LanguageSystem
}

/// The machine's own name servers.
enum SystemNameServers {
    static let file = "/etc/resolv.conf"

    /// Adds them to a section, with warnings about lines that give none.
    static func add(
        to section: inout ResolverSettings, _ system: any LanguageSystem
    ) throws(SystemError) -> [String] {
        let content = try system.read(file)
        var warnings: [String] = []
        for (index, line) in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        {
            let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
            guard words.first == "nameserver" else { continue }
            let place = "parsing [\(file):\(index + 1)]"
            guard words.count > 1 else {
                warnings.append("\(place) : nameserver line is missing address.")
                continue
            }
            if section.nameServers.contains(where: { $0.name == words[1] }) {
                warnings.append(
                    "\(place) : generated name for \(file) nameserver '\(words[1])' conflicts with another nameserver,"
                        + " it appears to be a duplicate and will be excluded.")
                continue
            }
            guard let address = IPAddress(text: words[1]) else {
                warnings.append(
                    "\(place) : address '\(words[1])' could not be recognized, nameserver will be excluded.")
                continue
            }
            section.nameServers.append(
                NameServerSettings(
                    name: words[1], address: address, port: 53, usesTCP: false,
                    location: SourceLocation(file: file, line: index + 1)))
        }
        return warnings
    }

    /// The section `default`, which is there without being written; nil when the machine has no name servers.
    static func section(_ system: any LanguageSystem) -> ResolverSettings? {
        var section = ResolverSettings(name: "default", location: SourceLocation(file: "<internal>", line: 0))
        guard (try? add(to: &section, system)) != nil, !section.nameServers.isEmpty else { return nil }
        return section
    }
}
