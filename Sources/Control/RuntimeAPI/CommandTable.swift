/// The commands of the runtime API. Each is registered once, in the file of its kind.
package struct CommandTable: Sendable {
    /// All that a worker process knows.
    package static let standard = CommandTable(known.filter { $0.side != .master })
    /// All that a master process knows: those of workers only in its debug mode.
    package static let master = CommandTable(known + MasterCommands.all, isMaster: true)

    private static let known =
        SessionCommands.all + ProcessCommands.all + StatisticsCommands.all + FrontendCommands.all + RateLimitCommand.all
        + ExchangeCommands.all + ServerCommands.all + SetServerCommand.all + ShowServersCommand.all
        + BackendCommands.all
        + WaitCommand.all + PatternCommands.all + ResolverCommands.all + EventCommands.all + VariableCommands.all
        + HandoverCommand.all + InspectionCommands.all + ProfilingCommands.all + QUICCommand.all
        + QUICLogCommand.all + ErrorCommand.all
        + DefaultsCommands.all + TableCommands.all + DevelopmentCommands.all + CertificateCommands.all
        + AuthorityCommands.all + RevocationCommands.all + CertificateListCommands.all

    private let commands: [Command]
    private let byFirstWord: [String: [Command]]
    private let isMaster: Bool

    package init(_ commands: [Command], isMaster: Bool = false) {
        self.isMaster = isMaster
        self.commands = commands.sorted {
            Array(($0.usage ?? "").utf8).lexicographicallyPrecedes(($1.usage ?? "").utf8)
        }
        byFirstWord = Dictionary(grouping: commands) { $0.words.first ?? "" }
    }

    /// The command that `words` start with: the one with the longest name.
    func command(for words: [String], _ modes: Set<Command.Mode>) -> Command? {
        guard let first = words.first else { return nil }
        let best = byFirstWord[first, default: []]
            .filter { words.starts(with: $0.words) }
            .max { $0.words.count < $1.words.count }
        return best.flatMap { isKnown($0, modes) ? $0 : nil }
    }

    private func isKnown(_ command: Command, _ modes: Set<Command.Mode>) -> Bool {
        !isMaster || command.side != .worker || modes.contains(.masterDebug)
    }

    // MARK: Help

    /// Most proposals for a mistyped command.
    private static let maxProposals = 5

    /// What `help` answers: all commands, or those that fit `words` best.
    func help(for words: [String], _ modes: Set<Command.Mode>) -> String {
        "The following commands are valid at this level:\n" + list(for: words, modes)
    }

    /// What a command that does not exist is answered with.
    func unknown(_ words: [String], _ modes: Set<Command.Mode>) -> String {
        "Unknown command: '\(words.first ?? "")', but maybe one of the following ones is a better match:\n"
            + list(for: words, modes)
    }

    private func list(for words: [String], _ modes: Set<Command.Mode>) -> String {
        let visible = commands.filter { modes.contains($0.mode) && isKnown($0, modes) }
        let known = visible.map { Self.commonWords($0, words) }.max() ?? 0
        let fitting = visible.filter { $0.usage != nil && Self.commonWords($0, words) == known }
        var chosen = fitting
        if known < words.count {
            let proposals = Self.nearest(fitting, to: words, from: known)
            if !proposals.isEmpty { chosen = proposals }
        }
        let usages = chosen.compactMap(\.usage).sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) }
        return usages.map { "  \($0)\n" }.joined() + """
              help [<command>]                        : list matching or all commands
              prompt [help | n | i | p | timed ]*     : toggle interactive mode with prompt
              quit                                    : disconnect

            """
    }

    /// How many words, from the first on, a command's name has in common with what was typed.
    private static func commonWords(_ command: Command, _ words: [String]) -> Int {
        zip(command.words, words).prefix { $0 == $1 }.count
    }

    private static func nearest(_ commands: [Command], to words: [String], from start: Int) -> [Command] {
        let typed = WordFingerprint(words[start...].prefix(max(0, 5 - start)))
        var best: [(command: Command, distance: Int)] = []
        for command in commands {
            let print = WordFingerprint(command.words.dropFirst(start))
            let distance = typed.distance(to: print)
            guard distance < 5 * (typed.length + print.length) / 2 else { continue }
            let place = best.firstIndex { $0.distance > distance } ?? best.count
            best.insert((command, distance), at: place)
            if best.count > maxProposals { best.removeLast() }
        }
        guard let first = best.first else { return [] }
        return best.filter { $0.distance <= 5 * first.distance / 2 }.map(\.command)
    }
}
