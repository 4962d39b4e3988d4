import Configuration
import Words

/// What a `server` line says about health checks and agents (configuration.txt section 5.2).
enum CheckOptions {
    static let all = checks + connection + agent + reactions

    private static let checks: [LineOption<ServerDraft>] = [
        LineOption("check") { (server, _, _) in server.check.isEnabled = true },
        LineOption("no-check") { (server, _, _) in server.check.isEnabled = false },
        LineOption("inter") { (server, statement, option) throws(Complaint) in
            server.check.interval = try delay(of: option, &statement)
        },
        LineOption("fastinter") { (server, statement, option) throws(Complaint) in
            server.check.fastInterval = try delay(of: option, &statement)
        },
        LineOption("downinter") { (server, statement, option) throws(Complaint) in
            server.check.downInterval = try delay(of: option, &statement)
        },
        LineOption("rise") { (server, statement, option) throws(Complaint) in
            server.check.rise = try count(of: option, &statement)
        },
        LineOption("fall") { (server, statement, option) throws(Complaint) in
            server.check.fall = try count(of: option, &statement)
        },
        LineOption("healthcheck") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a healthcheck name as argument.")
            server.healthcheck = word.text
        },
        LineOption("init-state") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(
                of: option, "one of 'none', 'fully-up', 'up', 'down', or 'fully-down'")
            guard let state = InitialServerState(rawValue: word.text) else {
                throw Complaint(
                    "'\(statement.name)' : 'init-state' expects one of 'none', 'fully-up', 'up', 'down', or 'fully-down'"
                        + " but got '\(word.text)'", at: word)
            }
            server.initialState = state
        },
        LineOption("track") { (server, statement, option) throws(Complaint) in
            server.tracked = try statement.value(of: option, "[<proxy>/]<server> as argument.").text
        },
        LineOption("slowstart") { (server, statement, option) throws(Complaint) in
            server.slowStart = try statement.time(of: option)
        },
    ]

    private static let connection: [LineOption<ServerDraft>] = [
        LineOption("addr") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "<ipv4|ipv6> as argument.")
            server.check.address = try CheckAddress.read(word, statement)
        },
        LineOption("port") { (server, statement, option) throws(Complaint) in
            server.check.port = UInt16(try statement.integer(of: option, in: 1...65535))
        },
        LineOption("check-ssl") { (server, _, _) in server.check.usesTLS = true },
        LineOption("no-check-ssl") { (server, _, _) in server.check.usesTLS = false },
        LineOption("check-sni") { (server, statement, option) throws(Complaint) in
            server.check.serverName = try statement.value(of: option, "the value to set as SNI").text
        },
        LineOption("check-sni-auto") { (server, _, _) in server.check.findsServerName = true },
        LineOption("no-check-sni-auto") { (server, _, _) in server.check.findsServerName = false },
        LineOption("check-alpn") { (server, statement, option) throws(Complaint) in
            server.check.alpn = try statement.alpn(of: option)
        },
        LineOption("check-proto") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a protocol")
            server.check.version = try CheckAddress.version(word, of: "check-proto", statement)
        },
        LineOption("check-via-socks4") { (server, _, _) in server.check.usesSOCKS = true },
        LineOption("check-send-proxy") { (server, _, _) in server.check.sendsProxyHeader = true },
        LineOption("no-check-send-proxy") { (server, _, _) in server.check.sendsProxyHeader = false },
        LineOption("check-reuse-pool") { (server, _, _) in server.check.reusesPool = true },
        LineOption("no-check-reuse-pool") { (server, _, _) in server.check.reusesPool = false },
        LineOption("check-pool-conn-name") { (server, statement, option) throws(Complaint) in
            server.check.poolName = try statement.value(of: option, "a name as argument").text
        },
    ]

    private static let agent: [LineOption<ServerDraft>] = [
        LineOption("agent-check") { (server, _, _) in server.agent.isEnabled = true },
        LineOption("no-agent-check") { (server, _, _) in server.agent.isEnabled = false },
        LineOption("agent-inter") { (server, statement, option) throws(Complaint) in
            server.agent.interval = try delay(of: option, &statement)
        },
        LineOption("agent-port") { (server, statement, option) throws(Complaint) in
            server.agent.port = UInt16(try statement.integer(of: option, in: 1...65535))
        },
        LineOption("agent-addr") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "an address as argument.")
            guard let address = IPAddress(text: word.text[...]) else {
                throw Complaint(
                    "'\(statement.name)' : parsing agent-addr failed. Check if '\(word.text)' is correct address.",
                    at: word)
            }
            server.agent.address = .host(.ip(address), .ofClient(offset: 0))
        },
        LineOption("agent-send") { (server, statement, option) throws(Complaint) in
            server.agent.text = Array(try statement.value(of: option, "a string as argument.").text.utf8)
        },
    ]

    private static let reactions: [LineOption<ServerDraft>] = [
        LineOption("observe") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "<mode> as argument.")
            guard let layer = ObservedLayer(rawValue: word.text) else {
                throw Complaint(
                    "'\(statement.name)' : 'observe' expects one of 'none', 'layer4', 'layer7' but got '\(word.text)'",
                    at: word)
            }
            server.observedLayer = layer
        },
        LineOption("error-limit") { (server, statement, option) throws(Complaint) in
            server.errorLimit = try count(of: option, &statement)
        },
        LineOption("on-error") { (server, statement, option) throws(Complaint) in
            let list = "'fastinter', 'fail-check', 'sudden-death' or 'mark-down'"
            let word = try statement.value(of: option, "one of \(list)")
            guard let reaction = ErrorReaction(rawValue: word.text) else {
                throw Complaint(
                    "'\(statement.name)' : 'on-error' expects one of \(list) but got '\(word.text)'", at: word)
            }
            server.errorReaction = reaction
        },
        LineOption("on-marked-down") { (server, statement, option) throws(Complaint) in
            try expect("shutdown-sessions", of: option, &statement)
            server.shutsSessionsWhenDown = true
        },
        LineOption("on-marked-up") { (server, statement, option) throws(Complaint) in
            try expect("shutdown-backup-sessions", of: option, &statement)
            server.shutsBackupsWhenUp = true
        },
    ]

    private static func expect(_ wanted: String, of option: Word, _ statement: inout Statement) throws(Complaint) {
        let word = try statement.value(of: option, "'\(wanted)'")
        guard word.text == wanted else {
            throw Complaint(
                "'\(statement.name)' : '\(option.text)' expects '\(wanted)' but got '\(word.text)'", at: word)
        }
    }

    /// A time that is not 0; a small one without a unit is suspicious.
    private static func delay(of option: Word, _ statement: inout Statement) throws(Complaint) -> Int {
        let word = statement.peek
        let time = try statement.time(of: option)
        guard time > 0 else {
            throw Complaint(
                "'\(statement.name)' : invalid value 0 for argument '\(option.text)'", at: word ?? option)
        }
        if let word, time < 100, word.text.utf8.allSatisfy(Byte.isDigit) {
            statement.warn(
                "'\(option.text) \(time)' in '\(statement.name)' is suspiciously small for a value in milliseconds."
                    + " Please use an explicit unit ('\(time)ms') if that was the intent.", at: word)
        }
        return time
    }

    private static func count(of option: Word, _ statement: inout Statement) throws(Complaint) -> Int {
        let word = statement.peek
        let count = try statement.integer(of: option, in: Int(Int32.min)...Int(Int32.max))
        guard count > 0 else {
            throw Complaint("'\(statement.name)' : '\(option.text)' has to be > 0.", at: word ?? option)
        }
        return count
    }
}

