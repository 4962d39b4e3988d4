import Configuration
import Language
import Proxying
import Servers
import Synchronization

/// Commands about one server: add, delete, enable, disable, weights and limits.
enum ServerCommands {
    static let all = [
        Command(
            "add server", usage: "add server <bk>/<srv>                   : create a new server", level: .admin,
            run: add),
        Command(
            "del server",
            usage: "del server <bk>/<srv>                   : remove a dynamically added server", level: .admin,
            run: delete),
        Command(
            "disable server",
            usage:
                "disable server (DEPRECATED)             : disable a server for maintenance (use 'set server' instead)",
            level: .admin
        ) { (call) throws(CommandFailure) in try call.api.server(call[2]).enterMaintenance() },
        Command(
            "enable server",
            usage: "enable server  (DEPRECATED)             : enable a disabled server (use 'set server' instead)",
            level: .admin
        ) { (call) throws(CommandFailure) in try call.api.server(call[2]).becomeReady() },
        Command(
            "enable health", usage: "enable health                           : enable health checks", level: .admin
        ) { (call) throws(CommandFailure) in
            guard try call.api.server(call[2]).enableChecks(.health, true) else {
                throw .refused("Health check was not configured on this server, cannot enable.")
            }
        },
        Command(
            "disable health", usage: "disable health                          : disable health checks", level: .admin
        ) { (call) throws(CommandFailure) in _ = try call.api.server(call[2]).enableChecks(.health, false) },
        Command(
            "enable agent", usage: "enable agent                            : enable agent checks", level: .admin
        ) { (call) throws(CommandFailure) in
            guard try call.api.server(call[2]).enableChecks(.agent, true) else {
                throw .refused("Agent was not configured on this server, cannot enable.")
            }
        },
        Command(
            "disable agent", usage: "disable agent                           : disable agent checks", level: .admin
        ) { (call) throws(CommandFailure) in _ = try call.api.server(call[2]).enableChecks(.agent, false) },
        Command(
            "get weight", usage: "get weight <bk>/<srv>                   : report a server's current weight"
        ) { (call) async throws(CommandFailure) in
            let server = try call.api.server(call[2])
            try await call.write("\(server.weight) (initial \(server.settings.weight))\n")
        },
        Command(
            "set weight",
            usage: "set weight <bk>/<srv>  (DEPRECATED)     : change a server's weight (use 'set server' instead)",
            level: .admin
        ) { (call) throws(CommandFailure) in try setWeight(of: call.api.server(call[2]), call[3]) },
        Command(
            "set maxconn server",
            usage: "set maxconn server <bk>/<srv>           : change a server's maxconn setting", level: .admin,
            run: setMaxconn),
        Command(
            "shutdown sessions server",
            usage: "shutdown sessions server <bk>/<srv>     : kill sessions on a server", level: .admin
        ) { (call) throws(CommandFailure) in
            let server = try call.api.server(call[3])
            server.backend.events.tell(.shutdownSessions(server, .operatorAsked))
        },
    ]

    // MARK: Coming and going

    @ControlActor private static func add(_ call: CommandCall) async throws(CommandFailure) {
        if call[2] == "help" {
            try await call.write("List of keywords supported for dynamic server:\n")
            for keyword in RuntimeLanguage.serverKeywords { try await call.write(keyword + "\n") }
            return
        }
        let (backendName, serverName) = try ServerName.split(call[2])
        guard let backend = call.api.backends.backend(named: backendName) else { throw .refused("No such backend.") }
        if backend.servers.servers.contains(where: { $0.facts.name == serverName }) {
            throw .refused("Already exists a server with the same name in backend.")
        }
        var settings: ServerSettings
        do throws(RuntimeComplaint) {
            settings = try call.api.facts.language.server(
                named: serverName, in: backend.servers.settings.name, Array(call.words.dropFirst(3)))
        } catch { throw .refused(error.message) }
        // A name that nothing resolves yet is no reason to refuse the server: it starts in maintenance anyway.
        let order = settings.resolution.resolvers == nil ? settings.resolution.startOrder : settings.resolution.initial
        settings.resolution.initial = order + [.none]
        if let id = settings.id, let other = backend.servers.servers.first(where: { $0.id == id }) {
            let place = other.settings.location
            throw .refused("'id' : custom id \(id) already used at \(place) ('server \(other.facts.name)').")
        }
        if let guid = settings.guid, let owner = call.api.owner(ofGUID: guid) {
            throw .refused("'guid': duplicate entry with \(owner).")
        }
        let server: SharedServer
        do throws(BlueprintError) { server = try backend.add(settings, isDynamic: true) } catch {
            let place = "\(settings.location): "
            let text = error.description
            throw .refused((text.hasPrefix(place) ? String(text.dropFirst(place.count)) : text) + ".")
        }
        if let complaint = call.api.backends.track(server) {
            backend.servers.remove(server)
            throw .refused(complaint)
        }
        try await call.say("New server registered.")
    }

