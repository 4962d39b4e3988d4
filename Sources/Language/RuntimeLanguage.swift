package import Configuration
import Glibc
import Rules
import Samples
import Synchronization
import Vocabulary
import Words

/// What an operator's words about a new server or backend say too little for, or say wrongly: HAProxy's words for it.
package struct RuntimeComplaint: Error, Sendable {
    package let message: String
    init(_ message: String) { self.message = message }
}

/// The language of `add server` and `add backend`: the same words as in the files, with the settings of the sections that
/// they go to. From any thread.
package final class RuntimeLanguage: Sendable {
    private let global: GlobalDraft
    private let groups: [ErrorGroupDraft]
    private let variableNames: VariableNames
    private let healthchecks: [String: CheckRuleset]
    private let settings: GlobalSettings
    /// Drafts of backends, the added ones too, without their servers.
    private let backends: Mutex<[String: ProxyDraft]>
    private let defaults: [String: ProxyDraft]

    init(_ sections: SectionParser, settings: GlobalSettings) {
        global = sections.global
        groups = sections.groups
        variableNames = sections.context.variableNames
        healthchecks = Dictionary(
            sections.healthchecks.map { ($0.name, $0.check.ruleset ?? .connectOnly) }
        ) { first, _ in first }
        self.settings = settings
        defaults = sections.defaultsByName
        var drafts: [String: ProxyDraft] = [:]
        for draft in sections.proxies where draft.kind.hasBack { drafts[draft.name] = draft }
        backends = Mutex(drafts)
    }

    /// The words that may follow a server's address.
    package static var serverKeywords: [String] { ServerOptions.table.names }

    /// The server that `words` describe: its address, then what a `server` line may have. It starts with what
    /// `default-server` says in its backend, and in maintenance.
    package func server(
        named name: String, in backend: String, _ words: [String]
    ) throws(RuntimeComplaint) -> ServerSettings {
        guard let draft = backends.withLock({ $0[backend] }) else { throw RuntimeComplaint("No such backend.") }
        let location = SourceLocation(file: "CLI", line: 0)
        let line = SourceLine(location: location, bytes: [])
        var words = words
        if let address = words.first { words[0] = Self.expanded(address) }
        let all = (["server", name] + words).map { Word(text: $0, column: 0) }
        var statement = Statement(
            line: line, words: all, start: 0, keywordLength: 1, modifier: .none,
            context: CompilationContext(Vocabulary.samples))
        let server: ServerDraft
        do throws(Complaint) {
            server = try ServerStatement.server(of: draft, &statement)
        } catch {
            let prefix = "'server \(backend)/\(name)' : "
            let text = error.message.hasPrefix(prefix) ? String(error.message.dropFirst(prefix.count)) : error.message
            throw RuntimeComplaint(Self.sentence(text))
        }
        do throws(AssemblyError) {
            return try ServerAssembler.settings(
                of: server, mode: draft.mode, location: location, verifies: global.verifiesServers,
                checks: CheckAssembler(ruleset: draft.check.ruleset, sections: healthchecks))
        } catch { throw RuntimeComplaint(Self.sentence(error.message)) }
    }

    /// An address with its environment variables (`${NAME}`), as in the files; those that are not set are nothing.
    private static func expanded(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${"), let end = rest[start.upperBound...].firstIndex(of: "}") {
            result += rest[..<start.lowerBound]
            let name = String(rest[start.upperBound..<end])
            if let value = unsafe getenv(name) { unsafe result += String(cString: value) }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func sentence(_ text: String) -> String {
        text.hasSuffix("?") || text.hasSuffix(".") ? text : text + "."
    }

    /// A new backend with the settings of a `defaults` section. It is known to ``server(named:in:_:)`` from now on.
    ///
    /// - Parameters:
    ///   - mode: in place of the section's.
    ///   - guid: its identifier in the whole process; the caller has seen that it is good.
    ///   - id: its number.
    package func addBackend(
        named name: String, from section: String, mode: ProxyMode?, guid: String?, id: Int
    ) throws(RuntimeComplaint) -> BackendSettings {
        guard let base = defaults[section] else {
            throw RuntimeComplaint("Cannot find default proxy '\(section)'.")
        }
        var draft = ProxyDraft(
            kind: .backend, name: name, mark: base.mark, surroundings: base.surroundings, defaults: base)
        if let mode { draft.mode = mode }
        guard mode != nil || base.hasMode else {
            throw RuntimeComplaint(
                "Mode is required as '\(section)' default proxy does not explicitly defines it.")
        }
        var settings = Assembler.backend(draft, SectionParser(global: global, groups: groups), global: self.settings)
        settings.id = id
        settings.guid = guid
        backends.withLock { $0[name] = draft }
        return settings
    }

    /// A variable and what its value is made of (`set var`).
    ///
    /// - Parameter isFormat: `text` is a log-format string, else an expression.
    package func variable(
        named name: String, _ text: String, isFormat: Bool
    ) throws(RuntimeComplaint) -> VariableSetting {
        let context = CompilationContext(Vocabulary.samples, variableNames: variableNames)
        context.place = .runtimeAPI
        context.proxyName = "CLI"
        context.expressionPlace = "in CLI expression in"
        let word = Word(text: text, column: 0)
        do throws(Complaint) {
            let variable = try context.variable(name)
            guard variable.scope == .proc else {
                throw Complaint("'set var': cannot set variable '\(name)', only scope 'proc' is permitted here.")
            }
            let source: VariableSetting.Source =
                isFormat
                ? .format(try Format.parse(word, context, options: []))
                : .expression(try ExpressionParser(context).parse(word))
            if let pending = context.references.first {
                throw Complaint("'\(pending.keyword)' takes names of proxies and servers, which has no meaning here.")
            }
            return VariableSetting(
                name: variable, source: source, location: SourceLocation(file: "CLI", line: 0))
        } catch { throw RuntimeComplaint(error.message) }
    }

    /// Whether a `defaults` section has that name.
    package func hasDefaults(named name: String) -> Bool { defaults[name] != nil }

    /// Names of the `defaults` sections that backends may be added from.
    package var defaultsNames: [String] { defaults.keys.filter { !$0.isEmpty }.sorted() }

    /// Whether a backend has `default-server` lines without a name that say something, and the names of the others.
    package func defaultServers(of backend: String) -> (hasUnnamed: Bool, names: [String]) {
        global.surroundings.origins.instances(of: backend)
    }

    /// A backend is gone.
    package func removeBackend(named name: String) {
        backends.withLock { $0[name] = nil }
        global.surroundings.origins.forget(name)
    }
}
