package import Configuration
import Words

/// What a master process learns of its configuration: whether it is one, and how it keeps its workers. The rest is read
/// by each worker.
package struct Discovery: Sendable {
    /// Settings of the process; only those of the master's keywords are set.
    package let global: GlobalSettings
    /// How the empty rest is described, for the master's own runtime API.
    package let runtime: RuntimeLanguage
    /// Alerts about the lines that were read.
    package let alerts: [Diagnostic]
    /// The files that were read: what follows is to read the same (``ConfigurationLoader/contents``).
    package let contents: [String: [UInt8]]
}

extension ConfigurationLoader {
    /// Reads the `global` sections of files and directories, as far as a master process acts on them.
    package func discover(paths: [String]) -> Discovery {
        var sections = makeSections()
        sections.isDiscovery = true
        var contents: [String: [UInt8]] = [:]
        _ = read(paths, into: &sections) { contents[$0] = $1 }
        let settings = sections.global.finished
        return Discovery(
            global: settings, runtime: RuntimeLanguage(sections, settings: settings),
            alerts: sections.diagnostics.filter { $0.severity == .alert }, contents: contents)
    }

    /// The sockets of the master CLI that an argument of `-S` describes: an address, and options of `bind` with commas
    /// between.
    package func masterSockets(_ argument: String) throws(CommandLineError) -> [RuntimeSocketSettings] {
        let words = argument.split(separator: ",").map { Word(text: String($0), column: 0) }
        let sections = makeSections()
        let line = SourceLine(location: SourceLocation(file: "-S", line: 0), bytes: [])
        var statement = Statement(
            line: line, words: words, start: 0, keywordLength: 0, modifier: .none, context: sections.context)
        statement.name = "-S \(argument)"
        do throws(Complaint) {
            return try StatsStatement.sockets(sections.global.surroundings, &statement, level: .admin)
        } catch {
            throw CommandLineError(message: "Can't create the master's CLI: '-S \(argument)' : \(error.message)")
        }
    }
}
