import Configuration
import Servers
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

    /// Takes a backend out of the table, and tells the workers.
    package func remove(_ backend: SharedProxyBackend) {
        state.withLock { state in
            state.backends.removeAll { $0 === backend }
            backend.servers.events.tell(.backendRemoved(backend))
        }
    }
}

extension SharedProxyBackend: SharedBackendOwner {}
