package import Configuration
package import Synchronization

/// A backend as all workers see it: its servers and the state that balancing shares.
package final class SharedBackend: Sendable {
    package let settings: BackendSettings
    /// The backend's place in the configuration.
    package let index: Int
    package let servers: [SharedServer]
    /// Exchanges that wait for a place now, on all workers.
    package let queued = Atomic<Int>(0)
    /// Exchanges in the backend now.
    package let current = Atomic<Int>(0)
    private let balancer: Balancer

    package init(settings: BackendSettings, index: Int, servers: [SharedServer]) {
        self.settings = settings
        self.index = index
        self.servers = servers
        balancer = Balancer(settings.balance, servers: servers)
    }

    /// Chooses a server. `hash` is that of the client's address; `random` is any random number. `excluding` is the
    /// server that just failed; it is chosen only when there is no other. Nil when no server is usable.
    package func choose(hash: UInt32, random: UInt64, excluding failed: SharedServer? = nil) -> SharedServer? {
        balancer.choose(hash: hash, random: random, excluding: failed)
    }

    /// True when some usable server has a free place.
    package var hasRoom: Bool { servers.contains { $0.isUsable && $0.hasRoom } }
}
