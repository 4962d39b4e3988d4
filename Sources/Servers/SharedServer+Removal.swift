import Synchronization

// The end of a server's life: what still holds it, and who waits for the last of that to go.
extension SharedServer {
    /// True when no connection, exchange or queue entry is left.
    package var isUnused: Bool {
        connections.total == 0 && served.load(ordering: .acquiring) == 0 && queued.load(ordering: .acquiring) == 0
    }

    /// Calls `action` once, from some worker's thread or this one, when the server is unused (``isUnused``).
    package func whenUnused(_ action: @escaping @Sendable () -> Void) {
        control.withLock { control in
            control.waiting.append(action)
            waits.store(true, ordering: .sequentiallyConsistent)
        }
        // It may have become so between the caller's look and now.
        tellIfRemovable()
    }

    /// Called by workers when they have counted something down.
    func tellIfRemovable() {
        guard waits.load(ordering: .sequentiallyConsistent), isUnused else { return }
        let actions = control.withLock { control in
            let all = control.waiting
            control.waiting = []
            waits.store(false, ordering: .sequentiallyConsistent)
            return all
        }
        for action in actions { action() }
    }
}
