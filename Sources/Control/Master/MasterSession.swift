import Configuration
import Glibc
import Runtime

/// One client of the master CLI: reads its lines, keeps what it has set, and brings each command to the process that it
/// is for, as a connection of its own (management.txt, section 9.4.1).
@ControlActor
final class MasterSession {
    let connection: CommandConnection
    private let master: MasterControl
    private var level: AccessLevel
    /// The process that commands without a prefix go to; 0: the master.
    private var target: Int32 = 0
    private var isPrompting = false
    private var showsTime = false
    private var isExpert = false
    private var isExperimental = false
    private var isDebugging = false
    private var showsWords = false
    private var showsNumbers = false
    private var hasQuit = false

    init(_ connection: CommandConnection, on socket: RuntimeSocketSettings, master: MasterControl) {
        self.connection = connection
        self.master = master
        level = socket.level
    }

    /// Serves the client to its end.
    func run() async {
        do throws(CommandFailure) {
            while try await serveLine() {}
        } catch {}
        await connection.finish()
    }

    // MARK: Lines

    /// What becomes of a command.
    private enum Step {
        /// It was for this session, and is done.
        case done
        /// It goes to a process, by its number.
        case forward(ArraySlice<UInt8>, to: Int32)
        /// It is refused in HAProxy's words, and what the client has sent behind it is dropped.
        case refused(String)
        case quit
    }

    /// Reads a line and does what it says. False: the session is over.
    private func serveLine() async throws(CommandFailure) -> Bool {
        let line = try await connection.line(limit: master.api.lineLimit) { () async throws(CommandFailure) in
            self.connection.flush()
        }
        var rest: ArraySlice<UInt8>?
        switch line {
        case .end: return false
        case .tooLong:
            connection.dropInput()
            rest = Array("help".utf8)[...]
        case .line(let text): rest = text
        }
        while let commands = rest {
            if let (prefix, bytes) = MasterRequest.handover(commands) {
                guard let pid = master.processes.target(of: prefix) else {
                    try await refuse(Self.unknown("@" + prefix))
                    return true
                }
                return try await handOver(to: pid, bytes)
            }
            let (command, more) = MasterRequest.cut(commands)
            rest = more
            switch take(command) {
            case .done: try await writePrompt()
            case .quit:
                try await writePrompt()
                return false
            case .refused(let message):
                try await refuse(message)
                return true
            case .forward(let text, let pid):
                guard try await forward(text, to: pid) else { return false }
            }
        }
        return true
    }

    private static func unknown(_ prefix: String) -> String {
        "Can't find the target PID matching the prefix '\(prefix)'\n"
    }

    private func refuse(_ message: String) async throws(CommandFailure) {
        try await connection.write(Array(message.utf8))
        connection.dropInput()
        try await writePrompt()
    }

    /// Does what is for this session; says where the rest goes.
    private func take(_ command: ArraySlice<UInt8>) -> Step {
        let raw = MasterRequest.words(command)
        let words = raw.map { String(decoding: $0, as: UTF8.self) }
        guard let first = words.first else { return .forward(command, to: target) }
        if first.hasPrefix("@") {
            guard let pid = master.processes.target(of: first) else { return .refused(Self.unknown(first)) }
            guard raw.count > 1 else {
                target = pid
                return .done
            }
            return .forward(command[raw[1].startIndex...], to: pid)
        }
        func word(_ index: Int) -> String { words.indices.contains(index) ? words[index] : "" }
        switch first {
        case "prompt": return changePrompt(words.dropFirst())
        case "quit": return .quit
        case "operator": return lower(to: .operator)
        case "user": return lower(to: .user)
        case "expert-mode": return change(\.isExpert, word(1))
        case "experimental-mode": return change(\.isExperimental, word(1))
        case "mcli-debug-mode": return change(\.isDebugging, word(1))
        case "set" where word(1) == "severity-output":
            switch word(2) {
            case "none":
                showsWords = false
                showsNumbers = false
            case "string": showsWords = true
            case "number": showsNumbers = true
            default: return .refused("one of 'none', 'number', 'string' is a required argument\n")
            }
            return .done
        default: return .forward(command, to: target)
        }
    }

    private func lower(to level: AccessLevel) -> Step {
        guard self.level >= level else { return .refused("Permission denied!\n") }
        self.level = level
        return .done
    }

    private func change(_ mode: ReferenceWritableKeyPath<MasterSession, Bool>, _ word: String) -> Step {
        guard level >= .admin else { return .refused("Permission denied!\n") }
        self[keyPath: mode] = word == "on"
        return .done
    }

    // MARK: Prompt

    private static let promptUsage = """
        Usage: prompt [help | i | p | timed]*
        Changes the default prompt and interactive mode. Available options:
          help    display this help
          i       set to interactive mode only (no prompt, multi-command)
          p       set to prompt+interactive mode (prompt + multi-command)
          timed   toggle displaying the current date in the prompt
        Without any argument, toggles between i<->p.

        """

