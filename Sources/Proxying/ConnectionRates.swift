import Bytes
import Configuration
import Connections
import Runtime
import Synchronization

/// The rates of new connections of the whole process, and their limits (`maxconnrate`, `maxsessrate`, `maxsslrate`,
/// `maxsslconn`). Who finds a limit reached leaves connections in the system's queues.
package final class ConnectionRates: Sendable {
    /// What has a rate.
    package enum Kind: Int, CaseIterable, Sendable {
        case connections, sessions, tls
        /// Kilobytes per second that compression may take in. Nothing is compressed: the limit is only kept and shown.
        case compression
    }

    private let rates: [SharedRate]
    /// 0: no limit.
    private let connectionLimit: Atomic<Int>
    private let sessionLimit: Atomic<Int>
    private let tlsLimit: Atomic<Int>
    private let compressionLimit = Atomic<Int>(0)
    /// Clients' connections with TLS at once; nil: no limit.
    let tlsPlaces: Admission?

    init(_ limits: ProcessRateLimits, workers: Int) {
        rates = Kind.allCases.map { _ in SharedRate(workers: workers) }
        connectionLimit = Atomic(limits.connections ?? 0)
        sessionLimit = Atomic(limits.sessions ?? 0)
        tlsLimit = Atomic(limits.tls ?? 0)
        tlsPlaces = limits.tlsAtOnce.map { Admission(limit: $0) }
    }

    /// The limit of a rate, per second; 0: none.
    package func limit(_ kind: Kind) -> Int {
        switch kind {
        case .connections: connectionLimit.load(ordering: .relaxed)
        case .sessions: sessionLimit.load(ordering: .relaxed)
        case .tls: tlsLimit.load(ordering: .relaxed)
        case .compression: compressionLimit.load(ordering: .relaxed)
        }
    }

    /// Changes a limit; 0: none.
    package func setLimit(_ kind: Kind, _ limit: Int) {
        switch kind {
        case .connections: connectionLimit.store(limit, ordering: .relaxed)
        case .sessions: sessionLimit.store(limit, ordering: .relaxed)
        case .tls: tlsLimit.store(limit, ordering: .relaxed)
        case .compression: compressionLimit.store(limit, ordering: .relaxed)
        }
    }

    /// Counts one. On the thread of worker `worker`.
    func count(_ kind: Kind, _ worker: Int, at now: Instant) { rates[kind.rawValue].count(worker, at: now) }

    /// Whether one more may come now.
    ///
    /// - Parameter isTLS: the listener's connections have TLS.
    func allow(isTLS: Bool, at now: Instant) -> Bool {
        allow(.connections, at: now) && allow(.sessions, at: now) && (!isTLS || allow(.tls, at: now))
    }

    private func allow(_ kind: Kind, at now: Instant) -> Bool {
        let limit = limit(kind)
        return limit == 0 || rates[kind.rawValue].rate(at: now) < limit
    }
}

// Connections that come too fast, or from where nobody should connect from.
extension FrontendWorker {
    /// Whether the rates of the process and of the frontend leave room for a connection.
    func hasRate(for listener: ListenerContext) -> Bool {
        let now = worker.loop.clock.now
        let isTLS = shared.binds.indices.contains(listener.bind) && shared.binds[listener.bind].settings.tls != nil
        guard worker.blueprint.rates.allow(isTLS: isTLS, at: now) else { return false }
        guard let limit = settings.sessionRateLimit else { return true }
        return shared.sessionRate.rate(at: now) < limit
    }

    /// Whether a connection is turned away before anything is known of it: its port is a system's
    /// (`harden.reject-privileged-ports.tcp`), or there are too many with TLS (`maxsslconn`). One that is not holds its
    /// place until ``leaveTLS(_:)``.
    func turnsAway(_ peer: SocketAddress, at listener: ListenerContext) -> Bool {
        if refusesPrivilegedPorts, peer.isIP, peer.isPrivileged { return true }
        guard let places = worker.blueprint.rates.tlsPlaces, shared.binds[listener.bind].settings.tls != nil else {
            return false
        }
        return !places.enter()
    }

    /// A connection over TCP that ``turnsAway(_:at:)`` has let in ends.
    func leaveTLS(_ session: Session) {
        guard let places = worker.blueprint.rates.tlsPlaces, !session.isQUIC,
            shared.binds[session.listener.bind].settings.tls != nil
        else { return }
        places.leave()
    }

    /// `mss` below 0: the connection's segments are smaller than the system would have them.
    func shrinkSegments(of descriptor: Int32, by size: Int) {
        var traits = SocketTraits()
        traits.maxSegment = size
        traits.apply(to: descriptor)
    }
}

extension SocketAddress {
    /// Whether only the system's own programs may use its port.
    var isPrivileged: Bool { port > 0 && port < 1024 }
}
