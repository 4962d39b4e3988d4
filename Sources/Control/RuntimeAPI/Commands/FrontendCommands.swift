import Configuration
import Connections
import Proxying

/// `disable|enable|shutdown frontend`, `set maxconn frontend|global`.
enum FrontendCommands {
    static let all = [
        Command(
            "disable frontend",
            usage: "disable frontend <frontend>             : temporarily disable specific frontend", level: .admin,
            run: disable),
        Command(
            "enable frontend", usage: "enable frontend <frontend>              : re-enable specific frontend",
            level: .admin, run: enable),
        Command(
            "shutdown frontend", usage: "shutdown frontend <frontend>            : stop a specific frontend",
            level: .admin, run: shutdown),
        Command(
            "set maxconn frontend",
            usage: "set maxconn frontend <frontend> <value> : change a frontend's maxconn setting", level: .admin,
            run: setMaxconn),
        Command(
            "set maxconn global",
            usage: "set maxconn global <value>              : change the per-process maxconn setting", level: .admin,
            run: setGlobalMaxconn),
    ]

    @ControlActor private static func frontend(
        _ call: CommandCall, _ word: Int
    ) throws(CommandFailure) -> SharedFrontend {
        guard !call[word].isEmpty else { throw .refused("A frontend name is expected.\n") }
        let frontends = call.api.workers.blueprint.frontends
        let id = call[word].hasPrefix("#") ? Int(call[word].dropFirst()) : nil
        guard let found = frontends.first(where: { $0.settings.name == call[word] || $0.settings.id == id }) else {
            throw .refused("No such frontend.\n")
        }
        return found
    }

    @ControlActor private static func disable(_ call: CommandCall) async throws(CommandFailure) {
        let frontend = try frontend(call, 2)
        switch frontend.state {
        case .stopped: throw .message("Frontend was previously shut down, cannot disable.\n", .notice)
        case .paused: throw .message("All sockets are already disabled.\n", .notice)
        case .open: break
        }
        if frontend.settings.binds.contains(where: { if case .reversed = $0.address { true } else { false } }) {
            call.api.report("cannot disable a reverse-HTTP listener.")
            call.api.report("frontend \(frontend.settings.name) failed to enter pause mode.")
            throw .refused("Failed to pause frontend, check logs for precise cause.\n")
        }
        await apply(.paused, to: frontend, call.api)
        call.api.report("Paused proxy \(frontend.settings.name).")
    }

    @ControlActor private static func enable(_ call: CommandCall) async throws(CommandFailure) {
        let frontend = try frontend(call, 2)
        switch frontend.state {
        case .stopped: throw .refused("Frontend was previously shut down, cannot enable.\n")
        case .open: throw .message("All sockets are already enabled.\n", .notice)
        case .paused: break
        }
        guard await apply(.open, to: frontend, call.api) else {
            throw .refused("Failed to resume frontend, check logs for precise cause (port conflict?).\n")
        }
        call.api.report("Resumed proxy \(frontend.settings.name).")
    }

    @ControlActor private static func shutdown(_ call: CommandCall) async throws(CommandFailure) {
        let frontend = try frontend(call, 2)
        guard frontend.state != .stopped else { throw .message("Frontend was already shut down.\n", .notice) }
        await apply(.stopped, to: frontend, call.api)
        call.api.report("Proxy \(frontend.settings.name) stopped.")
    }

    @discardableResult
    @ControlActor private static func apply(
        _ state: FrontendState, to frontend: SharedFrontend, _ api: RuntimeAPI
    ) async -> Bool {
        frontend.setState(state)
        let index = frontend.index
        return await api.askWorkers { $0.applyState(ofFrontend: index) }.allSatisfy { $0 }
    }

    @ControlActor private static func setMaxconn(_ call: CommandCall) async throws(CommandFailure) {
        let frontend = try frontend(call, 3)
        guard !call[4].isEmpty else { throw .refused("Integer value expected.\n") }
        let value = CommandArgument.leadingInteger(call[4])
        guard value >= 0 else { throw .refused("Value out of range.\n") }
        frontend.admission.setLimit(value)
    }

    @ControlActor private static func setGlobalMaxconn(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[3].isEmpty else { throw .refused("Expects an integer value.\n") }
        let value = CommandArgument.leadingInteger(call[3])
        let blueprint = call.api.workers.blueprint
        guard value <= blueprint.hardMaxconn else { throw .refused("Value out of range.\n") }
        blueprint.admission.setLimit(value > 0 ? value : blueprint.hardMaxconn)
    }
}
