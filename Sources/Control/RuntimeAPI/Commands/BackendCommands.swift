import Configuration
import Language
import Proxying
import Servers
import Synchronization

/// Commands about backends: add, delete, publish, list.
enum BackendCommands {
    static let all = [
        Command(
            "add backend", usage: "add backend <backend>                   : add a new backend", level: .admin,
            run: add),
        Command(
            "del backend", usage: "del backend <backend>                   : delete a backend", level: .admin,
            run: delete),
        Command(
            "publish backend",
            usage: "publish backend <backend>               : mark backend as ready for traffic", level: .admin
        ) { (call) async throws(CommandFailure) in
            try enabled(call).isPublished.store(true, ordering: .relaxed)
            try await call.say("Backend published.")
        },
        Command(
            "unpublish backend",
            usage: "unpublish backend <backend>             : remove backend for traffic processing", level: .admin
        ) { (call) async throws(CommandFailure) in
            try enabled(call).isPublished.store(false, ordering: .relaxed)
            try await call.say("Backend unpublished.")
        },
        Command(
            "enable dynamic-cookie backend",
            usage: "enable dynamic-cookie backend <bk>      : enable dynamic cookies on a specific backend",
            level: .admin
        ) { (call) async throws(CommandFailure) in try find(call, 3).setDynamicCookies(true) },
        Command(
            "disable dynamic-cookie backend",
            usage: "disable dynamic-cookie backend <bk>     : disable dynamic cookies on a specific backend",
            level: .admin
        ) { (call) async throws(CommandFailure) in try find(call, 3).setDynamicCookies(false) },
        Command(
            "set dynamic-cookie-key backend",
            usage: "set dynamic-cookie-key backend <bk> <k> : change a backend secret key for dynamic cookies",
            level: .admin
        ) { (call) async throws(CommandFailure) in
            let backend = try find(call, 3)
            guard !call[4].isEmpty else { throw .refused("String value expected.") }
            backend.setDynamicCookieKey(call[4])
        },
        Command(
            "show backend",
            usage: "show backend                            : list backends in the current running config"
        ) { (call) async throws(CommandFailure) in
            try await call.write("# name\n")
            for backend in call.api.backends.all { try await call.write(backend.servers.settings.name + "\n") }
        },
    ]

    @ControlActor private static func enabled(_ call: CommandCall) throws(CommandFailure) -> SharedBackend {
        let backend = try find(call)
        if backend.settings.isDisabled { throw .refused("No effect on a disabled backend.") }
        return backend
    }

    @ControlActor private static func find(_ call: CommandCall, _ word: Int = 2) throws(CommandFailure) -> SharedBackend
    {
        guard let backend = call.api.backends.backend(named: call[word]) else { throw .refused("No such backend.") }
        return backend.servers
    }

    @ControlActor private static func add(_ call: CommandCall) async throws(CommandFailure) {
        let name = call[2]
        guard !name.isEmpty else { throw .refused("Require backend name.") }
        let wrong = name.unicodeScalars.first { scalar in
            !(scalar.isASCII
                && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                    || "_-.:".unicodeScalars.contains(scalar)))
        }
        if let wrong { throw .refused("Invalid character '\(wrong)' in backend name.") }
        guard call[3] == "from", !call[4].isEmpty else {
            throw .refused("Usage: add backend <name> from <defproxy>.")
        }
        let (mode, guid) = try options(Array(call.words.dropFirst(5)))
        let kind = usedBy(name, call.api)
        if let kind {
            throw .refused("Error during backend creation : name is already used by other proxy '\(kind) \(name)'.")
        }
        if let guid {
            let problem =
                GUID.complaint(about: guid) ?? call.api.owner(ofGUID: guid).map { "duplicate entry with \($0)" }
            if let problem { throw .refused("Error during backend creation : GUID insertion : \(problem).") }
        }
        let blueprint = call.api.workers.blueprint
        do {
            _ = try blueprint.addBackend { (id) throws(RuntimeComplaint) in
                try call.api.facts.language.addBackend(named: name, from: call[4], mode: mode, guid: guid, id: id)
            }
        } catch let error as RuntimeComplaint {
            throw .refused(error.message)
        } catch {
            throw .refused("Error during backend creation : \(error).")
        }
        try await call.say("New backend registered.")
    }

    private static func options(_ words: [String]) throws(CommandFailure) -> (mode: ProxyMode?, guid: String?) {
        var mode: ProxyMode?
        var guid: String?
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word == "mode" && mode == nil || word == "guid" && guid == nil, let value = rest.popFirst() else {
                throw .refused("Usage: add backend <name> from <defproxy> [mode <px_mode>] [guid <val>].")
            }
            if word == "guid" {
                guid = value
                continue
            }
            guard let found = ProxyMode(rawValue: value) else {
                if ["log", "spop", "peers", "haterm", "health"].contains(value) {
                    throw .refused("Dynamic backends are compatible with only TCP or HTTP mode.")
                }
                throw .refused("Unknown proxy mode.")
            }
            mode = found
        }
        return (mode, guid)
    }

    /// The kind of proxy that has a name already.
    @ControlActor private static func usedBy(_ name: String, _ api: RuntimeAPI) -> String? {
        if let backend = api.backends.all.first(where: { $0.servers.settings.name == name }) {
            return backend.servers.settings.isListen ? "listen" : "backend"
        }
        if api.configuration.frontends.contains(where: { $0.name == name }) { return "frontend" }
        return api.facts.language.hasDefaults(named: name) ? "defaults" : nil
    }

    @ControlActor private static func delete(_ call: CommandCall) async throws(CommandFailure) {
        guard call[3].isEmpty else { throw .refused("Usage: del backend <name>.") }
        switch call.api.removable(call[2]) {
        case .never(let why), .notYet(let why, _): throw .refused(why)
        case .now(let backend):
            call.api.backends.remove(backend)
            call.api.facts.language.removeBackend(named: backend.servers.settings.name)
            try await call.say("Backend deleted.")
        }
    }
}
