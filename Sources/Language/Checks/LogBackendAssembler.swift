import Configuration
import Rules
import Samples
import Synchronization
import Words

/// The backends that log targets name, by the numbers that were given to them: they may stand further down.
final class LogBackendRegistry: Sendable {
    private let entries = Mutex<[(name: String, mark: Mark)]>([])

    private init() {}

    /// The registry of a configuration.
    static func of(_ context: CompilationContext) -> LogBackendRegistry {
        let key = "log backends"
        if let known = context.shared[key] as? LogBackendRegistry { return known }
        let registry = LogBackendRegistry()
        context.shared[key] = registry
        return registry
    }

    var all: [(name: String, mark: Mark)] { entries.withLock { $0 } }

    /// The number of the backend of that name.
    func number(of name: String, _ mark: Mark) -> Int {
        entries.withLock { entries in
            if let known = entries.firstIndex(where: { $0.name == name }) { return known }
            entries.append((name, mark))
            return entries.count - 1
        }
    }
}

/// Checks backends of `mode log`, gives their servers rings, and finds those that log targets name.
struct LogBackendAssembler {
    private let context: CompilationContext
    private(set) var diagnostics: [Diagnostic] = []

    init(_ context: CompilationContext) { self.context = context }

    /// Makes a backend one of `mode log`.
    mutating func prepare(_ backend: inout BackendSettings, _ draft: ProxyDraft) {
        backend.takesLogs = true
        let owner = "backend '\(draft.name)'"
        switch backend.balance {
        case .roundrobin, .sticky: break
        case .random: backend.balance = .random(draws: 1)
        case .logHash:
            if backend.hashing.method != .map { fail("unsupported hash method (from \"hash-type\")", draft) }
        default:
            report(
                .alert,
                "in \(owner): \"balance\" only supports 'roundrobin', 'random', 'sticky' and 'log-hash'.", draft.mark)
        }
        let ignored: [(String, Bool)] = [
            ("use tcp-request rules", !draft.rules[.tcpRequestContent].isEmpty),
            ("use tcp-response rules", !draft.rules[.tcpResponseContent].isEmpty),
            ("use \"use-server\" rules", !draft.useServerRules.isEmpty),
            ("set \"http-send-name-header\"", draft.serverNameField != nil),
            ("set \"dynamic-cookie-key\"", draft.dynamicCookieKey != nil),
        ]
        for (what, isThere) in ignored where isThere {
            let pronoun = what.hasSuffix("rules") ? "They" : "It"
            report(
                .warning, "Cannot \(what) with 'mode log' in \(owner). \(pronoun) will be ignored.", draft.mark)
        }
        for index in backend.servers.indices {
            let server = backend.servers[index]
            if server.takesDatagrams != backend.servers[0].takesDatagrams {
                fail(
                    "cannot mix server types within a log backend, '\(server.name)' srv's network type differs from"
                        + " previous server", draft)
            }
            if server.tls != nil { fail("'ssl' is not supported: lines go to '\(server.name)' in clear", draft) }
            guard !server.takesDatagrams else { continue }
            backend.servers[index].ring = RingRegistry.of(context).number(of: server, draft.mark)
        }
    }

    /// The places of the backends that log targets name, by their numbers.
    mutating func resolve(_ backends: [BackendSettings]) -> [Int] {
        LogBackendRegistry.of(context).all.map { name, mark in
            guard let place = backends.firstIndex(where: { $0.name == name }) else {
                let hint = Nearest.word(to: name, among: backends.map(\.name)).map { "; did you mean '\($0)' maybe ?" }
                report(.alert, "log directive uses unknown log backend '\(name)'\(hint ?? "").", mark)
                return 0
            }
            if !backends[place].takesLogs {
                report(.alert, "log directive uses incompatible log backend '\(name)'.", mark)
            }
            return place
        }
    }

    private mutating func fail(_ message: String, _ draft: ProxyDraft) {
        report(.alert, "log backend '\(draft.name)': failed to initialize: \(message).", draft.mark)
    }

    private mutating func report(_ severity: Diagnostic.Severity, _ message: String, _ mark: Mark) {
        diagnostics.append(Diagnostic(severity, message, at: mark.location, excerpt: mark.excerpt))
    }
}
