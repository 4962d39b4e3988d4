import Configuration
import Words

/// What a `server` or `default-server` line may have behind its address.
enum ServerOptions {
    static let table = LineOptionTable<ServerDraft>(
        load + tls + ServerConnectionOptions.all + ServerSocketOptions.all + ServerResolutionOptions.all
            + CheckOptions.all
            + TLSOptions.lift(TLSOptions.shared + TLSOptions.lists, to: \.tls),
        refused: RefusedKeywords.server)

    private static let load: [LineOption<ServerDraft>] = [
        LineOption("weight") { (server, statement, option) throws(Complaint) in
            let word = statement.peek
            let weight = try statement.integer(of: option, in: Int(Int32.min)...Int(Int32.max))
            guard (0...256).contains(weight) else {
                throw Complaint(
                    "'\(statement.name)' : weight of server \(server.name) is not within 0 and 256 (\(weight))..",
                    at: word ?? option)
            }
            server.weight = weight
        },
        LineOption("maxconn") { (server, statement, option) throws(Complaint) in
            let count = try statement.integer(of: option)
            server.maxconn = count == 0 ? nil : count
        },
        LineOption("minconn") { (server, statement, option) throws(Complaint) in
            let count = try statement.integer(of: option)
            server.minconn = count == 0 ? nil : count
        },
        LineOption("cookie") { (server, statement, option) throws(Complaint) in
            server.cookie = try statement.value(of: option, "a cookie value").text
        },
        LineOption("redir") { (server, statement, option) throws(Complaint) in
            server.redirectPrefix = try statement.value(of: option, "a redirect prefix").text
        },
        LineOption("hash-key") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "'id', 'id32', 'guid', 'addr', or 'addr-port'")
            guard let key = ServerHashKey(rawValue: word.text) else {
                throw Complaint(
                    "'\(statement.name)' : 'hash-key' has to be 'id', 'id32', 'guid', 'addr', or 'addr-port'", at: word)
            }
            server.hashKey = key
        },
        LineOption("guid") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "an argument")
            if let message = GUID.complaint(about: word.text) {
                throw Complaint("'\(statement.name)' : 'guid': \(message)", at: word)
            }
            server.guid = word.text
        },
        LineOption("maxqueue") { (server, statement, option) throws(Complaint) in
            let count = try statement.integer(of: option)
            server.maxqueue = count == 0 ? nil : count
        },
        LineOption("backup") { (server, _, _) in server.isBackup = true },
        LineOption("no-backup") { (server, _, _) in server.isBackup = false },
        LineOption("disabled") { (server, _, _) in server.isDisabled = true },
        LineOption("enabled") { (server, _, _) in server.isDisabled = false },
        LineOption("pool-max-conn") { (server, statement, option) throws(Complaint) in
            let count = try statement.integer(of: option, in: -1...Int(Int32.max))
            server.poolMaxConnections = count < 0 ? nil : count
        },
        LineOption("pool-purge-delay") { (server, statement, option) throws(Complaint) in
            let delay = try statement.time(of: option)
            // HAProxy keeps no idle connection at all when they would be purged at once.
            if delay == 0 { server.poolMaxConnections = 0 } else { server.poolPurgeDelay = delay }
        },
        LineOption("max-reuse") { (server, statement, option) throws(Complaint) in
            let count = try statement.integer(of: option, in: -1...Int(Int32.max))
            server.maxReuse = count < 0 ? nil : count
        },
    ]

    private static let tls: [LineOption<ServerDraft>] = [
        LineOption("ssl") { (server, _, _) in
            server.usesTLS = true
            server.preparesTLS = true
            server.refusesTLS = false
        },
        LineOption("no-ssl") { (server, _, _) in
            server.usesTLS = false
            server.refusesTLS = true
        },
        LineOption("verify") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a verify method")
            switch word.text {
            case "none": server.verifiesCertificate = false
            case "required": server.verifiesCertificate = true
            default:
                throw Complaint(
                    "'\(statement.name)' : unknown verify method '\(word.text)', only 'none' and 'required' are"
                        + " supported", at: word)
            }
        },
        LineOption("ca-file") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a CA file")
            server.trust =
                word.text == "@system-ca" ? .system : .path(path(word.text, below: server.authorityBase))
        },
        LineOption("sni") { (server, statement, option) throws(Complaint) in
            server.serverName = try serverName(statement.value(of: option, "a sample expression"), statement)
        },
        LineOption("sni-auto") { (server, _, _) in server.automaticSNI = true },
        LineOption("no-sni-auto") { (server, _, _) in server.automaticSNI = false },
        LineOption("verifyhost") { (server, statement, option) throws(Complaint) in
            server.verifiedHost = try statement.value(of: option, "a host name").text
        },
        LineOption("no-verifyhost") { (server, _, _) in server.verifiedHost = nil },
        LineOption("alpn") { (server, statement, option) throws(Complaint) in
            server.alpn = try statement.alpn(of: option)
        },
        LineOption("no-alpn") { (server, _, _) in server.alpn = [] },
        LineOption("crt") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a certificate location")
            server.certificate = path(word.text, below: server.certificateBase)
        },
        LineOption("crl-file") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a CRL file")
            server.revocations = path(word.text, below: server.authorityBase)
        },
        // Nothing goes early over TCP: the handshake comes first, as with servers that refuse early data.
        LineOption("allow-0rtt") { (server, _, _) in server.connection.allowsEarlyData = true },
        LineOption("ssl-reuse") { (server, _, _) in server.reusesSessions = true },
        LineOption("no-ssl-reuse") { (server, _, _) in server.reusesSessions = false },
    ]

    /// A constant, the request's host, or another expression.
    private static func serverName(
        _ word: Word, _ statement: Statement
    ) throws(Complaint) -> ServerNameSource {
        let text = word.text
        if ["req.hdr(host)", "hdr(host)", "req.hdr(host),field(1,:)", "hdr(host),field(1,:)"].contains(text) {
            return .requestHost
        }
        if text.hasPrefix("str("), text.hasSuffix(")"), !text.contains(",") {
            return .fixed(String(text.dropFirst(4).dropLast()))
        }
        return .expression(try ServerConnectionOptions.expression(word, statement))
    }
}
