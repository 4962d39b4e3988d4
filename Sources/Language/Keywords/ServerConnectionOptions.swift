import Configuration
import Rules
import Samples
import Words

/// What a `server` or `default-server` line says about how connections to it are made.
enum ServerConnectionOptions {
    static let all = identity + protocols + proxyHeader + pool

    private static let identity: [LineOption<ServerDraft>] = [
        LineOption("id") { (server, statement, option) throws(Complaint) in
            server.id = try statement.integer(of: option, in: 1...Int(Int32.max))
        },
        LineOption("source") { (server, statement, option) throws(Complaint) in
            server.connection.source = try SourceStatement.settings(&statement, allowsRange: true)
        },
        LineOption("socks4") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "<addr>:<port> as argument")
            do throws(AddressError) {
                let parsed = try AddressText(word.text)
                guard case .range(let ports) = parsed.port, ports.count == 1,
                    let port = UInt16(exactly: ports.lowerBound), port > 0
                else { throw AddressError("missing or invalid port in '\(word.text)'") }
                guard let address = try parsed.ipAddress() else {
                    throw AddressError("'\(word.text)' is not an IP address")
                }
                server.connection.socks = SOCKSProxy(address: address, port: port)
            } catch {
                throw Complaint("'socks4' : \(error.message)", at: word)
            }
        },
        LineOption("pool-conn-name") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a sample expression")
            server.connection.poolName = try ServerConnectionOptions.expression(word, statement)
        },
        LineOption("no-pool-conn-name") { (server, _, _) in server.connection.poolName = nil },
    ]

    /// An expression that is evaluated when a connection is made.
    static func expression(_ word: Word, _ statement: Statement) throws(Complaint) -> HashExpression {
        let context = statement.context
        let place = context.place
        context.place = .serverConnect
        defer { context.place = place }
        return HashExpression(try ExpressionParser(context).parse(word))
    }

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
        LineOption("send-proxy") { (server, _, _) in
            var header = server.connection.proxyHeader ?? ServerProxyHeader(version: 1)
            header.version = 1
            server.connection.proxyHeader = header
        },
        LineOption("no-send-proxy") { (server, _, _) in drop(1, &server) },
        LineOption("send-proxy-v2") { (server, _, _) in enable([], &server) },
        LineOption("no-send-proxy-v2") { (server, _, _) in drop(2, &server) },
        LineOption("send-proxy-v2-ssl") { (server, _, _) in enable(.tls, &server) },
        LineOption("no-send-proxy-v2-ssl") { (server, _, _) in drop(2, &server) },
        LineOption("send-proxy-v2-ssl-cn") { (server, _, _) in enable([.tls, .commonName], &server) },
        LineOption("no-send-proxy-v2-ssl-cn") { (server, _, _) in drop(2, &server) },
        LineOption("proxy-v2-options") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a list of options")
            var options = server.connection.proxyHeader?.options ?? []
            for name in word.text.split(separator: ",", omittingEmptySubsequences: false) {
                switch name {
                case "ssl": options.insert(.tls)
                case "ssl-cipher": options.formUnion([.tls, .cipher])
                case "authority": options.insert(.authority)
                case "crc32c": options.insert(.crc32c)
                case "unique-id": options.insert(.uniqueID)
                case "cert-cn": options.formUnion([.tls, .commonName])
                case "cert-key": options.formUnion([.tls, .keyAlgorithm])
                case "cert-sig": options.formUnion([.tls, .signatureAlgorithm])
                default:
                    throw Complaint("'\(statement.name)' : '\(name)' : proxy v2 option not implemented", at: word)
                }
            }
            var header = server.connection.proxyHeader ?? ServerProxyHeader(version: 0)
            header.options = options
            server.connection.proxyHeader = header
        },
        LineOption("set-proxy-v2-tlv-fmt(") { (server, statement, option) throws(Complaint) in
            let type = try fieldType(option, statement)
            // None is an empty one, as in HAProxy.
            let word = statement.next() ?? Word(text: "", column: option.column)
            let context = statement.context
            let place = context.place
            context.place = .serverConnect
            defer { context.place = place }
            let format = try Format.parse(word, context, options: [])
            var header = server.connection.proxyHeader ?? ServerProxyHeader(version: 0)
            header.fields.append(ServerProxyHeader.Field(type: type, format: format))
            server.connection.proxyHeader = header
        },
    ]

    /// The number in `set-proxy-v2-tlv-fmt(0xE1)`.
    private static func fieldType(_ option: Word, _ statement: Statement) throws(Complaint) -> UInt8 {
        let text = option.text.drop { $0 != "(" }.dropFirst()
        guard text.hasSuffix(")") else {
            throw Complaint("'\(option.text)' : expects set-proxy-v2-tlv(<TLV ID>)", at: option)
        }
        let digits = text.dropLast()
        let isHexadecimal = digits.lowercased().hasPrefix("0x")
        guard let number = Int(isHexadecimal ? digits.dropFirst(2) : digits, radix: isHexadecimal ? 16 : 10) else {
            throw Complaint("'\(option.text)' : could not convert TLV ID", at: option)
        }
        guard let type = UInt8(exactly: number) else {
            throw Complaint("'\(option.text)' : the maximum allowed TLV ID is 255", at: option)
        }
        return type
    }

    private static func enable(_ options: ProxyHeaderOptions, _ server: inout ServerDraft) {
        var header = server.connection.proxyHeader ?? ServerProxyHeader(version: 2)
        header.version = 2
        header.options.formUnion(options)
        server.connection.proxyHeader = header
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
