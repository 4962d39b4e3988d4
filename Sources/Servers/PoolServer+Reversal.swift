import Configuration
public import Runtime
import Synchronization

// Servers of reverse HTTP: their connections come from them, to any worker, and are handed on to the one that needs
// one.
extension PoolServer {
    /// Takes an idle connection out for another worker, one that was kept for that before others; nil when there is
    /// none with that key. It counts as used until ``receive(_:)`` there, or ``settle(_:)`` here after
    /// ``receive(_:)``.
    public func handOver(key: UInt64) -> (any PooledConnection)? {
        if let place = reserved.firstIndex(where: { $0.key == key && !$0.load.isBusy }) {
            let connection = reserved.remove(at: place)
            disown(connection, self)
            guard isGood(connection) else { return nil }
            connection.place = .none
            return connection
        }
        guard let connection = findIdle(key) else { return nil }
        occupy(connection)
        connection.place = .none
        return connection
    }

    /// Puts a connection that was handed over into this worker's pool: ``settle(_:)`` gives it its place.
    public func receive(_ connection: any PooledConnection) {
        guard connection.place == .none else { return }
        connection.place = .busy
    }

    /// A connection that takes an exchange now, idle or not; nil when there is none with that key.
    public func takeFree(key: UInt64) -> (any PooledConnection)? { findAvailable(key) ?? findIdle(key) }

    /// Keeps a connection that was to be handed over, and could not leave yet, for the next try.
    public func putBack(_ connection: any PooledConnection) {
        receive(connection)
        own(connection, by: self)
        reserved.append(connection)
    }

    /// Gives a busy connection no further exchanges, so that it becomes idle for another worker. Nothing happens when
    /// one with that key is kept already, or when there is none.
    public func reserve(key: UInt64) {
        guard !reserved.contains(where: { $0.key == key }), let connection = findAvailable(key) else { return }
        own(connection, by: self)
        reserved.append(connection)
        settle(connection)
    }

    /// No other worker waits any more: what was kept takes exchanges again.
    public func endReservations() {
        let all = reserved
        reserved = []
        for connection in all {
            disown(connection, self)
            settle(connection)
        }
    }
}

extension SharedServer {
    /// A connection that was handed over is lost on its way to another worker. From any thread.
    public func loseConnection() {
        connections.used.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        tellIfRemovable()
    }
}

extension Socket.Target {
    /// Where servers are that open their connections to us: nowhere that anybody could connect to.
    public static var nowhere: Socket.Target { .abstract(name: "") }
}