/// Where checks connect to, and what they speak there.
enum CheckAddress {
    /// An IP address or a Unix socket, with a port or without.
    static func read(_ word: Word, _ statement: Statement) throws(Complaint) -> ServerAddress {
        do throws(AddressError) {
            let parsed = try AddressText(word.text)
            switch parsed.kind {
            case .datagram, .quic: throw AddressError("'\(word.text)' is no address of a stream")
            case .stream, nil: break
            }
            switch parsed.family {
            case .fd: throw AddressError("a file descriptor is not acceptable here in '\(word.text)'")
            case .unix: return .unix(path: try parsed.path(limit: AddressText.maxPathLength))
            case .abstract(let isPadded):
                return .abstract(name: try parsed.path(limit: AddressText.maxPathLength), isPadded: isPadded)
            case .any, .ipv4, .ipv6, .reversed: break
            }
            guard let address = try parsed.ipAddress() else {
                throw AddressError("'\(word.text)' is no IP address, which is what this version of Portico takes here")
            }
            guard case .range(let ports) = parsed.port else { return .host(.ip(address), .ofClient(offset: 0)) }
            guard ports.count == 1, let port = UInt16(exactly: ports.lowerBound) else {
                throw AddressError("port range not permitted here in '\(word.text)'")
            }
            return .host(.ip(address), port == 0 ? .ofClient(offset: 0) : .fixed(port))
        } catch {
            throw Complaint("'\(statement.name)' : '\(word.text)' : \(error.message)", at: word)
        }
    }

    static func version(
        _ word: Word, of option: String, _ statement: Statement
    ) throws(Complaint) -> ServerHTTPVersion? {
        switch word.text {
        case "h1": return .h1
        case "h2": return .h2
        case "quic": return .h3
        case "none": return nil
        case "fcgi", "qmux", "spop":
            throw Complaint("'\(statement.name)' : \(refusal(of: "\(option) \(word.text)"))", at: word)
        default:
            throw Complaint(
                "'\(statement.name)' : '\(option)' :  unknown MUX protocol '\(word.text)'", at: word)
        }
    }
}
