import Configuration
import Words

/// What a `server` or `default-server` line says about how connections to it are made.
enum ServerConnectionOptions {
    static let all = identity + protocols + proxyHeader + pool

    private static let identity: [LineOption<ServerDraft>] = [
        LineOption("id") { (server, statement, option) throws(Complaint) in
            server.id = try statement.integer(of: option, in: 1...Int(Int32.max))
        },
        LineOption("source") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "an address to connect from")
            do throws(AddressError) {
                let parsed = try AddressText(word.text)
                guard let address = try parsed.ipAddress() else {
                    throw AddressError("'\(word.text)' is not an IP address")
                }
                server.connection.source = address.isAny ? nil : address
                if case .range(let ports) = parsed.port {
                    guard ports.count == 1, let port = UInt16(exactly: ports.lowerBound) else {
                        throw AddressError("a port range to connect from is not supported by this version of Portico")
                    }
                    server.connection.sourcePort = port
                }
            } catch {
                throw Complaint("'\(statement.name)' : 'source' : \(error.message)", at: word)
            }
            if let next = statement.peek, next.text == "interface" {
                _ = statement.next()
                server.connection.interface = try statement.value(of: next, "an interface name").text
            }
        },
    ]

    private static let protocols: [LineOption<ServerDraft>] = [
        LineOption("proto") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a protocol")
            switch word.text {
            case "h1": server.connection.version = .h1
            case "h2": server.connection.version = .h2
            case "quic": server.connection.version = .h3
            case "fcgi", "none", "qmux", "spop":
                throw Complaint("'\(statement.name)' : \(refusal(of: "proto \(word.text)"))", at: word)
            default:
                throw Complaint(
                    "'\(statement.name)' : 'proto' :  unknown MUX protocol '\(word.text)'", at: word)
            }
            server.protocolMark = statement.mark(word)
        },
        LineOption("ws") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "'auto', 'h1' or 'h2'")
            switch word.text {
            case "auto": server.connection.webSocketVersion = nil
            case "h1": server.connection.webSocketVersion = .h1
            case "h2": server.connection.webSocketVersion = .h2
            default: throw Complaint("'\(statement.name)' : 'ws' has to be 'auto', 'h1' or 'h2'", at: word)
            }
        },
        LineOption("quic-fallback") { (server, _, _) in server.connection.fallsBackToTCP = true },
        LineOption("no-quic-fallback") { (server, _, _) in server.connection.fallsBackToTCP = false },
    ]

    private static let proxyHeader: [LineOption<ServerDraft>] = [
        LineOption("send-proxy") { (server, _, _) in server.connection.proxyHeader = ServerProxyHeader(version: 1) },
        LineOption("no-send-proxy") { (server, _, _) in drop(1, &server) },
        LineOption("send-proxy-v2") { (server, _, _) in enable([], &server) },
        LineOption("no-send-proxy-v2") { (server, _, _) in drop(2, &server) },
        LineOption("send-proxy-v2-ssl") { (server, _, _) in enable(.tls, &server) },
        LineOption("no-send-proxy-v2-ssl") { (server, _, _) in drop(2, &server) },
        LineOption("proxy-v2-options") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a list of options")
            var options = server.connection.proxyHeader?.options ?? []
            for name in word.text.split(separator: ",", omittingEmptySubsequences: false) {
                switch name {
                case "ssl": options.insert(.tls)
                case "ssl-cipher": options.formUnion([.tls, .cipher])
                case "authority": options.insert(.authority)
                case "crc32c": options.insert(.crc32c)
                case "cert-cn", "cert-key", "cert-sig", "unique-id":
                    throw Complaint(
                        "'\(statement.name)' : \(refusal(of: "proxy-v2-options \(name)"))", at: word)
                default:
                    throw Complaint("'\(statement.name)' : '\(name)' : proxy v2 option not implemented", at: word)
                }
            }
            let version = server.connection.proxyHeader?.version ?? 0
            server.connection.proxyHeader = ServerProxyHeader(version: version, options: options)
        },
    ]

    private static func enable(_ options: ProxyHeaderOptions, _ server: inout ServerDraft) {
        let before = server.connection.proxyHeader?.options ?? []
        server.connection.proxyHeader = ServerProxyHeader(version: 2, options: before.union(options))
    }

    private static func drop(_ version: Int, _ server: inout ServerDraft) {
        if server.connection.proxyHeader?.version == version { server.connection.proxyHeader = nil }
    }

    private static let pool: [LineOption<ServerDraft>] = [
        LineOption("pool-low-conn") { (server, statement, option) throws(Complaint) in
            server.poolLowConnections = try statement.integer(of: option)
        },
        LineOption("idle-ping") { (server, statement, option) throws(Complaint) in
            let time = try statement.time(of: option)
            server.connection.idlePing = time == 0 ? nil : time
        },
    ]
}
