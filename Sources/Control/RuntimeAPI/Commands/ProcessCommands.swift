import Configuration
import Glibc
import Proxying
import Servers

/// Commands about the process as a whole.
enum ProcessCommands {
    static let all = [
        Command("echo", usage: "echo <text>                             : print text to the output", side: .both) {
            (call) async throws(CommandFailure) in try await call.say(call.words.dropFirst().joined(separator: " "))
        },
        Command(
            "show env",
            usage: "show env [var]                          : dump environment variables known to the process",
            level: .operator, side: .both, run: showEnvironment),
        Command(
            "show version", usage: "show version                            : show version of the current process",
            side: .both
        ) { (call) async throws(CommandFailure) in try await call.say(call.api.facts.version) },
        Command(
            "show startup-logs",
            usage: "show startup-logs                       : report logs emitted during HAProxy startup",
            level: .operator, side: .both
        ) { (call) async throws(CommandFailure) in
            let lines = call.api.master?.startupLog() ?? call.api.facts.startupLog
            for line in lines { try await call.write(line) }
        },
    ]

    @ControlActor private static func showEnvironment(_ call: CommandCall) async throws(CommandFailure) {
        let wanted = call[2]
        var found = false
        for variable in environment() where wanted.isEmpty || variable.hasPrefix(wanted + "=") {
            found = true
            try await call.write(variable + "\n")
            if !wanted.isEmpty { break }
        }
        if !found, !wanted.isEmpty { throw .refused("Variable not found\n") }
    }

    private static func environment() -> [String] {
        var result: [String] = []
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            result.append(unsafe String(cString: text))
            unsafe entry += 1
        }
        return result
    }
}
