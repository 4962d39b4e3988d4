import Configuration
import Words

/// `source`, of a backend or on a `server` line.
enum SourceStatement {
    static let keyword = Keyword<ProxyDraft>("source", in: .back) { (proxy, statement) throws(Complaint) in
        let settings = try settings(&statement, allowsRange: false)
        proxy.source = settings
    }

    /// Most values from the end that `hdr_ip` counts.
    private static let longestHistory = 10

    /// Reads `<addr>[:<port>[-<port>]] [usesrc …] [interface …]`.
    static func settings(_ statement: inout Statement, allowsRange: Bool) throws(Complaint) -> SourceSettings {
        guard let word = statement.next() else {
            throw Complaint(
                "'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as"
                    + " argument.")
        }
        var settings = SourceSettings()
        (settings.address, settings.ports) = try address(word, "source", allowsRange: allowsRange)
        while let next = statement.peek, next.text == "usesrc" || next.text == "interface" {
            _ = statement.next()
            guard let value = statement.next() else {
                throw Complaint(
                    next.text == "usesrc"
                        ? "'usesrc' expects <addr>[:<port>], 'client', 'clientip', or 'hdr_ip(name,#)' as argument."
                        : "'\(statement.name)' : missing interface name.", at: next)
            }
            if next.text == "interface" { settings.interface = value.text } else { settings.shown = try shown(value) }
        }
        return settings
    }

    private static func address(
        _ word: Word, _ owner: String, allowsRange: Bool
    ) throws(Complaint) -> (IPAddress?, ClosedRange<UInt16>?) {
        do throws(AddressError) {
            let parsed = try AddressText(word.text)
            guard let address = try parsed.ipAddress() else {
                throw AddressError("'\(word.text)' is not an IP address")
            }
            var ports: ClosedRange<UInt16>?
            if case .range(let range) = parsed.port {
                guard range.count == 1 || allowsRange else {
                    throw AddressError("port range not permitted here in '\(word.text)'")
                }
                guard let low = UInt16(exactly: range.lowerBound), let high = UInt16(exactly: range.upperBound) else {
                    throw AddressError("invalid port range in '\(word.text)'")
                }
                ports = low == 0 && high == 0 ? nil : low...high
            }
            return (address.isAny && ports == nil ? nil : address, ports)
        } catch {
            throw Complaint("'\(owner) \(word.text)' : \(error.message)", at: word)
        }
    }

    private static func shown(_ word: Word) throws(Complaint) -> SourceSettings.Shown {
        switch word.text {
        case "client": return .client
        case "clientip": return .clientAddress
        default: break
        }
        guard word.text.hasPrefix("hdr_ip(") else {
            let (address, ports) = try address(word, "usesrc", allowsRange: false)
            guard let address else { return .own }
            return .address(address, port: ports?.lowerBound ?? 0)
        }
        let inside = word.text.dropFirst(7).prefix { $0 != ")" }
        let parts = inside.split(separator: ",", maxSplits: 1).map { $0.filter { $0 != " " } }
        guard let name = parts.first, !name.isEmpty else {
            throw Complaint("'usesrc' : 'hdr_ip' expects the name of a header field", at: word)
        }
        let occurrence = parts.count > 1 ? Int(parts[1]) ?? 0 : -1
        guard occurrence >= -longestHistory else {
            throw Complaint(
                "usesrc hdr_ip(name,num) does not support negative occurrences values smaller than \(longestHistory).",
                at: word)
        }
        return .header(name: name.lowercased(), occurrence: occurrence)
    }
}
