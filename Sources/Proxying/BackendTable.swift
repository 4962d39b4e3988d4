import Configuration
package import Servers
import Synchronization

/// The backends that the process has now. Read and changed by the control thread; workers have tables of their own.
package final class BackendTable: Sendable {
    private struct State: Sendable {
        var backends: [SharedProxyBackend]
        /// The lowest number for the next backend.
        var nextID: Int
    }

    private let state: Mutex<State>

    init(_ backends: [SharedProxyBackend], firstID: Int) {
        state = Mutex(State(backends: backends, nextID: firstID))
    }

    /// In the order of the configuration, later ones behind.
    package var all: [SharedProxyBackend] { state.withLock { $0.backends } }

    /// The backend of that name, or nil; `#<id>` finds one by its number.
    package func backend(named name: String) -> SharedProxyBackend? {
        let all = all
        if name.hasPrefix("#"), let id = Int(name.dropFirst()) { return all.first { $0.servers.settings.id == id } }
        return all.first { $0.servers.settings.name == name }
    }

    /// Adds the backend that `make` makes for the first free place and number, and tells the workers.
    func add(_ make: (_ index: Int, _ id: Int) throws -> SharedProxyBackend) throws -> SharedProxyBackend {
        try state.withLock { state in
            let taken = Set(state.backends.map(\.servers.index))
            var index = 0
            while taken.contains(index) { index += 1 }
            let numbers = Set(state.backends.map(\.servers.settings.id))
            var id = state.nextID
            while numbers.contains(id) { id += 1 }
            let backend = try make(index, id)
            state.nextID = id
            state.backends.append(backend)
            backend.servers.events.tell(.backendAdded(backend))
            return backend
        }
    }

    /// Makes a server follow the one that its line names (`track`). Returns HAProxy's words when there is none.
    package func track(_ server: SharedServer) -> String? {
        guard let name = server.settings.tracked else { return nil }
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        var backend = server.backend
        if parts.count == 2 {
            guard let other = self.backend(named: parts[0]) else {
                return "unable to find required proxy '\(parts[0])' for tracking."
            }
            backend = other.servers
        }
        guard let tracked = backend.servers.first(where: { $0.settings.name == parts.last }), tracked !== server else {
            return "unable to find required server '\(parts.last ?? "")' for tracking."
        }
        if tracked.isDynamic {
            return
                "unable to use \(backend.settings.name)/\(tracked.settings.name) for tracking as it is a dynamic server."
        }
        let checks = tracked.settings
        guard checks.check.isEnabled || checks.agent.isEnabled || checks.tracked != nil else {
            return
                "unable to use \(backend.settings.name)/\(tracked.settings.name) for tracking as it does not have any"
                + " check nor agent enabled."
        }
        server.track(tracked)
        return nil
    }

    /// Takes a backend out of the table, and tells the workers.
    package func remove(_ backend: SharedProxyBackend) {
        state.withLock { state in
            state.backends.removeAll { $0 === backend }
            backend.servers.events.tell(.backendRemoved(backend))
        }
    }
}

extension SharedProxyBackend: SharedBackendOwner {}
