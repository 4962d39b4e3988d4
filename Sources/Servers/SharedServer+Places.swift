import Configuration
import Synchronization

// Places at a server: how many exchanges it takes at once (configuration.txt, "maxconn", "minconn", "fullconn").
extension SharedServer {
    /// How many exchanges it takes now; 0: any number. With `minconn` the limit grows with the load of the backend, and a
    /// server that starts slowly has a part of it only.
    public var limit: Int {
        let most = maxconn.load(ordering: .relaxed)
        guard most > 0 else { return 0 }
        var limit = most
        let least = minconn.load(ordering: .relaxed)
        if least > 0, least < most {
            let current = backend.current.load(ordering: .relaxed)
            let full = backend.fullconn.load(ordering: .relaxed)
            if current < full { limit = max(least, current.multipliedReportingOverflow(by: most).partialValue / full) }
        }
        let warmth = warmth.load(ordering: .relaxed)
        return warmth < 100 ? max(1, limit * warmth / 100) : limit
    }

    /// Takes a place at the server; false when it has none to give, or when others wait for one.
    public func enter() -> Bool {
        if maxconn.load(ordering: .relaxed) <= 0 {
            served.wrappingAdd(1, ordering: .relaxed)
            countEntry()
            return true
        }
        return queue.count.load(ordering: .relaxed) == 0 && takePlace()
    }

    /// Takes a place for one that has waited.
    func takePlace() -> Bool {
        let limit = limit
        var now = served.load(ordering: .sequentiallyConsistent)
        while limit <= 0 || now < limit {
            let (done, seen) = served.compareExchange(
                expected: now, desired: now + 1, ordering: .sequentiallyConsistent)
            if done {
                countEntry()
                return true
            }
            now = seen
        }
        return false
    }

    private func countEntry() {
        if backend.countsServed { backend.load.served.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Gives a place back. The next one that waits gets it.
    public func leave() {
        served.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        if backend.countsServed { backend.load.served.wrappingSubtract(1, ordering: .relaxed) }
        grantPlaces()
        tellIfRemovable()
    }

    /// True when a place is free.
    public var hasFreePlace: Bool {
        let limit = limit
        return limit <= 0 || served.load(ordering: .sequentiallyConsistent) < limit
    }

    /// True when a place is free and nobody waits for one.
    public var hasRoom: Bool { hasFreePlace && queue.count.load(ordering: .relaxed) == 0 }

    /// Exchanges at the server and those that wait for it.
    var inflight: Int { served.load(ordering: .relaxed) + queue.count.load(ordering: .relaxed) }

    /// True when it has all it can take, and its queue too.
    var isOverfull: Bool {
        let limit = limit
        guard limit > 0 else { return false }
        return inflight >= limit + maxqueue.load(ordering: .relaxed)
    }

    /// Its load for its weight as `leastconn` compares it: an idle server has none, whatever its weight.
    var weightedLoad: Int {
        let inflight = inflight
        return inflight == 0 ? 0 : (inflight + 1) * 4096 / max(1, effectiveWeight)
    }

    /// Changes `maxconn`; 0 for no limit. A limit that `minconn` does not vary stays fixed.
    public func setMaxconn(_ count: Int) {
        let (before, least) = (maxconn.load(ordering: .relaxed), minconn.load(ordering: .relaxed))
        maxconn.store(count, ordering: .relaxed)
        if before == least { minconn.store(count, ordering: .relaxed) }
        backend.events.tell(.placesFreed(backend))
    }

    // MARK: Those that wait

    /// Gives free places to exchanges that wait for this server or, if it is in service, for any of the backend: the
    /// one whose turn is first in both queues. Their workers are told. From any thread.
    func grantPlaces() {
        while queue.count.load(ordering: .sequentiallyConsistent) > 0 || takesFromBackend, takePlace() {
            guard let entry = queue.takeFirst(or: takesFromBackend ? backend.queue : nil) else {
                served.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                if backend.countsServed { backend.load.served.wrappingSubtract(1, ordering: .relaxed) }
                // One may have come in the meantime and have seen no free place.
                if queue.count.load(ordering: .sequentiallyConsistent) > 0 || takesFromBackend { continue }
                return
            }
            backend.events.tell(.placeGranted(self, entry.ticket, worker: entry.worker))
        }
    }

    private var takesFromBackend: Bool {
        backend.queue.count.load(ordering: .sequentiallyConsistent) > 0 && isInService.load(ordering: .relaxed)
            && isUsable
    }
}
