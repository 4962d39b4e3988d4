import Bytes
package import Configuration
package import Runtime
package import Synchronization

/// A server as all workers see it: its settings, and the counts that balancing and limits need, as atomics.
package final class SharedServer: Sendable {
    package let settings: ServerSettings
    /// The server's place in its backend.
    package let index: Int
    /// Where to connect; nil when the port is the client's: see ``target(forClientPort:)``.
    private let address: Socket.Target

    /// Exchanges that hold a place at the server now.
    package let served = Atomic<Int>(0)
    /// Exchanges that wait for a place at this server or backend because of it.
    package let queued = Atomic<Int>(0)
    /// Connections that are open to the server.
    package let connections = Atomic<Int>(0)
    /// Connections among them that are idle.
    package let idle = Atomic<Int>(0)
    /// Exchanges sent to the server since the start.
    package let total = Atomic<UInt64>(0)
    /// Connection attempts that failed since the start.
    package let connectFailures = Atomic<UInt64>(0)
    private let isReady: Atomic<Bool>

    /// - Parameter address: where the server is, its name resolved.
    package init(settings: ServerSettings, index: Int, address: Socket.Target) {
        self.settings = settings
        self.index = index
        self.address = address
        isReady = Atomic(!settings.isDisabled)
    }

    /// Whether balancing may choose the server.
    package var isUsable: Bool { isReady.load(ordering: .relaxed) && settings.weight > 0 }

    /// Where to connect for a client that came in on `port`.
    package func target(forClientPort port: UInt16) -> Socket.Target {
        guard case .host(_, .ofClient(let offset)) = settings.address, case .ip(var ip) = address else {
            return address
        }
        ip.port = UInt16(clamping: Int(port) + offset)
        return .ip(ip)
    }

    /// Takes a place at the server; false when `maxconn` places are taken.
    package func enter() -> Bool {
        guard let limit = settings.maxconn, limit > 0 else {
            served.wrappingAdd(1, ordering: .relaxed)
            return true
        }
        let (_, now) = served.wrappingAdd(1, ordering: .relaxed)
        if now <= limit { return true }
        served.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    /// Gives a place back.
    package func leave() { served.wrappingSubtract(1, ordering: .relaxed) }

    /// True when a place is free.
    package var hasRoom: Bool {
        guard let limit = settings.maxconn, limit > 0 else { return true }
        return served.load(ordering: .relaxed) < limit
    }
}
