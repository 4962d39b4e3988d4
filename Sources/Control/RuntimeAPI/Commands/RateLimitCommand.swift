import Configuration
import Proxying

/// `set rate-limit`: the rates of the whole process.
enum RateLimitCommand {
    static let all = [
        Command(
            "set rate-limit",
            usage: "set rate-limit <setting> <value>        : change a rate limiting value", level: .admin, run: set)
    ]

    @ControlActor private static func set(_ call: CommandCall) async throws(CommandFailure) {
        let kinds: [String: ConnectionRates.Kind] = [
            "connections": .connections, "sessions": .sessions, "ssl-sessions": .tls, "http-compression": .compression,
        ]
        guard let kind = kinds[call[2]], call[3] == "global" else {
            throw .refused(
                """
                'set rate-limit' only supports :
                   - 'connections global' to set the per-process maximum connection rate
                   - 'sessions global' to set the per-process maximum session rate
                   - 'ssl-sessions global' to set the per-process maximum SSL session rate
                   - 'http-compression global' to set the per-process maximum compression speed in kB/s

                """)
        }
        guard !call[4].isEmpty else { throw .refused("Expects an integer value.\n") }
        let value = CommandArgument.leadingInteger(call[4])
        guard value >= 0 else { throw .refused("Value out of range.\n") }
        call.api.workers.blueprint.rates.setLimit(kind, value)
    }
}
