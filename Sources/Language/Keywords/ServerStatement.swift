import Configuration
import Samples
import Words

/// `server` and `default-server`.
enum ServerStatement {
    static let keywords = [
        Keyword<ProxyDraft>("server", in: [.listen, .backend]) { (proxy, statement) throws(Complaint) in
            let server = try server(of: proxy, &statement)
            proxy.surroundings.origins.note(server: server, of: proxy.name)
            proxy.servers.append(server)
        },
        ServerTemplateStatement.keyword,
        DefaultServerStatement.keyword,
    ]

    /// Reads the rest of a `server` line: name, address, options. It starts with the section's `default-server`.
    static func server(of proxy: ProxyDraft, _ statement: inout Statement) throws(Complaint) -> ServerDraft {
        let name = try statement.argument("<name> and <addr>[:<port>] as arguments")
        try checkName(name, of: "server")
        return try server(of: proxy, named: name, &statement)
    }

    /// Reads what follows the name.
    static func server(
        of proxy: ProxyDraft, named name: Word, _ statement: inout Statement
    ) throws(Complaint) -> ServerDraft {
        let address = try statement.argument("<name> and <addr>[:<port>] as arguments")
        let mark = statement.mark(name)
        statement.name = "server \(proxy.name)/\(name.text)"
        var server = proxy.defaultServer
        switch try ServerOriginStatement.read(proxy, &statement) {
        case .usual: break
        case .nothing: server = ServerDraft(surroundings: proxy.surroundings)
        case .draft(let origin): server = origin.asOrigin
        }
        server.name = name.text
        server.mark = mark
        do throws(AddressError) {
            let takesLogs = proxy.isLogBackend
            (server.address, server.connection.transport) = try Self.address(
                address.text, allowsDatagrams: takesLogs, allowsReversal: true)
            if server.address == .reversed, !statement.context.allowsExperiments {
                throw AddressError(
                    "Address '\(address.text)' is experimental, must be allowed via a global"
                        + " 'expose-experimental-directives'")
            }
            if takesLogs { server.takesDatagrams = try AddressText(address.text).kind == .datagram }
        } catch {
            throw Complaint("'\(statement.name)' : \(error.message)", at: address)
        }
        try ServerOptions.table.apply(to: &server, &statement)
        return server
    }

    /// The address of a server.
    static func address(
        _ text: String, allowsDatagrams: Bool = false, allowsReversal: Bool = false
    ) throws(AddressError) -> (ServerAddress, BindTransport) {
        let parsed = try AddressText(text)
        switch parsed.kind {
        case .datagram where allowsDatagrams: break
        case .datagram: throw AddressError("dgram-type address not acceptable in '\(text)'")
        case .quic, .stream, nil: break
        }
        let transport: BindTransport = parsed.kind == .quic ? .quic : .stream
        switch parsed.family {
        // What stands behind the prefix says nothing.
        case .reversed:
            guard allowsReversal else { throw AddressError("reverse HTTP is not possible here, as in '\(text)'") }
            return (.reversed, .stream)
        case .fd: throw AddressError("a file descriptor is not acceptable here in '\(text)'")
        case .unix, .abstract:
            if transport == .quic { throw AddressError("QUIC needs an IP address in '\(text)'") }
            let path = try parsed.path(limit: AddressText.maxPathLength)
            guard case .abstract(let isPadded) = parsed.family else { return (.unix(path: path), transport) }
            return (.abstract(name: path, isPadded: isPadded), transport)
        case .any, .ipv4, .ipv6: break
        }
        let host: HostAddress
        if let address = try parsed.ipAddress() {
            // No address at all (0.0.0.0, `::`, `*`) stands for the one that the client wanted.
            host = .ip(address)
        } else {
            host = .name(parsed.host, family: parsed.addressFamily)
        }
        return (.host(host, try port(parsed)), transport)
    }

    private static func port(_ parsed: AddressText) throws(AddressError) -> ServerPort {
        switch parsed.port {
        case .none: return .ofClient(offset: 0)
        case .offset(let offset): return .ofClient(offset: offset)
        case .range(let ports):
            guard ports.count == 1, let port = UInt16(exactly: ports.lowerBound) else {
                throw AddressError("port range not permitted here in '\(parsed.text)'")
            }
            return port == 0 ? .ofClient(offset: 0) : .fixed(port)
        }
    }
}

/// Complains when a section's or a server's name has a character that names can not have.
func checkName(_ word: Word, of what: String) throws(Complaint) {
    let isPlain = word.text.utf8.allSatisfy { byte in
        Byte.isLetter(byte) || Byte.isDigit(byte) || "_-.:".utf8.contains(byte)
    }
    if isPlain { return }
    let wrong = word.text.first { character in
        !(character.isASCII && (character.isLetter || character.isNumber || "_-.:".contains(character)))
    }
    if let wrong {
        throw Complaint("character '\(wrong)' is not permitted in \(what) name '\(word.text)'", at: word)
    }
}
