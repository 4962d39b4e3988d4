import Synchronization

// The end of a server's life: what still holds it, and who waits for the last of that to go.
extension SharedServer {
    /// True when no connection, exchange or queue entry is left.
    public var isUnused: Bool {
        connections.total == 0 && served.load(ordering: .acquiring) == 0 && queueLength == 0
    }

    /// Calls `action` once, from some worker's thread or this one, when the server is unused (``isUnused``). Returns what
    /// ``forgetWaiting(_:)`` takes.
    @discardableResult
    public func whenUnused(_ action: @escaping @Sendable () -> Void) -> UInt64 {
        let ticket = control.withLock { control in
            waits.store(true, ordering: .sequentiallyConsistent)
            return control.waiting.add(action)
        }
        // It may have become so between the caller's look and now.
        tellIfRemovable()
        return ticket
    }

    /// Does not call any more.
    public func forgetWaiting(_ ticket: UInt64) { control.withLock { $0.waiting.remove(ticket) } }

    /// Called by workers when they have counted something down.
    func tellIfRemovable() {
        guard waits.load(ordering: .sequentiallyConsistent), isUnused else { return }
        let actions = control.withLock { control in
            waits.store(false, ordering: .sequentiallyConsistent)
            return control.waiting.takeAll()
        }
        for action in actions { action() }
    }
}

/// Actions that wait for an event.
struct Waiting: Sendable {
    private var actions: [UInt64: @Sendable () -> Void] = [:]
    private var last: UInt64 = 0

    mutating func add(_ action: @escaping @Sendable () -> Void) -> UInt64 {
        last += 1
        actions[last] = action
        return last
    }

    mutating func remove(_ ticket: UInt64) { actions[ticket] = nil }

    mutating func takeAll() -> [@Sendable () -> Void] {
        defer { actions = [:] }
        return Array(actions.values)
    }
}
