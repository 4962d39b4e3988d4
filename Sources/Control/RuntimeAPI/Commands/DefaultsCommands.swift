import Configuration
import Language
import Proxying
import Servers

/// What servers and backends that are added can start from: `show default-server`, `show defaults`.
enum DefaultsCommands {
    static let all = [
        Command(
            "show default-server",
            usage: "show default-server [<backend>]         : list default-server instances in all or a single backend",
            run: showServers),
        Command(
            "show defaults",
            usage: "show defaults                           : list all named defaults proxies instances"
        ) { (call) async throws(CommandFailure) in
            for name in call.api.facts.language.defaultsNames { try await call.write(name + "\n") }
        },
    ]

    @ControlActor private static func showServers(_ call: CommandCall) async throws(CommandFailure) {
        var names = call.api.backends.all.map { $0.servers.settings.name }
        if !call[2].isEmpty {
            guard names.contains(call[2]) else { throw .refused("Can't find backend.") }
            names = [call[2]]
        }
        for name in names {
            let instances = call.api.facts.language.defaultServers(of: name)
            // A star stands before the first line of each backend.
            var lines = instances.hasUnnamed ? [name] : []
            lines += instances.names.map { "\(name)/\($0)" }
            for (index, line) in lines.enumerated() { try await call.write((index == 0 ? "* " : "  ") + line + "\n") }
        }
    }
}
