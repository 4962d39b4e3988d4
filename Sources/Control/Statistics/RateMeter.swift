import Bytes
import Proxying

/// Events per second of everything that has a rate: made from the workers' totals, which are asked for once a second, so
/// that no worker keeps rates.
@ControlActor
final class RateMeter {
    /// What has a rate.
    enum Key: Hashable {
        case frontSessions(Int)
        case frontRequests(Int)
        case frontConnections(Int)
        /// A backend's or a server's sessions.
        case back(ObjectIdentifier)
        case connections, sessions, clientTLS, clientTLSFull, serverTLSFull, bytesOut
    }

    /// One rate.
    private struct Rate {
        /// The total when the current second began.
        var base: UInt64
        /// Events in the second before.
        var last: UInt64 = 0
        var max: UInt64 = 0
    }

    private var rates: [Key: Rate] = [:]
    private var totals: [Key: UInt64] = [:]
    private var secondBegan = Instant.zero

    /// The totals of all workers, at a time in the current second.
    func note(_ workers: [WorkerTotals]) {
        var totals: [Key: UInt64] = [:]
        var process = ProcessTraffic()
        for worker in workers {
            for (index, front) in worker.frontends.enumerated() {
                totals[.frontSessions(index), default: 0] += front.sessions
                totals[.frontRequests(index), default: 0] += front.requests
                totals[.frontConnections(index), default: 0] += front.connections
            }
            for (object, sessions) in worker.backs { totals[.back(object), default: 0] += sessions }
            process.add(worker.process)
        }
        totals[.connections] = process.connections
        totals[.sessions] = process.sessions
        totals[.clientTLS] = process.clientTLS
        totals[.clientTLSFull] = process.clientTLSFull
        totals[.serverTLSFull] = process.serverTLSFull
        totals[.bytesOut] = process.bytesOut
        self.totals = totals
    }

    /// A second is over: its events are those since it began. The totals have just been noted.
    func endSecond(at now: Instant) {
        secondBegan = now
        var next: [Key: Rate] = [:]
        for (key, total) in totals {
            // What is new had nothing before; a cleared counter starts again.
            var rate = rates[key] ?? Rate(base: 0)
            rate.last = total >= rate.base ? total - rate.base : total
            rate.max = Swift.max(rate.max, rate.last)
            rate.base = total
            next[key] = rate
        }
        rates = next
    }

    /// Events in the last second: those of the current one, and of the one before what is still within a second.
    func rate(_ key: Key, at now: Instant) -> Int {
        let total = totals[key] ?? 0
        guard let rate = rates[key] else { return Int(clamping: total) }
        let current = total >= rate.base ? total - rate.base : total
        let elapsed = UInt64(min(1000, max(0, now.milliseconds(since: secondBegan))))
        return Int(clamping: current + (rate.last * (1000 - elapsed) + 500) / 1000)
    }

    /// The most events in any second.
    func maximum(_ key: Key) -> Int { Int(clamping: rates[key]?.max ?? 0) }

    /// `clear counters`: forgets maxima.
    func clearMaxima() {
        for key in rates.keys { rates[key]?.max = 0 }
    }
}