    private func changePrompt(_ words: ArraySlice<String>) -> Step {
        var wanted: Bool?
        var togglesTime = false
        for word in words {
            switch word {
            case "i": wanted = false
            case "p": wanted = true
            case "timed": togglesTime = true
            default: return .refused(Self.promptUsage)
            }
        }
        if togglesTime {
            showsTime.toggle()
            wanted = wanted ?? true
        }
        isPrompting = wanted ?? !isPrompting
        return .done
    }

    private func writePrompt() async throws(CommandFailure) {
        guard isPrompting else { return }
        var text = showsTime ? time + " " : ""
        if target == 0 {
            text += master.processes.failedReloads > 0 ? "master[ReloadFailed]" : "master"
        } else {
            text += "\(target)"
        }
        if isExperimental || isExpert || isDebugging {
            text += "(\(isExperimental ? "x" : "")\(isExpert ? "e" : "")\(isDebugging ? "d" : ""))"
        }
        try await connection.write(Array((text + "> ").utf8))
    }

    /// How long the process has been there that commands go to.
    private var time: String {
        guard target != 0 else { return "[\(master.api.uptimeText)]" }
        guard let worker = master.processes.workers.first(where: { $0.pid == target }) else { return "[gone]" }
        return "[\(RuntimeAPI.uptimeText(master.secondsSince(worker.startedAt)))]"
    }

    // MARK: Other processes

    /// What the process has to know of this session before a command.
    private func preamble(for pid: Int32) -> String {
        var text = levelPreamble
        if showsNumbers { text += "set severity-output number -;" }
        if showsWords { text += "set severity-output string -;" }
        if isExpert { text += "expert-mode on -;" }
        if isExperimental { text += "experimental-mode on -;" }
        if isDebugging, pid == 0 { text += "mcli-debug-mode on -;" }
        return text
    }

    private var levelPreamble: String { level == .admin ? "" : "\(level.word) -;" }

    /// Runs a command in a process. False: there is no such process, and the session is over.
    private func forward(_ command: ArraySlice<UInt8>, to pid: Int32) async throws(CommandFailure) -> Bool {
        guard let channel = master.connect(pid, for: self) else { return try await giveUp() }
        do throws(CommandFailure) {
            let preamble = command.isEmpty ? "" : preamble(for: pid)
            try await channel.write(Array(preamble.utf8) + command + [0x0a])
            var text = command
            if let pattern = CommandText.takePattern(&text) { try await forwardPayload(pattern, to: channel) }
            channel.endOutput()
            while let bytes = await channel.chunk() {
                try await connection.write(bytes)
                connection.flush()
            }
        } catch {
            await channel.finish()
            throw error
        }
        await channel.finish()
        try await writePrompt()
        return true
    }

    /// Brings lines to a process up to one that is `pattern`.
    private func forwardPayload(_ pattern: ArraySlice<UInt8>, to channel: CommandConnection)
        async throws(CommandFailure)
    {
        while true {
            if isPrompting { try await connection.write(Array("+ ".utf8)) }
            let limit = max(master.api.lineLimit, master.api.settings.maxPayload)
            let line = try await connection.line(limit: limit) { () async throws(CommandFailure) in
                self.connection.flush()
            }
            guard case .line(let text) = line else { throw .disconnected }
            try await channel.write(Array(text) + [0x0a])
            if text.elementsEqual(pattern) { return }
        }
    }

    private func giveUp() async throws(CommandFailure) -> Bool {
        try await connection.write(Array("Can't connect to the target CLI!\n".utf8))
        return false
    }

    /// Joins the client and a process (`@@`) until the process ends the connection.
    private func handOver(to pid: Int32, _ bytes: ArraySlice<UInt8>) async throws(CommandFailure) -> Bool {
        guard let channel = master.connect(pid, for: self) else { return try await giveUp() }
        var first = Array(bytes)
        if !first.isEmpty { first.append(0x0a) }
        first += connection.takeInput()
        if first.isEmpty { first = Array("prompt \(isPrompting ? "p" : "i")\(showsTime ? " timed" : "")\n".utf8) }
        let pumped = ControlSignal()
        controlTask { [self] in
            defer { pumped.set() }
            do throws(CommandFailure) {
                try await channel.write(Array(levelPreamble.utf8) + first)
                channel.flush()
                while let bytes = await connection.chunk(until: { channel.hasEnded }) {
                    try await channel.write(bytes)
                    channel.flush()
                }
                channel.endOutput()
            } catch {}
            if connection.isBroken {
                // Nobody is there for what the process may still say.
                await channel.finish()
                channel.stopWaiting()
            }
        }
        var hasLeft = false
        while let bytes = await channel.chunk() {
            do throws(CommandFailure) {
                try await connection.write(bytes)
                connection.flush()
            } catch {
                hasLeft = true
                break
            }
        }
        await channel.finish()
        connection.stopWaiting()
        await pumped.wait()
        if hasLeft { return false }
        try await writePrompt()
        return true
    }
}
