import Configuration
import Words

/// An address as configuration files write it, cut into its parts (configuration.txt, section 2.9).
struct AddressText: Equatable {
    /// What kind of socket its prefix asks for.
    enum Kind: Equatable {
        case stream
        case datagram
        /// QUIC: a datagram socket that carries streams.
        case quic
    }

    /// What family its prefix asks for.
    enum Family: Equatable {
        /// IPv4 or IPv6, or a Unix socket when it starts with a slash.
        case any
        case ipv4
        case ipv6
        case unix
        case abstract(isPadded: Bool)
        case fd
        /// Reverse HTTP: no socket of ours.
        case reversed
    }

    /// What a port field says.
    enum Port: Equatable {
        /// There is none.
        case none
        /// One port, or several.
        case range(ClosedRange<Int>)
        /// So many above or below the client's.
        case offset(Int)
    }

    /// Nil: the statement's own default.
    var kind: Kind?
    var family: Family
    /// The host without its port and brackets, the path, the name, or the number.
    var host: String
    var port: Port
    /// What the file has.
    var text: String

    /// A form of addresses: its prefix and what that means.
    private struct Form {
        let prefix: String
        let kind: Kind?
        let family: Family

        init(_ prefix: String, _ kind: Kind?, _ family: Family) {
            self.prefix = prefix
            self.kind = kind
            self.family = family
        }
    }

    private static let kindPrefixes: [(String, Kind)] = [
        ("stream+", .stream), ("dgram+", .datagram), ("quic+", .quic),
    ]

    private static let forms = [
        Form("ipv4@", nil, .ipv4), Form("ipv6@", nil, .ipv6), Form("ip@", nil, .any), Form("unix@", nil, .unix),
        Form("abns@", nil, .abstract(isPadded: true)), Form("abnsz@", nil, .abstract(isPadded: false)),
        Form("fd@", nil, .fd), Form("tcp@", .stream, .any),
        Form("tcp4@", .stream, .ipv4), Form("tcp6@", .stream, .ipv6), Form("udp@", .datagram, .any),
        Form("udp4@", .datagram, .ipv4), Form("udp6@", .datagram, .ipv6), Form("quic4@", .quic, .ipv4),
        Form("quic6@", .quic, .ipv6), Form("rhttp@", nil, .reversed), Form("uxst@", .stream, .unix),
        Form("uxdg@", .datagram, .unix),
    ]

    /// Prefixes of HAProxy that Portico does not act on.
    private static let refusedPrefixes = [
        "mptcp@", "mptcp4@", "mptcp6@", "sockpair@", "ring@", "backend@", "dgram+",
    ]

