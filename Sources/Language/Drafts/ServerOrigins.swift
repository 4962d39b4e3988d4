import Synchronization

/// What servers may start from (`from`, configuration.txt section 5.2): the `default-server` instances and the servers
/// of all backends, as they are written. Every draft of one configuration shares one.
final class ServerOrigins: Sendable {
    private struct Backend: Sendable {
        var unnamed: ServerDraft?
        var named: [String: ServerDraft] = [:]
        var servers: [String: ServerDraft] = [:]
    }

    private let backends = Mutex<[String: Backend]>([:])

    /// The settings of `default-server` lines: of those with a name, or of those without. Nil forgets the latter.
    func note(defaults: ServerDraft?, named name: String?, of backend: String) {
        backends.withLock { backends in
            if let name {
                backends[backend, default: Backend()].named[name] = defaults
            } else {
                backends[backend, default: Backend()].unnamed = defaults
            }
        }
    }

    /// A backend begins: its name is known from now on, and what it took over from a `defaults` section.
    func begin(_ backend: String, defaults: ServerDraft?) {
        backends.withLock { $0[backend] = Backend(unnamed: defaults) }
    }

    func isKnown(_ backend: String) -> Bool { backends.withLock { $0[backend] != nil } }

    func forget(_ backend: String) { backends.withLock { $0[backend] = nil } }

    func note(server: ServerDraft, of backend: String) {
        backends.withLock { $0[backend, default: Backend()].servers[server.name] = server }
    }

    /// What `be:<backend>` stands for; nil: it has no `default-server` with settings.
    func unnamed(of backend: String) -> ServerDraft? { backends.withLock { $0[backend]?.unnamed } }

    /// What `srv:<backend>/<name>` stands for.
    func server(_ name: String, of backend: String) -> ServerDraft? {
        backends.withLock { $0[backend]?.servers[name] ?? $0[backend]?.named[name] }
    }

    /// What `show default-server` says of a backend: whether it has an unnamed instance, and the names of the others.
    func instances(of backend: String) -> (hasUnnamed: Bool, names: [String]) {
        backends.withLock { backends in
            let found = backends[backend]
            return (
                found?.unnamed != nil,
                (found?.named.keys.map { $0 } ?? []).sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) }
            )
        }
    }
}
