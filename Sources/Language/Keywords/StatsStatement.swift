import Configuration
import Words

/// `stats` in `global`: the sockets of the runtime API and their limits (management.txt, section 9.3).
enum StatsStatement {
    static let keywords = [
        GlobalKeywords.keyword("stats") { (global, statement) throws(Complaint) in
            let word = statement.next()
            let column = word?.column
            statement.name = "stats \(word?.text ?? "")"
            switch word?.text {
            case "socket": global.settings.runtimeAPI.sockets += try sockets(global.surroundings, &statement)
            case "timeout":
                let time = try statement.time()
                guard time > 0 else { throw Complaint("'stats timeout' expects a positive value") }
                global.settings.runtimeAPI.timeout = time
            case "maxconn":
                let count = try statement.integer()
                guard count > 0 else { throw Complaint("'stats maxconn' expects a positive value") }
                global.settings.runtimeAPI.maxconn = count
            case "bind-process": throw Complaint("'stats bind-process' is not supported anymore.", at: column)
            case "calculate-max-counters": try calculateMaxima(&statement)
            default:
                throw Complaint(
                    "'stats' only supports 'socket', 'maxconn', 'bind-process', 'calculate-max-counters' and 'timeout'"
                        + " (got '\(word?.text ?? "")')", at: column)
            }
        },
        GlobalKeywords.keyword("tune.cli.max-payload-size") { (global, statement) throws(Complaint) in
            global.settings.runtimeAPI.maxPayload = try statement.size(in: 0...Int(Int32.max))
        },
    ]

    private static func calculateMaxima(_ statement: inout Statement) throws(Complaint) {
        let word = try statement.argument("'on' or 'off'")
        switch word.text.lowercased() {
        case "on": return
        case "off": throw Complaint(refusal(of: "stats calculate-max-counters off"), at: word)
        default:
            throw Complaint(
                "'calculate-max-counters' only supports 'on' and 'off', received '\(word.text)'", at: word)
        }
    }

    /// The sockets that an address and its options describe; of a range of ports one for each.
    static func sockets(
        _ surroundings: Surroundings, _ statement: inout Statement, level: AccessLevel = .operator
    ) throws(Complaint) -> [RuntimeSocketSettings] {
        guard let word = statement.next() else {
            throw Complaint("'stats socket' in global section expects an address or a path to a UNIX socket")
        }
        let address: BindAddress
        do throws(AddressError) {
            let (parsed, transport) = try BindStatement.address(word.text, surroundings: surroundings)
            if transport == .quic { throw AddressError("QUIC is no transport for commands in '\(word.text)'") }
            address = parsed
        } catch {
            throw Complaint("'stats socket' : \(error.message)", at: word)
        }
        var socket = RuntimeSocketSettings(address: address, location: statement.location)
        socket.permissions = surroundings.unixPermissions
        socket.level = level
        try options.apply(to: &socket, &statement)
        guard case .ip(let ip, let ports) = address else { return [socket] }
        return ports.map { port in
            var single = socket
            single.address = .ip(ip, ports: port...port)
            return single
        }
    }

    private static let options = LineOptionTable<RuntimeSocketSettings>(
        [
            LineOption("level") { (socket, statement, option) throws(Complaint) in
                guard let word = statement.next() else {
                    throw Complaint("'stats socket' : 'level' : missing level", at: option)
                }
                guard let level = AccessLevel(word: word.text) else {
                    throw Complaint(
                        "'stats socket' : 'level' only supports 'user', 'operator', and 'admin' (got '\(word.text)')",
                        at: word)
                }
                socket.level = level
            },
            LineOption("expose-fd") { (socket, statement, option) throws(Complaint) in
                guard let word = statement.next() else {
                    throw Complaint("'stats socket' : 'expose-fd' : missing fd type", at: option)
                }
                guard word.text == "listeners" else {
                    throw Complaint(
                        "'stats socket' : 'expose-fd' only supports 'listeners' (got '\(word.text)')", at: word)
                }
                socket.exposesListeners = true
            },
            LineOption("severity-output") { (socket, statement, option) throws(Complaint) in
                guard let output = SeverityOutput(rawValue: statement.next()?.text ?? "") else {
                    throw Complaint(
                        "'stats socket' : 'severity-output' expects 'none', 'number' or 'string'", at: option)
                }
                socket.severityOutput = output
            },
            LineOption("name") { (socket, statement, option) throws(Complaint) in
                socket.name = try statement.value(of: option, "a name").text
            },
            LineOption("backlog") { (socket, statement, option) throws(Complaint) in
                let count = try statement.integer(of: option)
                socket.backlog = count == 0 ? nil : count
            },
            LineOption("v4v6") { (socket, _, _) in socket.isIPv6Only = socket.isIPv6Only == true },
            LineOption("v6only") { (socket, _, _) in socket.isIPv6Only = true },
        ] + BindOptions.permissions(\.permissions) + BindSocketOptions.hints(),
        refused: RefusedKeywords.bind + BindSocketOptions.kernelNames + [
            "ssl", "crt", "alpn", "accept-proxy", "maxconn", "tfo",
        ])
}
