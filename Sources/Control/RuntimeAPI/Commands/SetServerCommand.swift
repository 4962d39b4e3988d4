import Bytes
import Configuration
import Proxying
import Resolution
import Runtime
import Servers

/// `set server <backend>/<server> …` (management.txt, section 9.3).
enum SetServerCommand {
    static let all = [
        Command(
            "set server",
            usage: "set server <bk>/<srv> [opts]            : change a server's state, weight, address, name or ssl",
            level: .admin, run: run)
    ]

    private static let usage =
        "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr"
        + " | check-port | fqdn | health | name | ssl | state | weight"

    @ControlActor private static func run(_ call: CommandCall) async throws(CommandFailure) {
        let server = try call.api.server(call[2])
        switch call[3] {
        case "weight": try ServerCommands.setWeight(of: server, call[4])
        case "state": try setState(server, call[4])
        case "health": try setHealth(server, call[4])
        case "agent": try setAgent(server, call[4])
        case "addr": try await setAddress(server, call)
        case "fqdn":
            guard !call[4].isEmpty else { throw .refused("set server <b>/<s> fqdn requires a FQDN.") }
            try await setHostName(server, call)
        case "ssl": try await setTLS(server, call)
        case "name": try await setName(server, call)
        default:
            guard let more = ServerCheckSettings.change(server, call) else { throw .refused(usage) }
            if case .failure(let failure) = more { throw failure }
        }
    }

    private static func setState(_ server: SharedServer, _ word: String) throws(CommandFailure) {
        switch word {
        case "ready": server.becomeReady()
        case "drain": server.enterDrain()
        case "maint": server.enterMaintenance()
        default: throw .refused("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
        }
    }

    private static let cause = "changed from CLI"

    private static func setHealth(_ server: SharedServer, _ word: String) throws(CommandFailure) {
        if server.tracked != nil { throw .refused("cannot change health on a tracking server.") }
        switch word {
        case "up":
            server.become(.running, because: cause) { check, _ in check.health = check.rise + check.fall - 1 }
        case "stopping":
            server.become(.stopping, because: cause) { check, _ in check.health = check.rise + check.fall - 1 }
        case "down": server.become(.stopped, because: cause) { check, _ in check.health = 0 }
        default: throw .refused("'set server <srv> health' expects 'up', 'stopping', or 'down'.")
        }
    }

    private static func setAgent(_ server: SharedServer, _ word: String) throws(CommandFailure) {
        guard server.health.agent.isEnabled else { throw .refused("agent checks are not enabled on this server.") }
        switch word {
        case "up":
            server.become(.running, because: cause) { _, agent in agent.health = agent.rise + agent.fall - 1 }
        case "down": server.become(.stopped, because: cause) { _, agent in agent.health = 0 }
        default: throw .refused("'set server <srv> agent' expects 'up' or 'down'.")
        }
    }

    // MARK: Address

    @ControlActor private static func setAddress(
        _ server: SharedServer, _ call: CommandCall
    ) async throws(CommandFailure) {
        guard !call[4].isEmpty else {
            throw .refused("set server <b>/<s> addr requires an address and optionally a port.")
        }
        let port = call[5] == "port" ? call[6] : nil
        let text: String
        do throws(CommandFailure) {
            text = try changeAddress(of: server, to: call[4], port: port, by: "stats socket command")
        } catch {
            guard case .message(let message, _) = error else { throw error }
            return try await call.say(message, .warning)
        }
        try await call.say(text, .warning)
    }

    /// Changes address and port, purges connections to the old one, and says what has changed.
    private static func changeAddress(
        of server: SharedServer, to address: String, port: String?, by whom: String
    ) throws(CommandFailure) -> String {
        var words: [String] = []
        try server.changeFacts { (facts) throws(CommandFailure) in
            guard case .ip(let old) = facts.address else {
                throw .refused(
                    "Update for the current server address family is only supported through configuration file.")
            }
            guard var new = SocketAddress(text: address, port: old.port) else {
                throw .refused("Invalid addr '\(address)'")
            }
            if old.host != new.host { words.append("IP changed from '\(old.host)' to '\(new.host)'") }
            if let port {
                guard let (number, _) = LeadingNumber.read(port) else {
                    throw .refused("problem converting port '\(port)' to an int")
                }
                let isOffset = port.hasPrefix("+") || port.hasPrefix("-")
                let value = UInt16(truncatingIfNeeded: number)
                let before = describe(facts.port)
                facts.port = isOffset ? .ofClient(offset: number) : .fixed(value)
                new.port = isOffset ? 0 : value
                let after = isOffset ? "+\(value)" : "\(value)"
                if before != after { words.append("port changed from '\(before)' to '\(after)'") }
            }
            facts.address = .ip(new)
        }
        guard !words.isEmpty else { return "nothing changed" }
        server.backend.events.tell(.purge(server))
        return words.joined(separator: ", ") + " by '\(whom)'"
    }

    private static func describe(_ port: ServerPort) -> String {
        switch port {
        case .fixed(let number): "\(number)"
        case .ofClient(let offset): "+\(UInt16(truncatingIfNeeded: offset))"
        }
    }

    @ControlActor private static func setHostName(
        _ server: SharedServer, _ call: CommandCall
    ) async throws(CommandFailure) {
        if server.settings.serviceName != nil {
            throw .refused("set server <b>/<s> fqdn failed because SRV resolution is configured.")
        }
        guard let text = call.api.resolution?.rename(server, to: call[4], by: "stats socket command") else {
            throw .refused("set server <b>/<s> fqdn failed because no resolution is configured.")
        }
        try await call.say(text, .warning)
    }

    // MARK: TLS and name

    @ControlActor private static func setTLS(_ server: SharedServer, _ call: CommandCall) async throws(CommandFailure) {
        if server.isDynamic { throw .refused("'set server <srv> ssl' not supported on dynamic servers") }
        guard server.settings.tls != nil else {
            throw .refused(
                "'set server <srv> ssl' cannot be set.  default-server should define ssl settings")
        }
        guard call[4] == "on" || call[4] == "off" else {
            throw .refused("'set server <srv> ssl' expects 'on' or 'off'.")
        }
        guard server.settings.connection.transport == .stream else {
            throw .refused("failed to disable ssl for server \(call[2]).")
        }
        server.changeFacts {
            $0.usesTLS = call[4] == "on"
            $0.wasTLSChanged = true
        }
        server.backend.events.tell(.purge(server))
        try await call.say("server ssl setting updated.", .notice)
    }

    @ControlActor private static func setName(_ server: SharedServer, _ call: CommandCall) async throws(CommandFailure)
    {
        let name = call[4]
        guard !name.isEmpty else { throw .refused("set server <b>/<s> name requires a new name.") }
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: "_-.:".utf8.contains(byte)
            }
        }
        guard isPlain else { throw .refused("Server name contains invalid characters.") }
        guard name.utf8.count < 64 else { throw .refused("Server name too long.") }
        guard server.admin.isMaintenance else {
            throw .refused("Server must be in maintenance mode to be renamed (set server <b>/<s> state maint).")
        }
        if server.isReferenced || server.isTracked {
            throw .refused(
                "Cannot rename: server's name is statically referenced (use-server, track, or sample argument).")
        }
        if server.facts.name != name {
            guard server.backend.server(named: name) == nil else {
                throw .refused("A server with the same name already exists in this backend.")
            }
            server.changeFacts { $0.name = name }
        }
        try await call.say("Server name updated.", .notice)
    }
}

