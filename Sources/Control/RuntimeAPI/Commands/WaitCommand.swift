import Bytes
import Configuration
import Proxying
import Servers

/// `wait <delay> [condition]` (management.txt, section 9.3). It ends on the event itself, not at some look at the clock.
enum WaitCommand {
    static let all = [
        Command(
            "wait",
            usage: "wait {-h|<delay_ms>} cond [args...]     : wait the specified delay or condition (-h to see list)",
            level: .admin, run: run)
    ]

    private static let usage = """
        Usage: wait {-h|<duration>} [condition [args...]]
          - '-h' displays this help
          - <duration> is the maximum wait time, optionally suffixed by the unit among
            'us', 'ms', 's', 'm', 'h', and 'd'. ; the default unit is milliseconds.
          - <condition> indicates what to wait for, no longer than the specified
            duration. Supported conditions are:
            - <none> : by default, just sleep for the specified duration.
            - srv-removable <px>/<sv> : wait for this server to become removable.

        """

    @ControlActor private static func run(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[1].isEmpty else { throw .refused("Expects a duration in milliseconds.") }
        if call[1] == "-h" { return try await call.say(usage) }
        guard let time = CommandArgument.milliseconds(call[1]), time >= 1 else { throw .refused("Invalid duration.") }
        let deadline = call.api.loop.now.advanced(milliseconds: time)
        switch call[2] {
        case "": _ = try await call.wait(for: ControlSignal(), until: deadline)
        case "srv-removable":
            guard !call[3].isEmpty else { throw .refused("Missing server name (<backend>/<server>).") }
            let (backend, name) = try ServerName.split(call[3])
            try await wait(call, until: deadline, { call.api.removable(backend, name) }) { server, action in
                server.whenUnused(action)
            } forget: { server, ticket in
                server.forgetWaiting(ticket)
            }
        case "be-removable":
            guard !call[3].isEmpty else { throw .refused("Missing backend name.") }
            try await wait(call, until: deadline, { call.api.removable(call[3]) }) { backend, action in
                backend.servers.whenUnused(action)
            } forget: { backend, ticket in
                backend.servers.forgetWaiting(ticket)
            }
        case "-h": return try await call.say(usage)
        default: throw .refused(usage)
        }
        try await call.say("Done.")
    }

    /// Waits until `look` says that the thing can be deleted. `watch` has a signal set when that may have changed.
    @ControlActor private static func wait<Thing>(
        _ call: CommandCall, until deadline: Instant, _ look: () -> RuntimeAPI.Removal<Thing>,
        watch: (Thing, @escaping @Sendable () -> Void) -> UInt64, forget: (Thing, UInt64) -> Void
    ) async throws(CommandFailure) {
        while true {
            switch look() {
            case .now: return
            case .never(let why): throw .refused("Failed. \(why)")
            case .notYet(let why, let thing):
                let signal = ControlSignal()
                let ticket = watch(thing) { controlTask { signal.set() } }
                let isSet: Bool
                do throws(CommandFailure) {
                    isSet = try await call.wait(for: signal, until: deadline)
                } catch {
                    forget(thing, ticket)
                    throw error
                }
                if !isSet {
                    forget(thing, ticket)
                    throw .refused("Wait delay expired. \(why)")
                }
            }
        }
    }
}
