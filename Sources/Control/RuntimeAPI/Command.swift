package import Bytes
package import Configuration

/// One command of the runtime API, as it stands in the ``CommandTable``. `docs/RUNTIME-API.md` tells how to add one.
package struct Command: Sendable {
    /// What a command does. It runs on the control thread, may wait, and says what it has to say through its call. What
    /// it throws is told to the client.
    package typealias Handler = @ControlActor @Sendable (CommandCall) async throws(CommandFailure) -> Void

    /// A mode that a session has to be in for the command.
    package enum Mode: Sendable {
        case normal, experimental, expert
        /// A session of the master CLI that has the commands of workers, too (`mcli-debug-mode`).
        case masterDebug
    }

    /// Whose command it is.
    package enum Side: Sendable {
        /// A process's that serves.
        case worker
        /// A master process's, too.
        case both
        /// A master process's alone.
        case master
    }

    /// The words that name it: `show`, `cli`, `sockets`.
    package let words: [String]
    /// Its line in `help`: words and arguments up to column 40, then `: ` and what it does. Nil: it is not listed.
    package let usage: String?
    /// The level that a session needs; others are refused with HAProxy's words.
    package let level: AccessLevel
    package let mode: Mode
    package let side: Side
    let run: Handler

    /// - Parameters:
    ///   - name: its words, with a space between.
    package init(
        _ name: String, usage: String? = nil, level: AccessLevel = .user, mode: Mode = .normal, side: Side = .worker,
        run: @escaping Handler
    ) {
        self.init(
            words: name.split(separator: " ").map(String.init), usage: usage, level: level, mode: mode, side: side,
            run: run)
    }

    /// - Parameters:
    ///   - words: its name; a word may have spaces that nobody can type.
    init(
        words: [String], usage: String?, level: AccessLevel = .user, mode: Mode = .normal, side: Side = .worker,
        run: @escaping Handler
    ) {
        self.words = words
        self.usage = usage
        self.level = level
        self.mode = mode
        self.side = side
        self.run = run
    }
}

/// The weight of a message, as syslog counts them.
package enum Severity: Int, Sendable {
    case emergency, alert, critical, error, warning, notice, info, debug

    /// Syslog's short word.
    var word: String {
        switch self {
        case .emergency: "emerg"
        case .alert: "alert"
        case .critical: "crit"
        case .error: "err"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        case .debug: "debug"
        }
    }
}

/// Why a command is not done, or stopped.
package enum CommandFailure: Error, Sendable {
    /// Told to the client as it is, with this weight.
    case message(String, Severity)
    /// The client has gone: there is nobody to tell.
    case disconnected

    /// A refusal in HAProxy's words.
    package static func refused(_ message: String) -> CommandFailure { .message(message, .error) }
}

/// One command that a client has sent: its words and payload, whom it came from, and the way for its answer.
@ControlActor
package struct CommandCall {
    /// All words, those of the command's name too.
    package let words: [String]
    /// The lines after `<<`, without the last line feed; nil when there were none.
    package let payload: [UInt8]?
    package let session: CommandSession
    package var api: RuntimeAPI { session.api }

    /// The word at `index`, counted with those of the command's name from 0; empty when there are not so many. So
    /// HAProxy's words about "missing" arguments come by themselves.
    package subscript(index: Int) -> String { index >= 0 && index < words.count ? words[index] : "" }

    /// The payload as text.
    package var payloadText: String? { payload.map { String(decoding: $0, as: UTF8.self) } }

    // MARK: Answers

    /// Tells a message: with the session's severity prefix, and one line feed at its end.
    package func say(_ message: String, _ severity: Severity = .info) async throws(CommandFailure) {
        try await session.say(message, severity)
    }

    /// Writes a part of a longer answer as it is. Waits while the client reads slowly, so call it for each piece of a
    /// long list, and keep no list of the process's state across it.
    package func write(_ text: String) async throws(CommandFailure) {
        try await session.connection.write(Array(text.utf8))
    }

    /// Writes bytes, like ``write(_:)``.
    package func write(bytes: [UInt8]) async throws(CommandFailure) { try await session.connection.write(bytes) }

    // MARK: Waiting

    /// Waits until `signal` is set or `deadline` has come; throws when the client goes. True: the signal was set.
    package func wait(for signal: ControlSignal, until deadline: Instant) async throws(CommandFailure) -> Bool {
        try await session.connection.wait(for: signal, until: deadline)
    }
}
