import Bytes
import Configuration
import Proxying
import Runtime
import Servers
import Synchronization

/// A server's line of the statistics.
enum ServerRow {
    @ControlActor
    static func make(
        _ server: SharedServer, traffic: TrafficCounters, meter: RateMeter, now: Instant, showsLegends: Bool
    ) -> ProxyRow {
        let backend = server.backend.settings
        let facts = server.facts
        var row = ProxyRow(
            .server, proxy: backend.name, proxyID: backend.id, name: facts.name, id: server.id, mode: backend.mode)
        row.guid = server.settings.guid
        row.traffic = traffic
        row.rates.sessions = meter.rate(.back(ObjectIdentifier(server)), at: now)
        row.rates.maxSessions = meter.maximum(.back(ObjectIdentifier(server)))
        row.sessions = server.served.load(ordering: .relaxed)
        let maxconn = server.maxconn.load(ordering: .relaxed)
        row.sessionLimit = maxconn > 0 ? maxconn : nil
        row.queue = server.queueLength
        let maxqueue = server.maxqueue.load(ordering: .relaxed)
        row.queueLimit = maxqueue > 0 ? maxqueue : nil
        let (check, agent) = server.health
        let tracked = server.tracked
        row.status = status(server, tracked)
        row.isInMaintenance = server.admin.isMaintenance
        row.isDown = server.state == .stopped
        row.weight = (server.effectiveWeight + 15) / 16
        row.userWeight = server.weight
        row.activeServers = server.settings.isBackup ? 0 : 1
        row.backupServers = server.settings.isBackup ? 1 : 0
        if check.isEnabled {
            row.downTransitions = server.downTransitions.load(ordering: .relaxed)
            row.downSeconds = server.downSeconds
            row.failedChecks = server.failedChecks.load(ordering: .relaxed)
        }
        if server.settings.observedLayer != .none {
            row.observedFailures = server.observedFailures.load(ordering: .relaxed)
        }
        if server.state == .starting { row.throttle = server.effectiveWeight * 100 / max(1, server.weight * 16) }
        row.secondsSinceChange = Int(now.nanoseconds(since: server.lastChange) / 1_000_000_000)
        if traffic.lastSession != .zero {
            row.secondsSinceSession = Int(now.nanoseconds(since: traffic.lastSession) / 1_000_000_000)
        }
        if let tracked { row.tracked = "\(tracked.backend.settings.name)/\(tracked.facts.name)" }
        if check.isEnabled, !check.isPaused { row.check = self.check(check) }
        if agent.isEnabled, !agent.isPaused { row.agent = self.check(agent) }
        if showsLegends {
            row.address = address(facts)
            row.cookie = server.settings.cookie
        }
        row.connections = connections(server)
        return row
    }

    private static func check(_ health: CheckHealth) -> ProxyRow.Check {
        var check = ProxyRow.Check()
        check.status = (health.isRunning ? "* " : "") + health.status.code
        check.description = health.status.description
        check.output = health.words
        if health.status.bearsCode { check.code = health.code }
        if health.status.rawValue >= CheckStatus.checked.rawValue {
            check.milliseconds = UInt64(max(0, health.duration ?? 0))
        }
        check.rise = health.rise
        check.fall = health.fall
        check.health = health.health
        return check
    }

    private static func connections(_ server: SharedServer) -> ProxyRow.Connections {
        let counts = server.connections
        var result = ProxyRow.Connections()
        result.used = counts.used.load(ordering: .relaxed)
        result.needed = counts.needed.load(ordering: .relaxed)
        result.idle = counts.idle.load(ordering: .relaxed)
        result.idleLimit = server.settings.poolMaxConnections
        result.unsafeIdle = counts.unsafe.load(ordering: .relaxed)
        result.safeIdle = counts.safe.load(ordering: .relaxed)
        result.sessionIdle = counts.sessionIdle.load(ordering: .relaxed)
        return result
    }

    /// `127.0.0.1:80`, `[::1]:80`, or what a Unix socket is called.
    static func address(_ facts: ServerFacts) -> String {
        guard case .ip(let ip) = facts.address else { return facts.address == .nowhere ? "" : "unix" }
        return ip.family == .ipv6 ? "[\(ip.host)]:\(ip.port)" : "\(ip.host):\(ip.port)"
    }

    /// The words of the column `status`.
    private static func status(_ server: SharedServer, _ tracked: SharedServer?) -> String {
        let admin = server.admin
        if admin.contains(.unresolved) { return "MAINT (resolution)" }
        if admin.contains(.inheritedMaintenance), let tracked {
            return "MAINT (via \(tracked.backend.settings.name)/\(tracked.facts.name))"
        }
        if admin.isMaintenance { return "MAINT" }
        // The end of a chain of tracked servers is the one that is checked.
        var checked = server
        while let next = checked.tracked { checked = next }
        let (check, agent) = checked.health
        let rising = "\(check.health)/\(check.rise)"
        let falling = "\(check.health - check.rise + 1)/\(check.fall)"
        switch server.state {
        case .running, .starting:
            let isFalling = check.isEnabled && check.health < check.rise + check.fall - 1
            if admin.isDrain {
                if agent.isEnabled { return "DRAIN (agent)" }
                return isFalling ? "DRAIN \(falling)" : "DRAIN"
            }
            if isFalling { return "UP \(falling)" }
            return check.isEnabled ? "UP" : "no check"
        case .stopping:
            let isSteady =
                !check.isEnabled && tracked == nil || check.health == check.rise + check.fall - 1
            return isSteady ? "NOLB" : "NOLB \(falling)"
        case .stopped:
            if agent.isEnabled, agent.health == 0 { return "DOWN (agent)" }
            if check.isEnabled, check.health == 0 { return "DOWN" }
            return check.isEnabled || agent.isEnabled ? "DOWN \(rising)" : "DOWN"
        }
    }
}
