import Configuration

/// Commands about the session itself: its mode, level and times.
enum SessionCommands {
    static let all = [
        Command("help", side: .both, run: help),
        Command("prompt", side: .both, run: prompt),
        Command("quit", side: .both) { (call) in call.session.hasQuit = true },
        Command(
            "operator",
            usage: "operator                                : lower the level of the current CLI session to operator",
            side: .both
        ) { (call) throws(CommandFailure) in try lower(call, to: .operator) },
        Command(
            "user",
            usage: "user                                    : lower the level of the current CLI session to user",
            side: .both
        ) { (call) throws(CommandFailure) in try lower(call, to: .user) },
        Command("expert-mode", side: .both) { (call) async throws(CommandFailure) in try await change(call, .expert) },
        Command("experimental-mode", side: .both) { (call) async throws(CommandFailure) in
            try await change(call, .experimental)
        },
        Command("mcli-debug-mode", side: .master) { (call) async throws(CommandFailure) in
            try await change(call, .masterDebug)
        },
        Command(
            "set severity-output",
            usage: "set severity-output [none|number|string]: set presence of severity level in feedback information",
            run: setSeverityOutput),
        Command(
            "set timeout", usage: "set timeout [cli] <delay>               : change a timeout setting", run: setTimeout),
        Command(
            "show cli level",
            usage: "show cli level                          : display the level of the current CLI session",
            side: .both
        ) { (call) async throws(CommandFailure) in try await call.say(call.session.level.word) },
        Command(
            "show cli sockets", usage: "show cli sockets                        : dump list of cli sockets",
            side: .both,
            run: showSockets),
    ]

    private static let promptUsage = """
        Usage: prompt [help | n | i | p | timed]*
        Changes the default prompt and interactive mode. Available options:
          help    display this help
          n       set to single-command mode (no prompt, single command)
          i       set to interactive mode only (no prompt, multi-command)
          p       set to prompt+interactive mode (prompt + multi-command)
          timed   toggle displaying the current date in the prompt
        Without any argument, toggles between n/i->p, p->n.
        """

    @ControlActor private static func help(_ call: CommandCall) async throws(CommandFailure) {
        try await call.say(call.api.table.help(for: Array(call.words.dropFirst()), call.session.modes))
    }

    @ControlActor private static func prompt(_ call: CommandCall) async throws(CommandFailure) {
        var mode: CommandSession.Interaction?
        var togglesTime = false
        for word in call.words.dropFirst() {
            switch word {
            case "n": mode = .single
            case "i": mode = .silent
            case "p": mode = .prompt
            case "timed": togglesTime = true
            case "help": return try await call.say(promptUsage)
            default: throw .refused(promptUsage)
            }
        }
        let session = call.session
        if togglesTime {
            session.showsTime.toggle()
            mode = mode ?? .prompt
        }
        session.interaction = mode ?? (session.interaction == .prompt ? .single : .prompt)
    }

    @ControlActor private static func lower(_ call: CommandCall, to level: AccessLevel) throws(CommandFailure) {
        if call[1] == "-" { call.session.omitsLineFeed = true }
        try call.session.require(level)
        call.session.level = level
        call.session.modes = [.normal]
    }

    @ControlActor private static func change(_ call: CommandCall, _ mode: Command.Mode) async throws(CommandFailure) {
        if call[2] == "-" { call.session.omitsLineFeed = true }
        try call.session.require(.admin)
        switch call[1] {
        case "": try await call.say("\(call[0]) is \(call.session.modes.contains(mode) ? "ON" : "OFF")")
        case "on": call.session.modes.insert(mode)
        default: call.session.modes.remove(mode)
        }
    }

    @ControlActor private static func setSeverityOutput(_ call: CommandCall) async throws(CommandFailure) {
        if call[3] == "-" { call.session.omitsLineFeed = true }
        guard let output = SeverityOutput(rawValue: call[2]) else {
            throw .refused("one of 'none', 'number', 'string' is a required argument\n")
        }
        call.session.severityOutput = output
    }

    @ControlActor private static func setTimeout(_ call: CommandCall) async throws(CommandFailure) {
        guard call[2] == "cli" else { throw .refused("'set timeout' only supports 'cli'.\n") }
        guard !call[3].isEmpty else { throw .refused("Expects an integer value.\n") }
        guard let time = CommandArgument.milliseconds(call[3], defaultUnit: .seconds), time > 0 else {
            throw .refused("Invalid timeout value.\n")
        }
        call.session.timeout = time
    }

    @ControlActor private static func showSockets(_ call: CommandCall) async throws(CommandFailure) {
        // A master's own sockets are none of its runtime API.
        if call.api.master != nil { return }
        try await call.write("# socket lvl processes\n")
        for socket in call.api.sockets.entries {
            try await call.write("\(socket.address) \(socket.settings.level.word) all\n")
        }
    }
}
