package import Bytes
import Connections

/// What one worker has counted at a listening address (`option socket-stats`).
package struct ListenerTraffic: Sendable {
    package var counters = TrafficCounters()
    /// The address of its socket; nil: this worker has none there.
    package var address: SocketAddress?
}

extension FrontendWorker {
    /// Counts something at a listening address. Without `option socket-stats` it costs one look.
    @inline(__always)
    func countListener(_ listener: ListenerContext, _ count: (inout TrafficCounters) -> Void) {
        if listenerTraffic.isEmpty { return }
        let place = listener.place
        if listenerTraffic.indices.contains(place) { count(&listenerTraffic[place].counters) }
    }

    /// Keeps the address of a socket that is listened on.
    func noteListener(_ listener: ListenerContext, _ address: SocketAddress) {
        let place = listener.place
        if listenerTraffic.indices.contains(place) { listenerTraffic[place].address = address }
    }
}
