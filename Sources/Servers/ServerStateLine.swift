import Bytes
import Configuration
import Runtime
import Synchronization

/// One line of a server-state file, version 1 (management.txt section 9.3, "show servers state"): what was known of a
/// server when it was written.
public struct ServerStateLine: Sendable {
    /// The columns behind the four that name backend and server.
    private let fields: [Substring]
    public let backendID: Int
    public let backend: String
    public let server: String
    public let hasForcedBackendID: Bool

    /// A line that can not be one of a state file.
    public struct Malformed: Error {}

    /// Fewest and most columns of version 1.
    private static let columns = 20...25

    /// Nil for a comment or an empty line.
    public init?(_ line: Substring) throws(Malformed) {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard let first = words.first, !first.hasPrefix("#") else { return nil }
        guard Self.columns.contains(words.count) else { throw Malformed() }
        backendID = Int(words[0]) ?? 0
        backend = String(words[1])
        server = String(words[3])
        fields = Array(words.dropFirst(4))
        hasForcedBackendID = Int(words[15]) == 1
    }

    private func number(_ column: Int) -> Int? { column < fields.count ? Int(fields[column]) : nil }

    private func text(_ column: Int) -> String? {
        guard column < fields.count, fields[column] != "-" else { return nil }
        return String(fields[column])
    }

    /// Gives the server the state of the line, as far as the configuration has not changed since. Returns what is wrong
    /// with the line, in HAProxy's words; empty: nothing.
    public func apply(to server: SharedServer) -> String {
        var complaints = ""
        func value(_ column: Int, _ name: String, _ isGood: (Int) -> Bool) -> Int {
            if let number = number(column), isGood(number) { return number }
            complaints += ", invalid \(name) value '\(column < fields.count ? fields[column] : "")'"
            return 0
        }
        let operational = value(1, "srv_op_state") { (0...3).contains($0) }
        let kept = AdminState.inheritedDrain.union([.inheritedMaintenance, .unresolved, .nameChanged])
        let wasAdmin = AdminState(
            rawValue: UInt8(truncatingIfNeeded: value(2, "srv_admin_state") { (0...127).contains($0) })
        ).subtracting(kept)
        let weight = value(3, "srv_uweight") { $0 <= 256 }
        let configuredWeight = value(4, "srv_iweight") { $0 <= 256 }
        let age = value(5, "srv_last_time_change") { _ in true }
        let status = value(6, "srv_check_status") { CheckStatus(rawValue: $0) != nil }
        let result = value(7, "srv_check_result") { CheckResult(rawValue: $0) != nil }
        let health = value(8, "srv_check_health") { _ in true }
        let checkFlags = value(9, "srv_check_state") { $0 & ~0x1f == 0 }
        let agentFlags = value(10, "srv_agent_state") { $0 & ~0x1f == 0 }
        _ = value(11, "bk_f_forced_id") { $0 == 0 || $0 == 1 }
        _ = value(12, "srv_f_forced_id") { $0 == 0 || $0 == 1 }
        let port = value(14, "srv_port") { (0...65535).contains($0) }
        guard complaints.isEmpty else { return complaints }

        applyState(operational, health, to: server)
        applyAdmin(wasAdmin, configuredWeight, to: server)
        server.note(changedSecondsAgo: age) { check, agent in
            check.status = CheckStatus(rawValue: status) ?? .unknown
            check.result = CheckResult(rawValue: result) ?? .unknown
            if check.isConfigured, checkFlags & 6 == 2 { check.isEnabled = false }
            if agent.isConfigured, agentFlags & 6 == 2 { agent.isEnabled = false }
            if let checkPort = number(17), checkPort > 0 { check.port = checkPort }
            if let host = text(18), let address = SocketAddress(text: host, port: 0) { check.address = .ip(address) }
            if let host = text(19), let address = SocketAddress(text: host, port: 0) { agent.address = .ip(address) }
            if let agentPort = number(20), agentPort > 0 { agent.port = agentPort }
        }
        if configuredWeight == server.settings.weight { server.setWeight(weight) }
        applyAddress(port, to: server)
        return ""
    }

    private func applyState(_ operational: Int, _ health: Int, to server: SharedServer) {
        let cause = "changed from server-state after a reload"
        switch OperationalState(rawValue: UInt8(operational)) ?? .running {
        case .stopped: server.become(.stopped, because: cause) { check, _ in check.health = 0 }
        case .starting, .running:
            server.become(.running) { check, _ in check.health = check.rise + check.fall - 1 }
        case .stopping:
            let check = server.health.check
            if check.fall == 1 {
                server.become(.stopped, because: cause) { check, _ in check.health = 0 }
            } else {
                server.become(.stopping, because: cause) { check, _ in
                    let isPlausible = (check.rise...(check.rise + check.fall - 2)).contains(health)
                    check.health = isPlausible ? health : check.rise
                }
            }
        }
    }

    /// What the configuration has changed since wins; what operators did comes back.
    private func applyAdmin(_ before: AdminState, _ configuredWeight: Int, to server: SharedServer) {
        let now = server.admin
        if before.contains(.configuredMaintenance) != now.contains(.configuredMaintenance) {
            if now.contains(.configuredMaintenance) { server.enterMaintenance() } else { server.becomeReady() }
        } else if before.contains(.forcedMaintenance), !now.contains(.configuredMaintenance) {
            server.enterMaintenance()
        } else if !before.contains(.forcedMaintenance), now.contains(.configuredMaintenance) {
            server.becomeReady()
        }
        // With a weight of 0 the drain may have been the configuration's.
        if !server.admin.contains(.forcedMaintenance), before.contains(.forcedDrain),
            configuredWeight > 0 || server.settings.weight == 0
        {
            server.enterDrain()
        }
    }

    private func applyAddress(_ port: Int, to server: SharedServer) {
        server.changeFacts { facts in
            guard case .ip(var address) = facts.address else { return }
            // An address of the configuration stays; a name's address is as fresh as the start.
            if case .fixed = facts.port, let number = UInt16(exactly: port), number > 0 {
                facts.port = .fixed(number)
                address.port = number
            }
            facts.address = .ip(address)
        }
    }
}

extension SharedServer {
    /// Takes over when the state changed last, and the checks' numbers.
    fileprivate func note(
        changedSecondsAgo age: Int, _ change: (inout CheckHealth, inout CheckHealth) -> Void
    ) {
        control.withLock { control in
            let now = SystemClock.now()
            // Before the machine's own start there is no time to name.
            let nanoseconds = UInt64(min(max(0, age), 1 << 30)) * 1_000_000_000
            control.lastChange = Instant(nanoseconds: now.nanoseconds > nanoseconds ? now.nanoseconds - nanoseconds : 1)
            change(&control.check, &control.agent)
        }
    }
}