    @ControlActor private static func delete(_ call: CommandCall) async throws(CommandFailure) {
        let (backend, name) = try ServerName.split(call[2])
        switch call.api.removable(backend, name) {
        case .never(let why), .notYet(let why, _): throw .refused(why)
        case .now(let server):
            server.backend.remove(server)
            try await call.say("Server deleted.")
        }
    }

    // MARK: Numbers

    /// Sets a weight, absolute or in percent of the configured one.
    @ControlActor static func setWeight(of server: SharedServer, _ text: String) throws(CommandFailure) {
        if let words = server.changeWeight(to: text) { throw .refused(words) }
    }

    @ControlActor private static func setMaxconn(_ call: CommandCall) throws(CommandFailure) {
        if let words = try call.api.server(call[3]).changeMaxconn(to: call[4]) { throw .refused(words) }
    }
}

/// How commands name servers: `backend/server`.
enum ServerName {
    /// The two names; HAProxy's refusal when there is no server's.
    static func split(_ text: String) throws(CommandFailure) -> (backend: String, server: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[1].isEmpty else { throw .refused("Require 'backend/server'.") }
        return (parts[0], parts[1])
    }
}

/// Numbers as C's `strtol` reads them.
enum LeadingNumber {
    /// The number that the text starts with, and the rest; nil when it starts with none.
    static func read(_ text: String) -> (Int, rest: String)? {
        let trimmed = text.drop { $0 == " " || $0 == "\t" }
        let sign = trimmed.first == "-" || trimmed.first == "+" ? String(trimmed.prefix(1)) : ""
        let digits = trimmed.dropFirst(sign.count).prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty else { return nil }
        let value = Int(sign + digits) ?? (sign == "-" ? Int.min : Int.max)
        return (value, String(trimmed.dropFirst(sign.count + digits.count)))
    }
}

extension RuntimeAPI {
    /// The backends of now.
    var backends: BackendTable { workers.blueprint.backendTable }

    /// The server that `backend/server` names.
    func server(_ text: String) throws(CommandFailure) -> SharedServer {
        let (backendName, serverName) = try ServerName.split(text)
        guard let backend = backends.backend(named: backendName) else { throw .refused("No such backend.") }
        guard let server = backend.servers.server(named: serverName) else { throw .refused("No such server.") }
        return server
    }

    /// What has an identifier already (`guid`); nil: nothing has.
    func owner(ofGUID guid: String) -> String? {
        for frontend in configuration.frontends {
            if frontend.guid == guid { return "proxy \(frontend.name)" }
            for bind in frontend.binds {
                guard let prefix = bind.guidPrefix else { continue }
                let places = bind.firstPlace..<bind.firstPlace + bind.socketCount
                if places.contains(where: { "\(prefix)-\($0)" == guid }) { return "listener \(bind.location)" }
            }
        }
        for backend in backends.all {
            let shared = backend.servers
            if shared.settings.guid == guid { return "proxy \(shared.settings.name)" }
            if let server = shared.servers.first(where: { $0.settings.guid == guid }) {
                return "server \(shared.settings.name)/\(server.facts.name)"
            }
        }
        return nil
    }

    /// Whether something can be deleted.
    enum Removal<Thing> {
        case now(Thing)
        /// Not before what holds it has gone.
        case notYet(String, Thing)
        /// Not before an operator does something else.
        case never(String)
    }

    /// Whether a server can be deleted now.
    func removable(_ backendName: String, _ name: String) -> Removal<SharedServer> {
        guard let backend = backends.backend(named: backendName) else { return .never("No such backend.") }
        guard let server = backend.servers.server(named: name) else { return .never("No such server.") }
        if server.isReferenced || server.isTracked {
            return .never(
                "This server cannot be removed at runtime due to other configuration elements pointing to it.")
        }
        guard server.admin.isMaintenance else { return .never("Only servers in maintenance mode can be deleted.") }
        guard server.isUnused else {
            return .notYet("Server still has connections attached to it, cannot remove it.", server)
        }
        return .now(server)
    }

    /// Whether a backend can be deleted now.
    func removable(_ name: String) -> Removal<SharedProxyBackend> {
        guard let backend = backends.backend(named: name) else { return .never("No such backend.") }
        let shared = backend.servers
        if shared.settings.isListen { return .never("Cannot delete a listen section.") }
        let isNamed =
            !shared.isDynamic
            && configuration.frontends.contains { frontend in
                frontend.defaultBackend == shared.index
                    || frontend.useBackendRules.contains { rule in
                        if case .fixed(let index) = rule.target { index == shared.index } else { false }
                    }
            }
        if isNamed || shared.isReferenced {
            return .never(
                "This proxy cannot be removed at runtime due to other configuration elements pointing to it.")
        }
        if shared.isPublished.load(ordering: .relaxed) {
            return .never("Backend must be unpublished prior to its deletion.")
        }
        if !shared.servers.isEmpty { return .never("Only a backend without server can be deleted.") }
        guard shared.current.load(ordering: .acquiring) == 0 else {
            return .notYet("Backend still has attached streams on it.", backend)
        }
        return .now(backend)
    }
}