/// What `set server` changes of a server's checks.
enum ServerCheckSettings {
    /// Does what the words behind the server's name ask for; nil when they are none of these.
    @ControlActor static func change(_ server: SharedServer, _ call: CommandCall) -> Result<Void, CommandFailure>? {
        let what = call[3]
        switch what {
        case "agent-addr", "check-addr":
            guard !call[4].isEmpty else {
                return .failure(
                    .refused("set server <b>/<s> \(what) requires an address and optionally a port."))
            }
        case "agent-port", "check-port":
            guard !call[4].isEmpty else { return .failure(.refused("set server <b>/<s> \(what) requires a port.")) }
        case "agent-send": break
        default: return nil
        }
        let (check, agent) = server.health
        let isAgent = what.hasPrefix("agent")
        guard (isAgent ? agent : check).isEnabled else {
            let isText = what == "agent-send"
            let whose = isAgent ? "agent checks" : "health checks"
            return .failure(
                .message("\(whose) are not enabled on this server" + (isText ? "." : ""), isText ? .error : .warning))
        }
        switch what {
        case "agent-send":
            let text = Array(call[4].utf8)
            server.changeHealth { _, agent in agent.text = text }
        case "agent-addr", "check-addr":
            return change(server, isAgent, address: call[4], port: call[5] == "port" ? call[6] : nil)
        default: return change(server, isAgent, address: nil, port: call[4])
        }
        return .success(())
    }

    /// Changes where checks connect to.
    private static func change(
        _ server: SharedServer, _ isAgent: Bool, address: String?, port: String?
    ) -> Result<Void, CommandFailure> {
        var target: Socket.Target?
        if let address {
            guard let found = SocketAddress(text: address, port: 0) else {
                return .failure(.message("invalid addr '\(address)'", .warning))
            }
            target = .ip(found)
        }
        var number: Int?
        if let port {
            guard let (value, rest) = LeadingNumber.read(port), rest.isEmpty else {
                return .failure(.message("provided port is not an integer", .warning))
            }
            guard (0...65535).contains(value) else {
                return .failure(.message("provided port is invalid", .warning))
            }
            if value == 0, !isAgent, case .ofClient = server.facts.port {
                return .failure(.message("can't unset 'port' since MAPPORTS is in use", .warning))
            }
            number = value
        }
        server.changeHealth { check, agent in
            if isAgent {
                agent.address = target ?? agent.address
                agent.port = number ?? agent.port
            } else {
                check.address = target ?? check.address
                check.port = number ?? check.port
            }
        }
        return .success(())
    }
}
