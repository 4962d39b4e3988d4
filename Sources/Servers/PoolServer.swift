import Bytes
import Configuration
package import Runtime
import Synchronization

/// One worker's side of a server: its idle connections. Not Sendable.
package final class PoolServer: TimerTarget {
    package let shared: SharedServer
    /// Connections that can take an exchange at once. The last one was used last.
    private var idle: [any PooledConnection] = []
    private var lowWater = 0
    private var purge: Timer!
    private let clock: TurnClock

    init(_ shared: SharedServer, timers: TimerWheel, clock: TurnClock) {
        self.shared = shared
        self.clock = clock
        purge = Timer(on: timers, target: self)
    }

    /// Idle connections on this worker.
    package var idleCount: Int { idle.count }

    /// Takes an idle connection that `session` may use; `onlyReused` skips those that have carried just one exchange.
    func take(for session: AnyObject, mayShare: Bool, onlyReused: Bool) -> (any PooledConnection)? {
        var index = idle.count - 1
        // A connection that belongs to another session is passed over; few do, so look at the newest ones only.
        var looked = 0
        while index >= 0, looked < 16 {
            let connection = idle[index]
            let isOwn = connection.privateTo === session
            if isOwn || (mayShare && connection.privateTo == nil && (!onlyReused || connection.uses > 1)) {
                guard connection.availableStreams > 0 else {
                    index -= 1
                    looked += 1
                    continue
                }
                remove(connection)
                return connection
            }
            index -= 1
            looked += 1
        }
        return nil
    }

    /// Puts a connection that can take an exchange into the pool, or closes it when the pool has enough.
    package func put(_ connection: any PooledConnection) {
        guard connection.poolIndex < 0 else { return }
        if let limit = shared.settings.poolMaxConnections, idle.count >= limit { return connection.retire() }
        if let limit = shared.settings.maxReuse, connection.uses > limit { return connection.retire() }
        guard shared.isUsable else { return connection.retire() }
        connection.poolIndex = idle.count
        idle.append(connection)
        shared.idle.wrappingAdd(1, ordering: .relaxed)
        if !purge.isArmed, shared.settings.poolPurgeDelay > 0 {
            lowWater = idle.count
            purge.arm(at: clock.now.advanced(milliseconds: shared.settings.poolPurgeDelay))
        }
    }

    /// Takes a connection out of the pool: it is used, or closed.
    package func remove(_ connection: any PooledConnection) {
        let index = connection.poolIndex
        guard index >= 0, index < idle.count, idle[index] === connection else { return }
        let last = idle.removeLast()
        if last !== connection {
            idle[index] = last
            last.poolIndex = index
        }
        connection.poolIndex = -1
        lowWater = min(lowWater, idle.count)
        shared.idle.wrappingSubtract(1, ordering: .relaxed)
    }

    /// Half of the connections that nobody has needed since the last round is closed.
    package func timerFired(_ timer: Timer) {
        let surplus = (lowWater + 1) / 2
        for _ in 0..<surplus where !idle.isEmpty {
            let oldest = idle[0]
            remove(oldest)
            oldest.retire()
        }
        lowWater = idle.count
        if !idle.isEmpty { purge.arm(at: clock.now.advanced(milliseconds: shared.settings.poolPurgeDelay)) }
    }

    /// Closes the connections that only `session` may use.
    package func forget(_ session: AnyObject) {
        for connection in idle where connection.privateTo === session {
            remove(connection)
            connection.retire()
        }
    }

    /// Closes every idle connection.
    package func closeAll() {
        while let connection = idle.last {
            remove(connection)
            connection.retire()
        }
    }
}
