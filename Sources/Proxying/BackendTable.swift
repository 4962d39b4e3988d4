import Configuration
import Servers
import Synchronization

/// The backends that the process has now. Read and changed by the control thread; workers have tables of their own.
package final class BackendTable: Sendable {
    private let backends: Mutex<[SharedProxyBackend]>

    init(_ backends: [SharedProxyBackend]) { self.backends = Mutex(backends) }

    /// In the order of the configuration, later ones behind.
    package var all: [SharedProxyBackend] { backends.withLock { $0 } }

    /// The backend of that name, or nil; `#<id>` finds one by its number.
    package func backend(named name: String) -> SharedProxyBackend? {
        let all = all
        if name.hasPrefix("#"), let id = Int(name.dropFirst()) { return all.first { $0.servers.settings.id == id } }
        return all.first { $0.servers.settings.name == name }
    }

    /// Adds the backend that `make` makes for the first free place, and tells the workers.
    package func add(
        _ make: (_ index: Int) throws(BlueprintError) -> SharedProxyBackend
    ) throws(BlueprintError) -> SharedProxyBackend {
        let result: Result<SharedProxyBackend, BlueprintError> = backends.withLock { backends in
            let taken = Set(backends.map(\.servers.index))
            var index = 0
            while taken.contains(index) { index += 1 }
            do throws(BlueprintError) {
                let backend = try make(index)
                backends.append(backend)
                backend.servers.events.tell(.backendAdded(backend))
                return .success(backend)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// Takes a backend out of the table, and tells the workers.
    package func remove(_ backend: SharedProxyBackend) {
        backends.withLock { backends in
            backends.removeAll { $0 === backend }
            backend.servers.events.tell(.backendRemoved(backend))
        }
    }
}

extension SharedProxyBackend: SharedBackendOwner {}