    /// Cuts `text` into its parts. Throws a message.
    init(_ text: String) throws(AddressError) {
        self.text = text
        if text.isEmpty { throw AddressError("the address is empty") }
        family = .any
        host = ""
        port = .none
        var rest = text[...]
        if text.utf8.contains(where: { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "+") }) {
            try readPrefix(&rest)
        } else if text.utf8.first == UInt8(ascii: "/") {
            family = .unix
        }
        switch family {
        case .unix, .abstract, .fd, .reversed:
            host = String(rest)
        case .any, .ipv4, .ipv6:
            (host, port) = try Self.hostAndPort(rest, in: text)
        }
    }

    /// Takes the prefixes off `rest`, and keeps what they ask for.
    private mutating func readPrefix(_ rest: inout Substring) throws(AddressError) {
        for (prefix, kind) in Self.kindPrefixes where rest.hasPrefix(prefix) {
            self.kind = kind
            rest = rest.dropFirst(prefix.utf8.count)
        }
        if let prefix = Self.refusedPrefixes.first(where: rest.hasPrefix) {
            throw AddressError("addresses with '\(prefix)' are not supported by this version of Portico")
        }
        if let form = Self.forms.first(where: { rest.hasPrefix($0.prefix) }) {
            if kind != nil, form.kind != nil { throw AddressError("two socket types in address '\(text)'") }
            kind = kind ?? form.kind
            family = form.family
            rest = rest.dropFirst(form.prefix.utf8.count)
        } else if rest.hasPrefix("/") {
            family = .unix
        } else if let at = rest.firstIndex(of: "@") {
            let prefix = String(rest[...at])
            let hint = Nearest.word(to: prefix, among: Self.forms.map(\.prefix))
            let suggestion = hint.map { "; did you mean '\($0)' maybe ?" } ?? ""
            throw AddressError("unknown address prefix '\(prefix)' in '\(text)'\(suggestion)")
        }
    }

    /// The last colon that is not inside brackets parts host and port.
    private static func hostAndPort(_ rest: Substring, in text: String) throws(AddressError) -> (String, Port) {
        let bytes = rest.utf8
        let colon = UInt8(ascii: ":")
        guard let mark = bytes.lastIndex(where: { $0 == colon || $0 == UInt8(ascii: "]") }), bytes[mark] == colon else {
            return (unbracketed(rest), .none)
        }
        return (unbracketed(rest[..<mark]), try port(rest[bytes.index(after: mark)...], in: text))
    }

    private static func unbracketed(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }

    private static func port(_ field: Substring, in text: String) throws(AddressError) -> Port {
        if field.isEmpty { return .none }
        if field.hasPrefix("+") { return .offset(try number(field.dropFirst(), in: text)) }
        if field.hasPrefix("-") { return .offset(-(try number(field.dropFirst(), in: text))) }
        guard let dash = field.firstIndex(of: "-") else {
            let port = try number(field, in: text)
            return .range(port...port)
        }
        let low = try number(field[..<dash], in: text)
        let high = try number(field[field.index(after: dash)...], in: text)
        guard low <= high else { throw AddressError("invalid port range '\(field)' in '\(text)'") }
        return .range(low...high)
    }

    private static func number(_ digits: Substring, in text: String) throws(AddressError) -> Int {
        if !digits.utf8.allSatisfy(Byte.isDigit), let wrong = digits.first(where: { !("0"..."9").contains($0) }) {
            throw AddressError("invalid character '\(wrong)' in port number '\(digits)' in '\(text)'")
        }
        guard let number = Int(digits) else { throw AddressError("missing port number in '\(text)'") }
        guard number <= 65535 else { throw AddressError("invalid port '\(digits)' in '\(text)'") }
        return number
    }
}

/// Why a text is no address, or none that fits its statement.
struct AddressError: Error, Equatable {
    var message: String

    init(_ message: String) {
        self.message = message
    }
}

extension AddressText {
    /// The IP address that the host spells. `*` and nothing mean all addresses of the family, IPv4 if none is given.
    /// Nil: the host is a name.
    func ipAddress() throws(AddressError) -> IPAddress? {
        if family == .reversed { throw AddressError("reverse HTTP is not possible here, as in '\(text)'") }
        if host.isEmpty || host == "*" { return family == .ipv6 ? .anyV6 : .anyV4 }
        guard let address = IPAddress(text: host) else {
            // "10.1" is a name to this parser, but an address of some kind to the C library.
            let isNumeric = host.utf8.allSatisfy { Byte.isDigit($0) || $0 == Byte.dot }
            if isNumeric || host.contains(":") || host.contains("[") || host.contains("]") {
                throw AddressError("invalid address: '\(host)' in '\(text)'")
            }
            return nil
        }
        if family == .ipv4, !address.isV4 { throw AddressError("'\(host)' is no IPv4 address in '\(text)'") }
        if family == .ipv6, address.isV4 { throw AddressError("'\(host)' is no IPv6 address in '\(text)'") }
        return address
    }

    /// The only family of IP addresses that it allows; nil: both.
    var addressFamily: AddressFamily? {
        switch family {
        case .ipv4: .ipv4
        case .ipv6: .ipv6
        default: nil
        }
    }

    /// The number of a file descriptor.
    func descriptor() throws(AddressError) -> Int32 {
        guard !host.isEmpty, host.utf8.allSatisfy(Byte.isDigit), let number = Int32(host) else {
            throw AddressError("file descriptor '\(host)' is not a valid integer in '\(text)'")
        }
        return number
    }

    /// The path of a Unix socket behind `prefix`, or an abstract name; at most `limit` bytes together.
    func path(prefix: String = "", limit: Int) throws(AddressError) -> String {
        if host.isEmpty { throw AddressError("missing socket path in '\(text)'") }
        guard prefix.utf8.count + host.utf8.count <= limit else {
            throw AddressError("socket path '\(prefix)\(host)' too long (max \(limit))")
        }
        return prefix + host
    }

    /// Longest path of a Unix socket: what `sun_path` holds with its final zero byte.
    static let maxPathLength = 107
}
