import Accounts
import Configuration
import Samples
import Synchronization
import Words

/// Finds what arguments of fetches and converters name: frontends, backends, servers, user lists. They may stand behind
/// the expression, so it is done once the whole configuration is read.
struct ReferenceResolver {
    let configuration: Configuration
    /// Names of `defaults` sections: in them, no name means the proxy that runs the expression.
    let defaults: Set<String>

    /// Resolves all references; what is not found is complained about, in HAProxy's words.
    func resolve(_ context: CompilationContext) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        for pending in context.references {
            guard let problem = problem(of: pending) else { continue }
            diagnostics.append(
                Diagnostic(
                    .alert, problem, at: SourceLocation(file: pending.file, line: pending.line),
                    excerpt: excerpt(of: pending)))
        }
        for reference in context.sinkReferences {
            if let sink = context.sinks[reference.name] {
                reference.resolve(sink)
            } else {
                let names = context.sinks.all.map(\.name)
                diagnostics.append(
                    Diagnostic(
                        .alert,
                        "\(reference.location): sink '\(reference.name)' of the debug converter does not exist"
                            + hint(reference.name, names)))
            }
        }
        return diagnostics
    }

    /// What is wrong with a reference; nil when it is resolved.
    private func problem(of pending: CompilationContext.PendingReference) -> String? {
        let reference = pending.reference
        let place = "in arg \(pending.argument) of \(pending.owner) proxy '\(pending.proxyName)'"
        let name = reference.name.isEmpty ? pending.proxyName : reference.name
        let isOwn = reference.name.isEmpty && defaults.contains(pending.proxyName)
        switch reference.kind {
        case .frontend:
            if isOwn { return current(reference) }
            guard let index = configuration.frontends.firstIndex(where: { $0.name == name }) else {
                return "unable to find frontend '\(name)' referenced \(place)."
                    + hint(name, configuration.frontends.map(\.name))
            }
            reference.index.store(index, ordering: .relaxed)
        case .backend:
            if isOwn { return current(reference) }
            guard let index = configuration.backends.firstIndex(where: { $0.name == name }) else {
                return "unable to find backend '\(name)' referenced \(place)."
                    + hint(name, configuration.backends.map(\.name))
            }
            reference.index.store(index, ordering: .relaxed)
        case .server: return server(pending, place)
        case .userList:
            if reference.name.isEmpty { return "missing userlist name \(place)." }
            guard let index = configuration.userLists.firstIndex(where: { $0.name == reference.name }) else {
                return "unable to find userlist '\(reference.name)' referenced \(place)."
                    + hint(reference.name, configuration.userLists.map(\.name))
            }
            reference.index.store(index, ordering: .relaxed)
        default: break
        }
        return nil
    }

    private func current(_ reference: NamedReference) -> String? {
        reference.index.store(NamedReference.current, ordering: .relaxed)
        return nil
    }

    /// A server is named alone, or behind its backend.
    private func server(_ pending: CompilationContext.PendingReference, _ place: String) -> String? {
        let reference = pending.reference
        if reference.name.isEmpty { return "missing server name \(place)." }
        var proxy = pending.proxyName
        var name = reference.name
        let slash = name.lastIndex(of: "/")
        if let slash {
            proxy = String(name[..<slash])
            name = String(name[name.index(after: slash)...])
        } else if defaults.contains(proxy) {
            return "backend name must be set \(place)."
        }
        let index = configuration.backends.firstIndex { $0.name == proxy }
        if index == nil, slash != nil {
            return "unable to find proxy '\(proxy)' referenced \(place)."
                + hint(proxy, configuration.backends.map(\.name))
        }
        let servers = index.map { configuration.backends[$0].servers } ?? []
        guard let index, let number = servers.firstIndex(where: { $0.name == name }) else {
            return "unable to find server '\(name)' in proxy '\(proxy)', referenced \(place)."
                + hint(name, servers.map(\.name))
        }
        reference.index.store(index, ordering: .relaxed)
        reference.serverIndex.store(number, ordering: .relaxed)
        return nil
    }

    private func hint(_ name: String, _ names: [String]) -> String {
        Nearest.word(to: name, among: names).map { " Did you mean '\($0)' maybe ?" } ?? ""
    }

    /// The line with the name marked: it stands in parentheses behind its keyword.
    private func excerpt(of pending: CompilationContext.PendingReference) -> Excerpt? {
        let text = pending.text
        func place(of wanted: String) -> Int? {
            let bytes = Array(wanted.utf8)
            guard !bytes.isEmpty, text.count >= bytes.count else { return nil }
            return (0...(text.count - bytes.count)).first { start in
                bytes.indices.allSatisfy { text[text.startIndex + start + $0] == bytes[$0] }
            }
        }
        guard !text.isEmpty else { return nil }
        let call = "\(pending.keyword)("
        let column =
            place(of: call + pending.reference.name).map { $0 + call.utf8.count } ?? place(of: pending.reference.name)
            ?? 0
        return Excerpt(line: text, column: column)
    }
}
