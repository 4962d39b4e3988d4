package import Configuration
import Words

/// Reads configuration files into a checked configuration.
package struct ConfigurationLoader: Sendable {
    /// What predicates answer.
    package var dialect: Dialect
    /// The process's environment.
    package var environment: [String: String]
    /// Whether messages of diagnostic mode are wanted (`-dD`).
    package var isDiagnostic: Bool
    /// Whether servers' certificates are taken unseen by default (`-dV`).
    package var skipsServerVerification: Bool
    /// Files and names.
    package var system: any LanguageSystem
    /// Files that are read already, by their names: a pipe gives its content once.
    package var contents: [String: [UInt8]] = [:]

    package init(
        dialect: Dialect = Dialect(), environment: [String: String] = [:], isDiagnostic: Bool = false,
        skipsServerVerification: Bool = false, system: any LanguageSystem = LinuxSystem()
    ) {
        self.dialect = dialect
        self.environment = environment
        self.isDiagnostic = isDiagnostic
        self.skipsServerVerification = skipsServerVerification
        self.system = system
    }

    /// What came of reading files.
    package struct Result: Sendable {
        /// The configuration; nil when an alert stands among the diagnostics.
        package var configuration: Configuration?
        /// How servers and backends are described that come later; nil like ``configuration``.
        package var runtime: RuntimeLanguage?
        /// What is wrong, in the order of files and lines, and then what only the whole shows.
        package var diagnostics: [Diagnostic]
        /// The files that were read, directories resolved, in their order.
        package var files: [String]

        /// Whether one of the diagnostics is a warning.
        package var hasWarnings: Bool { diagnostics.contains { $0.severity == .warning } }
        /// Whether one of the diagnostics is an alert.
        package var hasErrors: Bool { diagnostics.contains { $0.severity == .alert } }
    }

    /// Reads files and directories. Of a directory those files count whose names end in `.cfg` and do not start with
    /// a dot, in the order of their bytes.
    package func load(paths: [String]) -> Result {
        var sections = makeSections()
        let files = read(paths, into: &sections)
        return finish(sections, files: files)
    }

    /// Parses files and directories. Returns the files that were read.
    ///
    /// - Parameter note: gets the content of each.
    func read(
        _ paths: [String], into sections: inout SectionParser, note: (String, [UInt8]) -> Void = { _, _ in }
    ) -> [String] {
        var files: [String] = []
        for path in paths {
            do {
                for file in try self.files(at: path) {
                    files.append(file)
                    let content: [UInt8]
                    if let known = contents[file] { content = known } else { content = try system.read(file) }
                    note(file, content)
                    parse(content, named: file, into: &sections)
                }
            } catch {
                sections.diagnostics.append(
                    Diagnostic(.alert, "cannot open configuration file/directory \(path) : \(error.reason)"))
            }
        }
        return files
    }

    /// Reads a text as if it were the only file, of that name.
    package func load(text: String, named name: String) -> Result {
        load(content: Array(text.utf8), named: name)
    }

    /// Reads bytes as if they were the only file, of that name.
    package func load(content: [UInt8], named name: String) -> Result {
        var sections = makeSections()
        parse(content, named: name, into: &sections)
        return finish(sections, files: [name])
    }

    /// Whether a condition holds (`-cc`). Its text is cut into words first, as on an `.if` line: quotes are taken off,
    /// and variables are resolved.
    package func evaluate(condition: String) throws(ConditionError) -> Bool {
        let words: [Word]
        do throws(LexicalError) {
            words = try Lexer.split(Array(condition.utf8)[...], variables: Variables(environment: environmentForFiles))
                .words
        } catch {
            throw ConditionError(message: error.message, column: error.column)
        }
        let text = words.map(\.text).joined(separator: " ")
        return try ConditionEvaluator(dialect: dialect, environment: environmentForFiles).evaluate(text)
    }

    // MARK: Steps

    func makeSections() -> SectionParser {
        var global = GlobalDraft(environment: environmentForFiles, system: system)
        global.verifiesServers = !skipsServerVerification
        return SectionParser(global: global)
    }

    /// The process's environment, and what HAProxy adds to it for its files.
    private var environmentForFiles: [String: String] {
        environment.merging([
            "HAPROXY_BRANCH": Release.spoken.branch, "HAPROXY_STARTUP_VERSION": Release.spoken.description,
        ]) { _, own in own }
    }

    func files(at path: String) throws(SystemError) -> [String] {
        guard let entries = try system.entries(of: path) else { return [path] }
        let base = path.hasSuffix("/") ? path : path + "/"
        return
            entries
            .filter { $0.hasSuffix(".cfg") && !$0.hasPrefix(".") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .map { base + $0 }
            .filter(system.isRegularFile)
    }

    func parse(_ content: [UInt8], named name: String, into sections: inout SectionParser) {
        FileParser(name: name, content: content, dialect: dialect).parse(into: &sections)
    }

    private func finish(_ sections: SectionParser, files: [String]) -> Result {
        // What is read later starts where the process was started.
        sections.global.surroundings.system.follow(.current)
        let (configuration, findings) = Assembler.assemble(sections, global: sections.global.finished)
        // What a refused line leaves out is no reason for warnings about the whole.
        let isBroken = sections.diagnostics.contains { $0.severity == .alert }
        var diagnostics = sections.diagnostics + findings.filter { $0.severity == .alert || !isBroken }
        if !isDiagnostic { diagnostics.removeAll { $0.severity == .diag } }
        let hasErrors = diagnostics.contains { $0.severity == .alert }
        return Result(
            configuration: hasErrors ? nil : configuration,
            runtime: hasErrors ? nil : RuntimeLanguage(sections, settings: configuration.global),
            diagnostics: diagnostics, files: files)
    }
}
