package import Configuration

/// One client of the runtime API: reads its lines, runs its commands one after the other, and keeps what it has set.
@ControlActor
package final class CommandSession {
    /// How the session goes on after a line.
    package enum Interaction: Sendable {
        /// It ends (`prompt n`).
        case single
        /// It waits for the next line (`prompt i`).
        case silent
        /// The same, and a prompt says so (`prompt p`).
        case prompt
    }

    package let api: RuntimeAPI
    package let socket: RuntimeSocketSettings
    let connection: CommandConnection

    /// What the client may do.
    package var level: AccessLevel
    package var interaction = Interaction.single
    /// Whether the prompt shows the process's uptime.
    package var showsTime = false
    package var severityOutput: SeverityOutput
    /// The modes whose commands may be run; `.normal` is always one.
    package var modes: Set<Command.Mode> = [.normal]
    /// The key by which names are hidden (`set anon on`); 0: they are shown.
    package var anonymizingKey: UInt32 = 0
    /// Set by a command whose answer has no empty line at its end.
    package var omitsLineFeed = false
    /// The client of the master CLI whose command this session runs; nil in a process that serves.
    weak var masterClient: MasterSession?
    /// Set by `quit`.
    package var hasQuit = false

    init(_ connection: CommandConnection, on socket: RuntimeSocketSettings, api: RuntimeAPI) {
        self.connection = connection
        self.socket = socket
        self.api = api
        level = socket.level
        severityOutput = socket.severityOutput
    }

    /// Ends the session when the client is silent for so many milliseconds.
    package var timeout: Int {
        get { connection.timeout }
        set { connection.timeout = newValue }
    }

    /// Serves the client to its end.
    func run() async {
        do throws(CommandFailure) {
            while try await serveLine() {}
        } catch {}
        await connection.finish()
    }

    // MARK: Lines

    /// Reads one line and runs its commands. False: the session is over.
    private func serveLine() async throws(CommandFailure) -> Bool {
        let line: ArraySlice<UInt8>
        switch try await connection.line(
            limit: api.lineLimit,
            idle: { () async throws(CommandFailure) in
                self.connection.flush()
            })
        {
        case .end: return false
        case .tooLong:
            try await say(
                "The command line is too big for the buffer size. Please change 'tune.bufsize' in the configuration to"
                    + " use a bigger command.", .error)
            return false
        case .line(let text): line = text.last == 0x0d ? text.dropLast() : text
        }
        var commands = CommandText.commands(line)
        var payload: [UInt8]?
        if var last = commands.last, let pattern = CommandText.takePattern(&last) {
            commands[commands.count - 1] = last
            guard let text = try await readPayload(pattern) else { return false }
            payload = text.isEmpty ? nil : text
        }
        for (index, command) in commands.enumerated() {
            let isLast = index == commands.count - 1
            try await run(command, isLast ? payload : nil)
            if hasQuit { return false }
            try await writePrompt(isLast: isLast)
        }
        await api.settle()
        connection.flush()
        return interaction != .single
    }

    /// Reads the lines up to one that is `pattern`. Nil when the client ended before that.
    private func readPayload(_ pattern: ArraySlice<UInt8>) async throws(CommandFailure) -> [UInt8]? {
        var payload: [UInt8] = []
        let limit = api.settings.maxPayload
        while true {
            let line = try await connection.line(limit: max(limit, 1024)) { () async throws(CommandFailure) in
                if self.interaction == .prompt { try await self.connection.write(Array("+ ".utf8)) }
                self.connection.flush()
            }
            switch line {
            case .end: return nil
            case .line(let text) where text.elementsEqual(pattern):
                if !payload.isEmpty { payload.removeLast() }
                return payload
            case .line(let text) where payload.count + text.count + 1 <= limit:
                payload += text
                payload.append(0x0a)
            case .line, .tooLong:
                try await say(
                    "The payload is too big. Please change 'tune.cli.max-payload-size' in the configuration to use a"
                        + " bigger payload.", .error)
                return nil
            }
        }
    }

    /// What follows a command's answer: an empty line, and the prompt for a human.
    private func writePrompt(isLast: Bool) async throws(CommandFailure) {
        var text = omitsLineFeed && interaction != .prompt ? "" : "\n"
        omitsLineFeed = false
        if interaction == .prompt, isLast { text += showsTime ? "[\(api.uptimeText)]> " : "> " }
        try await connection.write(Array(text.utf8))
    }

    // MARK: Commands

    private func run(_ text: ArraySlice<UInt8>, _ payload: [UInt8]?) async throws(CommandFailure) {
        let words = CommandText.words(text)
        guard !words.isEmpty else { return }
        do throws(CommandFailure) {
            guard words.count <= CommandText.maxWords else {
                throw .refused(
                    "Too many arguments. Commands must have at most \(CommandText.maxWords) arguments.")
            }
            guard let command = api.table.command(for: words, modes) else {
                return try await say(api.table.unknown(words, modes), .info)
            }
            guard modes.contains(command.mode) else {
                let name = command.mode == .expert ? "expert" : "experimental"
                throw .refused("This command is restricted to \(name) mode only.")
            }
            try require(command.level)
            try await command.run(CommandCall(words: words, payload: payload, session: self))
        } catch {
            switch error {
            case .message(let message, let severity): try await say(message, severity)
            case .disconnected: throw .disconnected
            }
        }
    }

    /// Throws HAProxy's refusal when the session's level is lower.
    package func require(_ level: AccessLevel) throws(CommandFailure) {
        guard self.level >= level else { throw .refused("Permission denied\n") }
    }

    /// Sends what is written so far.
    func flush() { connection.flush() }

    /// Waits until `signal` is set, or until the client sends something or goes. True: it was the client.
    func waitForInput(or signal: ControlSignal) async throws(CommandFailure) -> Bool {
        try await connection.waitForInput(or: signal)
    }

    /// Tells a message: with its severity as the client wants it, and one line feed at its end.
    func say(_ message: String, _ severity: Severity) async throws(CommandFailure) {
        let prefix =
            switch severityOutput {
            case .none: ""
            case .number: "[\(severity.rawValue)]: "
            case .string: "[\(severity.word)]: "
            }
        var bytes = Array((prefix + message).utf8)
        while bytes.last == 0x0a { bytes.removeLast() }
        bytes.append(0x0a)
        try await connection.write(bytes)
    }
}
